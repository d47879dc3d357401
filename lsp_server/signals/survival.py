"""What became of text in a document: where it went as edits came, and how much of it is still there. Pure.

An accepted suggestion survives when little of it is changed afterwards. Ziegler et al. 2022 ("Productivity
Assessment of Neural Code Completion", table 1) call it mostly unchanged when its Levenshtein distance to what
stands there is below 33 % of its length; `share` is one less that distance.

Not here: when it is looked at and of which suggestions (outcomes.py), whose text is kept (nobody's).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

MOSTLY = 1 - 0.33  # the share above which text is mostly unchanged
# A whole file may have been put in the place of a line; what is looked through is limited.
_LONGEST_WINDOW = 8_000  # characters


class Change(NamedTuple):
    """The characters from `start` to `end` of a text were replaced."""

    start: int
    end: int
    text: str


def change_between(old: str, new: str) -> Change | None:
    """The smallest single change that makes one text of another; None where they are equal.

    Where an insertion could be told at several places, as of an "a" among others, it is the last of them.
    """
    if old == new:
        return None
    most = min(len(old), len(new))
    head = _shared(old, new, most, at_end=False)
    tail = _shared(old, new, most - head, at_end=True)
    return Change(head, len(old) - tail, new[head : len(new) - tail])


def _shared(one: str, other: str, most: int, *, at_end: bool) -> int:
    """How many characters two texts begin, or end, with alike; at most `most`.

    By halving: comparing slices is a hundred times as fast as comparing characters.
    """
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if at_end:
            first, second = len(one), len(other)
            same = one[first - middle : first - least] == other[second - middle : second - least]
        else:
            same = one[least:middle] == other[least:middle]
        if same:
            least = middle
        else:
            most = middle - 1
    return least


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where a text of `length` characters went: what is left of it lies from `start` to `end`."""

    start: int
    end: int
    length: int

    def after(self, change: Change) -> Region:
        """The region in the text after a change.

        It follows what is changed in it, with what was put there. Text beside it stays outside, unless some
        of the region was taken away before: who undoes and redoes, or mends the last word, puts it back.
        """
        start, end, text = change
        more = len(text) - (end - start)
        touches = start <= self.end and end >= self.start
        inside = start < self.end and end > self.start
        if not inside and touches and text and start == end:
            inside = self.end - self.start < self.length
        if inside:
            return replace(self, start=min(self.start, start), end=max(self.end, end) + more)
        if end <= self.start:
            return replace(self, start=self.start + more, end=self.end + more)
        return self

    def window(self, text: str) -> str:
        """What stands in the region; the beginning of it, where that is very long."""
        return text[self.start : min(self.end, self.start + _LONGEST_WINDOW)]


def share(accepted: str, window: str) -> float:
    """How much of a text, 0 to 1, is still there in what stands in its place.

    One less the least Levenshtein distance to any part of `window`, in lengths of the text. Myers 1999 ("A
    fast bit-vector algorithm for approximate string matching based on dynamic programming"), in the form of
    Hyyrö 2003: time is the window's length by a few operations on integers of as many bits as `accepted` has
    characters.
    """
    assert accepted
    if accepted in window:
        return 1.0
    places: dict[str, int] = {}
    for at, character in enumerate(accepted):
        places[character] = places.get(character, 0) | 1 << at
    every, last = (1 << len(accepted)) - 1, 1 << (len(accepted) - 1)
    # Which cells of a column of distances are one more (`more`) or one less than the cell above.
    more, less = every, 0
    best = distance = len(accepted)
    for character in window:
        same = places.get(character, 0)
        down = same | less
        across = (((same & more) + more) ^ more) | same
        grows, shrinks = less | ~(across | more) & every, more & across
        distance += bool(grows & last) - bool(shrinks & last)
        best = min(best, distance)
        grows, shrinks = grows << 1 & every, shrinks << 1 & every
        more, less = shrinks | ~(down | grows) & every, grows & down
    return 1 - best / len(accepted)
