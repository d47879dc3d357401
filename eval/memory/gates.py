"""What the memory is worth: model alone, memory alone and both, through real servers at pinned positions.

Every variant has a server process of its own, all of them are asked the same question one after the other,
and the figures compare pairs, so what else the machine does hits all of them alike. An answer counts as far
as what stood at the position says: in the modes of one line its first line, in mode block all of it.

    answered   something was suggested
    exact      it is what stood there, blanks at the end apart
    similar    1 - Levenshtein distance / length of the longer; 0 where nothing was suggested
    saved      the share of what stood there that the answer spells before its first wrong character

Intervals are 95 % bootstrap intervals over files, because positions in one file are alike.

Not here: how positions were drawn (positions.py), the numbers by which the two are mixed
(model/export/fit_memory.py).
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.editor import SERVER, Editor
from eval.positions import PinnedFile, PinnedProject
from lsp_server.soundness import errors_with
from model.cursors import MODES, Cursor
from model.errors import ModelError

VARIANTS: Mapping[str, tuple[str, ...]] = {
    "model": ("--use", "model"),
    "memory": ("--use", "memory"),
    "both": (),
    "both, no file": ("--layers", "open,project,renamed"),
    "both, no open": ("--layers", "file,project,renamed"),
    "both, no project": ("--layers", "file,open,renamed"),
    "both, no renamed": ("--layers", "file,open,project"),
}
LENGTHS = ((0, 1), (2, 3), (4, 7), (8, 15), (16, 32))
_SETTINGS = {"debounceMs": 0, "deadlineMs": 10_000, "logLevel": "info"}
_INDEXED = "of the workspace"
_PATIENCE = 300.0  # seconds for the index
_PAUSE = 0.03  # seconds: nobody opens a file and types at once
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One variant's answer at one position. `errors` are syntax errors more than with what stood there."""

    variant: str
    project: str
    path: str
    mode: str
    match: int  # tokens of the longest context that the memory knew at the cursor
    answered: bool
    exact: bool
    similar: float
    saved: float
    errors: int
    milliseconds: float


async def measure(
    projects: Sequence[PinnedProject],
    variants: Sequence[str],
    *,
    model: Path | None,
    threads: int,
    match: Callable[[PinnedProject, PinnedFile, Cursor], int],
    on_position: Callable[[], None] = lambda: None,
) -> list[Answer]:
    """Ask every variant at every position. Raises ModelError when a server has no model."""
    answers: list[Answer] = []
    flags = ["--threads", str(threads), *([] if model is None else ["--model", str(model.resolve())])]
    for project in projects:
        with tempfile.TemporaryDirectory(prefix="tabwright-") as folder:
            root = Path(folder)
            for path, text in project.texts.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8", newline="\n")
            async with AsyncExitStack() as stack:
                editors = {
                    variant: await stack.enter_async_context(
                        Editor(root, command=[*SERVER, *flags, *VARIANTS[variant]], settings=_SETTINGS)
                    )
                    for variant in variants
                }
                for editor in editors.values():
                    await _ready(editor)
                for file in project.files:
                    answers += await _ask_in(project, file, editors, match, on_position)
    return answers


async def _ready(editor: Editor) -> None:
    """Wait for the model and for the index of the whole project."""
    state, message = await editor.wait_for_state("ready", "problem")
    if state == "problem":
        raise ModelError(message)
    end = time.monotonic() + _PATIENCE
    while not any(_INDEXED in line for line in editor.logs):
        if time.monotonic() > end:
            raise ModelError("the server did not index its workspace; see its log")
        await asyncio.sleep(0.1)


async def _ask_in(
    project: PinnedProject,
    file: PinnedFile,
    editors: Mapping[str, Editor],
    match: Callable[[PinnedProject, PinnedFile, Cursor], int],
    on_position: Callable[[], None],
) -> list[Answer]:
    """All positions of one file. The document stays open, as with a person who works in it."""
    for editor in editors.values():
        for path in reversed(file.beside):
            editor.open(path, project.texts[path])
        editor.open(file.path, file.text)
    await asyncio.sleep(_PAUSE)
    answers = []
    known = [match(project, file, cursor) for cursor in file.cursors]
    for number, cursor in enumerate(file.cursors):
        behind = cursor.hole(file.text, path=file.path, language="python").suffix
        typed = file.text[: cursor.start] + behind
        found: dict[str, Answer] = {}
        names = list(editors)
        # Each in its turn is the first, and the last: what the machine does meanwhile hits all alike.
        for variant in names[number % len(names) :] + names[: number % len(names)]:
            editor = editors[variant]
            editor.replace(file.path, 0, len(editor.text(file.path)), typed)
            await asyncio.sleep(_PAUSE)
            begun = time.perf_counter()
            item = await editor.suggest(file.path, cursor.start)
            milliseconds = (time.perf_counter() - begun) * 1000
            text = str(item.insert_text) if item is not None else ""
            facts = judge(text, cursor, file.text)
            found[variant] = Answer(
                variant=variant,
                project=project.name,
                path=file.path,
                mode=cursor.mode,
                match=known[number],
                milliseconds=milliseconds,
                **facts,
            )
        answers += [found[variant] for variant in names]
        on_position()
    for editor in editors.values():
        for path in (file.path, *file.beside):
            editor.close(path)
    return answers


