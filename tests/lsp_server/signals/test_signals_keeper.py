"""What the service and the server tell reaches the file, whatever line ends and encodings editors have."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lsp_server.documents import Document, Edit, Encoding
from lsp_server.open_texts import Chosen, OpenTexts
from lsp_server.signals.keeper import Keeper, name_of
from lsp_server.signals.store import Row, rows
from lsp_server.suggestion import Suggestion

TEXT = "a = 1\r\nx = \r\ny = 2\r\n"


class Desk:
    """One open document and a keeper; the clock stands where it is put."""

    def __init__(self, file: Path, text: str = TEXT, encoding: Encoding = "utf-16") -> None:
        self.now = 50.0
        self.file = file
        self.texts = OpenTexts()
        self.texts.encoding = encoding
        self.texts.open("u", Document(path="/w/a.py", language_id="python", text=text))
        self.keeper = Keeper(self.texts.get, keep_text=True, file=file, clock=lambda: self.now)

    def show(self, line: int, character: int, text: str, chosen: Chosen | None = None) -> None:
        place = self.texts.place("u", (line, character), chosen)
        assert place is not None
        suggestion = Suggestion(text=text, tokens=3, stop_reason="end_of_text", kind="block")
        self.keeper.shown("u", place, chosen, [suggestion], invoked=True, asked=self.now - 0.2, waited=0.075)
        begun = "" if chosen is None else chosen.text
        self.keeper.named("1", "u", (begun + text).replace("\n", "\r\n"))

    def edit(self, *edits: Edit, after: float = 1.0) -> None:
        self.now += after
        before = self.texts.get("u")
        assert before is not None
        self.texts.change("u", edits)
        self.keeper.changed("u", before, edits, self.texts.encoding)

    def kept(self) -> Row:
        self.keeper.close()
        assert self.keeper.join(30)
        (row,) = rows(self.file)
        return row


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "s")


def at(line: int, character: int, text: str, *, to: int | None = None) -> Edit:
    return Edit(text=text, start=(line, character), end=(line, character if to is None else to))


def test_line_ends_of_the_editor_are_no_difference(desk: Desk) -> None:
    desk.show(1, 4, "foo(\n    1)")
    desk.edit(at(1, 4, "foo(\r\n    1)"))
    row = desk.kept()
    assert (row.outcome, row.accepted, row.characters, row.lines) == ("accepted", 11, 11, 2)
    assert (row.language, row.kind, row.invoked, row.text) == ("python", "block", True, "foo(\n    1)")
    assert row.latency_ms == pytest.approx(200)
    assert row.waited_ms == pytest.approx(75)
    assert row.stood_ms == pytest.approx(1000)
    assert abs(row.at - time.time()) < 600


@pytest.mark.parametrize(("encoding", "column"), [("utf-16", 10), ("utf-8", 12), ("utf-32", 9)])
def test_columns_are_counted_as_was_agreed(tmp_path: Path, encoding: Encoding, column: int) -> None:
    desk = Desk(tmp_path / "s", "x = '😀' + \n", encoding)
    desk.show(0, column, "foo(1)")
    desk.edit(at(0, column, "foo(1)"))
    desk.edit(at(0, 0, "😀"), at(0, 0, "b", to=1), after=20)
    desk.now += 20
    row = desk.kept()
    assert (row.outcome, row.survived_30) == ("accepted", 1.0)


def test_edits_of_one_message_on_both_sides_take_nothing_away(desk: Desk) -> None:
    """As one change from the first to the last they would cover it."""
    desk.show(1, 4, "foo(1)")
    desk.edit(at(1, 4, "foo(1)"))
    desk.edit(at(0, 0, "q" * 50), at(2, 0, "foo(2)\r\n" * 50), at(1, 4, "bar", to=7))
    desk.now += 60
    assert desk.kept().survived_30 == pytest.approx(0.5)


def test_more_edits_than_are_followed_are_one_change(desk: Desk) -> None:
    desk.show(1, 4, "foo(1)")
    desk.edit(at(1, 4, "foo(1)"))
    desk.edit(*[at(0, 0, "q")] * 200)
    desk.now += 60
    assert desk.kept().survived_30 == 1.0


def test_an_editor_that_sends_the_whole_text_is_understood(desk: Desk) -> None:
    desk.show(1, 4, "foo(1)")
    desk.edit(Edit(text=TEXT.replace("x = ", "x = foo(1)")))
    assert desk.kept().outcome == "accepted"


def test_a_menus_entry_is_not_ours(desk: Desk) -> None:
    chosen = Chosen(start=(1, 0), end=(1, 4), text="xylophone")
    desk.show(1, 4, ".play()", chosen)
    desk.edit(at(1, 0, "xylophone.play()", to=4))
    row = desk.kept()
    assert (row.outcome, row.accepted, row.text) == ("accepted", 7, ".play()")


def test_the_clients_news_reach_the_item_that_they_name(desk: Desk) -> None:
    desk.show(1, 4, "ab(1)")
    item = {"command": {"arguments": ["1"]}}
    desk.keeper.did_show(item)
    desk.keeper.did_partly_accept(item, 2)
    desk.edit(at(1, 4, "ab"))
    desk.edit(at(1, 6, "!"))
    row = desk.kept()
    assert (row.outcome, row.accepted) == ("partly", 2)


def test_the_command_reaches_the_item_that_it_names(desk: Desk) -> None:
    desk.show(1, 4, "ab")
    desk.edit(at(1, 4, "ab"))
    desk.keeper.accepted("1")
    assert desk.kept().outcome == "accepted"


@pytest.mark.parametrize(
    "item",
    [None, 5, "x", {}, {"command": None}, {"command": {"arguments": "1"}}, {"command": {"arguments": [[]]}}],
)
def test_a_client_may_send_anything(desk: Desk, item: object) -> None:
    assert name_of(item) is None
    desk.show(1, 4, "ab(1)")
    desk.keeper.did_show(item)
    desk.keeper.did_partly_accept(item, 3)
    desk.keeper.did_partly_accept({"command": {"arguments": ["1"]}}, "3")
    desk.keeper.accepted(item)
    assert desk.kept().outcome == "unseen"


def test_a_document_that_is_closed_is_judged_as_it_was(desk: Desk) -> None:
    desk.show(1, 4, "foo(1)")
    desk.edit(at(1, 4, "foo(1)"))
    desk.now += 40
    document = desk.texts.close("u")
    assert document is not None
    desk.keeper.closed("u", document)
    desk.now += 400
    row = desk.kept()
    assert (row.survived_30, row.survived_300) == (1.0, None)


def test_what_is_not_open_is_nobodys_business(desk: Desk) -> None:
    place = desk.texts.place("u", (1, 4), None)
    assert place is not None
    document = desk.texts.close("u")
    assert document is not None
    suggestion = Suggestion(text="x", tokens=1, stop_reason="end_of_text")
    desk.keeper.shown("u", place, None, [suggestion], invoked=False, asked=0.0, waited=0.0)
    desk.keeper.changed("u", document, [], "utf-16")
    desk.keeper.close()
    assert desk.keeper.join(30)
    assert not desk.file.exists()
