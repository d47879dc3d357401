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


async def test_documents_that_keep_asking_are_served_in_turn() -> None:
    """The one served longest ago is next, so one that asks all the time does not keep another waiting."""
    turns, started, order, gate = Turns(), threading.Event(), list[str](), threading.Event()
    for key in ("b", "busy"):
        await turns.run(key, lambda _: None)
    blocking = asyncio.ensure_future(turns.run("busy", lambda _: (started.set(), gate.wait())))
    await asyncio.to_thread(started.wait)
    waiting = [
        asyncio.ensure_future(turns.run(key, lambda _, key=key: order.append(key)))  # type: ignore[misc]
        for key in ("busy", "b", "new")
    ]
    await asyncio.sleep(0.01)
    gate.set()
    await asyncio.wait_for(asyncio.gather(blocking, *waiting), 10)
    assert order == ["new", "b", "busy"]
    turns.close()


async def test_of_each_document_only_the_newest_request_runs() -> None:
    turns, order, gate = Turns(), list[str](), threading.Event()
    first = asyncio.ensure_future(turns.run("0", lambda _: gate.wait()))
    await asyncio.sleep(0)
    rounds = []
    for _ in range(3):
        rounds += [
            asyncio.ensure_future(turns.run(key, lambda _, key=key: order.append(key)))  # type: ignore[misc]
            for key in "abc"
        ]
        await asyncio.sleep(0)
    gate.set()
    await asyncio.wait_for(asyncio.gather(first, *rounds), 10)
    assert order == ["a", "b", "c"]  # the newest of each, and each once
    turns.close()


async def test_what_is_computed_ahead_gives_way_to_whoever_asks() -> None:
    turns, started, steps = Turns(), threading.Event(), list[int]()
    turns.ahead("a", work_until_stopped(started, steps))
    await asyncio.to_thread(started.wait)
    assert await asyncio.wait_for(turns.run("b", lambda _: "asked"), 10) == "asked"
    assert len(steps) < 500
    turns.close()


async def test_a_request_for_the_same_place_waits_for_what_is_computed_ahead() -> None:
    """It is the very same work: stopping it would only begin it again."""
    turns, started, order, gate = Turns(), threading.Event(), list[str](), threading.Event()

    def ahead(stopped: Callable[[], bool]) -> None:
        started.set()
        gate.wait()
        order.append("stopped" if stopped() else "ahead")

    turns.ahead("a", ahead)
    await asyncio.to_thread(started.wait)
    asked = asyncio.ensure_future(turns.run("a", lambda _: order.append("asked"), joins=True))
    await asyncio.sleep(0.01)
    gate.set()
    await asyncio.wait_for(asked, 10)
    assert order == ["ahead", "asked"]
    turns.close()


async def test_an_edit_stops_what_is_computed_ahead() -> None:
    turns, started, steps = Turns(), threading.Event(), list[int]()
    turns.ahead("a", work_until_stopped(started, steps))
    await asyncio.to_thread(started.wait)
    turns.overtake("b")  # another document's
    turns.overtake("a")
    await asyncio.wait_for(turns.background(lambda: None), 10)
    assert len(steps) < 500
    turns.close()


async def test_errands_wait_for_requests_and_what_is_ahead_for_errands() -> None:
    turns, started, order, gate = Turns(), threading.Event(), list[str](), threading.Event()

    def blocking() -> None:
        started.set()
        gate.wait()

    turns.errand(blocking)
    await asyncio.to_thread(started.wait)
    turns.ahead("z", lambda _: order.append("ahead"))
    turns.errand(lambda: order.append("errand"))
    asked = asyncio.ensure_future(turns.run("a", lambda _: order.append("asked"), joins=True))
    await asyncio.sleep(0.01)
    gate.set()
    await asyncio.wait_for(asked, 10)
    await asyncio.wait_for(turns.background(lambda: None), 10)
    assert order[:2] == ["asked", "errand"]
    turns.close()


async def test_an_errand_that_fails_is_logged_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns()
    turns.errand(lambda: 1 // 0)
    assert await asyncio.wait_for(turns.background(lambda: 7), 10) == 7
    assert "something in the background failed" in caplog.text
    turns.close()


async def test_the_worker_ends_when_it_is_closed() -> None:
    """A thread that stays would keep the process."""
    turns, started = Turns(), threading.Event()
    asked = asyncio.ensure_future(turns.run("a", work_until_stopped(started, [])))
    await asyncio.to_thread(started.wait)
    turns.close()
    assert await asyncio.wait_for(asked, 10) is None
    turns.join(10)
    assert turns._thread is not None
    assert not turns._thread.is_alive()
    assert await turns.run("a", lambda _: "late") is None


async def test_work_that_others_keep_waiting_is_given_up_and_never_begins() -> None:
    """A hard deadline holds for who waits for another document's answer, too."""
    turns, gate, started, calls = Turns(), threading.Event(), threading.Event(), list[str]()
    busy = asyncio.ensure_future(turns.run("busy", lambda _: (started.set(), gate.wait())))
    await asyncio.to_thread(started.wait)
    waiting = turns.run("a", lambda _: calls.append("a"), patience=0.01)
    with pytest.raises(TimeoutError):
        await waiting
    gate.set()
    assert await busy == (None, True)
    assert await turns.run("b", lambda _: "next") == "next"
    assert calls == []
    turns.close()


async def test_work_that_has_begun_is_waited_for() -> None:
    turns, gate, started = Turns(), threading.Event(), threading.Event()

    def work(_: Callable[[], bool]) -> str:
        started.set()
        gate.wait()
        return "its own answer"

    asked = asyncio.ensure_future(turns.run("a", work, patience=0.05))
    await asyncio.to_thread(started.wait)
    await asyncio.sleep(0.1)
    assert not asked.done()
    gate.set()
    assert await asyncio.wait_for(asked, 10) == "its own answer"
    turns.close()
