import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.problems.truncation import first_line, span

PREFIX = "def mean(values):\n    total = 0\n    for value in values:\n        "
SUFFIX = "\n    if not values:\n        return None\n    return total / len(values)\n"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("    total += value\n", "    total += value\n"),
        ("    total += value", "    total += value\n"),
        ("    total += value\n    return total\n", "    total += value\n"),
        ("\n\n    total += value\n    x\n", "\n\n    total += value\n"),
        ("    s = 'a\\n'\n", "    s = 'a\\n'\n"),
        ("", ""),
        ("\n  \n", "\n  \n"),
    ],
)
def test_a_line_is_the_first_that_is_not_blank(written, kept):
    assert first_line(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("total += value", "total += value"),
        # It goes on with what stands behind the hole.
        ("total += value\n    if not values:\n        return 0\n", "total += value"),
        ("total += value\n    if not values:", "total += value"),
        # The same words within other code are not what stands behind the hole.
        ("total += value\n    if not values: pass\n", "total += value\n    if not values: pass\n"),
        # It goes on with another function.
        ("total += value\n\ndef other():\n    pass\n", "total += value\n\n"),
        ("", ""),
    ],
)
def test_a_span_ends_where_the_text_behind_begins_or_the_function_ends(written, kept):
    assert span(written, prefix=PREFIX, suffix=SUFFIX, finished=True) == kept


def test_a_bracket_behind_the_hole_is_not_enough_to_cut_at():
    prefix, suffix = "def f(x):\n    return max(", ")\n"
    assert span("abs(x), g(x)\n", prefix=prefix, suffix=suffix, finished=True) == "abs(x), g(x)\n"
    # With the line that follows it is.
    written = "abs(x), 1)\n\nprint(f(2))\n"
    assert span(written, prefix=prefix, suffix=")\n\nprint(f(2))\n", finished=True) == "abs(x), 1"


def test_a_last_line_that_the_limit_cut_goes_unless_it_is_the_only_one():
    written = "total += value\n    print(tot"
    assert span(written, prefix=PREFIX, suffix=SUFFIX, finished=False) == "total += value"
    assert span(written, prefix=PREFIX, suffix=SUFFIX, finished=True) == written
    assert span("total +", prefix=PREFIX, suffix=SUFFIX, finished=False) == "total +"


@given(st.text("ab(: \n'#", max_size=40), st.text("ab(: \n'#", max_size=40), st.booleans())
def test_a_cut_only_takes_away_from_the_end(written, suffix, finished):
    cut = span(written, prefix=PREFIX, suffix=suffix, finished=finished)
    assert written.startswith(cut)
    line = first_line(written)
    assert written.startswith(line) or line == f"{written}\n"
