"""What became of a suggestion is told from edits, commands and news of the client, each once and rightly."""

from __future__ import annotations

from dataclasses import fields
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.signals.facts import OUTCOMES, Fact, Record, Survived
from lsp_server.signals.offer import Showing
from lsp_server.signals.outcomes import Signals
from lsp_server.signals.survival import share

TEXT = "foo(first, second)"
BEFORE, BEHIND = "a = 1\nx = ", "\ny = 2\n"


class Editor:
    """One document, a clock, and what was told. `item` is the name of the item shown last."""

    def __init__(self, before: str = BEFORE, behind: str = BEHIND, *, keep_text: bool = False) -> None:
        self.before, self.behind = before, behind
        self.now = 1000.0
        self.told: list[Fact] = []
        numbers = map(str, count(1))
        self.signals = Signals(self.told.append, keep_text=keep_text, new_id=lambda: f"id{next(numbers)}")
        self.names = map(str, count(1))
        self.item = ""

    @property
    def text(self) -> str:
        return self.before + self.behind

    def show(self, *texts: str, begun: str = "", **more: bool) -> None:
        showing = Showing(
            uri="a", before=self.before, behind=self.behind, texts=texts, begun=len(begun), language="python",
            kind="line", latency_ms=120.0, waited_ms=75.0, **more,
        )  # fmt: skip
        self.signals.shown(showing, self.text, now=self.now, at=self.now + 1e9)
        for text in texts:
            self.item = next(self.names)
            self.signals.named(self.item, "a", text)

    def put(self, before: str, behind: str | None = None, *, after: float = 1.0) -> None:
        """The document becomes another."""
        self.now += after
        old = self.text
        self.before, self.behind = before, self.behind if behind is None else behind
        self.signals.changed("a", [old, self.text], now=self.now)

    def type(self, text: str, *, after: float = 0.5) -> None:
        for one in text:
            self.put(self.before + one, after=after)

    def insert(self, text: str, *, after: float = 1.0) -> None:
        self.put(self.before + text, after=after)

    def run_command(self, *, after: float = 0.01) -> None:
        self.now += after
        self.signals.accepted(self.item, self.text, now=self.now)

    def say_partly(self, length: int) -> None:
        self.signals.told_partly(self.item, length, self.text, now=self.now)

    def close(self, *, after: float = 0.5) -> None:
        self.now += after
        self.signals.ended(lambda _: self.text, now=self.now)

    @property
    def records(self) -> dict[str, Record]:
        """The last record of each id."""
        return {one.id: one for one in self.told if isinstance(one, Record)}

    @property
    def record(self) -> Record:
        (record,) = self.records.values()
        return record

    @property
    def survived(self) -> list[tuple[int, float]]:
        return [
            (one.seconds, share(one.accepted, one.window)) for one in self.told if isinstance(one, Survived)
        ]


@pytest.fixture
def editor() -> Editor:
    editor = Editor()
    editor.show(TEXT)
    return editor


def outcome(editor: Editor) -> tuple[str, int]:
    return editor.record.outcome, editor.record.accepted


