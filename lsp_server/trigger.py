"""Whether to suggest anything at a place, and how much: nothing, a line or a block.

The rule, first match wins. `rest` is what stands behind the cursor on its line.

    nothing  the model does not know the language
    nothing  the cursor is within a word: word characters on both sides
    line     the rest holds anything but blanks; a block would push it away
    line     the cursor is within a string, such as a docstring
    block    the line is empty so far, blanks apart
    block    the line is a comment
    block    the line opens a block (ends with a colon) or ends a docstring: on the next line, indented
    line     otherwise

Pure. How a line and a block end is told in postprocess.py.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from model import syntax
from model.fim import Hole

Kind = Literal["none", "line", "block"]

_ENDS_DOCSTRING = re.compile(r"('''|\"\"\")\s*$")
# Where a statement begins that is outside every bracket and string, or nearly always. Prose in docstrings may
# begin a line with "if" or "from", hence the rest of the line.
_FRESH_START = re.compile(
    r"^[ \t]*(?:async def|def|class) \w|^@\w|^import \w|^from \S+ import |^(?:if|for|with) .*:$", re.MULTILINE
)
_READ_BACK = 8000  # characters
_INDENTED = re.compile(r":[ \t]*\n([ \t]+)\S")
_WITHIN_WORD = re.compile(r"\w\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How much to suggest, and why. `lead` is the line end and indentation that surely come first."""

    kind: Kind
    reason: str
    lead: str = ""


def decide(hole: Hole, languages: Collection[str]) -> Decision:
    """The rule of this module, for a model that was trained on `languages`."""
    if hole.language not in languages:
        known = ", ".join(sorted(languages)) or "no language"
        return Decision(
            kind="none", reason=f"the model knows {known}, not {hole.language or 'this language'}"
        )
    head, rest = hole_line(hole)
    if _WITHIN_WORD.search(head) and re.match(r"\w", rest):
        return Decision(kind="none", reason="the cursor is within a word")
    if rest.strip():
        return Decision(kind="line", reason="text follows on the line")
    if state_at_cursor(hole).inside == "string":
        return Decision(kind="line", reason="the cursor is within a string")
    if not head.strip():
        return Decision(kind="block", reason="the line is empty")
    if head.lstrip().startswith(syntax.language(hole.language).line_comment):
        return Decision(kind="block", reason="the line is a comment")
    if head.rstrip().endswith(":"):
        lead = "\n" + _indentation(head) + _indentation_step(hole)
        return Decision(kind="block", reason="the line opens a block", lead=lead)
    if _ends_docstring(hole, head):
        return Decision(kind="block", reason="the line ends a docstring", lead="\n" + _indentation(head))
    return Decision(kind="line", reason="the line has begun")


def hole_line(hole: Hole) -> tuple[str, str]:
    """The line of the cursor, before and behind it."""
    return hole.prefix[hole.prefix.rfind("\n") + 1 :], hole.suffix.partition("\n")[0]


def state_at_cursor(hole: Hole) -> syntax.Lexical:
    """In a string or comment, and the open brackets, read from the last place that surely begins afresh."""
    recent = hole.prefix[-_READ_BACK:]
    starts = [found.start() for found in _FRESH_START.finditer(recent)]
    return syntax.lexical(recent[starts[-1] :] if starts else recent, hole.language)


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _indentation_step(hole: Hole) -> str:
    """What one level of indentation is in this file: its first indented line's, four spaces without one."""
    found = _INDENTED.search(hole.prefix) or _INDENTED.search(hole.suffix)
    return found.group(1) if found else "    "


def _ends_docstring(hole: Hole, head: str) -> bool:
    """Whether the line ends with triple quotes that close a string which began a line."""
    ending = _ENDS_DOCSTRING.search(head)
    if ending is None:
        return False
    quotes = ending.group(1)
    close = len(hole.prefix) - len(head) + ending.start()
    opening = hole.prefix.rfind(quotes, max(0, close - 5000), close)
    if opening < 0:
        return False
    line = hole.prefix[hole.prefix.rfind("\n", 0, opening) + 1 : opening]
    return line.strip() in ("", "r", "R")
