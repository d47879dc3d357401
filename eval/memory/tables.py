"""The tables of `tabwright eval memory`, and how much the memory knew at a cursor.

Not here: the figures (gates.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eval.memory import gates as memory_gates
from eval.memory.gates import Answer
from eval.positions import PinnedFile, PinnedProject
from eval.results import model_checksum
from model import fim
from model.cursors import Cursor
from model.fim import Snippet
from model.serving.engine import Engine
from model.serving.project import Project

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class Matcher:
    """Asks the memory itself, without a server, what it knows at a cursor."""

    def __init__(self, model: Path | None) -> None:
        self._engine = Engine.load(model, threads=1)
        self._of: tuple[str, Project] | None = None
        self.checksum = model_checksum(self._engine)[:12]

    def match(self, project: PinnedProject, file: PinnedFile, cursor: Cursor) -> int:
        """Tokens of the longest context found anywhere, 0 where none was."""
        if self._of is None or self._of[0] != project.name:
            known = self._engine.new_project()
            known.add(project.texts.items())
            self._of = project.name, known
        engine = self._engine
        hole = cursor.hole(file.text, path=file.path, language="python")
        prompt = fim.render(hole, engine.tokenizer, engine.release.window * 3 // 4)
        beside = [Snippet(path=path, text=project.texts[path]) for path in file.beside]
        memory = engine.remember(hole, prompt, files=beside, project=self._of[1])
        return int(memory.find(memory.context).lengths.max(initial=0))


def show(console: Console, answers: Sequence[Answer], variants: Sequence[str]) -> None:
    """Print all tables."""
    for mode in memory_gates.modes():
        table = _table(f"mode {mode}" if mode else "all modes", "")
        for variant in variants:
            where = {} if mode is None else {"mode": mode}
            _row(table, variant, memory_gates.summary(answers, variant, **where))
        console.print(table)
    if "both" in variants:
        table = _table("both, by the longest context known at the cursor", "tokens")
        for bounds in memory_gates.LENGTHS:
            _row(table, f"{bounds[0]} to {bounds[1]}", memory_gates.summary(answers, "both", match=bounds))
        console.print(table)
    for other in ("model", "memory"):
        if {"both", other} <= set(variants):
            _show_differences(console, answers, other)
    if {"both", "model"} <= set(variants):
        console.print(
            f"both take {memory_gates.added_milliseconds(answers):+.1f} ms a request against the model alone "
            f"(median of pairs); {memory_gates.newly_broken(answers)} answers of both leave a syntax error "
            "where the model alone leaves none"
        )


def _show_differences(console: Console, answers: Sequence[Answer], other: str) -> None:
    from rich.table import Table

    table = Table(title=f"both minus {other} alone, points, 95 % interval", title_justify="left")
    for heading in ("mode", "exact", "similar", "saved"):
        table.add_column(heading, justify="left" if heading == "mode" else "right")
    for mode in memory_gates.modes():
        cells = []
        for name in ("exact", "similar", "saved"):
            mean, low, high = memory_gates.difference(answers, "both", other, name, mode)
            cells.append(f"{100 * mean:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
        table.add_row(mode or "all", *cells)
    console.print(table)


def _table(title: str, first: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for heading in ("n", "answered", "exact", "similar", "saved", "broken", "ms"):
        table.add_column(heading, justify="right")
    return table


def _row(table: Table, name: str, figures: dict[str, float]) -> None:
    if not figures["n"]:
        table.add_row(name, "0", *[""] * 6)
        return
    shares = [f"{100 * figures[key]:.1f} %" for key in ("answered", "exact", "similar", "saved")]
    broken, milliseconds = f"{figures['broken']:.0f}", f"{figures['milliseconds']:.0f}"
    table.add_row(name, f"{figures['n']:.0f}", *shares, broken, milliseconds)
