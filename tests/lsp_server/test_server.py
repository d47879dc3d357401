"""The server as a real process with a fake engine, driven as an editor drives it."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from eval.editor import CANCELLED, Editor

FAKE = (sys.executable, "-I", str(Path(__file__).parent / "data" / "fake_server.py"))
QUICK = {"debounceMs": 0, "logLevel": "debug"}


def fake_editor(folder: Path, settings: dict[str, object] | None = None, **more: object) -> Editor:
    return Editor(folder, settings=QUICK | (settings or {}), command=FAKE, **more)  # type: ignore[arg-type]


@pytest.fixture
async def editor(tmp_path: Path) -> AsyncIterator[Editor]:
    async with fake_editor(tmp_path) as editor:
        yield editor
    assert editor.exit_status == 0, editor.stderr


async def wait_for_log(editor: Editor, words: str, seconds: float = 5) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for line in editor.logs:
            if words in line:
                return line
        await asyncio.sleep(0.01)
    raise AssertionError(f"{words!r} is not in {editor.logs}")


def at(text: str) -> tuple[str, int]:
    return text.replace("|", "", 1), text.index("|")


async def suggestion(editor: Editor, text: str, **more: bool) -> types.InlineCompletionItem | None:
    text, place = at(text)
    editor.open("a.py", text)
    return await editor.suggest("a.py", place, **more)


async def test_ghost_text_and_acceptance(editor: Editor) -> None:
    assert editor.capabilities is not None
    assert editor.capabilities.inline_completion_provider
    assert editor.capabilities.completion_provider is None
    item = await suggestion(editor, "# fake: return a + b\ndef add(a, b):\n    |\n")
    assert item is not None
    assert item.insert_text == "return a + b"
    await editor.accept("a.py", item)
    assert editor.text("a.py").endswith("    return a + b\n")
    assert [state for state, _ in editor.states] == ["starting", "ready"]
    assert await editor.status() == ("ready", "fake is ready")
    assert editor.messages == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-32"])
async def test_astral_characters_before_the_cursor(tmp_path: Path, encoding: str) -> None:
    async with fake_editor(tmp_path, encoding=encoding) as editor:
        item = await suggestion(editor, "# fake: print(x)\n😀é = '😀'; |\n")
        assert item is not None
        assert item.insert_text == "print(x)"
        await editor.accept("a.py", item)
        assert editor.text("a.py") == "# fake: print(x)\n😀é = '😀'; print(x)\n"
        editor.replace("a.py", 18, 19, "ü😀")  # an incremental change behind an astral character
        editor.replace("a.py", 8, 16, "other(y)")
        item = await editor.suggest("a.py", len(editor.text("a.py")))
        assert item is not None
        assert item.insert_text == "other(y)"


async def test_crlf_text_is_lf_for_the_model_and_crlf_again_for_the_editor(editor: Editor) -> None:
    item = await suggestion(editor, "# fake: x = 1\\n    y = 2\r\ndef f():\r\n    |\r\n")
    assert item is not None
    assert item.insert_text == "x = 1\r\n    y = 2"


async def test_form_feeds_and_separators_are_no_line_ends(editor: Editor) -> None:
    text = "# fake: abc\n\x0c\u2028x = 1\ny = \n"
    editor.open("a.py", text)
    place = text.index("y = ") + 4
    editor.replace("a.py", place, place, "1 + ")
    item = await editor.suggest("a.py", place + 4)
    assert item is not None
    assert item.range == types.Range(types.Position(2, 8), types.Position(2, 8))


async def test_cancelling_stops_decoding(editor: Editor) -> None:
    text, place = at("# fake: " + "x" * 400 + "\n# slow\ny = |")
    editor.open("a.py", text)
    await editor.wait_for_state("ready")
    pending = editor.ask("a.py", place)
    await asyncio.sleep(0.3)
    start = time.monotonic()
    editor.cancel(pending)
    with pytest.raises(JsonRpcException) as caught:
        await pending.answer
    assert caught.value.code == CANCELLED
    line = await wait_for_log(editor, "steps: cancelled")
    assert time.monotonic() - start < 1
    assert 0 < int(line.split()[1]) < 100


async def test_a_newer_request_overtakes_an_older_one(editor: Editor) -> None:
    text, place = at("# fake: " + "x" * 400 + "\n# slow\ny = |")
    editor.open("a.py", text)
    await editor.wait_for_state("ready")
    first = editor.ask("a.py", place)
    await asyncio.sleep(0.2)
    editor.open("b.py", "# fake: quick\nz = ")
    second = editor.ask("a.py", place)
    assert await asyncio.wait_for(first.answer, 1) is None
    await wait_for_log(editor, "steps: cancelled")
    third = editor.ask("a.py", place)
    assert await asyncio.wait_for(second.answer, 1) is None
    editor.replace("a.py", 0, 0, "#\n")  # typing makes the answer useless as well
    assert await asyncio.wait_for(third.answer, 1) is None
    item = await editor.suggest("b.py", len("# fake: quick\nz = "))
    assert item is not None
    assert item.insert_text == "quick"


async def test_a_request_that_waits_its_debounce_costs_nothing(tmp_path: Path) -> None:
    async with fake_editor(tmp_path, {"debounceMs": 300}) as editor:
        text, place = at("# fake: abc\ny = |")
        editor.open("a.py", text)
        await editor.wait_for_state("ready")
        asked = [editor.ask("a.py", place) for _ in range(5)]
        answers = [await one.answer for one in asked]
        assert [bool(answer and answer.items) for answer in answers] == [False] * 4 + [True]
        assert len([line for line in editor.logs if "decoded" in line]) == 1
        editor.replace("a.py", 8, 11, "xyz")
        start = time.monotonic()
        assert await editor.suggest("a.py", place, invoked=True) is not None
        assert time.monotonic() - start < 0.25


async def test_switched_off_and_on_again(tmp_path: Path) -> None:
    async with fake_editor(tmp_path, {"enable": False}) as editor:
        assert await suggestion(editor, "# fake: abc\ny = |") is None
        for nothing in ({}, None):  # Eglot sends the first as soon as it is connected
            editor.configure(nothing)
            assert await editor.suggest("a.py", 16) is None
        editor.configure({"tabwright": {"enable": True, "debounceMs": 0}})
        assert await editor.suggest("a.py", 16) is not None


async def test_invoked_only(tmp_path: Path) -> None:
    async with fake_editor(tmp_path, {"triggerMode": "invoked"}) as editor:
        assert await suggestion(editor, "# fake: abc\ny = |") is None
        assert await editor.suggest("a.py", 16, invoked=True) is not None


async def test_requests_wait_for_the_model(tmp_path: Path) -> None:
    async with fake_editor(tmp_path, {"model": "slow", "threads": 3}) as editor:
        item = await suggestion(editor, "# fake: abc\ny = |")
        assert item is not None
        await wait_for_log(editor, "loading slow with 3 threads")


async def test_a_model_problem_is_one_message_and_no_crash(tmp_path: Path) -> None:
    async with fake_editor(tmp_path, {"model": "missing"}) as editor:
        assert await suggestion(editor, "# fake: abc\ny = |") is None
        assert await editor.suggest("a.py", 16) is None
        _, message = await editor.wait_for_state("problem")
        assert message == "there is no model folder missing; install it again"
        assert editor.messages == ["Tabwright: there is no model folder missing; install it again"]
    assert editor.exit_status == 0


async def test_a_bug_of_the_engine_costs_one_suggestion(editor: Editor) -> None:
    assert await suggestion(editor, "# fake: abc\n# crash\ny = |") is None
    await wait_for_log(editor, "a suggestion failed")
    assert await suggestion(editor, "# fake: abc\ny = |") is not None


async def test_a_place_outside_the_document_is_named_in_the_log(editor: Editor) -> None:
    editor.open("a.py", "x = 1\n")
    for line, character in [(0, 6), (5, 0), (1, 1)]:
        assert await editor.suggest("a.py", types.Position(line, character)) is None
        await wait_for_log(editor, f"line {line}, character {character} is outside")
    assert await editor.suggest("not-open.py", types.Position(0, 0)) is None
    await wait_for_log(editor, "which is not open")
    assert editor.messages == []


async def test_a_language_the_model_does_not_know_is_silent(editor: Editor) -> None:
    editor.open("a.rs", "// fake: abc\nlet y = ", language="rust")
    assert await editor.suggest("a.rs", 20) is None
    assert await editor.wait_for_state("silent") == ("silent", "the model does not know rust")
    editor.open("untitled:Untitled-1", "# fake: abc\ny = ")
    assert await editor.suggest("untitled:Untitled-1", 16) is not None
    assert editor.states[-1][0] == "ready"
    editor.configure({"languages": {"python": False}, "debounceMs": 0})
    assert await editor.suggest("untitled:Untitled-1", 16) is None
    assert editor.states[-1] == ("silent", "suggestions are switched off for python")


async def test_the_state_is_that_of_the_document_worked_on(editor: Editor) -> None:
    markdown = ("silent", "the model does not know markdown")
    editor.open("a.md", "# A\n", language="markdown")
    assert await editor.wait_for_state("silent") == markdown
    editor.configure({})
    assert await editor.status() == markdown
    assert await suggestion(editor, "# fake: abc\ny = |") is not None
    editor.open("b.md", "# B\n", language="markdown")  # in the background
    assert await editor.status() == ("ready", "fake is ready")
    editor.configure({"languages": {"python": False}})
    assert await editor.status() == ("silent", "suggestions are switched off for python")
    editor.configure({"languages": {}})
    assert await editor.status() == ("ready", "fake is ready")
    editor.close("a.py")
    editor.open("c.md", "# C\n", language="markdown")
    assert await editor.status() == markdown


async def test_the_state_once_the_model_is_loaded_is_that_of_the_document_worked_on(tmp_path: Path) -> None:
    async with fake_editor(tmp_path, {"model": "slow"}) as editor:
        editor.open("a.py", "# fake: abc\ny = ")
        pending = editor.ask("a.py", 16)
        editor.open("b.md", "# B\n", language="markdown")
        answer = await pending.answer
        assert answer is not None
        assert answer.items
        assert [state for state, _ in editor.states] == ["starting", "ready"]


async def test_bad_settings_are_warned_about_once_and_defaults_used(tmp_path: Path) -> None:
    async with fake_editor(tmp_path, {"maxLines": 99, "colour": "red"}) as editor:
        assert await suggestion(editor, "# fake: abc\ny = |") is not None
        warning = (
            "Tabwright: the setting tabwright.maxLines must be a whole number from 1 to 50, "
            "not 99; 12 is used."
        )
        assert editor.messages == [warning]
        await wait_for_log(editor, "the setting tabwright.colour is not known")
        editor.configure({"maxLines": 99})
        editor.configure({"model": "/workspace/evil"})
        await editor.status()
        assert editor.messages == [
            warning,
            "Tabwright: the setting tabwright.model takes effect after a restart.",
        ]
        assert not [line for line in editor.logs if "evil" in line]


async def test_a_selected_menu_entry_is_extended_in_its_range(editor: Editor) -> None:
    text, place = at("# fake: (x)\ny = pri|\n")
    editor.open("a.py", text)
    where = types.Range(types.Position(1, 4), types.Position(1, 7))
    selected = types.SelectedCompletionInfo(range=where, text="print")
    answer = await editor.ask("a.py", place, selected=selected).answer
    assert isinstance(answer, types.InlineCompletionList)
    (item,) = answer.items
    assert item.insert_text == "print(x)"
    assert item.range == where


async def test_typed_through_text_needs_no_decoding(editor: Editor) -> None:
    text, place = at("# fake: foo(bar)\ny = |\n")
    editor.open("a.py", text)
    assert await editor.suggest("a.py", place)
    editor.replace("a.py", place, place, "fo")
    item = await editor.suggest("a.py", place + 2)
    assert item is not None
    assert item.insert_text == "o(bar)"
    assert len([line for line in editor.logs if "decoded" in line]) == 1


async def test_editors_without_ghost_text_get_a_menu_entry(tmp_path: Path) -> None:
    async with fake_editor(tmp_path, inline=False) as editor:
        assert editor.capabilities is not None
        assert editor.capabilities.completion_provider is not None
        text, place = at("# fake: nt(x)\\n    y\r\ndef f():\r\n    é = '😀'; pri|\r\n")
        editor.open("a.py", text)
        (item,) = await editor.menu("a.py", place)
        assert item.label == "print(x)"
        assert isinstance(item.text_edit, types.TextEdit)
        assert item.text_edit.new_text == "print(x)"
        assert item.text_edit.range == types.Range(types.Position(2, 14), types.Position(2, 17))
        assert item.filter_text == "print(x)"
        assert item.documentation is None  # only when it is looked at
        editor.replace("a.py", place - 12, place, "")
        (item,) = await editor.menu("a.py", place - 12)
        assert item.label == "nt(x)…"
        assert item.text_edit.new_text == "nt(x)\r\n    y"


async def remembered(editor: Editor, words: str, path: str = "a.py", seconds: float = 10) -> str:
    """Ask, where the fake has nothing to repeat, until the memory is given that. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            assert await editor.suggest(path, len(editor.text(path))) is None
            told = [line for line in editor.logs if line.startswith("remembers ")][-1]
            if words in told:
                return told
            await asyncio.sleep(0.05)


