"""Plots of the evaluation report: bars with intervals in groups, and curves.

Which figures are drawn: figures.py. How the SVG comes about: data_pipeline/drawing.py, which other
reports share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from data_pipeline.drawing import FONT, LETTER, SMALL, Drawing, shortened

WIDE, NARROW = 1040, 350
_STACKED = 480  # below this width a label stands above its bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A bar from 0 to `value` with its interval, where it has one; `note` is what is written behind it."""

    label: str
    value: float
    low: float | None
    high: float | None
    colour: str
    note: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Bars that belong together, below a heading."""

    heading: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points (x, y) from left to right, x above 0."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: str


def both_widths(groups: Sequence[Group], alt: str) -> tuple[str, str]:
    """The same bars for a wide window and for a narrow one."""
    return bars(groups, width=WIDE, alt=alt), bars(groups, width=NARROW, alt=alt)


def bars(groups: Sequence[Group], *, width: int, alt: str) -> str:
    """All groups on one scale that begins at 0, which is where nothing is right."""
    stacked = width < _STACKED
    line, thick, head = (38, 12, 38) if stacked else (25, 15, 44)
    marks = [mark for group in groups for mark in group.marks]
    letters = max((len(mark.label) for mark in marks), default=0)
    left = 0.0 if stacked else min(0.3 * width, letters * LETTER * FONT + 14)
    right = max((len(mark.note) for mark in marks), default=0) * LETTER * FONT + 10
    # A narrow plot has no room beside its bars: the note stands above, at the right.
    room = width - left - (8 if stacked else right)
    longest = max((mark.high or mark.value for mark in marks), default=0) or 1
    drawing = Drawing(width, sum(head + line * len(group.marks) for group in groups) + 6)
    top = 0.0
    for group in groups:
        drawing.text(0, top + head - 12, shortened(group.heading, width), size=FONT + 1)
        top += head
        for mark in group.marks:
            y = top + (19 if stacked else (line - thick) / 2)
            if stacked:
                drawing.text(0, top + 14, shortened(mark.label, width - right), colour="muted", size=SMALL)
                drawing.text(width, top + 14, mark.note, align="right", colour="muted", size=SMALL)
            else:
                drawing.text(left - 10, top + 17, shortened(mark.label, left - 10), align="right")
                drawing.text(left + room + 8, top + 17, mark.note, colour="muted")
            drawing.box(left, y, room, thick, "track")
            length = room * mark.value / longest
            drawing.box(left, y, max(length, 1.0) if mark.value > 0 else 0.0, thick, mark.colour, mark.title)
            if mark.low is not None and mark.high is not None:
                low, high = left + room * mark.low / longest, left + room * mark.high / longest
                _whisker(drawing, low, high, y + thick / 2, thick / 4)
            top += line
    return drawing.svg(alt)


def _whisker(drawing: Drawing, low: float, high: float, y: float, half: float) -> None:
    drawing.line([(low, y), (high, y)], "ink", width=1.4)
    for x in (low, high):
        drawing.line([(x, y - half), (x, y + half)], "ink", width=1.4)


def curves(drawn: Sequence[Curve], *, width: int, alt: str, x_axis: str, y_axis: str) -> str:
    """Lines over a logarithmic x, so that short runs and long ones can be seen side by side."""
    height, bottom, head = 300 if width >= _STACKED else 260, 46, 26
    points = [point for curve in drawn for point in curve.points]
    assert points
    least_x, most_x = (f(math.log10(x) for x, _ in points) for f in (min, max))
    least_y, most_y = (f(y for _, y in points) for f in (min, max))
    ticks = round_ticks(least_y, most_y)
    left, floor = max(len(f"{t:g}") for t in ticks) * LETTER * SMALL + 14, height - bottom
    room = width - left - 16
    drawing = Drawing(width, height)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - least_x) / ((most_x - least_x) or 1)
        up = (y - ticks[0]) / ((ticks[-1] - ticks[0]) or 1)
        return left + room * across, floor - (floor - head) * up

    drawing.text(0, 14, y_axis, colour="muted", size=SMALL)
    for tick in ticks:
        _, y = at(points[0][0], tick)
        drawing.box(left, y - 0.5, room, 1, "grid")
        drawing.text(left - 8, y + 4, f"{tick:g}", align="right", colour="muted", size=SMALL)
    for power in range(math.ceil(least_x), math.floor(most_x) + 1):
        x, _ = at(10.0**power, ticks[0])
        drawing.text(x, floor + 18, power_name(power), align="center", colour="muted", size=SMALL)
    for curve in drawn:
        last = curve.points[-1]
        title = f"{curve.label}: {last[1]:.3g} at the end, {last[0]:,.0f}"
        drawing.line([at(*point) for point in curve.points], curve.colour, title=title)
    drawing.text(left + room / 2, floor + 38, x_axis, align="center", colour="muted", size=SMALL)
    return drawing.svg(alt)


def round_ticks(least: float, most: float) -> list[float]:
    """Four to eight round numbers from at most `least` to at least `most`."""
    spread = (most - least) or abs(most) or 1.0
    unit = 10.0 ** math.floor(math.log10(spread))
    step = next(unit * factor for factor in (0.1, 0.2, 0.5, 1.0, 2.0) if spread / (unit * factor) <= 6)
    first, last = math.floor(least / step), math.ceil(most / step)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def power_name(power: int) -> str:
    """A power of ten as people write it: 100 k, 1 M, 10 M."""
    for unit, size in (("G", 9), ("M", 6), ("k", 3)):
        if power >= size:
            return f"{10 ** (power - size)} {unit}"
    return f"{10**power}" if power >= 0 else f"1e{power}"
