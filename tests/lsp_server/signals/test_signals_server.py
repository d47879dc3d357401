"""A real server keeps signals where its user wants them, and nothing where not. The engine is a fake."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from lsprotocol import types

from eval.editor import Editor
from lsp_server.signals.store import rows

FAKE = (sys.executable, "-I", str(Path(__file__).parents[1] / "data" / "fake_server.py"))
TEXT = "# fake: return first + second\ndef add(first, second):\n    "

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the data folder is set by XDG_DATA_HOME")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "tabwright" / "signals.sqlite3"


def editor_with(tmp_path: Path, **settings: object) -> Editor:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return Editor(folder, settings={"debounceMs": 0, **settings}, command=FAKE)


async def suggested(editor: Editor, text: str = TEXT) -> types.InlineCompletionItem:
    editor.open("a.py", text + "\n")
    item = await editor.suggest("a.py", len(text))
    assert item is not None
    return item


async def test_what_is_accepted_is_kept_without_a_word_of_it(tmp_path: Path, kept: Path) -> None:
    async with editor_with(tmp_path, signals=True) as editor:
        await editor.accept("a.py", await suggested(editor))
        await editor.status()
    assert editor.exit_status == 0
    (row,) = rows(kept)
    assert (row.outcome, row.language, row.characters, row.accepted) == ("accepted", "python", 21, 21)
    assert row.kind in ("line", "block")
    assert 0 < row.latency_ms < 60_000
    assert row.text is None
    for file in kept.parent.iterdir():
        assert b"first" not in file.read_bytes()


async def test_its_text_is_kept_where_that_is_asked_for(tmp_path: Path, kept: Path) -> None:
    async with editor_with(tmp_path, signals=True, signalsText=True) as editor:
        item = await suggested(editor)
        await asyncio.sleep(0.3)
        editor.replace("a.py", len(TEXT), len(TEXT), "x")
        await editor.status()
    (row,) = rows(kept)
    assert (row.outcome, row.text) == ("rejected", item.insert_text)


@pytest.mark.parametrize("settings", [{}, {"signals": False, "signalsText": True}])
async def test_nothing_is_kept_unless_it_is_asked_for(
    tmp_path: Path, kept: Path, settings: dict[str, object]
) -> None:
    async with editor_with(tmp_path, **settings) as editor:
        await editor.accept("a.py", await suggested(editor))
        # A workspace's settings come later, and decide nothing here.
        editor.configure({"tabwright": {"signals": True}})
        await editor.accept("a.py", await suggested(editor))
        await editor.status()
    assert not kept.parent.exists()


async def test_news_of_the_client_counts_and_nonsense_does_no_harm(tmp_path: Path, kept: Path) -> None:
    async with editor_with(tmp_path, signals=True) as editor:
        item = await suggested(editor)
        assert item.command is not None
        told = {"command": {"title": "", "command": "", "arguments": item.command.arguments}}
        for method, params in (
            ("didShowCompletion", {}),
            ("didShowCompletion", {"item": None}),
            ("didShowCompletion", {"item": {"command": {"arguments": [{}, 5]}}}),
            ("didPartiallyAcceptCompletion", {"item": told}),
            ("didPartiallyAcceptCompletion", {"item": told, "acceptedLength": "6"}),
            ("didShowCompletion", {"item": told}),
            ("didPartiallyAcceptCompletion", {"item": told, "acceptedLength": 1}),
        ):
            editor._client.protocol.notify(f"textDocument/{method}", params)
        editor.replace("a.py", len(TEXT), len(TEXT), "r")
        editor.replace("a.py", len(TEXT) + 1, len(TEXT) + 1, "x")
        await editor.status()
    assert editor.exit_status == 0
    (row,) = rows(kept)
    assert (row.outcome, row.accepted) == ("partly", 1)
    assert not [line for line in editor.logs if "rror" in line]


async def test_a_menu_of_an_editor_without_ghost_text_counts_as_well(tmp_path: Path, kept: Path) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    settings = {"debounceMs": 0, "signals": True}
    async with Editor(folder, settings=settings, command=FAKE, inline=False) as editor:
        editor.open("a.py", TEXT + "\n")
        (item,) = await editor.menu("a.py", len(TEXT))
        assert isinstance(item.text_edit, types.TextEdit)
        editor.replace("a.py", len(TEXT), len(TEXT), item.text_edit.new_text)
        await editor.status()
    (row,) = rows(kept)
    assert (row.outcome, row.accepted) == ("accepted", 21)


async def test_a_disk_that_cannot_be_written_to_costs_no_suggestion(tmp_path: Path, kept: Path) -> None:
    kept.parent.parent.mkdir()
    kept.parent.write_text("a file where a folder should be")
    async with editor_with(tmp_path, signals=True) as editor:
        await editor.accept("a.py", await suggested(editor))
        item = await suggested(editor)
        assert item.insert_text == "return first + second"
    assert editor.exit_status == 0
    assert [line for line in [*editor.logs, *editor.stderr] if "signals are not kept" in line]
