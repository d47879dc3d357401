"""Packing loses nothing and cuts nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.pack import fill, pack

PAD = 0


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=16), max_size=60))
def test_every_example_stands_whole_in_one_row(examples: list[list[int]]) -> None:
    rows = list(pack(map(len, examples), length=16))
    assert sorted(number for row in rows for number in row) == list(range(len(examples)))
    filled = fill(rows, lambda n: np.array(examples[n], np.uint16), length=16, pad=PAD)
    assert filled.shape == (len(rows), 16)
    for row, numbers in zip(filled.tolist(), rows, strict=True):
        tokens = [token for number in numbers for token in examples[number]]
        assert row == tokens + [PAD] * (16 - len(tokens))


def test_rows_are_well_filled() -> None:
    lengths = [5 + i * 37 % 95 for i in range(3000)]
    rows = list(pack(lengths, length=128))
    assert sum(lengths) / (128 * len(rows)) > 0.97
