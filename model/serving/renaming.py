"""What the document said in a like place, with the names of this one.

A copied run is often adapted: the loop variable, the class under test. Where the lines before the cursor are
those before another line but for a consistent renaming, that line is offered renamed. As a passage that
repeats the lines before the cursor, so that a memory finds it like any other text. Renaming is one-to-one on
names, as in the parameterised matching of Baker 1995; what else differs rules a line out.

Words within strings and comments are names too, and a part that all renamings agree on is renamed within
other names: with `Cat` to `Dog`, `test_cat_sleeps` becomes `test_dog_sleeps`.

Pure. Not here: searching passages (memory.py), what they are worth (mixture.py).
"""

from __future__ import annotations

import heapq
import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_NAME = r"[^\W\d]\w*"
_LEXEME = re.compile(rf"{_NAME}|\d[\w.]*|[^\w\s]")
_NAMES = re.compile(_NAME)
_NAME_AT_END = re.compile(rf"{_NAME}\Z")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^A-Za-z]+")
_LEAST_PART = 3  # characters: shorter parts stand in names by chance
_FIXED = frozenset(keyword.kwlist) | {"self", "cls"}
_OUTLINED = re.compile(r"[^\w \t\r\f\v]")  # line ends too
_NO_OUTLINE = bytes(code for code in range(256) if code >= 128 or not _OUTLINED.match(chr(code)))
_ANY_NAME = ""  # in a shape; no lexeme is empty

_NEAR = 400  # lines on either side of the cursor
# Longer lines are data.
_LONGEST_LINE = 300  # characters
_MOST_READ = 60  # lines
_MOST_LINES = 6  # that are compared
_LEAST_LEXEMES = 12

Names = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A passage: the lines before the cursor as they stand, then the cursor's with a renamed rest and "\\n".

    `cursor` is the offset in the text at which the rest begins; `line` is that of the line it was made from,
    in the document, counted from 1.
    """

    text: str
    cursor: int
    line: int


class _Line(NamedTuple):
    lexemes: tuple[str, ...]
    ends: tuple[int, ...]
    shape: tuple[str, ...]  # lexemes with `_ANY_NAME` for names


class _Match(NamedTuple):
    lexemes: int
    lines: int  # above the cursor's that are alike
    rest: str


def renamed(prefix: str, suffix: str, *, most: int = 3) -> list[Renamed]:
    """At most `most` passages for a cursor between two texts, the longest agreement first, then the nearest.

    Only those in which a renamed name stands behind the cursor: others are found without.
    """
    *above, head = prefix.rsplit("\n", _NEAR + 1)
    # Where the text was cut, the first piece is all that is left, not a line.
    above = above[-_NEAR:]
    below = suffix.split("\n", _NEAR + 1)[1 : _NEAR + 1]
    cursor = prefix.count("\n") + 1
    before = [line for line in above if line.strip()][-_MOST_LINES:]
    if not before or max(map(len, [*before, head])) > _LONGEST_LINE:
        return []
    alike = [
        (abs(first + index - cursor), first + index, lines[index], earlier)
        for first, lines in ((cursor - len(above), above), (cursor + 1, below))
        for index, earlier in _alike(lines, before)
    ]
    found = []
    # In a table of a thousand like rows the nearest say enough.
    for distance, line, source, earlier in heapq.nsmallest(_MOST_READ, alike):
        match = _match(source, earlier, before, head)
        if match is not None:
            found.append((-match.lexemes, distance, line, match))
    passages: dict[str, Renamed] = {}
    for _, _, line, match in sorted(found):
        if match.rest not in passages:
            repeated = _last_lines(prefix, match.lines)
            text = f"{repeated}{match.rest}\n"
            passages[match.rest] = Renamed(text=text, cursor=len(repeated), line=line)
            if len(passages) == most:
                break
    return list(passages.values())


def _alike(lines: Sequence[str], before: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The lines, by index, that come after one like the last of those before, with the ones above them."""
    lines = [line if len(line) <= _LONGEST_LINE else "" for line in lines]
    outlines = _outline("\n".join(lines)).split(b"\n")
    wanted = _outline(before[-1])
    visible = [index for index, line in enumerate(lines) if line.strip()]
    for place in range(1, len(visible)):
        # Nearly every line is ruled out here, without being read.
        if outlines[visible[place - 1]] == wanted:
            yield visible[place], [lines[index] for index in visible[max(0, place - len(before)) : place]]


