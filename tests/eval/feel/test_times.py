"""From keys, frames and messages to how an editor felt."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.feel.plan import Key
from eval.feel.times import Exchange, Frame, Parts, Seen, exchanges, feel, watch


def keys(text: str) -> list[Key]:
    """A key for each character of a line."""
    return [
        Key(key=one, pause=0.1, text=one, typed=text[: place + 1], measured=True)
        for place, one in enumerate(text)
    ]


def frame(at: float, typed: str, ghost: str = "") -> Frame:
    return Frame(at=at, typed=typed, ghost=ghost)


def message(at: float, by: str, **told: Any) -> dict[str, Any]:
    return {"at": at, "by": by, "message": told}


ASK = {"method": "textDocument/inlineCompletion"}


def test_the_time_of_a_new_suggestion_is_told_by_its_parts() -> None:
    seen = watch(
        keys("r"),
        [1000.0],
        [frame(900, ""), frame(1010, "r"), frame(1130, "r", "eturn")],
        [Exchange(asked=1020, answered=1125, waited=75)],
    )
    parts = Parts(client=20, debounce=75, server=30, paint=5)
    assert seen == [Seen(after=130, fresh=True, parts=parts, flickers=None)]
    assert sum((parts.client, parts.debounce, parts.server, parts.paint)) == seen[0].after


def test_ghost_text_that_is_typed_through_is_not_new_and_does_not_flicker() -> None:
    frames = [frame(900, "r", "eturn x"), frame(1012, "re", "turn x"), frame(1050, "re", "turn x + 1")]
    (_, seen) = watch(keys("re"), [890.0, 1000.0], frames, [])
    assert seen == Seen(after=12, fresh=False, parts=None, flickers=0)


@pytest.mark.parametrize(
    "repaints",
    [
        [frame(1012, "re", ""), frame(1050, "re", "turn x")],  # gone and back
        [frame(1012, "re", "eturn x"), frame(1050, "re", "turn x")],  # moved along with the cursor
        [frame(1012, "re", "ad()")],  # another text
    ],
)
def test_a_repaint_that_changes_what_is_typed_through_flickers(repaints: list[Frame]) -> None:
    (_, seen) = watch(keys("re"), [890.0, 1000.0], [frame(900, "r", "eturn x"), *repaints], [])
    assert seen.flickers == 1


def test_the_line_end_is_typed_through_like_any_other_key() -> None:
    typed = [
        Key(key=")", pause=0.1, text=")", typed="f()", measured=True),
        Key(key="Enter", pause=0.1, text="\n    ", typed="    ", measured=True),
    ]
    frames = [frame(900, "f()", "\n    g()\n    h()"), frame(1012, "    ", "g()\n    h()")]
    (_, seen) = watch(typed, [890.0, 1000.0], frames, [])
    assert seen == Seen(after=12, fresh=False, parts=None, flickers=0)


def test_what_comes_behind_the_next_key_does_not_count() -> None:
    frames = [frame(900, ""), frame(1010, "r"), frame(1130, "r", "eturn"), frame(1140, "re", "turn")]
    first, second = watch(keys("re"), [1000.0, 1100.0], frames, [])
    assert first.after is None
    assert second == Seen(after=40, fresh=True, parts=None, flickers=None)


def test_an_answer_to_an_earlier_key_explains_no_later_one() -> None:
    frames = [frame(900, ""), frame(1010, "r"), frame(1110, "re", "turn")]
    answers = [Exchange(asked=1020, answered=1090, waited=0)]
    assert watch(keys("re"), [1000.0, 1100.0], frames, answers)[1].parts is None


def test_a_trace_tells_when_a_suggestion_was_asked_for_and_what_of_the_time_was_waited() -> None:
    log = "suggestion after 93 ms (37 waited): 12 tokens, stop"
    trace = [
        message(0, "server", id=1, result={"capabilities": {}}),
        message(10, "editor", id=2, **ASK),
        message(20, "editor", id=3, **ASK),
        message(21, "server", id=2, result=None),
        message(112, "server", method="window/logMessage", params={"type": 5, "message": log}),
        message(113, "server", id=3, result={"items": [{"insertText": "x"}]}),
        message(130, "editor", id=4, **ASK),
        message(131, "server", id=4, result={"items": [{"insertText": "y"}]}),
        message(140, "editor", id=5, **ASK),
        message(141, "server", id=5, result={"items": []}),
    ]
    assert exchanges(trace) == [
        Exchange(asked=20, answered=113, waited=37),
        Exchange(asked=130, answered=131, waited=0),
    ]


def test_figures_count_new_and_typed_through_apart() -> None:
    parts = Parts(client=1, debounce=2, server=3, paint=4)
    seen = [
        Seen(after=10, fresh=True, parts=parts, flickers=None),
        Seen(after=1, fresh=False, parts=None, flickers=0),
        Seen(after=3, fresh=True, parts=None, flickers=2),
        Seen(after=None, fresh=False, parts=None, flickers=None),
    ]
    found = feel(seen)
    assert (found.keys, found.answered, found.fresh, found.typed_through, found.flickers) == (4, 3, 2, 2, 2)
    assert (found.p50, found.fresh_p50) == (3, 6.5)
    assert (found.client, found.debounce, found.server, found.paint) == (1, 2, 3, 4)


def test_where_nothing_was_shown_there_is_no_time() -> None:
    assert math.isnan(feel([]).p50)


@given(
    text=st.text("ab", min_size=1, max_size=8),
    frames=st.lists(st.tuples(st.floats(0, 1000), st.text("ab", max_size=9), st.text("ab \n", max_size=4))),
)
def test_no_time_is_negative_nor_longer_than_to_the_next_key(
    text: str, frames: list[tuple[float, str, str]]
) -> None:
    pressed = [100.0 * place for place in range(len(text))]
    shown = sorted(
        (Frame(at=at, typed=typed, ghost=ghost) for at, typed, ghost in frames), key=lambda one: one.at
    )
    for place, one in enumerate(watch(keys(text), pressed, shown, [])):
        if one.after is not None:
            assert 0 <= one.after <= (1500 if place == len(text) - 1 else 100)
            assert one.fresh or one.flickers is not None
