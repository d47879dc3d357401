"""What a model folder says of itself, for people who ask: where it comes from, its checksums as they are now.

Nothing is loaded. Not here: how it is printed (model/cli.py) or sent (lsp_server/model_request.py), writing
the card's text (eval/report/card.py), whether the model works (`tabwright doctor`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model import plain_files
from model.errors import ModelError
from model.serving.release import (
    GRAPH,
    META,
    TOKENIZER,
    checksum_now,
    place,
    read_meta,
    read_release,
    ships,
)

CARD = "MODEL_CARD.md"
_LARGEST_CARD = 1 << 20  # bytes
_OUR_LICENSE = "Apache-2.0"  # of Tabwright, and of the model that comes with it


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A model folder; None stands for what is not known. `problem` is a sentence where it is not whole.

    `sha256` is of each file as it lies there now: the listed ones, meta.json and the card; None where a file
    cannot be read. `license` is the model's own, `corpus_licenses` are those of the code that it learnt from.
    `began_with` is the model whose weights its training began with, as meta.json tells of it.
    `card` is where the card lies. `confidence` and `memory` are the records of what was fitted.
    """

    folder: str
    problem: str | None
    name: str | None = None
    license: str | None = None
    sha256: dict[str, str | None]
    card: str | None = None
    corpus: dict[str, Any] | None = None
    corpus_licenses: Any = None
    began_with: str | None = None
    languages: tuple[str, ...] = ()
    parameters: int | None = None
    window: int | None = None
    variant: str | None = None
    parity: dict[str, Any] | None = None
    confidence: Any = None
    memory: Any = None

    def as_json(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return asdict(self)


def describe(folder: Path) -> About:
    """Read meta.json and compute every file's checksum. A folder that is not whole raises nothing."""
    try:
        meta = read_meta(folder)
    except ModelError as error:
        return About(folder=str(folder), problem=str(error), sha256={})
    problem = None
    try:
        read_release(folder)
    except ModelError as error:
        problem = str(error)
    card = folder / CARD if read_card(folder) is not None else None
    found: dict[str, str | None]
    if problem is None:
        found = {name: facts["sha256"] for name, facts in meta["files"].items()}  # as was just verified
    else:
        found = {name: _checksum(folder, name) for name in (GRAPH, TOKENIZER)}
    found |= {name: _checksum(folder, name) for name in (META, *([CARD] if card else []))}
    # Of a model that is not Tabwright's, the export knows the licence and not the corpus.
    adopted = "origin" in meta["recipe"]
    stated = ", ".join(map(str, meta["licenses"]))
    return About(
        folder=str(folder),
        problem=problem,
        name=meta["name"],
        license=stated if adopted else _OUR_LICENSE if ships(folder) else None,
        sha256=found,
        card=str(card) if card else None,
        corpus=meta["corpus"],
        corpus_licenses=None if adopted else meta["licenses"],
        began_with=_began_with(meta.get("began_with")),
        languages=tuple(meta["languages"]),
        parameters=meta["parameters"],
        window=meta["window"],
        variant=meta["variant"],
        parity=meta["parity"],
        confidence=meta.get("confidence_fit"),
        memory=meta.get("memory_fit"),
    )


def _began_with(told: object) -> str | None:
    if not isinstance(told, dict) or not isinstance(name := told.get("name"), str):
        return None
    checksum = told.get("checksum")
    return f"{name}, sha256 {checksum}" if isinstance(checksum, str) else name


def _checksum(folder: Path, name: str) -> str | None:
    try:
        return checksum_now(folder, name)
    except ModelError:
        return None


def read_card(folder: Path) -> str | None:
    """The text of the card beside the model; None where there is none that can be read."""
    path = str(place(folder, CARD))
    try:
        _, _, size = plain_files.stamp(path)
        data = plain_files.read(path, _LARGEST_CARD)
    except OSError:
        return None
    return data.decode("utf-8", "replace") if size <= _LARGEST_CARD else None
