"""How long a server worked on each request, as its log tells: the time to the answer without what it waited.

    suggestion after 93 ms (37 waited): 12 tokens, stop
    no suggestion after 93 ms (37 waited): the model has nothing to add here

A line belongs to the last request that had been asked for as long as the line says when it came. Requests
that were cancelled or overtaken have none, and a line that fits no request is nobody's. Both numbers are
rounded to milliseconds, so a difference may be wrong by one.

Pure, but for the clock that `Heard` reads. Not here: which figures are made of it (figures.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

_LINE = re.compile(r"(?:no )?suggestion after (\d+) ms \((\d+) waited\): ")
_ROUNDED = 0.0005  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the log: when it came (`time.perf_counter()` seconds), and its two numbers in seconds."""

    at: float
    took: float
    waited: float


class Heard(list[str]):
    """An editor's list of log lines that remembers when those came that tell of an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Line] = []

    def append(self, text: str) -> None:
        """Keep a line."""
        super().append(text)
        line = read(text, at=time.perf_counter())
        if line is not None:
            self.answers.append(line)


def read(text: str, *, at: float) -> Line | None:
    """A log line that tells of an answer; None for another."""
    found = _LINE.match(text)
    if found is None:
        return None
    took, waited = (int(number) / 1000 for number in found.groups())
    return Line(at=at, took=took, waited=waited)


def computed(lines: Sequence[Line], asked: Sequence[float]) -> list[float | None]:
    """Milliseconds of work for each request, which were `asked` then, in order; None where no line tells."""
    found: list[float | None] = [None] * len(asked)
    for line in lines:
        latest = line.at - line.took + _ROUNDED
        number = next((n for n in reversed(range(len(asked))) if asked[n] <= latest), None)
        if number is not None and found[number] is None:
            found[number] = round(1000 * max(0.0, line.took - line.waited), 1)
    return found
