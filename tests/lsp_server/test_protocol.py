"""What is sent and what comes back, message by message; the server is in this process, the engine a fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lsp_server import completer
from lsp_server.process import converse
from lsp_server.server import Server, build
from lsp_server.service import Flags
from model.fim import Hole
from model.serving.encoder import LineEncoder
from model.serving.project import Project
from model.serving.release import default_folder
from model.tokenizer import Tokenizer

PATIENCE = 30
ASKED, TYPED = {"triggerKind": 1}, {"triggerKind": 2}
WANTS_STATUS = {"tabwright": {"status": True}}
TOKENIZER = Tokenizer.load(default_folder() / "tokenizer.json")


class Engine:
    """Repeats what stands behind `# fake: ` in the text, or behind `# or: ` as its second idea."""

    release = SimpleNamespace(
        languages=("python",),
        window=512,
        neighbours=False,
        folder=Path("fake"),
        name="fake",
        meta={},
        confidence=None,
    )
    tokenizer = SimpleNamespace(sha256="f" * 64)
    encoder = LineEncoder(TOKENIZER)

    def __init__(self) -> None:
        self.holes: list[Hole] = []
        self.texts: list[str] = []

    def generate(self, hole: Hole, **how: Any) -> SimpleNamespace:
        self.holes.append(hole)
        return self._write(hole, "# fake: ", how["stop"])

    def candidates(self, hole: Hole, count: int, **how: Any) -> list[SimpleNamespace]:
        self.holes.append(hole)
        return [self._write(hole, mark, how["stop"]) for mark in ("# fake: ", "# or: ")[:count]]

    def _write(self, hole: Hole, mark: str, stop: Callable[[str], int | None]) -> SimpleNamespace:
        text = (hole.prefix + hole.suffix).partition(mark)[2].partition("\n")[0].replace("\\n", "\n")
        end = next((end for n in range(len(text)) if (end := stop(text[: n + 1])) is not None), None)
        return SimpleNamespace(
            text=text[:end], stop_reason="end_of_text", tokens=3, copied=(), logprob=0.0, logprobs=()
        )

    def remember(self, *_: Any, files: Any, project: Any) -> None:
        self.texts = [file.text for file in files]

    def prepare(self, text: str) -> None:
        pass

    def new_project(self) -> Project:
        return Project(LineEncoder(TOKENIZER))


class Session:
    """A client that hears everything."""

    def __init__(self, server: Server, engine: Engine, pieces: asyncio.Queue[bytes]) -> None:
        self.server = server
        self.engine = engine
        self.pieces = pieces
        self.heard: list[dict[str, Any]] = []
        self.capabilities: dict[str, Any] = {}
        self._number = 0
        self._news = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.heard.append(json.loads(data.partition(b"\r\n\r\n")[2]))
        self._news.set()

    def close(self) -> None:
        pass

    def send(self, *messages: object) -> None:
        """In one piece, as a busy pipe hands them over."""
        bodies = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
        self.pieces.put_nowait(b"".join(b"Content-Length: %d\r\n\r\n%b" % (len(b), b) for b in bodies))

    def call(self, method: str, params: Any) -> dict[str, Any]:
        self._number += 1
        return {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}

    def news(self, method: str, params: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": method, "params": params}

    def notify(self, method: str, params: Any) -> None:
        self.send(self.news(method, params))

    async def wait_for(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                for message in self.heard:
                    if fits(message):
                        return message
                self._news.clear()
                await self._news.wait()

    async def answer(self, number: Any) -> dict[str, Any]:
        return await self.wait_for(lambda message: message.get("id") == number and "method" not in message)

    async def request(self, method: str, params: Any) -> Any:
        """The result, or the error."""
        call = self.call(method, params)
        self.send(call)
        answer = await self.answer(call["id"])
        return answer["error"] if "error" in answer else answer["result"]

    def of(self, method: str) -> list[dict[str, Any]]:
        return [message for message in self.heard if message.get("method") == method]

    def open(self, uri: str, text: str, language: str = "python") -> None:
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def asking(
        self, uri: str, line: int, character: int, context: Any = ASKED, **more: Any
    ) -> tuple[str, dict[str, Any]]:
        position = {"line": line, "character": character}
        params = {"textDocument": {"uri": uri}, "position": position, "context": context | more}
        return "textDocument/inlineCompletion", params

    async def ask(self, *place: Any, **more: Any) -> list[str]:
        return [item["insertText"] for item in await self.items(*place, **more)]

    async def items(self, *place: Any, **more: Any) -> list[dict[str, Any]]:
        answer = await self.request(*self.asking(*place, **more))
        assert answer is not None, "the request was overtaken"
        found: list[dict[str, Any]] = answer["items"]
        return found


@asynccontextmanager
async def session(
    monkeypatch: pytest.MonkeyPatch,
    folders: list[str] | None = None,
    options: dict[str, Any] | None = None,
    **capabilities: Any,
) -> AsyncIterator[Session]:
    monkeypatch.setattr(completer.fim, "render", lambda hole, tokenizer, budget: hole)
    engine = Engine()
    server = build(Flags(), lambda folder, threads: engine)  # type: ignore[arg-type,return-value]
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def taken() -> AsyncIterator[bytes]:
        while piece := await pieces.get():
            yield piece

    client = Session(server, engine, pieces)
    server.protocol.set_writer(client)
    conversation = asyncio.ensure_future(converse(server, taken()))
    told = {
        "processId": None,
        "capabilities": {"textDocument": {"inlineCompletion": {}}, **capabilities},
        "initializationOptions": {"debounceMs": 0} | (options or {}),
        "rootUri": None,
        "workspaceFolders": [{"uri": uri, "name": uri} for uri in folders or []],
    }
    result = await client.request("initialize", told)
    client.capabilities = result["capabilities"]
    client.notify("initialized", {})
    yield client
    assert await client.request("shutdown", None) is None
    client.notify("exit", None)
    assert await asyncio.wait_for(conversation, PATIENCE) == 0
    server.service.join(PATIENCE)


# What is no proper message


async def test_every_request_is_answered_even_one_that_makes_no_sense(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request without an answer keeps an editor waiting for ever."""
    async with session(monkeypatch) as client:
        client.send(b"{", b"[]", b'{"jsonrpc": "2.0", "id": null, "method": "x"}')
        codes = [
            (await client.request(method, params))["code"]
            for method, params in [
                ("textDocument/inlineCompletion", {"position": 1}),
                ("textDocument/inlineCompletion", None),
                ("textDocument/didOpen", {}),
                ("no/such", {}),
                ("initialize", {"capabilities": {}}),
                ("workspace/executeCommand", {"command": "rm", "arguments": ["-rf"]}),
            ]
        ]
        assert codes == [-32602, -32602, -32602, -32601, -32600, -32602]
        unnamed = [message["error"]["code"] for message in client.heard if message.get("id", 0) is None]
        assert unnamed == [-32700, -32600, -32600]
        client.notify("$/cancelRequest", {"id": {}})
        assert await client.request("tabwright/status", None)


