"""What stands in the file already is not written again: the rest of the line, the next lines, closers. Pure.

Not here: what stands above the cursor (repetition.py), what only a parser can tell (soundness.py).
"""

from __future__ import annotations

import re

from lsp_server.place import Place, squeezed

_PAIRS = {")": "(", "]": "[", "}": "{"}
_LEAST_CHARACTERS = 4  # of words, in lines that differ from the next ones in blanks
_DELIMITERS = "\"'`,"


def without_next_lines(text: str, place: Place) -> str:
    """Cut before a line that is the next line of the file, or before an end that is its next lines.

    A single line must be indented as it stands below: `return` at two depths is common. Other blanks count
    for nothing.
    """
    lines = text.split("\n")
    following = [line.rstrip() for line in _first_lines(place.below, len(lines))]
    if not following:
        return text
    written = [(place.head + line if number == 0 else line).rstrip() for number, line in enumerate(lines)]
    next_lines = [squeezed(line) for line in following]
    for number, line in enumerate(written):
        if _same(line, following[0]):
            return "\n".join(lines[:number])
        end = [squeezed(one) for one in written[number:] if one]
        if len(end) > 1 and end == next_lines[: len(end)] and _words_in("".join(end)) >= _LEAST_CHARACTERS:
            return "\n".join(lines[:number])
    return text


def _first_lines(text: str, count: int) -> list[str]:
    """The first lines that are not blank."""
    found: list[str] = []
    at = 0
    while len(found) < count and at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if line.strip():
            found.append(line)
        at = end + 1
    return found


def _same(line: str, other: str) -> bool:
    if line == other:
        return True
    indentation = len(line) - len(line.lstrip())
    return (
        line[:indentation] == other[: len(other) - len(other.lstrip())]
        and squeezed(line) == squeezed(other)
        and _words_in(line) >= _LEAST_CHARACTERS
    )


def _words_in(text: str) -> int:
    """How many characters of words the text has."""
    return sum(map(len, re.findall(r"\w+", text)))


def without_overlap(text: str, place: Place) -> str:
    """Drop an end of the text that is the beginning of what follows on the line.

    Words that stand twice are dropped in any case. Brackets and quotes are dropped only as far as the
    line then has fewer closing brackets too many: `f(g(|))` may well want one more.
    """
    rest = place.rest.rstrip()
    if not rest:
        return text
    best, least = text, _unmatched(place.brackets, text + rest)
    for length in range(min(len(text), len(rest)), 0, -1):
        overlap = rest[:length]
        if not text.endswith(overlap):
            continue
        shorter = text[:-length]
        if re.search(r"\w\w", overlap) or overlap[0] in _DELIMITERS or overlap == rest == ":":
            return shorter
        # Half of `::` is no colon, which a slice or a path may want.
        if overlap[0] == ":" and len(overlap) > 1 and overlap[1] != ":":
            return shorter
        excess = _unmatched(place.brackets, shorter + rest)
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


def without_stray_closers(text: str, place: Place) -> str:
    """Cut before a closing bracket that closes nothing, if only more of them follow on its line."""
    stack = list(place.brackets)
    for group, bracket, at in place.lexed(text):
        if group == "opener":
            stack.append(bracket)
        elif group == "closer":
            if stack and stack[-1] == _PAIRS[bracket]:
                stack.pop()
            elif re.fullmatch(r"[)\]}\s:;,]*", text[at:].split("\n")[0]):
                return text[:at]
            else:
                return text
    return text
