import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from eval.cli import app
from model.errors import ConfigError


def invoke(*arguments):
    return CliRunner().invoke(app, ["humaneval", *arguments], catch_exceptions=False, standalone_mode=False)


@pytest.mark.parametrize(("check", "passed"), [("--gold", 4), ("--empty", 0)])
def test_checks_of_the_harness(check, passed, tmp_path):
    result = invoke(check, "--limit", "4", "--workers", "2", "--out", str(tmp_path))
    assert result.exit_code == 0
    assert f"{passed}/4" in result.output
    assert json.loads((tmp_path / "result.json").read_text())["passed"] == passed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gold", "--empty"], "one at a time"),
        (["--gold", "--samples", "2"], "leave --model and --samples out"),
        (["--gold", "--model", "x"], "leave --model and --samples out"),
        (["--gold", "--k", "1;2"], "not a list of numbers"),
        (["--gold", "--k", "10"], "each k must be 1 to 1"),
        (["--gold", "--timeout", "0"], "above 0"),
        (["--gold", "--timeout", "nan"], "above 0"),
        (["--samples", "5"], "set --temperature"),
    ],
)
def test_options_that_do_not_fit(arguments, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        invoke(*arguments, "--out", str(tmp_path))


def test_a_command_loads_the_engine(fake_engine, tmp_path, monkeypatch):
    import model.serving.engine as serving

    engine = fake_engine(lambda prompt: "    pass\n")
    monkeypatch.setattr(serving.Engine, "load", classmethod(lambda cls, folder, *, threads: engine))
    result = invoke("--limit", "2", "--out", str(tmp_path / "out"), "--max-tokens", "50")
    assert "0/2" in result.output
    assert len(engine.prompts) == 2


def test_help_is_light():
    heavy = {"numpy", "rich.progress", "tokenizers", "eval.problems.humaneval"}
    code = f"import sys, eval.cli; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"
    assert "E.g." in invoke("--help").output
