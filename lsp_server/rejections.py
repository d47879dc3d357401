"""What somebody was shown and did not want: it is not put before them again at once.

A suggestion that stood long enough to be seen is rejected when something else is typed or deleted at its
place. On the same line the same text, and a text that makes the same line of it, then stays away for some
seconds, or until somebody works on another line: their mind is made up about this one. Typing along with a
suggestion, or taking it, is no rejection. That one was dismissed, no editor says.

Pure: times are seconds of any one clock, passed in. Not here: that who asks is always answered
(completer.py).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from model.fim import Hole

_SECONDS = 20.0
# People need about a quarter of a second to see and begin to react (Woods et al. 2015); what was overwritten
# sooner was not judged.
_SEEN = 0.25
# A lone bracket or a `)` may well be wrong after one argument and right after two.
_TELLING = re.compile(r"\w\w\w")


class _Shown(NamedTuple):
    hole: Hole
    text: str
    at: float


class Rejections:
    """The suggestion shown last, and those rejected on its line."""

    def __init__(self) -> None:
        self._shown: _Shown | None = None
        self._line: tuple[str, int] | None = None  # path, and where the line begins
        self._texts: dict[str, float] = {}  # until when
        self._lines: dict[str, float] = {}  # whole lines that rejected texts would have made

    def shown(self, hole: Hole, text: str, now: float) -> None:
        """A suggestion was sent to the editor."""
        last = self._shown
        # What is shown again, or what is left of it, has been there since it was first shown.
        since = last.at if last is not None and _typed_through(last, hole) == text else now
        self._shown = _Shown(hole, text, since)

    def asked(self, hole: Hole, now: float) -> None:
        """Somebody is at a place: what does that say of the suggestion shown last?"""
        if self._line != _line_of(hole):
            self._line = _line_of(hole)
            self._texts.clear()
            self._lines.clear()
        last = self._shown
        if last is None or (hole.prefix, hole.suffix) == (last.hole.prefix, last.hole.suffix):
            return
        if _line_of(last.hole) != _line_of(hole) or hole.suffix != last.hole.suffix:
            self._shown = None  # they went elsewhere, which says nothing
        elif _typed_through(last, hole) is None:
            if now - last.at >= _SEEN:
                self._reject(last, now)
            self._shown = None

    def is_rejected(self, hole: Hole, text: str, now: float) -> bool:
        """Whether this was turned down at this line a moment ago."""
        if self._line != _line_of(hole):
            return False
        first = text.strip()
        until = max(self._texts.get(first, now), self._lines.get(_made(hole, text), now))
        return until > now

    def clear(self) -> None:
        """Forget all."""
        self._shown = self._line = None
        self._texts.clear()
        self._lines.clear()

    def _reject(self, shown: _Shown, now: float) -> None:
        self._shown = None
        if self._line != _line_of(shown.hole):
            return
        text = shown.text.strip()
        if _TELLING.search(text):
            self._texts[text] = now + _SECONDS
        self._lines[_made(shown.hole, shown.text)] = now + _SECONDS


def _line_of(hole: Hole) -> tuple[str, int]:
    return hole.path, hole.prefix.rfind("\n") + 1


def _made(hole: Hole, text: str) -> str:
    """The text from the beginning of the cursor's line to the suggestion's end."""
    return (hole.prefix[hole.prefix.rfind("\n") + 1 :] + text).rstrip()


def _typed_through(shown: _Shown, hole: Hole) -> str | None:
    """What is left of a suggestion of which a part, or all, has been typed; None when it is another text."""
    if not hole.prefix.startswith(shown.hole.prefix):
        return None
    typed = hole.prefix[len(shown.hole.prefix) :]
    if typed.startswith(shown.text):
        return ""
    return shown.text[len(typed) :] if shown.text.startswith(typed) else None
