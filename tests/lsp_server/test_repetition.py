"""A model that goes round in circles is cut short, and code that is repetitive by nature is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.postprocess import clean
from lsp_server.repetition import without_loops
from model.fim import Hole


def shown(place: str, written: str) -> str | None:
    prefix, _, suffix = place.partition("|")
    return clean(written, Hole(path="a.py", language="python", prefix=prefix, suffix=suffix), "block", 50)


def counted(count: int, text: str = "x{0} = load('{0}')") -> str:
    return "\n".join(text.format(number) for number in range(count))


def test_lines_that_count_up_are_cut_short() -> None:
    assert shown("|", counted(9)) == counted(3)


def test_a_short_table_is_left_alone() -> None:
    assert shown("|", counted(5)) == counted(5)


def test_a_table_that_was_begun_is_gone_on_with() -> None:
    assert shown("x7 = load('7')\nx8 = load('8')\n|", counted(9)) == counted(9)


def test_lines_of_one_shape_with_other_names_are_no_table() -> None:
    text = "\n".join(f"self.{name} = {name}" for name in "abcdefgh")
    assert shown("|", text) == text


@pytest.mark.parametrize(
    ("place", "written"),
    [
        ("foo.add(bar)\n|", "foo.add(bar)"),
        ("    foo.add(bar)\n    |", "foo.add(bar)"),
        ("foo.add(bar)\nfoo.add(baz)\n|", "foo.add(bar)\nfoo.add(baz)"),
        ("foo.add(bar)\nfoo.add(bar)\n|", "foo.add(bar)\nx = 1"),
    ],
)
def test_text_that_is_the_lines_above_again_is_not_shown(place: str, written: str) -> None:
    assert shown(place, written) is None


@pytest.mark.parametrize(
    ("place", "written"),
    [
        ("foo.add(bar)\n\n|", "foo.add(bar)"),
        ("foo.add(bar)\n|", "foo.add(bar)\nfoo.add(baz)"),
        ("    foo.add(bar)\n|", "foo.add(bar)"),
        ("x = [\n    0,\n    |", "0,"),
    ],
)
def test_text_that_differs_from_the_lines_above_is_shown(place: str, written: str) -> None:
    assert shown(place, written) == written


LINES = st.lists(st.sampled_from(["a = 1", "  b", "c(d)", "", "e"]), max_size=12)


@given(LINES)
def test_no_run_of_lines_is_left_three_times(lines: list[str]) -> None:
    left = without_loops("\n".join(lines)).split("\n")
    for length in (1, 2, 3):
        for first in range(len(left)):
            run = left[first : first + length]
            assert not any(run) or left[first : first + 3 * length] != run * 3
