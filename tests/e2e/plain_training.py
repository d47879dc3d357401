"""`tabwright train` with the same products on every machine, and without what takes longer than its steps.

    python tests/e2e/plain_training.py --preset toy ...

Where the processor multiplies bfloat16, training does, and what a few processes add up differs by more than
it would in float32. Measuring the processor's peak, drawing the curve and a GPU are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch

import tabwright
from model.training import learner, loop, utilization


@contextmanager
def plain() -> Iterator[None]:
    """Within it, training is like that."""
    with (
        mock.patch.object(torch.cuda, "is_available", return_value=False),
        mock.patch.object(learner, "has_fast_bfloat16", return_value=False),
        mock.patch.object(utilization, "measured", return_value=1e11),
        mock.patch.object(loop, "draw_curve"),
    ):
        yield


if __name__ == "__main__":
    sys.argv.insert(1, "train")
    with plain():
        tabwright.main()
