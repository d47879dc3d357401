"""The tables of `tabwright eval replay` on a terminal: what suggestions are worth, and what they cost.

Not here: the figures (figures.py), the differences (worth.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.replay.figures import ALL, ONE_LINE
from eval.replay.retype import KINDS
from eval.replay.sample import MODES
from eval.replay.variants import OURS
from eval.replay.worth import DIFFERENCE, MEDIAN, SHARES
from eval.results import Figure

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_INTERVALS = ("answered", "exact", "saved", "taken", "broken", "flicker")
_WORTH = ("answered", "answered in time", "exact", "saved", "saved whole", "saved keys")
_HARM = ("taken", "wrong shown", "broken", "broken beyond truth", "broken closers", "flicker")
_RATIOS = ("wrong shown",)


def show(console: Console, figures: Sequence[Figure]) -> None:
    """Print all tables."""
    names = list(dict.fromkeys(one.where["variant"] for one in figures))
    for mode in (ALL, *MODES):
        if any(one.where["mode"] == mode for one in figures):
            console.print(_shares(figures, names, mode, _WORTH, f"pieces: {mode}"))
    console.print(_shares(figures, names, ALL, _HARM, "what is shown and not kept"))
    console.print(_costs(figures, names))
    worked = [name for name in names if _find(figures, "server p50", variant=name, mode=ALL, kind=ALL)]
    if worked:
        console.print(_server_times(figures, worked))
    changed = [name for name in names if _find(figures, f"{DIFFERENCE}answered", variant=name, mode=ALL)]
    if changed:
        console.print(_worth(figures, changed))
    for name in names:
        unanswered = _find(figures, "unanswered", variant=name, mode=ALL)
        if unanswered is not None and unanswered.value:
            console.print(f"{name} never answered {unanswered.value:.0f} of {unanswered.n} requests")


def _shares(
    figures: Sequence[Figure], names: Sequence[str], mode: str, columns: Sequence[str], title: str
) -> Table:
    """A row for each variant; n are its requests, and every other n is in the result file."""
    from rich.table import Table

    table = Table(title=f"{title}; 95 % intervals over files", title_justify="left")
    table.add_column("")
    for heading in ("requests", *columns):
        table.add_column(heading, justify="right")
    for name in names:
        asked = _find(figures, "answered", variant=name, mode=mode)
        cells = [_share(one, _find(figures, one, variant=name, mode=mode)) for one in columns]
        table.add_row(name, "" if asked is None else str(asked.n), *cells)
    return table


def _share(name: str, one: Figure | None) -> str:
    if one is None:
        return ""
    if name in _RATIOS:
        return f"{one.value:.2f}"
    text = f"{100 * one.value:.1f} %"
    if name not in _INTERVALS or one.low is None or one.high is None:
        return text
    return f"{text}\n({100 * one.low:.1f} to {100 * one.high:.1f})"


def _costs(figures: Sequence[Figure], names: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(
        title="milliseconds from request to answer, p50 / p95 (n): of any in time, then of suggestions",
        title_justify="left",
    )
    table.add_column("")
    for heading in (*KINDS, *(f"{kind}, suggestion" for kind in KINDS), "CPU s/min", "MB"):
        table.add_column(heading, justify="right")
    for name in names:
        cells = [_times(figures, name, kind, what) for what in ("", " of a suggestion") for kind in KINDS]
        for cost, digits in (("CPU seconds", 1), ("megabytes", 0)):
            one = _find(figures, cost, variant=name, mode=ALL)
            cells.append("" if one is None else f"{one.value:.{digits}f}")
        table.add_row(name, *cells)
    return table


def _times(figures: Sequence[Figure], name: str, kind: str, what: str) -> str:
    p50, p95 = (
        _find(figures, f"{share}{what}", variant=name, mode=ALL, kind=kind) for share in ("p50", "p95")
    )
    return "" if p50 is None or p95 is None else f"{p50.value:.0f} / {p95.value:.0f}\n({p50.n})"


def _server_times(figures: Sequence[Figure], names: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(
        title="milliseconds of the server's work, without its wait for the next key, p50 / p95 (n); answered",
        title_justify="left",
    )
    table.add_column("")
    kinds = (*KINDS, ONE_LINE, ALL)
    for kind in kinds:
        table.add_column(kind, justify="right")
    for name in names:
        table.add_row(name, *(_server_time(figures, name, kind) for kind in kinds))
    return table


def _server_time(figures: Sequence[Figure], name: str, kind: str) -> str:
    place = {"variant": name, "mode": ALL, "kind": kind}
    p50, p95 = (_find(figures, f"server {share}", **place) for share in ("p50", "p95"))
    if kind == ALL:
        del place["kind"]
    answered = _find(figures, "answered", **place)
    if p50 is None or p95 is None or answered is None:
        return ""
    return f"{p50.value:.0f} / {p95.value:.0f} ({p50.n})\n{100 * answered.value:.1f} %"


def _worth(figures: Sequence[Figure], names: Sequence[str]) -> Table:
    """A row for each variant below what the whole server has; points are hundredths."""
    from rich.table import Table

    table = Table(
        title=f"what each rule is worth: a variant less {OURS} on the same pieces, in points (ratios and "
        "milliseconds as they are); 95 % intervals over files, * where they leave zero out",
        title_justify="left",
    )
    table.add_column("")
    for heading in (*SHARES, MEDIAN):
        table.add_column(heading, justify="right")
    base = [_share(one, _find(figures, one, variant=OURS, mode=ALL)).partition("\n")[0] for one in SHARES]
    p50 = _find(figures, "server p50", variant=OURS, mode=ALL, kind=ALL)
    table.add_row(OURS, *base, "" if p50 is None else f"{p50.value:.0f}")
    for name in names:
        cells = [
            _difference(one, _find(figures, f"{DIFFERENCE}{one}", variant=name, mode=ALL))
            for one in (*SHARES, MEDIAN)
        ]
        table.add_row(name, *cells)
    return table


def _difference(name: str, one: Figure | None) -> str:
    if one is None:
        return ""
    scale, digits = (1, 2) if name in _RATIOS else (1, 0) if name == MEDIAN else (100, 1)
    text = f"{scale * one.value:+.{digits}f}"
    if one.low is None or one.high is None:
        return text
    clear = "*" if one.low > 0 or one.high < 0 else ""
    return f"{text}{clear}\n({scale * one.low:+.{digits}f} to {scale * one.high:+.{digits}f})"


def _find(figures: Sequence[Figure], name: str, **where: str) -> Figure | None:
    return next((one for one in figures if one.name == name and dict(one.where) == where), None)
