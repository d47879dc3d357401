"""Choosing one of several scored tokens, and how sure the model was of it.

Pure. Scores are logits, shape (candidates,); what is returned is a place in them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]


def choose(scores: Scores, *, temperature: float, top_p: float, random: np.random.Generator | None) -> int:
    """The best candidate without `random`; else one drawn from the smallest set that holds `top_p`.

    Ties go to the first place, as in the graph's own ArgMax.
    """
    if random is None:
        return int(scores.argmax())
    assert temperature > 0
    chances = np.exp(log_probabilities(scores / np.float32(temperature)))
    order = np.argsort(-chances, kind="stable")
    sums = np.cumsum(chances[order])
    # The set always holds the best candidate, and the one that carries it across top_p.
    count = min(int(np.searchsorted(sums, top_p * sums[-1])) + 1, len(order))
    drawn = np.searchsorted(sums[:count], random.random() * sums[count - 1], side="right")
    return int(order[min(int(drawn), count - 1)])


def log_probability(scores: Scores, place: int) -> float:
    """Natural logarithm of the chance that softmax gives to one candidate."""
    highest = scores.max()
    # Summed in float32, by pairs: as exact as the logits are, and three times as fast as in float64.
    return float(scores[place] - highest) - math.log(float(np.exp(scores - highest).sum()))


def log_probabilities(scores: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Natural log-softmax over the last axis."""
    shifted = (scores - scores.max(axis=-1, keepdims=True)).astype(np.float64)
    result: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
