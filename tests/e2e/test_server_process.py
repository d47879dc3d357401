"""The real server process with the model that ships, as an editor meets it.

What a model suggests is its own affair, so these tests ask for form: that there are answers, in time, for the
right place. `model_folder` is the folder of the model.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pygls.exceptions import JsonRpcException

from eval.editor import CANCELLED, SERVER, Editor

pytestmark = pytest.mark.e2e

CODE = '''\
"""Sums."""


def add(a, b):
    """The sum of two numbers."""
    return a + b


def subtract(a, b):
    """The difference of two numbers."""
    return HERE

def multiply(a, b):
    """The product of two numbers."""
    return a * b
'''
PLACE = CODE.index("HERE")
CODE = CODE.replace("HERE", "")
# Everything that training needs is missing, and any connection is a mistake.
BARE = """
import socket, sys
def refuse(*_): raise AssertionError("the server connects to something")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
for name in ("torch", "transformers", "onnx", "safetensors"): sys.modules[name] = None
from lsp_server.__main__ import main
main()
"""


def editor(folder: Path, model: Path, *command: str, **settings: object) -> Editor:
    return Editor(folder, command=[*(command or SERVER), "--model", str(model)], settings=settings)


async def test_a_whole_session(tmp_path: Path, model_folder: Path) -> None:
    """Start, suggest, type, suggest again, accept, configure, end; in an environment fit for serving only."""
    bare = (sys.executable, "-I", "-c", BARE)
    async with editor(tmp_path, model_folder, *bare, deadlineMs=10_000, logLevel="debug") as session:
        session.open("sums.py", CODE)
        item = await session.suggest("sums.py", PLACE, invoked=True)
        assert session.states[-1][0] == "ready"
        if item is None:
            assert any("no suggestion" in line for line in session.logs)
        else:
            assert isinstance(item.insert_text, str)
            assert "\n" not in item.insert_text
            await session.accept("sums.py", item)
        for step, letter in enumerate("a - b"):
            session.replace("sums.py", PLACE + step, PLACE + step, letter)
            await session.suggest("sums.py", PLACE + step + 1)
        session.configure({"tabwright": {"enable": False}})
        assert await session.suggest("sums.py", PLACE) is None
        assert session.messages == []
    assert session.exit_status == 0, session.stderr


async def test_a_workspace_with_our_names_changes_nothing(tmp_path: Path, model_folder: Path) -> None:
    for name in ("model", "lsp_server", "eval"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('hijacked')")
    async with editor(tmp_path, model_folder) as session:
        session.open("sums.py", CODE)
        await session.suggest("sums.py", PLACE, invoked=True)
        assert session.states[-1][0] == "ready"
        assert "hijacked" not in "".join(session.stderr)


async def test_cancelling_and_typing_on(tmp_path: Path, model_folder: Path) -> None:
    """A burst of requests, half of them cancelled: the last one is answered, the server ends well."""
    async with editor(tmp_path, model_folder, debounceMs=0) as session:
        session.open("sums.py", CODE)
        await session.wait_for_state("ready")
        asked = []
        for step in range(20):
            session.replace("sums.py", PLACE + step, PLACE + step, "x")
            asked.append(session.ask("sums.py", PLACE + step + 1))
            if step % 2:
                session.cancel(asked[-1])
            await asyncio.sleep(0.01)
        asked.append(session.ask("sums.py", PLACE + 20))
        results = await asyncio.wait_for(
            asyncio.gather(*(one.answer for one in asked), return_exceptions=True), 30
        )
        for result in results:
            assert not isinstance(result, BaseException) or (
                isinstance(result, JsonRpcException) and result.code == CANCELLED
            )
        assert not isinstance(results[-1], BaseException)
    assert session.exit_status == 0, session.stderr


async def test_initialize_does_not_wait_for_the_model(tmp_path: Path, model_folder: Path) -> None:
    start = time.monotonic()
    async with editor(tmp_path, model_folder) as session:
        answered = time.monotonic() - start
        await session.wait_for_state("ready")
        assert answered < time.monotonic() - start
        assert session.states[0][0] == "starting"


def complete(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys, typer; from lsp_server.cli import complete; from model.errors import TabwrightError\n"
        "app = typer.Typer(pretty_exceptions_enable=False); app.command()(complete)\n"
        "try: app()\n"
        "except TabwrightError as error: sys.exit(str(error))"
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", code, *arguments],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip


def test_complete_on_the_command_line(tmp_path: Path, model_folder: Path) -> None:
    file = tmp_path / "sums.py"
    file.write_text(CODE, encoding="utf-8")
    done = complete(str(file), "11", "12", "--json", "--model", str(model_folder))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["range"]["start"] == {"line": 11, "column": 12}
    assert answer["text"] is None or answer["tokens"] > 0
    done = complete(str(file), "99", "1", "--model", str(model_folder))
    assert done.returncode == 1
    assert "line 99 is outside" in done.stderr
