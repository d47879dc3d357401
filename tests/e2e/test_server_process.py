"""The real server process with the model that ships, as an editor meets it.

What a model suggests is its own affair, so these tests ask for form: that there are answers, in time, for the
right place. `model_folder` is the folder of the model.
"""

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

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


# How the process ends. No model is loaded: nobody says `initialized`.

PATIENCE = 120  # seconds, on a busy machine


def frame(message: dict[str, object]) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def read_frame(pipe: IO[bytes]) -> dict[str, object]:
    length = 0
    while line := pipe.readline().strip():
        if line.startswith(b"Content-Length"):
            length = int(line.split(b":")[1])
    message = json.loads(pipe.read(length))
    assert isinstance(message, dict)
    return message


def initialize(pid: int | None) -> bytes:
    return frame({"id": 1, "method": "initialize", "params": {"processId": pid, "capabilities": {}}})


SHUTDOWN = frame({"id": 2, "method": "shutdown"})
EXIT = frame({"method": "exit"})


@contextmanager
def server(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [*SERVER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", 0),  # nobody ever spoke
        (initialize(None) + SHUTDOWN + EXIT, 0),
        (initialize(None) + SHUTDOWN, 0),  # an editor that forgets to say exit
        (initialize(None) + EXIT, 1),
        (initialize(None), 1),
    ],
)
def test_the_exit_code_says_how_the_session_ended(sent: bytes, code: int) -> None:
    with server() as process:
        process.communicate(sent, timeout=PATIENCE)
        assert process.returncode == code


def test_the_server_ends_with_the_editor_that_dies() -> None:
    """Even where somebody else keeps its stdin open: an orphan would hold its memory for ever."""
    waiting = [sys.executable, "-I", "-c", "input()"]
    with server() as process, subprocess.Popen(waiting, stdin=subprocess.PIPE) as editor_process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(initialize(editor_process.pid))
        process.stdin.flush()
        assert "result" in read_frame(process.stdout)
        assert process.poll() is None
        editor_process.kill()
        editor_process.wait()
        assert process.wait(PATIENCE) == 1


def test_one_editor_is_served_over_tcp() -> None:
    with server("--tcp", "0") as process:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        found = re.search(r"listening at 127\.0\.0\.1:(\d+) for one client", line)
        assert found is not None, line
        with socket.create_connection(("127.0.0.1", int(found.group(1))), PATIENCE) as connection:
            connection.sendall(initialize(None))
            with connection.makefile("rb") as pipe:
                assert "result" in read_frame(pipe)
                with pytest.raises(OSError, match="refused"):
                    socket.create_connection(("127.0.0.1", int(found.group(1))), 1)
                connection.sendall(SHUTDOWN + EXIT)
                assert read_frame(pipe)["id"] == 2
        assert process.wait(PATIENCE) == 0


def test_what_is_no_address_ends_in_one_sentence() -> None:
    with server("--tcp", "localhost:http") as process:
        _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert told.decode().startswith("tabwright: --tcp localhost:http is no address; write HOST:PORT")