def judge(answer: str, cursor: Cursor, text: str) -> dict[str, Any]:
    """The figures of one answer that are not times."""
    from rapidfuzz.distance import Levenshtein, Prefix

    truth = text[cursor.start : cursor.end].rstrip()
    given = answer.rstrip() if cursor.mode == "block" else answer.split("\n")[0].rstrip()
    hole = cursor.hole(text, path="", language="python")
    errors = 0
    if answer:
        errors = errors_with(hole, answer, everywhere=True)
        errors -= errors_with(hole, text[cursor.start : cursor.end], everywhere=True) if errors else 0
    return {
        "answered": bool(answer.strip()),
        "exact": given == truth,
        "similar": Levenshtein.normalized_similarity(given, truth),
        "saved": Prefix.similarity(given, truth) / len(truth),
        "errors": max(0, errors),
    }


def summary(answers: Sequence[Answer], variant: str, **where: Any) -> dict[str, Any]:
    """Means of one variant over the positions that fit, with their number."""
    chosen = [
        one
        for one in answers
        if one.variant == variant and all(_fits(getattr(one, key), value) for key, value in where.items())
    ]
    if not chosen:
        return {"n": 0}
    return {
        "n": len(chosen),
        **{
            name: float(np.mean([getattr(one, name) for one in chosen]))
            for name in ("answered", "exact", "similar", "saved")
        },
        "broken": sum(one.errors > 0 for one in chosen),
        "milliseconds": float(np.median([one.milliseconds for one in chosen])),
    }


def _fits(value: Any, wanted: Any) -> bool:
    return wanted[0] <= value <= wanted[1] if isinstance(wanted, tuple) else bool(value == wanted)


def difference(
    answers: Sequence[Answer], one: str, other: str, name: str, mode: str | None = None
) -> tuple[float, float, float]:
    """Mean of `one` minus `other` over the same positions, with its 95 % interval."""
    values: dict[str, list[float]] = {}
    pairs = zip(
        (a for a in answers if a.variant == one and mode in (None, a.mode)),
        (a for a in answers if a.variant == other and mode in (None, a.mode)),
        strict=True,
    )
    for first, second in pairs:
        assert (first.path, first.mode) == (second.path, second.mode)
        values.setdefault(f"{first.project}/{first.path}", []).append(
            float(getattr(first, name)) - float(getattr(second, name))
        )
    sums = np.array([sum(of_file) for of_file in values.values()])
    counts = np.array([len(of_file) for of_file in values.values()])
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(sums), (_RESAMPLES, len(sums)))
    means: npt.NDArray[np.float64] = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(sums.sum() / counts.sum()), float(low), float(high)


def added_milliseconds(answers: Sequence[Answer], mode: str | None = None) -> float:
    """The median over positions of what both take longer than the model alone."""
    return float(
        np.median(
            [
                both.milliseconds - alone.milliseconds
                for both, alone in zip(
                    (a for a in answers if a.variant == "both" and mode in (None, a.mode)),
                    (a for a in answers if a.variant == "model" and mode in (None, a.mode)),
                    strict=True,
                )
            ]
        )
    )


def newly_broken(answers: Sequence[Answer]) -> int:
    """Positions where both leave more syntax errors than what stood there, and the model alone does not."""
    both = [a for a in answers if a.variant == "both"]
    alone = [a for a in answers if a.variant == "model"]
    return sum(b.errors > 0 and m.errors == 0 for b, m in zip(both, alone, strict=True))


def as_json(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """All answers as plain values."""
    return [asdict(one) for one in answers]


def modes() -> tuple[str | None, ...]:
    """The modes, and None for all of them."""
    return (*MODES, None)