async def test_the_other_open_documents_are_remembered_the_last_worked_on_first(editor: Editor) -> None:
    for path in ("a.py", "b.py", "pkg/c.py", "d.py"):
        editor.open(path, "x = ")
    editor.open("e.md", "# E\n", language="markdown")
    assert "beside [d.py pkg/c.py b.py]," in await remembered(editor, "beside")
    editor.replace("b.py", 0, 0, "y")
    assert "beside [b.py d.py pkg/c.py]," in await remembered(editor, "beside")
    editor.replace("pkg/c.py", 0, 0, "y")
    editor.close("d.py")
    assert "beside [pkg/c.py b.py]," in await remembered(editor, "beside")
    assert "beside [b.py a.py]," in await remembered(editor, "beside", path="pkg/c.py")


async def test_the_workspace_is_read_and_a_saved_file_again(editor: Editor, tmp_path: Path) -> None:
    """Else the memory offers what stood there before."""
    file = tmp_path / "pkg" / "b.py"
    file.parent.mkdir()
    file.write_text("first = 1\n", encoding="utf-8")
    editor.open("a.py", "x = ")

    def save() -> None:
        document = types.TextDocumentIdentifier(uri=editor.uri("pkg/b.py"))
        editor._client.text_document_did_save(types.DidSaveTextDocumentParams(text_document=document))

    assert editor.capabilities is not None
    sync = editor.capabilities.text_document_sync
    assert isinstance(sync, types.TextDocumentSyncOptions)
    assert sync.save  # else no editor tells
    save()  # it may have been looked through before there was a file
    await remembered(editor, "'pkg/b.py': 'first = 1\\n'")
    file.write_text("second = 22\n", encoding="utf-8")
    save()
    told = await remembered(editor, "'pkg/b.py': 'second = 22\\n'")
    assert "first" not in told


