"""Does a suggestion leave code that does not parse?

Judged in the piece of the file around the cursor: parsing all of a long file would take as long as the
suggestion did. Pure.

Not here: what is done about it (completer.py).
"""

from __future__ import annotations

import re

from model import syntax
from model.fim import Hole

_ABOVE = 3000  # characters
_BELOW = 1500
_LINE = re.compile(r"^([ \t]*)[^\s#)\]}]", re.MULTILINE)
# Lines that belong to the one above, or to the one below: no piece begins or ends with them.
_BEGINS_NOTHING = re.compile(r"[ \t]*(?:else|elif|except|finally)\b")


def errors_with(hole: Hole, text: str, *, everywhere: bool = False) -> int:
    """How many syntax errors there are around the cursor, or everywhere, with this text in the hole.

    Where nothing follows, an end that is merely unfinished is none: more will be written.
    """
    above, below = (hole.prefix, hole.suffix) if everywhere else (_above(hole), _below(hole))
    whole = above + text
    if below.strip():
        return _errors(whole + below, hole.language)
    least = 0
    for tail in syntax.endings(whole, hole.language):
        errors = _errors(whole.rstrip() + tail, hole.language)
        if not errors:
            return 0
        least = min(least or errors, errors)
    return least


def _errors(text: str, language: str) -> int:
    return len(syntax.error_spans(syntax.parse(text, language)))


def _above(hole: Hole) -> str:
    """The text before the cursor, from the least indented line of the last ones on."""
    if len(hole.prefix) <= _ABOVE:
        return hole.prefix
    above = hole.prefix[-_ABOVE:]
    above = above[above.find("\n") + 1 :]
    lines = [line for line in _LINE.finditer(above) if not _BEGINS_NOTHING.match(above, line.start())]
    if not lines:
        return above
    first = min(lines, key=lambda line: len(line.group(1)))
    # What is indented belongs to something: without it, it would not parse.
    opener = syntax.language(hole.language).opener + "\n" if first.group(1) else ""
    return opener + above[first.start() :]


def _below(hole: Hole) -> str:
    """The text behind the cursor, up to the last line of the first ones at the margin."""
    if len(hole.suffix) <= _BELOW:
        return hole.suffix
    below = hole.suffix[:_BELOW]
    below = below[: below.rfind("\n") + 1]
    starts = [line.start() for line in _LINE.finditer(below) if not line.group(1) and line.start()]
    if not starts:
        return below
    cut = starts[-1]
    while (line := below.rfind("\n", 0, max(0, cut - 1)) + 1) and below[line] == "@":
        cut = line
    return below[:cut]
