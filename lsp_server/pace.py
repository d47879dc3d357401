"""How long to wait before a suggestion is computed: by how fast this person types just now.

A suggestion between two quick keys is read by nobody, and its computing is in the next one's way. So while
somebody types in a burst, the wait is a little longer than the usual gap between their keys: it ends only
where they stop to think. At the beginning of a burst, that is after a pause, a line end or an acceptance,
somebody may well look up, and the wait is short.

Gaps between keys are right-skewed with a steady middle: 239 ms on average over 168,000 volunteers, from
about 120 ms for the fastest (Dhakal et al. 2018, "Observations on Typing from 136 Million Keystrokes"), and
within one person a few gaps tell the next (Salthouse 1986, on transcription typing). Hence the median of the
last few gaps, which one hesitation does not move. Where even the longest wait allowed is shorter than that
median, waiting would spare next to nothing and make every suggestion later: it is as short as after a pause.

Pure: times are seconds of any one clock, passed in. Not here: who waits (turns.py).
"""

from __future__ import annotations

from collections import deque

_KEPT = 8  # gaps
_FEWEST = 3  # gaps, before anything is said of how somebody types
_PAUSE = 0.6  # seconds: a gap as long as this ends a burst
_LONGER = 1.25  # times the median gap: most gaps of a steady typist are shorter
_LEAST, _MOST = 0.5, 2.5  # times the setting
_AT_ONCE = 2  # characters that one key may insert: editors close brackets


class Pace:
    """The last keys of one person."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=_KEPT)
        self._last: float | None = None

    def typed(self, now: float, text: str = "") -> None:
        """Something was edited; `text` is what was inserted, as far as it is known.

        A line end, or more than one key can insert (an accepted suggestion, a paste), ends a burst.
        """
        gap = None if self._last is None else now - self._last
        self._last = now
        if gap is None or gap >= _PAUSE or gap < 0 or "\n" in text or len(text) > _AT_ONCE:
            self._gaps.clear()
        else:
            self._gaps.append(gap)

    def accepted(self) -> None:
        """A suggestion was taken: what comes next is read, not typed."""
        self._gaps.clear()

    def delay(self, debounce_ms: int, now: float) -> float:
        """Seconds to wait from `now` on, for a setting in milliseconds; never more than 2.5 times as long.

        What has passed since the last key counts as waited for.
        """
        setting = debounce_ms / 1000
        since = 0.0 if self._last is None else max(0.0, now - self._last)
        return max(0.0, self._wait(setting) - since)

    def _wait(self, setting: float) -> float:
        """How long nothing must have been typed."""
        if len(self._gaps) < _FEWEST:
            return _LEAST * setting
        gaps = sorted(self._gaps)  # not by the module statistics: to load it takes 3 ms of the start
        median = (gaps[(len(gaps) - 1) // 2] + gaps[len(gaps) // 2]) / 2
        wanted = _LONGER * median
        return _LEAST * setting if wanted > _MOST * setting else max(_LEAST * setting, wanted)
