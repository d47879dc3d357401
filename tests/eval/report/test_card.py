"""The model card says what the results say, of this model alone, and names what the model is bad at."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eval.cli import app
from eval.report import card, card_examples
from eval.report.card_examples import Example, Examples
from eval.results import Figure, Model, Result
from eval.threshold.measure import checksum_before
from model.errors import ConfigError, DataError
from model.serving.engine import Engine
from model.serving.release import META, default_folder, file_sha256, read_meta

ROOT = Path(__file__).parents[3]
CORPUS: dict[str, Any] = {
    "manifest": {"name": "harbour-1", "sha256": "ab" * 32},
    "splits": {"train": {"documents": 12_345, "characters": 6_000_000}},
    "licenses": {
        "MIT": {"documents": 2_000, "characters": 1_000_000, "projects": 3},
        "Apache-2.0": {"documents": 9_000, "characters": 5_000_000, "projects": 4},
    },
    "projects": {
        "quay": {"split": "train"}, "mast": {"split": "train"}, "sail": {"split": "validation"},
        "keel": {"split": "test"},
    },
    "dropped": {"generated": {"documents": 17}, "near-duplicate": {"documents": 350}},
    "redactions": {"e-mail": 7, "Private Key": 2},
    "benchmarks": {"HumanEval": {"problems": 164, "problems_met": 5, "documents": 30}},
    "tokenizer": {"sha256": ""},
}  # fmt: skip


@pytest.fixture(scope="module")
def meta() -> dict[str, Any]:
    return {**read_meta(default_folder()), "seconds": 7_200, "weights": "averaged"}


@pytest.fixture
def corpus(meta: dict[str, Any]) -> dict[str, Any]:
    return {**CORPUS, "tokenizer": {"sha256": meta["tokenizer_sha256"]}}


def example(*, exact: bool) -> Example:
    return Example(
        path="lsp_server/quay.py", line=12, mode="line", before="def moor(ship):\n    ", exact=exact,
        stood_there="return ship.line", suggested="return ship.line" if exact else "return quay",
    )  # fmt: skip


EXAMPLES = Examples(asked=9, right=4, shown=(example(exact=True), example(exact=False)))


def measured(checksum: str) -> list[Result]:
    own = Model(name="m", checksum=checksum, parameters=5)
    figures = [
        Figure(name="exact", value=value, low=value - 0.01, high=value + 0.01, n=504, where=where)
        for value, where in (
            (0.02, {"mode": "line", "variant": "model"}),
            (0.21, {"mode": "line", "variant": "both"}),
            (0.1, {"mode": "line", "variant": "copy"}),
        )
    ]
    served = {"mode": "line", "variant": "both"}
    figures += [
        Figure(name="exact / copy", value=2.1, low=1.8, high=2.5, n=504, where=served),
        Figure(name="answered", value=0.93, low=0.9, high=0.95, n=504, where=served),
        Figure(name="bits per byte", value=0.987, low=0.96, high=1.01, n=764),
    ]
    samples = ({"project": "keel", "suggested": "somebody else's code"},)
    humaneval = Figure(name="pass@1", value=0.0, low=0.0, high=0.023, n=164, where={"answer": "greedy"})
    return [
        Result(kind="heldout", model=own, split="test", settings={}, figures=figures, samples=samples),
        Result(kind="humaneval-greedy", model=own, split="HumanEval", settings={}, figures=[humaneval]),
    ]


def test_every_figure_stands_with_its_interval_and_n(meta: dict[str, Any], corpus: dict[str, Any]) -> None:
    text = card.write(meta, "c" * 64, corpus, measured("c" * 64), watts=20)
    (row,) = re.findall(r"^\| the next line, at a line's start .*$", text, re.MULTILINE)
    assert "| 504 |" in row
    assert "21.0 % (20.0 to 22.0)" in row
    assert "2.10 (1.80 to 2.50)" in row
    assert "93.0 % (90.0 to 95.0)" in row
    assert "| bits per byte, test split | 764 | 0.987 (0.960 to 1.010) |" in text
    assert "**2.0 hours**" in text
    assert "about 0.04 kWh" in text
    assert text.index("| Apache-2.0 | 4 |") < text.index("| MIT | 3 |"), "the largest share first"
    assert "9 places" in text
    assert "30 files, which met 5 of its 164 problems" in text


def test_what_was_measured_before_the_show_threshold_was_fitted_is_still_the_models(
    meta: dict[str, Any], corpus: dict[str, Any]
) -> None:
    share = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    notch = {"show_above": 5, "shown": share, "right": share, "found": None, "said": 0.5}
    unfitted = {key: value for key, value in meta.items() if not key.startswith("confidence")}
    fit = {"suggestions": 1234, "test_places": 5678, "dial": [notch]}
    fitted = {**unfitted, "confidence": {"odds": 1.0}, "confidence_fit": fit}
    before = checksum_before(fitted)
    assert before is not None
    text = card.write(fitted, "c" * 64, corpus, measured(before), watts=20)
    assert f"measured as checksum `{before}`" in text
    assert "| 5 % | 50.0 (40.0 to 60.0) | 50.0 (40.0 to 60.0) |  |" in text
    later = card.write(fitted, "c" * 64, corpus, [*measured(before), *measured("c" * 64)], watts=20)
    assert "measured as checksum" not in later
    with pytest.raises(ConfigError, match="no result is of the model"):
        card.write(unfitted, "c" * 64, corpus, measured(before), watts=20)


def test_it_names_what_the_model_is_bad_at_and_shows_good_and_bad_of_our_own_code(
    meta: dict[str, Any], corpus: dict[str, Any]
) -> None:
    text = card.write(meta, "c" * 64, corpus, measured("c" * 64), watts=20, examples=EXAMPLES)
    assert "Without the memory, the next line, at a line's start: right in 2.0 %" in text
    assert "HumanEval pass@1 0.0 % (0.0 to 2.3)" in text
    assert "Right (line, `lsp_server/quay.py` line 12)" in text
    assert "⟦return quay⟧" in text
    assert "There stood:" in text
    assert "of 9, of which 4 were right" in text
    assert "somebody else's" not in text


def test_examples_are_drawn_from_our_own_source_right_and_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine.load(threads=1)
    monkeypatch.setattr(card_examples, "_MOST", 6)
    draws = (card_examples.draw(engine, ROOT, seed=seed) for seed in range(1, 60))
    first = next(draws)
    assert card_examples.draw(engine, ROOT, seed=1) == first
    # One in some twenty is right, and which ones are changes with the source.
    one = next(found for found in itertools.chain([first], draws) if found.right)
    assert 0 < one.right < one.asked
    assert {shown.exact for shown in one.shown} == {True, False}
    for shown in one.shown:
        text = (ROOT / shown.path).read_text(encoding="utf-8")
        assert text.startswith(shown.before + shown.stood_there)
        assert shown.line == shown.before.count("\n") + 1


def test_results_of_another_model_and_another_corpus_are_refused(
    meta: dict[str, Any], corpus: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="no result is of the model cccccccccccc; measure it first"):
        card.write(meta, "c" * 64, corpus, measured("d" * 64), watts=20)
    mixed = card.write(meta, "c" * 64, corpus, [*measured("d" * 64), *measured("c" * 64)], watts=20)
    assert mixed == card.write(meta, "c" * 64, corpus, measured("c" * 64), watts=20)
    with pytest.raises(DataError, match="names another tokenizer than the model"):
        card.write(meta, "c" * 64, CORPUS, measured("c" * 64), watts=20)


def test_the_command_writes_card_and_plot_and_says_what_it_lacks(
    tmp_path: Path, corpus: dict[str, Any]
) -> None:
    from eval.results import write

    folder, results = tmp_path / "card", tmp_path / "results"
    results.mkdir()
    checksum = file_sha256(default_folder() / META)
    for one in measured(checksum):
        write(one, results)
    arguments = [
        "card",
        "--results",
        str(results),
        "--out",
        str(folder),
        "--corpus",
        str(tmp_path / "r.json"),
    ]
    missing = CliRunner().invoke(app, arguments)
    assert isinstance(missing.exception, DataError)
    (tmp_path / "r.json").write_text("{}")
    assert isinstance(CliRunner().invoke(app, arguments).exception, DataError)
    (tmp_path / "r.json").write_text(json.dumps(corpus))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert checksum in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert (folder / "training-curve.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in folder.iterdir()) == ["MODEL_CARD.md", "training-curve.png"]
