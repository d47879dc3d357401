"""The commands from end to end, with the null server alone: what is written, and what is refused."""

import json

import pytest
import typer
from typer.testing import CliRunner

from eval import results
from eval.replay import cli
from model.errors import ConfigError, DataError


@pytest.fixture
def run(corpus, tmp_path):
    app = typer.Typer()
    app.command()(cli.replay)
    app.command()(cli.replay_sample)
    folder = corpus()

    def call(command, *options):
        found = CliRunner().invoke(app, [command, "--corpus", str(folder), *map(str, options)])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == 0, found.output
        return found.output

    return call


def test_a_sample_is_drawn_typed_and_written_as_a_result(run, tmp_path):
    sample, out = tmp_path / "pieces.json", tmp_path / "result.json"
    run("replay-sample", "--count", 4, "--out", sample)
    assert len(json.loads(sample.read_text())["pieces"]) == 4
    options = ["--sample", sample, "--limit", 2, "--only", "null server", "--speed", 1000]
    said = run("replay", *options, "--jobs", 2, "--out", tmp_path / "kept", "--json", out)
    assert "2 pieces of the test split, typed at 1000 times a person's speed" in said
    assert "2 of 2" in said
    assert "times are of a machine that up to 2 pieces shared" in said
    result = results.read(out)
    assert (result.kind, result.split) == ("replay", "test")
    assert result.settings["typist"]["speed"] == 1000
    assert (result.settings["jobs"], result.settings["shared_machine"]) == ([2], True)
    answered = result.find("answered", variant="null server", mode="all")
    assert answered.value == 0.0
    assert answered.n > 100
    assert str(tmp_path) not in json.dumps(dict(result.settings))
    assert len(list((tmp_path / "kept").glob("*.json"))) == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--client", "emacs"], "vscode or neovim"),
        (["--take", "halves"], "lines, whole, never"),
        (["--speed", "0"], "above 0"),
        (["--speed", "nan"], "above 0"),
        (["--only", "nobody"], "there are: null server, tabwright"),
        (["--set", "debounceMs"], "name=value"),
    ],
)
def test_an_option_out_of_its_range_is_one_sentence(run, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        run("replay", *options)


def test_a_corpus_that_is_not_the_samples_is_told(run, tmp_path):
    with pytest.raises(DataError, match="--corpus"):
        run("replay", "--out", tmp_path)
