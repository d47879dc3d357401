"""The history of a run: a line of JSON a step, beside the state, and what of it goes into the record.

Not here: the picture of it (plot.py).
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILE = "metrics.jsonl"
Line = dict[str, Any]
_KEPT = ("step", "tokens", "train_loss", "valid_loss", "bits_per_byte", "skipped_batches")


def read(out: Path) -> list[Line]:
    """The lines of a run so far, without those that a kill cut."""
    path, lines = out / FILE, []
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                continue
    return lines


def append(out: Path, line: Line) -> None:
    """Add the line of a step."""
    with (out / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def keep(out: Path, step: int) -> None:
    """Drop the lines behind a step: they belong to steps that are run again."""
    kept = [line for line in read(out) if line["step"] <= step]
    temporary = out / (FILE + ".partial")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    temporary.replace(out / FILE)


def thinned(lines: Sequence[Line]) -> list[Line]:
    """About forty lines of the curve, and all those with a validation, for the record.

    The training loss of each is the mean over the steps since the line before it: one batch tells little.
    """
    every = max(1, len(lines) // 40)
    kept: list[Line] = []
    losses: list[float] = []
    for i, line in enumerate(lines):
        losses.append(line["train_loss"])
        if i % every == 0 or "valid_loss" in line or i == len(lines) - 1:
            mean = {"train_loss": round(statistics.fmean(losses), 4)}
            kept.append({name: line[name] for name in _KEPT if name in line} | mean)
            losses = []
    return kept


def usual_utilization(lines: Sequence[Line]) -> float | None:
    """The median model FLOP utilisation of the steps that say theirs, a share; None where none does."""
    shares = [line["mfu"] for line in lines if "mfu" in line]
    return round(statistics.median(shares), 4) if shares else None