def test_an_edit_that_puts_it_in_whole_accepts_it_also_where_no_command_comes(editor: Editor) -> None:
    editor.insert(TEXT, after=2.0)
    assert editor.told == [
        Record(
            id="id1", at=1e9 + 1000, language="python", kind="line", invoked=False, outcome="accepted",
            characters=18, lines=1, accepted=18, latency_ms=120.0, waited_ms=75.0, stood_ms=2000.0,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("command_first", [False, True])
def test_the_command_and_the_edit_are_one_acceptance_in_either_order(
    editor: Editor, command_first: bool
) -> None:
    if command_first:
        editor.run_command()
    editor.insert(TEXT)
    if not command_first:
        editor.run_command()
    editor.close()
    assert outcome(editor) == ("accepted", 18)
    assert len(editor.told) == 1


@pytest.mark.parametrize("command_first", [False, True])
def test_a_short_one_is_accepted_when_the_command_says_so_and_typed_when_it_does_not(
    command_first: bool,
) -> None:
    """Two characters may have been typed between two messages."""
    editor = Editor()
    editor.show(")]")
    editor.insert(")]")
    assert outcome(editor) == ("typed", 0)
    editor = Editor()
    editor.show(")]")
    if command_first:
        editor.run_command()
    editor.insert(")]")
    if not command_first:
        editor.run_command()
    editor.close(after=40)
    assert outcome(editor) == ("accepted", 2)
    assert editor.survived == [(30, 1.0)]


def test_a_command_long_after_it_was_typed_changes_nothing() -> None:
    editor = Editor()
    editor.show("ab")
    editor.type("ab")
    editor.run_command(after=10)
    assert outcome(editor) == ("typed", 0)


def test_what_an_editor_changes_a_little_when_it_accepts_is_accepted(editor: Editor) -> None:
    editor.run_command()
    editor.insert(TEXT.replace(" ", ""))
    editor.close(after=31)
    assert outcome(editor) == ("accepted", 18)
    assert editor.survived == [(30, 1.0)]


def test_a_command_behind_such_an_edit_takes_the_rejection_back(editor: Editor) -> None:
    editor.insert(TEXT.replace(" ", ""))
    assert outcome(editor) == ("rejected", 0)
    editor.run_command()
    assert outcome(editor) == ("accepted", 18)


def test_who_types_it_saves_nothing(editor: Editor) -> None:
    editor.type(TEXT)
    assert outcome(editor) == ("typed", 0)


def test_keys_that_come_in_twos_and_threes_are_typed(editor: Editor) -> None:
    """Neovim tells of edits at most every 150 ms."""
    for piece in ("foo", "(f", "irs", "t, ", "sec", "ond", ")"):
        editor.insert(piece, after=0.15)
    assert outcome(editor) == ("typed", 0)


def test_the_indentation_that_comes_with_enter_is_not_taken() -> None:
    editor = Editor()
    editor.show("if y:\n            return 1")
    editor.type("if y:")
    editor.insert("\n            ")
    editor.insert("return 1")
    assert outcome(editor) == ("accepted", 8)


@pytest.mark.parametrize("shown_again", [False, True])
def test_a_part_of_it_is_taken_and_something_else_typed(editor: Editor, shown_again: bool) -> None:
    editor.insert("foo(first")
    if shown_again:
        editor.show(", second)")
    editor.type("]")
    assert outcome(editor) == ("partly", 9)
    assert editor.record.characters == 18


def test_words_taken_one_after_the_other_are_one_suggestion_taken_whole(editor: Editor) -> None:
    for word in ("foo(", "first", ", second)"):
        editor.insert(word)
        editor.show(TEXT[len(editor.before) - len(BEFORE) :] or "other")
    assert editor.records["id1"].outcome == "accepted"
    assert editor.records["id1"].accepted == 18


def test_the_rest_of_what_is_typed_along_is_the_same_suggestion(editor: Editor) -> None:
    editor.type("foo(")
    editor.show("first, second)")
    editor.insert("first, second)")
    assert outcome(editor) == ("accepted", 14)


def test_a_bracket_that_the_editor_closes_is_typing_along(editor: Editor) -> None:
    editor.type("foo")
    editor.put(editor.before + "(", ")" + BEHIND)
    editor.show("first, second")
    editor.insert("first, second")
    assert outcome(editor) == ("accepted", 14)  # with the bracket, which stands there already


@pytest.mark.parametrize("typed", ["b", "foo)x", "\n", "foo(x"])
def test_something_else_is_typed(editor: Editor, typed: str) -> None:
    editor.type(typed)
    assert outcome(editor) == ("rejected", 0)


def test_something_is_deleted_at_its_place(editor: Editor) -> None:
    editor.put("a = 1\nx =")
    assert outcome(editor) == ("rejected", 0)


def test_what_was_gone_at_once_nobody_has_judged(editor: Editor) -> None:
    editor.type("b", after=0.1)
    assert outcome(editor) == ("unseen", 0)


@pytest.mark.parametrize("where", ["above", "below", "closed", "elsewhere"])
def test_who_goes_elsewhere_says_nothing(editor: Editor, where: str) -> None:
    if where == "above":
        editor.put("import os\n" + BEFORE)
    elif where == "below":
        editor.put(BEFORE, BEHIND + "z = 3\n")
    elif where == "closed":
        editor.close()
    else:
        editor.now += 1
        editor.before, editor.behind = editor.text, ""
        editor.show("other = 3")
    assert editor.records["id1"].outcome == "left"


def test_the_same_answer_again_is_one_suggestion(editor: Editor) -> None:
    editor.show(TEXT)
    editor.show(TEXT, "bar(first)", invoked=True)
    editor.insert("bar(first)")
    assert outcome(editor) == ("accepted", 10)


@pytest.mark.parametrize("order", [("foo(1)", "foo(1) + bar"), ("foo(1) + bar", "foo(1)")])
def test_one_of_several_is_accepted_also_where_another_begins_like_it(order: tuple[str, str]) -> None:
    editor = Editor()
    editor.show(*order, invoked=True)
    editor.insert("foo(1)")
    assert outcome(editor) == ("accepted", 6)
    assert editor.record.invoked


def test_what_a_menu_entry_begins_with_is_not_counted() -> None:
    editor = Editor(BEFORE, BEHIND)
    editor.show("print(value)", begun="print")
    editor.insert("print(value)")
    assert outcome(editor) == ("accepted", 7)
    assert editor.record.characters == 7


def test_a_menu_entry_half_typed_when_it_is_shown() -> None:
    editor = Editor(BEFORE + "pr", BEHIND)
    showing = Showing(uri="a", before=BEFORE, behind=BEHIND, texts=("print(value)",), begun=5)
    editor.signals.shown(showing, editor.text, now=editor.now, at=0)
    editor.insert("int(value)")
    assert outcome(editor) == ("accepted", 7)


def test_a_document_of_another_text_than_was_asked_for_is_not_counted() -> None:
    editor = Editor()
    showing = Showing(uri="a", before="other", behind="", texts=("x",))
    editor.signals.shown(showing, editor.text, now=editor.now, at=0)
    editor.close()
    assert editor.told == []


# News of the client


def test_where_the_client_tells_what_it_shows_nothing_else_was_shown(editor: Editor) -> None:
    editor.now += 5
    editor.signals.told_shown(editor.item, now=editor.now)
    editor.type("b")
    assert editor.record.stood_ms == 500
    editor.before = BEFORE
    editor.show("bar(2)")
    editor.type("z")
    assert list(editor.records) == ["id1"]
    editor.before = BEFORE
    editor.show("baz(2)")
    editor.insert("baz(2)")
    assert editor.records["id3"].outcome == "accepted"


@pytest.mark.parametrize("told_first", [False, True])
def test_how_much_was_taken_is_counted_from_the_items_beginning_and_not_added_up(told_first: bool) -> None:
    editor = Editor()
    editor.show("a.b(c)")
    for piece, length in (("a", 1), (".b", 3), ("(", 4)):
        if told_first:
            editor.say_partly(length)
        editor.insert(piece)
        if not told_first:
            editor.say_partly(length)
    editor.close(after=40)
    assert outcome(editor) == ("partly", 4)
    assert editor.survived == [(30, 1.0)]


def test_lengths_are_utf_16_units_of_the_item_as_the_editor_got_it() -> None:
    editor = Editor()
    showing = Showing(uri="a", before=BEFORE, behind=BEHIND, texts=("😀é\nfoo",))
    editor.signals.shown(showing, editor.text, now=editor.now, at=0)
    editor.signals.named("1", "a", "😀é\r\nfoo")
    editor.signals.told_partly("1", 6, editor.text, now=editor.now)
    editor.insert("😀é\nf")
    editor.type("x")
    assert outcome(editor) == ("partly", 4)


def test_a_part_is_counted_from_where_its_item_begins(editor: Editor) -> None:
    editor.type("foo(")
    editor.show("first, second)")
    editor.say_partly(1)
    editor.insert("f")
    editor.close()
    assert outcome(editor) == ("partly", 1)


def test_news_of_items_that_nobody_knows_change_nothing(editor: Editor) -> None:
    for name in ("77", ""):
        editor.signals.told_partly(name, 4, editor.text, now=editor.now)
        editor.signals.accepted(name, editor.text, now=editor.now)
    editor.say_partly(0)
    editor.say_partly(-5)
    editor.signals.named("9", "other", "x")
    editor.close()
    assert outcome(editor) == ("left", 0)


# Survival


def test_it_is_judged_as_it_stood_when_its_time_came_however_late_that_is_found_out(editor: Editor) -> None:
    editor.insert(TEXT)
    editor.put(editor.before.replace("first", "one"), after=20)
    editor.put(editor.before.replace("one, ", ""), after=20)
    editor.put("", "", after=400)
    assert editor.survived == [(30, pytest.approx(1 - 5 / 18)), (300, pytest.approx(1 - 7 / 18))]


def test_it_is_not_known_before_its_time(editor: Editor) -> None:
    editor.insert(TEXT)
    editor.close(after=29)
    assert editor.survived == []


def test_it_is_followed_through_each_edit_of_a_message(editor: Editor) -> None:
    editor.insert(TEXT)
    assert editor.signals.follows("a")
    assert not editor.signals.follows("b")
    texts = [editor.text, "# 1\n" + editor.text, "# 1\n" + editor.text + "# 2\n"]
    editor.signals.changed("a", texts, now=editor.now + 1)
    editor.signals.closed("a", texts[-1], now=editor.now + 301)
    assert editor.survived == [(30, 1.0), (300, 1.0)]
    assert not editor.signals.follows("a")


def test_its_record_comes_before_what_survived_also_where_a_rest_is_still_shown(editor: Editor) -> None:
    editor.insert("foo(first")
    editor.close(after=60)
    assert [type(one) for one in editor.told] == [Record, Survived]
    assert outcome(editor) == ("partly", 9)


def test_of_a_document_that_is_gone_nothing_is_known(editor: Editor) -> None:
    editor.insert(TEXT)
    editor.signals.ended(lambda _: None, now=editor.now + 100)
    assert editor.survived == []


# Texts


def test_no_text_is_told_unless_it_is_asked_for(editor: Editor) -> None:
    editor.insert(TEXT)
    assert editor.record.text is None
    assert not any(TEXT in str(getattr(editor.record, one.name)) for one in fields(Record))
    asked = Editor(keep_text=True)
    asked.show(TEXT)
    asked.insert(TEXT)
    assert asked.record.text == TEXT
    assert TEXT not in repr(asked.told)  # nor does a log show it


# A person at work

WORDS = st.sampled_from(["foo", "bar(x)", "(", ")", " + ", "\n    ", "😀", "return y", "a"])
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ask", "type along", "take a word", "take all", "other", "back", "above", "command", "partly"]
        ),
        WORDS,
        st.floats(0, 60),
    ),
    max_size=12,
)


