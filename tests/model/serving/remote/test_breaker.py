"""A server that fails is left alone for a while, and asked again."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from model.serving.remote.breaker import FAILURES, LONGEST_REST, REST, Breaker


def test_nothing_is_sent_after_some_failures_in_a_row_until_it_had_its_rest(clock: Any) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed("down")
        assert breaker.refuses(asked_for=False) is None
    breaker.failed("down")
    assert breaker.refuses(asked_for=False) == breaker.trouble == "down"
    clock.now += REST
    assert breaker.refuses(asked_for=False) is None, "one request is let through"
    assert breaker.trouble == "down", "nobody knows yet whether it answers"
    breaker.succeeded()
    assert breaker.trouble is None
    breaker.failed("down")
    assert breaker.trouble is None, "counting begins anew"


def test_each_rest_is_longer_than_the_last_up_to_a_limit(clock: Any) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed("down")
    rests = []
    for _ in range(8):
        began = clock.now
        while breaker.refuses(asked_for=False):
            clock.now += 0.5
        rests.append(clock.now - began)
        breaker.failed("down")
    assert rests == [REST, 2 * REST, 4 * REST, 8 * REST, 16 * REST, LONGEST_REST, LONGEST_REST, LONGEST_REST]


def test_a_success_between_failures_is_a_server_that_works(clock: Any) -> None:
    breaker = Breaker(clock)
    for _ in range(3 * FAILURES):
        breaker.failed("slow")
        breaker.succeeded()
    assert breaker.trouble is None


def test_who_asks_by_hand_is_let_through_and_makes_no_rest_longer(clock: Any) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed("down")
    for _ in range(20):
        assert breaker.refuses(asked_for=True) is None
        breaker.failed("down")
    clock.now += REST
    assert breaker.refuses(asked_for=False) is None


def test_a_server_that_asks_to_be_left_alone_is_left_alone_by_everybody(clock: Any) -> None:
    breaker = Breaker(clock)
    breaker.failed("busy", after=30.0)
    assert breaker.refuses(asked_for=True) == "busy"
    clock.now += 29
    assert breaker.refuses(asked_for=False) == "busy"
    clock.now += 1
    assert breaker.refuses(asked_for=False) is None


def test_no_server_can_ask_for_more_than_the_longest_rest(clock: Any) -> None:
    breaker = Breaker(clock)
    breaker.failed("busy", after=1e9)
    clock.now += LONGEST_REST
    assert breaker.refuses(asked_for=False) is None


def test_what_cannot_be_right_opens_it_at_once(clock: Any) -> None:
    breaker = Breaker(clock)
    breaker.failed("wrong key", settled=True)
    clock.now += REST
    assert breaker.refuses(asked_for=False) == "wrong key"
    assert breaker.refuses(asked_for=True) is None, "the person may have mended it"


@given(st.lists(st.sampled_from(["fail", "succeed", "settle", "after", "wait"])))
def test_nobody_waits_longer_than_the_longest_rest(steps: list[str]) -> None:
    now = [0.0]
    breaker = Breaker(lambda: now[0])
    for step in steps:
        if step == "succeed":
            breaker.succeeded()
            assert breaker.refuses(asked_for=False) is None
        elif step == "wait":
            now[0] += 1.0
        else:
            breaker.failed("x", after=7.0 if step == "after" else None, settled=step == "settle")
    now[0] += LONGEST_REST
    assert breaker.refuses(asked_for=False) is None
