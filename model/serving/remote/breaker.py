"""When to leave a server alone: after some failures in a row nothing is sent for a while, then one request.

Own code, for the libraries count calls and nothing else: here a server may ask to be left alone for some
seconds, a wrong key stops everything at once, somebody who asks by hand is let through, the pauses grow,
and the state has a sentence for people. Pure but for its clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES = 5  # in a row
REST = 5.0  # seconds, doubled each time that the request after it fails
LONGEST_REST = 120.0


class Breaker:
    """The failures of one server. For one thread that asks; `trouble` may be read from any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.trouble: str | None = None  # why nothing is sent, until something was answered again
        self._clock = clock
        self._failures = 0
        self._rest = REST
        self._until = 0.0
        self._firm = False  # the server itself wants to be left alone

    def refuses(self, *, asked_for: bool) -> str | None:
        """Why nothing is to be sent now, or None. `asked_for`: a person waits for it."""
        if self.trouble is None or self._clock() >= self._until or (asked_for and not self._firm):
            return None
        return self.trouble

    def succeeded(self) -> None:
        """The server has answered."""
        self.trouble, self._failures, self._rest, self._firm = None, 0, REST, False

    def failed(self, why: str, *, after: float | None = None, settled: bool = False) -> None:
        """It has not. `after` (seconds) and `settled` are those of RemoteError."""
        self._failures += 1
        again = self.trouble is not None
        if not (again or settled or after is not None or self._failures >= FAILURES):
            return
        if again and self._clock() < self._until and after is None:
            return  # who asked by hand has tried in the middle of a rest: it does not get longer
        if again or settled:
            self._rest = min(LONGEST_REST, 2 * self._rest)
        rest = LONGEST_REST if settled else max(self._rest, min(after or 0.0, LONGEST_REST))
        self._until = self._clock() + rest
        self._firm = after is not None
        self.trouble = why
