"""A sorted list of all contexts of a token sequence: where a context stood before, in logarithmic time.

A suffix array (Manber & Myers 1993) of the reversed sequence, built by prefix doubling: places sorted by the
tokens before them, the nearest first. Places that share the most with a context then lie next to where the
context itself would be sorted in. Contexts are told apart by their last `CONTEXT` tokens.

Pure. Not here: which texts are searched (memory.py).
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import numpy.typing as npt

CONTEXT = 32  # tokens; longer agreement says nothing more

Tokens = npt.NDArray[np.unsignedinteger]
Places = npt.NDArray[np.int64]

_STEPS = np.arange(1, CONTEXT + 1)


class SuffixArray:
    """Over tokens (n,): 4 bytes a token beside the tokens themselves, which it keeps twice."""

    def __init__(self, tokens: Tokens, *, order: npt.NDArray[np.uint32] | None = None) -> None:
        """Sort the contexts of `tokens`; with the `order` of an earlier array of them there is no need to."""
        assert tokens.dtype in (np.uint16, np.uint32)
        self._width = tokens.dtype.itemsize
        self._count = len(tokens)
        self._sorted = _sorted_places(tokens) if order is None else order
        self._items = memoryview(self._sorted.data)  # read one by one as plain integers
        # Big-endian, so that comparing bytes compares tokens.
        self._reversed = tokens[::-1].astype(tokens.dtype.newbyteorder(">")).tobytes()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._sorted.nbytes + len(self._reversed)

    @property
    def order(self) -> npt.NDArray[np.uint32]:
        """The places 1 to n-1 as they are sorted, to be kept."""
        return self._sorted

    def near(self, context: bytes, most: int) -> Places:
        """At most `most` places whose contexts sort next to this one: the most alike are among them.

        `context` is spelled by `spell`. A place is the index of the token that followed; it is at least 1 and
        below n.
        """
        width, count, text = self._width, self._count, self._reversed
        span = CONTEXT * width

        def before(place: int) -> bytes:
            start = (count - place) * width
            return text[start : start + span]

        at = bisect_left(self._items, context, key=before)
        return self._sorted[max(0, at - most // 2) : at + most // 2].astype(np.int64)


def spell(context: Tokens) -> bytes:
    """The last tokens of a context, backwards: comparing these bytes compares tokens."""
    return context[::-1][:CONTEXT].astype(context.dtype.newbyteorder(">")).tobytes()


def agreement(tokens: Tokens, places: Places, context: Tokens) -> Places:
    """For each place, (m,), how many tokens before it are the context's last, `CONTEXT` at most.

    Places must have as many tokens before them as the context has.
    """
    count = min(len(context), CONTEXT)
    alike = np.zeros((len(places), count + 1), bool)
    before = places[:, None] - _STEPS[:count]
    np.equal(tokens[before], context[::-1][:count], out=alike[:, :count])
    first: Places = alike.argmin(axis=1)
    return first


def agreement_behind(tokens: Tokens, places: Places, behind: Tokens) -> Places:
    """For each place, (m,), how many tokens from it on are the first of `behind`."""
    alike = np.zeros((len(places), len(behind) + 1), bool)
    from_there = places[:, None] + _STEPS[: len(behind)] - 1
    np.equal(tokens.take(from_there, mode="clip"), behind, out=alike[:, :-1])
    first: Places = alike.argmin(axis=1)
    return first


def _sorted_places(tokens: Tokens) -> npt.NDArray[np.uint32]:
    """Places 1 to n-1 in the order of the `CONTEXT` tokens before them, read backwards."""
    count = len(tokens)
    if count < 2:
        return np.zeros(0, np.uint32)
    # ranks[i] tells apart the contexts that end with token i, by twice as many tokens in each round.
    ranks = tokens.astype(np.int64) + 1
    scale, length = int(ranks.max()) + 1, 1
    while length < CONTEXT:
        further = np.zeros(count, np.int64)
        further[length:] = ranks[:-length]
        ranks *= scale
        ranks += further
        order = np.argsort(ranks, kind="stable")
        keys = ranks[order]
        new = np.empty(count, np.int64)
        new[0] = 1
        np.not_equal(keys[1:], keys[:-1], out=new[1:], casting="unsafe")
        np.cumsum(new, out=new)
        ranks[order] = new
        scale, length = int(new[-1]) + 1, length * 2
        if scale > count:  # all are told apart
            break
    order = np.argsort(ranks[:-1], kind="stable")
    return (order + 1).astype(np.uint32)
