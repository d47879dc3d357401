"""Packages to Documents: fetch wheels with pip, check their hash, read source files out of the zip.

Nothing of a package is ever run or installed: a wheel is only unzipped in memory.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import Manifest, Package
from model.errors import DataError
from model.syntax import language_of

LARGEST_FILE = 1_000_000  # bytes; larger source files are data or generated
VENDORED = frozenset(
    {"_vendor", "vendor", "vendored", "_vendored", "vendored_packages", "third_party", "extern", "externals"}
)


def fetch(manifest: Manifest, cache: Path, *, on_package: Callable[[Package], None] = lambda _: None) -> None:
    """Have every wheel of the manifest in `cache`, by the right hash; wheels already there are kept.

    Raises DataError that names the package: unknown to the index, or not the file that the manifest fixed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for package in manifest.packages:
        path = cache / package.wheel
        if path.exists():
            _check(path, package, "delete the file and try again, or correct the manifest")
        else:
            with tempfile.TemporaryDirectory(dir=cache, prefix="incoming-") as incoming:
                got = _download(package, manifest, Path(incoming))
                _check(got, package, "correct the manifest")
                got.replace(path)
        on_package(package)


def _check(path: Path, package: Package, way_out: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != package.sha256:
        raise DataError(
            f"{path} has sha256 {found[:12]}…, the manifest says {package.sha256[:12]}… "
            f"for {package.name}; {way_out}"
        )


def _download(package: Package, manifest: Manifest, incoming: Path) -> Path:
    abi = "cp" + manifest.python_version.replace(".", "")
    # No "--require-hashes": pip would refuse before we could say which package and what to do about it.
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--implementation=cp", f"--python-version={manifest.python_version}",
        f"--abi={abi}", "--abi=abi3", "--abi=none", *(f"--platform={p}" for p in manifest.platforms),
        "--dest", str(incoming), f"{package.name}=={package.version}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = [
            line for line in done.stderr.splitlines() if line.startswith("ERROR")
        ] or done.stderr.splitlines()[-1:]
        raise DataError(
            f"pip could not fetch {package.name}=={package.version} ({'; '.join(lines) or 'no message'}); "
            "check the name and version in the manifest, and the network"
        )
    got = incoming / package.wheel
    if not got.exists():
        others = ", ".join(p.name for p in incoming.iterdir()) or "nothing"
        raise DataError(
            f"pip fetched {others} for {package.name}, the manifest names {package.wheel}; "
            "correct the manifest"
        )
    return got


def read_wheel(package: Package, path: Path, language: str) -> Iterator[Document | Drop]:
    """The source files of a wheel in the order of their names, a Drop with a reason for each unfit one."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} is not a wheel ({error}); delete it and try again") from error
    with archive:
        for info in sorted(archive.infolist(), key=lambda i: i.filename):
            if info.is_dir() or language_of(info.filename) != language:
                continue
            identity = f"{package.name}/{info.filename}"
            if VENDORED & set(info.filename.split("/")[:-1]):
                yield Drop(document_id=identity, reason="vendored", characters=info.file_size)
                continue
            if info.file_size > LARGEST_FILE:
                yield Drop(document_id=identity, reason="larger than 1 MB", characters=info.file_size)
                continue
            text = decode(archive.read(info))
            if text is None:
                yield Drop(document_id=identity, reason="not UTF-8", characters=info.file_size)
                continue
            yield Document(
                id=identity,
                text=text,
                path=info.filename,
                language=language,
                repo=package.name,
                license=package.license,
            )


def unpack(package: Package, path: Path, language: str, folder: Path) -> int:
    """Write the source files of a wheel below a folder; how many. A file's path cannot lead out of it."""
    root, count = folder.resolve(), 0
    for document in read_wheel(package, path, language):
        if isinstance(document, Drop):
            continue
        to = (root / document.path).resolve()
        if not to.is_relative_to(root):
            raise DataError(f"{path} holds {document.path}, which is outside the wheel; do not use it")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(document.text, encoding="utf-8", newline="\n")
        count += 1
    return count


def decode(raw: bytes) -> str | None:
    """UTF-8 text without a byte-order mark and with LF line ends; None for anything else."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
