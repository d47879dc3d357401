"""Places in finished files where a person may have stood, and what they wrote next.

The memory is fitted and completion is measured on these: a hole is cut into a file nobody trained on, and the
answer is known. Trivial lines say nothing (a closing bracket, `pass`), and neither do prose and comments.

Pure. Not here: holes for training, of many more kinds (data_pipeline/holes.py).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from model import syntax
from model.fim import Hole, Snippet

Mode = Literal["line", "mid-line", "file-end", "block"]
MODES: tuple[Mode, ...] = get_args(Mode)
_WORDS = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_STRING = re.compile(r"\s*\w{0,2}[\"']")  # a line that begins with a string: most are docstrings
_LEAST_WORDS = 2
_BLOCK_LINES = range(2, 9)
_LONGEST_LINE = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A hole from `start` to `end`, character offsets. In mode file-end nothing behind it is there yet.

    line: behind the indentation, to the line's end. mid-line: from a token's start within the line.
    file-end: as line. block: as line, to the end of the two to eight lines indented at least as much.
    """

    mode: Mode
    start: int
    end: int

    def hole(self, text: str, *, path: str, language: str) -> Hole:
        """The file with the hole cut into it."""
        suffix = "" if self.mode == "file-end" else text[self.end :]
        return Hole(path=path, language=language, prefix=text[: self.start], suffix=suffix)


def draw(text: str, language: str, rng: random.Random, modes: Sequence[Mode]) -> list[Cursor]:
    """One cursor for each mode, on lines of their own where there are enough; fewer in a short file."""
    tree = syntax.parse(text, language)
    comment = syntax.language(language).line_comment
    lines = _lines(text)
    fit = [
        number
        for number, (start, end) in enumerate(lines)
        if _is_worth_asking(text[start:end], comment)
        and not _STRING.match(text, start, end)
        and syntax.in_string_or_comment(tree, start + _indentation(text[start:end])) is None
    ]
    rng.shuffle(fit)
    found = []
    for mode in modes:
        for number in fit:
            cursor = _cursor(text, lines, number, mode, rng)
            if cursor is not None and syntax.in_string_or_comment(tree, cursor.start) != "comment":
                found.append(cursor)
                fit.remove(number)
                break
    return found


def _cursor(
    text: str, lines: Sequence[tuple[int, int]], number: int, mode: Mode, rng: random.Random
) -> Cursor | None:
    start, end = lines[number]
    start += _indentation(text[start:end])
    if mode == "mid-line":
        places = [start + found.start() for found in _TOKEN.finditer(text[start:end])][1:]
        places = [at for at in places if _WORDS.search(text[at:end])]
        return Cursor(mode=mode, start=rng.choice(places), end=end) if places else None
    if mode == "block":
        last = _block_end(text, lines, number)
        if last - number + 1 not in _BLOCK_LINES:
            return None
        end = lines[last][1]
    return Cursor(mode=mode, start=start, end=end)


def _block_end(text: str, lines: Sequence[tuple[int, int]], first: int) -> int:
    """The last line of those from `first` on that are indented at least as much."""
    depth = _indentation(text[slice(*lines[first])])
    last = first
    for number in range(first + 1, len(lines)):
        line = text[slice(*lines[number])]
        if line.strip():
            if _indentation(line) < depth:
                break
            last = number
    return last


def _lines(text: str) -> list[tuple[int, int]]:
    ends = [found.start() for found in re.finditer(r"\n|\Z", text)]
    return list(zip([0, *(end + 1 for end in ends)], ends, strict=False))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_worth_asking(line: str, comment: str) -> bool:
    code = line.strip()
    return (
        len(code) <= _LONGEST_LINE
        and not code.startswith(comment)
        and len(_WORDS.findall(code)) >= _LEAST_WORDS
    )


def others(path: str, files: Sequence[Snippet], rng: random.Random, count: int) -> list[Snippet]:
    """Files that may be open beside one: of its folder first, else of anywhere, drawn at random."""
    folder = path.rpartition("/")[0]
    near = [file for file in files if file.path != path and file.path.rpartition("/")[0] == folder]
    far = [file for file in files if file.path.rpartition("/")[0] != folder]
    rng.shuffle(near)
    rng.shuffle(far)
    return [*near, *far][:count]
