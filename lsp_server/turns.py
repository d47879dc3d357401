"""Who may decode: one request per document, the newest, on one worker thread.

A request that is cancelled or overtaken stops decoding at the next step and, when overtaken, answers at once.
Editors that never cancel (Neovim) would otherwise queue up one request per keystroke.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Turn:
    overtaken: asyncio.Future[None]
    stop: threading.Event


class Turns:
    """The requests under way. Use from one event loop."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="tabwright")
        self._turns: dict[str, _Turn] = {}

    def background(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run on the worker, before everything that is asked for later."""
        return asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def run(
        self,
        key: str,
        work: Callable[[Callable[[], bool]], T],
        *,
        delay: float = 0.0,
        after: asyncio.Future[Any] | None = None,
    ) -> T | None:
        """The result of `work`, which is given the question whether to stop; None when overtaken.

        `work` begins after `delay` seconds and once `after` is done. Cancelling the caller stops it as well.
        """
        self.overtake(key)
        turn = _Turn(overtaken=asyncio.get_running_loop().create_future(), stop=threading.Event())
        self._turns[key] = turn
        job: asyncio.Future[T] | None = None
        try:
            if delay > 0:
                await asyncio.wait({turn.overtaken}, timeout=delay)
            if after is not None and not turn.overtaken.done():
                await asyncio.wait([turn.overtaken, after], return_when=asyncio.FIRST_COMPLETED)
            if turn.overtaken.done():
                return None
            job = self.background(lambda: work(turn.stop.is_set))
            either: set[asyncio.Future[Any]] = {turn.overtaken, job}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return job.result() if job.done() and not turn.overtaken.done() else None
        finally:
            turn.stop.set()
            if job is not None and not job.done():
                job.cancel()  # takes it out of the queue if the worker has not begun
            if self._turns.get(key) is turn:
                del self._turns[key]

    def overtake(self, key: str) -> None:
        """End the request of a document, if there is one: its answer is of no use any more."""
        turn = self._turns.pop(key, None)
        if turn is not None:
            turn.stop.set()
            if not turn.overtaken.done():
                turn.overtaken.set_result(None)

    def close(self) -> None:
        """End everything; nothing more can run."""
        for key in list(self._turns):
            self.overtake(key)
        self._worker.shutdown(wait=False, cancel_futures=True)
