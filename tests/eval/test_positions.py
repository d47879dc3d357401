"""Positions are drawn the same way again, and refuse code that is not the code they were drawn in."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from data_pipeline.manifest import Manifest, Wheel
from data_pipeline.sources.wheels import unpack
from eval import positions
from model.errors import DataError

CODE = "".join(
    f"def function_{i}(first, second):\n    total_{i} = first + second * {i}\n"
    f"    result_{i} = total_{i} - first\n"
    f"    return result_{i}\n\n\n"
    for i in range(30)
)


@pytest.fixture
def cached(tmp_path: Path) -> tuple[Manifest, Path]:
    path = tmp_path / "p-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("p/a.py", "p/b.py", "p/sub/c.py"):
            archive.writestr(name, CODE.replace("total", name[2:].replace("/", "_")[:-3]))
    wheel = Wheel(
        name="p", version="1", wheel=path.name, license="MIT", split="test",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )  # fmt: skip
    manifest = Manifest(
        name="m", languages=("python",), python_version="3.11", platforms=(), sources=(wheel,), sha256="0"
    )
    return manifest, tmp_path


def test_drawn_positions_come_back_with_their_code(cached: tuple[Manifest, Path], tmp_path: Path) -> None:
    manifest, cache = cached
    drawn = positions.draw(manifest, cache, splits=["test"], count=20, seed=1)
    assert drawn == positions.draw(manifest, cache, splits=["test"], count=20, seed=1)
    path = tmp_path / "pinned.json"
    path.write_text(json.dumps(drawn), "utf-8")
    (project,) = positions.read(path, manifest, cache, "test")
    places = [(file.path, cursor) for file in project.files for cursor in file.cursors]
    assert len(set(places)) == len(places) == 20
    for file in project.files:
        assert file.path not in file.beside
        assert set(file.beside) <= set(project.texts)
        for cursor in file.cursors:
            assert file.text[cursor.start : cursor.end].strip()


def test_other_code_is_refused(cached: tuple[Manifest, Path], tmp_path: Path) -> None:
    manifest, cache = cached
    drawn = positions.draw(manifest, cache, splits=["test"], count=8, seed=1)
    path = tmp_path / "pinned.json"
    drawn["packages"][0]["files"][0]["sha256"] = "0" * 16
    path.write_text(json.dumps(drawn), "utf-8")
    with pytest.raises(DataError, match="is not the file that was pinned"):
        positions.read(path, manifest, cache, "test")
    drawn["packages"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(drawn), "utf-8")
    with pytest.raises(DataError, match="pins another p than the manifest"):
        positions.read(path, manifest, cache, "test")
    with pytest.raises(DataError, match="pins nothing in the split 'validation'"):
        positions.read(path, manifest, cache, "validation")
    with pytest.raises(DataError, match="cannot be read as pinned positions"):
        positions.read(tmp_path / "none.json", manifest, cache, "test")


def test_more_than_there_are_is_said(cached: tuple[Manifest, Path]) -> None:
    manifest, cache = cached
    with pytest.raises(DataError, match="positions could be drawn; ask for fewer"):
        positions.draw(manifest, cache, splits=["test"], count=100_000, seed=1)


def test_a_wheel_is_unpacked_as_plain_files_and_never_outside(
    cached: tuple[Manifest, Path], tmp_path: Path
) -> None:
    manifest, cache = cached
    (wheel,) = manifest.wheels
    assert unpack(wheel, cache / wheel.wheel, ["python"], tmp_path / "out") == 3
    assert (tmp_path / "out" / "p" / "sub" / "c.py").read_text("utf-8").startswith("def function_0")
    evil = tmp_path / "evil.whl"
    with zipfile.ZipFile(evil, "w") as archive:
        archive.writestr("../outside.py", CODE)
    with pytest.raises(DataError, match="outside"):
        unpack(wheel, evil, ["python"], tmp_path / "out")
    assert not (tmp_path / "outside.py").exists()
