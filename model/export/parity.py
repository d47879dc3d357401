"""Does the exported graph compute what the trained network computes? Measured, on rows of real code.

The reference is transformers in float32 on the same checkpoint; the graph runs as it is served, through
model.serving.session: first whole rows in chunks, then the end of each row again, rewound and token by token
on the keys and values that the chunks left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaForCausalLM

from model.errors import ModelError
from model.serving.session import CHUNK, Floats, Integers, Session

# Tokens of each row that are decoded again one by one.
_STEPS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far the graph is from the network; differences are in logits, agreements are fractions.

    `relative_error` is the norm of all differences over the norm of all logits.
    """

    rows: int
    positions: int
    max_difference: float
    relative_error: float
    top1_agreement: float
    steps: int
    step_max_difference: float
    step_top1_agreement: float

    def __str__(self) -> str:
        return (
            f"{self.positions} positions of {self.rows} rows: logits differ by at most "
            f"{self.max_difference:.1e} (relative {self.relative_error:.1e}), top-1 agrees on "
            f"{self.top1_agreement:.2%}; {self.steps} single steps: {self.step_max_difference:.1e}, "
            f"{self.step_top1_agreement:.2%}"
        )


class _Tally:
    """Running sums of a comparison."""

    def __init__(self) -> None:
        self.positions = 0
        self.agreed = 0
        self.largest = 0.0
        self.squared_difference = 0.0
        self.squared = 0.0

    def add(self, expected: Floats, logits: Floats, best: Integers) -> None:
        """Take up rows of logits (R, V), expected and found, and the graph's own best tokens (R,)."""
        difference = np.abs(logits - expected)
        self.positions += len(expected)
        self.agreed += int((best == expected.argmax(axis=1)).sum())
        # NaN must not hide: max() would drop it, np.maximum keeps it.
        self.largest = float(np.maximum(self.largest, difference.max()))
        self.squared_difference += float(np.square(difference, dtype=np.float64).sum())
        self.squared += float(np.square(expected, dtype=np.float64).sum())


def compare(checkpoint: Path, session: Session, rows: Sequence[Sequence[int]]) -> Parity:
    """Run the rows, each cut to the session's window, through both.

    Raises ModelError when there is no row, or a row holds ids that the network does not know.
    """
    rows = [list(row[: session.window]) for row in rows if len(row) > 1]
    if not rows:
        raise ModelError(
            "there are no rows to prove the export with; give at least one of two tokens or more"
        )
    if any(not 0 <= token < session.vocabulary for row in rows for token in row):
        raise ModelError(
            f"the rows hold token ids that the network does not know (it has {session.vocabulary}); "
            "take rows of the same tokenizer"
        )
    network = LlamaForCausalLM.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )
    network.train(False)
    chunks, steps = _Tally(), _Tally()
    for row in rows:
        with torch.inference_mode():
            expected: Floats = network(torch.tensor([row])).logits[0].numpy()
        session.rewind(0)
        for start in range(0, len(row), CHUNK):
            chunk = row[start : start + CHUNK]
            logits, best = session.step(chunk, rows=len(chunk))
            chunks.add(expected[start : start + len(chunk)], logits, best)
        first = max(1, len(row) - _STEPS)
        session.rewind(first)
        for position in range(first, len(row)):
            steps.add(expected[position : position + 1], *session.step([row[position]]))
    return Parity(
        rows=len(rows),
        positions=chunks.positions,
        max_difference=chunks.largest,
        relative_error=(chunks.squared_difference / chunks.squared) ** 0.5 if chunks.squared else 0.0,
        top1_agreement=chunks.agreed / chunks.positions,
        steps=steps.positions,
        step_max_difference=steps.largest,
        step_top1_agreement=steps.agreed / steps.positions,
    )
