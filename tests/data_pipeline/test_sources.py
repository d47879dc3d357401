"""Wheels: fetched by the real pip, checked by hash, read without running anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import Package, read_manifest
from data_pipeline.sources import decode, fetch, read_wheel
from model.errors import DataError


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pip sees the test's wheels and nothing else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))


@pytest.mark.usefixtures("offline")
def test_pip_fetches_what_the_manifest_names(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    manifest = read_manifest(corpus[0])
    fetch(manifest, tmp_path / "cache")
    assert sorted(p.name for p in (tmp_path / "cache").glob("*.whl")) == sorted(
        p.wheel for p in manifest.packages
    )


@pytest.mark.usefixtures("offline")
def test_an_unknown_package_is_named(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    data = json.loads(corpus[0].read_text(encoding="utf-8"))
    data["packages"][0]["name"] = "no-such-project"
    corpus[0].write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DataError, match=r"pip could not fetch no-such-project==1\.0 .*check the name"):
        fetch(read_manifest(corpus[0]), tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.whl"))


def test_a_wrong_hash_names_the_file_and_the_package(corpus: tuple[Path, Path]) -> None:
    path, wheels = corpus
    data = json.loads(path.read_text(encoding="utf-8"))
    data["packages"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"one-1\.0.*the manifest says 000000000000… for one; delete the file"
    ):
        fetch(read_manifest(path), wheels)


@pytest.mark.usefixtures("offline")
def test_a_download_of_the_wrong_hash_is_not_kept(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    path, _ = corpus
    data = json.loads(path.read_text(encoding="utf-8"))
    data["packages"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DataError, match=r"for one; correct the manifest"):
        fetch(read_manifest(path), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_files_that_are_no_text_or_too_large_are_dropped_with_a_reason(tmp_path: Path) -> None:
    from zipfile import ZIP_DEFLATED, ZipFile

    wheel = tmp_path / "x.whl"
    with ZipFile(wheel, "w", ZIP_DEFLATED) as archive:
        archive.writestr("x/ok.py", "\ufeffa = 1\r\nb = 2\r\n")
        archive.writestr("x/latin.py", "name = 'é'".encode("latin-1"))
        archive.writestr("x/zero.py", "a = 1\0")
        archive.writestr("x/huge.py", b"x = 1\n" * (50_000_000 // 6))
        archive.writestr("x/_vendor/six.py", "a = 1")
        archive.writestr("x/readme.txt", "not source")
    package = Package(name="x", version="1", wheel="x.whl", license="MIT", sha256="", split="train")
    found = list(read_wheel(package, wheel, "python"))
    reasons = {d.document_id: d.reason for d in found if isinstance(d, Drop)}
    assert reasons == {
        "x/x/latin.py": "not UTF-8",
        "x/x/zero.py": "not UTF-8",
        "x/x/huge.py": "larger than 1 MB",
        "x/x/_vendor/six.py": "vendored",
    }
    assert [d.text for d in found if isinstance(d, Document)] == ["a = 1\nb = 2\n"]


def test_something_that_is_no_wheel_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_text("not a zip", encoding="utf-8")
    package = Package(name="x", version="1", wheel="x.whl", license="MIT", sha256="", split="train")
    with pytest.raises(DataError, match=r"x\.whl is not a wheel"):
        list(read_wheel(package, tmp_path / "x.whl", "python"))


def test_line_ends_become_line_feeds() -> None:
    assert decode(b"a\r\nb\rc\n") == "a\nb\nc\n"
