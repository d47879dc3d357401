"""Examples for the model card: places in Tabwright's own source, which no model of ours was trained on.

Not of the held-out projects: a card is published, and other people's code stays with them. Places are drawn
by a seed and asked as served.

Not here: the card (card.py).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.completer import Completer, Request, Suggestion
from model import cursors
from model.fim import Snippet

if TYPE_CHECKING:
    from model.serving.engine import Engine

_FOLDERS = ("lsp_server", "data_pipeline", "model")
_MODES: tuple[cursors.Mode, ...] = ("line", "mid-line", "block")
_ENOUGH = 3  # right ones, and wrong ones
_MOST = 60  # places
_BESIDE = 3  # other files open


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One place: what stood before it, what was suggested, what stood there."""

    path: str
    line: int
    mode: str
    before: str
    suggested: str
    stood_there: str
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """The first right and the first wrong ones of `asked` places, of which `right` were right."""

    asked: int
    right: int
    shown: tuple[Example, ...]


def draw(engine: Engine, root: Path, *, seed: int = 0) -> Examples:
    """Ask at places of the source files below `root`, one a file."""
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    files = [
        Snippet(path=path.relative_to(root).as_posix(), text=path.read_text(encoding="utf-8"))
        for folder in _FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
    ]
    rng.shuffle(files)
    completer = Completer(engine)
    shown: list[Example] = []
    asked = right = 0
    for number, file in enumerate(files[:_MOST]):
        mode = _MODES[number % len(_MODES)]
        found = cursors.draw(file.text, "python", rng, [mode])
        if not found:
            continue
        beside = cursors.others(file.path, files, rng, _BESIDE)
        one = _asked(completer, engine, file, found[0], beside)
        asked += 1
        right += one.exact
        if one.suggested and sum(other.exact is one.exact for other in shown) < _ENOUGH:
            shown.append(one)
    return Examples(asked=asked, right=right, shown=tuple(sorted(shown, key=lambda one: not one.exact)))


def _asked(
    completer: Completer, engine: Engine, file: Snippet, cursor: cursors.Cursor, beside: Sequence[Snippet]
) -> Example:
    completer.forget()
    engine.forget()
    hole = cursor.hole(file.text, path=file.path, language="python")
    answer = completer.complete(hole, Request(), files=beside)
    suggested = answer.text if isinstance(answer, Suggestion) else ""
    truth = file.text[cursor.start : cursor.end]
    return Example(
        path=file.path,
        line=hole.prefix.count("\n") + 1,
        mode=cursor.mode,
        before=hole.prefix,
        suggested=suggested,
        stood_there=truth,
        exact=_first(suggested, cursor.mode) == _first(truth, cursor.mode),
    )


def _first(text: str, mode: str) -> str:
    """What has to be right: of a block all of it, else the first line."""
    return (text if mode == "block" else text.partition("\n")[0]).rstrip()
