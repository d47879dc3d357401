"""`tabwright stats` on a terminal. Not here: the figures (stats.py), the page (stats_page.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsp_server.signals.stats import Figures, Stats

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_BAR = 12  # characters
_WIDE = 130  # columns of a terminal that has room for everything
_NARROW = ("shown", "taken", "of seen", "saved", "p50 / p95", "30 s", "5 min")
HEADINGS = (
    "shown", "accepted", "in part", "acceptance", "saved characters", "p50 / p95 ms",
    "after 30 s", "after 5 min",
)  # fmt: skip
LEGEND = (
    "Acceptance: taken whole or in part, of those that stood for a quarter of a second or longer.",
    "Saved characters: those of suggestions that nobody had to type.",
    "Milliseconds: from the request to the answer, the wait for the next key included; p50 / p95.",
    "After 30 s, 5 min: of the accepted, those that were mostly unchanged then (edit distance below 33 %).",
)


def cells(one: Figures) -> tuple[str, ...]:
    """The figures as text, one for each of HEADINGS."""
    return (
        f"{one.shown:,}",
        f"{one.accepted:,}",
        f"{one.partly:,}",
        "" if one.acceptance is None else f"{100 * one.acceptance:.0f} %",
        f"{one.saved_characters:,}",
        "" if one.p50 is None or one.p95 is None else f"{one.p50:.0f} / {one.p95:.0f}",
        _survived(one.survived_30),
        _survived(one.survived_300),
    )


def _survived(known: tuple[int, int]) -> str:
    of, survived = known
    return f"{100 * survived / of:.0f} % of {of:,}" if of else ""


def _narrow_cells(one: Figures) -> tuple[str, ...]:
    """The figures as text, one for each of _NARROW."""
    shown, _, _, acceptance, saved, latency, *survived = cells(one)
    taken = f"{one.accepted + one.partly:,}"
    return (shown, taken, acceptance, saved, latency, *(text.partition(" of ")[0] for text in survived))


def show(console: Console, found: Stats) -> None:
    """Print all tables; on a narrow terminal less is in them."""
    wide = console.width >= _WIDE
    console.print(_table("by day", found.days, found.total, wide=wide))
    console.print(_table("by language", found.languages, None, wide=wide))
    for line in LEGEND:
        console.print(line, style="dim", highlight=False)


def _table(title: str, rows: Sequence[Figures], total: Figures | None, *, wide: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    headings, texts = (HEADINGS, cells) if wide else (_NARROW, _narrow_cells)
    table = Table(title=title, title_justify="left", show_footer=total is not None, box=box.SIMPLE)
    table.add_column("", footer="all", no_wrap=True)
    for heading, footer in zip(headings, texts(total) if total else ("",) * len(headings), strict=True):
        table.add_column(heading, footer=footer, justify="right", no_wrap=True)
    if wide:
        table.add_column("", min_width=_BAR, no_wrap=True)
    most = max((one.saved_characters for one in rows), default=0)
    for one in rows:
        bar = "█" * round(_BAR * one.saved_characters / most) if most else ""
        # A language is named by the editor: no markup of anybody's.
        table.add_row(Text(plain(one.name)), *texts(one), *([Text(bar, style="green")] if wide else []))
    return table


def plain(name: str) -> str:
    """A name without what moves the cursor or colours of a terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name)[:40]
