"""A result comes back as it was written, and what is no result is refused in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval import intervals, results
from eval.results import Figure, Model, Result
from model.errors import DataError

RESULT = Result(
    kind="heldout",
    model=Model(
        name="small", checksum="0123456789abcdef" * 4, parameters=7, curve=({"step": 1, "tokens": 20},)
    ),
    split="test",
    settings={"limit": None, "ngrams": {"words": 3}},
    figures=(
        Figure(name="exact", value=0.5, low=0.4, high=0.6, n=10, where={"mode": "line", "variant": "both"}),
        Figure(name="milliseconds", value=12.0, n=10),
    ),
    samples=({"project": "p", "suggested": "naïve\n\t∞"},),
)


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    path = results.write(RESULT, tmp_path / "new")
    assert path == tmp_path / "new" / "heldout-0123456789ab.json"
    assert results.read(path) == RESULT
    assert results.write(results.read(path), tmp_path).read_bytes() == path.read_bytes()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_figure_is_found_by_all_that_sets_it_apart() -> None:
    assert RESULT.find("exact", mode="line", variant="both") == RESULT.figures[0]
    assert RESULT.find("exact", mode="line") is None
    assert RESULT.find("milliseconds") == RESULT.figures[1]


def test_a_figure_of_an_interval_has_its_bounds_and_n() -> None:
    found = results.figure("saved", intervals.mean([0, 1, 1], "abc"), mode="line")
    assert (found.n, found.where, found.value) == (3, {"mode": "line"}, pytest.approx(2 / 3))
    assert found.low < found.value < found.high  # type: ignore[operator]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: r.pop("split"), "is not a whole result"),
        (lambda r: r["figures"][0].update(value="high"), "is not a whole result"),
        (lambda r: r["figures"][0].pop("n"), "is not a whole result"),
        (lambda r: r["model"].pop("checksum"), "is not a whole result"),
        (lambda r: r.update(format=99), "is not a result of format 1"),
        (lambda r: r.update(surprise=1), "is not a whole result"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, change: object, says: str) -> None:
    path = results.write(RESULT, tmp_path)
    record = json.loads(path.read_text("utf-8"))
    change(record)  # type: ignore[operator]
    path.write_text(json.dumps(record), "utf-8")
    with pytest.raises(DataError, match=says):
        results.read(path)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no result"):
        results.read(tmp_path / "none.json")
    (tmp_path / "torn.json").write_text('{"format": 1,', "utf-8")
    with pytest.raises(DataError, match="cannot be read as a result"):
        results.read(tmp_path / "torn.json")


def test_no_figure_is_written_that_is_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        results.write(replace(RESULT, figures=(Figure(name="x", value=float("nan"), n=1),)), tmp_path)
    assert not list(tmp_path.iterdir())
