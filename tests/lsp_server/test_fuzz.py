"""Anything an editor could send, valid or not, by the thousand: texts stay in step, all is answered once.

All is drawn from one seed. Time is a clock that only the engine's steps move, so nothing is timed.
`TABWRIGHT_FUZZ` is the number of messages (`make fuzz`: a million), `TABWRIGHT_FUZZ_SEED` another beginning.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lsp_server import answering, service
from lsp_server.documents import Encoding
from lsp_server.server import Server, build
from lsp_server.service import Flags
from model.serving.encoder import LineEncoder
from model.serving.project import Project
from model.serving.release import default_folder
from model.tokenizer import Tokenizer

COUNT = int(os.environ.get("TABWRIGHT_FUZZ", "8000"))
SEED = int(os.environ.get("TABWRIGHT_FUZZ_SEED", "7"))
STEP = 0.02  # seconds of the clock for each step of the engine
ALPHABET = [
    "a",
    "foo",
    " ",
    "    ",
    "\n",
    "\r\n",
    "\r",
    "(",
    ")",
    '"',
    "'",
    "#",
    ":",
    "é",
    "€",
    "😀",
    "\ud83d",
]
ALPHABET += ["\x0c", "\u2028", "\x00", "\t", "def f(x):\n    ", "return ", "# ", "'''", "%%bash\n", "!", "="]
WRITTEN = [
    "x",
    "return a + b",
    "foo(bar)",
    "a\n    b\n    c\n",
    ")",
    "",
    "   ",
    "'''",
    "def g():\n    pass\n",
    "😀" * 9,
]
PYTHON = "python"


class Clock:
    """Seconds that pass when the engine takes a step."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class FakeEngine:
    """Writes what depends on the prompt, a character a step, and looks before each as the real one does."""

    release = SimpleNamespace(
        languages=(PYTHON,),
        window=256,
        neighbours=True,
        folder=Path("fake"),
        name="fake",
        meta={},
        confidence=None,
    )
    tokenizer = Tokenizer.load(default_folder() / "tokenizer.json")
    encoder = LineEncoder(tokenizer)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.steps = 0

    def generate(self, prompt: Any, *, seed: int = 0, **how: Any) -> SimpleNamespace:
        drawn = random.Random(sum(prompt.tokens) + 7 * seed)
        text = "".join(drawn.choice(WRITTEN) for _ in range(drawn.randrange(6)))
        return self._write(text, prefill=drawn.randrange(8), **how)

    def candidates(self, prompt: Any, count: int, **how: Any) -> list[SimpleNamespace]:
        return [self.generate(prompt, seed=seed, **how) for seed in range(count)]

    def _write(
        self, text: str, *, prefill: int, max_tokens: int, stop: Any, cancelled: Any, deadline: Any, **_: Any
    ) -> SimpleNamespace:
        written, reason = "", "end_of_text"
        for step, character in enumerate([""] * prefill + list(text[:max_tokens])):
            if cancelled() or (deadline is not None and self._clock.now >= deadline):
                reason = "cancelled" if cancelled() else "deadline"
                break
            self._clock.now += STEP
            self.steps += 1
            written += character
            end = stop(written) if step >= prefill else None
            if end is not None:
                written, reason = written[:end], "stop"
                break
        return SimpleNamespace(
            text=written, logprob=0.0, logprobs=(), stop_reason=reason, tokens=len(written), copied=()
        )

    def prepare(self, text: str) -> None:
        self.tokenizer.encode(text[:1000])

    def remember(self, *_: Any, **__: Any) -> None:
        return None

    def new_project(self) -> Project:
        return Project(LineEncoder(self.tokenizer))


# The reference


def width(character: str, encoding: Encoding) -> int:
    """Code units of a character, said as the encodings are defined."""
    if encoding == "utf-32":
        return 1
    if encoding == "utf-16":
        return 2 if ord(character) > 0xFFFF else 1
    return 1 + sum(ord(character) >= first for first in (0x80, 0x800, 0x10000))


def naive_offset(text: str, line: int, character: int, encoding: Encoding) -> int:
    """The nearest place, by going through the text one character at a time."""
    place = 0
    for _ in range(line):
        while place < len(text) and text[place] not in "\r\n":
            place += 1
        if place == len(text):
            return place
        place += 2 if text[place : place + 2] == "\r\n" else 1
    while place < len(text) and text[place] not in "\r\n":
        size = width(text[place], encoding)
        if size > character:
            break
        character -= size
        place += 1
    return place


