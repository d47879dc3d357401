"""From what the model wrote to what is worth showing. Pure.

`stopper` ends decoding as soon as the line or block is complete; `clean` takes away what would stand twice:
text that follows the cursor already, closing brackets with nothing to close, lines over and over.

Not here: where a block ends (model/syntax.py), whether to suggest at all (trigger.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lsp_server.trigger import Kind, hole_line, logical_line, recent_text, state_at_cursor
from model import syntax
from model.fim import Hole

_PAIRS = {")": "(", "]": "[", "}": "{"}
_HALF_A_CHARACTER = "\ufffd"  # what bytes that are no text decode to
# Short pieces are common in tables, longer ones are not. Rulers are no stutter, see `_stutter`.
_STUTTER = re.compile(r"(\w)\1{59,}|([^\n]{2,7}?)\2{11,}|([^\n]{8,40}?)\3{3,}")
_STUTTER_WITHIN = 500  # characters from the end
_STUTTER_EVERY = 12  # characters
# A last line whose first word, or whatever it begins with, is complete.
_BEGUN = re.compile(r"\n[ \t]*(?:\w+[^\w\n]|[^\w\s])[^\n]*\Z")
_LONGEST_REPEATED = 3  # lines
_TIMES = 3


def stopper(hole: Hole, kind: Kind, max_lines: int, *, lead: str = "") -> Callable[[str], int | None]:
    """The engine's stop rule: where the text so far is complete, as a character offset, or None.

    A line ends at its line end; with nothing behind the cursor, brackets that it opens are closed first,
    unless it is a line of a string. A block ends as `syntax.block_end` says. Neither has more than
    `max_lines` lines. With a `lead`, which stands between the cursor and the text, the block is still that
    of the cursor's line.
    """
    head, rest = hole_line(hole)
    # A statement over several lines has the depth of its first.
    logical = logical_line(hole)
    block_head = logical[: len(logical) - len(logical.lstrip(" \t"))] + head.lstrip(" \t")
    physical = bool(rest.strip()) or state_at_cursor(hole).inside == "string"

    def end_of_line(text: str) -> int | None:
        newline = text.find("\n")
        if newline < 0:
            return None
        if physical:
            return newline
        for found in re.finditer("\n", text):
            state = syntax.lexical(head + text[: found.start()], hole.language)
            if not state.brackets and state.inside != "string":
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
            ends.append(_stutter(text))
        if kind == "line":
            ends.append(end_of_line(text))
        elif not (0 <= judged_until <= len(text) and "\n" not in text[judged_until:]):
            ends.append(syntax.block_end(block_head, text, hole.language))
            # Where the last line belongs is known once its first word is.
            judged_until = len(text) if _BEGUN.search(text) else -1
        first = min((one for one in ends if one is not None), default=None)
        return None if first is None else max(0, first - len(lead))

    return end


def _stutter(text: str) -> int | None:
    """The start of the line on which the same few words come over and over: the model has lost its way."""
    skipped = max(0, len(text) - _STUTTER_WITHIN)
    for found in _STUTTER.finditer(text, skipped):
        piece = found.group(2) or found.group(3)
        if piece is None or (re.search(r"\w", piece) and re.search(r"\W", piece)):
            return max(0, text.rfind("\n", 0, found.start()))
    return None


def _line_limit(text: str, max_lines: int) -> int | None:
    """The end of the last line allowed; blank lines before the first line do not count."""
    at = len(text) - len(text.lstrip())
    for _ in range(max_lines):
        at = text.find("\n", at) + 1
        if at == 0:
            return None
    return at - 1


def clean(text: str, hole: Hole, kind: Kind, max_lines: int, *, finished: bool = True) -> str | None:
    """The text to show, or None when nothing is left. `finished` is false for text that a limit cut."""
    end = stopper(hole, kind, max_lines)(text)
    if end is not None:
        text = text[:end]
    elif not finished and "\n" in text.strip("\n"):
        text = text[: text.rstrip("\n").rfind("\n")]  # the last line stops anywhere
    head, rest = hole_line(hole)
    text = without_loops(text.partition(_HALF_A_CHARACTER)[0])
    text = _without_open_string(text, hole)
    text = _without_mixed_indentation(text, hole)
    text = _without_empty_block(text, hole.language)
    text = _without_next_lines(text, head, hole.suffix[len(rest) :])
    open_brackets = state_at_cursor(hole).brackets
    text = _without_overlap(text.rstrip("\n") if rest.strip() else text, rest, open_brackets)
    text = _without_stray_closers(text, open_brackets, hole.language)
    text = text.rstrip() if not rest.strip() else text.rstrip("\n")
    if rest[:1].isspace() and rest.strip():
        text = text.rstrip()
    return text if text.strip() else None


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


def _without_open_string(text: str, hole: Hole) -> str:
    """Cut before the line on which the text opens a string that it does not close."""
    before = recent_text(hole)
    if syntax.lexical(before, hole.language).inside == "string":
        return text
    for found in syntax.language(hole.language).lexicon.finditer(before + text):
        if found.lastgroup == "unclosed" and found.end() == len(before) + len(text):
            return text[: max(0, text.rfind("\n", 0, found.start() - len(before)))]
    return text


def _without_mixed_indentation(text: str, hole: Hole) -> str:
    """Cut before the first new line that is indented with spaces in a file of tabs, or the reverse."""
    tabs = re.search(r"^[ ]*\t", hole.prefix, re.MULTILINE) is not None
    strange = re.search(r"\n[ \t]*(?: )(?=[ \t]*\S)" if tabs else r"\n[ \t]*\t(?=[ \t]*\S)", text)
    uses_spaces = re.search(r"^ +\S", hole.prefix, re.MULTILINE) is not None
    return text[: strange.start()] if strange and (tabs != uses_spaces) else text


def _without_empty_block(text: str, language: str) -> str:
    """Drop last lines that open a block and have no body, unless they are all there is."""
    empty = re.compile(rf"\n[ \t]*{syntax.language(language).opening_line}\s*\Z")
    while (found := empty.search(text)) and text[: found.start()].strip():
        text = text[: found.start()]
    return text


def without_loops(text: str) -> str:
    """Cut behind the first of three equal runs of one to three lines."""
    lines = text.split("\n")
    for first in range(len(lines)):
        for length in range(1, _LONGEST_REPEATED + 1):
            run = lines[first : first + length]
            again = lines[first : first + length * _TIMES]
            if any(line.strip() for line in run) and again == run * _TIMES:
                return "\n".join(lines[: first + length])
    return text


def _without_next_lines(text: str, head: str, following: str) -> str:
    """Cut before a line that is the next line of the file already."""
    next_line = next((line.rstrip() for line in following.split("\n") if line.strip()), None)
    if next_line is None:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if (head + line if number == 0 else line).rstrip() == next_line:
            return "\n".join(lines[:number])
    return text


def _without_overlap(text: str, rest: str, open_brackets: str) -> str:
    """Drop an end of the text that is the beginning of what follows on the line.

    Words that stand twice are dropped in any case. Brackets and quotes are dropped only as far as the
    line then has fewer closing brackets too many: `f(g(|))` may well want one more.
    """
    rest = rest.rstrip()
    if not rest or "\n" in text:
        return text
    best, least = text, _unmatched(open_brackets, text + rest)
    for length in range(min(len(text), len(rest)), 0, -1):
        overlap = rest[:length]
        if not text.endswith(overlap):
            continue
        shorter = text[:-length]
        if re.search(r"\w\w", overlap) or overlap[0] in "\"':,":
            return shorter
        excess = _unmatched(open_brackets, shorter + rest)
        if excess < least:
            best, least = shorter, excess
    return best


def _unmatched(open_brackets: str, text: str) -> int:
    """How many closing brackets of the text have nothing to close."""
    stack, excess = list(open_brackets), 0
    for character in text:
        if character in "([{":
            stack.append(character)
        elif character in _PAIRS:
            if stack and stack[-1] == _PAIRS[character]:
                stack.pop()
            else:
                excess += 1
    return excess


def _without_stray_closers(text: str, open_brackets: str, language: str) -> str:
    """Cut before a closing bracket that closes nothing, if only more of them follow on its line."""
    stack = list(open_brackets)
    for found in syntax.language(language).lexicon.finditer(text):
        if found.lastgroup == "opener":
            stack.append(found.group())
        elif found.lastgroup == "closer":
            if stack and stack[-1] == _PAIRS[found.group()]:
                stack.pop()
            elif re.fullmatch(r"[)\]}\s:,]*", text[found.start() :].split("\n")[0]):
                return text[: found.start()]
            else:
                return text
    return text
