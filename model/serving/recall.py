"""The memory's part in one completion: what it offers at each token, drafts, and what was copied from where.

Pure. Not here: searching (memory.py), weighing (mixture.py), choosing (writer.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.serving.memory import Memory, Origin
from model.serving.mixture import Mixture
from model.serving.suffix_array import CONTEXT

MOST_DRAFTED = 8
# Tokens in common from which on a run is followed without searching anew, at its heaviest places.
_LONG_ENOUGH = 5
_MOST_SPOTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What may come next by the memory: tokens (k,), their probabilities, and the best place of each.

    `length`, `count`, `behind` and `agreement` are as in `Mixture.share_of`; `best` is the likeliest's
    index.
    """

    tokens: npt.NDArray[np.int64]
    chances: npt.NDArray[np.float64]
    places: npt.NDArray[np.int64]
    layers: npt.NDArray[np.int64]
    length: int
    count: int
    behind: int
    best: int

    @property
    def agreement(self) -> float:
        """The probability of the likeliest token."""
        return float(self.chances[self.best])


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A run of a completion, as character offsets into its text, that was taken from somewhere."""

    start: int
    end: int
    origin: Origin


class _Spot(NamedTuple):
    """A place of a run that is being copied. `weight` is all of its logit but for the length's part."""

    place: int
    layer: int
    length: int
    behind: int
    following: int
    weight: float


class Recall:
    """One completion's way through a memory. Without a mixture it drafts, and offers nothing."""

    def __init__(self, memory: Memory, mixture: Mixture | None, room: int) -> None:
        """`room` is the most tokens that will ever be added."""
        self.memory = memory
        self.mixture = mixture
        self._weighing = mixture or _UNFITTED
        self._by_length = _length_logits(self._weighing)
        self._context = np.empty(len(memory.context) + room, memory.context.dtype)
        self._context[: len(memory.context)] = memory.context
        self._length = len(memory.context)
        self._spots: list[_Spot] = []
        self._offer: Offer | None = None
        self._is_fresh = False

    def add(self, token: int) -> None:
        """The completion goes on with this token."""
        self._context[self._length] = token
        self._length += 1
        self._is_fresh = False
        if self._spots:
            self._spots = [
                spot
                for old in self._spots
                if old.following == token and (spot := self._next(old)) is not None
            ]
            if max((spot.length for spot in self._spots), default=0) < _LONG_ENOUGH:
                self._spots = []  # the run is over; what little is left is found by searching

    def offer(self) -> Offer | None:
        """What the memory offers here, or None where the context never stood before."""
        if not self._is_fresh:
            # While a long run is copied, places with much less in common need not be looked for.
            self._offer = self._of_spots() if self._spots else self._look()
            self._is_fresh = True
        return self._offer

    def propose(self, most: int) -> list[int]:
        """At most `most` tokens that follow at the likeliest place: as many as agree, and a little more."""
        offer = self.offer()
        if offer is None:
            return []
        best = offer.best
        count = min(most, MOST_DRAFTED, offer.length + 1)
        return self.memory.after(int(offer.layers[best]), int(offer.places[best]), count)

    def _look(self) -> Offer | None:
        found = self.memory.find(self._context[max(0, self._length - CONTEXT) : self._length])
        if not len(found.places):
            return None
        logits = self._weighing.weigh(found.lengths, found.layers, found.distances, found.behind)
        weights = np.exp(logits - logits.max())
        longest = int(found.lengths.max())
        if longest >= _LONG_ENOUGH:
            self._spots = [
                _Spot(
                    int(found.places[i]), int(found.layers[i]), int(found.lengths[i]), int(found.behind[i]),
                    int(found.following[i]), float(logits[i]) - self._by_length[int(found.lengths[i])],
                )
                for i in np.argsort(-weights, kind="stable")[:_MOST_SPOTS]
            ]  # fmt: skip
        tokens, places, sums = _by_token(found.following, weights)
        best = int(sums.argmax())
        return Offer(
            tokens=tokens,
            chances=sums / sums.sum(),
            places=found.places[places],
            layers=found.layers[places],
            length=longest,
            count=int((found.lengths == longest).sum()),
            behind=int(found.behind[places[best]]),
            best=best,
        )

    def _next(self, spot: _Spot) -> _Spot | None:
        """The place behind, if it is in the same text."""
        following = self.memory.token_at(spot.layer, spot.place + 1)
        if following is None:
            return None
        length = min(spot.length + 1, CONTEXT)
        return spot._replace(place=spot.place + 1, length=length, following=following)

    def _of_spots(self) -> Offer:
        """As `_look`, of the few places of a run: without arrays, this is many times as fast."""
        logits = [self._by_length[spot.length] + spot.weight for spot in self._spots]
        highest = max(logits)
        sums: dict[int, float] = {}
        heaviest: dict[int, tuple[float, _Spot]] = {}
        for logit, spot in zip(logits, self._spots, strict=True):
            sums[spot.following] = sums.get(spot.following, 0.0) + math.exp(logit - highest)
            if spot.following not in heaviest or heaviest[spot.following][0] < logit:
                heaviest[spot.following] = logit, spot
        tokens = sorted(sums)
        chances = np.array([sums[token] for token in tokens])
        best = int(chances.argmax())
        stand = [heaviest[token][1] for token in tokens]
        longest = max(spot.length for spot in self._spots)
        return Offer(
            tokens=np.array(tokens, np.int64),
            chances=chances / chances.sum(),
            places=np.array([spot.place for spot in stand], np.int64),
            layers=np.array([spot.layer for spot in stand], np.int64),
            length=longest,
            count=sum(spot.length == longest for spot in self._spots),
            behind=stand[best].behind,
            best=best,
        )


_UNFITTED = Mixture()


@lru_cache(maxsize=4)
def _length_logits(mixture: Mixture) -> list[float]:
    """The length's part of a place's logit, for each length there is; that of 0 stands for nothing."""
    lengths = np.arange(1, CONTEXT + 1)
    return [0.0, *mixture.weigh_length(lengths).tolist()]


def _by_token(
    following: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The tokens that follow, (k,), the heaviest place of each, and the sum of its places' weights."""
    order = np.argsort(-weights, kind="stable")
    tokens, first, which = np.unique(following[order], return_index=True, return_inverse=True)
    return tokens, order[first].astype(np.int64), np.bincount(which, weights[order]).astype(np.float64)


def runs(taken: Sequence[tuple[int, int, int, int]], memory: Memory) -> tuple[Copied, ...]:
    """Join what single tokens were copied from: (start, end, layer, place) of each.

    Tokens that follow one another, in the text and at their origin, are one run.
    """
    joined: list[list[int]] = []
    for one in taken:
        start, end, layer, place = one
        if joined and joined[-1][1] == start and joined[-1][2] == layer and joined[-1][4] == place - 1:
            joined[-1][1], joined[-1][4] = end, place
        else:
            joined.append([start, end, layer, place, place])
    return tuple(
        Copied(start=start, end=end, origin=memory.origin(layer, place))
        for start, end, layer, place, _ in joined
    )
