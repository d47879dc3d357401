"""Folders to Documents: plain source files, as git would see them and whether or not git knows them.

`.gitignore` and `.tabwrightignore` hold at every level (model/ignored.py). Links, pipes and devices are
skipped, and so are hidden folders, virtual environments and what package managers put there: the same as the
language server leaves out of a workspace.

Not here: which licence the files stand under (licensing.py).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import Folder
from data_pipeline.sources.files import LARGEST_FILE, Reading, document, unfit
from data_pipeline.sources.licensing import LARGEST_LICENSE, is_license_file, license_of
from model import plain_files
from model.errors import DataError
from model.ignored import Rules, is_environment, is_skipped
from model.syntax import language_of


def fingerprint_of_folder(source: Folder, languages: Collection[str]) -> str:
    """sha256 (hex) over path, size and content of each file that is read, and over the licence.

    Raises DataError when there is no such folder, or no permissive licence.
    """
    digest = hashlib.sha256(license_of_folder(source).encode())
    for path, size in _files(source, languages):
        content = b"unreadable"
        if unfit(path, size) is None:
            with suppress(OSError):
                content = hashlib.sha256(plain_files.read(str(source.path / path), LARGEST_FILE)).digest()
        digest.update(f"{path}\0{size}\0".encode("utf-8", "surrogateescape") + content)
    return digest.hexdigest()


def license_of_folder(source: Folder) -> str:
    """The licence of all files of a folder, see `licensing.license_of`. Raises DataError."""
    found = []
    try:
        names = sorted(path.name for path in source.path.iterdir())
    except OSError as error:
        raise DataError(f"{source.path}, the folder of {source.name}, cannot be read: {error}") from error
    for name in filter(is_license_file, names):
        path = str(source.path / name)
        try:
            if plain_files.stamp(path)[2] <= LARGEST_LICENSE:
                found.append((name, plain_files.read(path, LARGEST_LICENSE)))
        except OSError:  # a folder or a link of that name
            continue
    return license_of(source, found)


def read_folder(source: Folder, languages: Collection[str]) -> Iterator[Document | Drop]:
    """The source files below a folder, and a Drop with a reason for each unfit one.

    By name; those of a folder come before those of the folders in it.
    Raises DataError when there is no such folder, or no permissive licence.
    """
    expression = license_of_folder(source)
    reading = Reading(name=source.name, languages=languages)
    for path, size in _files(source, languages):
        identity, language = reading.identity(path), language_of(path)
        assert language is not None
        if reason := unfit(path, size):
            yield Drop(document_id=identity, reason=reason, characters=size)
            continue
        try:
            raw = plain_files.read(str(source.path / path), LARGEST_FILE)
        except OSError:
            yield Drop(document_id=identity, reason="unreadable", characters=size)
            continue
        yield document(identity, raw, path=path, language=language, repo=source.name, license=expression)


def _files(source: Folder, languages: Collection[str]) -> Iterator[tuple[str, int]]:
    """Path below the folder, with `/`, and size in bytes of each plain file in one of the languages."""
    root = str(source.path)
    start = len(root.rstrip(os.sep)) + 1
    waiting = [(root, Rules.above(root))]
    while waiting:
        place, rules = waiting.pop()
        rules = rules.below(place)
        folders = []
        for entry, info in _entries(place):
            is_folder = stat.S_ISDIR(info.st_mode)
            if is_folder and (is_skipped(entry.name) or is_environment(entry.path)):
                continue
            if not is_folder and (not stat.S_ISREG(info.st_mode) or language_of(entry.name) not in languages):
                continue
            if plain_files.is_link(info) or rules.ignore(entry.path, is_folder=is_folder):
                continue
            if is_folder:
                folders.append((entry.path, rules))
            else:
                yield entry.path[start:].replace(os.sep, "/"), info.st_size
        waiting += reversed(folders)


def _entries(place: str) -> list[tuple[os.DirEntry[str], os.stat_result]]:
    """What is in a folder, by name; nothing where it may not be looked into."""
    found = []
    try:
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                try:
                    found.append((entry, entry.stat(follow_symlinks=False)))
                except OSError:  # gone meanwhile
                    continue
    except OSError:
        return []
    return found
