"""Planted copies count where they are found, and marks are held against the document that they name."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from data_pipeline import attribution as writing
from data_pipeline.document import Document
from data_pipeline.store import write_documents
from eval import attribution, attribution_cli, results
from eval.attribution import DISGUISES, Place
from eval.threshold import places as threshold_places
from lsp_server.attribution import FOLDER
from model import winnowing
from model.attribution import AttributionIndex
from model.errors import DataError
from model.serving.release import default_folder

ROOT = Path(__file__).parents[2]
TRAINING = sorted((ROOT / "model").glob("*.py"))[:12]
HELD_OUT = sorted((ROOT / "lsp_server").glob("*.py"))[:12]


def documents(paths: list[Path], repo: str) -> list[Document]:
    return [
        Document(
            id=path.name,
            text=path.read_text("utf-8"),
            path=path.name,
            language="python",
            repo=repo,
            license="MIT",
        )
        for path in paths
    ]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project's own files as a corpus, and its index."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "clean").mkdir()
    for split, paths in (("train", TRAINING), ("test", HELD_OUT)):
        write_documents(folder / "clean" / f"documents-{split}.parquet", documents(paths, split))
    writing.write(folder / FOLDER, [writing.fingerprints(documents(TRAINING, "train"))])
    return folder


@pytest.fixture(scope="module")
def index(corpus: Path) -> AttributionIndex:
    return AttributionIndex.load(corpus / FOLDER)


def test_every_planted_copy_of_the_stated_length_is_found(index: AttributionIndex) -> None:
    planted = list(
        attribution.plant(index, documents(TRAINING, "train"), documents(HELD_OUT, "test"), seed=0)
    )
    sure = [one for one in planted if one.tokens >= winnowing.LEAST]
    assert {one.disguise for one in planted} == set(DISGUISES)
    assert len(sure) > 50
    assert all(one.found for one in sure)
    assert any(not one.found for one in planted if one.tokens < winnowing.LEAST)


def test_a_disguise_changes_how_a_copy_looks_and_nothing_that_counts() -> None:
    copy = "def f(a):\n    # why\n    return a + 1\n"
    words = winnowing.lexed(copy.encode()).hashes.tolist()
    for disguise in DISGUISES:
        pieces = attribution.disguised(copy, disguise, random.Random(0))
        assert winnowing.lexed("".join(pieces).encode()).hashes.tolist() == words
        assert ("".join(pieces) != copy) == (disguise in ("indented anew", "other comments"))
        assert len(pieces) == (3 if disguise == "line by line" else 1)


def test_what_a_suggestion_shares_is_counted_where_it_reaches_into_the_suggestion() -> None:
    text = "\n".join(f"name_{i} = call_{i}(first_{i}, second)" for i in range(12))
    read = winnowing.lexed(text.encode())
    lines = text.splitlines(keepends=True)
    above, suggested = "".join(lines[:6]), "".join(lines[6:])
    assert attribution.shared(above, suggested, text) == len(read.hashes)
    assert attribution.shared(above, "other = 1\n", text) == 0  # the copy ended above
    assert attribution.shared("", "other = 1\n", text) == 0
    assert attribution.shared("", suggested, "\n".join(lines[:6])) == 0


def test_a_mark_is_held_against_the_document_that_it_names(corpus: Path, index: AttributionIndex) -> None:
    text = TRAINING[3].read_text("utf-8")
    half = text.index("\n", len(text) // 2) + 1
    copied = Place(project="test", path="a.py", before=text[:half], text=text[half:])
    own = Place(project="test", path="a.py", before="", text="harvest = orchard.shake()\n")
    (found,) = attribution.marked(index, corpus, [own, copied])
    assert found.place == copied
    assert found.shared >= winnowing.LEAST


def test_answers_are_looked_up_where_they_were_given(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the last run, and not in files that have changed since."""
    text = "a = 1\nb = 2\n"
    file = threshold_places.PinnedFile(path="a.py", text=text, beside=(), cursors=())
    hole = threshold_places.Hole(path="a.py", language="python", prefix="", suffix=text)
    asks = (threshold_places.Ask(project="shop", file=file, hole=hole, truth=""),)
    project = threshold_places.Project(name="shop", texts={"a.py": text, "gone.py": "x"}, asks=asks)
    monkeypatch.setattr(attribution, "read_places", lambda corpus, split: [project])
    answer = {"variant": "both", "project": "shop", "path": "a.py", "start": 6, "text": "b = 3\n"}
    old, new = tmp_path / "shop-1.json", tmp_path / "shop-2.json"
    old.write_text(json.dumps([answer, answer]))
    new.write_text(
        json.dumps([answer, answer | {"path": "gone.py"}, answer | {"text": ""}, answer | {"project": "pub"}])
    )
    found = attribution.answered(corpus, tmp_path)
    assert found == {"both": [Place(project="shop", path="a.py", before="a = 1\n", text="b = 3\n")]}
    new.write_text("{")
    with pytest.raises(DataError, match="shop-2"):
        attribution.answered(corpus, tmp_path)
    with pytest.raises(DataError, match="eval heldout"):
        attribution.answered(corpus, tmp_path / "none")


def test_a_folder_without_a_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--corpus"):
        attribution.drawn(tmp_path, "train", 10, seed=0)


def test_the_command_prints_and_keeps_what_it_found(corpus: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for path in default_folder().iterdir():
        if path.is_file():
            shutil.copy(path, model / path.name)
    shutil.copytree(corpus / FOLDER, model / FOLDER)
    app = typer.Typer()
    app.command()(attribution_cli.attribution)
    arguments = ["--model", model, "--corpus", corpus, "--documents", 10, "--places", 40, "--out", tmp_path]
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "planted copies found" in done.output
    assert "lines of held-out projects" in done.output
    (path,) = tmp_path.glob("attribution-*.json")
    result = results.read(path)
    sure = result.find("found", tokens=str(winnowing.LEAST), disguise="as it is")
    assert sure is not None
    assert sure.value == 1.0
    assert sure.n > 0
    assert result.find("ms p95", of="a look-up, of one core") is not None
