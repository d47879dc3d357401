"""The real server against a real server of somebody else's, with our own model as a GGUF file.

Its weights are float16, the local engine's are int8, so a few suggestions differ; the prompts must not.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for llama_server.py

import llama_server
from llama_server import LlamaServer, NotToBeHad

from eval import confined
from eval.editor import SERVER, Editor
from lsp_server.completer import Completer, Request, Suggestion
from model import fim
from model.fim import Hole, Snippet
from model.serving.engine import Engine
from model.serving.release import default_folder
from model.serving.remote import families, parts

ROOT = Path(__file__).parents[2]
KEY = "sk-planted-0123456789"
NAME = "tabwright"
WINDOW = 1024
SOURCE = ROOT / "lsp_server" / "turns.py"
EVERY = 14  # lines


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model that ships as llama.cpp reads it."""
    try:
        llama_server.interpreter()
    except NotToBeHad as reason:
        pytest.skip(str(reason))  # it takes minutes to build: `make e2e` does, a unit run does not
    file = tmp_path_factory.mktemp("gguf") / "tabwright.gguf"
    export = ["tabwright", "export", str(default_folder()), "--to", "gguf", "--out", str(file)]
    subprocess.run([sys.executable, "-m", *export], cwd=ROOT, check=True, capture_output=True)
    return file


@pytest.fixture(scope="module")
def server(gguf: Path) -> Iterator[LlamaServer]:
    with llama_server.running(gguf, name=NAME, key=KEY, window=WINDOW) as running:
        yield running


def editor(folder: Path, server: LlamaServer, key: str = KEY) -> Editor:
    settings = {
        "engine": "openai", "engineUrl": server.url, "engineModel": NAME, "engineContext": WINDOW,
        "debounceMs": 0, "deadlineMs": 10_000, "invokedDeadlineMs": 10_000, "maxLines": 4, "showAbove": 0,
        "candidates": 1, "indexProject": False, "logLevel": "debug",
    }  # fmt: skip
    command = ("env", f"TABWRIGHT_API_KEY={key}", *SERVER)
    return Editor(folder, command=command, settings=settings)


def holes() -> list[Hole]:
    """Beginnings of lines, where no word is half typed: the local engine would heal it."""
    lines = SOURCE.read_text(encoding="utf-8").split("\n")
    found = []
    for number in range(20, len(lines), EVERY):
        line = lines[number]
        if line.strip():
            indent = line[: len(line) - len(line.lstrip())]
            before = "\n".join([*lines[:number], indent])
            behind = "\n".join(["", *lines[number + 1 :]])
            found.append(Hole(path="turns.py", language="python", prefix=before, suffix=behind))
    return found


def test_the_prompt_is_of_the_same_tokens(server: LlamaServer) -> None:
    """Sent as text, read there by a tokenizer that takes sentinels for what they are."""
    engine = Engine.load(threads=1)
    other = Snippet(path="wörld/b.py", text='x = "漢字 🙂"\n\n\ndef total():\n    pass')
    wild = Hole(
        path="a.py", language="python", prefix="s = '<|fim_middle|>'\nx =  1\ny = ", suffix="\n<|file_sep|>\n"
    )
    tame = [
        *holes()[:4],
        Hole(path="a.py", language="python", prefix="x = 1\n", suffix="", neighbours=(other,)),
    ]
    for hole in (*tame, wild):
        prompt = fim.render(hole, engine.tokenizer, WINDOW - 256)
        found = parts.of(prompt, engine.tokenizer)
        written = families.written(found, families.FAMILIES["tabwright"])
        expected = prompt
        if hole is wild:  # what would have become sentinels is broken up
            apart = Hole(
                path="a.py",
                language="python",
                prefix=families.apart(hole.prefix),
                suffix=families.apart(hole.suffix),
            )
            expected = fim.render(apart, engine.tokenizer, WINDOW - 256)
        text = expected.pending.removesuffix(written.held)
        assert tokenized(server, written.prompt) == [*expected.tokens, *engine.tokenizer.encode(text)]


