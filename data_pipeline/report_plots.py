"""Plots of the corpus report, as SVG to be put inside a page: bars, columns and a treemap.

matplotlib writes the SVG; what it adds of itself (metadata, a style sheet for the whole page, ids) is taken
away, so that several plots share a page and the same input gives the same bytes. Colours are CSS variables
of the page, which therefore decides on light and dark; letters stay text. Sizes are CSS pixels. Every mark
carries a `<title>`, which browsers show under the pointer. What is drawn comes from a corpus and may be
hostile: no label is read as markup or mathematics.

Which figures are drawn, and the tables behind them: report.py and its template.
"""

from __future__ import annotations

import io
import math
import re
import unicodedata
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Colours by the names of the page's CSS variables. matplotlib knows no variables, so each is drawn in a
# colour of its own that no plot uses otherwise, and replaced in the SVG.
COLOURS = (
    "ink", "muted", "grid", "track", "lost", "train", "validation", "test", "other",
    "on-train", "on-validation", "on-test", "on-other",
    "hue-1", "hue-2", "hue-3", "hue-4", "hue-5", "hue-6",
)  # fmt: skip
_PLACEHOLDER = {name: f"#{number:06x}" for number, name in enumerate(COLOURS, start=1)}
_VARIABLE = {placeholder: f"var(--{name})" for name, placeholder in _PLACEHOLDER.items()}
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_FAMILY = re.compile(r" font-family: [^;]*;")
_FONT, _SMALL = 14.0, 12.5
# Widths of letters differ from font to font, and the reader's is unknown: a cautious mean, in font sizes.
_LETTER = 0.6


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


