"""`tabwright stats` as one page that asks nothing of any network: style and drawings stand in it.

A content security policy inside holds even the browser to that; there is no script. All text is escaped: a
language's name comes from an editor.

Not here: the figures (stats.py), the words for them (stats_tables.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from lsp_server.signals.stats import Figures, Stats
from lsp_server.signals.stats_tables import HEADINGS, LEGEND, cells, plain

_WIDTH, _HEIGHT, _LEFT, _BELOW, _ABOVE = 860, 200, 56, 24, 12  # units of the drawings
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --paper: #fff; --faint: #68707d; --line: #d9dde3;
  --one: #2f6fde; --two: #a9c4f2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --paper: #14181e; --faint: #98a1ae;
  --line: #343b46; --one: #6ea0f5; --two: #31518a; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
p, figcaption { color: var(--faint); }
figure { margin: 0; } svg { width: 100%; height: auto; }
svg text { fill: var(--faint); font: 12px system-ui, sans-serif; }
.one { fill: var(--one); } .two { fill: var(--two); } .grid { stroke: var(--line); }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 1em; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; white-space: normal; } th:first-child, td:first-child { text-align: left; }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; } dt { color: var(--faint); }
dd { margin: 0; font-size: 1.6rem; }
""".replace("\n", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plot:
    """Columns for each day: a whole and a part of it, what they are called, and their unit."""

    title: str
    whole: Callable[[Figures], float]
    part: Callable[[Figures], float]
    names: tuple[str, str]
    unit: str = ""


_PLOTS = (
    _Plot(
        title="Suggestions",
        whole=lambda one: one.judged,
        part=lambda one: one.accepted + one.partly,
        names=("seen", "taken, whole or in part"),
    ),
    _Plot(
        title="Characters",
        whole=lambda one: one.offered_characters,
        part=lambda one: one.saved_characters,
        names=("suggested", "saved"),
    ),
    _Plot(
        title="Latency",
        whole=lambda one: one.p95 or 0.0,
        part=lambda one: one.p50 or 0.0,
        names=("p95", "p50"),
        unit=" ms",
    ),
)


def page(found: Stats) -> str:
    """The whole page. The same figures give the same text."""
    total = found.total
    period = f"{found.days[0].name} to {found.days[-1].name}" if found.days else "nothing was kept yet"
    names = ("", "shown", "acceptance", "saved characters", "p50 / p95 ms", "after 30 s", "after 5 min")
    values = dict(zip(HEADINGS, cells(total), strict=True))
    facts = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(values[name]) or 'none'}</dd></div>" for name in names[1:]
    )
    plots = "".join(_figure(plot, found.days) for plot in _PLOTS) if found.days else ""
    both = [(f"{day} · {one.name}", one) for day, one in found.days_and_languages]
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Tabwright: suggestions</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>Suggestions</h1><p>{escape(period)}. Kept on this machine only.</p>"
        f"<dl>{facts}</dl>\n{plots}"
        f"{_table('By language', [(one.name, one) for one in found.languages])}"
        f"{_table('By day', [(one.name, one) for one in found.days])}"
        f"{_table('By day and language', both)}"
        f"<h2>What the words mean</h2>{''.join(f'<p>{escape(line)}</p>' for line in LEGEND)}"
        "</body></html>\n"
    )


def _table(title: str, rows: Sequence[tuple[str, Figures]]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in ("", *HEADINGS))
    body = "".join(
        f"<tr><td>{escape(plain(name))}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells(one))}</tr>"
        for name, one in rows
    )
    return (
        f'<h2>{escape(title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _figure(plot: _Plot, days: Sequence[Figures]) -> str:
    """Columns of the days on which there was something, side by side."""
    most = max(plot.whole(one) for one in days) or 1.0
    room, height = (_WIDTH - _LEFT) / len(days), _HEIGHT - _ABOVE - _BELOW
    width = min(40.0, 0.7 * room)
    marks = []
    for at in (0.0, 0.5, 1.0):
        y = _ABOVE + height * (1 - at)
        marks.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{most * at:,.0f}</text>'
        )
    every = -(-len(days) // 10)  # as many dates as have room
    for number, one in enumerate(days):
        x = _LEFT + room * (number + 0.5)
        told = ", ".join(
            f"{value(one):,.0f}{plot.unit} {name}"
            for value, name in zip((plot.whole, plot.part), plot.names, strict=True)
        )
        columns = "".join(
            f'<rect class="{style}" x="{x - width / 2:.1f}" y="{_ABOVE + height - tall:.1f}" '
            f'width="{width:.1f}" height="{tall:.1f}"/>'
            for style, tall in (
                ("two", height * plot.whole(one) / most),
                ("one", height * plot.part(one) / most),
            )
        )
        marks.append(f"<g><title>{escape(f'{one.name}: {told}')}</title>{columns}</g>")
        if number % every == 0:
            marks.append(
                f'<text x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{escape(one.name[5:])}</text>'
            )
    key = "".join(
        f'<span class="key" style="background: var(--{style})"></span>{escape(name)}'
        for style, name in zip(("two", "one"), plot.names, strict=True)
    )
    return (
        f"<h2>{escape(plot.title)}</h2><figure>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(plot.title)} by day">'
        f"{''.join(marks)}</svg><figcaption>{key}</figcaption></figure>\n"
    )
