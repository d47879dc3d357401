"""The benchmark's results as tables: on a console, or as Markdown for the README.

Not here: measuring (engine.py, shape.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from eval.bench.workload import CANDIDATES

_NONE = "-"
_WIDEST_CELL = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A title, columns (the first is text, the others numbers) and lines of cells."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def show(sheets: Sequence[Sheet], console: Console) -> None:
    """Draw tables on a console, in parts where they are wider."""
    for sheet in sheets:
        for part in _parts(sheet, console):
            console.print(_table(part))


def _parts(sheet: Sheet, console: Console) -> list[Sheet]:
    """The sheet, or sheets of fewer columns behind the first: numbers that are cut off are of no use."""
    places = range(1, len(sheet.columns))
    if len(places) < 2 or sum(_least_widths(sheet)) + 3 * len(sheet.columns) + 1 <= console.width:
        return [sheet]
    middle = 1 + (len(places) + 1) // 2
    halves = [
        Sheet(
            title=sheet.title,
            columns=(sheet.columns[0], *sheet.columns[cut]),
            lines=tuple((line[0], *line[cut]) for line in sheet.lines),
        )
        for cut in (slice(1, middle), slice(middle, None))
    ]
    return [part for half in halves for part in _parts(half, console)]


def _least_widths(sheet: Sheet) -> list[int]:
    """Characters that each column needs: a title may wrap between words, a cell only if it is long."""
    cells = list(zip(*sheet.lines, strict=True)) or [()] * len(sheet.columns)
    return [
        max(
            max(map(len, title.split())),
            *(len(cell) if not i else min(len(cell), _WIDEST_CELL) for cell in column),
            0,
        )
        for i, (title, column) in enumerate(zip(sheet.columns, cells, strict=True))
    ]


def _table(sheet: Sheet) -> Table:
    table = Table(title=sheet.title)
    for i, (column, least) in enumerate(zip(sheet.columns, _least_widths(sheet), strict=True)):
        table.add_column(column, justify="right" if i else "left", no_wrap=not i, min_width=least)
    for line in sheet.lines:
        table.add_row(*line)
    return table


def markdown(sheets: Sequence[Sheet]) -> str:
    """The same tables as Markdown."""
    parts = []
    for sheet in sheets:
        head = f"| {' | '.join(sheet.columns)} |\n|-{'|-:' * (len(sheet.columns) - 1)}|"
        parts.append(
            f"{sheet.title}\n\n{head}\n" + "\n".join(f"| {' | '.join(line)} |" for line in sheet.lines)
        )
    return "\n\n".join(parts) + "\n"


def value(of: str, context: int, seconds: float) -> str:
    """A row's value: tokens a second for a prefill, else milliseconds."""
    if of == "prefill":
        return f"{context / seconds:,.0f} tok/s"
    return f"{seconds * 1e3:.2f} ms" if seconds < 0.01 else f"{seconds * 1e3:.1f} ms"


def engine_sheets(result: dict[str, Any]) -> list[Sheet]:
    """A table of rows by engine for each thread count, then ratios, starts and distances."""
    sheets = []
    for threads in sorted({row["threads"] for row in result["rows"]}):
        here = [r for r in result["rows"] if r["threads"] == threads and r["row"] != CANDIDATES]
        engines = list(dict.fromkeys((row["engine"], row["variant"]) for row in here))
        labels = list(dict.fromkeys((row["row"], row["label"]) for row in here))
        cells = {
            (row["row"], row["engine"], row["variant"]): value(row["of"], row["context"], row["seconds"])
            for row in here
        }
        sheets.append(
            Sheet(
                title=f"{result['model']}, {threads} thread{'s' * (threads > 1)}",
                columns=("request", *(f"{engine} {variant}" for engine, variant in engines)),
                lines=tuple(
                    (label, *(cells.get((name, *engine), _NONE) for engine in engines))
                    for name, label in labels
                ),
            )
        )
    several = [row for row in result["rows"] if row["row"] == CANDIDATES]
    if several:
        lines = tuple(
            (_with_threads(r["variant"], r["threads"]), value(r["of"], r["context"], r["seconds"]))
            for r in several
        )
        sheets.append(
            Sheet(title=f"four candidates: {several[0]['label']}", columns=("way", "time"), lines=lines)
        )
    for key, title in (
        ("ratio", "against the best llama.cpp"),
        ("ratio_8_bit", "8-bit against llama.cpp Q8_0"),
    ):
        if result.get(key):
            sheets.append(_ratio_sheet(result[key], result["goals"], title))
    sheets.append(_start_sheet(result))
    distance = tuple(
        (
            _with_threads(d["label"], d["threads"]),
            f"{d['times_floor']:.2f}", f"{d['goal']:.1f}", d["floor"],
        )
        for d in result["distance"]
    )  # fmt: skip
    sheets.append(Sheet(title="our time over the machine's own limit",
                        columns=("row", "times", "goal, at most", "limit"), lines=distance))  # fmt: skip
    return sheets


def _with_threads(text: str, threads: int) -> str:
    return f"{text}, {threads} thread{'s' * (threads > 1)}"


def _start_sheet(result: dict[str, Any]) -> Sheet:
    """Starts and memory of all, and behind them what is our goal."""
    lines = [
        (
            _with_threads(f"{s['engine']} {s['variant']}", s["threads"]),
            f"{s['seconds']:.2f} s", _megabytes(s["peak_bytes"]), _megabytes(s["peak_bytes_of_all"]),
            f"{s['file_bytes'] / 1e6:,.1f} MB" if s["file_bytes"] else _NONE,
        )
        for s in result["start"]
    ]  # fmt: skip
    most = _megabytes(result["goal_bytes"])
    lines.append(("goal, at most", f"{result['goal_seconds']:.2f} s", most, most, _NONE))
    return Sheet(
        title="start of a process to its first completion (the second start on this machine); peak memory "
        "after the longest request, and after all of the benchmark's",
        columns=("engine", "start", "peak", "peak after all", "file"),
        lines=tuple(lines),
    )


def _megabytes(count: float) -> str:
    return f"{count / 1e6:,.0f} MB"


def _ratio_sheet(ratio: dict[str, Any], goals: dict[str, float], title: str) -> Sheet:
    threads = list(ratio["by_threads"])
    lines = []
    for key in dict.fromkeys(k for entry in ratio["by_threads"].values() for k in entry):
        entries = [ratio["by_threads"][t].get(key) for t in threads]
        goal = f"{goals[key]:.1f}" if key in goals else _NONE
        lines.append((key, *(f"{e['ratio']:.2f} ({e['against']})" if e else _NONE for e in entries), goal))
    columns = ("request", *(f"{t} thr." for t in threads), "goal, at least")
    return Sheet(title=f"times faster, {title}", columns=columns, lines=tuple(lines))