def _match(source: str, earlier: Sequence[str], before: Sequence[str], head: str) -> _Match | None:
    # A name right before the cursor may still grow, so it is compared with the beginning of one first.
    typed = found.group() if (found := _NAME_AT_END.search(head)) else ""
    match = _match_from(source, earlier, before, head, typed)
    return _match_from(source, earlier, before, head, "") if match is None and typed else match


def _match_from(
    source: str, earlier: Sequence[str], before: Sequence[str], head: str, typed: str
) -> _Match | None:
    """A match of all that is before `typed`, the end of the head, if the renamed rest begins with it."""
    names: Names = {}
    line, begun = _read(source), _read(head)
    count = len(begun.lexemes) - bool(typed)
    if len(line.lexemes) <= count or not _agree(line, begun, count, names):
        return None
    lexemes, alike = count, 0
    for one, other in zip(reversed(earlier), reversed(before), strict=False):
        there, here = _read(one), _read(other)
        grown = dict(names)
        if there.shape != here.shape or not _agree(there, here, len(here.lexemes), grown):
            break
        names, lexemes, alike = grown, lexemes + len(here.lexemes), alike + 1
    if not alike or lexemes < _LEAST_LEXEMES:
        return None
    rest = source[line.ends[count - 1] :] if count else source.removeprefix(head)
    if typed or head[-1:].isspace():
        rest = rest.lstrip()
    adapted = _adapt(rest, names)
    if adapted == rest or not adapted.startswith(typed):
        return None
    return _Match(lexemes, alike, adapted.removeprefix(typed).rstrip())


def _agree(there: _Line, here: _Line, count: int, names: Names) -> bool:
    """Whether the first lexemes are the same but for names, which are added to those known."""
    if there.shape[:count] != here.shape[:count]:
        return False
    for one, other, shape in zip(there.lexemes[:count], here.lexemes, here.shape, strict=False):
        if shape == _ANY_NAME and names.setdefault(one, other) != other:
            return False
    return len(set(names.values())) == len(names)


def _adapt(text: str, names: Names) -> str:
    parts = _parts_renamed(names)

    def adapt(found: re.Match[str]) -> str:
        name = found.group()
        if name in _FIXED:
            return name
        if name in names:
            return names[name]
        return "".join(parts.get(part, part) for part in _PART.findall(name))

    return _NAMES.sub(adapt, text)


def _parts_renamed(names: Names) -> Names:
    """Parts of names, in each way of writing them, and what the renamings agree that they become."""
    found: dict[str, set[str]] = {}
    for old, new in names.items():
        before, after = _PART.findall(old), _PART.findall(new)
        if len(before) != len(after):
            continue
        changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
        if len(changed) == 1 and len(changed[0][0]) >= _LEAST_PART:
            one, other = changed[0]
            for write in (str, str.lower, str.upper, str.capitalize):
                found.setdefault(write(one), set()).add(write(other))
    return {one: others.pop() for one, others in found.items() if len(others) == 1}


def _outline(text: str) -> bytes:
    """A text without its words, numbers and blanks: equal for lines that are alike."""
    return text.encode(errors="replace").translate(None, _NO_OUTLINE)


def _last_lines(prefix: str, count: int) -> str:
    """The end of the prefix from the `count`-th line that is not blank above the cursor's."""
    at = prefix.rfind("\n") + 1
    while count:
        start = prefix.rfind("\n", 0, at - 1) + 1
        count -= bool(prefix[start:at].strip())
        at = start
    return prefix[at:]


@lru_cache(4_000)
def _read(line: str) -> _Line:
    found = list(_LEXEME.finditer(line))
    lexemes = tuple(one.group() for one in found)
    shape = tuple(_ANY_NAME if one not in _FIXED and _NAMES.match(one) else one for one in lexemes)
    return _Line(lexemes, tuple(one.end() for one in found), shape)