async def test_a_file_that_another_program_changed_is_read_again(editor: Editor, tmp_path: Path) -> None:
    file = tmp_path / "b.py"
    file.write_text("first = 1\n", encoding="utf-8")
    editor.open("a.py", "x = ")
    changes = [types.FileEvent(uri=editor.uri("b.py"), type=types.FileChangeType.Created)]
    params = types.DidChangeWatchedFilesParams(changes=changes)
    editor._client.workspace_did_change_watched_files(params)
    await remembered(editor, "project {'b.py': 'first = 1\\n'}")
    file.unlink()
    editor._client.workspace_did_change_watched_files(params)
    await remembered(editor, "project {}")


async def test_a_folder_behind_a_link_is_the_folder(tmp_path: Path) -> None:
    """Or the open file would be copied from its version on disk, under another name."""
    real = tmp_path / "real"
    (real / "pkg").mkdir(parents=True)
    (real / "pkg" / "a.py").write_text("first = 1\n", encoding="utf-8")
    (tmp_path / "link").symlink_to(real)
    async with fake_editor(tmp_path / "link") as editor:
        editor.folder = real  # some editors tell documents by their real path
        editor.open("pkg/a.py", "x = ")
        await remembered(editor, "project {'pkg/a.py': 'first = 1\\n'}", path="pkg/a.py")


