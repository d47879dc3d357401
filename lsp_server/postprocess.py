"""From what the model wrote to what is worth showing. Pure.

`stopper` ends decoding as soon as the line or block is complete; `clean` applies `RULES`, which are kept by
what they are about: repetition.py, overlap.py, blocks.py, indentation.py.

Not here: where a block ends (model/lines.py), whether to suggest at all (trigger.py), what does not parse
(soundness.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from lsp_server.blocks import without_dead_end, without_empty_block, without_open_string
from lsp_server.indentation import (
    as_the_file_indents,
    columns_of_a_tab,
    on_levels,
    without_trailing_blanks,
)
from lsp_server.overlap import without_next_lines, without_overlap, without_stray_closers
from lsp_server.place import Place, place_of, squeezed
from lsp_server.repetition import stutter, without_counting, without_line_above, without_loops
from lsp_server.trigger import Kind, hole_line, logical_line, state_at_cursor
from model import syntax
from model.fim import Hole

_HALF_A_CHARACTER = "\ufffd"  # what bytes that are no text decode to
_STUTTER_EVERY = 12  # characters
# A last line whose first word, or whatever it begins with, is complete.
_BEGUN = re.compile(r"\n[ \t]*(?:\w+[^\w\n]|[^\w\s])[^\n]*\Z")


def stopper(hole: Hole, kind: Kind, max_lines: int, *, lead: str = "") -> Callable[[str], int | None]:
    """The engine's stop rule: where the text so far is complete, as a character offset, or None.

    A line ends at its line end; with nothing behind the cursor, brackets that it opens are closed first,
    unless it is a line of a string. A string of several lines that it opens is closed first wherever the
    cursor is. A block ends as `syntax.block_end` says. Neither has more than `max_lines` lines. With a
    `lead`, which stands between the cursor and the text, the block is still that of the cursor's line.
    """
    head, rest = hole_line(hole)
    # A statement over several lines has the depth of its first.
    logical = logical_line(hole)
    block_head = logical[: len(logical) - len(logical.lstrip(" \t"))] + head.lstrip(" \t")
    behind, inside = bool(rest.strip()), state_at_cursor(hole).inside
    physical = inside == "string" or (inside is not None and behind)
    tab = columns_of_a_tab(hole) if kind == "block" else 8

    def end_of_line(text: str) -> int | None:
        newline = text.find("\n")
        if newline < 0:
            return None
        if physical:
            return newline
        for found in re.finditer("\n", text):
            # With its line end, at which a string of one line is over, closed or not.
            state = syntax.lexical(head + text[: found.end()], hole.language)
            if (behind or not state.brackets) and state.inside != "string":
                return found.start()
        return None

    # Asked behind every token, but a text that grew by a word has seldom come to an end.
    looked_until = judged_until = -1

    def end(text: str) -> int | None:
        nonlocal looked_until, judged_until
        text = lead + text
        ends = [_line_limit(text, max_lines)]
        if not 0 <= len(text) - looked_until < _STUTTER_EVERY or looked_until < 0:
            looked_until = len(text)
            ends.append(stutter(text))
        if kind == "line":
            ends.append(end_of_line(text))
        elif not (0 <= judged_until <= len(text) and "\n" not in text[judged_until:]):
            ends.append(syntax.block_end(block_head, text, hole.language, tab=tab))
            # Where the last line belongs is known once its first word is.
            judged_until = len(text) if _BEGUN.search(text) else -1
        first = min((one for one in ends if one is not None), default=None)
        return None if first is None else max(0, first - len(lead))

    return end


def _line_limit(text: str, max_lines: int) -> int | None:
    """The end of the last line allowed; blank lines before the first line do not count."""
    at = len(text) - len(text.lstrip())
    for _ in range(max_lines):
        at = text.find("\n", at) + 1
        if at == 0:
            return None
    return at - 1


# In this order: what cuts most comes first, and what is left of brackets is judged last.
RULES: tuple[Callable[[str, Place], str], ...] = (
    without_loops,
    without_counting,
    without_open_string,
    as_the_file_indents,
    on_levels,
    without_dead_end,
    without_empty_block,
    without_next_lines,
    without_line_above,
    without_overlap,
    without_stray_closers,
    without_trailing_blanks,
)


def clean(
    text: str,
    hole: Hole,
    kind: Kind,
    max_lines: int,
    *,
    finished: bool = True,
    without: Collection[str] = (),
) -> str | None:
    """The text to show, or None when nothing is left. `finished` is false for text that a limit cut.

    `without` names rules that are left out, to measure what they are worth.
    """
    end = stopper(hole, kind, max_lines)(text)
    if end is not None:
        text = text[:end]
    elif not finished and "\n" in text.strip("\n"):
        text = text[: text.rstrip("\n").rfind("\n")]  # the last line stops anywhere
    place = place_of(hole)
    text = text.partition(_HALF_A_CHARACTER)[0]
    if place.rest.strip():
        text = text.rstrip("\n")
    for rule in RULES:
        if text.strip() and rule.__name__ not in without:
            text = rule(text, place)
    text = text.rstrip() if not place.rest.strip() else text.rstrip("\n")
    if place.rest[:1].isspace() and place.rest.strip():
        text = text.rstrip()
    return text if text.strip() else None


def moved(written: str, shown: str, offset: int) -> int:
    """Where in the text shown stands what has this offset in the text that the model wrote.

    Rules change blanks and cut ends, so characters that are not blank are counted.
    """
    wanted = len(squeezed(written[:offset]))
    for at, character in enumerate(shown):
        if wanted == 0:
            return at
        wanted -= not character.isspace()
    return len(shown)


def settle(lead: str, text: str) -> str:
    """The text with its `lead` before it: the first line of code has the lead's indentation.

    Blank lines at the beginning go. A block written deeper is moved out; one that begins shallower was over
    before it began, and nothing is left.
    """
    if not lead:
        return text
    lines = (lead + text).split("\n")[1:]
    while lines and not lines[0].strip():
        del lines[0]
    if not lines:
        return ""
    wanted, found = lead[1:], lines[0][: len(lines[0]) - len(lines[0].lstrip(" \t"))]
    if not found.startswith(wanted):
        return ""
    moved = [wanted + line[len(found) :] if line.startswith(found) else line for line in lines]
    return "\n" + "\n".join(moved)