class Reference:
    """The texts that a server must have, by URI."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.texts: dict[str, str] = {}
        self.cells: dict[str, list[str]] = {}  # of notebooks

    def change(self, uri: str, changes: list[dict[str, Any]]) -> None:
        for change in changes if uri in self.texts else []:
            text = self.texts[uri]
            where = change.get("range")
            if where is None:
                self.texts[uri] = change["text"]
                continue
            start, end = (
                naive_offset(text, where[side]["line"], where[side]["character"], self.encoding)
                for side in ("start", "end")
            )
            self.texts[uri] = text[:start] + change["text"] + text[max(start, end) :]


# The client


class Client:
    """Draws messages, tells the reference, and keeps count of what must be answered."""

    def __init__(self, draw: random.Random, reference: Reference, folder: Path) -> None:
        self.draw = draw
        self.reference = reference
        self.waiting: set[Any] = set()
        self.answers: dict[Any, int] = {}
        self.refused = 0  # errors without an id, expected
        self.unnamed = 0  # errors without an id, received
        self._number = 0
        self._asked_of_us: list[Any] = []
        self.uris = [
            *(f"{folder.as_uri()}/{name}.py" for name in "abcd"),
            f"{folder.as_uri()}/pkg/a.py",
            f"{folder.as_uri()}/notes.md",
            "untitled:Untitled-1",
            "file:///etc/%00/x.py",
            "vscode-userdata:/x/y.py",
            "",
            "file://",
        ]
        self.notebooks = [f"{folder.as_uri()}/n{number}.ipynb" for number in range(2)]
        self.cell_uris = [f"vscode-notebook-cell:/n#{number}" for number in range(8)]
        self._folder = folder.as_uri()

    # What comes back

    def hear(self, message: dict[str, Any]) -> None:
        """One message of the server's."""
        if "method" in message:
            if "id" in message:
                self._asked_of_us.append(message["id"])
            return
        if message["id"] is None:
            self.unnamed += 1
            return
        self.answers[message["id"]] = self.answers.get(message["id"], 0) + 1
        self.waiting.discard(message["id"])
        for item in message.get("result") or [] if isinstance(message.get("result"), list) else []:
            assert isinstance(item["insertText"], str)
            assert item["insertText"]
            assert item["range"]["start"]["line"] == item["range"]["end"]["line"]

    # What is sent

    def request(self, method: Any, params: Any, **more: Any) -> bytes:
        self._number += 1
        number = self._number if self._number % 2 else f"id-{self._number}"
        self.waiting.add(number)
        return self.body({"id": number, "method": method, "params": params, **more})

    def notification(self, method: str, params: Any) -> bytes:
        return self.body({"method": method, "params": params})

    def body(self, message: dict[str, Any]) -> bytes:
        return json.dumps({"jsonrpc": "2.0", **message}).encode()

    def messages(self) -> list[bytes]:
        """The next message, or a few that belong together."""
        kinds = [
            (40, self._change), (20, self._inline), (4, self._menu), (5, self._cancel), (6, self._open),
            (3, self._close), (3, self._configure), (3, self._open_notebook), (5, self._change_notebook),
            (2, self._close_notebook), (3, self._command), (2, self._status), (2, self._answer),
            (3, self._workspace), (5, self._rubbish_request), (4, self._rubbish), (1, self._huge),
        ]  # fmt: skip
        (kind,) = self.draw.choices([one for _, one in kinds], [weight for weight, _ in kinds])
        found = kind()
        return found if isinstance(found, list) else [found]

    def close_everything(self) -> list[bytes]:
        found = [self._closed_notebook(uri) for uri in list(self.reference.cells)]
        for uri in list(self.reference.texts):
            del self.reference.texts[uri]
            found.append(self.notification("textDocument/didClose", {"textDocument": {"uri": uri}}))
        return found

    def text(self, most: int = 20) -> str:
        return "".join(self.draw.choice(ALPHABET) for _ in range(self.draw.randrange(most)))

    def _uri(self) -> str:
        known = list(self.reference.texts)
        return self.draw.choice(
            known if known and self.draw.random() < 0.9 else [*self.uris, *self.cell_uris]
        )

    def _position(self) -> dict[str, int]:
        most = 9 if self.draw.random() < 0.9 else 2**31 - 1
        return {"line": self.draw.randint(0, most) // 2, "character": self.draw.randint(0, most)}

    def _place_in(self, uri: str) -> dict[str, int]:
        """Mostly a place that there is."""
        text = self.reference.texts.get(uri)
        if text is None or self.draw.random() < 0.1:
            return self._position()
        lines = re.split("\r\n|\n|\r", text)
        line = self.draw.randrange(len(lines))
        units = sum(width(one, self.reference.encoding) for one in lines[line])
        return {"line": line, "character": self.draw.choice([units, self.draw.randint(0, units)])}

    def _range(self) -> dict[str, Any]:
        start = self._position()
        end = self._position() if self.draw.random() < 0.5 else start
        return {"start": start, "end": end}

    def _changes(self) -> list[dict[str, Any]]:
        changes = []
        for _ in range(self.draw.randint(1, 3)):
            change: dict[str, Any] = {"text": self.text(6)}
            if self.draw.random() < 0.95:
                change["range"] = self._range()
            changes.append(change)
        return changes

    def _change(self) -> bytes:
        uri, changes = self._uri(), self._changes()
        if len(self.reference.texts.get(uri, "")) > 500:
            changes = [{"text": self.text()}]
        self.reference.change(uri, changes)
        document = {"uri": uri, "version": self.draw.randint(-1, 9)}
        return self.notification(
            "textDocument/didChange", {"textDocument": document, "contentChanges": changes}
        )

    def _open(self) -> bytes:
        uri = self.draw.choice(self.uris)
        self.reference.texts[uri] = text = self.text(40)
        language = self.draw.choice([PYTHON, PYTHON, PYTHON, "markdown", "", "rust"])
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        return self.notification("textDocument/didOpen", {"textDocument": document})

    def _huge(self) -> list[bytes]:
        if self.draw.random() < 0.9:
            return []
        uri = self.uris[0]
        self.reference.texts[uri] = text = self.text(60) * 4000
        document = {"uri": uri, "languageId": PYTHON, "version": 1, "text": text}
        opened = self.notification("textDocument/didOpen", {"textDocument": document})
        return [opened, self._ask(uri), self._ask(uri)]

    def _close(self) -> bytes:
        uri = self._uri()
        self.reference.texts.pop(uri, None)
        return self.notification("textDocument/didClose", {"textDocument": {"uri": uri}})

    def _ask(self, uri: str) -> bytes:
        context: dict[str, Any] = {"triggerKind": self.draw.choice([0, 1, 1, 2, 2, 2, 2, 9])}
        if self.draw.random() < 0.1:
            context["selectedCompletionInfo"] = {"range": self._range(), "text": self.text(4)}
        params = {"textDocument": {"uri": uri}, "position": self._place_in(uri), "context": context}
        return self.request("textDocument/inlineCompletion", params)

    def _inline(self) -> bytes:
        return self._ask(self._uri())

    def _menu(self) -> bytes:
        if self.draw.random() < 0.3:
            item = self.draw.choice([{"label": self.text()}, {"label": "a", "data": [1]}, {}, [], None])
            return self.request("completionItem/resolve", item)
        uri = self._uri()
        params = {"textDocument": {"uri": uri}, "position": self._place_in(uri)}
        return self.request("textDocument/completion", params)

    def _cancel(self) -> bytes:
        number = self.draw.choice([*sorted(self.waiting, key=str), 0, "none", self._number])
        return self.notification("$/cancelRequest", {"id": number})

    def _configure(self) -> bytes:
        values: list[Any] = [
            0,
            1,
            50,
            300,
            True,
            False,
            None,
            "invoked",
            "automatic",
            "error",
            {},
            [],
            "é",
            1e9,
        ]
        values += [{PYTHON: False}, {PYTHON: True}, -1]
        keys = [
            "enable",
            "maxLines",
            "deadlineMs",
            "invokedDeadlineMs",
            "triggerMode",
            "languages",
            "logLevel",
        ]
        keys += [
            "indexProject",
            "candidates",
            "showAbove",
            "inComments",
            "inStrings",
            "adaptDebounce",
            "junk",
        ]
        section = {key: self.draw.choice(values) for key in self.draw.sample(keys, 4)}
        # Mostly on, or nothing else would be tried.
        section |= {"debounceMs": self.draw.choice([0, 0, 1, "x"])}
        if self.draw.random() < 0.8:
            section |= {"enable": True, "triggerMode": "automatic", "languages": {}}
        whole = self.draw.choice([section, {"tabwright": section}, section, None, 7, "x", [section]])
        return self.notification("workspace/didChangeConfiguration", {"settings": whole})

    def _cells(self, most: int) -> list[str]:
        taken = {cell for cells in self.reference.cells.values() for cell in cells}
        free = [uri for uri in self.cell_uris if uri not in taken and uri not in self.reference.texts]
        return self.draw.sample(free, min(len(free), self.draw.randint(0, most)))

    def _told_cells(self, cells: list[str]) -> list[dict[str, Any]]:
        return [{"kind": self.draw.choice([1, 2, 2, 2]), "document": uri} for uri in cells]

    def _told_texts(self, cells: list[str]) -> list[dict[str, Any]]:
        found = []
        for uri in cells:
            self.reference.texts[uri] = text = self.text()
            found.append({"uri": uri, "languageId": PYTHON, "version": 1, "text": text})
        return found

    def _open_notebook(self) -> bytes:
        uri = self.draw.choice(self.notebooks)
        for cell in self.reference.cells.pop(uri, []):
            self.reference.texts.pop(cell, None)
        cells = self._cells(4)
        self.reference.cells[uri] = cells
        document = {"uri": uri, "notebookType": "jupyter", "version": 1, "cells": self._told_cells(cells)}
        params = {"notebookDocument": document, "cellTextDocuments": self._told_texts(cells)}
        return self.notification("notebookDocument/didOpen", params)

    def _change_notebook(self) -> bytes:
        uri = self.draw.choice(self.notebooks)
        known = self.reference.cells.get(uri)
        changed: dict[str, Any] = {}
        if self.draw.random() < 0.5:
            start, deleted = self.draw.randint(0, 3), self.draw.randint(0, 2)
            new = self._cells(2) if known is not None else []
            gone = known[start : start + deleted] if known is not None else []
            array = {"start": start, "deleteCount": deleted, "cells": self._told_cells(new)}
            changed["structure"] = {"array": array, "didOpen": self._told_texts(new)}
            if self.draw.random() < 0.8:
                changed["structure"]["didClose"] = [{"uri": cell} for cell in gone]
            if known is not None:
                known[start : start + deleted] = new
                for cell in gone:
                    self.reference.texts.pop(cell, None)
        cells = self.reference.cells.get(uri) or self.cell_uris
        if self.draw.random() < 0.7:
            cell, changes = self.draw.choice(cells), self._changes()
            self.reference.change(cell, changes)
            changed["textContent"] = [{"document": {"uri": cell, "version": 1}, "changes": changes}]
        params = {"notebookDocument": {"uri": uri, "version": 2}, "change": {"cells": changed}}
        return self.notification("notebookDocument/didChange", params)

    def _close_notebook(self) -> bytes:
        return self._closed_notebook(self.draw.choice(self.notebooks))

    def _closed_notebook(self, uri: str) -> bytes:
        cells = self.reference.cells.pop(uri, [])
        for cell in cells:
            self.reference.texts.pop(cell, None)
        params = {"notebookDocument": {"uri": uri}, "cellTextDocuments": [{"uri": cell} for cell in cells]}
        return self.notification("notebookDocument/didClose", params)

    def _command(self) -> bytes:
        arguments = self.draw.choice([["1"], [str(self.draw.randrange(99))], [], ["1", 2], [{}], None, [[]]])
        command = self.draw.choice(["tabwright.accepted", "tabwright.accepted", "rm", ""])
        return self.request("workspace/executeCommand", {"command": command, "arguments": arguments})

    def _status(self) -> bytes:
        return self.request("tabwright/status", self.draw.choice([None, {}, [], 1]))

    def _answer(self) -> bytes:
        """To what the server asked of the client, or to nothing it ever asked."""
        number = self._asked_of_us.pop() if self._asked_of_us else self.draw.choice([1, "x", None, 2.5])
        error = {"code": -32601, "message": "no"}
        told = self.draw.choice([{"result": None}, {"result": [1]}, {"error": error}, {"error": 3}, {}])
        return self.body({"id": number, **told})

    def _workspace(self) -> bytes:
        folders = [{"uri": self._folder, "name": "w"}]
        event = {"added": self.draw.choice([folders, []]), "removed": self.draw.choice([folders, []])}
        return self.draw.choice(
            [
                self.notification("textDocument/didSave", {"textDocument": {"uri": self._uri()}}),
                self.notification("workspace/didChangeWorkspaceFolders", {"event": event}),
                self.notification(
                    "workspace/didChangeWatchedFiles", {"changes": [{"uri": self._uri(), "type": 2}]}
                ),
            ]
        )

    def _rubbish_request(self) -> bytes:
        methods = [
            "textDocument/inlineCompletion",
            "textDocument/hover",
            "initialize",
            "tabwright/status",
            "$/x",
        ]
        methods += [
            "textDocument/didOpen",
            "workspace/executeCommand",
            "textDocument/completion",
            "x",
            "",
            5,
            None,
        ]
        uri = {"uri": self._uri()}
        odd: list[Any] = [
            None,
            {},
            [],
            1,
            "x",
            {"textDocument": 1},
            {"position": {"line": -1, "character": 0}},
        ]
        odd += [
            {"textDocument": uri, "position": {"line": place, "character": 0}}
            for place in (-1, 2**40, "a", 1e999)
        ]
        odd += [
            {"textDocument": uri, "position": {"line": 0, "character": 0}, "context": {"triggerKind": "x"}}
        ]
        more = {"jsonrpc": "1.0"} if self.draw.random() < 0.1 else {}
        return self.request(self.draw.choice(methods), self.draw.choice(odd), **more)

    def _rubbish(self) -> bytes:
        """Nothing that changes a text, and nothing that is answered under an id."""
        bad_ids: list[Any] = [None, 1.5, [], {}, True]
        bodies = [
            b"", b"{", b"\xff\xfe", b"[]", b"[1, 2]", b"3", b"null", b'"x"', b"[" * 5000, b'{"id": ',
            *(self.body({"id": number, "method": "tabwright/status"}) for number in bad_ids),
        ]  # fmt: skip
        quiet = [
            b"{}", b'{"jsonrpc": "2.0"}', b'{"method": 1}',
            self.notification("textDocument/didChange", {"nonsense": 1}),
            self.notification("textDocument/didChange", {"textDocument": {"uri": ""}, "contentChanges": 5}),
            self.notification("textDocument/didOpen", None),
            self.notification("notebookDocument/didChange", {"change": {}}),
            self.notification("workspace/didChangeConfiguration", None),
            self.notification("workspace/didChangeWorkspaceFolders", {"event": 1}),
            self.notification("$/cancelRequest", {"id": {}}),
            self.notification("$/setTrace", {"value": "loud"}),
            self.notification("initialized", {}),
            self.notification("unheard/of", {"jsonrpc": "2.0"}),
        ]  # fmt: skip
        if self.draw.random() < 0.5:
            self.refused += 1
            return self.draw.choice(bodies)
        return self.draw.choice(quiet)


# The test


@dataclass(slots=True)
class Watched:
    """What must stay empty or small while the server runs."""

    clock: Clock = field(default_factory=Clock)
    failures: list[Any] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)  # seconds beyond the deadline
    deadline: float = 0.0
    suggestions: int = 0


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    found = Watched()
    for module in (service, answering):
        monkeypatch.setattr(module, "time", found.clock)
    original = answering.Answering.answer

    def answer(self: answering.Answering, *arguments: Any, **when: Any) -> Any:
        begun = found.clock.now
        made = original(self, *arguments, **when)
        # One whose turn comes after its deadline may not take a step any more.
        found.lateness.append(found.clock.now - max(begun, found.deadline))
        found.suggestions += isinstance(made, tuple)
        return made

    monkeypatch.setattr(answering.Answering, "answer", answer)

    request = answering.Answering.request

    def timed(self: answering.Answering, *arguments: Any, **rest: Any) -> Any:
        made = request(self, *arguments, **rest)
        found.deadline = made.deadline
        return made

    monkeypatch.setattr(answering.Answering, "request", timed)
    # What the server survives, it logs as an exception.
    monkeypatch.setattr(
        logging.getLogger("lsp_server"),
        "exception",
        lambda *what: found.failures.append((what, sys.exc_info()[1])),
    )
    logging.disable(logging.CRITICAL)  # pytest would keep all lines
    yield found
    logging.disable(logging.NOTSET)


