"""Suggestions given before: for the same place again, and for a person who types what was suggested.

Whoever types along with a suggestion, or takes a word or a line of it, has the rest of it in front of them:
it is known and need not be computed. That holds for each of several candidates, and where the editor has
closed a bracket or quote that was typed.

Safe to use from several threads: the worker keeps and reads, the event loop asks what is left.

Not here: what is worth keeping (completer.py keeps whole suggestions, not those a deadline cut short).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from lsp_server.suggestion import Rest
from model import syntax
from model.fim import Hole

_PLACES = 128
_RECENT = 8
_SIZE = 3  # the first of a key: `_size`
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_QUOTES = ("'", '"', "`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A suggestion's text, how likely its first line is right where that is known, and if somebody asked.

    `rest_of` is what was kept where this is a part of it.
    """

    text: str
    confidence: float | None = None
    wanted: bool = False
    rest_of: Rest | None = field(default=None, compare=False)


class _Recent(NamedTuple):
    hole: Hole
    texts: tuple[Kept, ...]


class Cache:
    """The last places and their suggestions. `shape` is what else an answer depends on, such as its kind."""

    def __init__(self, places: int = _PLACES) -> None:
        self._places = places
        self._texts: OrderedDict[tuple[object, ...], tuple[Kept, ...]] = OrderedDict()
        self._sizes: set[tuple[object, ...]] = set()  # of the places in `_texts`
        self._recent: OrderedDict[tuple[object, ...], _Recent] = OrderedDict()
        self._lock = threading.Lock()

    def again(self, hole: Hole, shape: tuple[object, ...]) -> tuple[Kept, ...]:
        """What was suggested for the same hole, the best first; nothing where nobody asked before."""
        with self._lock:
            if _size(hole) not in self._sizes:
                return ()
        key = _key(hole, shape)
        with self._lock:
            known = self._texts.get(key, ())
            if known:
                self._texts.move_to_end(key)
                if key in self._recent:
                    self._recent.move_to_end(key)
        return known

    def rest(self, hole: Hole) -> tuple[Kept, ...]:
        """What is left of the suggestions that are being typed or taken in parts, the best first.

        They are of the latest place whose suggestions fit what was typed since.
        """
        with self._lock:
            places = tuple(reversed(self._recent.values()))
        for recent in places:
            if recent.hole.path != hole.path:
                continue
            lefts: dict[str, Kept] = {}
            for kept in recent.texts:
                left = _left(recent.hole, kept.text, hole)
                if left is not None:
                    start = len(hole.prefix) - len(recent.hole.prefix)
                    part = Rest(
                        before=recent.hole.prefix, whole=kept.text, start=start, end=start + len(left)
                    )
                    lefts.setdefault(left, replace(kept, text=left, rest_of=part))
            if lefts:
                return tuple(lefts.values())
        return ()

    def keep(
        self, hole: Hole, shape: tuple[object, ...], texts: Sequence[Kept], *, shown: bool = True
    ) -> None:
        """Remember suggestions, the best first; those not asked for the longest go.

        What was not shown is known when the same place asks again, and is no text that anybody types along
        with.
        """
        key = _key(hole, shape)
        with self._lock:
            self._texts[key] = tuple(texts)
            while len(self._texts) > self._places:
                self._texts.popitem(last=False)
            self._sizes = {known[:_SIZE] for known in self._texts}
            self._recent.pop(key, None)
            if shown:
                self._recent[key] = _Recent(hole, tuple(texts))
                while len(self._recent) > _RECENT:
                    self._recent.popitem(last=False)

    def clear(self) -> None:
        """Forget all, as when settings change."""
        with self._lock:
            self._texts.clear()
            self._sizes.clear()
            self._recent.clear()


def _left(asked: Hole, text: str, hole: Hole) -> str | None:
    """What is left at `hole` of a text suggested at `asked`; None where something else was typed."""
    if not hole.prefix.startswith(asked.prefix):
        return None
    typed = hole.prefix[len(asked.prefix) :]
    if not typed or not text.startswith(typed):
        return None
    left: str | None = text[len(typed) :]
    if hole.suffix != asked.suffix:
        left = _within_closed(left or "", typed, hole.suffix.removesuffix(asked.suffix), hole.language)
    if not left or not left.strip():
        return None
    line = hole.prefix[hole.prefix.rfind("\n") + 1 :]
    if left[0] in " \t" and not line.strip():
        return None  # within an indentation: the editor has its own idea of it, and Tab would indent
    return left


def _within_closed(left: str, typed: str, added: str, language: str) -> str | None:
    """The part of what is left before the brackets or the quote that the editor has added behind the cursor.

    None where it added anything but what closes all that was opened by typing.
    """
    state = syntax.lexical(typed, language)
    closers = "".join(_CLOSERS[one] for one in reversed(state.brackets))
    if state.inside == "string":
        end = left.find(added[:1]) if added[:1] in _QUOTES and added[1:] == closers else -1
        return left[:end] if end >= 0 else None
    if state.inside or not closers or added != closers:
        return None
    depth = 0
    for at, character in enumerate(left):
        if character == state.brackets[-1]:
            depth += 1
        elif character == closers[0]:
            if depth == 0:
                return left[:at]
            depth -= 1
    return None


def _key(hole: Hole, shape: tuple[object, ...]) -> tuple[object, ...]:
    # Hashes in place of the texts: 128 copies of a large file would be a lot to hold.
    parts = (hole.prefix, hole.suffix, hole.neighbours)
    return (*_size(hole), *map(hash, parts), *shape)


def _size(hole: Hole) -> tuple[object, ...]:
    """What mostly tells a place from those that are known: to hash a long file takes longer than all else."""
    return hole.path, len(hole.prefix), len(hole.suffix)
