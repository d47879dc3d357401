"""The whole pipeline on small real wheels: same inputs, same bytes, however it is stopped and divided."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from data_pipeline import clean as clean_step
from data_pipeline import decontaminate, parts, pipeline, shardset, store
from data_pipeline.config import BuildConfig, generator
from data_pipeline.engines import Local
from data_pipeline.holes import HoleConfig
from data_pipeline.manifest import Folder, add, parse_source, read_manifest
from data_pipeline.pipeline import build
from data_pipeline.store import read_documents
from model.attribution import AttributionIndex
from model.errors import ConfigError, DataError, ModelError
from model.shards import Rows, read_shard
from model.shards import read_manifest as read_shard_manifest
from model.tokenizer import Tokenizer
from model.training.batches import Batches, validation_rows

CONFIG = BuildConfig(
    vocabulary=500, length=256, epochs=2, holes=HoleConfig(chunk_characters=600, neighbours=0.5)
)
Corpus = tuple[Path, Path]


def digests(folder: Path) -> dict[str, str]:
    """Names and contents of all files below a folder."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.fixture(scope="module", autouse=True)
def _humaneval() -> Iterator[None]:
    """Every build looks through all of site-packages for the benchmark; here once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decontaminate, "humaneval_file", cache(decontaminate.humaneval_file))
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, module_corpus: Corpus) -> Path:
    """A finished build; tests copy it before they change it."""
    out = tmp_path_factory.mktemp("built") / "out"
    build(read_manifest(module_corpus[0]), CONFIG, out, module_corpus[1])
    return out


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "out"))


def test_the_same_inputs_give_the_same_bytes_with_any_number_of_workers(
    built: Path, module_corpus: Corpus, tmp_path: Path
) -> None:
    build(read_manifest(module_corpus[0]), CONFIG, tmp_path / "b", module_corpus[1], engine=Local(workers=2))
    assert digests(tmp_path / "b") == digests(built)
    assert not list(built.rglob("*.partial"))
    assert not list(built.rglob("work-*"))


def test_what_came_in_was_kept_or_dropped_for_a_reason(built: Path) -> None:
    record = json.loads((built / "report.json").read_text(encoding="utf-8"))
    kept = {split: record["splits"][split] for split in ("train", "validation", "test")}
    assert all(entry["documents"] > 0 for entry in kept.values())
    dropped = record["dropped"]
    assert dropped["not UTF-8"]["documents"] == 3
    came_in = sum(source["read"]["documents"] for source in record["sources"])
    assert came_in == sum(e["documents"] for e in (*kept.values(), *dropped.values()))
    assert {entry["stage"] for entry in dropped.values()} <= {stage["name"] for stage in record["stages"]}
    after = [stage["documents"] for stage in record["stages"]]
    assert after == sorted(after, reverse=True)
    assert {p: e["split"] for p, e in record["projects"].items()} == {
        "one": "train", "two": "validation", "three": "test",
    }  # fmt: skip
    for split, project in (("train", "one"), ("validation", "two"), ("test", "three")):
        documents = list(read_documents(built / "clean" / f"documents-{split}.parquet"))
        assert {d.repo for d in documents} == {project}
        assert len(documents) == kept[split]["documents"]
        assert [d.id for d in documents] == sorted(d.id for d in documents)


def test_the_report_opens_and_names_what_is_in_it(built: Path) -> None:
    page = (built / "report.html").read_text(encoding="utf-8")
    assert page.startswith(("<!doctype html>", "<!DOCTYPE html>"))
    assert all(name in page for name in ("one", "two", "three", "not UTF-8"))


def test_the_index_finds_a_copy_of_a_training_document_and_of_no_other(built: Path) -> None:
    index = AttributionIndex.load(built / "attribution")
    for split, expected in (("train", {"one"}), ("test", set())):
        documents = read_documents(built / "clean" / f"documents-{split}.parquet")
        longest = max(documents, key=lambda d: len(d.text))
        assert {match.project for match in index.find(longest.text)} >= expected
        if not expected:
            assert sum(m.end - m.start for m in index.find(longest.text)) < len(longest.text) / 2


def test_training_reads_the_shards_as_they_are(built: Path) -> None:
    batches = Batches(built / "shards", batch_rows=2, seed=0)
    assert batches.at(0).shape == (2, 256)
    assert validation_rows(built / "shards", 4).shape[1] == 256
    manifest = read_shard_manifest(built / "shards")
    tokenizer = Tokenizer.load(built / "shards" / "tokenizer.json")
    assert manifest["tokenizer"] == {"sha256": tokenizer.sha256, "size": 500}
    assert manifest["corpus"]["languages"] == ["python"]
    assert manifest["corpus"]["licenses"] == ["MIT"]


def test_epochs_draw_different_holes_and_functions_have_a_shard(built: Path) -> None:
    shards = built / "shards"
    first, second = (read_shard(shards / f"train-00{e}.npy").tobytes() for e in (0, 1))
    assert first != second
    manifest = read_shard_manifest(shards)["shards"]
    assert set(manifest) == {
        "train-000.npy", "train-001.npy", "functions-000.npy", "validation-000.npy", "test-000.npy",
    }  # fmt: skip
    assert manifest["train-000.npy"]["holes"]["with neighbours"] > 0
    assert len(read_shard(shards / "functions-000.npy")) > 0


def test_no_text_of_a_held_out_project_is_trained_on(built: Path) -> None:
    tokenizer = Tokenizer.load(built / "shards" / "tokenizer.json")
    read = "".join(
        tokenizer.decode(row) for row in read_shard(built / "shards" / "train-000.npy").astype(int).tolist()
    )
    held_out = next(iter(read_documents(built / "clean" / "documents-test.parquet")))
    middle = held_out.text[len(held_out.text) // 2 :][:80]
    assert middle not in read


def _killed_at(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, call: int, build_again: Callable[[], object]
) -> None:
    """Let a build be killed at the given call of a function."""
    real, calls = getattr(module, name), []

    def dies(*arguments: object, **named: object) -> object:
        calls.append(name)
        if len(calls) == call:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, dies)
        with pytest.raises(KeyboardInterrupt):
            build_again()


def test_a_killed_build_goes_on_where_it_stopped(
    built: Path, module_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, out = read_manifest(module_corpus[0]), tmp_path / "out"

    def again() -> None:
        build(manifest, CONFIG, out, module_corpus[1])

    _killed_at(monkeypatch, parts, "write_documents", 2, again)
    assert len(list(out.glob("parts/*/part.json"))) == 1
    made: list[str] = []
    real_make = parts.make
    monkeypatch.setattr(parts, "make", lambda job: (made.append(job.name), real_make(job))[1])
    _killed_at(monkeypatch, shardset, "write_shard", 2, again)
    assert len(made) == 2
    assert not (out / "shards" / "manifest.json").exists()
    written: list[str] = []
    real_write = shardset.write_shard
    monkeypatch.setattr(shardset, "write_shard", lambda p, r: (written.append(p.name), real_write(p, r)))
    again()
    assert len(made) == 2
    assert "train-000.npy" not in written
    assert digests(out) == digests(built)


def test_an_unchanged_build_does_nothing_again(
    copy: Path, module_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digests(copy)
    for module, name in ((parts, "make"), (shardset, "write_shard"), (pipeline.vocabulary, "Tokenizer")):
        monkeypatch.setattr(module, name, lambda *a, **k: pytest.fail("done again"))
    monkeypatch.setattr("data_pipeline.clean.dedupe.resolve", lambda *a, **k: pytest.fail("done again"))
    build(read_manifest(module_corpus[0]), CONFIG, copy, module_corpus[1])
    assert digests(copy) == before


@pytest.mark.parametrize(
    "name",
    [
        "parts/one/run-000.parquet",
        "parts/two/run-000.sketches",
        "clean/documents-test.parquet",
        "tokenizer/tokenizer.json",
        "shards/validation-000.npy",
        "attribution/owners.npy",
    ],
)
def test_a_file_that_is_lost_or_damaged_is_made_again(copy: Path, module_corpus: Corpus, name: str) -> None:
    before = digests(copy)
    path = next(iter(sorted(copy.glob(name.replace("owners", "*")))))
    path.unlink()
    build(read_manifest(module_corpus[0]), CONFIG, copy, module_corpus[1])
    assert digests(copy) == before
    path.write_bytes(b"damaged")
    build(read_manifest(module_corpus[0]), CONFIG, copy, module_corpus[1])
    assert digests(copy) == before


def test_another_source_computes_only_its_own_part(
    copy: Path, module_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leads to the bytes of a build that had it from the start; taken away, to those of before."""
    shop = tmp_path / "shop"
    shop.mkdir()
    text = (Path(__file__).parents[2] / "model" / "tokenizer.py").read_text(encoding="utf-8")
    (shop / "basket.py").write_text(text, encoding="utf-8")
    before = digests(copy)
    manifest = read_manifest(module_corpus[0])
    more = add(
        manifest,
        [Folder(name="shop", path=shop, license="LicenseRef-Private", license_accepted=True, split="train")],
    )
    made: list[str] = []
    real = parts.make
    with monkeypatch.context() as patch:
        patch.setattr(parts, "make", lambda job: (made.append(job.name), real(job))[1])
        build(more, CONFIG, copy, module_corpus[1])
    assert made == ["shop"]
    build(more, CONFIG, tmp_path / "fresh", module_corpus[1])
    assert digests(copy) == digests(tmp_path / "fresh")
    build(manifest, CONFIG, copy, module_corpus[1])
    assert digests(copy) == before


