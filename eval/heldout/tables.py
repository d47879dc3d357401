"""The tables of `tabwright eval heldout` on a terminal: a table for each mode, then the ratios to copy.

Not here: the figures (figures.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.heldout.figures import ALL, BASELINES, by_place
from eval.heldout.positions import MODES
from eval.heldout.run import COPY, NGRAM
from eval.results import Figure

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = ("exact", "similar", "saved", "answered", "broken")


def show(console: Console, figures: Sequence[Figure]) -> None:
    """Print all tables."""
    from rich.table import Table

    tables = {name: by_place(figures, name) for name in (*_SHOWN, "milliseconds")}
    names = list(dict.fromkeys(variant for _, variant in tables["exact"]))
    for mode in (*MODES, ALL):
        if not any((mode, name) in tables["exact"] for name in names):
            continue
        count = next(one.n for (where, _), one in tables["exact"].items() if where == mode)
        table = Table(title=f"{'all modes' if mode == ALL else mode}, n = {count}", title_justify="left")
        table.add_column("")
        for name in (*_SHOWN, "ms"):
            table.add_column(name, justify="right", no_wrap=True)
        for name in names:
            cells = [percent(tables[shown][mode, name], interval=shown == "exact") for shown in _SHOWN]
            table.add_row(name, *cells, f"{tables['milliseconds'][mode, name].value:.0f}")
        console.print(table)
    _show_ratios(console, figures, [name for name in names if name not in BASELINES])


def _show_ratios(console: Console, figures: Sequence[Figure], names: Sequence[str]) -> None:
    from rich.table import Table

    columns = [f"exact / {COPY}", f"exact - {COPY}", f"exact - {NGRAM}"]
    tables = {column: by_place(figures, column) for column in columns}
    table = Table(title="exact answers beside those of the baselines, 95 % intervals", title_justify="left")
    for heading in ("mode", "", *columns):
        table.add_column(heading, justify="left" if heading in ("mode", "") else "right")
    for mode in (*MODES, ALL):
        for name in names:
            cells = []
            for column in columns:
                one = tables[column].get((mode, name))
                cells.append("" if one is None else times(one) if "/" in column else points(one))
            if any(cells):
                table.add_row(mode, name, *cells)
    console.print(table)


def percent(one: Figure, *, interval: bool) -> str:
    """A share in percent, with its interval where asked."""
    text = f"{100 * one.value:.1f} %"
    if not interval or one.low is None or one.high is None:
        return text
    return f"{text} ({100 * one.low:.1f} to {100 * one.high:.1f})"


def times(one: Figure) -> str:
    """A ratio with its interval; a bound that is not finite is told as such."""
    high = "∞" if one.high is None else f"{one.high:.2f}"
    return f"{one.value:.2f} x ({one.low or 0:.2f} to {high})"


def points(one: Figure) -> str:
    """A difference of shares in percentage points, with its interval."""
    assert one.low is not None
    assert one.high is not None
    return f"{100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})"
