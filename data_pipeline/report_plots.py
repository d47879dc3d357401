"""Plots of the corpus report, as SVG to be put inside a page: bars, columns and a treemap.

Every mark says under the pointer what it stands for. Which figures are drawn, and the tables behind them:
report.py and its template. How the SVG comes about, and why nothing of a corpus does harm in it: drawing.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from data_pipeline.drawing import COLOURS, FONT, LETTER, SMALL, Drawing, plain, shortened

__all__ = ["COLOURS", "Bar", "Part", "Tile", "bars", "columns", "plain", "treemap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a bar: how long, in which of COLOURS, and what is told of it under the pointer."""

    value: float
    colour: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A row of a bar chart: its name, its parts from left to right, and a note behind them."""

    label: str
    parts: tuple[Part, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A rectangle of a treemap; `label`, and `note` below it, are left out where they do not fit."""

    label: str
    note: str
    value: float
    colour: str
    title: str


def bars(rows: Sequence[Bar], *, width: int, alt: str) -> str:
    """Horizontal bars on one scale. Labels stand left of the bars, in a narrow plot above them."""
    stacked = width < 480
    line, thick = (44, 14) if stacked else (32, 18)
    letters = max((len(row.label) for row in rows), default=0)
    left = 0.0 if stacked else min(0.34 * width, letters * LETTER * FONT + 12)
    right = max((len(row.note) for row in rows), default=0) * LETTER * FONT + 10
    room = width - left - right
    longest = max((sum(p.value for p in row.parts) for row in rows), default=0) or 1
    drawing = Drawing(width, max(1, len(rows)) * line + 4)
    for number, row in enumerate(rows):
        top = number * line + 2
        if stacked:
            drawing.text(0, top + 14, shortened(row.label, width), title=row.label)
            top += 21
        else:
            middle = top + line / 2 + 4
            drawing.text(left - 10, middle, shortened(row.label, left - 10), align="right", title=row.label)
            top += (line - thick) // 2
        drawing.box(left, top, room, thick, "track")
        at = left
        for part in row.parts:
            length = room * part.value / longest
            # What is there must be seen, however little it is.
            drawing.box(at, top, max(length, 1.0) if part.value > 0 else 0.0, thick, part.colour, part.title)
            at += length
        drawing.text(left + room + 8, top + thick / 2 + 4.5, row.note, colour="muted")
    return drawing.svg(alt)


def columns(
    values: Sequence[float],
    *,
    width: int,
    alt: str,
    titles: Sequence[str],
    labels: Sequence[str],
    edges: Sequence[str] = (),
    axis: str,
) -> str:
    """Vertical columns with a scale at the left. `edges` (one more than values) name the borders of bins,
    `labels` the columns themselves; one of the two is empty. `axis` is what runs from left to right.
    """
    assert not (labels and edges)
    height, bottom, head = 230, 44, 12
    ticks = _ticks(max(values, default=0))
    left = max(len(f"{t:,}") for t in ticks) * LETTER * SMALL + 12
    drawing = Drawing(width, height)
    floor, room = height - bottom, width - left - 14
    for tick in ticks:
        y = floor - (floor - head) * tick / ticks[-1]
        drawing.box(left, y - 0.5, room, 1, "grid")
        drawing.text(left - 8, y + 4, f"{tick:,}", align="right", colour="muted", size=SMALL)
    step = room / max(1, len(values))
    gap = 1 if edges else step * 0.12
    for number, (value, title) in enumerate(zip(values, titles, strict=True)):
        tall = (floor - head) * value / ticks[-1]
        tall = max(tall, 1.0) if value > 0 else 0.0
        drawing.box(left + number * step + gap, floor - tall, step - 2 * gap, tall, "train", title)
    names, shift = (edges, 0.0) if edges else (labels, 0.5)
    widest = max((len(name) for name in names), default=1) * LETTER * SMALL + 8
    every = max(1, math.ceil(widest / step))
    for number in range(0, len(names), every):
        drawing.text(
            left + (number + shift) * step,
            floor + 17,
            names[number],
            align="center",
            colour="muted",
            size=SMALL,
        )
    drawing.text(left + room / 2, floor + 37, axis, align="center", colour="muted", size=SMALL)
    return drawing.svg(alt)


def treemap(tiles: Sequence[Tile], *, width: int, height: int, alt: str) -> str:
    """Rectangles whose areas are the values, largest first (squarified: Bruls, Huizing, van Wijk 2000)."""
    ordered = sorted((t for t in tiles if t.value > 0), key=lambda t: (-t.value, t.label))
    drawing = Drawing(width, height)
    places = _squarified([t.value for t in ordered], 0.0, 0.0, float(width), float(height))
    for tile, (x, y, w, h) in zip(ordered, places, strict=True):
        drawing.box(x + 0.75, y + 0.75, max(0.5, w - 1.5), max(0.5, h - 1.5), tile.colour, tile.title)
        size = min(20.0, max(10.0, math.sqrt(w * h) / 9))
        label = shortened(tile.label, w - 10, size)
        if h < size * 1.9 or len(label) < min(len(tile.label), 5):
            continue
        colour = f"on-{tile.colour}"
        drawing.text(x + 7, y + size + 5, label, colour=colour, size=size)
        small = max(10.0, size * 0.75)
        if h >= size * 1.9 + small * 1.3 and shortened(tile.note, w - 10, small) == tile.note:
            drawing.text(x + 7, y + size + 7 + small * 1.2, tile.note, colour=colour, size=small)
    return drawing.svg(alt)


def _squarified(
    values: Sequence[float], x: float, y: float, width: float, height: float
) -> list[tuple[float, float, float, float]]:
    """(x, y, width, height) of each value, descending: rows along the shorter side, as square as can be."""
    places: list[tuple[float, float, float, float]] = []
    at, scale = 0, width * height / (sum(values) or 1)
    while at < len(values):
        side = min(width, height)

        def worst(end: int, start: int = at, side: float = side) -> float:
            areas = [v * scale for v in values[start:end]]
            thick = sum(areas) / side
            return max(max(thick * thick / a, a / (thick * thick)) for a in areas)

        end = at + 1
        while end < len(values) and worst(end + 1) <= worst(end):
            end += 1
        thick = sum(values[at:end]) * scale / side
        along = 0.0
        for value in values[at:end]:
            length = value * scale / thick
            if width >= height:
                places.append((x, y + along, thick, length))
            else:
                places.append((x + along, y, length, thick))
            along += length
        if width >= height:
            x, width = x + thick, max(width - thick, 1e-9)
        else:
            y, height = y + thick, max(height - thick, 1e-9)
        at = end
    return places


def _ticks(largest: float) -> list[int]:
    """Round numbers from 0 to at least `largest`, about four of them."""
    step = 1
    while largest > step * 4:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return [step * i for i in range(max(1, math.ceil(largest / step)) + 1)]
