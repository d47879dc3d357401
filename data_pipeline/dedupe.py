"""Exact and near-duplicate removal.

Near-duplicates: MinHash over 5-gram word shingles (Broder 1997; parameters of The Stack, Kocetkov et al.
2022), candidates from LSH with 32 bands of 8 rows (about 85 % of pairs at Jaccard 0.7, over 99 % at 0.8),
every candidate verified on the true Jaccard similarity of the shingle sets, connected components by
union-find. Of a component the first document stays: callers put the documents that must survive first.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
import xxhash
from datasketch import MinHash, MinHashLSH

from data_pipeline.document import Document, Drop

THRESHOLD = 0.7
PERMUTATIONS = 256
BANDS, ROWS_PER_BAND = 32, 8
SHINGLE = 5
_WORD = re.compile(r"[A-Za-z_0-9]+")

Shingles = npt.NDArray[np.uint32]


def shingles(text: str) -> Shingles:
    """Sorted unique 32-bit hashes of the text's word 5-grams; short texts are one shingle."""
    words = _WORD.findall(text)
    grams = {" ".join(words[i : i + SHINGLE]).encode() for i in range(max(1, len(words) - SHINGLE + 1))}
    return np.unique(np.fromiter((xxhash.xxh32_intdigest(g) for g in grams), np.uint32, len(grams)))


def jaccard(a: Shingles, b: Shingles) -> float:
    """True Jaccard similarity of two shingle sets (up to collisions of their 32-bit hashes)."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


def exact(documents: Iterable[Document]) -> Iterator[Document | Drop]:
    """Drop documents whose text, white space at line ends aside, has been seen."""
    seen: set[bytes] = set()
    for document in documents:
        normal = "\n".join(line.rstrip() for line in document.text.strip().split("\n"))
        digest = hashlib.blake2b(normal.encode(), digest_size=16).digest()
        if digest in seen:
            yield Drop(document_id=document.id, reason="exact duplicate", characters=len(document.text))
        else:
            seen.add(digest)
            yield document


def near(
    documents: Iterable[Document],
    *,
    threshold: float = THRESHOLD,
    on_document: Callable[[], None] = lambda: None,
) -> Iterator[Document | Drop]:
    """Drop documents connected by verified Jaccard >= threshold to one that comes before them.

    Keeps all documents and their shingles in memory: about 15 bytes a word.
    """
    kept = list(documents)
    sets: list[Shingles] = []
    lsh = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS_PER_BAND))
    parent = list(range(len(kept)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, document in enumerate(kept):
        own = shingles(document.text)
        sets.append(own)
        # The shingles are hashed already, so MinHash takes them as they are.
        sketch = MinHash(num_perm=PERMUTATIONS, scheme="affine32", hashfunc=int)
        sketch.update_batch(own)
        for j in sorted(lsh.query(sketch)):
            if root(i) != root(j) and jaccard(own, sets[j]) >= threshold:
                first, second = sorted((root(i), root(j)))
                parent[second] = first
        lsh.insert(i, sketch, check_duplication=False)
        on_document()
    for i, document in enumerate(kept):
        if root(i) == i:
            yield document
        else:
            yield Drop(document_id=document.id, reason="near-duplicate", characters=len(document.text))
