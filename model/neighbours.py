"""Which pieces of other files the model sees before this one: those that use the same names.

The idea is Cody's and llama.vim's: Jaccard similarity between what stands around the cursor and windows of
the files at hand, measured here on sets of identifiers. No index and no embedding, so the pipeline and the
server compute the same answer from the same files.

Not here: which files are at hand (the project in the pipeline, open documents in the server), and how many
tokens the snippets may take (fim.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from model.fim import Hole, Snippet

_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")  # names shorter than three characters are everywhere
_LINES_BEFORE = 12
_LINES_AFTER = 4
_WINDOW = 12  # lines
_STEP = 6  # lines from one window to the next
_MOST = 2  # snippets
_LEAST_SIMILAR = 0.1
# Words of nearly every file say nothing about a likeness.
_COMMON = frozenset(
    _IDENTIFIER.findall(
        "and assert async await break case class continue def del elif else except False finally for from "
        "global import lambda None nonlocal not pass raise return self True try while with yield cls int str "
        "bool float list dict set tuple"
    )
)


def choose(hole: Hole, files: Sequence[Snippet], *, characters: int = 1200) -> tuple[Snippet, ...]:
    """At most two snippets of the files, least similar first: the best stands nearest to the cursor.

    `characters` bounds the text of both together; whole lines are kept. The hole's own file is left out, and
    no two snippets overlap. Equal files in the same order give an equal answer.
    """
    wanted = _names_around(hole)
    if not wanted or characters <= 0:
        return ()
    scored = []
    for number, file in enumerate(files):
        if file.path == hole.path:
            continue
        for first, window, names in _windows(file.text):
            shared = len(wanted & names)
            if not shared:
                continue
            similarity = shared / (len(wanted) + len(names) - shared)
            if similarity >= _LEAST_SIMILAR:
                scored.append((-similarity, number, first, window))
    chosen: list[Snippet] = []
    taken: list[tuple[int, int]] = []
    left = characters
    for _, number, first, window in sorted(scored):
        if any(number == other and abs(first - start) < _WINDOW for other, start in taken):
            continue
        text = _whole_lines(window, min(left, characters // _MOST))
        if not text:
            continue
        chosen.append(Snippet(path=files[number].path, text=text))
        taken.append((number, first))
        left -= len(text)
        if len(chosen) == _MOST:
            break
    return tuple(reversed(chosen))


def _names_around(hole: Hole) -> frozenset[str]:
    # A slice first: the cost must not grow with the file.
    before = [line for line in hole.prefix[-8000:].split("\n") if line.strip()][-_LINES_BEFORE:]
    after = [line for line in hole.suffix[:2000].split("\n") if line.strip()][:_LINES_AFTER]
    return _names("\n".join(before + after))


def _names(text: str) -> frozenset[str]:
    return frozenset(_IDENTIFIER.findall(text)) - _COMMON


@lru_cache(maxsize=64)  # of files: the same ones are asked for at every keystroke, and for every hole
def _windows(text: str) -> tuple[tuple[int, str, frozenset[str]], ...]:
    """(number of its first line, text, names) of overlapping windows."""
    lines = text.split("\n")
    per_line = [_names(line) for line in lines]
    windows = []
    for first in range(0, max(1, len(lines) - _WINDOW + _STEP), _STEP):
        window = "\n".join(lines[first : first + _WINDOW]).strip("\n")
        if window.strip():
            windows.append((first, window, frozenset[str]().union(*per_line[first : first + _WINDOW])))
    return tuple(windows)


def _whole_lines(text: str, characters: int) -> str:
    """As many lines from the top as fit."""
    if len(text) <= characters:
        return text
    cut = text.rfind("\n", 0, characters + 1)
    return text[: max(0, cut)].rstrip()
