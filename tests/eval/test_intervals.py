"""Intervals know that cases of one file are alike, and compare two systems at the same cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval import intervals


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=40))
def test_the_value_is_the_mean_and_lies_in_its_interval(cases: list[tuple[float, int]]) -> None:
    values, clusters = zip(*cases, strict=True)
    found = intervals.mean(values, clusters)
    assert found.value == pytest.approx(sum(values) / len(values))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high
    assert found.n == len(values)
    assert found == intervals.mean(values, clusters)


def test_equal_cases_of_a_file_do_not_make_a_figure_surer() -> None:
    values = [float(n % 2) for n in range(20)]
    once = intervals.mean(values, range(20))
    # Every case ten times over is no news where the file is the cluster, and is where each is its own.
    repeated, files = [v for v in values for _ in range(10)], [n for n in range(20) for _ in range(10)]
    clustered = intervals.mean(repeated, files)
    assert (clustered.low, clustered.high) == (once.low, once.high)
    alone = intervals.mean(repeated, range(200))
    assert alone.low > once.low  # type: ignore[operator]
    assert alone.high < once.high  # type: ignore[operator]


def test_what_is_hard_for_both_is_no_doubt_about_their_ratio() -> None:
    theirs = [1.0, 1.0, 0.0, 0.0, 3.0, 5.0]
    found = intervals.ratio([2 * one for one in theirs], theirs, range(6))
    assert found is not None
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)


def test_a_ratio_to_nothing_has_no_value_and_to_hardly_anything_no_upper_bound() -> None:
    assert intervals.ratio([1, 1], [0, 0], "ab") is None
    found = intervals.ratio([1, 1, 1, 1], [0, 0, 0, 1], "abcd")
    assert found is not None
    assert found.value == 4
    assert found.high is None
    assert found.low is not None
