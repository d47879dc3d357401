"""When the loss rises and stays up: noticing it, and the order of the batches after those that did it.

A run goes back to weights from before the rise and leaves out the batches around it, as Chowdhery et al. 2022
(https://arxiv.org/abs/2204.02311, section 5.1) did by hand: the
same weights on other data do not spike again.

Not here: what is saved and loaded (checkpoint.py), where a run stands in its data
(course.py), the going back itself (loop.py).
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable

WINDOW = 100  # steps that the running median looks back on
LEAST = 20  # steps without which nothing is called a rise
IN_A_ROW = 3  # steps: one bad batch alone is no rise
MARGIN = 10  # steps between a state to go back to and the rise: weights go bad before the loss shows it
LIMIT = 3  # times that one command goes back by itself

Skips = tuple[tuple[int, int], ...]  # (step, batches): from this step on, the data is so much further


class Watch:
    """Looks at the loss of every step; says when it has risen for good.

    The loss is up when it lies above the median of the last hundred steps by more than `limit` deviations:
    1.4826 times the median absolute deviation, which is the standard deviation where losses are normal, and
    which single outliers do not move. What is up does not enter the median.
    """

    def __init__(self, limit: float, losses: Iterable[float] = ()) -> None:
        self._limit = limit
        self._losses = deque(losses, maxlen=WINDOW)
        self.up = 0  # steps in a row

    @property
    def losses(self) -> list[float]:
        """The losses that the median is of, oldest first."""
        return list(self._losses)

    @property
    def usual(self) -> float:
        """The running median, in nats; not a number before the first step."""
        return statistics.median(self._losses) if self._losses else math.nan

    def risen(self, loss: float) -> bool:
        """Take in a step's loss. True when the run should go back."""
        if not math.isfinite(loss):
            self.up += 1
            return True
        if self._limit and len(self._losses) >= LEAST and loss > self._most():
            self.up += 1
        else:
            self.up = 0
            self._losses.append(loss)
        return self.up >= IN_A_ROW

    def _most(self) -> float:
        usual = self.usual
        deviation = 1.4826 * statistics.median(abs(loss - usual) for loss in self._losses)
        # Losses that hardly vary must not make a hundredth of a nat a rise.
        return usual + self._limit * max(deviation, 0.01 * usual)

    def forget(self) -> None:
        """Begin anew, because the losses to come are of another task than those before."""
        self._losses.clear()
        self.up = 0


def position(skips: Skips, step: int) -> int:
    """Which batch a step reads: its own number, and further by what was left out before it."""
    return step + sum(batches for first, batches in skips if first <= step)


def moved_on(skips: Skips, step: int, target: int) -> Skips:
    """Skips by which `step` reads batch `target`; those behind `step` belong to a course that is given up."""
    kept = tuple(skip for skip in skips if skip[0] < step)
    assert target >= position(kept, step)
    return (*kept, (step, target - position(kept, step)))
