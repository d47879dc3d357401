"""What somebody who types waits for: the real server beside one that answers nothing, in the same run.

    start       from starting the process to the first answer, asked for at once, as an editor does that is
                opened on a file; the model is loaded on the way
    typing      one request after each key, each answered before the next key, without a debounce: all of it
                is the server's own time, and the way there and back. In a file of 400 lines, and with the
                same lines in the middle of one of 20,000

About half of the keys go on with what was suggested at the key before: their answer is known, and they are
told apart from those whose answer is computed. The median of all lies where the one kind ends and the other
begins: one key of a hundred that another process holds up moves it from 2 ms to 10.

The files are made of the standard library's: nothing is fetched. What is typed stood there. No suggestion is
taken, so that every key asks.

Not here: what suggestions are worth, and times among a person's pauses (eval/replay/), the engine alone
(engine.py).
"""

from __future__ import annotations

import asyncio
import statistics
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.editor import Editor
from eval.replay.process import peak_bytes
from eval.replay.variants import Variant, variants

SMALL, LARGE = 400, 20_000  # lines
KEYS = 160  # typed in each file
_MODULE, _TYPED_FROM = "textwrap.py", "    def _wrap_chunks(self, chunks):\n"
_LIMIT_START, _LIMIT_P50, _LIMIT_P95 = 1500.0, 50.0, 150.0  # milliseconds
_LIMIT_BYTES, _LIMIT_RATIO = 400e6, 2.0
_PATH = "typed.py"
# Everything is shown: silence is no speed.
_AT_ONCE = {"debounceMs": 0, "adaptDebounce": False, "indexProject": False, "showAbove": 0}


class Figure(NamedTuple):
    """One measured value; `limit` is None where none was set."""

    name: str
    value: float
    unit: str
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A file in which `typed` stands between `before` and `behind`."""

    before: str
    typed: str
    behind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """One file typed in: milliseconds of each request, how many of them a suggestion came for, bytes.

    `along` says which keys were the next character of what was suggested at the key before.
    """

    milliseconds: Sequence[float]
    along: Sequence[bool]
    suggestions: int
    peak: int | None


def run(model: Path | None, *, rounds: int, threads: int) -> list[Figure]:
    """All figures; the server's and the null server's in turns. Of rounds, the median."""
    null, ours = variants({}, settings=_AT_ONCE, model=model, threads=threads)
    ours = replace(ours, settings={**ours.settings, "logLevel": "info"})  # as people have it
    small, large = texts()
    starts: dict[str, list[float]] = {null.name: [], ours.name: []}
    typed: dict[tuple[str, int], list[Typing]] = {}
    for number in range(rounds):
        for server in (null, ours) if number % 2 else (ours, null):
            starts[server.name].append(asyncio.run(_start(server, small)))
            for lines, text in ((SMALL, small), (LARGE, large)):
                typed.setdefault((server.name, lines), []).append(asyncio.run(_type(server, text)))
    figures = [
        Figure("start to first answer", statistics.median(starts[ours.name]), "ms", _LIMIT_START),
        Figure("the null server's", statistics.median(starts[null.name]), "ms"),
    ]
    for lines in (SMALL, LARGE):
        figures += _of_typing(typed[ours.name, lines], typed[null.name, lines], lines)
    (p50_small, p95_small), (p50_large, p95_large) = (
        [_percentile(typed[ours.name, lines], share) for share in (50, 95)] for lines in (SMALL, LARGE)
    )
    figures += [
        Figure(f"p50, {LARGE:,} lines to {SMALL}", p50_large / p50_small, "times", _LIMIT_RATIO),
        Figure(f"p95, {LARGE:,} lines to {SMALL}", p95_large / p95_small, "times", _LIMIT_RATIO),
    ]
    peaks = [one.peak for of in typed.values() for one in of if one.peak is not None]
    if peaks:
        figures.append(Figure("most memory at once", max(peaks) / 1e6, "MB", _LIMIT_BYTES / 1e6))
    return figures


def as_json(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """The figures as plain objects."""
    return [figure._asdict() for figure in figures]


def texts() -> tuple[Text, Text]:
    """A file of SMALL lines, and one of LARGE with the same ones in its middle."""
    library = Path(sysconfig.get_path("stdlib"))
    module = (library / _MODULE).read_text(encoding="utf-8")
    start = module.index(_TYPED_FROM) + len(_TYPED_FROM)
    typed = module[start : start + KEYS]
    lines = module.count("\n")
    around = Text(before=module[:start], typed=typed, behind=module[start + KEYS :])
    small = Text(
        before="\n".join(around.before.split("\n")[-SMALL:]),
        typed=typed,
        behind="\n".join(around.behind.split("\n")[: max(1, SMALL - around.before.count("\n"))]),
    )
    half = (LARGE - lines) // 2
    others = _library_lines(library)
    above = "".join(line for line, _ in zip(others, range(half), strict=False))
    below = "".join(line for line, _ in zip(others, range(half), strict=False))
    return small, Text(before=above + around.before, typed=typed, behind=around.behind + below)


def _library_lines(library: Path) -> Iterator[str]:
    """Lines of other modules, whole modules after each other."""
    for path in sorted(library.glob("*.py")):
        if path.name != _MODULE:
            yield from path.read_text(encoding="utf-8").splitlines(keepends=True)
            yield "\n"


async def _start(server: Variant, text: Text) -> float:
    """Milliseconds from starting the process to the answer to a request made as soon as it may be made."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        async with Editor(Path(folder), command=server.command, settings=server.settings) as editor:
            editor.open(_PATH, text.before + text.behind)
            await editor.suggest(_PATH, len(text.before))
            return (time.perf_counter() - begun) * 1000


