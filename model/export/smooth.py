"""Moving what is hard to quantise from activations, which share one scale, into weights, which have many.

What goes into an MLP's last product is `silu(gate) x up`: a few of its channels are ten times as wide as the
rest, and with one scale for all of them the others round to little. Dividing a row of `up` by a number and
multiplying the same column of `down` by it changes nothing but that. The numbers are powers of two, so the
network in float32 is the same to the last bit, and so are equal checkpoints' releases.

The idea is SmoothQuant's (Xiao et al. 2023, https://arxiv.org/abs/2211.10438), which moves to the other side
of a norm; here only `down` has channels that are worth it (measured: LOG.md).

Not here: quantising itself (quantize.py, encodings.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM

from model.export.checkpoint import Architecture, Array, Weights

# How much of the difficulty moves: 0 none, 1 all. Flat between 0.5 and 0.8 on trained weights.
_STRENGTH = 0.6
_FURTHEST = 8  # powers of two


def widest_inputs(checkpoint: Path, rows: Sequence[Sequence[int]]) -> list[Array]:
    """For each layer the widest value that each channel of `down`'s input takes on the rows, (mlp,)."""
    network = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, local_files_only=True)
    network.train(False)
    widest: dict[int, Array] = {}

    def watch(layer: int) -> Any:
        def look(_module: Any, inputs: tuple[Any, ...]) -> None:
            found = inputs[0].abs().flatten(0, -2).amax(0).numpy()
            widest[layer] = np.maximum(widest[layer], found) if layer in widest else found

        return look

    for layer, block in enumerate(network.model.layers):
        block.mlp.down_proj.register_forward_pre_hook(watch(layer))
    with torch.inference_mode():
        for row in rows:
            network(torch.tensor([list(row)]))
    return [widest[layer] for layer in sorted(widest)]


def smooth(architecture: Architecture, weights: Weights, widest: Sequence[Array]) -> Weights:
    """The weights of an equal network whose activations are easier to quantise. Copies what it changes."""
    eased = dict(weights)
    for layer in range(architecture.layers):
        at = f"model.layers.{layer}.mlp"
        columns = np.abs(weights[f"{at}.down_proj.weight"]).max(0)
        wanted = _floor(widest[layer]) ** _STRENGTH / _floor(columns) ** (1 - _STRENGTH)
        powers = np.clip(np.rint(np.log2(wanted / np.median(wanted))), -_FURTHEST, _FURTHEST)
        factors = np.exp2(powers).astype(np.float32)
        for name in (f"{at}.up_proj.weight", f"{at}.up_proj.bias"):
            if name in weights:
                eased[name] = (weights[name].T / factors).T
        eased[f"{at}.down_proj.weight"] = weights[f"{at}.down_proj.weight"] * factors
    return eased


def _floor(values: Array) -> Array:
    """A channel that never says anything must not ask for an endless factor."""
    floored: Array = np.maximum(values.astype(np.float64), max(float(values.max()) * 1e-4, 1e-30))
    return floored
