"""The memory's part in one completion: what it offers at each token, drafts, and what was copied from where.

Pure. Not here: searching (memory.py), weighing (mixture.py), choosing (writer.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.serving.memory import Found, Memory, Origin
from model.serving.mixture import Mixture
from model.serving.suffix_array import CONTEXT

MOST_DRAFTED = 8
# Tokens in common from which on a run is followed without searching anew.
_LONG_ENOUGH = 8


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


class Recall:
    """One completion's way through a memory. Without a mixture it drafts, and offers nothing."""

    def __init__(self, memory: Memory, mixture: Mixture | None, room: int) -> None:
        """`room` is the most tokens that will ever be added."""
        self.memory = memory
        self.mixture = mixture
        self._context = np.empty(len(memory.context) + room, memory.context.dtype)
        self._context[: len(memory.context)] = memory.context
        self._length = len(memory.context)
        self._found: Found | None = None
        self._offer: Offer | None = None
        self._is_fresh = False

    def add(self, token: int) -> None:
        """The completion goes on with this token."""
        self._context[self._length] = token
        self._length += 1
        if self._found is not None:
            self._found = self.memory.follow(self._found, token)
        self._is_fresh = False

    def offer(self) -> Offer | None:
        """What the memory offers here, or None where the context never stood before."""
        if not self._is_fresh:
            self._offer = self._look()
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
        found = self._found
        # While a long run is being copied, other places with much less in common need not be looked for.
        if found is None or not len(found.places) or found.lengths.max() < _LONG_ENOUGH:
            found = self.memory.find(self._context[max(0, self._length - CONTEXT) : self._length])
            self._found = found
        if not len(found.places):
            return None
        weights = (self.mixture or _UNFITTED).weigh(
            found.lengths, found.layers, found.distances, found.behind
        )
        weights = np.exp(weights - weights.max())
        longest = int(found.lengths.max())
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


_UNFITTED = Mixture()


def _by_token(
    following: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The tokens that follow, (k,), the heaviest place of each, and the sum of its places' weights."""
    if (following == following[0]).all():
        return following[:1], np.array([weights.argmax()], np.int64), np.array([weights.sum()])
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
