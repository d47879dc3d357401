"""Add packages to a corpus manifest: fetch the wheel, read its licence, fix its bytes, count its source.

The manifest is edited as text, one line a package and sorted by name: what was there stays as it was, so a
measurement that is pinned to a package keeps meaning the same, and a change reads well in version control.

Not here: fetching what a manifest already names, and reading documents out of a wheel (the sources).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from data_pipeline import licenses
from data_pipeline.manifest import SPLITS, Manifest, Source, Wheel, project_of, read_manifest
from data_pipeline.sources.wheels import download
from model.errors import ConfigError, DataError
from model.syntax import language_of

_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:==([A-Za-z0-9.!+_-]+))?")
_LICENSE_FILE = re.compile(r"[^/]+\.dist-info/(?:licenses/)?(?:LICEN[CS]E|COPYING)[^/]*", re.IGNORECASE)
_LARGEST_METADATA = 2_000_000  # bytes; licence texts as well
_FIELDS = ("name", "version", "wheel", "license", "sha256", "split")  # in the order they are written


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """One package as it was added: its manifest entry, and its source files before any filter.

    `license` is an SPDX expression, `sha256` 64 hex digits, `source_bytes` the uncompressed size of the
    `source_files` files in the manifest's languages.
    """

    name: str
    version: str
    wheel: str
    license: str
    sha256: str
    split: str
    source_files: int
    source_bytes: int


def pin(
    requirements: Sequence[str],
    manifest: Path,
    split: str,
    cache: Path,
    *,
    on_pinned: Callable[[Pinned], None] = lambda _: None,
) -> list[Pinned]:
    """Fetch packages (`NAME` for the newest, or `NAME==VERSION`) and add them to the manifest file.

    Wheels are left in `cache`. The manifest is written once, at the end, and only if every package is fit
    for it; its existing lines keep their bytes (a comma is added to the last one if a line now follows). A
    package that already stands there as asked is passed over. Returns the packages added, in the order asked.

    Raises ConfigError for a requirement or split that is none, DataError for a package that cannot be
    fetched, holds no source, has no permissive licence, or belongs to another split or version already.
    """
    if split not in SPLITS:
        raise ConfigError(f"there is no split {split!r}; use {', '.join(SPLITS)}")
    wanted = _parse(requirements)
    before = read_manifest(manifest)
    _split_lines(manifest)  # so that a manifest which cannot be added to is told before anything is fetched
    present = {project_of(source.name): source for source in before.sources}
    cache.mkdir(parents=True, exist_ok=True)
    added = []
    for name, version in wanted.items():
        if source := present.get(name):
            _as_asked(source, version, split, manifest)
            continue
        pinned = _fetch(name, version, split, before, cache)
        on_pinned(pinned)
        added.append(pinned)
    if added:
        _write(manifest, added)
    return added


def _parse(requirements: Sequence[str]) -> dict[str, str | None]:
    """Name (normalised) -> version, None for the newest."""
    wanted: dict[str, str | None] = {}
    for requirement in requirements:
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None:
            raise ConfigError(f"{requirement!r:.80} is no package to pin; write NAME or NAME==VERSION")
        name, version = project_of(match[1]), match[2]
        if name in wanted and wanted[name] != version:
            raise ConfigError(f"{name} is asked for in two versions; a manifest holds a project once")
        wanted[name] = version
    return wanted


def _as_asked(source: Source, version: str | None, split: str, manifest: Path) -> None:
    if source.split != split:
        raise DataError(
            f"{source.name} is already in {manifest} in the split {source.split!r}; a project belongs to one "
            f"split, so leave it out or pin it with --split {source.split}"
        )
    if not isinstance(source, Wheel):
        raise DataError(
            f"{source.name} is already in {manifest} as a {source.kind} source; leave one of them out"
        )
    if version not in (None, source.version):
        raise DataError(
            f"{source.name} is already in {manifest} at version {source.version}, not {version}; "
            "delete its line first if it is to change"
        )


def _fetch(name: str, version: str | None, split: str, manifest: Manifest, cache: Path) -> Pinned:
    # Beside its place in the cache, so that the rename at the end cannot cross file systems.
    with tempfile.TemporaryDirectory(dir=cache, prefix="incoming-") as incoming:
        path = download(f"{name}=={version}" if version else name, manifest, Path(incoming))
        pinned = _inspect(path, name, split, manifest.languages)
        path.replace(cache / path.name)
    return pinned


def _inspect(path: Path, name: str, split: str, languages: tuple[str, ...]) -> Pinned:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path.name} of {name} is not a wheel ({error}); pin another version") from error
    with archive:
        sizes = [i.file_size for i in archive.infolist() if language_of(i.filename) in languages]
        if not sizes:
            raise DataError(f"{path.name} holds no source in {', '.join(languages)}; leave {name} out")
        text = _metadata(archive, path)
        expression = _license(archive, text, path)
    version = HeaderParser().parsestr(text)["Version"]
    if not version:
        raise DataError(f"the METADATA of {path.name} names no version; leave {name} out")
    return Pinned(
        name=name,
        version=version,
        wheel=path.name,
        license=expression,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        split=split,
        source_files=len(sizes),
        source_bytes=sum(sizes),
    )


def _metadata(archive: zipfile.ZipFile, path: Path) -> str:
    # The one at the top: a wheel may carry others of packages that are vendored into it.
    names = [n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n)]
    if len(names) != 1:
        raise DataError(f"{path.name} has {len(names)} METADATA files where a wheel has one; leave it out")
    if archive.getinfo(names[0]).file_size > _LARGEST_METADATA:
        raise DataError(f"the METADATA of {path.name} is larger than 2 MB; leave it out")
    return archive.read(names[0]).decode("utf-8", errors="replace")


def _license(archive: zipfile.ZipFile, metadata: str, path: Path) -> str:
    """The SPDX expression that the wheel's metadata states, or else that of its licence texts together."""
    expression = licenses.of_metadata(metadata)
    if expression is None:
        members = [i for i in archive.infolist() if i.file_size <= _LARGEST_METADATA]
        texts = sorted(i.filename for i in members if _LICENSE_FILE.fullmatch(i.filename))
        found = [licenses.of_license_file(archive.read(n).decode("utf-8", errors="replace")) for n in texts]
        expression = " AND ".join(dict.fromkeys(f for f in found if f))
    if not expression:
        raise DataError(
            f"{path.name} states no licence that SPDX has a name for, neither in its METADATA nor in a "
            "licence file; leave it out"
        )
    if not licenses.is_permissive(expression):
        raise DataError(f"{path.name} is under {expression}, which is not permissive; leave it out")
    return expression


