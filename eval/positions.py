"""Pinned positions: which holes in which files of which packages a measurement asks at.

They are drawn once, by `tabwright eval positions`, and kept in the repository, so that no figure can be of a
chosen sample. A file stands there by its package, path and checksum: the code itself is fetched.

Not here: what makes a good hole (model/cursors.py), asking (memory/gates.py).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.document import Document
from data_pipeline.manifest import Manifest, Wheel
from data_pipeline.sources.wheels import read_wheel
from model import cursors
from model.cursors import Cursor
from model.errors import DataError
from model.fim import Snippet

PINNED = Path(__file__).parent / "pinned_positions.json"
OPEN_FILES = 3  # beside the one that is asked in
_SHORTEST_FILE = 400  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFile:
    """One file with holes, and the files that are open beside it, the last worked on first."""

    path: str
    text: str
    beside: tuple[str, ...]
    cursors: tuple[Cursor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedProject:
    """All source files of a package by path, and those of them that have holes."""

    name: str
    split: str
    texts: dict[str, str]
    files: tuple[PinnedFile, ...]


def draw(manifest: Manifest, cache: Path, *, splits: Sequence[str], count: int, seed: int) -> dict[str, Any]:
    """`count` positions in each split, as many in each of its packages, as JSON.

    The code is that of the manifest's first language.
    """
    language = manifest.languages[0]
    rng = random.Random(seed)  # noqa: S311
    packages = []
    for split in splits:
        chosen = [wheel for wheel in manifest.wheels if wheel.split == split]
        for package in chosen:
            texts = texts_of(package, cache, language)
            files = _draw_files(texts, language, -(-count // len(chosen)), rng)
            packages.append({"name": package.name, "sha256": package.sha256, "split": split, "files": files})
    return {"manifest": manifest.name, "language": language, "seed": seed, "packages": packages}


def _draw_files(texts: dict[str, str], language: str, count: int, rng: random.Random) -> list[dict[str, Any]]:
    snippets = [Snippet(path=path, text=text) for path, text in texts.items()]
    found: dict[str, dict[str, Any]] = {}
    drawn, rounds = 0, 0
    while drawn < count:
        rounds += 1
        if rounds > 100:
            raise DataError(f"only {drawn} of {count} positions could be drawn; ask for fewer")
        for snippet in rng.sample(snippets, len(snippets)):
            if len(snippet.text) < _SHORTEST_FILE or drawn >= count:
                continue
            places = cursors.draw(snippet.text, language, rng, cursors.MODES)[: count - drawn]
            beside = [one.path for one in cursors.others(snippet.path, snippets, rng, OPEN_FILES)]
            entry = found.setdefault(snippet.path, file_entry(snippet.path, snippet.text, beside))
            known = {tuple(place) for place in entry["at"]}
            new = [(place.mode, place.start, place.end) for place in places]
            entry["at"] += [list(place) for place in new if place not in known]
            drawn += sum(place not in known for place in new)
    return [found[path] for path in sorted(found) if found[path]["at"]]


def file_entry(path: str, text: str, beside: Sequence[str]) -> dict[str, Any]:
    """A file as it is pinned, with no position yet."""
    return {"path": path, "sha256": _sha256(text), "beside": list(beside), "at": []}


def read(path: Path, manifest: Manifest, cache: Path, split: str) -> list[PinnedProject]:
    """The pinned positions of a split, with the code they are in.

    Raises DataError when a package or file is not the one that was pinned.
    """
    try:
        pinned = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as pinned positions ({error}); draw them again") from error
    packages = {wheel.name: wheel for wheel in manifest.wheels}
    projects = []
    for entry in pinned["packages"]:
        if entry["split"] != split:
            continue
        package = packages.get(entry["name"])
        if package is None or package.sha256 != entry["sha256"] or package.split != split:
            raise DataError(
                f"{path} pins another {entry['name']} than the manifest; draw the positions again"
            )
        texts = texts_of(package, cache, manifest.languages[0])
        files = tuple(_file(one, texts, path) for one in entry["files"])
        projects.append(PinnedProject(name=package.name, split=split, texts=texts, files=files))
    if not projects:
        raise DataError(f"{path} pins nothing in the split {split!r}; use validation or test")
    return projects


def _file(entry: dict[str, Any], texts: dict[str, str], path: Path) -> PinnedFile:
    text = texts.get(entry["path"])
    if text is None or _sha256(text) != entry["sha256"]:
        raise DataError(f"{path}: {entry['path']} is not the file that was pinned; draw the positions again")
    places = tuple(Cursor(mode=mode, start=start, end=end) for mode, start, end in entry["at"])
    return PinnedFile(path=entry["path"], text=text, beside=tuple(entry["beside"]), cursors=places)


def texts_of(wheel: Wheel, cache: Path, language: str) -> dict[str, str]:
    """The source files of a wheel, which must be in the cache, by path."""
    found = read_wheel(wheel, cache / wheel.wheel, [language])
    return {one.path: one.text for one in found if isinstance(one, Document) and one.text.strip()}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
