"""Progress of long steps on a terminal: rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


class Progress:
    """Draws one bar a task on `console`; silent without one."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console

    def skip(self, step: str) -> None:
        """Say that a step was done before."""
        if self._console:
            self._console.print(f"[dim]{step}: done before, inputs unchanged[/dim]")

    @contextmanager
    def task(self, name: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """A bar for `total` units; the value is a function that advances it."""
        if self._console is None:
            yield lambda _: None
            return
        columns = (
            TextColumn("{task.description:<18}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns, console=self._console, refresh_per_second=4) as bars:
            task = bars.add_task(name, total=total)
            yield lambda n: bars.advance(task, n)
