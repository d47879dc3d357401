"""The pinned sample of `tabwright eval replay`: which functions of which held-out files are typed anew.

    inside   a function is taken out of its file and written again; what follows it stands there
    end      the file ends before a function, which is written there

The sample is drawn once, by `tabwright eval replay-sample`, and kept in the repository, so that no figure can
be of a chosen one. A piece stands there by its document's id and checksum and its place: the code is in the
corpus. Pieces take turns over the projects and modes, so that the first ones are a sample, too.

Not here: typing (retype.py).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from data_pipeline.clean import documents_file
from data_pipeline.document import Document
from data_pipeline.store import read_documents
from eval.replay.keys import Target
from model import cursors, outline, syntax
from model.errors import DataError
from model.fim import Snippet

PINNED = Path(__file__).parent / "pinned.json"
COUNT = 48
SEED = 20261122
OPEN_FILES = 2  # beside the one that is typed in

Mode = Literal["inside", "end"]
MODES: tuple[Mode, ...] = get_args(Mode)
_CHARACTERS = range(200, 701)  # of a piece: one to three minutes of typing
_LINES = range(5, 26)
_LONGEST_LINE = 120
_FILE_CHARACTERS = range(1000, 40_001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One function to type: between `head` and `tail`, which stand there from the beginning.

    `beside` are the paths of files that are open as well, the last worked on first.
    """

    id: str
    project: str
    path: str
    language: str
    license: str
    mode: Mode
    head: str
    target: str
    tail: str
    beside: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the piece is called in files and messages."""
        return f"{self.id}:{self.head.count(chr(10)) + 1}:{self.mode}"

    def keys(self) -> Target:
        """The piece as it is typed."""
        entry = syntax.language(self.language)
        return Target(
            text=self.target,
            before=self.head.rpartition("\n")[2],
            step=_step(self.head + self.target),
            opens=entry.opens_block,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Pieces in their pinned order, all files of their projects by path, and the sample's own checksum."""

    split: str
    pieces: tuple[Piece, ...]
    projects: Mapping[str, Mapping[str, str]]
    checksum: str


def draw(corpus: Path, *, split: str, count: int = COUNT, seed: int = SEED) -> dict[str, Any]:
    """Pieces of a split, as many of each project and mode, as JSON.

    Raises DataError where there are too few.
    """
    projects = _projects(corpus, split)
    each = -(-count // len(projects))
    drawn = {name: list(_draw(name, files, each, seed)) for name, files in sorted(projects.items())}
    pieces: list[dict[str, Any]] = []
    for turn in range(each):
        for number, (name, found) in enumerate(drawn.items()):
            if turn >= len(found):
                raise DataError(f"{name} has only {len(found)} files with functions to type; ask for fewer")
            pieces.append({**found[turn], "mode": MODES[(turn + number) % 2]})
    return {"split": split, "seed": seed, "pieces": pieces[:count]}


def _draw(name: str, files: Sequence[Document], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """One function in each of `count` files of a project."""
    rng = random.Random(f"{seed} {name}")  # noqa: S311
    snippets = [Snippet(path=file.path, text=file.text) for file in files]
    found = 0
    for file in rng.sample(files, len(files)):
        fit = list(functions(file.text, file.language))
        if not fit:
            continue
        start, end = rng.choice(fit)
        beside = cursors.others(file.path, snippets, rng, OPEN_FILES)
        yield {
            "id": file.id,
            "sha256": _sha256(file.text),
            "start": start,
            "end": end,
            "beside": [one.path for one in beside],
        }
        found += 1
        if found == count:
            return


def functions(text: str, language: str) -> Iterator[tuple[int, int]]:
    """From the first character behind the indentation to the last one, of functions fit to be typed."""
    if len(text) not in _FILE_CHARACTERS:
        return
    tree = syntax.parse(text, language)
    if tree.root.has_error:
        return
    for one in outline.definitions(tree):
        code = text[one.start : one.end].rstrip()
        if one.kind not in ("function", "method") or one.body is None or len(code) not in _CHARACTERS:
            continue
        lines = code.split("\n")
        ends_its_line = text[one.start + len(code) :].partition("\n")[0].strip() == ""
        begins_its_line = not text[text.rfind("\n", 0, one.start) + 1 : one.start].strip(" \t")
        short = len(lines) in _LINES and max(map(len, lines)) <= _LONGEST_LINE
        if short and begins_its_line and ends_its_line:
            yield one.start, one.start + len(code)


def read(path: Path, corpus: Path, *, limit: int | None = None) -> Sample:
    """The pinned pieces, or the first `limit`, with their code.

    Raises DataError for a file that is no sample, and where the corpus has other documents than were pinned.
    """
    try:
        data = path.read_bytes()
        pinned = json.loads(data)
        split, entries = pinned["split"], pinned["pieces"][:limit]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as a sample of pieces ({error!r}); draw one with "
            "`tabwright eval replay-sample`"
        ) from error
    projects = _projects(corpus, split)
    documents = {file.id: file for files in projects.values() for file in files}
    pieces = tuple(_piece(entry, documents, path) for entry in entries)
    wanted = {piece.project for piece in pieces}
    return Sample(
        split=split,
        pieces=pieces,
        projects={
            name: {file.path: file.text for file in files}
            for name, files in projects.items()
            if name in wanted
        },
        checksum=hashlib.sha256(data).hexdigest(),
    )


def _piece(entry: Mapping[str, Any], documents: Mapping[str, Document], path: Path) -> Piece:
    file = documents.get(entry["id"])
    if file is None or _sha256(file.text) != entry["sha256"]:
        raise DataError(
            f"{path} pins another {entry['id']} than the corpus has; name the corpus it was drawn from with "
            "--corpus, or draw the sample again"
        )
    start, end = entry["start"], entry["end"]
    return Piece(
        id=file.id,
        project=file.repo,
        path=file.path,
        language=file.language,
        license=file.license,
        mode=entry["mode"],
        head=file.text[:start],
        target=file.text[start:end],
        tail=file.text[end:] if entry["mode"] == "inside" else "",
        beside=tuple(entry["beside"]),
    )


def _projects(corpus: Path, split: str) -> dict[str, list[Document]]:
    path = documents_file(corpus / "clean", split)
    if not path.is_file():
        raise DataError(
            f"{corpus} has no documents of the split {split!r} ({path} is missing); name a corpus that "
            "`tabwright data build` made with --corpus"
        )
    found: dict[str, list[Document]] = {}
    for document in read_documents(path):
        found.setdefault(document.repo, []).append(document)
    return found


def _step(text: str) -> str:
    """One level of indentation: a tab, or as many blanks as the first indented line has."""
    for line in text.split("\n"):
        blanks = line[: len(line) - len(line.lstrip(" \t"))]
        if blanks and line.strip():
            return "\t" if blanks[0] == "\t" else blanks
    return "    "


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
