"""One completion as it is written: which token comes next, the text so far, and what ends it.

Pure, but for the random numbers it draws. Not here: running the model (decoding.py).
"""

from __future__ import annotations

import bisect
import codecs
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from model.serving.healing import Healer
from model.serving.recall import Copied, Offer, Recall, runs
from model.serving.sampling import Scores, choose, log_probabilities, log_probability

_LEAST_CHANCE = 1e-30  # so that every chance has a logarithm
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
    likely: float = 0.0


class _Mixed(NamedTuple):
    offer: Offer
    offered: npt.NDArray[np.float64]  # the memory's part of each offered token's probability
    alone: float  # the model's part of its best token's


class Writer:
    """The text beyond `pending`, the log probabilities of its tokens, and how many tokens were taken."""

    def __init__(
        self,
        healer: Healer,
        pending: bytes,
        rules: Rules,
        random: np.random.Generator | None = None,
        recall: Recall | None = None,
    ) -> None:
        """Without `random` the best token is always chosen; with `recall`, of model and memory together."""
        self.text = ""
        self.logprobs: list[float] = []
        self.tokens = 0
        self._ends: list[int] = []  # of the text, with each of the log probabilities
        self._total = 0.0  # of the log probabilities
        self._least = math.log(rules.likely) if rules.likely > 0 else -math.inf
        self._likely_end = 0  # of the last line that is whole, and likely enough with all before it
        self._healer = healer
        self._pending = pending
        self._rules = rules
        self._random = random
        self._recall = recall
        self._mixes = recall is not None and recall.mixture is not None
        self._source: tuple[int, int] | None = None  # layer and place of the token picked last
        self._taken: list[tuple[int, int, int, int]] = []
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
        self._source = None
        if self._mixes and (mixed := self._pick_mixed(logits, best, allowed)) is not None:
            return mixed
        if allowed is not None:
            scores = logits[allowed]
            place = self._choose(scores)
            return int(allowed[place]), log_probability(scores, place)
        token = best if self._random is None else self._choose(logits)
        return token, log_probability(logits, token)

    def pick_copied(self) -> tuple[int, float] | None:
        """The memory's likeliest token of the allowed ones and its log probability there, if it has one."""
        assert self._recall is not None
        offer, allowed = self._recall.offer(), self.allowed()
        self._source = None
        if offer is None:
            return None
        chances = offer.chances
        if allowed is not None:
            chances = np.where(np.isin(offer.tokens, allowed), chances, 0.0)
        place = int(chances.argmax())
        if chances[place] == 0.0:
            return None
        self._source = int(offer.layers[place]), int(offer.places[place])
        return int(offer.tokens[place]), math.log(chances[place])

    def take(self, token: int, logprob: float) -> StopReason | None:
        """Take one chosen token up; what ends the completion with it, if anything does."""
        if not self._healer.piece(token):
            return "end_of_text"
        self.tokens += 1
        if self._recall is not None:
            self._recall.add(token)
        start = len(self.text)
        self._pending, beyond = self._healer.spell(self._pending, token)
        grown = self._characters.decode(beyond)
        self.text += grown
        if beyond:
            self.logprobs.append(logprob)
            self._ends.append(len(self.text))
            self._total += logprob
        if self._source is not None:
            self._taken.append((start, len(self.text), *self._source))
        end = self._rules.stop(self.text) if self._rules.stop is not None and grown else None
        if end is not None:
            assert 0 <= end <= len(self.text)
            self.text = self.text[:end]
            return "stop"
        if self._grew_unlikely():
            self.text = self.text[: self._likely_end]
            return "stop"
        return "length" if self.tokens == self._rules.limit else None

    def chances(self) -> tuple[float, ...]:
        """For each line from the first visible one on: the probability of the whole text up to its end."""
        found = []
        end = _first_line_end(self.text)
        while end is not None:
            through = bisect.bisect_left(self._ends, min(end + 1, len(self.text)))
            found.append(math.exp(sum(self.logprobs[: through + 1])))
            end = None if end == len(self.text) else _line_end(self.text, end + 1)
        return tuple(found)

    def _grew_unlikely(self) -> bool:
        """Whether the text is to end where its last likely line does; its first one is never judged."""
        if self._least == -math.inf or (first := _first_line_end(self.text)) is None:
            return False
        if first == len(self.text):
            return False
        if self._total >= self._least:
            self._likely_end = max(first, self.text.rfind("\n"))
            return False
        self._likely_end = self._likely_end or first
        return True

    def copied(self) -> tuple[Copied, ...]:
        """The runs of the text that came from the memory, and from where."""
        if self._recall is None:
            return ()
        found = runs(self._taken, self._recall.memory)
        end = len(self.text)
        return tuple(replace(run, end=min(run.end, end)) for run in found if run.start < min(run.end, end))

    def attribute(self, token: int, logits: Scores) -> None:
        """Before a token is taken that was not picked here: see whether it comes from the memory."""
        self._source = None
        mixed = self._mixed(logits, int(logits.argmax())) if self._mixes else None
        if mixed is None:
            return
        for place in np.flatnonzero(mixed.offer.tokens == token):
            if mixed.offered[place] > mixed.alone * math.exp(logits[token] - logits.max()):
                self._source = int(mixed.offer.layers[place]), int(mixed.offer.places[place])

    def distribution(self, logits: Scores) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Ids of the tokens that may come next and their log probabilities; the memory has its part."""
        mixed = self._mixed(logits, int(logits.argmax())) if self._mixes else None
        return _distribution(logits, mixed, self.allowed())

    def _mixed(self, logits: Scores, best: int) -> _Mixed | None:
        """What memory and model have to say; None where the memory has nothing."""
        assert self._recall is not None
        assert self._recall.mixture is not None
        offer = self._recall.offer()
        if offer is None:
            return None
        total = float(np.exp(logits - logits[best]).sum())
        share = self._recall.mixture.share_of(
            offer.length,
            offer.count,
            offer.behind,
            offer.agreement,
            -math.log(total),
            float(offer.tokens[offer.best] == best),
            int(offer.layers[offer.best]),
        )
        return _Mixed(offer, share * offer.chances, (1.0 - share) / total)

    def _pick_mixed(self, logits: Scores, best: int, allowed: np.ndarray | None) -> tuple[int, float] | None:
        """As `pick`, of model and memory together; None where the memory has nothing to say."""
        mixed = self._mixed(logits, best)
        if mixed is None:
            return None
        offer, offered, alone = mixed
        by_model = alone * np.exp(logits[offer.tokens] - logits[best])
        if self._random is None and allowed is None:
            # Of the tokens that the memory does not offer, the model's best is the best.
            both = by_model + offered
            place = int(both.argmax())
            token, chance = int(offer.tokens[place]), float(both[place])
            if alone > chance:
                return best, math.log(alone)
            logprob = math.log(chance)
        else:
            ids, scores = _distribution(logits, mixed, allowed)
            at = self._choose(scores)
            token, logprob = int(ids[at]), float(scores[at])
            found = np.flatnonzero(offer.tokens == token)
            if not len(found):
                return token, logprob
            place = int(found[0])
        if offered[place] > by_model[place]:
            self._source = int(offer.layers[place]), int(offer.places[place])
        return token, logprob

    def _choose(self, scores: Scores) -> int:
        rules = self._rules
        return choose(scores, temperature=rules.temperature, top_p=rules.top_p, random=self._random)


def _first_line_end(text: str) -> int | None:
    """Where the first line with anything visible ends, which may be where the text does; None without one."""
    visible = len(text) - len(text.lstrip())
    return None if visible == len(text) else _line_end(text, visible)


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _distribution(
    logits: Scores, mixed: _Mixed | None, allowed: np.ndarray | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Ids of the allowed tokens and their log probabilities."""
    ids = np.arange(len(logits)) if allowed is None else allowed
    if mixed is None:
        return ids, log_probabilities(logits[ids])
    chances = mixed.alone * np.exp(logits.astype(np.float64) - logits.max())
    chances[mixed.offer.tokens] += mixed.offered
    return ids, log_probabilities(np.log(chances[ids] + _LEAST_CHANCE))
