"""The 8-bit phase of a run: rounding by powers of two that are chosen once, when it begins, and kept.

Chosen again on resuming they would be those of other weights, and the run not the one that was stopped.

Not here: the rounding itself (fake_quantization.py), when the phase begins (loop.py).
"""

from __future__ import annotations

import torch
from transformers import LlamaForCausalLM

from model.training import fake_quantization

ROWS = 16  # of training, to choose the powers by

Powers = dict[str, torch.Tensor]


def powers(stock: LlamaForCausalLM, rows_BT: torch.Tensor) -> Powers:  # noqa: N803 - B rows, T tokens
    """What the inputs of each layer are eased by, by the layer's name; `stock` rounds from now on."""
    fake_quantization.attach(stock, rows_BT)
    found = ((name, getattr(module, "powers", None)) for name, module in stock.named_modules())
    return {name: power for name, power in found if power is not None}


def begin(network: LlamaForCausalLM, chosen: Powers) -> None:
    """Round in every forward pass from now on."""
    fake_quantization.attach(network)
    for name, power in chosen.items():
        network.get_submodule(name).powers = power.to(next(network.parameters()).device)


def end(network: LlamaForCausalLM) -> None:
    """Compute in full precision again."""
    fake_quantization.detach(network)
