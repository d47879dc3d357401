"""Training as if in 8 bits: the network computes what its int8 release will, and learns to live with it.

In the forward pass weights and activations are rounded as the variant `int8` rounds them
(model/export/encodings.py); gradients pass as if nothing had been rounded, the straight-through estimator of
Bengio et al. 2013 (https://arxiv.org/abs/1308.3432), as in Jacob et al. 2018
(https://arxiv.org/abs/1712.05877). The parameters themselves stay in float32, under their own names:

layers      weights -64 to 64 and a scale for each row; activations 0 to 255, one scale and zero point for a
            chunk of a row of tokens, because serving reads a prompt by the chunk
`down`      besides, its inputs are eased by powers of two for each channel, as model/export/smooth.py does
embedding   weights -128 to 127 and a scale for each block of 64
and head    inputs of the head -127 to 127 by the same blocks

Single tokens are served as well, each with a scale of its own; they lose less than a chunk does. Products
that `int8` leaves in float32, of attention, stay so here.

Not here: when a run begins to round (loop.py), the release's own rounding (model/export/quantize.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaForCausalLM

# All as the export and the session have them; a test holds them together.
_TOP = 64
_BLOCK, _LEAST_BLOCK = 64, 16
_CHUNK = 256
_STRENGTH, _FURTHEST = 0.6, 8


def attach(network: LlamaForCausalLM, rows_BT: torch.Tensor | None = None) -> None:  # noqa: N803 - B rows, T tokens
    """Round in every forward pass from now on; names and values of the parameters stay as they are.

    `rows_BT` are training rows to choose the powers of two by, int64, as an export does with its calibration
    rows; without them none are used. A compiled network is compiled again.
    """
    assert not is_attached(network)
    powers = _powers(network, rows_BT) if rows_BT is not None else {}
    for module in network.modules():
        if module is network.lm_head:
            _become(module, _RoundedHead)
        elif isinstance(module, nn.Linear):
            module.register_buffer("powers", powers.get(module), persistent=False)
            _become(module, _RoundedLinear)
        elif isinstance(module, nn.Embedding):
            _become(module, _RoundedEmbedding)


def detach(network: LlamaForCausalLM) -> None:
    """Compute in full precision again, as before `attach`."""
    for module in network.modules():
        if isinstance(module, _RoundedLinear):
            del module.powers
            _become(module, nn.Linear)
        elif isinstance(module, _RoundedHead):
            _become(module, nn.Linear)
        elif isinstance(module, _RoundedEmbedding):
            _become(module, nn.Embedding)


def _become(module: Any, kind: type[nn.Module]) -> None:
    """Change how a module computes and nothing of what it holds: parametrizations would rename its weight."""
    module.__class__ = kind


def is_attached(network: LlamaForCausalLM) -> bool:
    """Whether the network rounds."""
    return isinstance(network.lm_head, _RoundedHead)


def head_operands(head: nn.Linear, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (…, hidden) and weight (vocabulary, hidden) as the head multiplies them."""
    if isinstance(head, _RoundedHead):
        return _by_block(x, _inputs_step), _by_block(head.weight, _weights_step)
    return x, head.weight


class _RoundedLinear(nn.Linear):
    """DynamicQuantizeMatMul of a layer."""

    powers: torch.Tensor | None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The product of what is left after rounding: (…, tokens, inputs) to (…, tokens, outputs)."""
        weight = self.weight
        if self.powers is not None:
            x, weight = x / self.powers, weight * self.powers
        return functional.linear(_by_chunk(x), _by_row(weight), self.bias)


class _RoundedHead(nn.Linear):
    """MatMulNBits of the head."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (…, vocabulary)."""
        return functional.linear(*head_operands(self, x), self.bias)


class _RoundedEmbedding(nn.Embedding):
    """GatherBlockQuantized: rows of the table, rounded."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows (…, hidden) of ids (…)."""
        return _by_block(super().forward(ids), _weights_step)


def _straight_through(x: torch.Tensor, rounded: torch.Tensor) -> torch.Tensor:
    """The rounded values with the gradient of the others."""
    return x + (rounded - x).detach()


def _nowhere_zero(step: torch.Tensor) -> torch.Tensor:
    return torch.where(step == 0, 1.0, step)


