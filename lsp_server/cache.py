"""Suggestions given before: for the same place again, and for a person who types what was suggested.

Not here: what is worth keeping (completer.py keeps whole suggestions, not those a deadline cut short).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from model.fim import Hole

_PLACES = 128


class _Last(NamedTuple):
    hole: Hole
    shape: tuple[object, ...]
    text: str


class Cache:
    """The last places and their suggestions. `shape` is what else an answer depends on, such as its kind."""

    def __init__(self, places: int = _PLACES) -> None:
        self._places = places
        self._texts: OrderedDict[tuple[object, ...], str] = OrderedDict()
        self._last: _Last | None = None

    def find(self, hole: Hole, shape: tuple[object, ...]) -> str | None:
        """A suggestion without decoding: the one given for the same hole, or the rest of one being typed."""
        key = _key(hole, shape)
        text = self._texts.get(key)
        if text is not None:
            self._texts.move_to_end(key)
            self._last = _Last(hole, shape, text)
            return text
        return self._typed_through(hole)

    def keep(self, hole: Hole, shape: tuple[object, ...], text: str) -> None:
        """Remember a suggestion; the one not asked for the longest goes."""
        self._texts[_key(hole, shape)] = text
        self._last = _Last(hole, shape, text)
        while len(self._texts) > self._places:
            self._texts.popitem(last=False)

    def clear(self) -> None:
        """Forget all, as when settings change."""
        self._texts.clear()
        self._last = None

    def _typed_through(self, hole: Hole) -> str | None:
        last = self._last
        if last is None or (hole.path, hole.suffix) != (last.hole.path, last.hole.suffix):
            return None
        if not hole.prefix.startswith(last.hole.prefix):
            return None
        typed = hole.prefix[len(last.hole.prefix) :]
        if not typed or not last.text.startswith(typed):
            return None
        left = last.text[len(typed) :]
        if left[:1] in (" ", "\t") and not typed.rpartition("\n")[2].strip():
            return None  # within an indentation: the editor has its own idea of it, and Tab would indent
        return left if left.strip() else None


def _key(hole: Hole, shape: tuple[object, ...]) -> tuple[object, ...]:
    # Hashes in place of the texts: 128 copies of a large file would be a lot to hold.
    parts = (hole.prefix, hole.suffix, hole.neighbours)
    return (hole.path, len(hole.prefix), len(hole.suffix), *map(hash, parts), *shape)
