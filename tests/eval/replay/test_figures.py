"""Judged answers become shares whose n and meaning are what they say."""

import pytest

from eval.replay.figures import examples, figures
from eval.replay.judging import Answer
from eval.replay.retype import Taken
from eval.replay.run import Replayed


def answer(outcome="suggestion", **more):
    values = {
        "kind": "cold",
        "outcome": outcome,
        "milliseconds": None if outcome == "late" else 100.0,
        "amount": "block",
        "computed": None,
        "agreed": 0,
        "text": "abcd" if outcome == "suggestion" else "",
        "fresh": outcome == "suggestion",
        "changed": False,
        "first": False,
        "spelled": 0,
    }
    return Answer(**{**values, **more})


def replayed(*answers, file="a.py", mode="inside", taken=(), **more):
    values = {
        "variant": "tabwright", "file": file, "mode": mode, "characters": 100, "keys": 80, "keys_alone": 90,
        "seconds": 30.0, "cpu_seconds": 2.0, "peak": 150_000_000, "unanswered": 0, "jobs": 1,
        "taken": tuple(taken), "answers": answers,
    }  # fmt: skip
    return Replayed(**{**values, **more})


def find(found, name, **where):
    place = {"variant": "tabwright", "mode": "all", **where}
    (one,) = [one for one in found if one.name == name and dict(one.where) == place]
    return one


def test_shares_are_of_the_requests_they_name():
    found = figures(
        [
            replayed(answer(first=True), answer("nothing"), answer("late"), answer()),
            replayed(answer("late"), answer("error"), file="b.py", mode="end"),
        ],
        speed=1.0,
    )
    assert (find(found, "answered").value, find(found, "answered").n) == (pytest.approx(2 / 6), 6)
    # A late answer and an error are in all requests, not in those that an answer came for in time.
    assert (find(found, "answered in time").value, find(found, "answered in time").n) == (
        pytest.approx(2 / 3),
        3,
    )
    assert (find(found, "exact").value, find(found, "exact").n) == (0.5, 2)
    assert find(found, "exact of all").value == pytest.approx(1 / 6)
    assert find(found, "answered", mode="end").value == 0.0
    low, high = find(found, "answered").low, find(found, "answered").high
    assert low == 0.0
    assert high == 0.5


def test_saved_counts_what_was_taken_and_apart_from_it_what_was_taken_whole():
    taken = [Taken(agreed=0, characters=20, whole=True), Taken(agreed=30, characters=10, whole=False)]
    found = figures([replayed(answer(), answer(), taken=taken)], speed=1.0)
    assert find(found, "saved").value == pytest.approx(0.3)
    assert find(found, "saved whole").value == pytest.approx(0.2)
    assert find(found, "saved keys").value == pytest.approx(10 / 90)
    assert find(found, "taken").value == 1.0


def test_wrong_characters_are_counted_once_for_what_is_typed_through():
    answers = [answer(spelled=1), answer(fresh=False, kind="typed-on")]
    taken = [Taken(agreed=0, characters=6, whole=True)]
    found = figures([replayed(*answers, taken=taken)], speed=1.0)
    assert find(found, "wrong shown").value == pytest.approx(3 / 6)


def test_flicker_is_of_answers_to_what_was_typed_on():
    answers = [
        answer(kind="typed-on", fresh=False),
        answer("nothing", kind="typed-on", changed=True),
        answer("late", kind="typed-on"),
        answer("nothing"),
    ]
    assert find(figures([replayed(*answers)], speed=1.0), "flicker").value == 0.5


def test_times_are_of_each_kind_and_late_answers_have_none():
    answers = [answer(milliseconds=10.0), answer(milliseconds=30.0), answer("late"), answer("nothing")]
    found = figures([replayed(*answers)], speed=1.0)
    assert find(found, "p50", kind="cold").n == 3
    assert find(found, "p50 of a suggestion", kind="cold").value == 20.0
    assert not [one for one in found if one.name == "p50" and one.where["kind"] == "typed-on"]


def test_the_servers_work_is_of_all_answers_and_beside_the_share_answered_of_the_same_requests():
    answers = [
        answer(computed=10.0, amount="line"),
        answer("nothing", computed=30.0, amount="line"),
        answer("late", kind="typed-on", computed=50.0),
        answer("late", amount="line"),
        answer("nothing", amount="none", computed=0.0),
    ]
    found = figures([replayed(*answers)], speed=1.0)
    assert (find(found, "server p50", kind="all").value, find(found, "server p50", kind="all").n) == (20.0, 4)
    one_line = find(found, "server p50", kind="one line")
    assert (one_line.value, one_line.n) == (20.0, 2)
    assert find(found, "server p95", kind="typed-on").value == 50.0
    answered = find(found, "answered", kind="one line")
    assert (answered.value, answered.n) == (pytest.approx(1 / 3), 3)
    assert find(found, "answered", kind="cold").n == 4
    # A server that does not tell has no such figure.
    assert not [one for one in figures([replayed(answer())], speed=1.0) if "server" in one.name]


def test_the_servers_time_is_told_for_a_minute_of_the_persons():
    assert find(figures([replayed(answer())], speed=1.0), "CPU seconds").value == pytest.approx(4.0)
    assert find(figures([replayed(answer())], speed=2.0), "CPU seconds").value == pytest.approx(2.0)
    without = figures([replayed(answer(), cpu_seconds=None, peak=None)], speed=1.0)
    assert not [one for one in without if one.name in ("CPU seconds", "megabytes")]


def test_a_server_that_says_nothing_has_figures_where_there_is_something_to_count():
    names = {one.name for one in figures([replayed(answer("nothing"))], speed=1.0)}
    assert {"answered", "saved", "p50", "unanswered"} <= names
    assert not names & {"exact", "broken", "flicker", "taken", "wrong shown"}


def test_examples_are_right_and_wrong_ones_and_the_same_each_time():
    found = [replayed(*[answer(first=number % 2 == 0, agreed=number) for number in range(40)])]
    drawn = examples(found, variant="tabwright")
    assert [one["right"] for one in drawn] == [True] * 4 + [False] * 4
    assert drawn == examples(found, variant="tabwright")
    assert examples(found, variant="another") == []
