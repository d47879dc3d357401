"""A server whose engine is another machine's: who is told what, and what is never told."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from eval.editor import SERVER, Editor
from lsp_server import cli, doctor, remote, settings
from lsp_server.completer import Silence
from lsp_server.documents import Document
from lsp_server.service import Answer, Flags, Service
from lsp_server.settings import Settings
from model.errors import ConfigError

sys.path.insert(0, str(Path(__file__).parents[1] / "model" / "serving" / "remote"))

from hostile_server import HostileServer, answers, responds, stalls

KEY = "sk-planted-0123456789"
TEXT = "class Order:\n    def total(self):\n        return \n"
SPOT = (2, 15)


class Face:
    """Somebody who remembers all that was told."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []
        self.said: list[str] = []

    def tell_status(self, state: str, message: str) -> None:
        self.states.append((state, message))

    def tell_user(self, message: str, *, problem: bool) -> None:
        self.said.append(message)

    def tell_indexing(self) -> None:
        pass


def no_local_engine(folder: Path | None, threads: int) -> Any:
    raise AssertionError("the local engine was loaded")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABWRIGHT_API_KEY", KEY)


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    with HostileServer(answers("self.price", " * 2")) as server:
        yield server


def service_for(server: HostileServer, **more: object) -> tuple[Service, Face]:
    face = Face()
    service = Service(face, Flags(), no_local_engine)
    raw = {"engine": "openai", "engineUrl": server.url, "engineModel": "qwen-coder", "debounceMs": 0}
    service.configure({**raw, "deadlineMs": 10_000, **more}, at_start=True)
    service.open("a", Document(path="/w/order.py", language_id="python", text=TEXT))
    return service, face


async def texts(service: Service, *, invoked: bool = False) -> list[str] | str:
    found = await service.suggest("a", SPOT, invoked=invoked)
    assert found is not None
    return found.reason if isinstance(found, Silence) else [one.text for one in found.suggestions]


def end(service: Service) -> None:
    service.close()
    assert service.join(10)


async def test_people_are_told_where_their_text_goes(
    hostile: HostileServer, caplog: pytest.LogCaptureFixture
) -> None:
    service, face = service_for(hostile)
    try:
        with caplog.at_level(logging.INFO):
            assert await texts(service) == ["self.price * 2"]
    finally:
        end(service)
    state, message = face.states[-1]
    assert state == "ready"
    assert message == "qwen-coder at 127.0.0.1 is ready; text around the cursor is sent to 127.0.0.1"
    assert message in caplog.text
    assert face.said == []


async def test_what_was_suggested_is_known_and_not_asked_for_again(hostile: HostileServer) -> None:
    service, _ = service_for(hostile)
    try:
        assert await texts(service) == await texts(service)
    finally:
        end(service)
    assert len(hostile.requests) == 1


async def test_a_server_that_fails_is_told_of_once_and_not_at_every_key(hostile: HostileServer) -> None:
    hostile.behaviours = [responds("401 Unauthorized", "{}")]
    service, face = service_for(hostile)
    try:
        for _ in range(30):
            assert "TABWRIGHT_API_KEY" in await texts(service)
    finally:
        end(service)
    assert len(face.said) == 1
    assert face.states[-1][0] == "problem"
    assert len(face.states) <= 4
    assert len(hostile.requests) == 1, "a key that is wrong stays wrong"


async def test_a_server_that_stalls_costs_a_key_its_deadline_and_nothing_else(hostile: HostileServer) -> None:
    hostile.behaviours = [stalls(headers=False)]
    service, face = service_for(hostile, deadlineMs=60)
    try:
        for _ in range(12):
            assert isinstance(await texts(service), str)
    finally:
        end(service)
    assert len(face.said) == 1
    assert "tabwright.deadlineMs" in face.said[0]


async def test_it_is_ready_again_when_the_server_answers_again(hostile: HostileServer) -> None:
    hostile.behaviours = [responds("401 Unauthorized", "{}"), answers("self.price")]
    service, face = service_for(hostile)
    try:
        await texts(service)
        assert face.states[-1][0] == "problem"
        assert await texts(service, invoked=True) == ["self.price"]
    finally:
        end(service)
    assert face.states[-1][0] == "ready"


