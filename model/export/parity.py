"""Does an exported graph compute what the trained network computes? Measured, on rows of real code.

The reference is transformers in float32 on the same checkpoint; the graph runs as it is served, through
model.serving.session: first whole rows in chunks, then the end of each row again, rewound and token by token
on the keys and values that the chunks left behind.

Not here: how much difference is too much (variants.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from model.errors import ModelError
from model.serving.session import Floats, Integers, Session

# Tokens of each row that are decoded again one by one.
_STEPS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far the graph is from the network; differences are in logits, agreements are fractions.

    `relative_error` is the norm of all differences over the norm of all logits. Perplexities are over the
    rows' own next tokens, of the graph and of the network; `perplexity_loss` is the fraction by which the
    graph's is larger.
    """

    rows: int
    positions: int
    max_difference: float
    relative_error: float
    top1_agreement: float
    perplexity: float
    reference_perplexity: float
    perplexity_loss: float
    steps: int
    step_max_difference: float
    step_top1_agreement: float

    def __str__(self) -> str:
        return (
            f"{self.positions} positions of {self.rows} rows: logits differ by at most "
            f"{self.max_difference:.1e} (relative {self.relative_error:.1e}), top-1 agrees on "
            f"{self.top1_agreement:.2%}, perplexity {self.perplexity:.2f} ({self.perplexity_loss:+.2%}); "
            f"{self.steps} single steps: {self.step_max_difference:.1e}, {self.step_top1_agreement:.2%}"
        )


class _Tally:
    """Running sums of a comparison."""

    def __init__(self) -> None:
        self.positions = 0
        self.agreed = 0
        self.largest = 0.0
        self.squared_difference = 0.0
        self.squared = 0.0
        self.predicted = 0
        self.surprise = 0.0
        self.reference_surprise = 0.0

    def add(self, expected: Floats, logits: Floats, best: Integers, following: Sequence[int] = ()) -> None:
        """Take up rows of logits (R, V), expected and found, and the graph's own best tokens (R,).

        `following` are the tokens that did come next, R or fewer.
        """
        difference = np.abs(logits - expected)
        self.positions += len(expected)
        self.agreed += int((best == expected.argmax(axis=1)).sum())
        # NaN must not hide: max() would drop it, np.maximum keeps it.
        self.largest = float(np.maximum(self.largest, difference.max()))
        self.squared_difference += float(np.square(difference, dtype=np.float64).sum())
        self.squared += float(np.square(expected, dtype=np.float64).sum())
        if following:
            self.predicted += len(following)
            self.surprise += _surprise(logits, following)
            self.reference_surprise += _surprise(expected, following)

    @property
    def relative_error(self) -> float:
        """Norm of the differences over norm of what was expected."""
        return (self.squared_difference / self.squared) ** 0.5 if self.squared else 0.0


def _surprise(logits: Floats, following: Sequence[int]) -> float:
    """Sum of the negative log-probabilities of the tokens that came next."""
    used = logits[: len(following)]
    widest = used.max(axis=1)
    total = np.log(np.exp(used - widest[:, None]).sum(axis=1, dtype=np.float64)) + widest
    return float((total - used[np.arange(len(following)), list(following)]).sum())


def compare(checkpoint: Path, session: Session, rows: Sequence[Sequence[int]]) -> Parity:
    """Run the rows, each cut to the session's window, through both. Raises as `compare_all`."""
    return compare_all(checkpoint, {"": session}, rows)[""]


def compare_all(
    checkpoint: Path, sessions: Mapping[str, Session], rows: Sequence[Sequence[int]]
) -> dict[str, Parity]:
    """Run the rows, each cut to the window, through the network once and through every session.

    The sessions have equal windows and vocabularies. Raises ModelError when there is no row, or a row holds
    ids that the network does not know.
    """
    first = next(iter(sessions.values()))
    cut = [list(row[: first.window]) for row in rows if len(row) > 1]
    if not cut:
        raise ModelError(
            "there are no rows to prove the export with; give at least one of two tokens or more"
        )
    if any(not 0 <= token < first.vocabulary for row in cut for token in row):
        raise ModelError(
            f"the rows hold token ids that the network does not know (it has {first.vocabulary}); "
            "take rows of the same tokenizer"
        )
    network = AutoModelForCausalLM.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )
    network.train(False)
    tallies = {name: (_Tally(), _Tally()) for name in sessions}
    for row in cut:
        expected = _expected(network, row)
        for name, session in sessions.items():
            _run(session, row, expected, *tallies[name])
    return {name: _parity(len(cut), *pair) for name, pair in tallies.items()}


def _expected(network: Any, row: Sequence[int]) -> Floats:
    with torch.inference_mode():
        logits: Floats = network(torch.tensor([row])).logits[0].numpy()
    return logits


def _run(session: Session, row: list[int], expected: Floats, chunks: _Tally, steps: _Tally) -> None:
    session.rewind(0)
    for start in range(0, len(row), session.chunk):
        chunk = row[start : start + session.chunk]
        logits, best = session.step(chunk, rows=len(chunk))
        end = start + len(chunk)
        chunks.add(expected[start:end], logits, best, row[start + 1 : end + 1])
    first = max(1, len(row) - _STEPS)
    session.rewind(first)
    for position in range(first, len(row)):
        steps.add(expected[position : position + 1], *session.step([row[position]]))


def _parity(rows: int, chunks: _Tally, steps: _Tally) -> Parity:
    found, reference = (
        float(np.exp(total / chunks.predicted)) for total in (chunks.surprise, chunks.reference_surprise)
    )
    return Parity(
        rows=rows,
        positions=chunks.positions,
        max_difference=chunks.largest,
        relative_error=chunks.relative_error,
        top1_agreement=chunks.agreed / chunks.positions,
        perplexity=found,
        reference_perplexity=reference,
        perplexity_loss=found / reference - 1,
        steps=steps.positions,
        step_max_difference=steps.largest,
        step_top1_agreement=steps.agreed / steps.positions,
    )
