"""How sure a figure is: bootstrap intervals of ratios and means, drawn over files. Pure.

Positions in one file resemble each other, and so do rows of one project: what is drawn anew is the
cluster, not the single value (the cluster bootstrap; Davison and Hinkley 1997, section 3.8). Everything here
is a ratio of two sums over clusters: a mean has ones below, a comparison of two systems has the other one's
values, and both are drawn together, so what is hard for both does not count as doubt.

Not here: the interval of a plain share of independent trials (`passk.wilson`).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
_BLOCK = 200  # resamples at a time: thousands of clusters by thousands of resamples would fill the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value with its 95 % interval, of `n` values. A bound is None where it is not finite."""

    value: float
    low: float | None
    high: float | None
    n: int


def mean(values: Sequence[float], clusters: Sequence[Hashable], *, seed: int = 0) -> Interval:
    """The mean of values, each of a cluster."""
    found = ratio(values, [1.0] * len(values), clusters, seed=seed)
    assert found is not None
    return found


def ratio(
    above: Sequence[float], below: Sequence[float], clusters: Sequence[Hashable], *, seed: int = 0
) -> Interval | None:
    """The sum of `above` by that of `below`; None where `below` sums to nothing. Equal seeds, equal bounds.

    Needs at least one value. With one cluster there is nothing to draw from, and the interval is the value.
    """
    assert len(above) == len(below) == len(clusters) > 0
    order = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    places = np.array([order[cluster] for cluster in clusters])
    tops, bottoms = (
        np.bincount(places, np.asarray(values, np.float64), len(order)).astype(np.float64)
        for values in (above, below)
    )
    if bottoms.sum() == 0:
        return None
    drawn = _drawn(tops, bottoms, np.random.default_rng(seed))
    # Without interpolation: between a number and infinity there is none.
    low, high = (float(q) for q in np.quantile(drawn, [0.025, 0.975], method="inverted_cdf"))
    value = float(tops.sum() / bottoms.sum())
    return Interval(
        value=value,
        # Quantiles and value are rounded apart; a value outside its own interval would look like a mistake.
        low=min(low, value) if math.isfinite(low) else None,
        high=max(high, value) if math.isfinite(high) else None,
        n=len(above),
    )


def _drawn(
    tops: npt.NDArray[np.float64], bottoms: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """The ratio of each resample, (RESAMPLES,); infinite where nothing is below, also for nothing above."""
    drawn = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, _BLOCK):
        picks = rng.integers(0, len(tops), (_BLOCK, len(tops)))
        above, below = tops[picks].sum(axis=1), bottoms[picks].sum(axis=1)
        drawn[start : start + _BLOCK] = np.divide(above, below, out=np.full(_BLOCK, np.inf), where=below != 0)
    return drawn
