"""The screen of a terminal as a picture: an SVG that holds the text itself, in its colours.

Rows become `text` elements, runs of one style `tspan`s; backgrounds are rectangles. Colours that the program
left to the terminal are those below. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN = 8.4, 18, 14  # of a cell and around them all, in pixels
TEXT, PAPER = "#d8dee9", "#14161b"
NAMES = {
    "black": "#2e3440", "red": "#d06c75", "green": "#98c379", "brown": "#e0b070", "blue": "#6cb0f0",
    "magenta": "#c678dd", "cyan": "#56b6c2", "white": "#d8dee9",
    "brightblack": "#6b7380", "brightred": "#e88388", "brightgreen": "#b4dd9a", "brightbrown": "#f0d090",
    "brightblue": "#8cc8ff", "brightmagenta": "#d8a0ea", "brightcyan": "#80d0d8", "brightwhite": "#ffffff",
}  # fmt: skip


def svg(cells: Sequence[Sequence[Any]], cursor: tuple[int, int], title: str) -> str:
    """The picture. `cells` are rows of pyte's characters, `cursor` is (row, column) from 0."""
    rows, columns = len(cells), len(cells[0])
    width, height = columns * WIDTH + 2 * MARGIN, rows * HEIGHT + 2 * MARGIN
    font = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" font-family="{font}" font-size="14" fill="{TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
    ]
    for number, row in enumerate(cells):
        parts += _row(row, MARGIN + number * HEIGHT)
    x, y = MARGIN + cursor[1] * WIDTH, MARGIN + cursor[0] * HEIGHT
    parts.append(f'<rect x="{x:g}" y="{y}" width="2" height="{HEIGHT}" fill="{TEXT}"/>')
    return "\n".join([*parts, "</svg>", ""])


def _row(row: Sequence[Any], top: float) -> Iterator[str]:
    spans, column = [], 0
    for style, run in groupby(row, key=_style):
        text = "".join(cell.data for cell in run)
        (colour, background, bold, italic), x = style, MARGIN + column * WIDTH
        if background != PAPER:
            width = len(text) * WIDTH
            yield f'<rect x="{x:g}" y="{top:g}" width="{width:g}" height="{HEIGHT}" fill="{background}"/>'
        if text.strip():
            length = f' textLength="{len(text) * WIDTH:g}" lengthAdjust="spacingAndGlyphs"'
            marks = f' fill="{colour}"' if colour != TEXT else ""
            marks += ' font-weight="bold"' * bold + ' font-style="italic"' * italic
            spans.append(f'<tspan x="{x:g}"{length}{marks}>{escape(text)}</tspan>')
        column += len(text)
    if spans:
        yield f'<text y="{top + HEIGHT * 0.74:g}" xml:space="preserve">{"".join(spans)}</text>'


def _style(cell: Any) -> tuple[str, str, bool, bool]:
    front, back = _colour(cell.fg, TEXT), _colour(cell.bg, PAPER)
    if cell.reverse:
        front, back = back, front
    return front, back, cell.bold, cell.italics


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return NAMES.get(name, f"#{name}")
