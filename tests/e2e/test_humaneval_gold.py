"""The harness against itself: all reference solutions pass, no empty one does."""

import json

import pytest
from typer.testing import CliRunner

from eval.cli import app


@pytest.mark.e2e
@pytest.mark.parametrize(("check", "passed"), [("--gold", 164), ("--empty", 0)])
def test_all_164(check, passed, tmp_path):
    # Twice the usual time: a busy machine must not fail a right solution.
    arguments = ["humaneval", check, "--workers", "2", "--timeout", "10", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert f"{passed}/164" in result.output
    figures = json.loads((tmp_path / "result.json").read_text())
    assert (figures["problems"], figures["passed"]) == (164, passed)
    assert set(figures["outcomes"]) <= ({"passed"} if passed else {"failed", "error"})
