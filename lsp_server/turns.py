"""Who may decode: one request per document, the newest, on one worker thread.

A request that is cancelled or overtaken stops decoding at the next step and, when overtaken, answers at once.
Editors that never cancel (Neovim) would otherwise queue up one request per keystroke.

Of the documents that wait, the one served longest ago is next, so none can keep the others waiting. Errands
(loading, preparing) run where nobody waits, in order, and what is computed ahead runs after all of them and
stops for whoever asks.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

_MOST_SERVED = 256  # documents whose turn is remembered

log = logging.getLogger("lsp_server")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Turn:
    overtaken: asyncio.Future[None]
    stop: threading.Event


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    work: Callable[[], Any]
    result: Future[Any] = field(default_factory=Future)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ahead:
    key: str
    work: Callable[[Callable[[], bool]], object]
    stop: threading.Event = field(default_factory=threading.Event)


class Turns:
    """The requests under way. Use from one event loop."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._thread: threading.Thread | None = None
        # Shared with the worker, under the lock of `_wake`:
        self._wake = threading.Condition()
        self._asked: dict[str, _Job] = {}
        self._errands: deque[_Job] = deque()
        self._ahead: _Ahead | None = None  # until it is done
        self._ahead_begun = False
        self._served: OrderedDict[str, int] = OrderedDict()
        self._numbers = itertools.count(1)
        self._closed = False

    def background(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run on the worker once no request waits, after the errands before it."""
        return asyncio.wrap_future(self._put(None, work))

    def errand(self, work: Callable[[], object]) -> None:
        """The same for work that nobody waits for; what goes wrong is logged."""

        def run() -> None:
            try:
                work()
            except Exception:
                log.exception("something in the background failed")

        self._put(None, run)

    def ahead(self, key: str, work: Callable[[Callable[[], bool]], object]) -> None:
        """Run when the worker has nothing else to do; a later one takes its place.

        `work` is given the question whether to stop: a request that does not join stops it, and so does
        overtaking its document.
        """
        with self._wake:
            self._drop_ahead()
            if not self._closed:
                self._ahead, self._ahead_begun = _Ahead(key=key, work=work), False
                self._begin()

    async def run(
        self,
        key: str,
        work: Callable[[Callable[[], bool]], T],
        *,
        delay: float = 0.0,
        after: asyncio.Future[Any] | None = None,
        patience: float | None = None,
        joins: bool = False,
    ) -> T | None:
        """The result of `work`, which is given the question whether to stop; None when overtaken.

        `work` begins after `delay` seconds and once `after` is done. Cancelling the caller stops it as well.
        Raises TimeoutError where others have kept the worker from it for `patience` seconds more: then it
        never begins. Once begun, it must know itself when to end.
        One that `joins` lets what is computed ahead finish first: it is for the same place.
        """
        self._end_request(key)
        turn = _Turn(overtaken=asyncio.get_running_loop().create_future(), stop=threading.Event())
        self._turns[key] = turn
        put: Future[T] | None = None
        job: asyncio.Future[T] | None = None
        try:
            if delay > 0:
                await asyncio.wait({turn.overtaken}, timeout=delay)
            if after is not None and not turn.overtaken.done():
                await asyncio.wait([turn.overtaken, after], return_when=asyncio.FIRST_COMPLETED)
            if turn.overtaken.done():
                return None
            put = self._put(key, lambda: work(turn.stop.is_set), joins=joins)
            job = asyncio.wrap_future(put)
            either: set[asyncio.Future[Any]] = {turn.overtaken, job}
            done, _ = await asyncio.wait(either, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not done and put.cancel():
                raise TimeoutError
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if turn.overtaken.done() or job.cancelled():
                return None
            return job.result()
        finally:
            turn.stop.set()
            if put is not None and job is not None:
                job.cancel()  # and with it `put`, unless the worker has begun
                self._remove(key, put)
            if self._turns.get(key) is turn:
                del self._turns[key]

    def overtake(self, key: str) -> None:
        """End the request of a document, and what is computed ahead for it: their answers are of no use."""
        self._end_request(key)
        with self._wake:
            if self._ahead is not None and self._ahead.key == key:
                self._drop_ahead()

    def close(self) -> None:
        """End everything; nothing more can run. The worker ends after the step that it is at."""
        for key in list(self._turns):
            self._end_request(key)
        with self._wake:
            self._closed = True
            self._drop_ahead()
            jobs = [*self._asked.values(), *self._errands]
            self._asked.clear()
            self._errands.clear()
            self._wake.notify_all()
        for job in jobs:
            job.result.cancel()

    def join(self, seconds: float) -> bool:
        """Wait for the worker to end after `close`, but no longer than this; whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _end_request(self, key: str) -> None:
        turn = self._turns.pop(key, None)
        if turn is not None:
            turn.stop.set()
            if not turn.overtaken.done():
                turn.overtaken.set_result(None)

    def _drop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.stop.set()
            self._ahead = None

    # The queue

    def _put(self, key: str | None, work: Callable[[], T], *, joins: bool = False) -> Future[T]:
        job = _Job(work=work)
        with self._wake:
            if self._closed:
                job.result.cancel()
            elif key is None:
                self._errands.append(job)
                self._begin()
            else:
                if not (joins and self._ahead_begun):
                    self._drop_ahead()
                self._asked[key] = job
                self._begin()
        return job.result

    def _remove(self, key: str, result: Future[Any]) -> None:
        with self._wake:
            job = self._asked.get(key)
            if job is not None and job.result is result:
                del self._asked[key]

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="tabwright", daemon=True)
            self._thread.start()
        self._wake.notify_all()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if isinstance(job, _Ahead):
                self._run_ahead(job)
            elif job.result.set_running_or_notify_cancel():
                try:
                    job.result.set_result(job.work())
                except BaseException as error:  # the worker must outlive what it runs
                    job.result.set_exception(error)
            del job  # what it holds is not kept while the worker waits

    def _run_ahead(self, ahead: _Ahead) -> None:
        try:
            if not ahead.stop.is_set():
                ahead.work(ahead.stop.is_set)
        except Exception:
            log.exception("the next suggestion could not be computed ahead")
        with self._wake:
            if self._ahead is ahead:
                self._ahead = None

    def _next(self) -> _Job | _Ahead | None:
        """The next work, waiting for some; None when it is over."""
        with self._wake:
            while not self._closed:
                if self._asked:
                    key = min(self._asked, key=lambda key: self._served.get(key, 0))
                    self._served[key] = next(self._numbers)
                    self._served.move_to_end(key)
                    while len(self._served) > _MOST_SERVED:
                        self._served.popitem(last=False)
                    return self._asked.pop(key)
                if self._errands:
                    return self._errands.popleft()
                if self._ahead is not None and not self._ahead_begun:
                    self._ahead_begun = True
                    return self._ahead
                self._wake.wait()
            return None
