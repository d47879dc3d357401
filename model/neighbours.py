"""Which pieces of other files the model sees before this one, and in what order.

Two kinds of snippet, for one hole:

- definitions of imported names: the signature, the docstring's first line and, of a class, the signatures of
  its members; a name that is imported and used nowhere comes first, then names that are used near the cursor;
- sibling snippets: windows of other files that hold the same identifiers as the lines around the cursor, the
  rare ones above all (after Cody and llama.vim, which take Jaccard similarity of lines or words).

The order is that of their worth, the best last, nearest to the cursor: a prompt that has no room for all
loses the first ones (fim.py). The choice depends on **complete lines** alone: the line that the cursor stands
in counts neither before nor behind it, so typing within a line never changes the prompt's beginning, which
an engine would have to read again.

Not here: which files are at hand and which are alike (neighbourhood.py), what the imported names are
(imported.py), and how many tokens the snippets may take (fim.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from model import imported, neighbourhood
from model.fim import Hole, Snippet
from model.modules import Found
from model.neighbourhood import File, Neighbourhood
from model.outline import Definition

_LINES_BEFORE = 12
_LINES_AFTER = 4
_HALF = 2  # lines: a name this far from the cursor counts half as much as one beside it
_MOST_SKIPPED = 8  # lines of a window before its first likeness
_DEFINITIONS = 0.2  # the share of the characters that definitions may take where there are siblings too
_LONGEST_DEFINITION = 240  # characters of a definition
_LONGEST_WINDOW = 600  # characters of a sibling: fim.py shows a snippet whole or not at all
_SHORTEST = 80  # characters: what is less is not worth its path
_LONGEST_LINE = 160
# Constants that tell no more than their name does: a logger, another module's thing of the same name.
_SAYS_NOTHING = re.compile(
    r"[^\n=]*?\b(?P<name>\w+)\s*(?::[^\n=]+)?=\s*"
    r"(?:[\w.]*getLogger\([^()\n]*\)|(?:\w+(?:\.|::))+(?P=name));?\s*"
)


def characters_for(budget: int) -> int:
    """How many characters of snippets surely fit where fim.py leaves them room: a quarter of `budget` tokens.

    Code has about 3.4 characters a token; a snippet that does not fit is not shown at all.
    """
    return budget // 4 * 3


class Piece(NamedTuple):
    """A snippet to be, and the lines of its file that it shows."""

    path: str
    text: str
    lines: tuple[tuple[int, int], ...]  # [first, last)

    @property
    def size(self) -> int:
        """Characters in the prompt: the path stands above the text."""
        return len(self.path) + 1 + len(self.text)


def choose(hole: Hole, files: Neighbourhood, *, characters: int = 1200) -> tuple[Snippet, ...]:
    """Snippets for a hole, the best last, of at most `characters` together with their paths.

    The hole's prefix and suffix are those of its whole file, which is itself left out. No two snippets show
    the same line. Equal files and complete lines give an equal answer.
    """
    # Half-typed text changes with each key: only whole lines are looked at.
    before = hole.prefix[: hole.prefix.rfind("\n") + 1]
    after = hole.suffix[hole.suffix.find("\n") + 1 :] if "\n" in hole.suffix else ""
    siblings = _siblings(hole, before, after, files)
    likest = next(siblings, None)
    shown: list[Piece] = []
    left = characters if likest is None else int(characters * _DEFINITIONS)
    for piece in _definitions(hole, before, after, files):
        if piece.size <= left and not _overlap(piece, shown):
            shown.append(piece)
            left -= piece.size
        if left < _SHORTEST:
            break
    left = characters - sum(piece.size for piece in shown)
    while likest is not None and left >= _SHORTEST:
        fitted = None if _overlap(likest, shown) else _whole_lines(likest, min(left, _LONGEST_WINDOW))
        if fitted is not None:
            shown.append(fitted)
            left -= fitted.size
        likest = next(siblings, None)
    return tuple(Snippet(path=piece.path, text=piece.text) for piece in reversed(shown))


def _overlap(piece: Piece, shown: Sequence[Piece]) -> bool:
    return any(
        first < other_last and other_first < last
        for other in shown
        if other.path == piece.path
        for other_first, other_last in other.lines
        for first, last in piece.lines
    )


# --- siblings ----------------------------------------------------------------------------------------------


def _siblings(hole: Hole, before: str, after: str, files: Neighbourhood) -> Iterator[Piece]:
    """Windows like the lines around the cursor, the likest first."""
    wanted = _wanted(before, after)
    for window in files.similar(wanted, to=hole.path, language=hole.language):
        file = files.file(window.path)
        assert file is not None
        yield _piece(file, window.first, window.last, wanted)


def _wanted(before: str, after: str) -> dict[str, float]:
    """The identifiers of the lines around the cursor; a line counts less the farther off it is."""
    # A slice first: the cost must not grow with the file.
    above = [line for line in before[-8000:].split("\n") if line.strip()][-_LINES_BEFORE:]
    below = [line for line in after[:2000].split("\n") if line.strip()][:_LINES_AFTER]
    lines = [*enumerate(reversed(above)), *enumerate(below, 1)]
    weights: dict[str, float] = {}
    for distance, line in sorted(lines):
        for name in neighbourhood.names(line):
            weights.setdefault(name, 1 / (1 + distance / _HALF))
    return weights


def _piece(file: File, first: int, last: int, wanted: Mapping[str, float]) -> Piece:
    """A window's lines from the first likeness on, and as many more below: what follows is worth most."""
    for skipped in range(first, min(last, first + _MOST_SKIPPED)):
        if any(name in wanted for name in neighbourhood.names(file.lines[skipped])):
            break
    else:
        skipped = min(last, first + _MOST_SKIPPED)
    first, last = skipped, min(len(file.lines), last + skipped - first)
    while first < last and not file.lines[first].strip():
        first += 1
    while last > first and not file.lines[last - 1].strip():
        last -= 1
    return Piece(file.path, "\n".join(file.lines[first:last]), ((first, last),))


