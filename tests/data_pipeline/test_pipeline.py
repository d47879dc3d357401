"""The whole pipeline on small real wheels: same inputs, same bytes; a killed build goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_pipeline import pipeline
from data_pipeline.document import Document
from data_pipeline.manifest import Manifest, read_manifest
from data_pipeline.pipeline import BuildConfig, build, read_documents
from model.errors import ConfigError, DataError
from model.shards import Rows, read_shard
from model.shards import read_manifest as read_shard_manifest

CONFIG = BuildConfig(vocabulary=500, length=128, epochs=2, holes=pipeline.HoleConfig(chunk_characters=400))


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def _build_killed(
    monkeypatch: pytest.MonkeyPatch, manifest: Manifest, config: BuildConfig, out: Path, cache: Path
) -> None:
    """A build that is killed when it writes its second shard."""
    real, calls = pipeline.write_shard, []

    def dies_at_the_second(path: Path, rows: Rows) -> None:
        calls.append(path.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(path, rows)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "write_shard", dies_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            build(manifest, config, out, cache)


def test_the_same_inputs_give_the_same_bytes(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    manifest = read_manifest(corpus[0])
    for name in ("a", "b"):
        build(manifest, CONFIG, tmp_path / name, corpus[1])
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")
    assert not list((tmp_path / "a").rglob("*.partial"))


def test_what_was_kept_and_dropped_adds_up(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    record = build(read_manifest(corpus[0]), CONFIG, tmp_path / "out", corpus[1])
    kept = {s: record["clean"]["kept"][s]["documents"] for s in ("train", "validation", "test")}
    assert min(kept.values()) >= 1
    assert record["clean"]["dropped"]["not UTF-8"]["documents"] == 3
    documents = list(read_documents(tmp_path / "out" / "clean" / "documents-train.jsonl.gz"))
    assert {d.repo for d in documents} == {"one"}
    assert len(documents) == kept["train"]


def test_epochs_draw_different_holes_from_the_same_text(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    build(read_manifest(corpus[0]), CONFIG, tmp_path / "out", corpus[1])
    shards = tmp_path / "out" / "shards"
    first, second = (read_shard(shards / f"train-00{e}.npy").tobytes() for e in (0, 1))
    assert first != second
    assert set(read_shard_manifest(shards)["shards"]) == {
        "train-000.npy", "train-001.npy", "validation-000.npy", "test-000.npy",
    }  # fmt: skip


def test_a_killed_build_goes_on_and_gives_the_same_bytes(
    corpus: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest(corpus[0])
    build(manifest, CONFIG, tmp_path / "whole", corpus[1])
    real, calls = pipeline.write_shard, []
    _build_killed(monkeypatch, manifest, CONFIG, tmp_path / "killed", corpus[1])
    assert not (tmp_path / "killed" / "shards" / "manifest.json").exists()
    monkeypatch.setattr(pipeline, "write_shard", lambda p, r: (calls.append(p.name), real(p, r)))
    build(manifest, CONFIG, tmp_path / "killed", corpus[1])
    assert "train-000.npy" not in calls
    assert _digests(tmp_path / "killed") == _digests(tmp_path / "whole")


def test_an_unchanged_build_does_nothing_again(
    corpus: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest(corpus[0])
    first = build(manifest, CONFIG, tmp_path / "out", corpus[1])
    monkeypatch.setattr(pipeline.dedupe, "near", lambda *a, **k: pytest.fail("cleaned again"))
    monkeypatch.setattr(pipeline, "write_shard", lambda *a: pytest.fail("packed again"))
    assert build(manifest, CONFIG, tmp_path / "out", corpus[1]) == first


def test_portions_cover_the_corpus_in_turn(make_document: Callable[..., Document]) -> None:
    documents = [make_document("x" * 50_000, id=f"p/{i}.py") for i in range(50)]
    config = BuildConfig(epoch_megabytes=1)
    portions = [{d.id for d in pipeline._portion(documents, config, epoch)} for epoch in range(3)]
    assert [len(p) for p in portions] == [20, 20, 20]
    assert set.union(*portions) == {d.id for d in documents}
    assert not portions[0] & portions[1]
    assert pipeline._portion(documents, BuildConfig(), 0) == documents


def test_a_build_killed_over_another_one_never_looks_done(
    corpus: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old record, new shards: ids of one tokenizer under another would train on nonsense."""
    manifest, out = read_manifest(corpus[0]), tmp_path / "out"
    build(manifest, CONFIG, out, corpus[1])
    before = _digests(out)
    _build_killed(monkeypatch, manifest, replace(CONFIG, vocabulary=520), out, corpus[1])
    assert not (out / "shards" / "manifest.json").exists()
    build(manifest, CONFIG, out, corpus[1])
    assert _digests(out) == before


@pytest.mark.parametrize(
    "name", ["shards/validation-000.npy", "clean/documents-test.jsonl.gz", "tokenizer/tokenizer.json"]
)
def test_a_file_that_is_lost_or_damaged_is_made_again(
    corpus: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    manifest, out = read_manifest(corpus[0]), tmp_path / "out"
    build(manifest, CONFIG, out, corpus[1])
    before = _digests(out)
    (out / name).unlink()
    build(manifest, CONFIG, out, corpus[1])
    assert _digests(out) == before
    (out / name).write_bytes(b"damaged")
    build(manifest, CONFIG, out, corpus[1])
    assert _digests(out) == before


def test_a_damaged_document_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "documents-train.jsonl.gz"
    path.write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"documents-train\.jsonl\.gz cannot be read"):
        list(read_documents(path))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="rows of 10 tokens"):
        BuildConfig(length=10)
    with pytest.raises(ConfigError, match="0 epochs"):
        BuildConfig(epochs=0)
