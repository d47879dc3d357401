"""What of a suggestion is taken: whole lines, exactly as the person would write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.replay.acceptance import Right, right, taken

texts = st.text(st.sampled_from("ab \n"), max_size=30)


def test_a_first_line_is_right_only_to_its_very_end():
    assert right("return x", "return x\n").first == 8
    assert right("return x", "return xy\n").first == 0
    assert right("return xy", "return x\n").first == 0
    assert right("return x", "return x").first == 8
    assert right("return", "return x\n") == Right(spelled=6)


def test_blank_lines_before_the_first_one_belong_to_it():
    assert right("\n    x", "\n    x\n    y") == Right(first=6, lines=6, spelled=6)
    assert right("\n    y", "\n    x").first == 0


def test_lines_count_as_far_as_they_are_right_one_after_the_other():
    found = right("a\nb\nX\nd", "a\nb\nc\nd")
    assert found == Right(first=1, lines=3, spelled=4)
    assert right("X\nb", "a\nb").lines == 0


def test_a_suggestion_in_the_wrong_column_is_wrong():
    assert right("a", None) == Right()


def test_nothing_is_never_right():
    assert right("", "a") == Right()
    assert right("  \n", "  \na") == Right()


@given(suggestion=texts, rest=texts)
def test_what_is_taken_is_what_the_person_would_write_up_to_a_line_end(suggestion, rest):
    found = right(suggestion, rest)
    for how in ("lines", "whole", "never"):
        count = taken(suggestion, found, how=how, least=1)
        assert rest.startswith(suggestion[:count])
        assert not count or rest[count : count + 1] in ("", "\n")
        assert not count or suggestion[:count].strip()
        assert how != "never" or not count
        assert how != "whole" or count in (0, len(suggestion))
    assert found.first <= found.lines <= found.spelled


def test_who_takes_only_whole_suggestions_takes_no_half_right_one():
    found = right("abc\nX", "abc\nd")
    assert taken("abc\nX", found, how="lines", least=1) == 3
    assert taken("abc\nX", found, how="whole", least=1) == 0


@given(rest=texts, more=texts)
def test_the_text_itself_is_taken_whole(rest, more):
    if rest.strip():
        found = right(rest, rest + "\n" + more)
        assert taken(rest, found, how="whole", least=1) == len(rest)


@pytest.mark.parametrize(("least", "expected"), [(2, 7), (3, 0)])
def test_a_line_that_is_too_short_is_not_taken_whatever_its_blanks(least, expected):
    suggestion = "\n    x)"
    found = right(suggestion, suggestion)
    assert taken(suggestion, found, how="lines", least=least) == expected
