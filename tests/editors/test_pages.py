"""The pages of docs/ say what is true: commands are parsed, settings read, messages found, links followed.

What the pages say of editors is tried in the editors (test_neovim.py and its neighbours). A block whose
language ends in `-settings` is settings for the server; `sh` blocks are commands. Not covered: prose.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import tabwright
from lsp_server import settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SOURCES = [path for folder in ("lsp_server", "model") for path in (ROOT / folder).rglob("*.py")]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(ending: str) -> list[tuple[str, str]]:
    """All blocks whose language ends so, each with the name of its page."""
    return [
        (page.stem, code) for page in PAGES for language, code in BLOCK.findall(text_of(page))
        if language == ending or language.endswith(f"-{ending}")
    ]  # fmt: skip


def prose(page: Path) -> str:
    return BLOCK.sub("", text_of(page))


# Commands


def commands() -> list[str]:
    """Every call of `tabwright` on the pages, in blocks and within sentences, without its name."""
    lines = [line for _, code in blocks("sh") for line in code.splitlines()]
    lines += [code for page in PAGES for code in re.findall(r"`([^`\n]+)`", prose(page))]
    found = [line.removeprefix("tabwright ") for line in lines if line.startswith("tabwright ")]
    return sorted(set(found))


@pytest.mark.parametrize("line", commands())
def test_each_command_is_one_that_the_program_knows(line: str) -> None:
    name, *arguments = shlex.split(line)
    module, attribute, _ = tabwright.COMMANDS[name]
    found: Any = getattr(importlib.import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer()
        found.command(name)(function)
    command: Any = typer.main.get_command(found)
    while hasattr(command, "commands") and arguments:
        command = command.commands[arguments.pop(0)]
    # A command named in a sentence may stand there without its arguments.
    command.make_context(name, arguments, resilient_parsing=not arguments)


def test_commands_were_found() -> None:
    assert len(commands()) > 10


def test_the_address_on_the_page_is_one_of_this_machine_alone() -> None:
    from lsp_server.transport import LOOPBACK, address

    (where,) = re.findall(r"^tabwright serve --tcp (\S+)$", text_of(DOCS / "privacy.md"), re.MULTILINE)
    assert address(where)[0] == LOOPBACK


@pytest.mark.e2e
def test_the_first_thing_to_do_in_trouble_can_be_done(tmp_path: Path) -> None:
    assert "```sh\ntabwright doctor\n```" in text_of(DOCS / "troubleshooting.md")
    file = tmp_path / "app.py"
    file.write_text("import os\n\n\ndef home():\n    return os.\n", encoding="utf-8")

    def run(*words: str) -> str:
        command = [sys.executable, "-I", "-m", "tabwright", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert json.loads(run("doctor", "--json"))["ok"]
    assert "shown" in run("complete", "app.py", "5", "15", "--explain", "--project", ".")


# Settings


def as_json(code: str) -> Any:
    """What an editor would make of a block of settings: Lua, Emacs Lisp, TOML or JSON."""
    code = code.strip()
    if code.startswith("config ="):
        return tomllib.loads(code)["config"]
    if code.startswith("("):
        pairs = re.findall(r":(\w+) (:json-false|t|\d+|\"[^\"]*\")", code)
        assert f"({' '.join(f':{name} {value}' for name, value in pairs)})" == code
        words = {":json-false": "false", "t": "true"}
        return {name: json.loads(words.get(value, value)) for name, value in pairs}
    return json.loads(re.sub(r"(\w+) =", r'"\1":', code))


@pytest.mark.parametrize(("page", "code"), blocks("settings"))
def test_each_block_of_settings_is_taken_as_it_stands(page: str, code: str) -> None:
    raw = {key.removeprefix("tabwright."): value for key, value in as_json(code).items()}
    reading = settings.read(raw)
    assert reading.warnings == ()
    assert reading.unknown == ()
    assert reading.settings != settings.Settings() or raw == {"maxLines": 12}, "it sets something"


def test_there_are_settings_on_every_page_of_an_editor() -> None:
    named = {page for page, _ in blocks("settings")}
    assert {"vscode", "neovim", "emacs", "helix", "other-editors"} <= named


@pytest.mark.parametrize(("language", "key"), [("kate", "servers"), ("sublime", "clients")])
def test_untested_editors_start_the_server_with_known_settings(language: str, key: str) -> None:
    ((_, code),) = blocks(language)
    (server,) = json.loads(code)[key].values()
    assert server["command"] == ["tabwright", "serve"]
    assert settings.read(server["initializationOptions"]).unknown == ()
    assert "**Untested.**" in text_of(DOCS / "other-editors.md")


def test_names_in_sentences_that_look_like_settings_are_settings() -> None:
    """`camelCase` in code is a setting, or one of the few words below."""
    others = {"initializationOptions"}
    known = set(settings._KNOWN)
    for page in PAGES:
        words = re.findall(r"`(?:tabwright\.)?([a-z]+[A-Z]\w*)`", prose(page))
        assert {word for word in words if word not in known} <= others, page.name


def test_settings_of_the_extension_are_its_own() -> None:
    manifest = json.loads((ROOT / "vscode-extension" / "package.json").read_text(encoding="utf-8"))
    known = manifest["contributes"]["configuration"]["properties"]
    for page in PAGES:
        named = set(re.findall(r"[`\"](tabwright\.\w[\w.]*)[`\"]", text_of(page)))
        assert named <= set(known) | {"tabwright.log"}, page.name
    machine = {name for name, one in known.items() if one["scope"] == "machine"}
    sentence = re.search(
        r"^(`tabwright\.model`.*?) count in your own", text_of(DOCS / "vscode.md"), re.M | re.S
    )
    assert sentence
    assert set(re.findall(r"`(tabwright\.[\w.]+)`", sentence.group(1))) == machine


def test_the_package_of_the_extension_has_the_name_on_the_page() -> None:
    manifest = json.loads((ROOT / "vscode-extension" / "package.json").read_text(encoding="utf-8"))
    assert f"dist/tabwright-{manifest['version']}.vsix" in text_of(DOCS / "vscode.md")
    assert "package" in manifest["scripts"]


# Messages and figures


def messages() -> Iterator[str]:
    """All texts in the server's code; what is filled in is an ellipsis."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)


