import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from lsp_server import completer, service
from lsp_server.cli import complete
from model.errors import ConfigError, DataError, TabwrightError

app = typer.Typer()
app.command()(complete)


@pytest.fixture(autouse=True)
def _fake_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = SimpleNamespace(
        release=SimpleNamespace(languages=("python",), window=512, neighbours=False),
        tokenizer=None,
        generate=lambda prompt, **how: SimpleNamespace(
            text=prompt.prefix.partition("# ")[2].partition("\n")[0], stop_reason="end_of_text", tokens=3
        ),
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
    }


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