async def test_the_key_is_told_to_nobody(hostile: HostileServer, caplog: pytest.LogCaptureFixture) -> None:
    """At the level debug, which also holds pieces of code."""
    hostile.behaviours = [
        answers("self.price"),
        responds("400 No", f'{{"error": "bad key {KEY}"}}'),
        answers(f"'{KEY}'"),
        responds("401 No", f"bad key {KEY}", "text/plain"),
    ]
    service, face = service_for(hostile, logLevel="debug")
    told: list[object] = []
    try:
        with caplog.at_level(logging.DEBUG):
            for number in range(6):
                service.open(
                    "a", Document(path="/w/order.py", language_id="python", text=f"# {number}\n{TEXT}")
                )
                found = await service.suggest("a", (3, 15), invoked=True)
                told.append(found)
                told += found.suggestions if isinstance(found, Answer) else []
    finally:
        end(service)
    assert len(hostile.requests) >= 4
    everything = "\n".join([caplog.text, *map(repr, [told, face.states, face.said, service.settings])])
    assert "planted" not in everything


async def test_no_secret_of_the_file_is_sent(hostile: HostileServer) -> None:
    secret = "AKIAIOSFODNN7ABCDEFG"
    service, _ = service_for(hostile)
    service.open("a", Document(path="/w/a.py", language_id="python", text=f'aws_key = "{secret}"\n{TEXT}'))
    service.open(
        "b", Document(path="/w/b.py", language_id="python", text=f'aws_key = "{secret}"\ntotal = 1\n')
    )
    try:
        await service.suggest("a", (3, 15), invoked=True)
    finally:
        end(service)
    (asked, *_) = hostile.requests
    assert "aws_key" in asked.body["prompt"]
    assert secret not in str([asked.body for asked in hostile.requests])


def test_nor_from_the_command_line(hostile: HostileServer, tmp_path: Path) -> None:
    lines = [f"{number:02}aB3xK9pQ7rT2vW5yZ8cD4fG6hJ1kL0mN" * 2 for number in range(40)]
    key = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    file = tmp_path / "order.py"
    file.write_text(f'KEY = """{key}"""\n{TEXT}', encoding="utf-8")
    app = typer.Typer()
    app.command()(cli.complete)
    where = [str(file), "45", "16", "--engine-url", hostile.url, "--engine-model", "qwen-coder"]
    done = CliRunner().invoke(app, [*where, "--engine-context", "800"])
    assert done.exit_code == 0, done.output
    (asked,) = hostile.requests
    assert [line for line in lines if line in str(asked.body)] == []


