"""`tabwright/model`: what the model is, while it loads, works or has failed; nobody is kept waiting.

Not covered: what a folder says of itself (tests/model/serving/test_card.py).
"""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from lsp_server import model_request
from lsp_server.model_request import ModelRequest
from lsp_server.server import Server, build
from lsp_server.service import Flags
from model.errors import ModelError
from model.serving.engine import Engine
from model.serving.release import META, default_folder, file_sha256


async def test_the_model_that_ships_is_described_with_its_card() -> None:
    answer = json.loads(json.dumps(await ModelRequest().answer(None)))
    folder = default_folder()
    assert answer["problem"] is None
    assert answer["license"] == "Apache-2.0"
    assert answer["name"] == json.loads((folder / META).read_text(encoding="utf-8"))["name"]
    files = ("model.onnx", "tokenizer.json", META, "MODEL_CARD.md")
    assert answer["sha256"] == {name: file_sha256(folder / name) for name in files}
    assert answer["text"] == (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert answer["card"] == str(folder / "MODEL_CARD.md")


async def test_a_folder_that_is_none_is_told_of_in_a_sentence(tmp_path: Path) -> None:
    answer = await ModelRequest().answer(tmp_path / "none")
    assert (answer["name"], answer["sha256"], answer["text"]) == (None, {}, None)
    assert answer["problem"].startswith(f"there is no model folder {tmp_path / 'none'};")


async def test_a_home_folder_that_is_not_known_is_no_error() -> None:
    answer = await ModelRequest().answer(Path("~nobody-has-this-name/model"))
    assert "there is no model folder ~nobody-has-this-name" in answer["problem"]


async def test_the_event_loop_goes_on_and_all_who_ask_share_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A large model takes seconds to check; typing must not wait for it, nor ten checks run at once."""
    go, asked = threading.Event(), []

    def describe(folder: Path | None) -> dict[str, str]:
        asked.append(threading.current_thread())
        assert go.wait(60)
        return {"name": str(folder)}

    monkeypatch.setattr(model_request, "_describe", describe)
    request = ModelRequest()
    waiting = [asyncio.ensure_future(request.answer(Path("m"))) for _ in range(10)]
    await asyncio.sleep(0)  # the loop is free
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting[1:]), "what one calls off, others still wait for"
    go.set()
    assert await asyncio.gather(*waiting[1:]) == [{"name": "m"}] * 9
    assert [thread is threading.main_thread() for thread in asked] == [False]
    await request.answer(Path("m"))
    assert len(asked) == 2, "later it is looked at again"


class Client:
    """Sends requests to a server in this process, and keeps what comes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers: dict[object, asyncio.Future[Any]] = {}
        server.protocol.set_writer(self)  # type: ignore[arg-type]

    def write(self, data: bytes) -> None:
        message = json.loads(data.partition(b"\r\n\r\n")[2])
        if "method" not in message:
            self.answers[message["id"]].set_result(message["result"])

    def close(self) -> None:
        pass

    async def ask(self, method: str, params: object) -> Any:
        number = len(self.answers) + 1
        self.answers[number] = asyncio.get_running_loop().create_future()
        call = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.server.protocol.receive(json.dumps(call).encode())
        return await asyncio.wait_for(self.answers[number], 60)


@pytest.mark.parametrize("outcome", ["loading", "failed"])
async def test_the_server_answers_while_the_model_loads_and_when_it_has_failed(
    tmp_path: Path, outcome: str
) -> None:
    go = threading.Event()

    def load(folder: Path | None, threads: int) -> Engine:
        assert go.wait(60)
        raise ModelError(f"{folder} cannot be loaded; export it again")

    server = build(Flags(model=tmp_path), load)
    client = Client(server)
    await client.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    loading = server.service.start_loading()
    try:
        if outcome == "failed":
            go.set()
            await loading
        answer = await client.ask("tabwright/model", None)
        assert server.service.state[0] == {"loading": "starting", "failed": "problem"}[outcome]
        assert f"{tmp_path} holds no meta.json" in answer["problem"]
    finally:
        go.set()
        await asyncio.wait([loading])
        server.service.close()


async def asked_of(settings: dict[str, object], *, connect: bool) -> dict[str, Any]:
    """What a server with an engine elsewhere says of its model. Nobody listens there: nothing is asked."""

    def load(folder: Path | None, threads: int) -> Engine:
        raise AssertionError("the local engine was loaded")

    server = build(Flags(), load)
    client = Client(server)
    options = {"engine": "openai", **settings}
    params = {"processId": None, "rootUri": None, "capabilities": {}, "initializationOptions": options}
    await client.ask("initialize", params)
    try:
        if connect:
            await server.service.start_loading()
        answer: dict[str, Any] = await client.ask("tabwright/model", None)
    finally:
        server.service.close()
        assert await asyncio.to_thread(server.service.join, 60)
    return answer


@pytest.mark.parametrize(("connect", "family"), [(True, "qwen"), (False, "auto")])
async def test_of_an_engine_elsewhere_it_is_said_who_answers_and_what_is_not_known(
    connect: bool, family: str
) -> None:
    """The model that ships does not answer then, so neither its name nor its checksums are told."""
    answer = await asked_of(
        {"engineUrl": "http://127.0.0.1:9/v1", "engineModel": "qwen2.5-coder`![x](y)", "engineContext": 4096},
        connect=connect,
    )
    told = {key: answer[key] for key in ("engine", "host", "model", "family", "context", "window")}
    assert told == {
        "engine": "openai",
        "host": "127.0.0.1",
        "model": "qwen2.5-coder`![x](y)",
        "family": family,
        "context": 4096,
        "window": 4096,
    }
    assert answer["name"] == "qwen2.5-coder`![x](y) at 127.0.0.1"
    assert (answer["sha256"], answer["folder"], answer["license"], answer["card"]) == ({}, "", None, None)
    assert answer["problem"] is None
    assert "- Checksums: not known, for its files are not here" in answer["text"]
    assert "- Host: `127.0.0.1`" in answer["text"]
    assert "- Model: `qwen2.5-coder'![x](y)`" in answer["text"], "a name is no Markdown"
    assert json.loads((default_folder() / META).read_text(encoding="utf-8"))["name"] not in str(answer)


async def test_an_engine_elsewhere_that_cannot_be_is_told_of_in_its_sentence() -> None:
    answer = await asked_of({"engineUrl": "nowhere"}, connect=True)
    assert "must begin with https://" in answer["problem"]
    assert (answer["name"], answer["host"], answer["model"]) == ("a model at another machine", None, None)
    assert "- Host: not known" in answer["text"]


async def test_it_is_said_which_engine_answers_here() -> None:
    assert (await ModelRequest().answer(None))["engine"] == "local"
