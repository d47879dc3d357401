"""Which characters of a chunk a hole covers: random spans, syntax nodes, and what an editor asks for.

Random spans teach holes anywhere, also inside words ("random character spans", Bavarian et al. 2022,
Efficient Training of Language Models to Fill in the Middle); syntax nodes teach where a piece of code ends;
cursor-like spans run from a place where a person types to the place where they would stop. No span is longer
than anyone waits for a completion: lengths of random spans are log-uniform, so that short ones, which are
most of what is asked, are not rare.

Pure: what is drawn depends on the text, its nodes and the generator. Not here: chunks, and how often which
kind of span is drawn against ordinary text (holes.py).
"""

from __future__ import annotations

import math
import random
import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from model.syntax import HoleKind, Node

SpanKind = Literal[
    "random", "syntax", "line", "mid-line", "within-line", "block", "blank-line", "whole-lines", "finished"
]

_SHORTEST_RANDOM = 2  # characters
_TRIES = 4
_NODE_KINDS: tuple[HoleKind, ...] = get_args(HoleKind)
_TOKEN = re.compile(r"\w+|[^\w\s]")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}

# Of cursor-like spans. A middle that is empty stands behind a finished line only: the model must learn to say
# nothing where nothing is missing, and nothing more than that, so there are few.
_CURSORS: tuple[tuple[SpanKind, float], ...] = (
    ("line", 0.2),
    ("mid-line", 0.25),
    ("within-line", 0.15),
    ("block", 0.15),
    ("blank-line", 0.1),
    ("whole-lines", 0.1),
    ("finished", 0.05),
)
_MORE_LINES = 0.3  # how often one whole line more is taken out


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters [start, end) of a text that a hole covers, and as what they were drawn."""

    kind: SpanKind
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What a span is drawn in: a text, its nodes outer before inner, its lines, the longest span."""

    text: str
    nodes: Sequence[Node]
    lines: Sequence[tuple[int, int]]  # (start, end) without the line end
    longest: int


def random_span(text: str, longest: int, rng: random.Random) -> Span:
    """A span anywhere, of 2 to `longest` characters, all lengths' orders of magnitude equally often."""
    most = min(longest, len(text))
    start = end = 0
    for _ in range(_TRIES):  # of blanks alone there is nothing to learn
        drawn = math.exp(rng.uniform(math.log(_SHORTEST_RANDOM), math.log(max(_SHORTEST_RANDOM, most) + 1)))
        length = min(int(drawn), most)
        start = rng.randint(0, len(text) - length)
        end = start + length
        if text[start:end].strip():
            break
    return Span(kind="random", start=start, end=end)


def syntax_span(nodes: Sequence[Node], longest: int, rng: random.Random) -> Span | None:
    """A node of at most `longest` characters, each kind of node as often as the others; None without any.

    Drawn evenly over nodes, nine of ten would be expressions of a few characters.
    """
    fit = [node for node in nodes if 1 < node.end - node.start <= longest]
    kinds = [kind for kind in _NODE_KINDS if any(node.kind == kind for node in fit)]
    if not kinds:
        return None
    kind = rng.choice(kinds)
    node = rng.choice([node for node in fit if node.kind == kind])
    return Span(kind="syntax", start=node.start, end=node.end)


def cursor_span(text: str, nodes: Sequence[Node], longest: int, rng: random.Random) -> Span:
    """A span as an editor would ask for it; a random one where the text offers no such place."""
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append((start, start + len(line)))
        start += len(line) + 1
    place = _Place(text=text, nodes=nodes, lines=lines, longest=longest)
    names, weights = zip(*_CURSORS, strict=True)
    for _ in range(_TRIES):
        kind = rng.choices(names, weights)[0]
        found = _DRAW[kind](place, rng)
        if found is not None and found[1] - found[0] <= longest:
            return Span(kind=kind, start=found[0], end=found[1])
    return random_span(text, longest, rng)


def _line(place: _Place, rng: random.Random) -> tuple[int, int] | None:
    """From behind the indentation to the line's end."""
    return _code_line(place, rng)


def _mid_line(place: _Place, rng: random.Random) -> tuple[int, int] | None:
    """From a token's start, or from within one, to the line's end."""
    line = _code_line(place, rng)
    if line is None or line[1] - line[0] < 2:
        return None
    return _within_tokens(place.text, line[0] + 1, line[1], rng), line[1]


