"""Many programs through the sandbox: their verdicts, in order, and the file that keeps them.

Not here: the sandbox itself (sandbox.py), what a verdict means to a score (humaneval.py, infilling.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eval.problems.sandbox import Limits, Verdict
from eval.problems.sandbox import run as run_program
from eval.progress import progress_bar
from model.writing import replacing

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A program, and the tests that decide about it."""

    program: str
    tests: str


def execute(trials: Sequence[Trial], *, limits: Limits, workers: int, console: Console) -> list[Verdict]:
    """The verdict of each trial, in order; `workers` programs run at a time, each a process of its own.

    Equal trials run once: hashes and random numbers are fixed in the sandbox, so they end alike.
    """
    different = list(dict.fromkeys(trials))
    with progress_bar(console) as progress, ThreadPoolExecutor(max_workers=workers) as pool:
        task = progress.add_task("executing", total=len(different))

        def judge(trial: Trial) -> Verdict:
            verdict = run_program(trial.program, tests=trial.tests, limits=limits)
            progress.advance(task)
            return verdict

        verdicts = dict(zip(different, pool.map(judge, different), strict=True))
    return [verdicts[trial] for trial in trials]


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """A text file of lines, whole or not at all."""
    with replacing(path) as file:
        for line in lines:
            file.write(line.encode("utf-8", "surrogatepass") + b"\n")
