import json
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import typer
from typer.testing import CliRunner

from lsp_server import completer, service
from lsp_server.cli import complete
from lsp_server.service import load_engine
from model.errors import ConfigError, DataError, TabwrightError
from model.tokenizer import Tokenizer

app = typer.Typer()
app.command()(complete)


@pytest.fixture(autouse=True)
def _fake_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = SimpleNamespace(
        release=SimpleNamespace(languages=("python",), window=512, neighbours=False, confidence=None),
        tokenizer=None,
        close=lambda: None,
        generate=lambda prompt, **how: SimpleNamespace(
            text=prompt.prefix.partition("# ")[2].partition("\n")[0],
            stop_reason="end_of_text",
            tokens=3,
            copied=(),
        ),
        remember=lambda hole, prompt, **files: None,
    )
    monkeypatch.setattr(service, "load_engine", lambda folder, threads: engine)
    monkeypatch.setattr(completer.fim, "render", lambda hole, tokenizer, budget: hole)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_text("# foo('é')\nx😀 = \n", encoding="utf-8")
    return path


def test_the_ghost_text_alone_or_as_json(file: Path) -> None:
    assert run(file, 2, 6) == "foo('é')\n"
    answer = json.loads(run(file, 2, 6, "--json"))
    assert answer.pop("milliseconds") >= 0
    where = {"line": 2, "column": 6}
    assert answer == {
        "text": "foo('é')",
        "range": {"start": where, "end": where},
        "tokens": 3,
        "stop_reason": "end_of_text",
        "copied": [],
        "attribution": [],
    }


@pytest.mark.parametrize(("more", "text"), [([], "print('? ?', é)"), (["--json"], "print('→ 😀', é)")])
def test_a_pipe_that_cannot_hold_every_character(file: Path, more: list[str], text: str) -> None:
    file.write_text("# print('→ 😀', é)\nx = \n", encoding="utf-8")
    result = CliRunner(charset="cp1252").invoke(app, [str(file), "2", "5", *more], catch_exceptions=False)
    assert (json.loads(result.stdout)["text"] if more else result.stdout.rstrip()) == text


def test_a_model_folder_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    loaded: list[Path | None] = []
    engine = SimpleNamespace(load=lambda folder, *, threads: loaded.append(folder))
    monkeypatch.setitem(sys.modules, "model.serving.engine", SimpleNamespace(Engine=engine))
    load_engine(Path("~/models/mine"), 0)
    load_engine(None, 0)
    assert loaded == [tmp_path / "models" / "mine", None]
    monkeypatch.setattr(Path, "expanduser", Mock(side_effect=RuntimeError))
    with pytest.raises(ConfigError, match=r"the home folder in .* is not known"):
        load_engine(Path("~nobody/mine"), 0)


def test_no_suggestion_says_why(file: Path) -> None:
    file.write_text("x = \n", encoding="utf-8")
    assert json.loads(run(file, 1, 5, "--json"))["reason"] == "the model has nothing to add here"
    assert "(no suggestion: the model has nothing to add here)" in run(file, 1, 5)


@pytest.mark.parametrize(
    ("line", "column", "sentence"),
    [
        (0, 1, "line 0 is outside"),
        (4, 1, "it has the lines 1 to 3"),
        (2, 7, "it has the columns 1 to 6"),
        (2, 0, "it has the columns 1 to 6"),
    ],
)
def test_a_place_outside_names_the_valid_range(file: Path, line: int, column: int, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        run(file, line, column)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.py", None, "there is no file"),
        ("latin.py", b"# caf\xe9\n", r"is not UTF-8 \(byte 5 is 0xe9\)"),
        ("large.py", b"x" * 2_000_001, "too large; the limit is 2,000,000"),
        ("a.rs", b"let x = ", "the model does not know the language of .*a.rs; it knows: python"),
        ("", None, "is a folder"),
    ],
)
def test_files_that_cannot_be_completed_in(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TabwrightError, match=sentence) as caught:
        run(tmp_path / name, 1, 1)
    assert isinstance(caught.value, DataError | ConfigError)


def test_why_is_told_beside_the_suggestion(
    file: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person sees what the model was shown, and why something was suggested or not."""
    monkeypatch.undo()
    engine = SimpleNamespace(
        release=SimpleNamespace(languages=("python",), window=512, neighbours=False, confidence=None),
        tokenizer=tokenizer,
        close=lambda: None,
        generate=lambda prompt, **how: SimpleNamespace(
            text="foo('é')", stop_reason="end_of_text", tokens=3, copied=(), logprobs=()
        ),
        remember=lambda hole, prompt, **files: None,
    )
    monkeypatch.setattr(service, "load_engine", lambda folder, threads: engine)
    told = run(file, 2, 6, "--explain").splitlines()
    assert told[0] == "foo('é')"
    assert any(line.startswith("the prompt has ") for line in told)
    assert "asked for a line: the line has begun" in told
    assert "nothing was copied: the model wrote it" in told
    assert told[-1] == "shown: 3 tokens decoded, ended by end_of_text"
    file.write_text("word\n", encoding="utf-8")
    assert run(file, 1, 3, "--explain").splitlines()[-1] == "nothing is shown: the cursor is within a word"
    answer = json.loads(run(file, 1, 3, "--explain", "--json"))
    assert answer["explanation"][-1] == "nothing is shown: the cursor is within a word"
