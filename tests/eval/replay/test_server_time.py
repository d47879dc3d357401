"""A log line is the right request's, or nobody's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.replay.server_time import Heard, Line, computed, read


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("suggestion after 93 ms (37 waited): 12 tokens, stop", (0.093, 0.037)),
        ("no suggestion after 5 ms (0 waited): the model has nothing to add here", (0.005, 0.0)),
        ("suggestion after 93 ms: 12 tokens, stop", None),
        ("copied 'suggestion after 93 ms (37 waited): ' from a.py, line 1 (file)", None),
        ("loaded the model in 300 ms", None),
    ],
)
def test_a_line_tells_how_long_an_answer_took_and_how_much_of_it_was_waiting(text, numbers):
    line = read(text, at=1.0)
    assert (None if line is None else (line.took, line.waited)) == numbers


def test_what_is_heard_stays_in_the_list_and_the_answers_have_their_time():
    heard = Heard()
    for text in ("loaded", "no suggestion after 5 ms (1 waited): because"):
        heard.append(text)
    assert heard == ["loaded", "no suggestion after 5 ms (1 waited): because"]
    assert [(line.took, line.waited) for line in heard.answers] == [(0.005, 0.001)]


def line(at, took, waited=0):
    return Line(at=at, took=took / 1000, waited=waited / 1000)


def test_each_line_is_of_the_request_that_it_answers():
    lines = [line(0.06, 60, 40), line(0.205, 5)]
    assert computed(lines, [0.0, 0.2]) == [20.0, 5.0]


def test_a_request_without_a_line_leaves_those_of_the_others_in_their_place():
    """One that was cancelled has none."""
    assert computed([line(0.46, 60, 40)], [0.0, 0.2, 0.4]) == [None, None, 20.0]


def test_a_line_that_comes_after_the_next_key_is_still_of_the_request_before():
    assert computed([line(0.201, 199, 40)], [0.0, 0.2]) == [159.0, None]


def test_a_second_line_of_a_request_is_nobodys():
    """Who asks for several candidates gets a line for each of them."""
    assert computed([line(0.26, 50), line(0.27, 55)], [0.0, 0.2]) == [None, 50.0]


def test_a_line_from_before_the_first_request_is_nobodys():
    assert computed([line(0.05, 60)], [0.1]) == [None]
    assert computed([line(0.05, 60)], []) == []


@given(
    st.lists(
        st.tuples(st.integers(2, 400), st.integers(0, 399), st.booleans(), st.integers(0, 1)), max_size=20
    )
)
def test_lines_that_come_at_once_find_their_requests_whatever_is_missing(keys):
    """As long as a line is not later than rounding, and an answer comes before the next key."""
    asked, lines, expected, now = [], [], [], 0.0
    for gap, took, answered, late in keys:
        asked.append(now)
        took = min(took, gap - 2)
        answered = answered and took >= 0
        if answered:
            lines.append(line(now + (took + late) / 1000, took))
        expected.append(float(took) if answered else None)
        now += gap / 1000
    assert computed(lines, asked) == expected
