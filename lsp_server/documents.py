"""Open texts, and the one place where an editor's positions become character offsets.

Editors count lines by LF, CRLF and CR alone (Python's `splitlines`, which pygls uses, also breaks at form
feeds and seven other characters) and columns in the code units that were agreed on, UTF-16 unless said
otherwise. Texts are kept with their own line ends; `context.py` makes them LF.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
Spot = tuple[int, int]  # line and column as the editor counts them
Near = tuple[int, int]  # a line, with as many LF before it as its number, and the offset at which it begins

_TOP: Near = (0, 0)
_LINE_END = re.compile(r"\r\n|\n|\r")
_FEW = 64  # lines: to go past them one by one is quicker than to count the ends in a part of the text


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One open file at one moment; a change makes a new one. `path` is the file system's, or a name.

    `near` is where it was edited last: the next place is mostly there, and need not be searched for from the
    top of a long file.
    """

    path: str
    language_id: str
    text: str
    near: Near = field(default=_TOP, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of a document: of the range, or of all of it where there is none."""

    text: str
    start: Spot | None = None
    end: Spot | None = None


def edited(document: Document, edits: Iterable[Edit], encoding: Encoding) -> Document:
    """The document after edits, each in the text that the one before it left."""
    text, near = document.text, document.near
    for edit in edits:
        if edit.start is None or edit.end is None:
            text, near = edit.text, _TOP
        else:
            text, near = _changed(text, edit.start, edit.end, edit.text, encoding, near)
    return replace(document, text=text, near=near)


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


def offset_at(text: str, line: int, character: int, encoding: Encoding, near: Near = _TOP) -> int | None:
    """Character offset of a position, or None where the text has no such place.

    A column within a character, such as between two surrogates, is that of the character's start. `near` is
    a place of the text's from which to look.
    """
    bounds = _line_bounds(text, line, near)
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
    return _changed(text, start, end, new, encoding, _TOP)[0]


def _changed(text: str, start: Spot, end: Spot, new: str, encoding: Encoding, near: Near) -> tuple[str, Near]:
    """The same, and a place near the change: the beginning of the line where the range began."""
    first = _nearest(text, *start, encoding, near)
    last = first if end == start else _nearest(text, *end, encoding, near)
    bounds = _line_bounds(text, start[0], near) if _only_lf_ends(text) else None
    near = _TOP if bounds is None else (start[0], bounds[0])
    return text[:first] + new + text[max(first, last) :], near


def _nearest(text: str, line: int, character: int, encoding: Encoding, near: Near) -> int:
    bounds = _line_bounds(text, line, near)
    if bounds is None:
        return len(text)
    offset = _offset_in_line(text, *bounds, max(0, character), encoding)
    return bounds[1] if offset is None else offset


def _only_lf_ends(text: str) -> bool:
    """Whether every line ends with LF or CRLF: then a few searches find a line, at any size."""
    return "\r" not in text or text.count("\r") == text.count("\r\n")


def _line_start(text: str, line: int, near: Near) -> int | None:
    """Where a line begins, if all end with LF; None where there are fewer."""
    passed, start = near
    if line < passed - _FEW:
        passed, start = _TOP
    for _ in range(passed - line):
        start = text.rfind("\n", 0, start - 1) + 1
    left, end = max(0, line - passed), len(text)
    while left > _FEW and end - start > _FEW:
        middle = (start + end) // 2
        ends = text.count("\n", start, middle)
        if ends < left:
            start, left = middle, left - ends
        else:
            end = middle
    for _ in range(left):
        start = text.find("\n", start) + 1
        if not start:
            return None
    return start


def _line_bounds(text: str, line: int, near: Near) -> tuple[int, int] | None:
    """Start and end of a line, counted from 0, without its line end."""
    if line < 0:
        return None
    if _only_lf_ends(text):
        start = _line_start(text, line, near)
        if start is None:
            return None
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        return start, end - (text[end - 1 : end] == "\r" and end > start and end < len(text))
    start = count = 0
    for found in _LINE_END.finditer(text):
        if count == line:
            return start, found.start()
        start, count = found.end(), count + 1
    return (start, len(text)) if count == line else None
