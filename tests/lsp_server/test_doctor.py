import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from lsp_server import cli, completer, doctor
from lsp_server.doctor import Check, broken, memory
from model.errors import ModelError, RuntimeMissingError
from model.serving.encoder import LineEncoder
from model.serving.project import Project
from model.serving.release import default_folder
from model.tokenizer import Tokenizer

TOKENIZER = Tokenizer.load(default_folder() / "tokenizer.json")


class Engine:
    release = SimpleNamespace(languages=("python",), window=512, neighbours=False, confidence=None)
    tokenizer = None

    def generate(self, prompt: Any, **how: Any) -> SimpleNamespace:
        return SimpleNamespace(text="self.y = y", stop_reason="end_of_text", tokens=4, copied=(), logprobs=())

    def remember(self, *_: Any, **__: Any) -> None:
        return None

    def close(self) -> None:
        pass

    def new_project(self) -> Project:
        return Project(LineEncoder(TOKENIZER))


@pytest.fixture(autouse=True)
def _fake_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completer.fim, "render", lambda hole, tokenizer, budget: hole)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "secrets.py").write_text("x = 1\n", encoding="utf-8")
    return tmp_path


def examined(folder: Path, load: Any = lambda folder, threads: Engine(), **more: Any) -> dict[str, Check]:
    checks = list(doctor.examine(more.get("model"), more.get("threads", 0), folder, load))
    assert all(check.says and (check.advice or check.verdict != "problem") for check in checks)
    return {check.name: check for check in checks}


def test_where_all_is_well_everything_is_said_and_nothing_advised(workspace: Path) -> None:
    checks = examined(workspace)
    assert not broken(list(checks.values()))
    assert "tabwright" in checks["packages"].says
    assert "sha256" in checks["model"].says
    assert "'self.y = y' in " in checks["completion"].says
    assert checks["workspace"].says.startswith("1 file of ")
    assert checks["workspace"].says.endswith("left out: secret 1")


def test_a_model_that_does_not_load_is_a_problem_with_a_way_out(workspace: Path) -> None:
    def load(folder: Path | None, threads: int) -> Any:
        raise ModelError("the graph is broken; export the model again")

    checks = examined(workspace, load)
    assert checks["loading"].verdict == "problem"
    assert checks["loading"].advice == "export the model again"
    assert "completion" not in checks
    assert broken(list(checks.values()))


def test_a_model_that_is_missing_is_said_once(workspace: Path) -> None:
    checks = examined(workspace, model=workspace / "none")
    assert checks["model"].verdict == "problem"
    assert "loading" not in checks
    assert broken(list(checks.values()))


def test_two_runtimes_over_each_other_are_a_problem(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_onnxruntime() -> None:
        raise RuntimeMissingError("onnxruntime and onnxruntime-gpu clash; run pip uninstall")

    monkeypatch.setattr(doctor, "load_onnxruntime", load_onnxruntime)
    check = examined(workspace)["runtime"]
    assert (check.verdict, check.advice) == ("problem", "run pip uninstall")


def test_an_engine_that_fails_at_work_is_a_problem(workspace: Path) -> None:
    class Broken(Engine):
        def generate(self, prompt: Any, **how: Any) -> SimpleNamespace:
            raise ZeroDivisionError

    check = examined(workspace, lambda folder, threads: Broken())["completion"]
    assert check.verdict == "problem"
    assert "ZeroDivisionError" in check.says


def test_more_threads_than_cores_are_a_problem(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "usable_cores", lambda: 2)
    assert examined(workspace, threads=3)["processor"].verdict == "problem"
    assert examined(workspace, threads=2)["processor"].verdict != "problem"


def test_a_battery_is_noted(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.power, "on_battery", lambda: True)
    assert examined(workspace)["processor"].verdict == "note"


def test_a_folder_without_source_files_is_noted(tmp_path: Path) -> None:
    assert examined(tmp_path)["workspace"].verdict == "note"


def test_little_memory_is_a_problem(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "memory", lambda: (8 << 30, 100 << 20))
    assert examined(workspace)["memory"].verdict == "problem"


def test_memory_is_read_as_the_kernel_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:       2048 kB\nMemAvailable:    512 kB\n", encoding="ascii")
    assert memory(file) == (2048 * 1024, 512 * 1024)
    file.write_text("nonsense\n", encoding="ascii")
    assert memory(file) == memory(tmp_path / "none") == (None, None)


# The command

GOOD = Check(name="one", verdict="good", says="well")
BAD = Check(name="two", verdict="problem", says="not well", advice="do this")


@pytest.mark.parametrize(("checks", "code"), [([GOOD], 0), ([GOOD, BAD], 1)])
def test_the_command_says_it_plainly_to_a_pipe(
    monkeypatch: pytest.MonkeyPatch, checks: list[Check], code: int
) -> None:
    def examine(*_: Any) -> Iterator[Check]:
        yield from checks

    monkeypatch.setattr(doctor, "examine", examine)
    app = typer.Typer()
    app.command()(cli.doctor)
    plain = CliRunner().invoke(app, [])
    assert plain.exit_code == code
    assert "\x1b" not in plain.output
    assert plain.output.splitlines()[0] == "ok      one: well"
    assert ("PROBLEM two: not well\n        -> do this\n" in plain.output) == bool(code)
    told = CliRunner().invoke(app, ["--json"])
    assert told.exit_code == code
    assert json.loads(told.output)["ok"] is not bool(code)
    assert json.loads(told.output)["checks"][0] == {
        "name": "one",
        "verdict": "good",
        "says": "well",
        "advice": "",
    }


def test_the_command_draws_a_table_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    cli._draw([GOOD, BAD])
    drawn = capsys.readouterr().out
    assert "✗" in drawn
    assert "→ do this" in drawn
