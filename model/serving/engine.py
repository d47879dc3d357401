"""Prompt in, completion out: the loop that decodes, and knows when to stop.

An engine keeps the keys and values of its last request, so a prompt that starts like the last one only runs
what is new. It serves one request at a time and is not thread-safe; a second caller is a bug and is told so.

Not here: what a prompt looks like (model/fim.py), when to ask at all and what to show (lsp_server).
"""

from __future__ import annotations

import codecs
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from model.errors import ModelError
from model.fim import Prompt
from model.serving.healing import Healer
from model.serving.release import Release, default_folder, read_release
from model.serving.sampling import choose, log_probabilities, log_probability
from model.serving.session import CHUNK, Floats, Session
from model.tokenizer import Tokenizer

StopReason = Literal["end_of_text", "stop", "length", "cancelled", "deadline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Text that follows the prompt and its pending part.

    `logprob` is the mean natural-log probability of the tokens that carry text, given what was pending; 0.0
    when there are none. `tokens` were decoded (those that spell pending counted in, the end token not), of
    `prompt_tokens` the first `reused` had been computed before.
    """

    text: str
    logprob: float
    stop_reason: StopReason
    tokens: int
    reused: int
    prompt_tokens: int


def never() -> bool:
    """The `cancelled` of a request that nobody calls off."""
    return False


class Engine:
    """A loaded release. One request at a time."""

    def __init__(self, release: Release, tokenizer: Tokenizer, session: Session) -> None:
        self.release = release
        self.tokenizer = tokenizer
        self._session = session
        self._healer = Healer(tokenizer.token_bytes)
        self._turn = threading.Lock()

    @classmethod
    def load(cls, folder: Path | None = None, *, threads: int = 0) -> Engine:
        """Load a release, by default the one that ships; `threads` 0 means all cores but one.

        Raises ModelError for a folder that is not a whole release, RuntimeMissingError without onnxruntime.
        """
        release = read_release(folder or default_folder())
        tokenizer = Tokenizer.load(release.tokenizer)
        session = Session(release.graph, window=release.window, threads=threads)
        if tokenizer.size > session.vocabulary:
            raise ModelError(
                f"{release.tokenizer} has {tokenizer.size} tokens, but {release.graph} knows "
                f"{session.vocabulary}; export the model again"
            )
        return cls(release, tokenizer, session)

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
        cancelled: Callable[[], bool] = never,
        deadline: float | None = None,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        may_be_empty: bool = True,
    ) -> Completion:
        """Decode at most `max_tokens` tokens, fewer where the window ends.

        `stop` gets the text so far after each token that added some, and returns the index at which the
        completion ends, or None. `cancelled` and `deadline` (in `time.monotonic()` seconds) are asked before
        every step, also between chunks of the prompt; the text so far is returned. `temperature` 0 takes the
        best token; above, `top_p` and `seed` apply. Unless it `may_be_empty`, neither an end nor a line
        end comes before its first visible character: for someone who asked. Raises ModelError for a prompt
        that leaves no room.
        """
        assert prompt.tokens
        assert max_tokens > 0
        window = self.release.window
        if len(prompt.tokens) >= window:
            raise ModelError(
                f"the prompt has {len(prompt.tokens)} tokens, but {self.release.name} reads at most "
                f"{window - 1}; render it with a smaller budget"
            )

        def interrupted() -> StopReason | None:
            if cancelled():
                return "cancelled"
            return "deadline" if deadline is not None and time.monotonic() >= deadline else None

        with self._one_request():
            decoding = _Decoding(
                self._session,
                self._healer,
                pending=prompt.pending.encode(),
                limit=min(max_tokens, window - len(prompt.tokens)),
                stop=stop,
                interrupted=interrupted,
                temperature=temperature,
                top_p=top_p,
                random=np.random.default_rng(seed) if temperature > 0 else None,
                may_be_empty=may_be_empty,
            )
            reused = self._session.reuse(prompt.tokens)
            reason = decoding.run(prompt.tokens[reused:])
            return Completion(
                text=decoding.text,
                logprob=sum(decoding.logprobs) / max(1, len(decoding.logprobs)),
                stop_reason=reason,
                tokens=decoding.tokens,
                reused=reused,
                prompt_tokens=len(prompt.tokens),
            )

    def score(self, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """Natural-log probability of each token after the first, given those before it: shape (n - 1,).

        Raises ModelError for more tokens than the window holds.
        """
        assert tokens
        if len(tokens) > self.release.window:
            raise ModelError(
                f"{len(tokens)} tokens cannot be scored at once: the window of {self.release.name} is "
                f"{self.release.window}; score shorter rows"
            )
        given, scores = tokens[:-1], []
        with self._one_request():
            self._session.rewind(0)
            for start in range(0, len(given), CHUNK):
                chunk = given[start : start + CHUNK]
                logits, _ = self._session.step(chunk, rows=len(chunk))
                following = np.asarray(tokens[start + 1 : start + 1 + len(chunk)])
                scores.append(log_probabilities(logits)[np.arange(len(chunk)), following])
        return np.concatenate([np.zeros(0), *scores])

    @contextmanager
    def _one_request(self) -> Iterator[None]:
        # Not an assert: `python -O` must not turn two mixed-up memories into wrong completions.
        if not self._turn.acquire(blocking=False):
            raise AssertionError("an Engine serves one request at a time; put a lock around it")
        try:
            yield
        finally:
            self._turn.release()


class _Decoding:
    """One request on its way: what has been decoded so far, and what ends it."""

    def __init__(
        self,
        session: Session,
        healer: Healer,
        *,
        pending: bytes,
        limit: int,
        stop: Callable[[str], int | None] | None,
        interrupted: Callable[[], StopReason | None],
        temperature: float,
        top_p: float,
        random: np.random.Generator | None,
        may_be_empty: bool,
    ) -> None:
        self.text = ""
        self.logprobs: list[float] = []
        self.tokens = 0
        self._session = session
        self._healer = healer
        self._pending = pending
        self._limit = limit
        self._stop = stop
        self._interrupted = interrupted
        self._temperature = temperature
        self._top_p = top_p
        self._random = random
        self._may_be_empty = may_be_empty
        # Holds the bytes of an unfinished character back until the rest of it comes, or for good.
        self._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def run(self, new: Sequence[int]) -> StopReason:
        """Run the rest of the prompt (never empty), then token after token until something ends it."""
        while True:
            for start in range(0, len(new), CHUNK):
                reason = self._interrupted()
                if reason is not None:
                    return reason
                logits, best = self._session.step(new[start : start + CHUNK])
            token, logprob = self._pick(logits[0], int(best[0]))
            if not self._healer.piece(token):
                return "end_of_text"
            if self._add(token, logprob):
                return "stop"
            if self.tokens == self._limit:
                return "length"
            new = (token,)

    def _pick(self, logits: Floats, best: int) -> tuple[int, float]:
        """The next token and its log probability among those that were allowed; logits (V,)."""
        may_be_empty = self._may_be_empty or bool(self.text.strip())
        if self._pending or not may_be_empty:
            allowed = self._healer.allowed(self._pending, may_be_empty=may_be_empty)
            scores = logits[allowed]
            place = self._choose(scores)
            return int(allowed[place]), log_probability(scores, place)
        token = best if self._random is None else self._choose(logits)
        return token, log_probability(logits, token)

    def _choose(self, scores: Floats) -> int:
        return choose(scores, temperature=self._temperature, top_p=self._top_p, random=self._random)

    def _add(self, token: int, logprob: float) -> bool:
        """Take the token's text up; True when the stop rule ends the completion, which is then cut."""
        self.tokens += 1
        self._pending, beyond = self._healer.spell(self._pending, token)
        if beyond:
            self.logprobs.append(logprob)
        grown = self._characters.decode(beyond)
        self.text += grown
        end = self._stop(self.text) if self._stop is not None and grown else None
        if end is None:
            return False
        assert 0 <= end <= len(self.text)
        self.text = self.text[:end]
        return True
