"""What deduplication should have found: every pair of a sample compared, without sketches.

Not here: the tools (dedup_process.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from data_pipeline.shingles import shingles
from eval.bench.dedup_documents import batches

LEAST, RECALL_AT = 0.7, 0.8
_ROWS = 256  # of the product held at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """All pairs of documents at a Jaccard similarity of 0.7 or more: places (m, 2) in `ids`, and (m,)."""

    ids: tuple[str, ...]
    pairs: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How well a tool did. A pair at 0.8 or more is found when not both of its documents were kept.

    Precision is the share of dropped documents that have another one at 0.7 or more. Each is None where there
    is nothing to find, or nothing was dropped.
    """

    recall: float | None
    precision: float | None
    pairs: int
    dropped: int


def compare_all(texts: dict[str, str], ids: Sequence[str]) -> Truth:
    """Jaccard similarities of all pairs, from a sparse product of the shingle sets."""
    from scipy import sparse

    flat, counts = [], []
    for some in batches(ids, 100):
        own, offsets = shingles([texts[i] for i in some])
        flat.append(own)
        counts.append(np.diff(offsets))
    sizes = np.concatenate(counts)
    values, columns = np.unique(np.concatenate(flat), return_inverse=True)
    rows = np.repeat(np.arange(len(ids)), sizes)
    # What only one document has is in no intersection, and most shingles are that.
    shared = np.bincount(columns)[columns] > 1
    matrix = sparse.csr_matrix(
        (np.ones(shared.sum(), np.int32), (rows[shared], columns[shared])), shape=(len(ids), len(values))
    )
    turned = matrix.T.tocsr()
    pairs, similarity = [], []
    for start in range(0, len(ids), _ROWS):
        product = (matrix[start : start + _ROWS] @ turned).tocoo()
        left, right = product.row.astype(np.int64) + start, product.col.astype(np.int64)
        own = product.data / (sizes[left] + sizes[right] - product.data)
        wanted = (left < right) & (own >= LEAST)
        pairs.append(np.stack([left[wanted], right[wanted]], axis=1))
        similarity.append(own[wanted])
    return Truth(ids=tuple(ids), pairs=np.concatenate(pairs), similarity=np.concatenate(similarity))


def judge(truth: Truth, kept: frozenset[str]) -> Quality:
    """Recall and precision of what was kept."""
    stays = np.array([identity in kept for identity in truth.ids], np.bool_)
    like = truth.pairs[truth.similarity >= RECALL_AT]
    found = ~stays[like].all(axis=1)
    has_another = np.zeros(len(truth.ids), np.bool_)
    has_another[truth.pairs.ravel()] = True
    return Quality(
        recall=float(found.mean()) if len(like) else None,
        precision=float(has_another[~stays].mean()) if (~stays).any() else None,
        pairs=len(like),
        dropped=int((~stays).sum()),
    )
