"""A progress bar for long measurements: how much is done, at which rate, the time taken and the time left."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("-" if speed is None else f"{speed:.1f}/s" if speed >= 1 else f"{60 * speed:.1f}/min")


def progress_bar(console: Console) -> Progress:
    """The bar, to be entered with `with`; `add_task` and `advance` are rich's."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        console=console,
    )  # fmt: skip