def _within_line(place: _Place, rng: random.Random) -> tuple[int, int] | None:
    """To a place before the line's end: that of the bracket an editor has closed, else behind some token."""
    line = _code_line(place, rng)
    if line is None or line[1] - line[0] < 3:
        return None
    pairs = _pairs(place.text, *line)
    if pairs:
        opener, closer = rng.choice(pairs)
        return _within_tokens(place.text, opener + 1, closer, rng), closer
    ends = [found.end() for found in _TOKEN.finditer(place.text, *line)][:-1]
    if not ends:
        return None
    end = rng.choice(ends)
    return _within_tokens(place.text, line[0], end, rng), end


def _block(place: _Place, rng: random.Random) -> tuple[int, int] | None:
    """A block: from the end of the line that opens it, or from its first line, behind the indentation."""
    blocks = [node for node in place.nodes if node.kind == "block" and node.end - node.start <= place.longest]
    if not blocks:
        return None
    block = rng.choice(blocks)
    above = len(place.text[: block.start].rstrip())
    own_line = "\n" in place.text[above : block.start]
    return (above if own_line and above and rng.random() < 0.5 else block.start), block.end


def _blank_line(place: _Place, rng: random.Random) -> tuple[int, int] | None:
    """From an empty line to the end of the statement below it: who stands there wants what comes next."""
    blank = [
        number
        for number, (start, end) in enumerate(place.lines[:-1])
        if not place.text[start:end].strip() and place.text[end:].strip()
    ]
    if not blank:
        return None
    start = place.lines[rng.choice(blank)][1]
    code = start + len(place.text[start:]) - len(place.text[start:].lstrip())
    end = place.text.find("\n", code)
    end = len(place.text) if end < 0 else end
    first = bisect_left(place.nodes, code, key=lambda node: node.start)
    for node in place.nodes[first:]:
        if node.start != code:
            break
        if node.kind in ("statement", "definition") and node.end - start <= place.longest:
            return start, max(end, node.end) if node.end >= end else end
    return start, end


def _whole_lines(place: _Place, rng: random.Random) -> tuple[int, int] | None:
    """Whole lines with their ends, mostly one: who deleted them, or stands at a line's very start, asks so.

    "Line-level" spans of Bavarian et al. 2022; what stands behind the hole begins with a line of its own, so
    such a middle ends in a line end, which no other kind teaches.
    """
    line = _code_line(place, rng)
    if line is None:
        return None
    first = bisect_left(place.lines, line[1], key=lambda span: span[1])
    last = first
    while rng.random() < _MORE_LINES and last + 2 < len(place.lines):
        last += 1
    start, end = place.lines[first][0], min(place.lines[last][1] + 1, len(place.text))
    return (start, end) if place.text[start:end].strip() else None


def _finished(place: _Place, rng: random.Random) -> tuple[int, int] | None:
    """Nothing, behind a whole line: there the answer is silence."""
    line = _code_line(place, rng)
    return None if line is None else (line[1], line[1])


_DRAW: dict[SpanKind, Callable[[_Place, random.Random], tuple[int, int] | None]] = {
    "line": _line,
    "mid-line": _mid_line,
    "within-line": _within_line,
    "block": _block,
    "blank-line": _blank_line,
    "whole-lines": _whole_lines,
    "finished": _finished,
}


def _code_line(place: _Place, rng: random.Random) -> tuple[int, int] | None:
    """A line that is not blank, from behind its indentation on; None where there is none."""
    for _ in range(_TRIES):
        start, end = place.lines[rng.randrange(len(place.lines))]
        line = place.text[start:end]
        if line.strip():
            return start + len(line) - len(line.lstrip()), end
    return None


def _within_tokens(text: str, start: int, end: int, rng: random.Random) -> int:
    """A place to stand at in [start, end): the start of a token twice of three times, else any."""
    tokens = [found.start() for found in _TOKEN.finditer(text, start, end)]
    if tokens and rng.random() < 2 / 3:
        return rng.choice(tokens)
    return rng.randrange(start, max(start + 1, end))


def _pairs(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """(opening, closing) brackets of a line that have something between them."""
    pairs: list[tuple[int, int]] = []
    opened: list[int] = []
    for at in range(start, end):
        character = text[at]
        if character in _CLOSERS:
            opened.append(at)
        elif opened and character == _CLOSERS[text[opened[-1]]]:
            first = opened.pop()
            if at - first > 1:
                pairs.append((first, at))
    return pairs
