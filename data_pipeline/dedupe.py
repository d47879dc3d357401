"""Which documents are copies of which, exact or near, and which one of each family stays.

Exact copies are found by their digests. Near-duplicates: MinHash over shingles of five words (Broder 1997;
parameters of The Stack, Kocetkov et al. 2022), candidates by locality-sensitive hashing with 32 bands of 8
rows (about 85 % of pairs at Jaccard 0.7, over 99 % at 0.8), every candidate verified on the true Jaccard
similarity of the shingle sets, connected components by union-find. Of a component the document of the lowest
rank stays: the caller states the rule of the best copy by the ranks it gives.

Candidates are found by sorting each band's hashes, not in a table of Python objects; they are those of
`datasketch.MinHashLSH(params=(32, 8))`, which a test checks. Documents are looked at in the order of their
ranks, so the answer depends on what is given and not on how it is divided into partitions or in which order
these come.

Costs, for n documents: 550 bytes each, and the pages of the shingles that are compared. Time is n log n for
sorting; a document is compared with at most 63 others in each band, so at most 2016 n comparisons, even where
thousands of files are made from one template. A bucket of up to 64 documents is compared in full. In a larger
one the documents are sorted by the next band, which brings the likest together, and each is compared with the
63 that follow (a sorted neighbourhood, Hernández and Stolfo 1995); what is missed there has other bands.

Not here: the sketches (sketches.py, shingles.py), the rule of the best copy (pipeline.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_pipeline.shingles import Hashes, Shingles, begins, mix
from data_pipeline.sketches import PERMUTATIONS, Signatures, Sketches

THRESHOLD = 0.7
BANDS, ROWS_PER_BAND = 32, 8
# The share of equal signature rows estimates the Jaccard similarity with a standard deviation of 0.029 at the
# threshold. Below 0.55, over five deviations less, one pair in ten million is at the threshold after all.
SCREEN = 0.55
NEIGHBOURHOOD = 63
_CHUNK = 1 << 15  # pairs screened at a time, 256 bytes each twice

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resolution:
    """What became of n documents, numbered through all sketches in the order given.

    survivor (n,): the document that stands for this one, its own number when it is kept. exact (n,): whether
    its text is that of a document of lower rank. links (m, 2): verified pairs that join the components, the
    lower rank first, with their true similarities jaccard (m,); exact copies need no links.
    """

    survivor: Numbers
    exact: npt.NDArray[np.bool_]
    links: Numbers
    jaccard: npt.NDArray[np.float32]

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """(n,) whether a document stays."""
        own: npt.NDArray[np.bool_] = self.survivor == np.arange(len(self.survivor))
        return own


def resolve(sketches: Sequence[Sketches], rank: Numbers) -> Resolution:
    """Find the families among all documents of all sketches; of each, the lowest rank stays.

    `rank` (n,) has a different number for each document. An existing corpus takes part with its sketches and
    with ranks below all new ones: then no new document is preferred to one of it.
    """
    total = sum(map(len, sketches))
    assert rank.shape == (total,), f"{total} documents, ranks of shape {rank.shape}"
    order = np.argsort(rank, kind="stable")
    assert not (np.diff(rank[order]) == 0).any(), "two documents have the same rank"
    # From here on a document is a place in the order of ranks, and only the end goes back to numbers.
    first = _first_copies(np.concatenate([_no_digests(), *(s.digests for s in sketches)])[order])
    unique = np.flatnonzero(first == np.arange(total))
    pool = _Pool(sketches, order[unique])
    for left, right in candidates(pool.bands, pool.low):
        pool.join(left, right)
    links = np.array([(i, j) for i, j, _ in pool.links], np.int64).reshape(-1, 2)
    root = np.empty(total, np.int64)
    root[unique] = unique[pool.roots()]
    survivor = np.empty(total, np.int64)
    survivor[order] = order[root[first]]
    exact = np.empty(total, np.bool_)
    exact[order] = first != np.arange(total)
    return Resolution(
        survivor=survivor,
        exact=exact,
        links=order[unique[links]],
        jaccard=np.array([similarity for _, _, similarity in pool.links], np.float32),
    )


def jaccard(a: Shingles, b: Shingles) -> float:
    """True Jaccard similarity of two sorted shingle sets (up to collisions of their 32-bit hashes)."""
    both = np.concatenate([a, b])
    both.sort()
    shared = np.count_nonzero(both[1:] == both[:-1])
    return float(shared / (len(both) - shared))


def bands(signatures: Signatures) -> Hashes:
    """(n, 32) hashes: documents with an equal hash in a column are candidates."""
    rows = (
        np.ascontiguousarray(signatures).view(np.uint64).reshape(len(signatures), BANDS, ROWS_PER_BAND // 2)
    )
    hashes = mix(rows[:, :, 0])
    for i in range(1, ROWS_PER_BAND // 2):
        hashes = mix(hashes ^ rows[:, :, i] + np.uint64(i))
    return hashes


def candidates(banded: Hashes, low: npt.NDArray[np.uint8]) -> Iterator[tuple[Numbers, Numbers]]:
    """Pairs of places that share a band, the lower place left; a pair comes once for every band it shares.

    `banded` (n, 32) is of `bands`, `low` (n, 256) the low bytes of the same signatures. Likelier pairs come
    earlier, so that whoever joins them at once need not look at most of the later ones.
    """
    for band in range(BANDS):
        keys = banded[:, band]
        order = np.argsort(keys)
        new = begins(keys[order])
        alone = new & np.append(new[1:], True)
        members = order[~alone]
        following = (band + 1) % BANDS * ROWS_PER_BAND
        likeness = np.ascontiguousarray(low[members, following : following + ROWS_PER_BAND]).view(">u8")[:, 0]
        members = members[np.lexsort((members, likeness, keys[members]))]
        own = keys[members]
        for step in range(1, NEIGHBOURHOOD + 1):
            at = np.flatnonzero(own[step:] == own[:-step])
            if not len(at):
                break
            pair = members[at], members[at + step]
            yield np.minimum(*pair), np.maximum(*pair)


def _no_digests() -> npt.NDArray[np.uint8]:
    return np.empty((0, 16), np.uint8)


def _first_copies(digests: npt.NDArray[np.uint8]) -> Numbers:
    """(n,) the first document with the same digest."""
    high, low = np.ascontiguousarray(digests).view(np.uint64).reshape(-1, 2).T
    order = np.lexsort((low, high))  # stable: of equal digests the first comes first
    new = begins(high[order]) | begins(low[order])
    first = np.empty(len(order), np.int64)
    first[order] = order[np.flatnonzero(new)[np.cumsum(new) - 1]]
    return first


class _Pool:
    """Documents in the order of their ranks, and their families so far."""

    def __init__(self, sketches: Sequence[Sketches], numbers: Numbers) -> None:
        """`numbers` are those of the documents, through all sketches."""
        begins = np.cumsum([0, *map(len, sketches)])
        self._sketches = sketches
        self._part = np.searchsorted(begins, numbers, side="right") - 1
        self._within = numbers - begins[self._part]
        self._size = np.empty(len(numbers), np.int64)
        self.bands = np.empty((len(numbers), BANDS), np.uint64)
        # A byte of each row is enough to screen (Li and König 2010): it makes 1 in 256 unlike rows equal.
        self.low = np.empty((len(numbers), PERMUTATIONS), np.uint8)
        for part, sketch in enumerate(sketches):
            own = self._part == part
            signatures = sketch.signatures[self._within[own]]
            self.bands[own] = bands(signatures)
            self.low[own] = signatures.astype(np.uint8)
            self._size[own] = np.diff(sketch.offsets)[self._within[own]]
        self._parent = np.arange(len(numbers))
        self.links: list[tuple[int, int, float]] = []

    def join(self, left: Numbers, right: Numbers) -> None:
        """Join the families of those pairs that are near-duplicates."""
        roots = self.roots()
        open_ = roots[left] != roots[right]
        left, right = left[open_], right[open_]
        for start in range(0, len(left), _CHUNK):
            likely = self._screen(left[start : start + _CHUNK], right[start : start + _CHUNK]) + start
            for i, j in zip(left[likely].tolist(), right[likely].tolist(), strict=True):
                a, b = self._root(i), self._root(j)
                if a != b and (similarity := jaccard(self._shingles(i), self._shingles(j))) >= THRESHOLD:
                    self._parent[max(a, b)] = min(a, b)
                    self.links.append((i, j, similarity))

    def _screen(self, left: Numbers, right: Numbers) -> Numbers:
        """Places of the pairs that may reach the threshold, by their sizes and their signatures."""
        sizes = self._size[left], self._size[right]
        able = np.flatnonzero(np.minimum(*sizes) >= THRESHOLD * np.maximum(*sizes))
        equal = np.count_nonzero(self.low[left[able]] == self.low[right[able]], axis=1)
        likely: Numbers = able[equal >= SCREEN * PERMUTATIONS]
        return likely

    def _shingles(self, place: int) -> Shingles:
        part: Sketches = self._sketches[self._part[place]]
        return part.of(int(self._within[place]))

    def _root(self, place: int) -> int:
        parent = self._parent
        while (above := int(parent[place])) != place:
            parent[place] = parent[above]
            place = above
        return place

    def roots(self) -> Numbers:
        """(n,) the lowest rank of each document's family so far."""
        while not np.array_equal(above := self._parent[self._parent], self._parent):
            self._parent = above
        return self._parent
