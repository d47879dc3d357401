"""Drawing for reports: boxes, lines and text at pixels, as SVG to be put inside a page.

matplotlib writes the SVG; what it adds of itself (metadata, a style sheet for the whole page, ids) is taken
away, so that several plots share a page and the same input gives the same bytes. Colours are CSS variables
of the page, which therefore decides on light and dark; letters stay text. Sizes are CSS pixels. Every mark
can carry a `<title>`, which browsers show under the pointer. What is drawn may be hostile: no label is read
as markup or mathematics.

Not here: what is drawn (report_plots.py, eval/report/plots.py), the page around it (page.py).
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
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
FONT, SMALL = 14.0, 12.5
# Widths of letters differ from font to font, and the reader's is unknown: a cautious mean, in font sizes.
LETTER = 0.6


def plain(text: str) -> str:
    """One line of text without what no page can show: control characters, halves of surrogate pairs."""
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in text)


def shortened(text: str, room: float, size: float = FONT) -> str:
    """A text as far as there is room for it, in pixels; letters are `size` pixels high."""
    letters = max(1, int(room / (LETTER * size)))
    return text if len(text) <= letters else text[: letters - 1] + "…"


class Drawing:
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

    def line(
        self, points: Sequence[tuple[float, float]], colour: str, *, width: float = 2.0, title: str = ""
    ) -> None:
        """Straight pieces from point to point; fewer than two points are no line."""
        from matplotlib.lines import Line2D
        from matplotlib.transforms import IdentityTransform

        if len(points) < 2:
            return
        line = Line2D([x for x, _ in points], [self._height - y for _, y in points], linewidth=width)
        line.set(color=_PLACEHOLDER[colour], transform=IdentityTransform(), clip_on=False)
        line.set(solid_capstyle="round", solid_joinstyle="round")
        self._remember(line, title)
        self._figure.add_artist(line)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        align: str = "left",
        colour: str = "ink",
        size: float = FONT,
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
