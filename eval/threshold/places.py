"""Where a person may stand when a suggestion comes, and what they write next: what the show threshold learns
of.

The places are the pinned ones of `tabwright eval heldout`, each asked three times:

    begun     as it is pinned
    typed     after some characters of what stood there, often within a word
    within    with the end of what stood on the line behind the cursor, as in an edit

The texts are those of a built corpus, which leaves some files out and mends others (secrets, personal data,
licence headers): a file that is not the pinned one, character for character, is not asked in.

Not here: drawing the pinned places (eval/heldout/positions.py), asking (measure.py).
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline.clean import documents_file
from data_pipeline.store import read_documents
from eval.heldout.positions import PINNED
from eval.positions import PinnedFile
from model.errors import DataError
from model.fim import Hole

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A hole, and the line that belongs there; `file` tells files of all projects apart.

    `text` is all that belongs there, to the hole's end or the file's; empty where the hole is within a line.
    """

    project: str
    file: PinnedFile
    hole: Hole
    truth: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A held-out project's source files by path, and what is asked in it."""

    name: str
    texts: Mapping[str, str]
    asks: tuple[Ask, ...]


def read(
    corpus: Path, split: str, *, limit: int | None = None, seed: int = 0, pinned: Path = PINNED
) -> list[Project]:
    """The projects of a split with their places, or about `limit` of them, spread over all projects.

    Raises DataError for a folder without a corpus, and where not one pinned file is in it.
    """
    path = documents_file(corpus / "clean", split)
    if not path.is_file():
        raise DataError(
            f"there is no {path}; name a built corpus with --corpus, or build one with `tabwright data build`"
        )
    wanted = [one for one in json.loads(pinned.read_text("utf-8"))["packages"] if one["split"] == split]
    texts: dict[str, dict[str, str]] = {package["name"]: {} for package in wanted}
    for document in read_documents(path):
        if document.repo in texts:
            texts[document.repo][document.path] = document.text
    projects = []
    for package in wanted:
        asks = list(_asks(package, texts[package["name"]], random.Random(f"{seed} {package['name']}")))  # noqa: S311
        share = len(asks) if limit is None else max(1, limit // len(wanted))
        step = max(1, len(asks) // max(1, share))
        step += step % 3 == 0  # each place is asked in three ways: not always in the same
        if asks:
            projects.append(
                Project(name=package["name"], texts=texts[package["name"]], asks=tuple(asks[::step][:share]))
            )
    if not projects:
        raise DataError(f"{path} has none of the pinned files; build the corpus from the same manifest")
    return projects


def _asks(package: Mapping[str, Any], texts: Mapping[str, str], rng: random.Random) -> Iterator[Ask]:
    for entry in package["files"]:
        text = texts.get(entry["path"])
        if text is None or hashlib.sha256(text.encode()).hexdigest()[:16] != entry["sha256"]:
            continue
        beside = tuple(path for path in entry["beside"] if path in texts)
        file = PinnedFile(path=entry["path"], text=text, beside=beside, cursors=())
        at_end = [(start, end) for mode, start, end in entry["at"] if mode == "file-end"]
        others = [(start, end) for mode, start, end in entry["at"] if mode != "file-end"]
        for start, end in [*others, *entry.get("bodies", ()), *at_end]:
            last = (start, end) in at_end
            behind, more = ("", text[end:]) if last else (text[end:], "")
            for before, truth, after in variants(text[:start], text[start:end], behind, rng):
                hole = Hole(path=file.path, language="python", prefix=before, suffix=after)
                written = "" if after != behind else text[len(before) : end] + more
                yield Ask(project=package["name"], file=file, hole=hole, truth=truth, text=written)


def variants(before: str, middle: str, behind: str, rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """(prefix, the line that belongs there, suffix) of one place, asked in three ways or fewer."""
    line = middle.split("\n")[0].rstrip()
    yield before, line, behind
    if len(line) > 1:
        typed = rng.randint(1, len(line) - 1)  # its last character is not blank, so something is left
        yield before + line[:typed], line[typed:], behind
    cuts = [found.start() for found in _TOKEN.finditer(line)][1:]
    if len(cuts) > 1:
        start, end = sorted(rng.sample(cuts, 2))
        if line[start:end].strip():
            yield before + line[:start], line[start:end], middle[end:] + behind
