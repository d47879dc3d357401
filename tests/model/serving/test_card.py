"""What a model says of itself is what its files say, and what is wrong with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tabwright
from model.errors import ModelError
from model.serving.card import CARD, describe, read_card
from model.serving.release import META, default_folder, file_sha256


@pytest.fixture
def folder(release_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(release_folder, tmp_path / "model"))


def show(*words: str) -> tuple[str, str]:
    """What the command prints, and the sentence with which it ends."""
    result = CliRunner().invoke(tabwright.app, ["model", "show", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, ModelError)
        return result.stdout, str(result.exception)
    return result.stdout, ""


def test_a_model_of_ones_own_claims_no_licence(folder):
    about = describe(folder)
    assert (about.name, about.license, about.corpus_licenses) == ("tiny", None, ["MIT"])
    assert (about.window, about.variant, about.problem, about.card) == (320, "fp32", None, None)
    assert about.sha256 == {
        name: file_sha256(folder / name) for name in ("model.onnx", "tokenizer.json", META)
    }
    assert (about.memory, about.confidence) == (None, None)
    assert about.parity is not None
    assert about.parity["top1_agreement"] == 1.0


def test_a_model_of_others_has_the_licence_that_was_given_at_its_export(folder):
    meta = json.loads((folder / META).read_text("utf-8"))
    meta |= {"licenses": ["MIT"], "recipe": {"origin": "not trained by Tabwright"}}
    (folder / META).write_text(json.dumps(meta), encoding="utf-8")
    assert (describe(folder).license, describe(folder).corpus_licenses) == ("MIT", None)


def test_a_file_that_was_changed_is_shown_as_it_is_now(folder):
    (folder / "model.onnx").write_bytes(b"changed")
    about = describe(folder)
    assert about.name == "tiny"
    assert about.sha256["model.onnx"] == file_sha256(folder / "model.onnx")
    assert about.problem is not None
    assert "wrong checksum" in about.problem
    (folder / "tokenizer.json").unlink()
    assert describe(folder).sha256["tokenizer.json"] is None


def test_the_command_shows_the_model_that_ships():
    told, problem = show()
    assert problem == ""
    for name in ("model.onnx", "tokenizer.json", META, CARD):
        assert f"{file_sha256(default_folder() / name)}  {name}\n" in told
    assert "licence      Apache-2.0\n" in told
    assert str(default_folder() / CARD) in told


def test_the_command_prints_json_and_the_card():
    told, _ = show("--json")
    assert json.loads(told) == json.loads(json.dumps(describe(default_folder()).as_json()))
    told, _ = show("--card")
    assert told == (default_folder() / CARD).read_text(encoding="utf-8")


def test_the_command_ends_in_a_sentence_where_something_is_wrong(folder, tmp_path):
    assert show(str(tmp_path / "none")) == ("", describe(tmp_path / "none").problem)
    assert "there is no" in show(str(folder), "--card")[1]
    (folder / "model.onnx").write_bytes(b"changed")
    for words in ((), ("--json",)):
        told, problem = show(str(folder), *words)
        assert "tiny" in told
        assert "wrong checksum" in problem


def test_nothing_of_a_folder_acts_on_the_terminal(folder):
    """Titles, colours and links of a terminal are begun by a character that is not printed."""
    meta = json.loads((folder / META).read_text("utf-8"))
    (folder / META).write_text(json.dumps(meta | {"licenses": ["MIT\x1b]0;owned\x07\n"]}), encoding="utf-8")
    (folder / CARD).write_text("a card\x1b[2J\n", encoding="utf-8")
    for words in ((), ("--json",), ("--card",)):
        told, _ = show(str(folder), *words)
        assert "\x1b" not in told
        assert "\x07" not in told


def test_a_card_that_is_a_link_or_too_large_is_none(folder):
    (folder / CARD).write_bytes(b"x" * (2 << 20))
    assert read_card(folder) is None
    (folder / CARD).unlink()
    (folder / CARD).symlink_to("/etc/passwd")
    assert read_card(folder) is None
    assert describe(folder).card is None
