"""A notebook as one document: the code cells of one language, in order, around the cell of the cursor.

The cell of the cursor is whole and as it stands, so its positions are the editor's. Of the others, what is no
code of their language is told as a comment (`!pip install x`, `%matplotlib inline`) or left out (`%%bash`).
Pure. Not here: the texts of cells, which are documents like others (service.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

_BETWEEN = "\n\n"
# Cell magics that leave the rest of the cell what it is; the others hand it to another program.
_SAME_LANGUAGE = re.compile(r"%%(time|timeit|capture|prun|memit|mprun|lprun)\b")
_MAGIC_LINE = re.compile(r"^([ \t]*)(?=[%!]|\?\w)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell. `uri` is that of its text."""

    uri: str
    is_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """One open notebook at one moment. `path` is the file system's, or a name."""

    path: str
    cells: tuple[Cell, ...] = ()

    def spliced(self, start: int, deleted: int, cells: Sequence[Cell]) -> Notebook:
        """With cells put in place of others. A place outside is moved to the nearest."""
        start = min(max(0, start), len(self.cells))
        rest = self.cells[start + max(0, deleted) :]
        return replace(self, cells=(*self.cells[:start], *cells, *rest))

    @property
    def told_path(self) -> str:
        """The path that a model is told: it learned from files of code, whose names end as theirs do."""
        stem = self.path[: -len(".ipynb")] if self.path.endswith(".ipynb") else self.path
        return stem + ".py"


def around(notebook: Notebook, uri: str, text_of: Callable[[str], str | None]) -> tuple[str, str]:
    """The text of the other cells before and behind a cell, with LF line ends and blank lines between.

    `text_of` gives the text of a code cell of the language wanted, None for any other.
    """
    before: list[str] = []
    behind: list[str] = []
    side = before
    for cell in notebook.cells:
        if cell.uri == uri:
            side = behind
        elif cell.is_code and (text := text_of(cell.uri)) is not None and (code := as_code(text)):
            side.append(code)
    if side is before:  # no cell of the notebook: nothing is known of what surrounds it
        return "", ""
    return "".join(code + _BETWEEN for code in before), "".join(_BETWEEN + code for code in behind)


def whole(notebook: Notebook, text_of: Callable[[str], str | None]) -> str:
    """All code cells of the language wanted as one text; `text_of` as in `around`."""
    texts = (text_of(cell.uri) for cell in notebook.cells if cell.is_code)
    codes = [code for text in texts if text is not None and (code := as_code(text))]
    return _BETWEEN.join(codes) + "\n" if codes else ""


def as_code(text: str) -> str:
    """A cell's text without what is no Python in it, and without blank ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()
    if text.startswith("%%"):
        if not _SAME_LANGUAGE.match(text):
            return ""
        text = text.partition("\n")[2]
    return _MAGIC_LINE.sub(r"\1# ", text) if "%" in text or "!" in text or "?" in text else text