def test_quoted_messages_are_what_the_server_says() -> None:
    said = [re.sub(r"…[^\w\s]?", "…", one) for one in messages()]
    quotes = re.findall(r"^\s*> (.+)$", text_of(DOCS / "troubleshooting.md"), re.MULTILINE)
    assert len(quotes) > 5
    for quote in quotes:
        pattern = re.compile(".*".join(re.escape(piece) for piece in quote.split("…")), re.DOTALL)
        assert any(pattern.search(one) for one in said), quote


def test_limits_on_the_page_about_privacy_are_the_server_s() -> None:
    from lsp_server.workspace import LARGEST_FILE, MOST_FILES
    from model.serving import runtime, shelf

    text = text_of(DOCS / "privacy.md")
    assert f"at most {MOST_FILES:,}, none of more\n  than {LARGEST_FILE:,} characters" in text
    assert f"at most {shelf._MOST_BYTES // 1_000_000} MB" in text
    assert "ORT_DISABLE_TELEMETRY" in runtime._ENVIRONMENT
    assert settings.Settings().index_project


@pytest.mark.parametrize("name", [".env", "id_rsa", "server.pem", "credentials.py"])
def test_files_that_the_page_calls_secret_are_left_out(name: str) -> None:
    from lsp_server import workspace

    assert workspace._SECRET.search(name)


# Links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, heading = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", text_of(file), re.MULTILINE)
            assert heading in {re.sub(r"[^\w-]", "", one.lower().replace(" ", "-")) for one in headings}, (
                target
            )


def test_pictures_are_small_and_hold_text() -> None:
    pictures = sorted((DOCS / "pictures").iterdir())
    assert [picture.name for picture in pictures] == ["emacs.svg", "helix.svg", "neovim.svg"]
    for picture in pictures:
        assert picture.stat().st_size < 60_000
        assert "self.price=price" in re.sub(r"<[^>]+>|\s", "", text_of(picture))
