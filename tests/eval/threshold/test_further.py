"""What the further lines of suggestions are worth, by the limit on how likely they have to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eval.threshold.further import LIMITS, Line, further, reaches

LINES = st.lists(
    st.builds(
        Line, chance=st.floats(0.0, 1.0), right=st.booleans(), characters=st.integers(0, 80)
    ),
    max_size=6,
)  # fmt: skip


def test_a_line_is_right_with_all_lines_before_it() -> None:
    truth = "a = 1\n    b = 2\n    c = 3\n    d = 4"
    found = further("a = 1\n    b = 2  \n    x = 3\n    d = 4", (0.9, 0.8, 0.4, 0.3), truth)
    assert found == (
        Line(chance=0.8, right=True, characters=5),
        Line(chance=0.4, right=False, characters=5),
        Line(chance=0.3, right=False, characters=5),
    )


def test_what_goes_on_behind_the_truth_is_wrong() -> None:
    (line,) = further("a\nb", (0.9, 0.8), "a")
    assert not line.right


def test_blank_lines_above_the_first_one_are_no_further_lines() -> None:
    """Probabilities are told from the first visible line on."""
    (line,) = further("\n\nx = 1\ny = 2", (0.9, 0.5), "\n\nx = 1\ny = 2\n")
    assert line == Line(chance=0.5, right=True, characters=5)


def test_one_line_has_no_further_ones() -> None:
    assert further("x = 1", (0.9,), "x = 1\ny") == ()
    assert further("x\ny", (), "x\ny") == (), "an engine that tells no probabilities"


@given(st.lists(LINES, min_size=1, max_size=8))
def test_a_higher_limit_leaves_fewer_lines_and_none_leaves_all(drawn: list[list[Line]]) -> None:
    found = list(reaches([(f"{number}.py", lines) for number, lines in enumerate(drawn)]))
    assert [one.limit for one in found] == list(LIMITS)
    assert found[0].lines == sum(map(len, drawn))
    for one in (found[0].right, found[0].wrong):
        assert one is None or one.value == 1.0
    for fewer, more in zip(found[1:], found, strict=False):
        assert fewer.lines <= more.lines
        for share, other in ((fewer.right, more.right), (fewer.wrong, more.wrong)):
            assert (share is None and other is None) or share.value <= other.value


def test_behind_an_unlikely_line_nothing_is_shown() -> None:
    lines = [
        Line(chance=0.6, right=True, characters=10),
        Line(chance=0.05, right=False, characters=7),
        Line(chance=0.9, right=False, characters=5),
    ]
    (at_ten,) = (one for one in reaches([("a.py", lines)]) if one.limit == 10)
    assert at_ten.lines == 1
    assert at_ten.right is not None
    assert at_ten.right.value == 1.0
    assert at_ten.wrong is not None
    assert at_ten.wrong.value == 0.0
