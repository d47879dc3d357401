"""The pinned positions of `tabwright eval heldout`: all held-out projects of the corpus, five modes.

    line, mid-line, file-end, block    by the rule of model/cursors.py, drawn as positions.py does
    body                               all of a function below its signature and docstring, 2 to 10 lines

They are drawn once and kept in the repository, so that no figure can be of a chosen sample. The older pinned
file, of three test projects, stays what `tabwright eval memory` asks.

Not here: what a hole of the first four modes is (model/cursors.py), the packages' code (positions.py).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from data_pipeline.manifest import Manifest
from eval import positions
from eval.positions import PinnedFile, PinnedProject
from model import cursors, outline, syntax
from model.cursors import Cursor
from model.errors import DataError
from model.fim import Snippet

PINNED = Path(__file__).parent / "pinned.json"
COUNTS: Mapping[str, int] = {"test": 2016, "validation": 1008}  # of the first four modes
BODIES: Mapping[str, int] = {"test": 504, "validation": 252}
SEED = 20261122

Where = Literal["line", "mid-line", "file-end", "block", "body"]
MODES: tuple[Where, ...] = get_args(Where)
_BODY_LINES = range(2, 11)
_LONGEST_LINE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pinned hole. In mode body the cursor is one of mode block: both are judged by the whole answer."""

    mode: Where
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldoutProject:
    """A project and the places that are asked in each of its files."""

    project: PinnedProject
    license: str
    files: tuple[tuple[PinnedFile, tuple[Place, ...]], ...]


def draw(
    manifest: Manifest,
    cache: Path,
    *,
    counts: Mapping[str, int] = COUNTS,
    bodies: Mapping[str, int] = BODIES,
    seed: int = SEED,
) -> dict[str, Any]:
    """Positions of each split that `counts` names, as many in each of its packages, as JSON."""
    packages: list[dict[str, Any]] = []
    for split, count in counts.items():
        drawn = positions.draw(manifest, cache, splits=[split], count=count, seed=seed)["packages"]
        wanted = -(-bodies[split] // max(1, len(drawn)))
        for package in drawn:
            wheel = next(wheel for wheel in manifest.wheels if wheel.name == package["name"])
            texts = positions.texts_of(wheel, cache, manifest.languages[0])
            rng = random.Random(f"{seed} {package['name']}")  # noqa: S311
            _add_bodies(package, texts, manifest.languages[0], wanted, rng)
        packages += drawn
    return {"manifest": manifest.name, "language": manifest.languages[0], "seed": seed, "packages": packages}


def _add_bodies(
    package: dict[str, Any], texts: Mapping[str, str], language: str, count: int, rng: random.Random
) -> None:
    """Draw bodies from all files of a package; few packages have fewer than are wanted, and give all."""
    snippets = [Snippet(path=path, text=text) for path, text in texts.items()]
    found = [
        (path, start, end) for path, text in texts.items() for start, end in function_bodies(text, language)
    ]
    entries = {entry["path"]: entry for entry in package["files"]}
    for path, start, end in sorted(rng.sample(found, min(count, len(found)))):
        if path not in entries:
            beside = [one.path for one in cursors.others(path, snippets, rng, positions.OPEN_FILES)]
            entries[path] = positions.file_entry(path, texts[path], beside)
        entries[path].setdefault("bodies", []).append([start, end])
    package["files"] = [entries[path] for path in sorted(entries)]


def function_bodies(text: str, language: str) -> Iterator[tuple[int, int]]:
    """From the first character of a function's code, behind its docstring, to the code's end."""
    for one in outline.definitions(syntax.parse(text, language)):
        if one.kind not in ("function", "method") or one.body is None:
            continue
        start, end = one.body
        if one.docstring is not None and one.docstring[0] >= start:
            start = one.docstring[1]
        start += len(text[start:end]) - len(text[start:end].lstrip())
        code = text[start:end].rstrip()
        lines = code.split("\n")
        begins_a_line = not text[text.rfind("\n", 0, start) + 1 : start].strip()
        if begins_a_line and len(lines) in _BODY_LINES and max(map(len, lines)) <= _LONGEST_LINE:
            yield start, start + len(code)


def read(path: Path, manifest: Manifest, cache: Path, split: str) -> list[HeldoutProject]:
    """The pinned places of a split, with the code they are in.

    Raises DataError when a package or file is not the one that was pinned.
    """
    projects = positions.read(path, manifest, cache, split)
    pinned = json.loads(path.read_text(encoding="utf-8"))
    bodies = {
        (package["name"], entry["path"]): entry.get("bodies", ())
        for package in pinned["packages"]
        for entry in package["files"]
    }
    licenses = {wheel.name: wheel.license for wheel in manifest.wheels}
    return [
        HeldoutProject(
            project=project,
            license=licenses[project.name],
            files=tuple(
                (file, tuple(_places(file, bodies.get((project.name, file.path), ()))))
                for file in project.files
            ),
        )
        for project in projects
    ]


def checksum(path: Path) -> str:
    """Hex SHA-256 of a file of pinned positions: figures name the places they are of by it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _places(file: PinnedFile, bodies: Sequence[Sequence[int]]) -> Iterator[Place]:
    for cursor in file.cursors:
        yield Place(mode=cursor.mode, cursor=cursor)
    for start, end in bodies:
        if not 0 <= start < end <= len(file.text):
            raise DataError(f"a body pinned in {file.path} lies outside it; draw the positions again")
        yield Place(mode="body", cursor=Cursor(mode="block", start=start, end=end))


def limited(projects: Sequence[HeldoutProject], limit: int) -> list[HeldoutProject]:
    """At most about `limit` places, spread over the projects and over the files of each."""
    wanted = max(1, limit // max(1, len(projects)))
    return [
        HeldoutProject(project=one.project, license=one.license, files=tuple(_spread(one.files, wanted)))
        for one in projects
    ]


def _spread(
    files: Sequence[tuple[PinnedFile, tuple[Place, ...]]], count: int
) -> Iterator[tuple[PinnedFile, tuple[Place, ...]]]:
    """Every so many-th place: each mode stands at every fourth place or so, hence an odd step."""
    total = sum(len(places) for _, places in files)
    step = max(1, total // count) | 1
    number = 0
    for file, places in files:
        chosen = tuple(place for at, place in enumerate(places, number) if at % step == 0)
        number += len(places)
        if chosen:
            yield file, chosen
