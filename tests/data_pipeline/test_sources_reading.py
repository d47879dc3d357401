"""Partitions: all kinds of sources at once, each known by what decides its documents."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from data_pipeline.document import Document
from data_pipeline.manifest import Manifest, add, parse_source, read_manifest
from data_pipeline.sources import reading
from data_pipeline.sources.reading import Partition, partitions, read
from model.errors import DataError


def rows(path: Path, *projects: str) -> None:
    row = {"content": "a = 1\n", "path": "a.py", "license": "MIT"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({**row, "repo_name": p}) + "\n" for p in projects))


@pytest.fixture
def mixed(corpus: tuple[Path, Path], tmp_path: Path) -> tuple[Manifest, Path]:
    """(manifest, cache): three wheels, a folder and a table of three files."""
    manifest, cache = read_manifest(corpus[0]), corpus[1]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.py").write_text("own = 1\n")
    for name in ("Data 1.jsonl", "data_1.jsonl", "deep/data_1.jsonl"):
        rows(tmp_path / "stack" / name, "o/one", "o/two")
    sources = [
        parse_source(f"folder:{tmp_path / 'own'}", license="LicenseRef-Private"),
        parse_source(f"jsonl:{tmp_path / 'stack'}", split="by-project"),
    ]
    return add(manifest, sources), cache


def ids(parts: list[Partition]) -> list[str]:
    return [one.id for part in parts for one in read(part, ["python"]) if isinstance(one, Document)]


def test_partitions_have_safe_sorted_names_and_their_documents_are_apart(
    mixed: tuple[Manifest, Path],
) -> None:
    reading.fetch(*mixed)
    parts = partitions(*mixed)
    names = [part.name for part in parts]
    assert names == sorted(names)
    assert len({name.lower() for name in names}) == len(names) == 7
    assert all(Path(name).name == name and name.isascii() and " " not in name for name in names)
    assert {"one", "two", "three", "own", "stack+data_1.jsonl"} < set(names)
    found = ids(parts)
    assert len(set(found)) == len(found) > 30
    assert "own/a.py" in found
    assert "stack+data_1.jsonl/o/one/a.py" in found


def test_a_partition_can_be_sent_and_is_read_the_same_again(mixed: tuple[Manifest, Path]) -> None:
    parts = partitions(*mixed)
    sent: list[Partition] = pickle.loads(pickle.dumps(parts))
    assert sent == parts == partitions(*mixed)
    assert [list(read(part, ["python"])) for part in sent] == [list(read(part, ["python"])) for part in parts]


def test_only_what_changes_documents_changes_a_fingerprint(
    mixed: tuple[Manifest, Path], tmp_path: Path
) -> None:
    manifest, cache = mixed
    before = {part.name: part.fingerprint for part in partitions(manifest, cache)}

    def changed(manifest: Manifest, cache: Path = cache) -> set[str]:
        after = {part.name: part.fingerprint for part in partitions(manifest, cache)}
        return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}

    rows(tmp_path / "stack" / "data_2.jsonl", "o/three")
    assert changed(manifest) == {"stack+data_2.jsonl"}
    (tmp_path / "stack" / "data_2.jsonl").unlink()
    (tmp_path / "own" / "a.py").write_text("own = 2\n")
    assert changed(manifest) == {"own"}
    (tmp_path / "own" / "a.py").write_text("own = 1\n")
    moved = shutil.copytree(cache, tmp_path / "elsewhere")
    assert changed(manifest, moved) == set()
    one, *others = manifest.sources
    assert changed(replace(manifest, sources=(replace(one, split="test"), *others))) == set()
    assert changed(replace(manifest, sources=(replace(one, license="ISC"), *others))) == {"one"}


def test_a_wheel_that_was_not_fetched_is_named(mixed: tuple[Manifest, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the wheel of one, is not there; fetch it first"):
        partitions(mixed[0], tmp_path / "none")


def test_every_source_is_told_of_while_fetching(mixed: tuple[Manifest, Path]) -> None:
    told: list[str] = []
    reading.fetch(*mixed, on_source=lambda source: told.append(source.name))
    assert told == [source.name for source in mixed[0].sources]
