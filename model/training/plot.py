"""The loss curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def draw_curve(metrics: Sequence[dict[str, Any]], path: Path) -> None:
    """Training loss (smoothed over 20 steps) and validation loss against tokens seen, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    tokens = [m["tokens"] / 1e6 for m in metrics]
    losses = [m["train_loss"] for m in metrics]
    smooth = [sum(w) / len(w) for w in (losses[max(0, i - 19) : i + 1] for i in range(len(losses)))]
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
