"""The wait before a suggestion follows the person's typing and stays within what the setting allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.pace import Pace

MS = 1000


def typist(*gaps: float, text: str = "x") -> tuple[Pace, float]:
    """Somebody who typed a key and then one after each gap (seconds), and when the last one was."""
    pace, now = Pace(), 100.0
    pace.typed(now, text)
    for gap in gaps:
        now += gap
        pace.typed(now, text)
    return pace, now


def test_who_has_not_typed_waits_half_the_setting() -> None:
    assert Pace().delay(80, 5.0) == pytest.approx(0.04)


def test_in_a_burst_the_wait_outlasts_the_usual_gap() -> None:
    pace, now = typist(*[0.12] * 6)
    assert pace.delay(75, now) == pytest.approx(0.15)


def test_one_hesitation_does_not_move_the_wait() -> None:
    steady, now = typist(*[0.12] * 7)
    hesitant, then = typist(0.12, 0.12, 0.12, 0.5, 0.12, 0.12, 0.12)
    assert hesitant.delay(75, then) == pytest.approx(steady.delay(75, now))


def test_gaps_that_no_allowed_wait_outlasts_make_it_short() -> None:
    """Waiting 187 ms for a key that comes after 300 would only make every suggestion later."""
    pace, now = typist(*[0.3] * 6)
    assert pace.delay(75, now) == pytest.approx(0.0375)


@pytest.mark.parametrize("text", ["\n", "\n    ", "accepted()"], ids=["line end", "indented", "acceptance"])
def test_after_a_line_end_or_an_acceptance_the_wait_is_short(text: str) -> None:
    pace, now = typist(*[0.12] * 6)
    pace.typed(now + 0.12, text)
    assert pace.delay(75, now + 0.12) == pytest.approx(0.0375)


def test_after_a_pause_the_wait_is_short() -> None:
    pace, now = typist(*[0.12] * 6, 2.0)
    assert pace.delay(75, now) == pytest.approx(0.0375)


def test_an_acceptance_that_is_told_makes_the_wait_short() -> None:
    pace, now = typist(*[0.12] * 6)
    pace.accepted()
    assert pace.delay(75, now) == pytest.approx(0.0375)


def test_brackets_that_the_editor_closes_are_one_key() -> None:
    pace, now = typist(*[0.12] * 6, text="()")
    assert pace.delay(75, now) == pytest.approx(0.15)


def test_time_since_the_last_key_counts_as_waited_for() -> None:
    pace, now = typist(*[0.12] * 6)
    assert pace.delay(75, now + 0.1) == pytest.approx(0.05)
    assert pace.delay(75, now + 5) == 0.0


@given(
    gaps=st.lists(st.floats(-1, 5), max_size=20),
    debounce=st.integers(0, 2000),
    later=st.floats(-1, 5),
    text=st.sampled_from(["", "x", "()", "\n", "much more"]),
)
def test_a_wait_is_never_longer_than_two_and_a_half_settings(
    gaps: list[float], debounce: int, later: float, text: str
) -> None:
    pace, now = typist(*gaps, text=text)
    assert 0 <= pace.delay(debounce, now + later) <= 2.5 * debounce / MS + 1e-9
