"""Packing loses nothing and cuts nothing."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.pack import pack, to_array

PAD = 0


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=16), max_size=60))
def test_every_example_stands_whole_in_one_row(examples: list[list[int]]) -> None:
    marked = [[i + 100, *ids[1:]] for i, ids in enumerate(examples)]
    rows = list(pack(marked, length=16, pad=PAD))
    assert all(len(row) == 16 for row in rows)
    found: Counter[tuple[int, ...]] = Counter()
    for row in rows:
        starts = [i for i, t in enumerate(row) if t >= 100] + [len(row)]
        for a, b in pairwise(starts):
            found[tuple(t for t in row[a:b] if t != PAD)] += 1
    assert found == Counter(map(tuple, marked))


def test_rows_are_well_filled() -> None:
    examples = [[1] * (5 + i * 37 % 95) for i in range(3000)]
    rows = to_array(pack(examples, length=128, pad=PAD), 128)
    assert (rows != PAD).mean() > 0.97
