"""What each rule of the server is worth: how a variant differs from ours on the same pieces. Pure.

A difference is the variant's share less ours, so what a rule is worth is its opposite. The 95 % interval is a
paired bootstrap over files (Davison and Hinkley 1997, section 3.8): both are drawn together, so what is hard
for both does not count as doubt. n are the pieces that both have typed.

Not here: the shares (figures.py), which variants there are (variants.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from eval.intervals import RESAMPLES
from eval.replay.figures import ALL, Case, cases
from eval.replay.run import Replayed
from eval.replay.variants import NULL, OURS
from eval.results import Figure

DIFFERENCE = "difference in "
SHARES = ("answered", "exact", "saved", "wrong shown", "broken beyond truth", "broken closers", "flicker")
MEDIAN = "server p50"
_BLOCK = 100  # resamples at a time
_LEAST_FINITE = 0.975  # of the resamples; where fewer have a difference, there is no interval

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def differences(found: Sequence[Replayed]) -> list[Figure]:
    """The figures of all variants but ours and the null server's; none where ours has typed nothing."""
    every: list[Figure] = []
    for variant in dict.fromkeys(one.variant for one in found):
        if variant not in (OURS, NULL):
            every += _differences(_of(found, OURS), _of(found, variant), variant)
    return every


def _of(found: Sequence[Replayed], variant: str) -> dict[tuple[str, str], Replayed]:
    return {(one.file, one.mode): one for one in found if one.variant == variant}


def _differences(
    ours: Mapping[tuple[str, str], Replayed], other: Mapping[tuple[str, str], Replayed], variant: str
) -> list[Figure]:
    both = [place for place in ours if place in other]
    if not both:
        return []
    pairs = [ours[place] for place in both], [other[place] for place in both]
    files = {file: number for number, file in enumerate(dict.fromkeys(file for file, _ in both))}
    drawn = _drawn(len(files))
    places = {"variant": variant, "mode": ALL}
    every = []
    our_cases, other_cases = (cases(chosen) for chosen in pairs)
    for name in SHARES:
        shares = [_shares(one[name], files, drawn) for one in (our_cases, other_cases)]
        every += _figure(name, shares, len(both), places)
    medians = [_medians(chosen, files, drawn) for chosen in pairs]
    return every + _figure(MEDIAN, medians, len(both), places)


def _drawn(files: int, *, seed: int = 0) -> Counts:
    """How often each file is drawn in each resample, (1 + RESAMPLES, files); first all of them once.

    One file alone is not drawn anew: it says nothing of others, and there is no interval.
    """
    if files == 1:
        return np.ones((1, 1), np.int64)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(files, np.full(files, 1 / files), RESAMPLES)
    return np.concatenate([np.ones((1, files), np.int64), drawn])


def _shares(of: Sequence[Case], files: Mapping[str, int], drawn: Counts) -> Floats:
    """The share in each resample; not a number where it is of nothing."""
    sums = np.zeros((2, len(files)))
    for case in of:
        sums[:, files[case.file]] += case.top, case.bottom
    tops, bottoms = (drawn @ one for one in sums)
    found = np.full(len(drawn), np.nan)
    np.divide(tops, bottoms, out=found, where=bottoms != 0)
    return found


def _medians(chosen: Sequence[Replayed], files: Mapping[str, int], drawn: Counts) -> Floats:
    """The median of the server's times in each resample: the least that half of them do not exceed."""
    worked = sorted(
        (answer.computed, files[one.file])
        for one in chosen
        for answer in one.answers
        if answer.computed is not None
    )
    found = np.full(len(drawn), np.nan)
    if not worked:
        return found
    times, places = np.array([time for time, _ in worked]), [place for _, place in worked]
    for start in range(0, len(drawn), _BLOCK):
        before = np.cumsum(drawn[start : start + _BLOCK, places], axis=1)
        at = (2 * before >= before[:, -1:]).argmax(axis=1)
        found[start : start + _BLOCK] = np.where(before[:, -1] > 0, times[at], np.nan)
    return found


def _figure(name: str, both: Sequence[Floats], n: int, where: Mapping[str, str]) -> list[Figure]:
    ours, other = both
    value, *resampled = other - ours
    if not np.isfinite(value):
        return []
    finite = [one for one in resampled if np.isfinite(one)]
    low = high = None
    if finite and len(finite) >= _LEAST_FINITE * len(resampled):
        low, high = (float(one) for one in np.quantile(finite, [0.025, 0.975], method="inverted_cdf"))
        low, high = min(low, float(value)), max(high, float(value))
    return [Figure(name=f"{DIFFERENCE}{name}", value=float(value), low=low, high=high, n=n, where=where)]
