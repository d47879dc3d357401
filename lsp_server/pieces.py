"""The piece of a file around the cursor that is parsed: a long file would take too long. Pure.

A piece begins and ends where it parses by itself, as far as the lexicon tells.

Not here: what is tried in it (soundness.py).
"""

from __future__ import annotations

import re

from model import syntax
from model.fim import Hole
from model.languages.entry import Language

SHORT = 9000  # characters of a file that is parsed whole
_ABOVE = 3000
_FURTHER_ABOVE = 8000
_BELOW = 1500
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_LINE = re.compile(r"^([ \t]*)[^\s#)\]}]", re.MULTILINE)
# Lines that belong to the one above, or to the one below: no piece begins or ends with them.
_BEGINS_NOTHING = re.compile(r"[ \t]*(?:else|elif|except|finally|catch|case|default)\b")


def pieces(hole: Hole) -> list[tuple[str, str]]:
    """The text before and behind the cursor to parse; several where what is around is a guess, best first.

    What begins in the middle of blocks stands in an opener of the language, so that it may parse.
    """
    if len(hole.prefix) + len(hole.suffix) <= SHORT:
        return [(hole.prefix, hole.suffix)]
    entry = syntax.language(hole.language)
    above, below = _above(hole.prefix, entry), _below(hole.suffix, entry)
    # What is indented belongs to something: without it, it would not parse.
    openers = [""] if len(above) == len(hole.prefix) or not above[:1].isspace() else [entry.opener + "\n"]
    if openers[0] and entry.braces:
        openers.append("class _ {\n")
    if not entry.braces:
        return [(opener + above, below) for opener in openers]
    return [(opener + above, _balanced(opener + above, below, entry)) for opener in openers]


def _above(prefix: str, entry: Language) -> str:
    """The text before the cursor, from a line on that stands in nothing, or in as little as possible."""
    if len(prefix) <= _ABOVE:
        return prefix
    for reach in (_ABOVE, _FURTHER_ABOVE):
        above = prefix[-reach:]
        above = above[above.find("\n") + 1 :]
        fresh = [above.rfind("\n", 0, found.end()) + 1 for found in entry.fresh_start.finditer(above)]
        if fresh:
            return above[min(fresh, key=lambda at: (syntax.indentation(above[at : at + 200]), at)) :]
    above = prefix[-_ABOVE:]
    above = above[above.find("\n") + 1 :]
    lines = [line for line in _LINE.finditer(above) if not _BEGINS_NOTHING.match(above, line.start())]
    return above[min(lines, key=lambda line: len(line.group(1))).start() :] if lines else above


def _below(suffix: str, entry: Language) -> str:
    """The text behind the cursor, up to the last line of the first ones at the margin."""
    if len(suffix) <= _BELOW:
        return suffix
    below = suffix[:_BELOW]
    below = below[: below.rfind("\n") + 1]
    lines = [
        (syntax.indentation(below[start:end]), start)
        for start, end in syntax.logical_lines(below, entry.name)
        if start
        and _LINE.match(below, start)
        and end < len(below)
        and not _BEGINS_NOTHING.match(below, start)
    ]
    if not lines:
        return below
    least = min(lines)[0]
    cut = next(start for depth, start in reversed(lines) if depth == least)
    while (line := below.rfind("\n", 0, max(0, cut - 1)) + 1) and below[line:].lstrip(" \t")[:1] == "@":
        cut = line
    return below[:cut]


def _balanced(above: str, below: str, entry: Language) -> str:
    """The text behind the cursor up to what would close more than is open, with what stays open closed."""
    state = syntax.lexical(above, entry.name)
    if state.inside is not None:
        return below
    stack = list(state.brackets)
    for found in entry.lexicon.finditer(below):
        if found.lastgroup == "opener":
            stack.append(found.group())
        elif found.lastgroup == "closer":
            if not stack:
                return below[: found.start()]
            stack.pop()
    return below + "\n" + "".join(_CLOSERS[one] for one in reversed(stack))
