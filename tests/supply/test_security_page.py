"""SECURITY.md promises nothing that no test holds: all tests, files, commands and targets in it are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tabwright

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = re.findall(r"`([^`\n]+)`", PAGE)
BUILT = {"third-party-licences.txt"}  # by `make dist`
# A table whose last column says what holds each line.
HELD = re.findall(r"^\|([^|\n]+)\|([^|\n]+)\|$", PAGE, re.MULTILINE)


def test_every_promise_names_a_test() -> None:
    promises = [(what.strip(), held) for what, held in HELD if what.strip(" -") and "Promise" not in what]
    assert len(promises) > 20
    for what, held in promises:
        assert re.search(r"`(tests|vscode-extension/test)/[\w/.-]+`", held), what


def test_every_file_that_is_named_is_there() -> None:
    paths = [name for name in NAMED if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?|[\w-]+\.(md|txt|toml)", name)]
    assert "tests/e2e/test_no_network.py" in paths
    missing = [path for path in paths if not (ROOT / path).exists() and path not in BUILT]
    assert not missing


def test_every_test_that_is_named_has_tests() -> None:
    for path in {name for name in NAMED if re.fullmatch(r"tests/[\w/]+\.py", name)}:
        assert re.search(
            r"^(async )?def test_|^    (async )?def test_", (ROOT / path).read_text("utf-8"), re.M
        ), path


def test_every_make_target_that_is_named_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {name.split()[1] for name in NAMED if name.startswith("make ")}
    assert "dist" in targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("command", sorted({n for n in NAMED if n.startswith("tabwright ")}))
def test_every_command_that_is_named_is_there_with_its_options(command: str) -> None:
    words = command.split()[1:]
    path = [word for word in words if not word.startswith("-")]
    told = CliRunner().invoke(tabwright.app, [*path, "--help"])
    assert told.exit_code == 0, told.output
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told.output)
    assert not [word for word in words if word.startswith("-") and word not in plain]


def test_every_setting_that_is_named_is_there() -> None:
    from lsp_server import settings

    said = set(re.findall(r"setting `(\w+)`", PAGE))
    assert said <= set(settings._KNOWN)
