"""Pinning: packages enter a manifest with their licence and hash, and nothing else in it changes."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from data_pipeline import pin as pinning
from data_pipeline.manifest import DEFAULT_MANIFEST, Manifest, read_manifest
from data_pipeline.pin import Pinned, pin
from model.errors import ConfigError, DataError

SOURCE = b"def area(width: float, height: float) -> float:\n    return width * height\n"
MIT = """MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of
the Software, and to permit persons to whom it is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions
of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED.
"""
# The spacing is not what json.dumps would write: a line that is written anew shows.
PRESENT = f"""{{
  "name": "t",
  "language": "python",
  "python_version": "3.11",
  "platforms": ["manylinux2014_x86_64"],
  "packages": [
    {{"name": "beta",  "version": "1.0", "wheel": "beta-1.0-py3-none-any.whl", "license": "MIT", \
"sha256": "{"1" * 64}", "split": "train"}},
    {{"name": "Delta", "version": "2.0", "wheel": "delta-2.0-py3-none-any.whl", "license": "MIT", \
"sha256": "{"2" * 64}", "split": "test"}}
  ]
}}
"""


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that packages come from, without the seconds that pip needs to start."""
    folder = tmp_path / "wheels"
    folder.mkdir()

    def copy(requirement: str, _: Manifest, incoming: Path) -> Path:
        name, __, version = requirement.partition("==")
        (found,) = folder.glob(f"{name.replace('-', '_')}-{version or '*'}-*.whl")
        return Path(shutil.copy(found, incoming))

    monkeypatch.setattr(pinning, "download", copy)
    return folder


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that the real pip sees."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.json"
    path.write_text(PRESENT, encoding="utf-8")
    return path


def wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    license: str | None = "License-Expression: MIT",  # noqa: A002
    files: dict[str, bytes] | None = None,
    licence_file: str | None = None,
    tag: str = "py3-none-any",
) -> Path:
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *([license] if license else [])]
    listed = {f"{name}/shapes.py": SOURCE} if files is None else files
    listed |= {
        f"{info}/METADATA": ("\n".join(lines) + "\n").encode(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        f"{info}/RECORD": b"",
    }
    if licence_file is not None:
        listed[f"{info}/licenses/LICENSE"] = licence_file.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in listed.items():
            archive.writestr(file, content)
    return path


def test_the_newest_wheel_for_the_manifest_s_platform_is_pinned_with_what_it_says_itself(
    index: Path, manifest: Path, tmp_path: Path
) -> None:
    # Not the platform of the test, and newer files that are for that one, or that pip would have to run.
    manifest.write_text(PRESENT.replace("manylinux2014_x86_64", "win_amd64"), encoding="utf-8")
    wheel(index, "alpha", "1.9")
    wheel(index, "alpha", "2.0", tag="cp311-cp311-manylinux2014_x86_64")
    (index / "alpha-3.0.tar.gz").write_bytes(b"source")
    newest = wheel(
        index,
        "alpha",
        "1.10",
        license="License-Expression: MIT OR Apache-2.0",
        tag="cp311-abi3-win_amd64",
        files={"alpha/a.py": SOURCE, "alpha/b.py": SOURCE * 2, "alpha/data.json": b"{}"},
    )
    expected = Pinned(
        name="alpha",
        version="1.10",
        wheel="alpha-1.10-cp311-abi3-win_amd64.whl",
        license="MIT OR Apache-2.0",
        sha256=hashlib.sha256(newest.read_bytes()).hexdigest(),
        split="train",
        source_files=2,
        source_bytes=3 * len(SOURCE),
    )
    seen: list[Pinned] = []
    assert pin(["Alpha"], manifest, "train", tmp_path / "cache", on_pinned=seen.append) == [expected] == seen
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [newest.name]
    entry = json.loads(manifest.read_bytes())["packages"][0]
    assert entry == {
        field: getattr(expected, field)
        for field in ("name", "version", "wheel", "license", "sha256", "split")
    }


def test_lines_are_added_in_order_and_the_others_keep_their_bytes(
    wheels: Path, manifest: Path, tmp_path: Path
) -> None:
    for name in ("zeta", "charlie", "alpha"):
        wheel(wheels, name, "1.0")
    pin(["zeta", "charlie==1.0", "alpha"], manifest, "validation", tmp_path / "cache")
    after = manifest.read_text(encoding="utf-8").splitlines()
    names = [json.loads(line.rstrip(","))["name"] for line in after if line.startswith("    {")]
    assert names == ["alpha", "beta", "charlie", "Delta", "zeta"]
    before = PRESENT.splitlines()
    kept = [line for line in after if not any(f'"name": "{n}"' in line for n in ("alpha", "charlie", "zeta"))]
    assert [line.rstrip(",") for line in kept] == [line.rstrip(",") for line in before]
    read_manifest(manifest)


def test_adding_in_the_middle_changes_no_other_byte_of_the_shipped_manifest(
    wheels: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "python.json"
    copy.write_bytes(DEFAULT_MANIFEST.read_bytes())
    wheel(wheels, "mmm-no-such-project".replace("-", "_"), "1.0")
    pin(["mmm-no-such-project"], copy, "train", tmp_path / "cache")
    lines = copy.read_bytes().splitlines(keepends=True)
    added = [line for line in lines if b'"mmm-no-such-project"' in line]
    assert len(added) == 1
    lines.remove(added[0])
    assert b"".join(lines) == DEFAULT_MANIFEST.read_bytes()


def test_a_project_of_another_split_is_refused_however_it_is_spelled(
    wheels: Path, manifest: Path, tmp_path: Path
) -> None:
    wheel(wheels, "delta", "2.0")
    with pytest.raises(
        DataError, match=r"Delta is already in .* in the split 'test'; a project belongs to one"
    ):
        pin(["DELTA"], manifest, "train", tmp_path / "cache")


def test_a_project_that_is_already_a_source_of_another_kind_is_refused(
    wheels: Path, manifest: Path, tmp_path: Path
) -> None:
    wheel(wheels, "alpha", "1.0")
    folder = '"sources": [{"kind": "folder", "name": "alpha", "path": "a", "split": "train"}],'
    manifest.write_text(PRESENT.replace('"packages"', folder + ' "packages"'), encoding="utf-8")
    with pytest.raises(DataError, match=r"alpha is already in .* as a folder source; leave one of them out"):
        pin(["alpha"], manifest, "train", tmp_path / "cache")


def test_what_already_stands_there_is_passed_over_and_another_version_refused(
    wheels: Path, manifest: Path, tmp_path: Path
) -> None:
    assert pin(["beta"], manifest, "train", tmp_path / "cache") == []
    assert pin(["delta==2.0"], manifest, "test", tmp_path / "cache") == []
    with pytest.raises(DataError, match=r"beta is already in .* at version 1\.0, not 3\.0; delete its line"):
        pin(["beta==3.0"], manifest, "train", tmp_path / "cache")
    assert manifest.read_text(encoding="utf-8") == PRESENT


@pytest.mark.parametrize(
    ("license", "licence_file", "expected"),
    [
        ("License-Expression: BSD-3-Clause", MIT, "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: Apache Software License", None, "Apache-2.0"),
        (None, MIT, "MIT"),
    ],
)
def test_the_licence_is_the_metadata_s_or_else_the_licence_file_s(
    wheels: Path,
    manifest: Path,
    tmp_path: Path,
    license: str | None,  # noqa: A002
    licence_file: str | None,
    expected: str,
) -> None:
    wheel(wheels, "alpha", "1.0", license=license, licence_file=licence_file)
    assert pin(["alpha"], manifest, "train", tmp_path / "cache")[0].license == expected


@pytest.mark.parametrize(
    ("license", "message"),
    [
        ("License-Expression: GPL-3.0-only", r"alpha-1\.0.* is under GPL-3\.0-only, which is not permissive"),
        ("License-Expression: MIT AND LGPL-2.1-or-later", "is under MIT AND LGPL-2.1-or-later, which is not"),
        (None, r"alpha-1\.0-py3-none-any\.whl states no licence that SPDX has a name for"),
    ],
)
def test_a_package_that_is_not_permissive_is_refused_and_leaves_nothing(
    wheels: Path,
    manifest: Path,
    tmp_path: Path,
    license: str | None,  # noqa: A002
    message: str,
) -> None:
    wheel(wheels, "alpha", "1.0", license=license)
    wheel(wheels, "charlie", "1.0")
    with pytest.raises(DataError, match=message):
        pin(["charlie", "alpha"], manifest, "train", tmp_path / "cache")
    assert manifest.read_text(encoding="utf-8") == PRESENT
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["charlie-1.0-py3-none-any.whl"]


def test_a_wheel_of_another_platform_or_none_at_all_is_named(
    index: Path, manifest: Path, tmp_path: Path
) -> None:
    wheel(index, "alpha", "1.0", tag="cp311-cp311-win_amd64")
    with pytest.raises(DataError, match=r"pip could not fetch a wheel of alpha for Python 3\.11 \(.*check"):
        pin(["alpha"], manifest, "train", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_wheel_without_source_is_refused(wheels: Path, manifest: Path, tmp_path: Path) -> None:
    wheel(wheels, "alpha", "1.0", files={"alpha/native.so": b"\x7fELF"})
    with pytest.raises(DataError, match=r"alpha-1\.0-py3-none-any\.whl holds no source in python"):
        pin(["alpha"], manifest, "train", tmp_path / "cache")


def test_metadata_of_a_vendored_package_does_not_speak_for_the_wheel(
    wheels: Path, manifest: Path, tmp_path: Path
) -> None:
    inner = b"Metadata-Version: 2.4\nName: six\nVersion: 9.9\nLicense-Expression: GPL-3.0-only\n"
    wheel(
        wheels,
        "alpha",
        "1.0",
        files={"alpha/a.py": SOURCE, "alpha/_vendor/six-9.9.dist-info/METADATA": inner},
    )
    (pinned,) = pin(["alpha"], manifest, "train", tmp_path / "cache")
    assert (pinned.version, pinned.license) == ("1.0", "MIT")


def test_a_wheel_that_names_no_version_is_refused(wheels: Path, manifest: Path, tmp_path: Path) -> None:
    path = wheel(wheels, "alpha", "1.0")
    text = b"Metadata-Version: 2.4\nName: alpha\nLicense-Expression: MIT\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("alpha/a.py", SOURCE)
        archive.writestr("alpha-1.0.dist-info/METADATA", text)
    with pytest.raises(DataError, match=r"METADATA of alpha-1\.0-.* names no version; leave alpha out"):
        pin(["alpha"], manifest, "train", tmp_path / "cache")


@pytest.mark.parametrize(
    "requirement", ["", "--index-url=x", "alpha>=1", "alpha[extra]", "./alpha.whl", "a @ file:x", "alpha=="]
)
def test_anything_but_a_name_with_or_without_a_version_is_refused(
    manifest: Path, tmp_path: Path, requirement: str
) -> None:
    with pytest.raises(ConfigError, match=r"is no package to pin; write NAME or NAME==VERSION"):
        pin([requirement], manifest, "train", tmp_path / "cache")


def test_an_unknown_split_and_two_versions_of_one_project_are_refused(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no split 'dev'; use train, validation, test"):
        pin(["alpha"], manifest, "dev", tmp_path / "cache")
    with pytest.raises(ConfigError, match="alpha is asked for in two versions"):
        pin(["alpha==1", "Alpha==2"], manifest, "train", tmp_path / "cache")


def test_a_manifest_that_cannot_be_written_keeps_its_bytes(
    wheels: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    wheel(wheels, "alpha", "1.0")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        pin(["alpha"], manifest, "train", tmp_path / "cache")
    assert manifest.read_text(encoding="utf-8") == PRESENT
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "manifest.json", "wheels"]


def test_a_manifest_laid_out_otherwise_is_left_alone(wheels: Path, manifest: Path, tmp_path: Path) -> None:
    wheel(wheels, "alpha", "1.0")
    manifest.write_text(json.dumps(json.loads(PRESENT), indent=4), encoding="utf-8")
    before = manifest.read_bytes()
    with pytest.raises(DataError, match="put each of its packages on one line"):
        pin(["alpha"], manifest, "train", tmp_path / "cache")
    assert manifest.read_bytes() == before
