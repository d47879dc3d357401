"""What the tests of editors share: a home folder with a workspace, the recorded server, the pages of docs/.

The server is the real one with the model that ships, started by the word `tabwright` as the pages do; between
it and the editor stands `tee`, so that both directions of the protocol are kept. When a test fails, the home
folder (configuration, logs of the editor and the server, protocol) and the screens go to build/editors/.

TABWRIGHT_DRAW=1 has the tests draw the pictures of docs/pictures/ anew. Tests download nothing: what is not
in the cache folder is skipped, and editor_packages.py fetches it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # for the files named editor_*.py beside this one

import editor_packages  # noqa: E402
import editor_picture  # noqa: E402
from editor_screen import Terminal  # noqa: E402

# The model copies what stands in `Order`; so there is always something to show in `Offer`.
SHOP = '''\
"""Prices of a small shop."""


class Order:
    """What somebody wants to buy."""

    def __init__(self, name, price, count):
        self.name = name
        self.price = price
        self.count = count

    def total(self):
        """The price of all pieces."""
        return self.price * self.count


class Offer:
    """What somebody may buy."""

    def __init__(self, name, price, count):
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An answer to a request for ghost text: the line before the cursor, and what was suggested behind it."""

    row: int
    before: str
    texts: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Desk:
    """A person's home folder for one test, with a workspace in it."""

    home: Path
    environment: dict[str, str]
    terminals: list[Terminal] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        """The folder that is opened."""
        return self.home / "shop"

    def put(self, path: str, text: str) -> Path:
        """Write a file below the home folder."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def open(self, program: editor_packages.Program, *arguments: str, rows: int = 30) -> Terminal:
        """Start an editor on a terminal, in the workspace."""
        terminal = Terminal(
            [*program.command, *arguments],
            environment={**self.environment, **program.environment},
            folder=self.workspace,
            rows=rows,
        )
        self.terminals.append(terminal)
        return terminal

    def sent(self, direction: str) -> list[dict[str, Any]]:
        """The whole messages so far, `to-server` or `from-server`."""
        file = self.home / f"{direction}.rpc"
        data = file.read_bytes() if file.exists() else b""
        messages, place = [], 0
        while (head := data.find(b"\r\n\r\n", place)) >= 0:
            length = re.search(rb"Content-Length: (\d+)", data[place:head])
            assert length, data[place:head]
            place, end = head + 4, head + 4 + int(length.group(1))
            if end > len(data):
                break
            messages.append(json.loads(data[place:end]))
            place = end
        return messages

    def is_ready(self) -> bool:
        """The model is loaded."""
        log = self.home / "server.log"
        return log.exists() and " loaded " in log.read_text("utf-8")

    def settings_sent(self) -> Any:
        """The settings that the editor gave the server at the start."""
        (start,) = (one for one in self.sent("to-server") if one.get("method") == "initialize")
        return start["params"].get("initializationOptions")


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A home folder; what it holds is kept when the test fails."""
    home = tmp_path / "home"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_CONFIG")}
    environment |= {
        "HOME": str(home),
        "TERM": "xterm-256color",
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    environment["COLORTERM"] = "truecolor"
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        environment.pop(name, None)
    desk = Desk(home=home, environment=environment)
    desk.put("shop/shop.py", SHOP)
    (desk.workspace / ".git").mkdir()
    serve = shlex.join([sys.executable, "-I", "-m", "tabwright"])
    here = shlex.quote(str(home))
    recorded = f'{serve} "$@" --log-file {here}/server.log'
    script = f"#!/bin/sh\ntee {here}/to-server.rpc | {recorded} | tee {here}/from-server.rpc\n"
    desk.put("bin/tabwright", script).chmod(0o755)
    try:
        yield desk
    finally:
        for terminal in desk.terminals:
            terminal.close()
        if getattr(request.node, "failed", True):
            _keep(desk, request.node.name)


def _keep(desk: Desk, name: str) -> None:
    folder = ROOT / "build" / "editors" / re.sub(r"\W+", "-", name)
    shutil.rmtree(folder, ignore_errors=True)
    skip = shutil.ignore_patterns("eln-cache", "sock")
    shutil.copytree(desk.home, folder, ignore=skip, symlinks=True)
    for number, terminal in enumerate(desk.terminals):
        (folder / f"screen-{number}.txt").write_text(terminal.text(), encoding="utf-8")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Tell the fixtures whether the test failed."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" or report.failed:
        item.failed = report.failed  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def editor() -> Any:
    """A function from the name of an editor to how it is started; skips where it cannot be had."""
    if sys.platform != "linux":
        pytest.skip("the editors are Debian's, so they are tested on Linux only")

    def had(name: str) -> editor_packages.Program:
        try:
            path = str(editor_packages.folder("terminal"))
            if path not in sys.path:
                sys.path.append(path)
            return editor_packages.program(name)
        except editor_packages.NotToBeHad as reason:
            pytest.skip(str(reason))  # `make e2e` fetches the editors; what no registry has, it names

    return had


@pytest.fixture(scope="session")
def asked() -> Any:
    """A function from a Desk to all requests for ghost text that were answered, in order."""

    def of(desk: Desk) -> list[Asked]:
        lines: list[str] = []
        places: dict[int, tuple[int, str]] = {}
        for message in desk.sent("to-server"):
            params = message.get("params") or {}
            if message.get("method") == "textDocument/didOpen":
                lines = params["textDocument"]["text"].split("\n")
            elif message.get("method") == "textDocument/didChange":
                for change in params["contentChanges"]:
                    lines = _changed(lines, change)
            elif message.get("method") == "textDocument/inlineCompletion":
                row, column = params["position"]["line"], params["position"]["character"]
                places[message["id"]] = row, lines[row][:column]
        answers = []
        for message in desk.sent("from-server"):
            if message.get("id") in places and "method" not in message:
                row, before = places[message["id"]]
                items = (message.get("result") or {"items": ()})["items"]
                texts = tuple(item["insertText"] for item in items)
                answers.append(Asked(row=row, before=before, texts=texts))
        return answers

    return of


def _changed(lines: list[str], change: dict[str, Any]) -> list[str]:
    if "range" not in change:
        return str(change["text"]).split("\n")
    start, end = change["range"]["start"], change["range"]["end"]
    padded = [*lines, ""]
    before = [*lines[: start["line"]], padded[start["line"]][: start["character"]]]
    behind = [padded[end["line"]][end["character"] :], *lines[end["line"] + 1 :]]
    text = "\n".join(before) + change["text"] + "\n".join(behind)
    return text.split("\n")


@pytest.fixture(scope="session")
def page() -> Any:
    """A function from a page of docs/ and a language to the code in that language on it, unchanged."""

    def code(name: str, language: str) -> list[str]:
        text = _page(name)
        return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)

    return code


@pytest.fixture(scope="session")
def page_text() -> Any:
    """A function from a page of docs/ to its text."""
    return _page


def _page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def picture() -> Any:
    """A function that draws a terminal for docs/pictures/, where TABWRIGHT_DRAW=1 asks for it."""

    def draw(name: str, terminal: Terminal, title: str, rows: slice) -> None:
        text = editor_picture.svg(terminal.cells()[rows], _within(terminal, rows), title)
        assert len(text.encode()) < 60_000
        if os.environ.get("TABWRIGHT_DRAW") == "1":
            file = ROOT / "docs" / "pictures" / f"{name}.svg"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")

    return draw


def _within(terminal: Terminal, rows: slice) -> tuple[int, int]:
    row, column = terminal.cursor()
    return row - (rows.start or 0), column
