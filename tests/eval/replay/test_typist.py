"""The person's pauses are those of the studies named there, and the same for every server."""

import statistics

from eval.replay.typist import Typist


def pauses(typist, thinks):
    return [typist.pause("a piece", place, thinks=thinks) for place in range(4000)]


def test_intervals_have_the_published_median_and_mean():
    found = pauses(Typist(), thinks=False)
    assert 0.19 < statistics.median(found) < 0.21
    assert 0.225 < statistics.mean(found) < 0.255


def test_lines_begin_with_a_longer_pause_that_has_an_end():
    found = pauses(Typist(), thinks=True)
    assert 0.9 < statistics.median(found) < 1.1
    assert max(found) == Typist().longest


def test_the_same_place_of_the_same_piece_has_the_same_pause():
    assert pauses(Typist(), thinks=False) == pauses(Typist(), thinks=False)
    assert Typist().pause("a", 1, thinks=False) != Typist().pause("b", 1, thinks=False)
    assert Typist(seed=1).pause("a", 1, thinks=False) != Typist().pause("a", 1, thinks=False)


def test_speed_shortens_every_pause_alike():
    assert Typist(speed=4).pause("a", 1, thinks=True) * 4 == Typist().pause("a", 1, thinks=True)
