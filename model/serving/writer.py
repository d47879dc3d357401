"""One completion as it is written: which token comes next, the text so far, and what ends it.

Pure, but for the random numbers it draws. Not here: running the model (decoding.py).
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.serving.healing import Healer
from model.serving.sampling import Scores, choose, log_probability

StopReason = Literal["end_of_text", "stop", "length", "cancelled", "deadline"]


def never() -> bool:
    """The `cancelled` of a request that nobody calls off."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a completion may be; `Engine.generate` says what each of them means."""

    limit: int
    stop: Callable[[str], int | None] | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    may_be_empty: bool = True


class Writer:
    """The text beyond `pending`, the log probabilities of its tokens, and how many tokens were taken."""

    def __init__(
        self, healer: Healer, pending: bytes, rules: Rules, random: np.random.Generator | None = None
    ) -> None:
        """Without `random` the best token is always chosen."""
        self.text = ""
        self.logprobs: list[float] = []
        self.tokens = 0
        self._healer = healer
        self._pending = pending
        self._rules = rules
        self._random = random
        # Holds the bytes of an unfinished character back until the rest of it comes, or for good.
        self._characters = codecs.getincrementaldecoder("utf-8")(errors="replace")

    @property
    def is_healing(self) -> bool:
        """Whether text is still pending, so that the next tokens are all but known."""
        return bool(self._pending)

    def allowed(self) -> np.ndarray | None:
        """Ids of the tokens that may come next, or None when all may."""
        may_be_empty = self._rules.may_be_empty or bool(self.text.strip())
        if self._pending or not may_be_empty:
            return self._healer.allowed(self._pending, may_be_empty=may_be_empty)
        return None

    def pick(self, logits: Scores, best: int) -> tuple[int, float]:
        """The next token and its log probability among the allowed ones; logits (V,), `best` their ArgMax."""
        allowed = self.allowed()
        if allowed is not None:
            scores = logits[allowed]
            place = self._choose(scores)
            return int(allowed[place]), log_probability(scores, place)
        token = best if self._random is None else self._choose(logits)
        return token, log_probability(logits, token)

    def take(self, token: int, logprob: float) -> StopReason | None:
        """Take one chosen token up; what ends the completion with it, if anything does."""
        if not self._healer.piece(token):
            return "end_of_text"
        self.tokens += 1
        self._pending, beyond = self._healer.spell(self._pending, token)
        if beyond:
            self.logprobs.append(logprob)
        grown = self._characters.decode(beyond)
        self.text += grown
        end = self._rules.stop(self.text) if self._rules.stop is not None and grown else None
        if end is not None:
            assert 0 <= end <= len(self.text)
            self.text = self.text[:end]
            return "stop"
        return "length" if self.tokens == self._rules.limit else None

    def _choose(self, scores: Scores) -> int:
        rules = self._rules
        return choose(scores, temperature=rules.temperature, top_p=rules.top_p, random=self._random)
