"""What attribution is worth: copies of training code that are found, and suggestions marked for nothing.

    planted    pieces of training documents, of a stated number of lexical tokens, as suggestions in held-out
               files: as they are, indented anew, with other comments, or line by line, each with those
               before it above
    places     lines of held-out projects, which no training run has read, as suggestions where they stand:
               a mark says that they share code with a training project, and the document that is named is
               read to see whether they do
    answers    what the model and the memory suggested at the places of `tabwright eval heldout`

Nothing is asked of the model here. Not here: the index (model/attribution.py), tables (attribution_cli.py).
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from data_pipeline.clean import documents_file
from data_pipeline.store import read_columns, read_documents
from eval.heldout.run import ALONE, NGRAM, SERVED
from eval.threshold.places import read as read_places
from model import winnowing
from model.attribution import AttributionIndex
from model.errors import DataError
from model.winnowing import GRAM

if TYPE_CHECKING:
    from data_pipeline.document import Document
    from model.attribution import Match

Disguise = Literal["as it is", "indented anew", "other comments", "line by line"]
DISGUISES: tuple[Disguise, ...] = get_args(Disguise)
LENGTHS = (30, 40, 50, winnowing.LEAST, 70, 100, 150)  # tokens
SUGGESTED = (1, 1, 2, 3, 6)  # lines of a suggestion, by how often
# As served, the model alone, and what knows whole lines of the corpus by heart: copies must be found in that.
WHO = (SERVED, ALONE, NGRAM)
_TOGETHER = 10  # documents drawn from one stretch of the file: it is read in stretches
_TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A suggestion, and the text above it in its file."""

    project: str
    path: str
    before: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A copy of so many tokens: whether anything of it was found, and under its own name."""

    tokens: int
    disguise: Disguise
    found: bool
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A suggestion that was marked; the document that was named has `shared` tokens of it in a row."""

    place: Place
    match: Match
    shared: int


