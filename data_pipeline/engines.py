"""Where the work of a step runs: a pool of processes on this machine, or a Ray cluster.

Both take a plain function of a module and a list of items, and give the results in the order of the items.
What a function leaves on disk it leaves under paths that are in its item, so on a cluster these are on a file
system that all nodes share. A worker that dies costs only the items that it held: they are given out again.

Not here: what the functions do, and how a build that was killed as a whole goes on (steps.py).
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from model.errors import ConfigError, DataError

Item = TypeVar("Item")
Result = TypeVar("Result")
# An item that was there at so many deaths is taken to be their cause.
_MOST_DEATHS = 3


class Engine(Protocol):
    """Runs a function over items."""

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        on_done: Callable[[Item], None] = ...,
    ) -> list[Result]:
        """The function of each item, in the order of the items; `on_done` is called as each is finished.

        The first exception of a function ends the map and is raised here.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """This process for one worker, a pool of processes for more."""

    workers: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= 1024:
            raise ConfigError(f"{self.workers} workers are out of range; use 1 to 1024")

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        on_done: Callable[[Item], None] = lambda _: None,
    ) -> list[Result]:
        """See Engine. A dead worker takes the whole pool along: a new one does what is left."""
        if self.workers == 1 or len(items) < 2:
            results = []
            for item in items:
                results.append(function(item))
                on_done(item)
            return results
        done: dict[int, Result] = {}
        deaths: dict[int, int] = {}
        while len(done) < len(items):
            # What was being worked on at a death is done alone: a second death then shows whose fault it is.
            suspects = [number for number in deaths if number not in done]
            left = suspects or [number for number in range(len(items)) if number not in done]
            for number in self._pool(function, items, left, done, on_done, 1 if suspects else self.workers):
                deaths[number] = deaths.get(number, 0) + 1
                if deaths[number] >= _MOST_DEATHS:
                    raise DataError(
                        f"a worker was killed {_MOST_DEATHS} times at {_name(items[number])}, most likely "
                        "for want of memory; give it more, or leave this source out"
                    )
        return [done[number] for number in range(len(items))]

    def _pool(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        left: Sequence[int],
        done: dict[int, Result],
        on_done: Callable[[Item], None],
        workers: int,
    ) -> list[int]:
        """Do what is left in one pool; the numbers that were being worked on when a worker died."""
        # Spawned, not forked: a fork of a process with threads (tokenizers, pyarrow) may hang.
        context = multiprocessing.get_context("spawn")
        pool = concurrent.futures.ProcessPoolExecutor(
            min(workers, len(left)), mp_context=context, initializer=_die_with_parent
        )
        try:
            waiting = list(reversed(left))
            running: dict[concurrent.futures.Future[Result], int] = {}
            while waiting or running:
                # No more than are worked on: what only waits in a queue is not under suspicion.
                while waiting and len(running) < workers:
                    number = waiting.pop()
                    try:
                        running[pool.submit(function, items[number])] = number
                    except BrokenProcessPool:
                        return list(running.values())
                finished, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                broken = [f for f in finished if isinstance(f.exception(), BrokenProcessPool)]
                for future in finished:
                    if future not in broken:
                        number = running.pop(future)
                        done[number] = future.result()
                        on_done(items[number])
                if broken:
                    return list(running.values())
            return []
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _die_with_parent() -> None:
    """End a worker when the build is killed: nothing else would tell it."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watch-parent").start()


@dataclass(frozen=True, slots=True, kw_only=True)
class RayCluster:
    """A Ray cluster: the one at `address`, the one that the environment names, or one on this machine.

    Ray gives the items of a worker or node that died to others.
    """

    address: str | None = None

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        on_done: Callable[[Item], None] = lambda _: None,
    ) -> list[Result]:
        """See Engine."""
        ray = self._connected()
        task = ray.remote(max_retries=_MOST_DEATHS, num_cpus=1)(function)
        # Two items a core: enough to keep it busy, few enough that nothing piles up.
        window = max(2, 2 * int(ray.cluster_resources().get("CPU", 1)))
        results: dict[int, Result] = {}
        waiting = list(reversed(range(len(items))))
        running: dict[Any, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < window:
                    number = waiting.pop()
                    running[task.remote(items[number])] = number
                (ready,), _ = ray.wait(list(running), num_returns=1)
                number = running.pop(ready)
                try:
                    results[number] = ray.get(ready)
                except ray.exceptions.RayTaskError as error:
                    # As it was raised there: our own errors have a sentence for the user.
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    raise DataError(
                        f"the Ray cluster lost {_name(items[number])} {_MOST_DEATHS + 1} times ({error}); "
                        "give its nodes more memory, or leave this source out"
                    ) from error
                on_done(items[number])
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
        return [results[number] for number in range(len(items))]

    def _connected(self) -> Any:
        # Ray reports usage to its makers unless told not to before it is imported.
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        if self.address is None and "RAY_ADDRESS" not in os.environ:
            # Off, and on any system: what is started here listens on loopback only.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        try:
            import ray
        except ImportError:
            raise ConfigError("ray is not installed; run: pip install 'tabwright[ray]'") from None
        if not ray.is_initialized():
            try:
                if self.address is None:
                    ray.init(include_dashboard=False, log_to_driver=False)
                else:
                    ray.init(address=self.address, log_to_driver=False)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise ConfigError(
                    f"there is no Ray cluster at {self.address or 'this machine'} ({error}); start one with "
                    "`ray start --head`, or use --engine local"
                ) from error
        return ray


def _name(item: object) -> str:
    return str(getattr(item, "name", item))[:100]