async def _type(server: Variant, text: Text) -> Typing:
    """Type what stood there, key by key."""
    times, along, suggestions, suggested = [], [], 0, ""
    with tempfile.TemporaryDirectory() as folder:
        async with Editor(Path(folder), command=server.command, settings=server.settings) as editor:
            await editor.wait_for_state("ready")
            editor.open(_PATH, text.before + text.behind)
            await editor.suggest(_PATH, len(text.before))  # the first answer is that of a start
            for count, key in enumerate(text.typed):
                at = len(text.before) + count
                editor.replace(_PATH, at, at, key)
                begun = time.perf_counter()
                found = await editor.suggest(_PATH, at + 1)
                times.append((time.perf_counter() - begun) * 1000)
                along.append(len(suggested) > 1 and suggested[0] == key)
                suggested = str(found.insert_text) if found is not None else ""
                suggestions += found is not None
            peak = peak_bytes(editor.pid)
            return Typing(milliseconds=times, along=along, suggestions=suggestions, peak=peak)


def _of_typing(ours: Sequence[Typing], null: Sequence[Typing], lines: int) -> list[Figure]:
    asked = sum(len(one.milliseconds) for one in ours)
    where = f"typing in {lines:,} lines"
    return [
        Figure(f"{where}, p50", _percentile(ours, 50), "ms", _LIMIT_P50),
        Figure(f"{where}, p95", _percentile(ours, 95), "ms", _LIMIT_P95),
        Figure(f"{where}, p50 of what is typed along", _percentile(ours, 50, along=True), "ms"),
        Figure(f"{where}, p50 of what is computed", _percentile(ours, 50, along=False), "ms"),
        Figure(f"{where}, null server p50", _percentile(null, 50), "ms"),
        Figure(f"{where}, answered", 100 * sum(one.suggestions for one in ours) / asked, "%"),
    ]


def _percentile(rounds: Sequence[Typing], share: int, *, along: bool | None = None) -> float:
    """The median of the rounds' percentiles; where said, of the keys that are typed along or are not."""
    kept = [
        [
            took
            for took, is_along in zip(one.milliseconds, one.along, strict=True)
            if along in (None, is_along)
        ]
        for one in rounds
    ]
    return statistics.median(float(np.percentile(one, share)) if one else 0.0 for one in kept)
