import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from lsp_server.turns import Turns


def work_until_stopped(started: threading.Event, steps: list[int]) -> Callable[[Callable[[], bool]], str]:
    def work(stopped: Callable[[], bool]) -> str:
        started.set()
        for _ in range(500):
            if stopped():
                return "stopped"
            steps.append(1)
            time.sleep(0.005)
        return "finished"

    return work


async def test_a_result_comes_back() -> None:
    turns = Turns()
    assert await turns.run("a", lambda stopped: stopped()) is False
    turns.close()


async def test_overtaken_answers_at_once_and_stops() -> None:
    turns, started, steps = Turns(), threading.Event(), list[int]()
    first = asyncio.ensure_future(turns.run("a", work_until_stopped(started, steps)))
    await asyncio.to_thread(started.wait)
    second = asyncio.ensure_future(turns.run("a", lambda _: "second"))
    assert await asyncio.wait_for(first, 1) is None
    assert await asyncio.wait_for(second, 1) == "second"
    assert len(steps) < 100
    turns.close()


async def test_cancelled_stops() -> None:
    turns, started, steps = Turns(), threading.Event(), list[int]()
    task = asyncio.ensure_future(turns.run("a", work_until_stopped(started, steps)))
    await asyncio.to_thread(started.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(turns.run("b", lambda _: "next"), 1) == "next"
    turns.close()


async def test_work_that_waits_its_turn_never_begins_when_overtaken() -> None:
    turns, started, calls = Turns(), threading.Event(), list[str]()
    first = asyncio.ensure_future(turns.run("a", work_until_stopped(started, [])))
    await asyncio.to_thread(started.wait)
    waiting = asyncio.ensure_future(turns.run("b", lambda _: calls.append("b")))
    delayed = asyncio.ensure_future(turns.run("c", lambda _: calls.append("c"), delay=30))
    await asyncio.sleep(0.01)
    for key in "abc":
        turns.overtake(key)
    assert await asyncio.wait_for(asyncio.gather(first, waiting, delayed), 1) == [None] * 3
    await turns.background(lambda: None)
    assert calls == []
    turns.close()


async def test_work_waits_for_what_must_come_before() -> None:
    turns, ready = Turns(), asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(turns.run("a", lambda _: "done", after=ready))
    await asyncio.sleep(0.01)
    assert not task.done()
    ready.set_result(None)
    assert await task == "done"
    turns.close()
