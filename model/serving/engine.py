"""Prompt in, completion out: a loaded release that serves one request after the other.

An engine keeps the keys and values of its last requests, so a prompt that starts like one of them only runs
what is new. It serves one request at a time and is not thread-safe; a second caller is a bug and is told so.

Not here: the loop itself (decoding.py), what a prompt looks like (model/fim.py), when to ask at all and what
to show (lsp_server).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.errors import ModelError, TabwrightError, plain
from model.fim import Hole, Prompt, Snippet
from model.serving.branches import branch
from model.serving.decoding import Interrupted, decode, read
from model.serving.encoder import LineEncoder
from model.serving.healing import Healer
from model.serving.memory import LAYERS, Layer, Memory
from model.serving.placement import open_session
from model.serving.project import Project
from model.serving.recall import Copied, Recall
from model.serving.release import Release, default_folder, read_network, read_release
from model.serving.sampling import log_probabilities
from model.serving.session import Session
from model.serving.speculate import Drafts, PromptLookup
from model.serving.writer import Rules, StopReason, Writer, never
from model.tokenizer import Tokenizer

# Logits held at once while scoring: 16 MB of them.
_MOST_LOGITS = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """Text that follows the prompt and its pending part.

    `logprobs` are the natural-log probabilities of the tokens that carry text, given what was pending, and
    `logprob` their mean; 0.0 when there are none; `chances` are the probabilities of the whole text up to the
    end of each line, from the first visible one on. `tokens` were decoded (those that spell pending counted
    in, the end token not) in `steps` of the model beside the prompt's own; of `prompt_tokens` the first
    `reused` had been computed before.
    """

    text: str
    logprob: float
    logprobs: tuple[float, ...] = ()
    chances: tuple[float, ...] = ()
    copied: tuple[Copied, ...] = ()
    stop_reason: StopReason
    tokens: int
    steps: int = 0
    reused: int
    prompt_tokens: int


class Engine:
    """A loaded release. One request at a time."""

    def __init__(self, release: Release, tokenizer: Tokenizer, session: Session) -> None:
        self.release = release
        self.tokenizer = tokenizer
        self._session = session
        self._healer = Healer(tokenizer.token_bytes)
        self.encoder = LineEncoder(tokenizer)
        self._turn = threading.Lock()

    @classmethod
    def load(cls, folder: Path | None = None, *, threads: int = 0) -> Engine:
        """Load a release, by default the one that ships; `threads` 0 means as many as are best here.

        Raises ModelError for a folder that is not a whole release, RuntimeMissingError without onnxruntime.
        """
        release = read_release(folder or default_folder())
        network = read_network(release)
        if network is None:
            tokenizer = Tokenizer.load(release.tokenizer, release.fim)
            session = open_session(release, threads=threads)
        else:
            from model.serving.tokenizer_check import load_tokenizer  # late: not for the one that ships

            tokenizer = load_tokenizer(release.tokenizer, release.fim, network.vocabulary)
            session = _proven(release, threads)
        if tokenizer.size > session.vocabulary:
            raise ModelError(
                f"{release.tokenizer} has {tokenizer.size} tokens, but {release.graph} knows "
                f"{session.vocabulary}; export the model again"
            )
        try:
            return cls(release, tokenizer, session)
        except ModelError as error:
            raise ModelError(f"{release.tokenizer}: {error}") from error

    def remember(
        self,
        hole: Hole,
        prompt: Prompt,
        *,
        files: Sequence[Snippet] = (),
        project: Project | None = None,
        layers: Sequence[Layer] = LAYERS,
    ) -> Memory:
        """The memory for a hole and its prompt; `files` and `project` as in `Memory`."""
        return Memory(self.encoder, hole, pending=prompt.pending, files=files, project=project, layers=layers)

    def new_project(self) -> Project:
        """An empty project, for memories of this engine."""
        # An encoder of its own: reading a repository would drive the lines worked on out of the other's.
        return Project(LineEncoder(self.tokenizer))

    def prepare(self, text: str) -> None:
        """Encode a text that memories will hold, so that the first request with it need not."""
        self.encoder.encode_standing(text)

    def close(self) -> None:
        """Nothing: no connection, no file and no thread of its own is open."""

    def forget(self) -> None:
        """Answer the next request as if it were the first.

        Where 8 bits round a chunk of the prompt by one scale, an answer depends on what was kept from the
        requests before: a measurement must not.
        """
        with self._one_request():
            self._session.forget()

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
        likely: float = 0.0,
        speculate: bool = True,
        memory: Memory | None = None,
    ) -> Completion:
        """Decode at most `max_tokens` tokens, fewer where the window ends.

        `stop` gets the text so far after each token that added some, and returns the index at which the
        completion ends, or None. `cancelled` and `deadline` (in `time.monotonic()` seconds) are asked before
        every step, also between chunks of the prompt; the text so far is returned. `temperature` 0 takes the
        best token; above, `top_p` and `seed` apply. Unless it `may_be_empty`, neither an end nor a line end
        comes before its first visible character: for someone who asked. Behind its first visible line it goes
        on only by whole lines, while all of it together is at least so `likely` (a probability; 0: it may be
        as unlikely as it will): what is less so is mostly wrong, and takes time. `speculate` lets tokens be
        drafted and confirmed several at a time. `memory` holds the files around the prompt's hole: it drafts,
        and where the release has numbers for it, model and memory choose each token together.
        Raises ModelError for a prompt that leaves no room.
        """
        rules, interrupted = self._begin(prompt, max_tokens, cancelled, deadline)
        rules = replace(rules, stop=stop, temperature=temperature, top_p=top_p, may_be_empty=may_be_empty)
        rules = replace(rules, likely=likely)
        random = np.random.default_rng(seed) if temperature > 0 else None
        recall = None if memory is None else Recall(memory, self.release.memory, rules.limit)
        writer = Writer(self._healer, prompt.pending.encode(), rules, random, recall)
        with self._one_request():
            reused = self._session.reuse(prompt.tokens)
            following = read(self._session, prompt.tokens[reused:], interrupted)
            if isinstance(following, str):
                reason, steps = following, 0
            else:
                reason, steps = decode(
                    self._session,
                    following,
                    writer,
                    healer=self._healer,
                    limit=rules.limit,
                    interrupted=interrupted,
                    drafts=Drafts(PromptLookup(prompt.tokens, rules.limit), recall) if speculate else None,
                )
        return _completion(writer, reason, steps=steps, reused=reused, prompt=prompt)

    def copy(
        self,
        prompt: Prompt,
        memory: Memory,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
    ) -> Completion:
        """What the memory alone would write, without a step of the model: at each token its likeliest.

        It ends where the context never stood before, and otherwise as `generate`.
        """
        rules, _ = self._begin(prompt, max_tokens, never, None)
        recall = Recall(memory, self.release.memory, rules.limit)
        writer = Writer(self._healer, prompt.pending.encode(), replace(rules, stop=stop), None, recall)
        reason: StopReason | None = None
        while reason is None:
            copied = writer.pick_copied()
            reason = "end_of_text" if copied is None else writer.take(*copied)
        return _completion(writer, reason, steps=0, reused=0, prompt=prompt)

    def candidates(
        self,
        prompt: Prompt,
        count: int,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
        cancelled: Callable[[], bool] = never,
        deadline: float | None = None,
        may_be_empty: bool = True,
        memory: Memory | None = None,
    ) -> list[Completion]:
        """At most `count` different completions, the likeliest first (mean log probability a token).

        They begin with the `count` best first tokens and go on greedily, all in the same steps of the model.
        Otherwise as `generate`; on a GPU, and of an export of format 1, there is only one.
        """
        assert count >= 1
        if count == 1 or not self._session.can_branch:
            only = self.generate(
                prompt,
                max_tokens=max_tokens,
                stop=stop,
                cancelled=cancelled,
                deadline=deadline,
                may_be_empty=may_be_empty,
                memory=memory,
            )
            return [only]
        rules, interrupted = self._begin(prompt, max_tokens, cancelled, deadline)
        rules = replace(rules, stop=stop, may_be_empty=may_be_empty)
        with self._one_request():
            reused = self._session.reuse(prompt.tokens)
            following = read(self._session, prompt.tokens[reused:], interrupted)
            recalls = [
                None if memory is None else Recall(memory, self.release.memory, rules.limit)
                for _ in range(count)
            ]
            pending = prompt.pending.encode()
            writers = [Writer(self._healer, pending, rules, None, recall) for recall in recalls]
            if isinstance(following, str):
                done = [(writers[0], following, 0)]
            else:
                done = branch(self._session, following[0][0], writers, rules.limit, interrupted)
        completions = [
            _completion(writer, reason, steps=steps, reused=reused, prompt=prompt)
            for writer, reason, steps in done
        ]
        different = {completion.text: completion for completion in reversed(completions)}
        return sorted(different.values(), key=lambda completion: -completion.logprob)

    def score(self, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
        """Natural-log probability of each token after the first, given those before it: shape (n - 1,).

        Raises ModelError for more tokens than the window holds.
        """
        scores = [
            rows[np.arange(len(rows)), np.asarray(tokens[start : start + len(rows)])]
            for start, rows in self._predictions(tokens, 1)
        ]
        return np.concatenate([np.zeros(0), *scores])

    def predictions(self, tokens: Sequence[int], first: int) -> npt.NDArray[np.float64]:
        """Natural-log probabilities of all tokens at each place from `first` (at least 1) on: (n - first, V).

        Raises ModelError for more tokens than the window holds.
        """
        assert 1 <= first < len(tokens)
        return np.concatenate([rows for _, rows in self._predictions(tokens, first)])

    def _predictions(
        self, tokens: Sequence[int], first: int
    ) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
        """Chunks of `predictions`, each with the place of its first row."""
        assert tokens
        if len(tokens) > self.release.window:
            raise ModelError(
                f"{len(tokens)} tokens cannot be scored at once: the window of {self.release.name} is "
                f"{self.release.window}; score shorter rows"
            )
        given = tokens[:-1]
        # All rows have logits here, so the chunks of a large vocabulary are shorter.
        size = max(1, min(self._session.chunk, _MOST_LOGITS // self._session.vocabulary))
        with self._one_request():
            self._session.rewind(0)
            for start in range(0, len(given), size):
                chunk = given[start : start + size]
                rows = min(len(chunk), start + len(chunk) - first + 1)
                logits, _ = self._session.step(chunk, rows=max(1, rows))
                if rows > 0:
                    yield start + len(chunk) - rows + 1, log_probabilities(logits)

    def _begin(
        self, prompt: Prompt, max_tokens: int, cancelled: Callable[[], bool], deadline: float | None
    ) -> tuple[Rules, Interrupted]:
        """How long the completion may get, and what calls it off."""
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

        return Rules(limit=min(max_tokens, window - len(prompt.tokens))), interrupted

    @contextmanager
    def _one_request(self) -> Iterator[None]:
        # Not an assert: `python -O` must not turn two mixed-up memories into wrong completions.
        if not self._turn.acquire(blocking=False):
            raise AssertionError("an Engine serves one request at a time; put a lock around it")
        try:
            yield
        finally:
            self._turn.release()


def _proven(release: Release, threads: int) -> Session:
    """The session of a folder that somebody else may have made, after a step that gave numbers."""
    why = "what it computes is no numbers"
    try:
        session = open_session(release, threads=threads)
        logits, _ = session.step([0, 0])
        sound = bool(np.isfinite(logits).all())
        session.rewind(0)
    except TabwrightError:
        raise
    except Exception as error:  # onnxruntime's exceptions share no base but this
        sound, why = False, plain(str(error).strip().partition("\n")[0])
    if not sound:
        raise ModelError(f"{release.graph} cannot be run ({why}); install or export the model again")
    return session


def _completion(writer: Writer, reason: StopReason, *, steps: int, reused: int, prompt: Prompt) -> Completion:
    return Completion(
        text=writer.text,
        logprob=sum(writer.logprobs) / max(1, len(writer.logprobs)),
        logprobs=tuple(writer.logprobs),
        chances=writer.chances(),
        copied=writer.copied(),
        stop_reason=reason,
        tokens=writer.tokens,
        steps=steps,
        reused=reused,
        prompt_tokens=len(prompt.tokens),
    )