class Wire:
    """Where the server writes; tells the client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def write(self, data: bytes) -> None:
        header, _, body = data.partition(b"\r\n\r\n")
        assert int(header.split(b"\r\n")[0].split(b":")[1]) == len(body)
        self._client.hear(json.loads(body))

    def close(self) -> None:
        pass


def check_texts(server: Server, reference: Reference) -> None:
    assert {
        uri: document.text for uri, document in server.service.texts._documents.items()
    } == reference.texts


async def settle(client: Client) -> None:
    """Wait until all is answered."""
    async with asyncio.timeout(600):
        while client.waiting:
            await asyncio.sleep(0.001)


async def live(
    count: int, encoding: Encoding, watched: Watched, folder: Path, *, inline: bool, draw: random.Random
) -> list[int]:
    """One editor's life of so many messages. Memory blocks that are held each time that all is closed."""
    engine = FakeEngine(watched.clock)
    server = build(Flags(), lambda folder, threads: engine)  # type: ignore[arg-type,return-value]
    reference = Reference(encoding)
    client = Client(draw, reference, folder)
    server.protocol.set_writer(Wire(client))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, what: watched.failures.append(what))
    capabilities: dict[str, Any] = {
        "general": {"positionEncodings": [encoding]},
        "window": {"workDoneProgress": True},
        "notebookDocument": {"synchronization": {}},
        "workspace": {"configuration": True, "didChangeWatchedFiles": {"dynamicRegistration": True}},
        "textDocument": {"inlineCompletion": {}} if inline else {},
    }
    options = {"debounceMs": 0, "adaptDebounce": False}
    started = {
        "processId": None,
        "capabilities": capabilities,
        "initializationOptions": options,
        "rootUri": None,
    }
    receive = server.protocol.receive
    early = client.request("textDocument/inlineCompletion", {})
    receive(early)
    receive(client.request("initialize", started))
    receive(client.notification("initialized", {}))
    held: list[int] = []
    for number in range(count):
        for body in client.messages():
            receive(body)
            await asyncio.sleep(0)
        if draw.random() < 0.05:
            check_texts(server, reference)
            await settle(client)
        if number % (count // 8) == count // 8 - 1:
            for body in client.close_everything():
                receive(body)
            check_texts(server, reference)
            receive(client.notification("workspace/didChangeConfiguration", {"settings": options}))
            await settle(client)
            await server.service._turns.background(gc.collect)
            # A number for each request and for each answer's time is what this test keeps itself.
            held.append(sys.getallocatedblocks() - len(client.answers) - len(watched.lateness))
    assert len(server.service._shown) == len(server.service.texts._touched) == 0
    assert len(server.protocol._request_futures) < 200  # what this client never answers
    receive(client.request("shutdown", None))
    receive(client.request("tabwright/status", None))
    await settle(client)
    receive(client.notification("exit", None))
    assert server.protocol.exit_code == 0
    server.service.join(10)
    assert set(client.answers.values()) == {1}
    assert len(client.answers) == client._number
    assert client.unnamed == client.refused
    assert engine.steps > count / 20
    return held


@pytest.mark.timeout(60 + COUNT / 20)  # a busy machine is no fault of the server's
async def test_whatever_is_sent_the_texts_are_right_and_every_request_is_answered_once(
    watched: Watched, tmp_path: Path
) -> None:
    draw = random.Random(SEED)
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "b.py").write_text("first = 1\n", encoding="utf-8")
    held = await live(COUNT * 6 // 10, "utf-16", watched, tmp_path, inline=True, draw=draw)
    await live(COUNT * 2 // 10, "utf-8", watched, tmp_path, inline=False, draw=draw)
    await live(COUNT * 2 // 10, "utf-32", watched, tmp_path, inline=True, draw=draw)
    assert watched.failures == []
    assert watched.suggestions > COUNT / 100
    # The engine stops at the step that meets the deadline: what is asked after it would be one too many.
    assert max(watched.lateness) <= STEP + 1e-6
    # Caches fill; what is kept of every message would be more than two blocks.
    early, late, between = held[2], held[-1], COUNT * 6 // 10 * 5 // 8
    assert late - early < min(2 * between, 0.03 * early), held
