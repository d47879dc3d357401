"""Wheels: fetched by the real pip, checked by hash, read without running anything."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import Manifest, Wheel, read_manifest
from data_pipeline.sources.files import decode, is_safe
from data_pipeline.sources.reading import fetch
from data_pipeline.sources.wheels import read_wheel, unpack
from model.errors import DataError

WHEEL = Wheel(name="x", version="1", wheel="x.whl", license="MIT", sha256="", split="train")


def write_wheel(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return path


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
        wheel.wheel for wheel in manifest.wheels
    )


@pytest.mark.usefixtures("offline")
def test_an_unknown_package_is_named(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    data = json.loads(corpus[0].read_text(encoding="utf-8"))
    data["packages"][0]["name"] = "no-such-project"
    corpus[0].write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DataError, match=r"fetch a wheel of no-such-project==1\.0 .*check the name"):
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
    path = tmp_path / "x.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/ok.py", "\ufeffa = 1\r\nb = 2\r\n")
        archive.writestr("x/latin.py", "name = 'é'".encode("latin-1"))
        archive.writestr("x/zero.py", "a = 1\0")
        archive.writestr("x/huge.py", b"x = 1\n" * (50_000_000 // 6))
        archive.writestr("x/_vendor/six.py", "a = 1")
        archive.writestr("x/readme.txt", "not source")
    found = list(read_wheel(WHEEL, path, ["python"]))
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
    with pytest.raises(DataError, match=r"x\.whl is not a wheel"):
        list(read_wheel(WHEEL, tmp_path / "x.whl", ["python"]))


def test_line_ends_become_line_feeds() -> None:
    assert decode(b"a\r\nb\rc\n") == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("metadata", "license"),
    [
        ("Name: x\n", "MIT"),
        ("License-Expression: BSD-3-Clause\n", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: Apache Software License\n", "Apache-2.0"),
    ],
)
def test_the_metadata_states_the_licence_and_else_the_manifest(
    tmp_path: Path,
    metadata: str,
    license: str,  # noqa: A002
) -> None:
    members = {"x/a.py": "a = 1\n", "x-1.dist-info/METADATA": f"Metadata-Version: 2.4\n{metadata}"}
    (found,) = read_wheel(WHEEL, write_wheel(tmp_path / "x.whl", members), ["python"])
    assert isinstance(found, Document)
    assert found.license == license


def test_a_wheel_whose_metadata_contradicts_the_manifest_is_refused(
    corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    members = {"x/a.py": "a = 1\n", "x-1.dist-info/METADATA": "License-Expression: GPL-3.0-only\n"}
    path = write_wheel(tmp_path / "x.whl", members)
    message = r"x\.whl is under GPL-3\.0-only by its metadata, the manifest says MIT; remove it"
    with pytest.raises(DataError, match=message):
        list(read_wheel(WHEEL, path, ["python"]))
    wheel = replace(WHEEL, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    manifest: Manifest = replace(read_manifest(corpus[0]), sources=(wheel,))
    with pytest.raises(DataError, match=message):  # before a long build begins
        fetch(manifest, tmp_path)


@pytest.mark.parametrize(
    "path",
    ["../up.py", "/root.py", "a/../../b.py", "C:/x.py", "a//b.py", "a/./b.py", "a\nb.py", "a/\u202eyp.py"],
)
def test_a_path_that_leads_elsewhere_is_dropped_and_never_unpacked(tmp_path: Path, path: str) -> None:
    assert not is_safe(path)
    wheel = write_wheel(tmp_path / "x.whl", {path: "a = 1\n"})
    (drop,) = read_wheel(WHEEL, wheel, ["python"])
    assert isinstance(drop, Drop)
    assert drop.reason == "unsafe path"
    assert drop.document_id.isprintable()
    with pytest.raises(DataError, match="leads outside the wheel"):
        unpack(WHEEL, wheel, ["python"], tmp_path / "out")


def test_an_unpacked_file_does_not_follow_a_link_out_of_the_folder(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "x.whl", {"x/a.py": "a = 1\n"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").symlink_to(tmp_path)
    with pytest.raises(DataError, match="choose an empty folder"):
        unpack(WHEEL, wheel, ["python"], tmp_path / "out")
    assert not (tmp_path / "a.py").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_two_documents_and_a_damaged_one_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "x.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for text in ("first = 1\n", "second = 2\n"):
            archive.writestr(zipfile.ZipInfo("x/a.py"), text)
        archive.writestr(zipfile.ZipInfo("x/a.py#2"), "not python")
        archive.writestr(zipfile.ZipInfo("x/damaged.py"), "damaged = 3\n")
    path.write_bytes(path.read_bytes().replace(b"damaged = 3", b"damaged = 4"))
    first, second, third = read_wheel(WHEEL, path, ["python"])
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert (first.id, second.id, second.text) == ("x/x/a.py", "x/x/a.py#2", "second = 2\n")
    assert isinstance(third, Drop)
    assert third.reason == "unreadable"


def _licensed(folder: Path, files: dict[str, bytes]) -> Wheel:
    path = folder / "own-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"own/a.py": b"x = 1\n", **files}.items():
            archive.writestr(name, content)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel(name="own", version="1.0", wheel=path.name, license="MIT", sha256=digest, split="train")


def test_licence_files_speak_where_the_metadata_is_silent(tmp_path: Path) -> None:
    gpl = b"GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n" + b"Everyone is permitted to copy. " * 20
    silent = b"Metadata-Version: 2.1\nName: own\nVersion: 1.0\n"
    wheel = _licensed(tmp_path, {"own-1.0.dist-info/METADATA": silent, "own-1.0.dist-info/LICENSE": gpl})
    with pytest.raises(DataError, match=r"is under GPL.* by its licence files, the manifest says MIT"):
        list(read_wheel(wheel, tmp_path / wheel.wheel, ("python",)))


def test_a_wheel_with_two_metadata_files_is_refused(tmp_path: Path) -> None:
    """Which of the two licences holds cannot be said."""
    wheel = _licensed(
        tmp_path,
        {
            "own-1.0.dist-info/METADATA": b"Name: own\nLicense-Expression: GPL-3.0-only\n",
            "b-1.0.dist-info/METADATA": b"Name: b\nLicense-Expression: MIT\n",
        },
    )
    with pytest.raises(DataError, match="has 2 METADATA files"):
        list(read_wheel(wheel, tmp_path / wheel.wheel, ("python",)))