async def test_a_request_without_params_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session(monkeypatch) as client:
        client.send({"jsonrpc": "2.0", "id": "s", "method": "tabwright/status"})
        assert (await client.answer("s"))["result"]["state"] in ("starting", "ready")


async def test_requests_before_the_beginning_and_after_the_end_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = build(Flags(), lambda folder, threads: Engine())  # type: ignore[arg-type,return-value]
    client = Session(server, Engine(), asyncio.Queue())
    server.protocol.set_writer(client)
    call = client.call("tabwright/status", {})
    server.protocol.receive(json.dumps(call).encode())
    assert client.heard[-1]["error"]["code"] == -32002
    async with session(monkeypatch) as client:
        last = client.call("tabwright/status", {})
        client.send(client.call("shutdown", None), last)
        assert (await client.answer(last["id"]))["error"]["code"] == -32600
        client.server.protocol._shutdown = False  # for the end of the session


async def test_a_request_is_for_the_text_as_it_was_when_it_came(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Even where the next edit came in the same piece: its position means another place in the new text."""
    async with session(monkeypatch) as client:
        client.open("file:///w/a.py", "# fake: abc\ny = ")
        call = client.call(*client.asking("file:///w/a.py", 1, 4))
        document = {"uri": "file:///w/a.py", "version": 2}
        change = {"textDocument": document, "contentChanges": [{"text": ""}]}
        client.send(call, client.news("textDocument/didChange", change))
        assert (await client.answer(call["id"]))["result"] is None  # overtaken by the edit
        assert "is outside" not in caplog.text
        assert client.server.service.texts.get("file:///w/a.py").text == ""  # type: ignore[union-attr]


async def test_a_list_of_nothing_says_that_there_is_nothing_and_null_that_it_does_not_matter_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For null Neovim leaves on the screen what is there; a bare [] is an error to lsp-mode."""
    nothing: dict[str, Any] = {"items": []}
    uri = "file:///w/a.py"
    async with session(monkeypatch) as client:
        client.open(uri, "no idea\ny = \n'''\n")
        for place in [(1, 4), (99, 0)]:
            for context in (ASKED, TYPED):
                assert await client.request(*client.asking(uri, *place, context)) == nothing
        assert await client.request(*client.asking("file:///w/unknown.py", 0, 0)) == nothing
        older, newer = client.call(*client.asking(uri, 1, 4)), client.call(*client.asking(uri, 1, 4))
        client.send(older, newer)
        assert (await client.answer(older["id"]))["result"] is None
        assert (await client.answer(newer["id"]))["result"] == nothing
        off = {"settings": {"tabwright": {"enable": False}}}
        client.notify("workspace/didChangeConfiguration", off)
        assert await client.request(*client.asking(uri, 1, 4)) == nothing


# Ghost text


async def test_who_asks_gets_several_different_items(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session(monkeypatch) as client:
        text = "# fake: foo(x)\n# or: bar(y)\nvalue = "
        client.open("file:///w/a.py", text)
        items = await client.items("file:///w/a.py", 2, 8)
        assert [item["insertText"] for item in items] == ["foo(x)", "bar(y)"]
        assert len({item["command"]["arguments"][0] for item in items}) == 2
        place = {"line": 2, "character": 8}
        assert all(item["range"] == {"start": place, "end": place} for item in items)
        assert await client.ask("file:///w/a.py", 2, 8, TYPED) == ["foo(x)"]


async def test_items_begin_with_what_they_replace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Editors hide an item that does not: with text behind the cursor, and with a menu entry selected."""
    async with session(monkeypatch) as client:
        client.open("file:///w/a.py", "# fake: foo(x)\nprint(, y)\nval = pri\n")
        (item,) = await client.items("file:///w/a.py", 1, 6, TYPED)
        place = {"line": 1, "character": 6}
        assert item["range"] == {"start": place, "end": place}  # replaces nothing
        assert item["filterText"] == item["insertText"]
        chosen = {"start": {"line": 2, "character": 6}, "end": {"line": 2, "character": 9}}
        entry = {"range": chosen, "text": "print_"}
        (item,) = await client.items("file:///w/a.py", 2, 9, TYPED, selectedCompletionInfo=entry)
        assert item["range"] == chosen
        assert item["filterText"] == item["insertText"] == "print_foo(x)"


async def test_a_selected_entry_of_several_lines_is_not_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    """LSP wants ranges within one line."""
    async with session(monkeypatch) as client:
        client.open("file:///w/a.py", "# fake: foo(x)\npri\nval = \n")
        where = {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": 6}}
        entry = {"range": where, "text": "print"}
        assert await client.ask("file:///w/a.py", 2, 6, selectedCompletionInfo=entry) == []


@pytest.mark.parametrize("first", ["command", "edit"])
async def test_what_follows_an_accepted_suggestion_is_computed_before_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Editors run the command before the edit, or after it, or never."""
    async with session(monkeypatch) as client:
        uri = "file:///w/a.py"
        client.open(uri, "# fake: foo(x)\nvalue = ")
        (item,) = await client.items(uri, 1, 8, TYPED)
        change = {"range": item["range"], "text": item["insertText"]}
        document = {"uri": uri, "version": 2}
        edit = client.news("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
        command = client.call("workspace/executeCommand", item["command"])
        asked = len(client.engine.holes)
        client.send(*([command, edit] if first == "command" else [edit, command]))
        async with asyncio.timeout(PATIENCE):
            while len(client.engine.holes) == asked:
                await asyncio.sleep(0.01)
        assert client.engine.holes[-1].prefix.endswith("value = foo(x)")


# Menu entries


async def test_a_menu_entry_tells_its_text_only_when_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    markdown = {"completion": {"completionItem": {"documentationFormat": ["markdown"]}}}
    async with session(monkeypatch, textDocument=markdown) as client:
        provider = client.capabilities["completionProvider"]
        assert provider["resolveProvider"] is True
        client.open("file:///w/a.py", "# fake: nt(`x`)\nval = pri")
        params = {"textDocument": {"uri": "file:///w/a.py"}, "position": {"line": 1, "character": 9}}
        found = await client.request("textDocument/completion", params)
        assert found["isIncomplete"] is True
        (item,) = found["items"]
        assert "documentation" not in item
        assert item["filterText"] == item["label"] == "print(`x`)"
        resolved = await client.request("completionItem/resolve", item)
        assert resolved["documentation"] == {"kind": "markdown", "value": "```python\nprint(`x`)\n```"}
        assert {key: value for key, value in resolved.items() if key != "documentation"} == item


@pytest.mark.parametrize(
    ("formats", "documentation"),
    [
        (["plaintext"], {"kind": "plaintext", "value": "a(\n)"}),
        (None, "a(\n)"),  # it may be older than kinds of text
    ],
)
async def test_an_editor_that_does_not_draw_markdown_gets_plain_text(
    formats: list[str] | None, documentation: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"completion": {"completionItem": {"documentationFormat": formats}}} if formats else {}
    async with session(monkeypatch, textDocument=about) as client:
        item = {"label": "a", "textEdit": {"newText": "a(\r\n)", "range": _RANGE}}
        resolved = await client.request("completionItem/resolve", item)
        assert resolved["documentation"] == documentation


_RANGE = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}


# Notebooks


def cells(*uris: str) -> list[dict[str, Any]]:
    return [{"kind": 1 if "text" in uri else 2, "document": uri} for uri in uris]


def texts(**told: str) -> list[dict[str, Any]]:
    return [{"uri": uri, "languageId": "python", "version": 1, "text": text} for uri, text in told.items()]


NOTEBOOK = "file:///w/study.ipynb"


async def test_the_cells_of_a_notebook_are_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session(monkeypatch, notebookDocument={"synchronization": {}}) as client:
        (selector,) = client.capabilities["notebookDocumentSync"]["notebookSelector"]
        assert selector["cells"] == [{"language": "python"}]
        document = {"uri": NOTEBOOK, "notebookType": "jupyter", "version": 1}
        told = texts(one="import os\n", two="é = 1\n# fake: os.sep\ny = ", three="%matplotlib inline\nz()")
        params = {
            "notebookDocument": document | {"cells": cells("one", "text", "two", "three")},
            "cellTextDocuments": told,
        }
        client.notify("notebookDocument/didOpen", params)
        items = await client.items("two", 2, 4, TYPED)
        assert [item["insertText"] for item in items] == ["os.sep"]
        assert items[0]["range"]["start"] == {"line": 2, "character": 4}  # the cell's own
        hole = client.engine.holes[-1]
        assert hole.path == "study.py"
        assert hole.prefix == "import os\n\né = 1\n# fake: os.sep\ny = "
        assert hole.suffix == "\n\n# %matplotlib inline\nz()"


async def test_cells_come_go_and_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session(monkeypatch, notebookDocument={"synchronization": {}}) as client:
        document = {"uri": NOTEBOOK, "notebookType": "jupyter", "version": 1}
        params = {
            "notebookDocument": document | {"cells": cells("one", "two")},
            "cellTextDocuments": texts(one="a = 1", two="# fake: abc\ny = "),
        }
        client.notify("notebookDocument/didOpen", params)
        array = {"start": 0, "deleteCount": 1, "cells": cells("new")}
        structure = {"array": array, "didOpen": texts(new="b = 2"), "didClose": [{"uri": "one"}]}
        edit = {"range": _RANGE, "text": "B"}
        changed = [{"document": {"uri": "new", "version": 2}, "changes": [edit]}]
        change = {"cells": {"structure": structure, "textContent": changed}}
        client.notify("notebookDocument/didChange", {"notebookDocument": document, "change": change})
        assert await client.ask("two", 1, 4, TYPED) == ["abc"]
        assert client.engine.holes[-1].prefix == "Bb = 2\n\n# fake: abc\ny = "
        assert await client.ask("one", 0, 0) == []  # not open any more
        client.open("file:///w/b.py", "# fake: xyz\ny = ")
        assert await client.ask("file:///w/b.py", 1, 4, TYPED) == ["xyz"]
        assert client.engine.texts == ["Bb = 2\n\n# fake: abc\ny =\n"]  # the notebook is one neighbour
        closing = {
            "notebookDocument": {"uri": NOTEBOOK},
            "cellTextDocuments": [{"uri": "new"}, {"uri": "two"}],
        }
        client.notify("notebookDocument/didClose", closing)
        assert await client.ask("two", 1, 4) == []


# Documents


async def test_a_document_opened_again_is_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session(monkeypatch) as client:
        client.open("file:///w/a.py", "# fake: old\ny = ")
        client.open("file:///w/a.py", "# fake: new\ny = ")
        assert await client.ask("file:///w/a.py", 1, 4, TYPED) == ["new"]


async def test_changes_of_a_closed_document_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with session(monkeypatch) as client:
        client.open("file:///w/a.py", "# fake: old\ny = ")
        client.notify("textDocument/didClose", {"textDocument": {"uri": "file:///w/a.py"}})
        document = {"uri": "file:///w/a.py", "version": 2}
        change = {"textDocument": document, "contentChanges": [{"text": "# fake: new\ny = "}]}
        client.notify("textDocument/didChange", change)
        assert await client.ask("file:///w/a.py", 1, 4) == []


async def test_a_file_below_two_folders_is_told_relative_to_the_inner_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    outer = tmp_path / "outer"
    folders = [outer.as_uri(), (outer / "inner").as_uri()]
    async with session(monkeypatch, folders, {"indexProject": False}) as client:
        for path, told in [("inner/pkg/a.py", "pkg/a.py"), ("b.py", "b.py")]:
            uri = (outer / path).as_uri()
            client.open(uri, "# fake: abc\ny = ")
            assert await client.ask(uri, 1, 4, TYPED) == ["abc"]
            assert client.engine.holes[-1].path == told
        client.open("untitled:Untitled-1", "# fake: abc\ny = ")
        assert await client.ask("untitled:Untitled-1", 1, 4, TYPED) == ["abc"]


# What the server tells by itself


async def test_loading_and_indexing_show_progress_where_the_editor_can(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number in range(3):
        (tmp_path / f"m{number}.py").write_text("x = 1\n", encoding="utf-8")
    reading = SimpleNamespace(files=2, complete=False)
    monkeypatch.setattr("lsp_server.service.Service.indexed", property(lambda self: reading))
    monkeypatch.setattr("lsp_server.progress._LOOK_EVERY", 0.01)
    async with session(monkeypatch, [tmp_path.as_uri()], window={"workDoneProgress": True}) as client:
        told: list[str] = []
        for _ in range(2):
            create = await client.wait_for(
                lambda one: one.get("method") == "window/workDoneProgress/create" and one["id"] not in told
            )
            told.append(create["id"])
            client.send({"jsonrpc": "2.0", "id": create["id"], "result": None})
        begun = await client.wait_for(lambda one: _progress(one, "begin") and "reading" in str(one))
        reading = SimpleNamespace(files=3, complete=True)
        ended = await client.wait_for(
            lambda one: _progress(one, "end") and one["params"]["token"] == begun["params"]["token"]
        )
        assert ended["params"]["value"]["message"] == "3 files"
        assert [one for one in client.heard if _progress(one, "begin") and "loading" in str(one)]
        assert [one for one in client.heard if _progress(one, "report") and "2 files" in str(one)]


def _progress(message: dict[str, Any], kind: str) -> bool:
    return message.get("method") == "$/progress" and message["params"]["value"]["kind"] == kind


async def test_an_editor_that_shows_no_progress_is_not_asked_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with session(monkeypatch, [tmp_path.as_uri()]) as client:
        client.open("file:///w/a.py", "# fake: abc\ny = ")
        assert await client.ask("file:///w/a.py", 1, 4) == ["abc"]
        assert not client.of("window/workDoneProgress/create")
        assert not client.of("client/registerCapability")


async def test_configuration_is_asked_for_where_the_editor_wants_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}
    async with session(monkeypatch, workspace=workspace, experimental=WANTS_STATUS) as client:
        asked = await client.wait_for(lambda one: one.get("method") == "client/registerCapability")
        (registration,) = asked["params"]["registrations"]
        assert registration["method"] == "workspace/didChangeConfiguration"
        assert registration["registerOptions"] == {"section": "tabwright"}
        client.send({"jsonrpc": "2.0", "id": asked["id"], "result": None})
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        pull = await client.wait_for(lambda one: one.get("method") == "workspace/configuration")
        client.send({"jsonrpc": "2.0", "id": pull["id"], "result": [{"enable": False}]})
        told = await client.wait_for(lambda one: "switched off" in str(one.get("params")))
        assert told["params"] == {"state": "silent", "message": "suggestions are switched off"}


async def test_only_an_editor_that_asks_for_it_is_told_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """lsp-mode opens a window with a warning for a notification that it does not know."""
    for about, told in [
        (WANTS_STATUS, True),
        ({"tabwright": {"status": False}}, False),
        ({"tabwright": True}, False),
        (True, False),
        (None, False),
    ]:
        capabilities: dict[str, Any] = {} if about is None else {"experimental": about}
        async with session(monkeypatch, **capabilities) as client:
            client.open("file:///w/a.py", "# fake: abc\ny = ")
            assert await client.ask("file:///w/a.py", 1, 4) == ["abc"]  # it is loaded
            assert bool(client.of("tabwright/status")) is told
            assert (await client.request("tabwright/status", None))["state"] == "ready"


async def test_an_editor_that_refuses_what_it_offered_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = {"didChangeConfiguration": {"dynamicRegistration": True}}
    async with session(monkeypatch, workspace=workspace, window={"workDoneProgress": True}) as client:
        for method in ("client/registerCapability", "window/workDoneProgress/create"):
            asked = await client.wait_for(lambda one, method=method: one.get("method") == method)
            client.send({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no"}})
        client.open("file:///w/a.py", "# fake: abc\ny = ")
        assert await client.ask("file:///w/a.py", 1, 4) == ["abc"]