def _write(manifest: Path, added: Sequence[Pinned]) -> None:
    """Each new line in front of the first existing one with a greater name, whole file or nothing."""
    before, lines, after = _split_lines(manifest)
    for pinned in added:
        entry = {field: getattr(pinned, field) for field in _FIELDS}
        names = [json.loads(line)["name"] for line in lines]
        at = next((i for i, name in enumerate(names) if project_of(name) > pinned.name), len(lines))
        lines.insert(at, "    " + json.dumps(entry, ensure_ascii=False))
    text = before + ",\n".join(lines) + after
    handle, temporary = tempfile.mkstemp(dir=manifest.parent, prefix=f".{manifest.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(manifest.stat().st_mode & 0o777)
        Path(temporary).replace(manifest)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _split_lines(manifest: Path) -> tuple[str, list[str], str]:
    """(text up to the first package, one line a package without its comma, text from the last one's end)."""
    text = manifest.read_bytes().decode("utf-8")
    found = re.search(r'"packages": \[\n(.*?)(\n *\])', text, re.DOTALL)
    lines = found[1].split(",\n") if found else []
    try:
        entries = [json.loads(line) for line in lines]
    except ValueError:
        entries = []
    if found is None or entries != json.loads(text).get("packages"):
        raise DataError(
            f"{manifest} cannot be added to without rewriting it; put each of its packages on one line"
        )
    return text[: found.start(1)], lines, text[found.end(1) :]