def _whole_lines(piece: Piece, characters: int) -> Piece | None:
    """As many lines from the top as fit; None where not even one does."""
    room = characters - len(piece.path) - 1
    if len(piece.text) <= room:
        return piece if piece.text else None
    text = piece.text[: max(0, piece.text.rfind("\n", 0, max(0, room) + 1))].rstrip()
    if not text:
        return None
    first = piece.lines[0][0]
    return Piece(piece.path, text, ((first, first + text.count("\n") + 1),))


# --- definitions of imported names -------------------------------------------------------------------------


def _definitions(hole: Hole, before: str, after: str, files: Neighbourhood) -> Iterator[Piece]:
    """What the imported names are, those most likely wanted first; each definition once."""
    given: dict[tuple[str, str], None] = {}
    for found in imported.definitions(hole, before, after, files):
        key = (found.file.path, found.definition.qualified_name)
        if key not in given:
            given[key] = None
            piece = _constant(found) if found.definition.kind == "constant" else _signature(found)
            if piece is not None:
                yield piece


def _constant(found: Found) -> Piece | None:
    """A constant whole: cut within its brackets or quotes it would look like broken code. None: not shown."""
    file, one = found
    text = file.text[one.start : one.end].rstrip()
    if len(text) > _LONGEST_DEFINITION or _SAYS_NOTHING.fullmatch(text):
        return None
    return Piece(file.path, text, ((file.line_of(one.start), file.line_of(max(one.start, one.end - 1)) + 1),))


def _signature(found: Found) -> Piece:
    """The signature, the docstring's first line, and a class's members by their signatures."""
    file, one = found
    lines = _header(file, one)
    shown = [_lines_of(file, one)]
    indent = " " * 4
    if one.docstring is not None:
        summary = _summary(file.text[slice(*one.docstring)])
        if summary and file.language == "python":
            lines.append(indent + summary)
    room = _LONGEST_DEFINITION - sum(map(len, lines)) - len(lines)
    for member in sorted(file.members.get(one.qualified_name, ()), key=_member_order):
        if one.kind != "class":
            break
        header = _header(file, member)[0]
        room -= len(header) + 5
        if room < 0:
            break
        lines.append(indent + header)
        shown.append(_lines_of(file, member))
    return Piece(file.path, "\n".join(lines), tuple(shown))


def _member_order(member: Definition) -> tuple[bool, int]:
    """What a class is made with and what it offers come before its private members."""
    return member.name.startswith("_") and member.name != "__init__", member.start


def _lines_of(file: File, one: Definition) -> tuple[int, int]:
    return file.line_of(one.start), file.line_of(max(one.start, one.header_end - 1)) + 1


def _header(file: File, one: Definition) -> list[str]:
    """The signature on one line, without decorators; of a constant that takes more, its name and type."""
    if one.kind == "constant":
        text = file.text[one.start : one.end].rstrip()
        if len(text) > _LONGEST_LINE or "\n" in text:
            text = file.text[one.start : one.header_end]
        return [" ".join(text.split())[:_LONGEST_LINE]]
    text = file.text[one.start : one.header_end]
    # A decorator may hold the name too, so it is looked for behind the word that defines it.
    places = [text.find(f"{word} {one.name}") for word in ("def", "class")]
    at = max(*places, text.find(one.name) if max(places) < 0 else -1, 0)
    text = text[text.rfind("\n", 0, at) + 1 :]
    text = " ".join(text.split())
    for loose, tight in (("( ", "("), (", )", ")"), (" )", ")"), ("[ ", "["), (", ]", "]")):
        text = text.replace(loose, tight)
    return [text[: 2 * _LONGEST_LINE]]


def _summary(docstring: str) -> str:
    """The first line of a docstring, in quotes of its own."""
    inner = docstring.lstrip("rRuU").strip("\"'").strip()
    line = inner.partition("\n")[0].strip()[:_LONGEST_LINE]
    return f'"""{line}"""' if line else ""
