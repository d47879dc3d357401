"""Engines as contenders: started together, asked in turns, each row's seconds as medians of rounds.

For one thread count all of them run at once, each in a process of its own, and idle while another is asked.
In each round every row goes through all of them, forwards in one round and backwards in the next.

Not here: which engines and settings (engine.py), what is asked (workload.py).
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from eval.bench.worker import Worker
from eval.bench.workload import Request, Row

OURS, LLAMA, GENAI, EAGER = "tabwright", "llama.cpp", "onnxruntime-genai", "transformers eager"
_REPEATS = 3
_TRIES = 12
# Repeats of a row that take longer than this in sum end early where `patient` is off.
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One engine in one form: adapter, Python, options.

    `rows` None means that it takes part in all, except in those that are for contenders which name them.
    """

    engine: str
    variant: str
    adapter: str
    python: str
    options: dict[str, Any]
    bytes: int = 0
    rows: frozenset[str] | None = None
    speculates: bool = False

    def answers(self, row: Row) -> bool:
        """Whether this contender takes part in a row."""
        takes_part = not row.by_name if self.rows is None else row.name in self.rows
        return takes_part and (self.speculates or not row.speculate)

    def start(self, threads: int) -> Worker:
        """Its process, loaded. `THREADS` in an option stands for the thread count."""
        worker = Worker(self.adapter, python=self.python, threads=threads)
        try:
            worker.ask("load", options=self.with_threads(threads))
        except BaseException:
            worker.close()
            raise
        return worker

    def with_threads(self, threads: int) -> dict[str, Any]:
        """The options for this many threads."""
        fill = {k: v.replace("THREADS", str(threads)) for k, v in self.options.items() if isinstance(v, str)}
        return {**self.options, **fill, "threads": threads}


@dataclass(slots=True, kw_only=True)
class Series:
    """Seconds of one contender in one row at one thread count: a median a round."""

    row: Row
    contender: Contender
    threads: int
    rounds: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)


class Fresh:
    """Requests that no engine has read before: each begins with another token."""

    def __init__(self, vocabulary: int) -> None:
        self._first = (
            itertools.cycle(range(300, vocabulary))
            if vocabulary > 400
            else itertools.cycle(range(vocabulary))
        )

    def of(self, request: Request) -> Request:
        """The same request, with a first token of its own where nothing of it may be known."""
        if request.prepared:
            return request
        tokens = (next(self._first), *request.tokens[1:])
        return Request(prepared=(), tokens=tokens, count=request.count)


def time_row(
    worker: Worker, row: Row, request: Request, fresh: Fresh, *, whole: bool, patient: bool = True
) -> float | None:
    """The median seconds of a row's value over a few repeats; None when the engine ends every one early.

    `whole` asks for full-length answers; without, a shorter one counts too. There are always three repeats,
    so that a single one which another process held up does not count, unless a slow engine need not be
    measured so well (`patient` off).
    """
    values: list[float] = []
    started = time.perf_counter()
    for _ in range(_TRIES):
        asked = fresh.of(request)
        answer = _ask(worker, asked, row)
        if whole and answer["decoded"] < asked.count:
            continue
        value = float(answer["seconds"])
        if row.of == "step":
            one = Request(prepared=asked.prepared, tokens=asked.tokens, count=1)
            value = (value - float(_ask(worker, one, row)["seconds"])) / (asked.count - 1)
        values.append(value)
        if len(values) == _REPEATS or (not patient and time.perf_counter() - started > _PATIENCE):
            break
    return statistics.median(values) if values else None


def _ask(worker: Worker, request: Request, row: Row) -> dict[str, Any]:
    return worker.ask(
        "request",
        prepared=request.prepared,
        tokens=request.tokens,
        count=request.count,
        speculate=row.speculate,
    )


def measure(
    contenders: Sequence[Contender],
    requests: dict[str, tuple[Row, Request]],
    *,
    threads: int,
    rounds: int,
    vocabulary: int,
    console: Console,
) -> tuple[list[Series], list[int]]:
    """All rows of all contenders at one thread count, in turns; and each one's peak of bytes after them."""
    fresh = Fresh(vocabulary)
    series = {
        (name, i): Series(row=row, contender=c, threads=threads)
        for name, (row, _) in requests.items()
        for i, c in enumerate(contenders)
        if c.answers(row)
    }
    with ExitStack() as stack:
        workers = [stack.enter_context(c.start(threads)) for c in contenders]
        for round_ in range(rounds + 1):  # the first warms up: files, allocators, bindings
            console.print(f"{threads} thread{'s' * (threads > 1)}: round {round_} of {rounds}")
            for name, (row, request) in requests.items():
                order = range(len(contenders)) if round_ % 2 else range(len(contenders) - 1, -1, -1)
                for i in order:
                    if (name, i) not in series:
                        continue
                    patient = contenders[i].engine != EAGER
                    value = time_row(workers[i], row, request, fresh, whole=True, patient=patient)
                    if round_ and value is not None:
                        series[name, i].rounds.append(value)
        peaks = [int(worker.ask("memory")["bytes"]) for worker in workers]
    return [s for s in series.values() if s.rounds], peaks


def first_completion(
    contender: Contender, request: Request, longest: Request, *, threads: int
) -> tuple[float, int]:
    """Seconds from starting Python to the first answer, and the peak of bytes once the longest came too.

    For ours it is never the first start on this machine, which measures threads (model/serving/tuning.py).
    """
    started = time.perf_counter()
    with contender.start(threads) as worker:
        worker.ask("request", prepared=(), tokens=request.tokens, count=request.count)
        seconds = time.perf_counter() - started
        worker.ask("request", prepared=(), tokens=longest.tokens, count=longest.count)
        return seconds, int(worker.ask("memory")["bytes"])
