"""Open texts, and the one place where an editor's positions become character offsets.

Editors count lines by LF, CRLF and CR alone (Python's `splitlines`, which pygls uses, also breaks at form
feeds and seven other characters) and columns in the code units that were agreed on, UTF-16 unless said
otherwise. Texts are kept with their own line ends; `context.py` makes them LF.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
Spot = tuple[int, int]  # line and column as the editor counts them

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One open file at one moment; a change makes a new one. `path` is the file system's, or a name."""

    path: str
    language_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of a document: of the range, or of all of it where there is none."""

    text: str
    start: Spot | None = None
    end: Spot | None = None


def edited(document: Document, edits: Iterable[Edit], encoding: Encoding) -> Document:
    """The document after edits, each in the text that the one before it left."""
    text = document.text
    for edit in edits:
        if edit.start is None or edit.end is None:
            text = edit.text
        else:
            text = changed(text, edit.start, edit.end, edit.text, encoding)
    return replace(document, text=text)


def line_end(text: str) -> str:
    """The line end that a text uses, judged by its first; LF where it has none."""
    found = _LINE_END.search(text)
    return found.group() if found else "\n"


def units(text: str, encoding: Encoding) -> int:
    """Length of a text in code units."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def offset_at(text: str, line: int, character: int, encoding: Encoding) -> int | None:
    """Character offset of a position, or None where the text has no such place.

    A column within a character, such as between two surrogates, is that of the character's start.
    """
    bounds = _line_bounds(text, line)
    return None if bounds is None else _offset_in_line(text, *bounds, character, encoding)


def _offset_in_line(text: str, start: int, end: int, character: int, encoding: Encoding) -> int | None:
    content = text[start:end]
    if character < 0:
        return None
    if content.isascii() or encoding == "utf-32":
        return start + character if character <= len(content) else None
    if units(content, encoding) < character:
        return None
    # The most characters that fit into the column, by halving: a line may have millions, and a decoded slice
    # would count two lone surrogates as one character.
    least, most = 0, len(content)
    while least < most:
        middle = (least + most + 1) // 2
        taken = units(content[least:middle], encoding)
        if taken <= character:
            least, character = middle, character - taken
        else:
            most = middle - 1
    return start + least


def position_of(text: str, offset: int, encoding: Encoding) -> Spot:
    """Line and column, in code units, of a character offset."""
    if _only_lf_ends(text):
        start = text.rfind("\n", 0, offset) + 1
        return text.count("\n", 0, offset), units(text[start:offset], encoding)
    line = start = 0
    for found in _LINE_END.finditer(text, 0, offset):
        if found.group() == "\r" and text[found.end() : found.end() + 1] == "\n":
            break  # between CR and LF
        line, start = line + 1, found.end()
    return line, units(text[start:offset], encoding)


def changed(text: str, start: Spot, end: Spot, new: str, encoding: Encoding) -> str:
    """The text with a range replaced. Places outside the text are moved to its nearest, as LSP asks."""
    first = _nearest(text, *start, encoding)
    last = first if end == start else _nearest(text, *end, encoding)
    return text[:first] + new + text[max(first, last) :]


def _nearest(text: str, line: int, character: int, encoding: Encoding) -> int:
    bounds = _line_bounds(text, line)
    if bounds is None:
        return len(text)
    offset = _offset_in_line(text, *bounds, max(0, character), encoding)
    return bounds[1] if offset is None else offset


def _only_lf_ends(text: str) -> bool:
    """Whether every line ends with LF or CRLF: then a few searches find a line, at any size."""
    return "\r" not in text or text.count("\r") == text.count("\r\n")


def _line_bounds(text: str, line: int) -> tuple[int, int] | None:
    """Start and end of a line, counted from 0, without its line end."""
    if line < 0:
        return None
    if _only_lf_ends(text):
        pieces = text.split("\n", line)
        if len(pieces) <= line:
            return None
        start = len(text) - len(pieces[-1])
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        return start, end - (text[end - 1 : end] == "\r" and end > start and end < len(text))
    start = count = 0
    for found in _LINE_END.finditer(text):
        if count == line:
            return start, found.start()
        start, count = found.end(), count + 1
    return (start, len(text)) if count == line else None
