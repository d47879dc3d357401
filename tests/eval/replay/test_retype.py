"""What the person of a replay does, and what is told to the server, against servers that are made up."""

import asyncio
from types import SimpleNamespace

import pytest
from lsprotocol import types

from eval.replay import retype
from eval.replay.retype import Session
from eval.replay.typist import Typist

FAST = {"speed": 10_000.0, "reaction": 0.0}


async def typed(replaying, answer, *, piece=None, ranges=None, **who):
    piece = piece or replaying.piece()
    editor = replaying.editor(piece, answer)
    editor.ranges = ranges
    return await Session(editor, piece, Typist(**{**FAST, **who})).type(), editor, piece


def truth(replaying):
    """A server that knows everything: it suggests the rest of the line."""

    def answer(text, at):
        done = text[len(replaying.head) : at]
        return replaying.target[len(done) :].split("\n")[0] or None

    return answer


async def test_without_suggestions_every_key_is_pressed_and_asked_for(replaying):
    found, editor, piece = await typed(replaying, lambda text, at: None)
    assert editor.text(piece.path) == piece.head + piece.target + piece.tail
    assert found.keys == piece.keys().keys_alone()
    assert found.taken == []
    assert {(one.kind, one.outcome) for one in found.asked} == {("cold", "nothing")}
    # After the last key nobody waits for anything.
    assert len(found.asked) == found.keys - 1


async def test_right_lines_are_taken_and_told_to_the_server(replaying):
    found, editor, piece = await typed(replaying, truth(replaying))
    assert editor.text(piece.path) == piece.head + piece.target + piece.tail
    lines = [line.strip() for line in piece.target.split("\n")]
    assert [news for kind, news in editor.news if kind == "accept"] == [lines[0][1:], lines[1], lines[2]]
    # The first letter, an acceptance a line, an Enter between them.
    assert found.keys == 1 + 3 + 2
    assert {one.kind for one in found.asked} == {"cold", "after acceptance"}
    assert all(one.whole for one in found.taken)


async def test_only_the_right_lines_of_a_suggestion_are_taken_and_that_is_no_acceptance(replaying):
    def answer(text, at):
        return "total = a + b\n    return None" if text[:at].endswith("b):\n    ") else None

    found, editor, _ = await typed(replaying, answer)
    assert [one.characters for one in found.taken] == [len("total = a + b")]
    assert not found.taken[0].whole
    assert not any(kind == "accept" for kind, _ in editor.news)
    found, _, _ = await typed(replaying, answer, taking="whole")
    assert found.taken == []


async def test_what_is_typed_through_stays_visible_and_is_asked_for_as_such(replaying):
    found, _, _ = await typed(replaying, truth(replaying), taking="never")
    first = found.asked[: len("def add(a, b):")]
    assert [one.kind for one in first] == ["cold"] + ["typed-on"] * (len(first) - 2) + ["cold"]
    assert [one.fresh for one in first] == [True] + [False] * (len(first) - 1)
    assert not any(one.changed for one in found.asked)


async def test_a_suggestion_that_goes_away_under_the_fingers_is_a_change(replaying):
    answer = truth(replaying)

    def flickers(text, at):
        return answer(text, at) if (at - len(replaying.head)) % 4 else None

    found, _, _ = await typed(replaying, flickers, taking="never")
    changed = [one for one in found.asked if one.changed]
    assert changed
    assert all(one.kind == "typed-on" and one.outcome == "nothing" for one in changed)


async def test_more_text_behind_what_is_visible_is_no_change(replaying):
    answer = truth(replaying)
    found, _, _ = await typed(
        replaying, lambda text, at: (answer(text, at) or "") + "\nx" * at or None, taking="never"
    )
    assert not any(one.changed for one in found.asked)


async def test_what_is_under_way_at_the_next_key_is_cancelled_and_counts_as_late(replaying):
    found, editor, _ = await typed(replaying, lambda text, at: "never")
    assert {one.outcome for one in found.asked} == {"late"}
    cancelled = [number for kind, number in editor.news if kind == "cancel"]
    assert cancelled == [number for kind, number in editor.news if kind == "ask"]
    assert found.unanswered == 0
    # The change is told first, as VS Code does.
    kinds = [kind for kind, _ in editor.news]
    assert kinds[kinds.index("cancel") - 1] == "change"


async def test_an_editor_that_does_not_cancel_says_so_of_what_was_never_answered(replaying, monkeypatch):
    monkeypatch.setattr("eval.replay.retype._LAST_WORDS", 0.01)
    found, editor, _ = await typed(replaying, lambda text, at: "never", cancels=False)
    assert not any(kind == "cancel" for kind, _ in editor.news)
    assert found.unanswered == len(found.asked)


async def test_a_suggestion_is_not_taken_before_the_person_can_have_seen_it(replaying):
    found, _, _ = await typed(replaying, truth(replaying), reaction=1e9)
    assert found.taken == []
    assert any(one.outcome == "suggestion" for one in found.asked)


@pytest.fixture
def punctual(monkeypatch):
    """A clock that only waiting moves: on a busy machine keys come later than they are due."""
    now, sleep = [0.0], asyncio.sleep

    async def waited(seconds):
        await sleep(0)  # what has been answered is heard first
        now[0] += max(seconds, 0)

    monkeypatch.setattr(retype, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(asyncio, "sleep", waited)


async def test_what_is_left_of_a_suggestion_can_be_taken_while_the_next_answer_is_awaited(
    replaying, punctual
):
    answer = truth(replaying)
    answered = []

    def once(text, at):
        if answered:
            return "never"
        answered.append(at)
        return answer(text, at)

    found, editor, _ = await typed(
        replaying, once, reaction=0.25, interval=0.2, interval_spread=0.0, speed=1.0
    )
    (one,) = found.taken
    assert one.agreed == 2, (
        "seen behind the first key for a quarter of a second, which the third is due after"
    )
    assert ("accept", replaying.target.split("\n")[0][one.agreed :]) in editor.news


async def test_an_item_that_changes_more_than_it_adds_is_never_taken(replaying):
    def ranges(place):
        end = types.Position(line=place.line + 1, character=0)
        return types.Range(start=types.Position(line=place.line, character=0), end=end)

    found, _, _ = await typed(replaying, truth(replaying), ranges=ranges)
    assert found.taken == []
    assert not any(one.fits for one in found.asked if one.outcome == "suggestion")


async def test_an_item_that_replaces_the_word_it_begins_with_only_adds(replaying):
    def answer(text, at):
        line = text[text.rfind("\n", 0, at) + 1 : at]
        rest = truth(replaying)(text, at)
        return line + rest if rest else None

    def ranges(place):
        return types.Range(start=types.Position(line=place.line, character=0), end=place)

    found, _, _ = await typed(replaying, answer, ranges=ranges, taking="never")
    first = next(one for one in found.asked if one.outcome == "suggestion")
    assert first.fits
    assert first.text == "ef add(a, b):"
