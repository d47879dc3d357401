"""The thread that writes signals, so that nobody who types waits for a disk.

Facts are put into a queue and written some at a time. Where the disk is full or broken, or the queue is, they
are dropped: a suggestion matters more than what is known of it. That is told once in the log.

Not here: the file (store.py), what is a fact (facts.py).
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from lsp_server.signals.facts import Fact

_MOST_WAITING = 1000  # facts
_AT_ONCE = 100  # facts in a transaction
# A suggestion is decided when the next is on its way to the editor: that is no moment to take turns with it.
_GATHER = 0.5  # seconds to wait for more
_REST = 60.0  # seconds after a failure in which nothing is tried

log = logging.getLogger("lsp_server")


class Writer:
    """A queue and the thread that empties it into a file. Both begin with the first fact."""

    def __init__(self, file: Path | None = None, *, rest: float = _REST) -> None:
        """`file`: this user's own when not given. `rest`: seconds to leave a disk alone after it failed."""
        self._file = file
        self._rest = rest
        self._queue: queue.Queue[Fact | None] = queue.Queue(_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._last = False  # the queue has come to its end
        self._warned = False
        self._connection: sqlite3.Connection | None = None
        self._not_before = 0.0  # time.monotonic()

    def put(self, fact: Fact) -> None:
        """Have a fact written. Never waits, never fails."""
        if self._closed.is_set():
            return
        try:
            self._queue.put_nowait(fact)
        except queue.Full:
            self._warn("the disk is too slow")
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tabwright-signals", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Take no more facts. May be called again."""
        if not self._closed.is_set():
            self._closed.set()
            # A queue that is full is one that the disk holds up: the thread ends with the process.
            with contextlib.suppress(queue.Full):
                self._queue.put_nowait(None)

    def join(self, seconds: float) -> bool:
        """Wait, after `close`, for what is in the queue to be written; whether it is."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (facts := self._next()) is not None:
                if time.monotonic() >= self._not_before:
                    self._write(facts)
        finally:
            self._disconnect()

    def _next(self) -> list[Fact] | None:
        """Wait for facts; None once it is closed and nothing is left."""
        first = None if self._last else self._queue.get()
        if first is None:
            return None
        self._closed.wait(_GATHER)
        facts = [first]
        while len(facts) < _AT_ONCE:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._last = True
                break
            facts.append(more)
        return facts

    def _write(self, facts: list[Fact]) -> None:
        # Imported here: only who asks for signals pays for them.
        import sqlite3

        from lsp_server.signals.store import default_file, open_to_write, write
        from model.errors import DataError

        try:
            if self._connection is None:
                self._file = self._file or default_file()
                self._connection = open_to_write(self._file)
            write(self._connection, facts)
        except (DataError, OSError, sqlite3.Error) as error:
            self._warn(str(error))
            self._disconnect()
            self._not_before = time.monotonic() + self._rest
        except Exception:
            log.exception("signals could not be written")  # a bug of ours
            self._disconnect()

    def _disconnect(self) -> None:
        import sqlite3

        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error as error:
                log.debug("%s could not be closed: %s", self._file, error)

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("signals are not kept for now: %s (%s)", why, self._file)
