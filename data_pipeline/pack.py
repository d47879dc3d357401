"""Examples to rows of equal length: nothing is cut in two, little is padded.

Best-fit packing (Ding et al. 2024, Fewer Truncations Improve Language Modeling) within a sliding buffer:
each row takes the longest example that still fits, so every example stands whole in one row. Examples are
numbers here, so that a corpus is never in memory as Python's integers.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from model.shards import Rows

BUFFER = 2048  # examples held back to choose from; more fills rows a little better and mixes less by time


def pack(lengths: Iterable[int], *, length: int) -> Iterator[list[int]]:
    """For each row the numbers of its examples, in order; `lengths` are those of the examples, in tokens."""
    buffer: list[tuple[int, int]] = []  # (length, -number), sorted
    for number, own in enumerate(lengths):
        assert 0 < own <= length
        bisect.insort(buffer, (own, -number))
        if len(buffer) >= BUFFER:
            yield _row(buffer, length)
    while buffer:
        yield _row(buffer, length)


def _row(buffer: list[tuple[int, int]], length: int) -> list[int]:
    # The oldest example goes first, so none waits for ever for a row that fits it.
    own, number = buffer.pop(max(range(len(buffer)), key=lambda i: buffer[i][1]))
    row, room = [-number], length - own
    while buffer and room >= buffer[0][0]:
        fits = bisect.bisect_right(buffer, room, key=lambda entry: entry[0]) - 1
        own, number = buffer.pop(fits)
        row.append(-number)
        room -= own
    return row


def fill(
    rows: Sequence[Sequence[int]],
    tokens_of: Callable[[int], npt.NDArray[np.uint16]],
    *,
    length: int,
    pad: int,
) -> Rows:
    """The rows as one array, shape (rows, length): their examples' tokens, then padding."""
    found = np.full((len(rows), length), pad, np.uint16)
    for row, numbers in zip(found, rows, strict=True):
        at = 0
        for number in numbers:
            tokens = tokens_of(number)
            row[at : at + len(tokens)] = tokens
            at += len(tokens)
    return found
