"""Examples to rows of equal length: nothing is cut in two, little is padded.

Best-fit packing (Ding et al. 2024, Fewer Truncations Improve Language Modeling) within a sliding buffer:
each row takes the longest example that still fits, so every example stands whole in one row.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator

import numpy as np

from model.shards import Rows

BUFFER = 2048  # examples held back to choose from; more fills rows a little better and mixes less by time


def pack(examples: Iterable[list[int]], *, length: int, pad: int) -> Iterator[list[int]]:
    """Rows of exactly `length` ids from examples of at most `length` ids each."""
    buffer: list[tuple[int, int, list[int]]] = []  # (length, -arrival, ids), sorted
    for arrival, ids in enumerate(examples):
        assert 0 < len(ids) <= length
        bisect.insort(buffer, (len(ids), -arrival, ids))
        if len(buffer) >= BUFFER:
            yield _row(buffer, length, pad)
    while buffer:
        yield _row(buffer, length, pad)


def _row(buffer: list[tuple[int, int, list[int]]], length: int, pad: int) -> list[int]:
    # The oldest example goes first, so none waits for ever for a row that fits it.
    oldest = max(range(len(buffer)), key=lambda i: buffer[i][1])
    row = list(buffer.pop(oldest)[2])
    while buffer and (room := length - len(row)) >= buffer[0][0]:
        fits = bisect.bisect_right(buffer, room, key=lambda entry: entry[0]) - 1
        row += buffer.pop(fits)[2]
    return row + [pad] * (length - len(row))


def to_array(rows: Iterable[list[int]], length: int) -> Rows:
    """Rows as one array, shape (rows, length)."""
    found = list(rows)
    return np.array(found, dtype=np.uint16).reshape(len(found), length)