def test_what_an_existing_corpus_has_is_not_taken_again(
    built: Path, module_corpus: Corpus, tmp_path: Path
) -> None:
    sources = tmp_path / "fork"
    sources.mkdir()
    copied = next(iter(read_documents(built / "clean" / "documents-train.parquet")))
    (sources / "copied.py").write_text("import os\n" + copied.text, encoding="utf-8")
    (sources / "own.py").write_text(
        "".join(
            f"def total_{i}(prices, rate):\n    return sum(prices) * rate + {i}\n\n\n" for i in range(12)
        ),
        encoding="utf-8",
    )
    manifest = replace(
        read_manifest(module_corpus[0]),
        sources=(
            Folder(
                name="fork", path=sources, license="LicenseRef-Private", license_accepted=True, split="train"
            ),
        ),
    )
    tokenizer = built / "tokenizer" / "tokenizer.json"
    record = build(manifest, CONFIG, tmp_path / "out", tmp_path, against=[built], tokenizer=tokenizer)
    assert record["dropped"]["near-duplicate of the existing corpus"]["examples"] == ["fork/copied.py"]
    kept = list(read_documents(tmp_path / "out" / "clean" / "documents-train.parquet"))
    assert [d.id for d in kept] == ["fork/own.py"]
    assert record["tokenizer"]["sha256"] == Tokenizer.load(tokenizer).sha256
    assert not (tmp_path / "out" / "tokenizer").exists()
    with pytest.raises(DataError, match="holds no corpus"):
        build(manifest, CONFIG, tmp_path / "out", tmp_path, against=[tmp_path])