@given(suggestion=st.lists(WORDS, min_size=1, max_size=4).map("".join), acts=ACTS, tells=st.booleans())
def test_whatever_a_person_does_every_suggestion_has_one_outcome_that_fits_it(
    suggestion: str, acts: list[tuple[str, str, float]], tells: bool
) -> None:
    editor = Editor()
    editor.show(suggestion)
    put_in = 0  # characters that came other than by a key of their own
    for act, word, after in acts:
        rest = suggestion[len(editor.before) - len(BEFORE) :] if editor.before.startswith(BEFORE) else ""
        editor.now += after
        if act == "ask":
            editor.show(rest or word)
            if tells:
                editor.signals.told_shown(editor.item, now=editor.now)
        elif act == "type along":
            editor.type(rest[:1])
        elif act in ("take a word", "take all"):
            taken = rest[: len(word)] if act == "take a word" else rest
            put_in += len(taken)
            editor.insert(taken)
        elif act == "other":
            put_in += len(word)
            editor.insert(word)
        elif act == "back":
            editor.put(editor.before[:-1])
        elif act == "above":
            editor.put("#\n" + editor.before)
        elif act == "command":
            put_in += len(suggestion)
            editor.run_command()
        else:
            put_in += len(word)
            editor.say_partly(len(word))
    editor.close(after=400)
    assert len(editor.records) <= 1 + sum(act == "ask" for act, *_ in acts)
    if not tells:
        assert "id1" in editor.records
    for record in editor.records.values():
        assert record.outcome in OUTCOMES
        assert 0 <= record.accepted <= record.characters
        assert (record.accepted > 0) == (record.outcome in ("accepted", "partly"))
        assert record.stood_ms >= 0
    if put_in == 0:
        assert all(record.accepted == 0 for record in editor.records.values())
    for one in editor.told:
        if isinstance(one, Survived):
            assert editor.records[one.id].outcome in ("accepted", "partly")
            assert 0 <= share(one.accepted, one.window) <= 1
    last = [one.id for one in editor.told if isinstance(one, Record) and one.outcome != "accepted"]
    assert len(last) == len(set(last)), "told twice"


@given(pieces=st.lists(st.text("abc(\n é", min_size=1, max_size=6), min_size=1, max_size=5), data=st.data())
def test_characters_taken_are_those_of_the_pieces_that_no_key_makes(
    pieces: list[str], data: st.DataObject
) -> None:
    editor = Editor()
    text = "".join(pieces)
    editor.show(text)
    expected = 0
    for piece in pieces:
        if data.draw(st.booleans()):
            editor.type(piece)
        else:
            editor.insert(piece)
            expected += len(piece) if len("".join(piece.split())) > 3 else 0
    assert editor.record.accepted == expected