async def test_a_closed_document_is_read_from_the_disk_again(editor: Editor, tmp_path: Path) -> None:
    """What was written while it was open, by whichever program, counts from then on."""
    file = tmp_path / "b.py"
    editor.open("b.py", "first = 1\n")
    editor.open("a.py", "x = ")
    await editor.wait_for_state("ready")
    await remembered(editor, "beside [b.py], project {}")
    file.write_text("second = 22\n", encoding="utf-8")
    editor.close("b.py")
    await remembered(editor, "beside [], project {'b.py': 'second = 22\\n'}")


async def test_without_the_index_the_workspace_is_not_read(tmp_path: Path) -> None:
    """Nor kept once it is switched off."""
    (tmp_path / "b.py").write_text("first = 1\n", encoding="utf-8")
    async with fake_editor(tmp_path, {"indexProject": False}) as editor:
        editor.open("a.py", "x = ")
        await remembered(editor, "beside [], project None")
        document = types.TextDocumentIdentifier(uri=editor.uri("b.py"))
        editor._client.text_document_did_save(types.DidSaveTextDocumentParams(text_document=document))
        await asyncio.sleep(0.5)  # longer than a save takes to settle
        await remembered(editor, "beside [], project None", seconds=0.5)
        assert not [line for line in editor.logs if "files of the workspace" in line]
        editor.configure({"indexProject": True})
        await remembered(editor, "project {'b.py': 'first = 1\\n'}")
        editor.configure({"indexProject": False})
        await remembered(editor, "project {}")


