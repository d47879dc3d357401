"""What is called a rise of the loss, and the order of the batches after it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from model.training.spikes import IN_A_ROW, LEAST, Watch, moved_on, position


def _calm(steps: int) -> list[float]:
    """A falling loss with the noise of small batches."""
    noise = random.Random(0)
    return [9 * (i + 1) ** -0.2 + noise.gauss(0, 0.08) for i in range(steps)]


def test_a_calm_run_never_goes_back() -> None:
    watch = Watch(5.0)
    assert not any(watch.risen(loss) for loss in _calm(2000))


def test_one_bad_batch_is_no_rise() -> None:
    watch = Watch(5.0, _calm(100))
    assert not watch.risen(20.0)
    assert watch.up == 1
    assert not watch.risen(watch.usual)
    assert watch.up == 0


def test_a_loss_that_stays_up_is_a_rise_also_when_it_is_only_a_little_up() -> None:
    for high in (1.3, 3.0):
        watch = Watch(5.0, _calm(500))
        seen = [watch.risen(watch.usual * high) for _ in range(IN_A_ROW)]
        assert seen == [False] * (IN_A_ROW - 1) + [True]


def test_what_is_up_does_not_move_the_median() -> None:
    watch = Watch(5.0, _calm(500))
    before = watch.usual
    for _ in range(5):
        watch.risen(50.0)
    assert watch.usual == before


def test_a_loss_that_is_not_a_number_is_a_rise_at_once() -> None:
    assert Watch(5.0).risen(float("nan"))
    assert Watch(5.0, _calm(50)).risen(float("inf"))


def test_too_few_losses_and_other_tasks_say_nothing() -> None:
    watch = Watch(5.0)
    assert not any(watch.risen(loss) for loss in [2.0] * (LEAST - 1) + [50.0] * 1)
    watch = Watch(5.0, _calm(500))
    watch.forget()
    assert not any(watch.risen(loss) for loss in [9.0] * 10)


def test_zero_watches_only_for_what_is_not_a_number() -> None:
    watch = Watch(0.0, _calm(500))
    assert not any(watch.risen(100.0) for _ in range(10))
    assert watch.risen(float("nan"))


def test_the_bad_batches_are_left_out_and_no_other() -> None:
    """A rise at steps 40 to 42: back to 30, the same batches up to 38, then what comes after the rise."""
    skips = moved_on((), 39, 43)
    assert [position(skips, step) for step in (30, 38, 39, 40)] == [30, 38, 43, 44]
    again = moved_on(skips, 50, position(skips, 52) + 1)
    assert [position(again, step) for step in (38, 39, 49, 50)] == [38, 43, 53, 57]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)), max_size=6))
def test_after_any_number_of_rises_no_batch_is_read_twice(rises: list[tuple[int, int]]) -> None:
    skips: tuple[tuple[int, int], ...] = ()
    for first, length in rises:
        target = position(skips, first + length) + 1
        skips = moved_on(skips, first, target)
        after = [position(skips, step) for step in range(first, first + 20)]
        assert after == list(range(target, target + 20))  # what was left out behind belongs to the old course
    read = [position(skips, step) for step in range(100)]
    assert read == sorted(set(read))
