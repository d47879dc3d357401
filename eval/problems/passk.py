"""pass@k and how sure it is. Pure.

pass@k is the chance that at least one of k samples solves a problem, estimated without bias from n ≥ k
samples: 1 - C(n-c, k) / C(n, k), c of them right (Chen et al. 2021, arXiv:2107.03374, section 2.1).

The intervals cover the choice of problems and of samples, not whether the problems stand for anybody's work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.errors import ConfigError

Z_95 = 1.959963984540054  # two-sided 95 % of the normal distribution
_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Of `samples` completions of one problem `passed` were right."""

    samples: int
    passed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """pass@k as shares of 1, with a 95 % interval and the name of the method that drew it."""

    k: int
    value: float
    low: float
    high: float
    method: Literal["wilson", "bootstrap"]


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """The unbiased estimate for one problem, in [0, 1]. Raises ConfigError unless 1 ≤ k ≤ samples."""
    if not 1 <= k <= samples:
        raise ConfigError(
            f"pass@{k} needs at least {max(k, 1)} samples a problem and k of 1 or more; have {samples}"
        )
    assert 0 <= passed <= samples
    # As a product: the binomials themselves leave the range of floats near n = 1000.
    return 1.0 - math.prod(1.0 - k / i for i in range(samples - passed + 1, samples + 1))


def wilson(passed: int, total: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share; useful down to no success at all, where others give [0, 0]."""
    assert 0 <= passed <= total
    assert total > 0
    share, z2 = passed / total, Z_95**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    # At the ends the interval reaches the end exactly; floats miss it by a hair.
    low = 0.0 if passed == 0 else max(0.0, centre - half)
    high = 1.0 if passed == total else min(1.0, centre + half)
    return low, high


def bootstrap(values: Sequence[float], *, seed: int = 0, resamples: int = _RESAMPLES) -> tuple[float, float]:
    """95 % percentile interval of the mean over problems; equal seeds give equal bounds.

    Degenerate where all values are equal: it cannot see what no problem shows.
    """
    assert len(values) > 0
    array = np.asarray(values, dtype=np.float64)
    draw = np.random.default_rng(seed)
    means = np.empty(resamples)
    for start in range(0, resamples, 1000):  # in blocks: 164 × 10,000 indices at once are 13 MB
        size = min(1000, resamples - start)
        means[start : start + size] = array[draw.integers(0, len(array), (size, len(array)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def estimate(tallies: Sequence[Tally], k: int, *, seed: int = 0) -> Estimate:
    """Mean pass@k over problems: Wilson interval for one sample a problem, else bootstrap over problems.

    Where the estimate is 0 or 1 the bootstrap would give no interval at all, so there it is Wilson's too, as
    if a problem had been tried once: wider than need be, and honest about what no problem shows.
    Raises ConfigError when a problem has fewer than k samples or there is no problem at all.
    """
    if not tallies:
        raise ConfigError("there is no problem to estimate pass@k from")
    values = [pass_at_k(tally.samples, tally.passed, k) for tally in tallies]
    mean = math.fsum(values) / len(values)
    if all(tally.samples == 1 for tally in tallies) or mean in (0.0, 1.0):
        low, high = wilson(round(mean * len(tallies)), len(tallies))
        return Estimate(k=k, value=mean, low=low, high=high, method="wilson")
    low, high = bootstrap(values, seed=seed)
    # Quantiles and mean are rounded apart; an estimate outside its own interval would look like a bug.
    return Estimate(k=k, value=mean, low=min(low, mean), high=max(high, mean), method="bootstrap")
