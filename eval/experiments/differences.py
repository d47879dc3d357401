"""How much better or worse a variant is than what it is compared with, and how sure that is. Pure.

Two things are uncertain: the places, for which files are drawn anew (a paired bootstrap, intervals.py), and
the training, for which seeds stand. The seeds' noise is the standard deviation of trials that differ in the
seed alone, pooled over all variants that have several; a difference counts when its interval leaves zero out
and it is larger than twice the noise of a difference between as many seeds.

Not here: the trials (run.py), how it is shown (table.py).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.intervals import ratio

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Standard deviation, in bits per byte, of trials that differ in their seed; `trials` were compared."""

    deviation: float
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Bits per byte that a variant takes more than its reference, by the seeds that both have.

    `low` to `high` is the 95 % interval over files. `clear` says that neither files nor seeds explain it.
    """

    value: float
    low: float
    high: float
    seeds: int
    clear: bool


def bits_per_byte(result: Result, what: str) -> float:
    """Of all texts of a kind: middles, bodies or beginnings."""
    measured = result["measured"][what]
    return float(sum(measured["bits"]) / sum(measured["bytes"]))


def noise(results: Sequence[Sequence[Result]], what: str) -> Noise | None:
    """Pooled over groups of results that differ in their seed alone; None where no group has two."""
    groups = [[bits_per_byte(one, what) for one in group] for group in results if len(group) > 1]
    if not groups:
        return None
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    return Noise(deviation=math.sqrt(squares / freedom), trials=sum(map(len, groups)))


def difference(
    variant: Mapping[int, Result],
    reference: Mapping[int, Result],
    what: str,
    files: Sequence[int],
    noise: Noise | None,
) -> Difference | None:
    """Compare results by seed, text by text; `files` has each text's file. None without a common seed.

    A long middle may fit a window in part, and then counts by its bits per byte, with its whole weight.
    """
    seeds = sorted(set(variant) & set(reference))
    if not seeds:
        return None
    sizes = np.array(reference[seeds[0]]["measured"][what]["bytes"], np.float64)
    bits = sum((_rates(variant[seed], what) - _rates(reference[seed], what)) * sizes for seed in seeds)
    found = ratio(list(np.asarray(bits) / len(seeds)), list(sizes), files)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    doubt = math.inf if noise is None else 2 * noise.deviation * math.sqrt(2 / len(seeds))
    return Difference(
        value=found.value,
        low=found.low,
        high=found.high,
        seeds=len(seeds),
        clear=(found.low > 0 or found.high < 0) and abs(found.value) > doubt,
    )


def _rates(result: Result, what: str) -> npt.NDArray[np.float64]:
    measured = result["measured"][what]
    sizes = np.array(measured["bytes"], np.float64)
    rates: npt.NDArray[np.float64] = np.array(measured["bits"], np.float64) / np.maximum(sizes, 1)
    return rates