def test_a_build_killed_over_another_one_never_looks_done(
    copy: Path, module_corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old record, new shards: ids of one tokenizer under another would train on nonsense."""
    manifest, before = read_manifest(module_corpus[0]), digests(copy)
    other = replace(CONFIG, vocabulary=520, epochs=1)
    _killed_at(
        monkeypatch, shardset, "write_shard", 2, lambda: build(manifest, other, copy, module_corpus[1])
    )
    assert not (copy / "shards" / "manifest.json").exists()
    build(manifest, other, copy, module_corpus[1])
    assert not (copy / "shards" / "train-001.npy").exists()
    build(manifest, CONFIG, copy, module_corpus[1])
    assert digests(copy) == before


def test_portions_cover_the_corpus_in_turn() -> None:
    config = BuildConfig(epoch_megabytes=1)
    portions = [shardset._portion([50_000] * 50, config, epoch) for epoch in range(3)]
    assert [sum(p) for p in portions] == [20, 20, 20]
    assert np.any(portions, axis=0).all()
    assert not np.logical_and(portions[0], portions[1]).any()
    assert shardset._portion([1, 2], BuildConfig(), 0) == [True, True]


def test_full_disks_are_named_with_the_way_out(
    module_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, rows: Rows) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(shardset, "write_shard", full)
    with pytest.raises(DataError, match=r"no room left to write .*train-000\.npy; free some space and run"):
        build(read_manifest(module_corpus[0]), CONFIG, tmp_path / "out", module_corpus[1])


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="rows of 10 tokens"):
        BuildConfig(length=10)
    with pytest.raises(ConfigError, match="0 epochs"):
        BuildConfig(epochs=0)


def test_generators_differ_by_every_part() -> None:
    assert generator("a", 1).random() == generator("a", 1).random()
    assert len({generator(*p).random() for p in (("a", 1), ("a", 2), ("b", 1), ("a",))}) == 4


def test_runs_are_sorted_and_bounded(
    make_document: Callable[..., store.Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "RUN", 100)
    documents = [make_document("x" * 40, id=f"r{i % 2}/{9 - i}", repo=f"r{i % 2}") for i in range(10)]
    runs = list(parts._runs(documents))
    assert [len(run) for run in runs] == [3, 3, 3, 1]
    assert all([(d.repo, d.id) for d in run] == sorted((d.repo, d.id) for d in run) for run in runs)
    assert sorted(d.id for run in runs for d in run) == sorted(d.id for d in documents)


def test_a_folder_that_no_build_made_is_left_alone(module_corpus: Corpus, tmp_path: Path) -> None:
    manifest = read_manifest(module_corpus[0])
    (tmp_path / "parts" / "mine").mkdir(parents=True)
    (tmp_path / "parts" / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match=r"holds parts, which no build made; give --out an empty folder"):
        build(manifest, CONFIG, tmp_path, module_corpus[1])
    assert (tmp_path / "parts" / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file; give --out a folder"):
        build(manifest, CONFIG, tmp_path / "file", module_corpus[1])


def test_nothing_but_parts_is_taken_from_among_them(copy: Path, module_corpus: Corpus) -> None:
    before = digests(copy)
    (copy / "parts" / ".DS_Store").write_text("")
    (copy / "parts" / "notes").mkdir()
    (copy / "parts" / "notes" / "read-me.txt").write_text("mine")
    shutil.copytree(copy / "parts" / "one", copy / "parts" / "gone")
    (copy / "shards" / "work-train-007-abc").mkdir()
    (copy / "shards" / "train-007.npy").write_bytes(b"")
    (copy / "shards" / "manifest.json").unlink()
    build(read_manifest(module_corpus[0]), CONFIG, copy, module_corpus[1])
    assert not (copy / "parts" / "gone").exists()
    (copy / "parts" / ".DS_Store").unlink()
    (copy / "parts" / "notes" / "read-me.txt").unlink()
    assert digests(copy) == before


def test_half_an_index_is_made_again(copy: Path, module_corpus: Corpus) -> None:
    before = digests(copy)
    for path in sorted((copy / "attribution").iterdir())[1:]:
        path.unlink()
    build(read_manifest(module_corpus[0]), CONFIG, copy, module_corpus[1])
    assert digests(copy) == before


def test_two_builds_do_not_share_a_folder(copy: Path, module_corpus: Corpus) -> None:
    with pipeline._alone(copy), pytest.raises(DataError, match="another build is at work"):
        build(read_manifest(module_corpus[0]), CONFIG, copy, module_corpus[1])


def test_a_project_of_two_splits_is_refused(module_corpus: Corpus, tmp_path: Path) -> None:
    """By two tables: of neither can be said which one is right."""
    text = (Path(__file__).parents[2] / "model" / "tokenizer.py").read_text(encoding="utf-8")
    tables = []
    for split in ("train", "test"):
        row = {"content": text + f"\n{split} = 1\n", "path": f"{split}.py", "repo_name": "psf/requests"}
        path = tmp_path / f"{split}.jsonl"
        path.write_text(json.dumps({**row, "license": "MIT", "lang": "Python"}) + "\n", encoding="utf-8")
        tables.append(parse_source(f"jsonl:{path}", split=split))
    with pytest.raises(DataError, match=r"psf/requests is in the split (test|train) by .* give both"):
        build(add(read_manifest(module_corpus[0]), tables), CONFIG, tmp_path / "out", module_corpus[1])


def test_what_cannot_be_used_is_said_before_any_work(module_corpus: Corpus, tmp_path: Path) -> None:
    manifest, out = read_manifest(module_corpus[0]), tmp_path / "out"
    with pytest.raises(DataError, match=r"missing\.jsonl"):
        build(manifest, CONFIG, out, module_corpus[1], benchmarks=[tmp_path / "missing.jsonl"])
    with pytest.raises(ModelError, match=r"missing\.json"):
        build(manifest, CONFIG, out, module_corpus[1], tokenizer=tmp_path / "missing.json")
    problem = "Write a function that adds two whole numbers and returns their sum."
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mbpp.jsonl").write_text(json.dumps({"prompt": problem}) + "\n")
    with pytest.raises(DataError, match="two benchmark files are called mbpp"):
        build(
            manifest, CONFIG, out, module_corpus[1],
            benchmarks=[tmp_path / "a" / "mbpp.jsonl", tmp_path / "b" / "mbpp.jsonl"],
        )  # fmt: skip
    assert not out.exists()


def test_runs_that_overlap_are_merged_in_the_order_of_projects(
    make_document: Callable[..., store.Document], tmp_path: Path
) -> None:
    """And a run is opened only when its turn has come."""
    runs, starts, ids, repos = [], [], [], []
    for number, letters in enumerate(("ad", "be", "cf", "gh")):
        documents = [
            make_document("x" * 9, id=f"{letter}/{i}", repo=letter) for letter in letters for i in range(2)
        ]
        runs.append(tmp_path / f"{number}.parquet")
        store.write_documents(runs[-1], documents)
        starts.append(len(ids))
        ids += [d.id for d in documents]
        repos += [d.repo for d in documents]
    catalogue = clean_step._Catalogue(
        runs=runs, starts=starts, ids=ids, repos=repos, licenses=[], languages=[], lengths=[],
        splits=["train"] * len(ids), sources=[], sketches=[], existing=0,
    )  # fmt: skip
    kept = np.ones(len(ids), bool)
    kept[3] = False
    merged = clean_step._merged(catalogue, kept, "train")
    runs[-1].unlink()
    first = [next(merged).id for _ in range(7)]
    assert first == ["a/0", "a/1", "b/0", "b/1", "c/0", "c/1", "d/0"]
    with pytest.raises(DataError, match=r"3\.parquet"):
        list(merged)
