"""What needs no model: copying from the file itself, the first baseline of held-out completion.

**copy** looks for the place in the file whose text before it agrees with the text before the cursor for the
most tokens, the nearest among equals, and continues as the file does there: to the end of the line, or of the
block. What an editor's plain "repeat what stood here last time" could do at best, so a model that does not
beat it is worth nothing.

Both baselines see text as words, not as a model's tokens, so that no tokenizer tilts the comparison, and both
may begin in the middle of a line without guessing how a token would have gone on.

Not here: the n-gram model over a corpus (baselines_ngram.py).
"""

from __future__ import annotations

import re

import numpy as np

from lsp_server import postprocess
from model.cursors import Cursor
from model.fim import Hole

MAX_LINES = 12  # as the server's setting has it
_WORD = re.compile(r"\w+|\n|[^\S\n]+|[^\w\s]")
_NO_WORD = -1


def is_block(cursor: Cursor) -> bool:
    """Whether all of an answer counts at this place, not its first line alone."""
    return cursor.mode == "block"


def copied(hole: Hole, *, block: bool) -> str:
    """What followed the longest match of the text before the cursor; empty where nothing was found."""
    before, behind = _WORD.findall(hole.prefix), _WORD.findall(hole.suffix)
    if not before:
        return ""
    place = _best_place(before, behind)
    if place is None:
        return ""
    # Copying ends where the file ends, and at the hole.
    words = before[place:] if place < len(before) else behind[place - len(before) - 1 :]
    return cut("".join(words), hole, block=block)


def cut(text: str, hole: Hole, *, block: bool) -> str:
    """The first line of a text, or as much of it as the server would call a block."""
    if not block:
        return text.partition("\n")[0]
    text = "\n".join(text.split("\n")[: MAX_LINES + 1])
    end = postprocess.stopper(hole, "block", MAX_LINES)(text)
    return text if end is None else text[:end]


def _best_place(before: list[str], behind: list[str]) -> int | None:
    """An index into before + [the hole] + behind: the word there followed the longest match."""
    numbers: dict[str, int] = {}
    ids = np.array(
        [
            *(numbers.setdefault(word, len(numbers)) for word in before),
            _NO_WORD,
            *(numbers.setdefault(word, len(numbers)) for word in behind),
        ]
    )
    cursor = len(before)
    places = np.flatnonzero(ids[:-1] == ids[cursor - 1]) + 1
    places = places[places != cursor]
    length = 1
    while len(places) and length < cursor:
        # A place as near to the file's start as the match is long has nothing more to agree with.
        reachable = places[places > length]
        longer = reachable[ids[reachable - length - 1] == ids[cursor - length - 1]]
        if not len(longer):
            break
        places, length = longer, length + 1
    return int(places[np.argmin(np.abs(places - cursor))]) if len(places) else None