def _by_row(weight: torch.Tensor) -> torch.Tensor:
    """`quantize.by_row`: a step for each row, from its widest weight."""
    plain = weight.detach()
    step = _nowhere_zero(plain.abs().amax(-1, keepdim=True) / _TOP)
    return _straight_through(weight, (plain / step).round().clamp(-_TOP, _TOP) * step)


def _by_chunk(x: torch.Tensor) -> torch.Tensor:
    """DynamicQuantizeLinear on each chunk of tokens of (B, T, inputs): 0 is always among the 256 values."""
    plain = x.detach()
    rows, tokens, width = plain.shape
    padding = -tokens % _CHUNK if tokens > _CHUNK else 0
    # Zeros widen no range, because every range holds zero.
    chunks = functional.pad(plain, (0, 0, 0, padding)) if padding else plain
    chunks = chunks.reshape(rows, -1, min(tokens, _CHUNK), width)
    low = chunks.amin((-2, -1), keepdim=True).clamp(max=0)
    high = chunks.amax((-2, -1), keepdim=True).clamp(min=0)
    step = _nowhere_zero((high - low) / 255)
    zero = (-low / step).round().clamp(0, 255)
    rounded = (((chunks / step).round() + zero).clamp(0, 255) - zero) * step
    return _straight_through(x, rounded.reshape(rows, -1, width)[:, :tokens])


def _by_block(x: torch.Tensor, step_of: Any) -> torch.Tensor:
    """Rounds each block of the last axis by its own step; what pads the axis to whole blocks is cut off."""
    plain = x.detach()
    width, block = plain.shape[-1], _BLOCK
    while block > _LEAST_BLOCK and width % block:
        block //= 2
    padding = -width % block
    blocks = functional.pad(plain, (0, padding)) if padding else plain
    blocks = blocks.reshape(*plain.shape[:-1], -1, block)
    step, low, high = step_of(blocks)
    rounded = (blocks / step).round().clamp(low, high) * step
    return _straight_through(x, rounded.reshape(*plain.shape[:-1], -1)[..., :width])


def _weights_step(blocks: torch.Tensor) -> tuple[torch.Tensor, int, int]:
    """`quantize.by_block` with 8 bits: the widest value of a block becomes the lowest of 256 codes."""
    high, low = blocks.amax(-1, keepdim=True), blocks.amin(-1, keepdim=True)
    widest = torch.where(-low >= high, low, high)
    return _nowhere_zero(widest / -128), -128, 127


def _inputs_step(blocks: torch.Tensor) -> tuple[torch.Tensor, int, int]:
    """How MatMulNBits rounds activations with accuracy_level 4: symmetric."""
    return _nowhere_zero(blocks.abs().amax(-1, keepdim=True) / 127), -127, 127


@torch.no_grad()
def _powers(network: LlamaForCausalLM, rows_BT: torch.Tensor) -> dict[nn.Module, torch.Tensor]:  # noqa: N803
    """For each `down` projection the factors (inputs,) that model/export/smooth.py would move into it."""
    widest: dict[nn.Module, torch.Tensor] = {}

    def look(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        found = inputs[0].abs().flatten(0, -2).amax(0)
        widest[module] = torch.maximum(widest[module], found) if module in widest else found

    downs = [layer.mlp.down_proj for layer in network.model.layers]
    hooks = [down.register_forward_pre_hook(look) for down in downs]
    was_training = network.training
    network.train(False)
    for row in rows_BT:
        network.model(input_ids=row[None], use_cache=False)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return {down: _factors(widest[down], down.weight) for down in downs}


def _factors(widest: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    columns = weight.abs().amax(0)
    wanted = _floor(widest) ** _STRENGTH / _floor(columns) ** (1 - _STRENGTH)
    # NumPy's median of an even number is the mean of the middle two; torch's is the lower one.
    middle = wanted.quantile(0.5)
    return (wanted / middle).log2().round().clamp(-_FURTHEST, _FURTHEST).exp2().to(weight.dtype)


def _floor(values: torch.Tensor) -> torch.Tensor:
    """A channel that never says anything must not ask for an endless factor."""
    exact = values.to(torch.float64)
    return exact.clamp(min=max(float(exact.max()) * 1e-4, 1e-30))
