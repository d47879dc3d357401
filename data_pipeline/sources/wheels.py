"""Wheels to Documents: fetch with pip, check their hash, read source files out of the zip.

Nothing of a package is ever run or installed: a wheel is only unzipped in memory. Source distributions are
not read, because pip runs their build to learn their name.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from data_pipeline.document import Document, Drop
from data_pipeline.licenses import is_permissive, of_license_file, of_metadata
from data_pipeline.manifest import Manifest, Wheel
from data_pipeline.sources.files import UNSAFE_PATH, Reading, document, unfit
from model.errors import DataError
from model.syntax import language_of

_LICENSE_FILE = re.compile(r"(?:licenses/)?(?:LICEN[CS]E|COPYING)[^/]*", re.IGNORECASE)
_LARGEST_METADATA = 2_000_000  # bytes
# What zipfile raises for a member that is damaged, encrypted or packed in an unknown way.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


def fetch_wheel(wheel: Wheel, manifest: Manifest, cache: Path) -> None:
    """Have the wheel in `cache`, by the right hash and under a permissive licence; one already there is kept.

    Raises DataError that names the package: unknown to the index, or not the file that the manifest fixed.
    """
    path = cache / wheel.wheel
    if path.exists():
        _check(path, wheel, "delete the file and try again, or correct the manifest")
    else:
        with tempfile.TemporaryDirectory(dir=cache, prefix="incoming-") as incoming:
            got = download(f"{wheel.name}=={wheel.version}", manifest, Path(incoming))
            if got.name != wheel.wheel:
                raise DataError(
                    f"pip fetched {got.name} for {wheel.name}, the manifest names {wheel.wheel}; "
                    "correct the manifest"
                )
            _check(got, wheel, "correct the manifest")
            got.replace(path)
    with _open(path) as archive:
        _license(wheel, archive)


def _check(path: Path, wheel: Wheel, way_out: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wheel.sha256:
        raise DataError(
            f"{path} has sha256 {found[:12]}…, the manifest says {wheel.sha256[:12]}… "
            f"for {wheel.name}; {way_out}"
        )


def download(requirement: str, manifest: Manifest, incoming: Path) -> Path:
    """The wheel that pip chooses for the manifest's platform; never a source archive, which pip would run.

    `incoming` must be empty. Raises DataError that names the requirement.
    """
    python = manifest.python_version
    # No "--require-hashes": pip would refuse before we could say which package and what to do about it.
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--implementation=cp", f"--python-version={python}",
        f"--abi=cp{python.replace('.', '')}", "--abi=abi3", "--abi=none",
        *(f"--platform={platform}" for platform in manifest.platforms),
        "--dest", str(incoming), requirement,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise DataError(
            f"pip could not fetch a wheel of {requirement} for Python {python} "
            f"({'; '.join(lines or done.stderr.splitlines()[-1:]) or 'no message'}); "
            "check the name and version, and the network"
        )
    (path,) = incoming.iterdir()
    return path


def read_wheel(wheel: Wheel, path: Path, languages: Collection[str]) -> Iterator[Document | Drop]:
    """The source files of a wheel in the order of their names, a Drop with a reason for each unfit one."""
    reading = Reading(name=wheel.name, languages=languages)
    with _open(path) as archive:
        expression = _license(wheel, archive)
        for info in sorted(archive.infolist(), key=lambda i: i.filename):
            language = language_of(info.filename)
            if info.is_dir() or language is None or language not in languages:
                continue
            identity = reading.identity(info.filename)
            if reason := unfit(info.filename, info.file_size):
                yield Drop(document_id=identity, reason=reason, characters=info.file_size)
                continue
            try:
                raw = archive.read(info)
            except _UNREADABLE:
                yield Drop(document_id=identity, reason="unreadable", characters=info.file_size)
                continue
            yield document(
                identity, raw, path=info.filename, language=language, repo=wheel.name, license=expression
            )


def unpack(wheel: Wheel, path: Path, languages: Collection[str], folder: Path) -> int:
    """Write the source files of a wheel below a folder; how many. A file's path cannot lead out of it."""
    root, count = folder.resolve(), 0
    for one in read_wheel(wheel, path, languages):
        if isinstance(one, Drop):
            if one.reason == UNSAFE_PATH:
                raise DataError(
                    f"{path} holds {one.document_id}, which leads outside the wheel; do not use it"
                )
            continue
        to = (root / one.path).resolve()
        if not to.is_relative_to(root):  # through a link that was there before
            raise DataError(f"{path} holds {one.path}, which is outside {folder}; choose an empty folder")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(one.text, encoding="utf-8", newline="\n")
        count += 1
    return count


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} is not a wheel ({error}); delete it and try again") from error


def _license(wheel: Wheel, archive: zipfile.ZipFile) -> str:
    """What the wheel's metadata states, else its licence files, else the manifest."""
    stated: list[str | None] = []
    files: list[str] = []
    for info in archive.infolist():
        folder, _, name = info.filename.partition("/")
        if not folder.endswith(".dist-info") or info.file_size > _LARGEST_METADATA:
            continue
        try:
            if name == "METADATA":
                stated.append(of_metadata(archive.read(info).decode("utf-8", "replace")))
            elif _LICENSE_FILE.fullmatch(name):
                found = of_license_file(archive.read(info).decode("utf-8", "replace"))
                files += [] if found is None else [found]
        except _UNREADABLE as error:
            raise DataError(
                f"the metadata of {wheel.wheel} cannot be read ({error}); fetch it again"
            ) from error
    if len(stated) > 1:
        raise DataError(f"{wheel.wheel} has {len(stated)} METADATA files; remove it from the manifest")
    if stated and stated[0] is not None:
        expression, by = stated[0], "metadata"
    elif files:
        expression, by = " AND ".join(sorted(set(files))), "licence files"
    else:
        return wheel.license
    if not is_permissive(expression):
        raise DataError(
            f"{wheel.wheel} is under {expression} by its {by}, the manifest says {wheel.license}; "
            "remove it from the manifest"
        )
    return expression