def tokenized(server: LlamaServer, text: str) -> list[int]:
    request = urllib.request.Request(
        server.url.removesuffix("/v1") + "/extras/tokenize",
        data=json.dumps({"input": text}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        tokens: list[int] = json.load(response)["tokens"]
    return tokens


async def test_suggestions_are_nearly_those_of_the_local_engine(server: LlamaServer, tmp_path: Path) -> None:
    completer = Completer(Engine.load(threads=1), use="model")
    equal = alike = 0
    asked = holes()
    async with editor(tmp_path, server) as session:
        _, message = await session.wait_for_state("ready")
        for hole in asked:
            local = completer.complete(hole, Request(max_lines=4))
            expected = local.text if isinstance(local, Suggestion) else ""
            session.open("turns.py", hole.prefix + hole.suffix)
            item = await session.suggest("turns.py", len(hole.prefix))
            found = "" if item is None else str(item.insert_text)
            equal += found == expected
            alike += found.partition("\n")[0] == expected.partition("\n")[0]
            session.close("turns.py")
        told = repr([session.states, session.messages, session.logs])
    print(f"{equal} of {len(asked)} suggestions equal, {alike} by their first line")
    assert message == "tabwright at 127.0.0.1 is ready; text around the cursor is sent to 127.0.0.1"
    assert alike >= len(asked) / 2
    assert session.messages == []
    assert session.exit_status == 0
    assert "planted" not in told + "".join(session.stderr)


async def test_a_wrong_key_is_told_once(server: LlamaServer, tmp_path: Path) -> None:
    async with editor(tmp_path, server, key="sk-wrong-987654") as session:
        await session.wait_for_state("ready")
        session.open("a.py", "total = \n")
        for _ in range(5):
            assert await session.suggest("a.py", 8) is None
        assert len(session.messages) == 1
        assert "does not accept the key (401)" in session.messages[0]
        assert session.states[-1][0] == "problem"
    assert "sk-wrong" not in repr([session.states, session.messages, session.logs])


async def test_a_server_that_goes_down_and_comes_back(gguf: Path, tmp_path: Path) -> None:
    text = "class Order:\n    def __init__(self, price):\n        \n"
    at = len(text) - 1
    with llama_server.running(gguf, name=NAME, key=KEY, window=WINDOW) as first:
        port = int(first.url.rsplit(":", 1)[1].removesuffix("/v1"))
        async with editor(tmp_path, first) as session:
            session.open("a.py", text)
            assert await session.suggest("a.py", at, invoked=True) is not None
            first.stop()
            for number in range(8):
                session.open(f"b{number}.py", text)
                assert await session.suggest(f"b{number}.py", at) is None
            assert session.states[-1][0] == "problem"
            assert len(session.messages) == 1
            assert "cannot be reached" in session.messages[0] or "broke" in session.messages[0]
            with llama_server.running(gguf, name=NAME, key=KEY, window=WINDOW, port=port):
                session.open("c.py", text)
                assert await session.suggest("c.py", at, invoked=True) is not None
                assert (await session.wait_for_state("ready"))[0] == "ready"
    assert session.exit_status == 0


# What no workspace can do


# Confining is a filter of the Linux kernel, written for these two processors; elsewhere nothing can prove it.
@pytest.mark.skipif(not confined.available(), reason="only Linux on x86_64 or aarch64 can confine")
@pytest.mark.parametrize("at_start", [False, True])
async def test_only_what_an_editor_says_at_its_start_opens_a_socket(tmp_path: Path, at_start: bool) -> None:
    """The kernel kills the server at its first: later messages, which a workspace may reach, lead to none."""
    remote = {"engine": "openai", "engineUrl": "http://127.0.0.1:9/v1", "engineModel": NAME}
    local = {"debounceMs": 0, "deadlineMs": 5_000, "showAbove": 0}
    command = (sys.executable, "-I", confined.__file__, *SERVER)
    session = Editor(tmp_path, command=command, settings={**local, **(remote if at_start else {})})
    async with session:
        await session.wait_for_state("ready")
        session.open("a.py", "class Order:\n    def __init__(self, price):\n        \n")
        session.configure({"tabwright": remote})
        asked = session.ask("a.py", 55, invoked=True).answer
        if at_start:
            with pytest.raises(RuntimeError, match=f"return code: {-signal.SIGSYS}"):
                await asyncio.wait_for(asked, 60)
        else:
            assert await asyncio.wait_for(asked, 60)
            assert "takes effect after a restart" in " ".join(session.messages)
