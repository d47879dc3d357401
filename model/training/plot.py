"""The loss curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw_curve(metrics: Sequence[dict[str, Any]], path: Path, *, smoothed: int = 20) -> None:
    """Training loss (the mean of so many lines) and validation loss against tokens seen, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    tokens = [m["tokens"] / 1e6 for m in metrics]
    losses = [m["train_loss"] for m in metrics]
    windows = (losses[max(0, i - smoothed + 1) : i + 1] for i in range(len(losses)))
    smooth = [sum(w) / len(w) for w in windows]
    axes.plot(tokens, smooth, label="training", linewidth=1)
    valid = [m for m in metrics if "valid_loss" in m]
    if valid:
        axes.plot(
            [m["tokens"] / 1e6 for m in valid],
            [m["valid_loss"] for m in valid],
            "o-",
            label="validation",
            markersize=3,
        )
    axes.set_xlabel("million tokens seen")
    axes.set_ylabel("loss (nats a token)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
