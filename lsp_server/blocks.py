"""Ends of suggestions that leave something open or lead nowhere, cut off. Pure.

Not here: where a block ends (model/lines.py), what only a parser can tell (soundness.py).
"""

from __future__ import annotations

import re

from lsp_server.place import Place
from model import syntax

# What is left with these is left: nothing behind them on their level is ever reached.
_LEAVES = re.compile(r"(?:return|raise|break|continue)\b(?!\s*=)")
_LEAVES_IN_BRACES = re.compile(r"(?:return|throw|break|continue|goto)\b(?!\s*=)")
# What may stand there all the same: labels and cases, functions that are known before they are reached, what
# makes a function a generator.
_REACHED = re.compile(
    r"[)\]}#]|(?:case|default|yield|else|elif|except|finally|catch|async|function|class)\b|\w+\s*:(?!:)"
)


def without_open_string(text: str, place: Place) -> str:
    """Cut before the line on which a string begins that neither the text nor the rest of the line closes."""
    if place.inside == "string":
        return text
    line = text + place.rest
    *_, last = [("", "", 0), *place.lexed(text)]
    group, string, at = last
    if group != "unclosed" or at + len(string) != len(text):
        return text
    if place.rest.strip() and not any(
        group == "unclosed" and start <= at for group, _string, start in place.lexed(line)
    ):
        return text
    return text[: max(0, text.rfind("\n", 0, max(0, at)))]


def without_empty_block(text: str, place: Place) -> str:
    """Drop last lines that open a block and have no body, unless they are all there is."""
    return without_empty_end(text, place.language)


def without_empty_end(text: str, entry: syntax.Language) -> str:
    """As `without_empty_block`, wherever the text stands."""
    while (newline := text.rstrip().rfind("\n")) > 0 and text[:newline].strip():
        line = syntax.code_of(text[newline + 1 :].rstrip(), entry.name)
        if not re.fullmatch(rf"[ \t]*{entry.opening_line}", line):
            return text
        text = text[:newline]
    return text


def without_dead_end(text: str, place: Place) -> str:
    """Cut behind a statement that leaves the block, such as `return`, where more follows on its level."""
    if place.inside is not None or place.rest.strip():
        return text
    entry = place.language
    leaves = _LEAVES_IN_BRACES if entry.braces else _LEAVES
    seam, whole = len(place.logical), place.logical + text
    left: int | None = None  # the depth of the statement that leaves
    finish = 0
    if not place.head.strip():
        left = _left_above(place, leaves)
    for start, end in syntax.logical_lines(whole, entry.name):
        line = whole[start:end]
        begun = line.lstrip()
        if not begun or begun.startswith(entry.decorations):
            continue
        depth = syntax.indentation(line)
        if left is not None and depth == left and not _REACHED.match(begun):
            return text[: max(0, finish - seam)]
        left = depth if leaves.match(begun) and _is_whole(line, entry) else None
        finish = end
    return text


def _left_above(place: Place, leaves: re.Pattern[str]) -> int | None:
    """The depth of the line right above, where it leaves the block."""
    line = place.above.rstrip("\n").rpartition("\n")[2]
    if leaves.match(line.lstrip()) and _is_whole(line, place.language):
        return syntax.indentation(line)
    return None


def _is_whole(line: str, entry: syntax.Language) -> bool:
    """Whether a statement is over with its line, as far as the line tells."""
    code = syntax.code_of(line, entry.name)
    if syntax.lexical(code, entry.name).brackets:
        return False
    return not entry.braces or code.endswith(";")