def plain(text: str) -> str:
    """One line of text without what no page can show: control characters, halves of surrogate pairs."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in text)


def bars(rows: Sequence[Bar], *, width: int, alt: str) -> str:
    """Horizontal bars on one scale. Labels stand left of the bars, in a narrow plot above them."""
    stacked = width < 480
    line, thick = (44, 14) if stacked else (32, 18)
    letters = max((len(row.label) for row in rows), default=0)
    left = 0.0 if stacked else min(0.34 * width, letters * _LETTER * _FONT + 12)
    right = max((len(row.note) for row in rows), default=0) * _LETTER * _FONT + 10
    room = width - left - right
    longest = max((sum(p.value for p in row.parts) for row in rows), default=0) or 1
    drawing = _Drawing(width, max(1, len(rows)) * line + 4)
    for number, row in enumerate(rows):
        top = number * line + 2
        if stacked:
            drawing.text(0, top + 14, _shortened(row.label, width), title=row.label)
            top += 21
        else:
            middle = top + line / 2 + 4
            drawing.text(left - 10, middle, _shortened(row.label, left - 10), align="right", title=row.label)
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
    left = max(len(f"{t:,}") for t in ticks) * _LETTER * _SMALL + 12
    drawing = _Drawing(width, height)
    floor, room = height - bottom, width - left - 14
    for tick in ticks:
        y = floor - (floor - head) * tick / ticks[-1]
        drawing.box(left, y - 0.5, room, 1, "grid")
        drawing.text(left - 8, y + 4, f"{tick:,}", align="right", colour="muted", size=_SMALL)
    step = room / max(1, len(values))
    gap = 1 if edges else step * 0.12
    for number, (value, title) in enumerate(zip(values, titles, strict=True)):
        tall = (floor - head) * value / ticks[-1]
        tall = max(tall, 1.0) if value > 0 else 0.0
        drawing.box(left + number * step + gap, floor - tall, step - 2 * gap, tall, "train", title)
    names, shift = (edges, 0.0) if edges else (labels, 0.5)
    widest = max((len(name) for name in names), default=1) * _LETTER * _SMALL + 8
    every = max(1, math.ceil(widest / step))
    for number in range(0, len(names), every):
        drawing.text(
            left + (number + shift) * step,
            floor + 17,
            names[number],
            align="center",
            colour="muted",
            size=_SMALL,
        )
    drawing.text(left + room / 2, floor + 37, axis, align="center", colour="muted", size=_SMALL)
    return drawing.svg(alt)


def treemap(tiles: Sequence[Tile], *, width: int, height: int, alt: str) -> str:
    """Rectangles whose areas are the values, largest first (squarified: Bruls, Huizing, van Wijk 2000)."""
    ordered = sorted((t for t in tiles if t.value > 0), key=lambda t: (-t.value, t.label))
    drawing = _Drawing(width, height)
    places = _squarified([t.value for t in ordered], 0.0, 0.0, float(width), float(height))
    for tile, (x, y, w, h) in zip(ordered, places, strict=True):
        drawing.box(x + 0.75, y + 0.75, max(0.5, w - 1.5), max(0.5, h - 1.5), tile.colour, tile.title)
        size = min(20.0, max(10.0, math.sqrt(w * h) / 9))
        label = _shortened(tile.label, w - 10, size)
        if h < size * 1.9 or len(label) < min(len(tile.label), 5):
            continue
        colour = f"on-{tile.colour}"
        drawing.text(x + 7, y + size + 5, label, colour=colour, size=size)
        small = max(10.0, size * 0.75)
        if h >= size * 1.9 + small * 1.3 and _shortened(tile.note, w - 10, small) == tile.note:
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


def _shortened(text: str, room: float, size: float = _FONT) -> str:
    letters = max(1, int(room / (_LETTER * size)))
    return text if len(text) <= letters else text[: letters - 1] + "…"


class _Drawing:
    """Boxes and lines of text at pixels from the top left corner, drawn by matplotlib."""

    def __init__(self, width: int, height: int) -> None:
        from matplotlib.figure import Figure

        self._height = height
        # At 72 dots an inch a pixel of the figure is a unit of the SVG.
        self._figure: Any = Figure(figsize=(width / 72, height / 72), dpi=72)
        self._figure.patch.set_visible(False)
        self._titles: dict[str, str] = {}

    def _remember(self, artist: Any, title: str) -> None:
        if title:
            identity = f"mark-{len(self._titles)}"
            self._titles[identity] = plain(title)
            artist.set_gid(identity)

    def box(self, x: float, y: float, width: float, height: float, colour: str, title: str = "") -> None:
        """A filled rectangle with its upper left corner at (x, y)."""
        from matplotlib.patches import Rectangle
        from matplotlib.transforms import IdentityTransform

        patch = Rectangle((x, self._height - y - height), width, height, linewidth=0, antialiased=True)
        patch.set(
            facecolor=_PLACEHOLDER[colour], edgecolor="none", transform=IdentityTransform(), clip_on=False
        )
        self._remember(patch, title)
        self._figure.add_artist(patch)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        align: str = "left",
        colour: str = "ink",
        size: float = _FONT,
        title: str = "",
    ) -> None:
        """A line of text whose baseline is at y."""
        from matplotlib.transforms import IdentityTransform

        artist = self._figure.text(x, self._height - y, plain(text), size=size, ha=align, va="baseline")
        # A file may be called "$x$": that is a name, not a formula.
        artist.set(color=_PLACEHOLDER[colour], transform=IdentityTransform(), parse_math=False)
        self._remember(artist, title)

    def svg(self, alt: str) -> str:
        """The drawing as an `<svg>` element that says `alt` to those who do not see it."""
        from matplotlib import rc_context

        out = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "tabwright"}), warnings.catch_warnings():
            # Names in scripts that matplotlib's own font lacks: the browser has them.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            self._figure.savefig(out, format="svg", metadata=nothing)
        # What is parsed was written by matplotlib a line above.
        return _for_a_page(ElementTree.fromstring(out.getvalue()), plain(alt), self._titles)  # noqa: S314


def _for_a_page(root: ElementTree.Element, alt: str, titles: dict[str, str]) -> str:
    """Without what would touch the rest of the page, with colours as variables and titles on the marks."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}defs"):
                parent.remove(child)
    for element in list(root.iter()):
        element.tag = element.tag.removeprefix(_SVG)
        identity = element.attrib.pop("id", "")
        element.attrib.pop("clip-path", None)
        style = element.get("style", "")
        for placeholder, variable in _VARIABLE.items():
            style = style.replace(placeholder, variable)
        if style:
            element.set("style", _FAMILY.sub("", style))  # letters are in the page's own
        if identity in titles:
            title = ElementTree.Element("title")
            title.text = titles[identity]
            element.insert(0, title)
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib.update({"viewBox": box, "role": "img", "aria-label": alt})
    return ElementTree.tostring(root, encoding="unicode")