def drawn(corpus: Path, split: str, count: int, *, seed: int) -> list[Document]:
    """About so many documents of a split, in bunches from all over it. Raises DataError without a corpus."""
    path = _documents(corpus, split)
    total = len(read_columns(path, ("id",))["id"])
    bunch = min(_TOGETHER, total)
    starts = random.Random(f"{seed} {split}").sample(range(total - bunch + 1), -(-count // bunch))  # noqa: S311
    return [one for start in sorted(starts) for one in read_documents(path, range(start, start + bunch))]


def plant(
    index: AttributionIndex, training: Sequence[Document], heldout: Sequence[Document], *, seed: int
) -> Iterator[Planted]:
    """Each training document that is long enough gives a copy of every length and disguise."""
    rng = random.Random(f"{seed} plant")  # noqa: S311
    for document in training:
        for tokens in LENGTHS:
            copy = _piece(document.text, tokens, rng)
            if copy is None:
                continue
            around = rng.choice(heldout).text.splitlines(keepends=True)[:60]
            for disguise in DISGUISES:
                pieces = disguised(copy, disguise, rng)
                matches = [
                    match
                    for at, piece in enumerate(pieces)
                    for match in index.find(piece, before="".join([*around, *pieces[:at]]))
                ]
                named = any((one.project, one.path) == (document.repo, document.path) for one in matches)
                yield Planted(tokens=tokens, disguise=disguise, found=bool(matches), named=named)


def disguised(copy: str, disguise: Disguise, rng: random.Random) -> list[str]:
    """A copy as it is suggested, piece after piece."""
    lines = copy.splitlines(keepends=True)
    if disguise == "indented anew":
        return ["".join(f"\t\t{line.lstrip()}" for line in lines)]
    if disguise == "other comments":
        return ["".join(f"    # remark {rng.random()}\n{line}" for line in lines)]
    return lines if disguise == "line by line" else [copy]


def _piece(text: str, tokens: int, rng: random.Random) -> str | None:
    """So many tokens of a text, from the start of a line on; None where it has not got them.

    Data, which belongs to nobody, is no piece.
    """
    read = text.encode("utf-8", "replace")
    lexed = winnowing.lexed(read)
    if len(lexed.hashes) <= tokens:
        return None
    begins = [0, *(at + 1 for at, byte in enumerate(read) if byte == 0x0A)]
    for _ in range(_TRIES):
        begin = rng.choice(begins)
        first = int(np.searchsorted(lexed.starts, begin))
        last = first + tokens - 1
        if last < len(lexed.ends) and winnowing.tells(lexed.names[first : last + 1]).all():
            return read[begin : lexed.ends[last]].decode("utf-8", "replace")
    return None


def places(documents: Sequence[Document], each: int, *, seed: int) -> Iterator[Place]:
    """Lines of documents as suggestions where they stand, `each` a document that has lines enough."""
    rng = random.Random(f"{seed} places")  # noqa: S311
    for document in documents:
        lines = document.text.splitlines(keepends=True)
        for at in rng.sample(range(len(lines)), min(each, len(lines))):
            text = "".join(lines[at : at + rng.choice(SUGGESTED)])
            if text.strip():
                before = "".join(lines[:at])
                yield Place(project=document.repo, path=document.path, before=before, text=text)


def answered(corpus: Path, folder: Path) -> dict[str, list[Place]]:
    """What was suggested at the places of `tabwright eval heldout`, by WHO was asked; `folder` is its --work.

    Of each project the last run, and only files that are in the corpus as they were when they were asked in.
    Raises DataError without any.
    """
    projects = {one.name: one for one in read_places(corpus, "test")}
    found: dict[str, list[Place]] = {}
    by_age = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    newest = {path.stem.rpartition("-")[0]: path for path in by_age}
    for _, path in sorted(newest.items()):
        try:
            answers = json.loads(path.read_text("utf-8"))
            for answer in answers if isinstance(answers, list) else []:
                project = projects.get(answer["project"])
                if project is None or answer["path"] not in {ask.file.path for ask in project.asks}:
                    continue
                if answer["variant"] in WHO and answer["text"].strip():
                    before = project.texts[answer["path"]][: answer["start"]]
                    place = Place(
                        project=project.name, path=answer["path"], before=before, text=answer["text"]
                    )
                    found.setdefault(answer["variant"], []).append(place)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} holds no answers ({error!r}); name another folder") from error
    if not found:
        raise DataError(f"{folder} holds no answers; `tabwright eval heldout --work {folder}` leaves them")
    return found


def marked(index: AttributionIndex, corpus: Path, asked: Sequence[Place]) -> list[Marked]:
    """The places whose suggestion is marked, held against the documents that were named."""
    looked_up = ((place, index.find(place.text, before=place.before)) for place in asked)
    found = [(place, matches[0]) for place, matches in looked_up if matches]
    texts = _texts(corpus, {(match.project, match.path) for _, match in found})
    return [
        Marked(
            place=place,
            match=match,
            shared=shared(place.before, place.text, texts.get((match.project, match.path), "")),
        )
        for place, match in found
    ]


def shared(before: str, text: str, document: str) -> int:
    """The most tokens in a row that a document has too, of those that reach into `text`; 0 below `GRAM`."""
    above = before[-4096:]
    read = winnowing.lexed((above + text).encode("utf-8", "replace"))
    theirs = winnowing.lexed(document.encode("utf-8", "replace"))
    if min(len(read.hashes), len(theirs.hashes)) < GRAM:
        return 0
    held = np.isin(
        winnowing.runs(winnowing.prefix_sums(read.hashes)),
        winnowing.runs(winnowing.prefix_sums(theirs.hashes)),
    )
    own = int(np.searchsorted(read.ends, len(above.encode("utf-8", "replace")), side="right"))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], held, [False])))).reshape(-1, 2)
    lengths = [int(end - begin) + GRAM - 1 for begin, end in edges if end + GRAM - 1 > own]
    return max(lengths, default=0)


def _texts(corpus: Path, wanted: set[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    path = _documents(corpus, "train")
    names = read_columns(path, ("repo", "path"))
    rows = [row for row, name in enumerate(zip(names["repo"], names["path"], strict=True)) if name in wanted]
    return {
        (one.repo, one.path): one.text for row in rows for one in read_documents(path, range(row, row + 1))
    }


def _documents(corpus: Path, split: str) -> Path:
    path = documents_file(corpus / "clean", split)
    if not path.is_file():
        raise DataError(
            f"there is no {path}; name a built corpus with --corpus, or build one with `tabwright data build`"
        )
    return path


def seconds(index: AttributionIndex, asked: Sequence[Place]) -> list[float]:
    """How long each look-up computes; what the machine does besides is not counted."""
    return [_timed(partial(index.find, one.text, before=one.before), time.thread_time) for one in asked]


def seconds_cold(folder: Path, asked: Sequence[Place]) -> list[float]:
    """How long opening the index and a look-up take by the clock, its files dropped from memory if possible.

    They stay there as long as anybody else has the index open.
    """
    found = []
    for place in asked:
        for path in folder.iterdir():
            _forget(path)
        found.append(_timed(partial(_open_and_find, folder, place), time.perf_counter))
    return found


def _open_and_find(folder: Path, place: Place) -> object:
    return AttributionIndex.load(folder).find(place.text, before=place.before)


def _timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    begun = clock()
    work()
    return clock() - begun


def _forget(path: Path) -> None:
    if hasattr(os, "posix_fadvise"):  # not on macOS and Windows
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
