"""What was seen and not taken stays away from its line for a while; what was never judged does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.rejections import Rejections
from model.fim import Hole

LONG = 1000.0


def hole(prefix: str, suffix: str = "\ny = 2\n", path: str = "a.py") -> Hole:
    return Hole(path=path, language="python", prefix=prefix, suffix=suffix)


def shown(prefix: str, text: str, at: float = 0.0) -> Rejections:
    """Somebody was shown the text at the end of the prefix."""
    rejections = Rejections()
    rejections.asked(hole(prefix), at)
    rejections.shown(hole(prefix), text, at)
    return rejections


def test_what_was_typed_over_is_not_shown_again_at_its_place() -> None:
    rejections = shown("a = 1\nx = ", "foo(1)")
    rejections.asked(hole("a = 1\nx = b"), 1.0)
    rejections.asked(hole("a = 1\nx = "), 2.0)
    assert rejections.is_rejected(hole("a = 1\nx = "), "foo(1)", 2.0)
    assert not rejections.is_rejected(hole("a = 1\nx = "), "bar(1)", 2.0)


def test_the_same_text_further_on_in_the_line_is_the_same_text() -> None:
    rejections = shown("x = ", "foo(1)")
    rejections.asked(hole("x = ("), 1.0)
    assert rejections.is_rejected(hole("x = ("), "foo(1)", 1.0)


def test_the_same_line_from_another_place_of_it_is_the_same_text() -> None:
    rejections = shown("x = fo", "o(bar)")
    rejections.asked(hole("x = fox"), 1.0)
    rejections.asked(hole("x = f"), 2.0)
    assert rejections.is_rejected(hole("x = f"), "oo(bar)", 2.0)


def test_a_closing_bracket_may_be_right_further_on() -> None:
    """`f(a|)` was not the end, and `f(a, b|)` is."""
    rejections = shown("f(a", ")")
    rejections.asked(hole("f(a,"), 1.0)
    assert not rejections.is_rejected(hole("f(a, b"), ")", 3.0)
    assert rejections.is_rejected(hole("f(a"), ")", 3.0)


def test_typing_through_is_no_rejection() -> None:
    rejections = shown("x = ", "foo(1)")
    for typed in ("f", "fo", "foo(1)", "foo(1) + "):
        rejections.asked(hole("x = " + typed), 1.0)
    assert not rejections.is_rejected(hole("x = "), "foo(1)", 2.0)


def test_who_types_through_and_then_something_else_rejects_what_was_left() -> None:
    rejections = shown("x = ", "foo(one)")
    rejections.asked(hole("x = foo("), 1.0)
    rejections.shown(hole("x = foo("), "one)", 1.0)
    rejections.asked(hole("x = foo(t"), 1.1)  # seen since 0.0, not since 1.0
    rejections.asked(hole("x = foo("), 2.0)
    assert rejections.is_rejected(hole("x = foo("), "one)", 2.0)


def test_what_nobody_had_time_to_see_is_not_rejected() -> None:
    rejections = shown("x = ", "foo(1)")
    rejections.asked(hole("x = b"), 0.1)
    assert not rejections.is_rejected(hole("x = "), "foo(1)", 0.2)


def test_asking_again_at_the_same_place_is_no_rejection() -> None:
    rejections = shown("x = ", "foo(1)")
    rejections.asked(hole("x = "), 1.0)
    assert not rejections.is_rejected(hole("x = "), "foo(1)", 1.0)


def test_a_rejection_passes() -> None:
    rejections = shown("x = ", "foo(1)")
    rejections.asked(hole("x = b"), 1.0)
    assert rejections.is_rejected(hole("x = "), "foo(1)", 15.0)
    assert not rejections.is_rejected(hole("x = "), "foo(1)", LONG)


@pytest.mark.parametrize(
    "elsewhere", [hole("x = \ny"), hole("x = ", path="b.py")], ids=["another line", "another file"]
)
def test_who_works_elsewhere_has_made_up_their_mind(elsewhere: Hole) -> None:
    rejections = shown("x = ", "foo(1)")
    rejections.asked(hole("x = b"), 1.0)
    rejections.asked(elsewhere, 2.0)
    rejections.asked(hole("x = "), 3.0)
    assert not rejections.is_rejected(hole("x = "), "foo(1)", 3.0)


def test_leaving_a_place_says_nothing_of_what_was_shown_there() -> None:
    rejections = shown("x = ", "foo(1)")
    rejections.asked(hole("x = \nelse"), 1.0)
    rejections.asked(hole("x = "), 2.0)
    assert not rejections.is_rejected(hole("x = "), "foo(1)", 2.0)


def test_clear_forgets_all() -> None:
    rejections = shown("x = ", "foo(1)")
    rejections.asked(hole("x = b"), 1.0)
    rejections.clear()
    rejections.asked(hole("x = "), 2.0)
    assert not rejections.is_rejected(hole("x = "), "foo(1)", 2.0)


@given(prefix=st.text("ab=\n "), text=st.text("ab(\n", min_size=1), data=st.data())
def test_no_part_of_a_suggestion_typed_is_ever_a_rejection(
    prefix: str, text: str, data: st.DataObject
) -> None:
    length = data.draw(st.integers(1, len(text)))
    rejections = shown(prefix, text)
    rejections.asked(hole(prefix + text[:length]), 5.0)
    assert not rejections.is_rejected(hole(prefix), text, 5.0)
    assert not rejections.is_rejected(hole(prefix + text[:length]), text[length:], 5.0)
