import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.problems.passk import Tally, bootstrap, estimate, pass_at_k, wilson
from model.errors import ConfigError


@st.composite
def counts(draw, largest=400):
    n = draw(st.integers(1, largest))
    return n, draw(st.integers(0, n)), draw(st.integers(1, n))


@given(counts())
def test_equals_the_exact_binomials(case):
    n, c, k = case
    exact = 1 - Fraction(math.comb(n - c, k), math.comb(n, k))
    assert math.isclose(pass_at_k(n, c, k), exact, rel_tol=1e-9, abs_tol=1e-12)
    assert 0 <= pass_at_k(n, c, k) <= 1


@given(st.integers(1, 100_000), st.data())
def test_pass_at_1_is_the_share(n, data):
    c = data.draw(st.integers(0, n))
    assert math.isclose(pass_at_k(n, c, 1), c / n, rel_tol=1e-9, abs_tol=1e-12)


@given(counts(60))
def test_grows_with_k_and_with_c(case):
    n, c, k = case
    if k < n:
        assert pass_at_k(n, c, k + 1) >= pass_at_k(n, c, k) - 1e-12
    if c < n:
        assert pass_at_k(n, c + 1, k) >= pass_at_k(n, c, k) - 1e-12


def test_is_the_chance_over_all_draws():
    from itertools import combinations

    right = [True] * 3 + [False] * 5
    draws = list(combinations(right, 4))
    assert pass_at_k(8, 3, 4) == pytest.approx(sum(map(any, draws)) / len(draws))


@pytest.mark.parametrize(("n", "k"), [(1, 2), (5, 0), (5, -1), (0, 1)])
def test_impossible_k_is_refused(n, k):
    with pytest.raises(ConfigError, match="pass@"):
        pass_at_k(n, 0, k)


def test_wilson_against_published_values():
    # Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29.
    for passed, total, low, high in [
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ]:  # fmt: skip
        assert wilson(passed, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000), st.data())
def test_wilson_holds_the_share_and_mirrors(total, data):
    passed = data.draw(st.integers(0, total))
    low, high = wilson(passed, total)
    assert 0 <= low <= passed / total <= high <= 1
    assert low < high
    assert wilson(total - passed, total) == pytest.approx((1 - high, 1 - low))


def test_bootstrap_is_seeded_and_near_the_normal_interval():
    values = [1.0] * 30 + [0.0] * 70
    assert bootstrap(values, seed=3) == bootstrap(values, seed=3)
    half = 1.96 * math.sqrt(0.3 * 0.7 / 100)
    assert bootstrap(values) == pytest.approx((0.3 - half, 0.3 + half), abs=0.02)
    assert bootstrap([0.0] * 5) == (0.0, 0.0)


def test_estimate_chooses_the_method():
    single = estimate([Tally(samples=1, passed=1), Tally(samples=1, passed=0)], 1)
    assert (single.value, single.method) == (0.5, "wilson")
    several = estimate([Tally(samples=4, passed=1), Tally(samples=4, passed=3)], 2)
    assert several.value == pytest.approx((pass_at_k(4, 1, 2) + pass_at_k(4, 3, 2)) / 2)
    assert several.method == "bootstrap"
    assert several.low <= several.value <= several.high


@pytest.mark.parametrize("passed", [0, 20])
def test_what_all_problems_share_still_has_an_interval(passed):
    found = estimate([Tally(samples=20, passed=passed)] * 164, 10)
    assert found.method == "wilson"
    assert (found.low, found.high) == wilson(164 if passed else 0, 164)
    assert found.low < found.high


def test_estimate_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="no problem"):
        estimate([], 1)
