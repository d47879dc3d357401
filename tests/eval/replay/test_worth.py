"""A variant is held against ours on the pieces that both have typed, file by file."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.replay.judging import Answer
from eval.replay.retype import Taken
from eval.replay.run import Replayed
from eval.replay.worth import differences

FILES = [f"{number}.py" for number in range(12)]


def answer(*, shown=True, computed=None, **more):
    values = {
        "kind": "cold", "outcome": "suggestion" if shown else "nothing", "amount": "line",
        "milliseconds": 9.0, "computed": computed, "agreed": 0, "text": "abcd" if shown else "",
        "fresh": shown, "changed": False, "first": False, "spelled": 0,
    }  # fmt: skip
    return Answer(**{**values, **more})


def replayed(variant, file, *answers, saved=0, mode="inside"):
    taken = (Taken(agreed=0, characters=saved, whole=True),) if saved else ()
    return Replayed(
        variant=variant, file=file, mode=mode, characters=100, keys=80, keys_alone=90, seconds=30.0,
        cpu_seconds=None, peak=None, unanswered=0, jobs=1, taken=taken, answers=answers,
    )  # fmt: skip


def find(found, name, variant="less"):
    matching = [one for one in found if one.name == name and one.where["variant"] == variant]
    return matching[0] if matching else None


def test_a_difference_is_the_variant_less_ours():
    found = differences(
        [
            one
            for file in FILES
            for one in (
                replayed("tabwright", file, answer(computed=30.0), answer(computed=10.0), saved=20),
                replayed("less", file, answer(computed=5.0), answer(shown=False, computed=5.0), saved=10),
                replayed("null server", file, answer(shown=False)),
            )
        ]
    )
    assert find(found, "difference in answered").value == pytest.approx(-0.5)
    assert find(found, "difference in saved").value == pytest.approx(-0.1)
    # Twice as many wrong characters for each one taken: 8 by 20, then 4 by 10.
    assert find(found, "difference in wrong shown").value == pytest.approx(0.0)
    assert find(found, "difference in server p50").value == -5.0
    assert find(found, "difference in answered").n == len(FILES)
    assert {one.where["variant"] for one in found} == {"less"}


def test_only_pieces_that_both_have_typed_are_compared():
    found = differences(
        [
            replayed("tabwright", "a.py", answer()),
            replayed("tabwright", "b.py", answer(shown=False)),
            replayed("less", "a.py", answer()),
            replayed("less", "c.py", answer(shown=False)),
        ]
    )
    one = find(found, "difference in answered")
    # Of one file, with nothing to tell how others would differ.
    assert (one.value, one.n, one.low, one.high) == (0.0, 1, None, None)
    assert differences([replayed("less", "a.py", answer())]) == []


def test_what_is_hard_for_both_is_no_doubt():
    """Files differ widely and the variants by the same everywhere: unpaired, the interval would hold zero."""
    rng = random.Random(1)
    both = []
    for file in FILES:
        good = rng.choice([1, 9])
        ours = [answer(shown=number < good) for number in range(10)]
        less = [answer(shown=number < good - 1) for number in range(10)]
        both += [replayed("tabwright", file, *ours), replayed("less", file, *less)]
    one = find(differences(both), "difference in answered")
    assert one.low == pytest.approx(-0.1)
    assert one.high == pytest.approx(-0.1)


def test_what_is_seen_in_one_file_alone_is_in_doubt():
    both = []
    for file in FILES:
        both += [
            replayed("tabwright", file, answer(), answer()),
            replayed("less", file, answer(), answer(shown=file != "0.py")),
        ]
    one = find(differences(both), "difference in answered")
    assert one.value < 0
    assert one.high == 0.0


def test_what_there_is_nothing_to_count_of_has_no_figure():
    found = differences(
        [replayed("tabwright", "a.py", answer(shown=False)), replayed("less", "a.py", answer(shown=False))]
    )
    assert {one.name for one in found} == {"difference in answered", "difference in saved"}


def test_a_share_that_few_files_have_has_no_interval():
    """Without that file in a resample there is no share to speak of."""
    both = [
        replayed(variant, file, answer(shown=file == "0.py", first=variant == "tabwright"))
        for variant in ("tabwright", "less")
        for file in FILES
    ]
    one = find(differences(both), "difference in exact")
    assert (one.value, one.low, one.high) == (-1.0, None, None)


@given(st.lists(st.tuples(st.sampled_from(FILES), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_a_variant_that_does_the_same_differs_in_nothing(answers):
    both = [
        replayed(
            variant, file, *(answer(shown=a, first=a and b, computed=7.0) for f, a, b in answers if f == file)
        )
        for variant in ("tabwright", "less")
        for file in dict.fromkeys(f for f, _, _ in answers)
    ]
    for one in differences(both):
        assert (one.value, one.low or 0.0, one.high or 0.0) == (0.0, 0.0, 0.0)