async def test_neighbours_come_from_the_workspace_and_no_index_is_kept(
    hostile: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "work"
    folder.mkdir()
    price = "class Price:\n    def total(self):\n        return self.amount * self.exchange_rate\n"
    (folder / "price.py").write_text(price, encoding="utf-8")
    text = "from price import Price\n\n\ndef total(price: Price):\n"
    text += "    amount = price.exchange_rate\n    return \n"
    service, _ = service_for(hostile)
    try:
        await service.start_loading()
        service.follow([str(folder)])
        path = str(folder / "order.py")
        service.open("a", Document(path=path, language_id="python", text=text))
        while service.indexed is None or not service.indexed.complete:
            await asyncio.sleep(0.02)
        await service.suggest("a", (5, 11), invoked=False)
    finally:
        end(service)
    assert "price.py" in hostile.requests[-1].body["prompt"]
    assert not (tmp_path / "cache" / "tabwright" / "index").exists()


async def test_settings_that_cannot_be_right_are_one_sentence(hostile: HostileServer) -> None:
    service, face = service_for(hostile, engineUrl="")
    try:
        await service.start_loading()
    finally:
        end(service)
    (sentence,) = face.said
    assert "tabwright.engineUrl" in sentence
    assert face.states[-1][0] == "problem"


async def test_an_address_that_anybody_can_read_along_is_warned_of() -> None:
    face = Face()
    service = Service(face, Flags(), no_local_engine)
    raw = {"engine": "openai", "engineUrl": "http://models.example.org/v1", "engineModel": "qwen-coder"}
    service.configure(raw, at_start=True)
    try:
        await service.start_loading()
    finally:
        end(service)
    (sentence,) = face.said
    assert "not encrypted" in sentence
    assert face.states[-1][0] == "ready"


# Settings and flags


def test_no_message_of_a_running_editor_changes_where_text_goes() -> None:
    """What a workspace can reach are later messages, and the settings that VS Code lets it set."""
    mine = Settings(engine="openai", engine_url="https://mine.example/v1", engine_model="m")
    theirs = {
        "engine": "openai",
        "engineUrl": "https://theirs.example/v1",
        "engineModel": "x",
        "engineFim": "qwen",
        "engineContext": 512,
    }
    assert settings.read(theirs, current=mine).settings == mine
    assert settings.read(theirs, current=Settings()).settings == Settings()


def test_the_command_line_has_the_last_word() -> None:
    chosen = remote.chosen(url="https://h.example/v1", model="m", context=512)
    final = remote.wanted(Settings(engine_url="https://other.example", engine_fim="qwen"), chosen)
    assert final is not None
    assert (final.engine, final.engine_url, final.engine_model) == ("openai", "https://h.example/v1", "m")
    assert (final.engine_fim, final.engine_context) == ("qwen", 512)
    assert remote.wanted(Settings(engine="openai"), remote.chosen(engine="local")) is None
    assert remote.wanted(Settings(), remote.chosen()) is None


@pytest.mark.parametrize("given", [{"engine": "cloud"}, {"fim": "gpt"}, {"context": 1}])
def test_a_flag_that_no_setting_could_have_is_one_sentence(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"the setting tabwright\.engine"):
        remote.chosen(**given)


async def test_a_server_is_started_with_flags(hostile: HostileServer, tmp_path: Path) -> None:
    flags = ("--engine-url", hostile.url, "--engine-model", "qwen-coder")
    settings_of_no_avail = {"engine": "local", "debounceMs": 0, "deadlineMs": 10_000}
    command = (*SERVER, *flags)
    async with Editor(tmp_path, command=command, settings=settings_of_no_avail) as editor:
        editor.open("order.py", TEXT)
        item = await editor.suggest("order.py", len(TEXT) - 1)
    assert item is not None
    assert item.insert_text == "self.price * 2"
    assert hostile.requests[0].body["model"] == "qwen-coder"


def test_one_suggestion_on_the_command_line(hostile: HostileServer, tmp_path: Path) -> None:
    file = tmp_path / "order.py"
    file.write_text(TEXT, encoding="utf-8")
    app = typer.Typer()
    app.command()(cli.complete)
    where = [str(file), "3", "16", "--engine-url", hostile.url, "--engine-model", "qwen-coder"]
    done = CliRunner().invoke(app, [*where, "--explain"])
    assert done.exit_code == 0
    assert "self.price * 2" in done.output
    assert "the prompt has" in done.output
    assert KEY not in done.output


def test_nothing_of_a_network_is_loaded_for_the_local_engine(tmp_path: Path) -> None:
    """Start-up is a feature, and what is not loaded cannot connect."""
    program = (
        "import sys, lsp_server.service, lsp_server.remote, model.serving.engine; from pathlib import Path\n"
        "from lsp_server.completer import Completer, Request; from model.fim import Hole\n"
        "engine = lsp_server.service.load_engine(None, 1)\n"
        "hole = Hole(path='a.py', language='python', prefix='x = ', suffix='')\n"
        "Completer(engine).complete(hole, Request())\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('httpx2', 'httpcore2', 'tenacity', 'keyring')"
        " or m.startswith('model.serving.remote')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_is_one_sentence_with_the_way_out() -> None:
    program = (
        "import sys; sys.modules['httpx2'] = None\n"
        "from lsp_server import remote; from lsp_server.settings import Settings\n"
        "from model.errors import ConfigError\n"
        "try:\n    remote.load(Settings(engine='openai', engine_url='http://h/v1'))\n"
        "except ConfigError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "-m pip install httpx2 keyring tenacity" in done.stdout


# `tabwright doctor`


def endpoint(server: HostileServer, **more: Any) -> Settings:
    return Settings(engine="openai", engine_url=server.url, engine_model="qwen-coder", **more)


def examined(server: HostileServer, folder: Path, **more: Any) -> dict[str, doctor.Check]:
    checks = doctor.examine(None, 0, folder, no_local_engine, endpoint(server, **more))
    return {check.name: check for check in checks}


def test_the_doctor_says_what_is_served_and_how_fast(hostile: HostileServer, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    hostile.behaviours = [responds("200 OK", '{"data": [{"id": "qwen-coder"}]}'), answers("self.x = x")]
    checks = examined(hostile, tmp_path, deadline_ms=10_000)
    assert checks["engine"].verdict == "good"
    assert "with qwen-coder; asked as qwen, with a key; a suggestion in " in checks["engine"].says
    assert "'self.x = x'" in checks["completion"].says
    assert "runtime" not in checks
    assert "model" not in checks


def test_the_doctor_says_what_to_do_about_a_server_that_does_not_answer(
    hostile: HostileServer, tmp_path: Path
) -> None:
    hostile.behaviours = [responds("401 Unauthorized", "{}")]
    check = examined(hostile, tmp_path)["engine"]
    assert check.verdict == "problem"
    assert "TABWRIGHT_API_KEY" in check.advice
    assert KEY not in repr(check)
