"""Where completion is measured: texts of held-out projects, the same for every variant.

    middles       holes as an editor would ask for them (model/cursors.py), with the server's neighbours
    alone         the same without neighbours
    bodies        bodies of documented functions, as the last phase of training has them (tasks.py)
    beginnings    the first characters of the same files, as ordinary text

They are text, so they do not depend on a variant's tokenizer, window or prompt format.

Not here: how much a model knows of what belongs there (completion_loss.py).
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from data_pipeline import steps
from data_pipeline.clean import documents_file
from data_pipeline.config import generator, prompt_budget
from data_pipeline.document import Document
from data_pipeline.store import read_documents
from data_pipeline.tasks import kinds_and_function_examples
from eval.experiments.data import project_rows
from eval.experiments.plan import PlaceOptions
from model import cursors
from model.cursors import Cursor
from model.errors import DataError
from model.fim import FimExample, Hole, Snippet
from model.neighbourhood import Neighbourhood
from model.neighbours import characters_for, choose

_SHORTEST_FILE, _LONGEST_FILE = 400, 100_000  # characters
_LONGEST_BODY = 400  # characters
_MOST_BODIES = 2  # of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is missing in the file with number `file`, drawn as `mode`: a cursor's, or the kind of text."""

    file: int
    mode: str
    example: FimExample


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """All texts by what they are: middles, alone, bodies, beginnings; each in the order of the files."""

    fingerprint: str
    texts: dict[str, tuple[Place, ...]]


def draw(corpus: Path, out: Path, options: PlaceOptions, window: int) -> Path:
    """Draw the places in the validation split of a built corpus, unless they are there; returns their file.

    `window` is that of the plan's base: neighbours are chosen for its prompts.
    """
    path, record = out / "places.json", out / "places-step.json"
    documents = documents_file(corpus / "clean", "validation")
    key = steps.fingerprint("places", steps.digest([documents]), asdict(options), window)
    if steps.read_record(record, key) is not None:
        return path
    steps.withdraw(record)
    files: list[dict[str, Any]] = []
    projects = project_rows(documents)
    for number, (name, rows) in enumerate(projects.items()):
        share = (number + 1) * options.files // len(projects) - number * options.files // len(projects)
        files += _draw(list(read_documents(documents, rows)), name, share, options, window)
    if not files:
        raise DataError(f"{documents} has no file to draw places in; build a corpus with a validation split")
    steps.write_json(path, {"fingerprint": key, "options": asdict(options), "files": files})
    steps.write_record(record, key, [path.name], {})
    return path


def _draw(
    documents: Sequence[Document], project: str, count: int, options: PlaceOptions, window: int
) -> list[dict[str, Any]]:
    """Files of one project with a hole for each mode that they have a fit place for."""
    rng = generator("places", options.seed, project)
    neighbourhood = Neighbourhood(Snippet(path=one.path, text=one.text) for one in documents)
    found: list[dict[str, Any]] = []
    for document in rng.sample(documents, len(documents)):
        if len(found) == count:
            break
        if not _SHORTEST_FILE <= len(document.text) <= _LONGEST_FILE:
            continue
        drawn = [_record(document, one, neighbourhood, window) for one in _cursors(document, rng, options)]
        if drawn:
            entry = {name: getattr(document, name) for name in ("repo", "path", "language", "text")}
            found.append({**entry, "middles": drawn, "bodies": _bodies(document, rng)})
    return found


def _bodies(document: Document, rng: random.Random) -> list[dict[str, str]]:
    tasks = kinds_and_function_examples(document, rng)
    fit = [one for kind, one in tasks if kind == "body" and len(one.middle) <= _LONGEST_BODY]
    chosen = rng.sample(fit, min(len(fit), _MOST_BODIES))
    return [{"prefix": one.hole.prefix, "middle": one.middle, "suffix": one.hole.suffix} for one in chosen]


def _cursors(document: Document, rng: random.Random, options: PlaceOptions) -> list[Cursor]:
    drawn = cursors.draw(document.text, document.language, rng, cursors.MODES)
    return [one for one in drawn if one.end - one.start <= options.longest_middle]


def _record(document: Document, cursor: Cursor, neighbourhood: Neighbourhood, window: int) -> dict[str, Any]:
    hole = cursor.hole(document.text, path=document.path, language=document.language)
    chosen = choose(hole, neighbourhood, characters=characters_for(prompt_budget(window)))
    return {**asdict(cursor), "neighbours": [asdict(one) for one in chosen]}


def read(path: Path) -> Places:
    """The places that `draw` wrote."""
    texts: dict[str, list[Place]] = {"middles": [], "alone": [], "bodies": [], "beginnings": []}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        length = record["options"]["first_characters"]
        for number, file in enumerate(record["files"]):
            texts["middles"] += [_middle(number, file, one, one["neighbours"]) for one in file["middles"]]
            texts["alone"] += [_middle(number, file, one, ()) for one in file["middles"]]
            for one in file["bodies"]:
                example = FimExample(
                    hole=_hole(file, prefix=one["prefix"], suffix=one["suffix"]), middle=one["middle"]
                )
                texts["bodies"].append(Place(file=number, mode="body", example=example))
            example = FimExample(hole=_hole(file), middle=file["text"][:length], ends=False)
            texts["beginnings"].append(Place(file=number, mode="beginning", example=example))
        fingerprint: str = record["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} cannot be read as places ({error}); delete it and run again") from error
    return Places(fingerprint=fingerprint, texts={what: tuple(found) for what, found in texts.items()})


def _middle(
    number: int, file: dict[str, Any], record: dict[str, Any], shown: Sequence[dict[str, str]]
) -> Place:
    cursor = Cursor(mode=record["mode"], start=record["start"], end=record["end"])
    hole = cursor.hole(file["text"], path=file["path"], language=file["language"])
    neighbours = tuple(Snippet(path=one["path"], text=one["text"]) for one in shown)
    middle = file["text"][cursor.start : cursor.end]
    example = FimExample(hole=replace(hole, neighbours=neighbours), middle=middle)
    return Place(file=number, mode=cursor.mode, example=example)


def _hole(file: dict[str, Any], *, prefix: str = "", suffix: str = "") -> Hole:
    return Hole(path=file["path"], language=file["language"], prefix=prefix, suffix=suffix)