async def test_malformed_messages_do_not_end_the_server(editor: Editor) -> None:
    protocol = editor._client.protocol
    protocol.notify("textDocument/didChange", {"nonsense": 1})
    protocol.notify("workspace/didChangeConfiguration", {"settings": [1, 2]})
    protocol.notify("tabwright/unheard-of", {})
    assert await suggestion(editor, "# fake: abc\ny = |") is not None


async def test_a_trigger_kind_of_a_draft_is_answered(editor: Editor) -> None:
    editor.open("a.py", "# fake: abc\ny = ")
    params = {
        "textDocument": {"uri": editor.uri("a.py")},
        "position": {"line": 1, "character": 4},
        "context": {"triggerKind": 0},
    }
    protocol = editor._client.protocol
    answer: Future[object] = Future()
    protocol._request_futures["draft"] = answer
    protocol._send_data(
        {"jsonrpc": "2.0", "id": "draft", "method": "textDocument/inlineCompletion", "params": params}
    )
    assert await asyncio.wait_for(asyncio.wrap_future(answer), 10)


async def test_the_server_ends_when_the_editor_goes_away(tmp_path: Path) -> None:
    editor = fake_editor(tmp_path)
    await editor.__aenter__()
    await editor.wait_for_state("ready")
    process = editor._client._server
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 10)
    await editor._client.stop()
