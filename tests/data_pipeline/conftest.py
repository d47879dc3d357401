"""Small real wheels made of this project's own modules, and a manifest that names them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from data_pipeline.document import Document

ROOT = Path(__file__).parents[2]
FILES = (
    8  # a project: enough that there are neighbours, holes of every kind and several rows; a build is seconds
)


@pytest.fixture
def make_document() -> Callable[..., Document]:
    def make(text: str, *, id: str = "p/a.py", path: str = "a.py", repo: str = "p") -> Document:  # noqa: A002
        return Document(id=id, text=text, path=path, language="python", repo=repo, license="MIT")

    return make


def write_wheel(folder: Path, name: str, files: dict[str, bytes]) -> Path:
    """A wheel of the given files; its bytes depend on nothing else."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    listed = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in listed.items():
            archive.writestr(zipfile.ZipInfo(file), content)
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[Path, Path]:
    """(manifest file, folder of wheels): three projects, one a split."""
    return make_corpus(tmp_path)


@pytest.fixture(scope="module")
def module_corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """As `corpus`, for tests that only read it."""
    return make_corpus(tmp_path_factory.mktemp("corpus"))


def make_corpus(tmp_path: Path) -> tuple[Path, Path]:
    """Write the wheels and their manifest into a folder."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    parts = {
        "one": ("data_pipeline", "train"),
        "two": ("eval", "validation"),
        "three": ("lsp_server", "test"),
    }
    packages = []
    for name, (folder, split) in parts.items():
        sources = [p for p in sorted((ROOT / folder).glob("*.py")) if p.stat().st_size > 2000][:FILES]
        files = {f"{name}/{p.name}": p.read_bytes() for p in sources}
        files[f"{name}/latin.py"] = "name = 'é'\n".encode("latin-1") * 40
        wheel = write_wheel(wheels, name, files)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        packages.append(
            {
                "name": name,
                "version": "1.0",
                "wheel": wheel.name,
                "license": "MIT",
                "sha256": digest,
                "split": split,
            }
        )
    manifest = tmp_path / "manifest.json"
    record = {
        "name": "t",
        "language": "python",
        "python_version": "3.11",
        "platforms": ["manylinux2014_x86_64"],
    }
    manifest.write_text(json.dumps({**record, "packages": packages}), encoding="utf-8")
    return manifest, wheels
