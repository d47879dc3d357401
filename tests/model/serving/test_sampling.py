"""Choosing a token: greedy, by temperature, within top_p."""

from __future__ import annotations

import numpy as np
import pytest

from model.serving.sampling import choose, log_probabilities, log_probability

SCORES = np.log(np.array([0.1, 0.6, 0.05, 0.25], np.float32))


def draw(count: int, *, temperature: float = 1.0, top_p: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(0)
    places = [choose(SCORES, temperature=temperature, top_p=top_p, random=random) for _ in range(count)]
    return np.bincount(places, minlength=4) / count


def test_without_randomness_the_best_is_taken():
    assert choose(SCORES, temperature=0.0, top_p=1.0, random=None) == 1


def test_draws_follow_the_probabilities():
    np.testing.assert_allclose(draw(4000), [0.1, 0.6, 0.05, 0.25], atol=0.03)


def test_temperature_flattens_and_sharpens():
    assert draw(1000, temperature=0.1)[1] > 0.99
    np.testing.assert_allclose(draw(4000, temperature=100.0), [0.25] * 4, atol=0.04)


@pytest.mark.parametrize(
    ("top_p", "kept"), [(0.5, [1]), (0.61, [1, 3]), (0.9, [0, 1, 3]), (1.0, [0, 1, 2, 3]), (0.0, [1])]
)
def test_top_p_keeps_the_smallest_set_that_holds_it(top_p, kept):
    assert np.flatnonzero(draw(2000, top_p=top_p)).tolist() == kept


def test_log_probabilities_are_natural_and_sum_to_one():
    assert log_probability(SCORES, 3) == pytest.approx(np.log(0.25), abs=1e-6)
    assert log_probability(SCORES + np.float32(500), 3) == pytest.approx(np.log(0.25), abs=1e-4)
    rows = log_probabilities(np.stack([SCORES, SCORES * 2]))
    np.testing.assert_allclose(np.exp(rows).sum(axis=1), [1, 1])
    assert rows[0, 1] == pytest.approx(np.log(0.6), abs=1e-6)
