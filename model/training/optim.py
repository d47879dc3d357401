"""Optimisers: Muon for the hidden matrices, AdamW for embeddings and norms; or AdamW for all.

Muon (Jordan et al. 2024) orthogonalises each matrix's momentum by Newton-Schulz iteration. `torch.optim.Muon`
iterates in bfloat16, which a CPU without bf16 instructions emulates fifty times slower than float32; there,
`FloatMuon` does the same in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from transformers import LlamaForCausalLM

from model.training.config import TrainConfig

_A, _B, _C = 3.4445, -4.7750, 2.0315  # Jordan's quintic: steepest at zero


def orthogonalised(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """About U·Vᵀ of a matrix's singular value decomposition, in the matrix's own dtype."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / wide.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), x, beta=_A)
    narrow: torch.Tensor = x if matrix.shape[0] <= matrix.shape[1] else x.T
    return narrow


class FloatMuon(torch.optim.Optimizer):
    """Muon in float32, update for update like `torch.optim.Muon` with its defaults."""

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        *,
        lr: float,
        weight_decay: float,
        momentum: float,
        nesterov: bool,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every matrix that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                buffer = state.setdefault("momentum_buffer", torch.zeros_like(weight))
                buffer.lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(buffer, group["momentum"]) if group["nesterov"] else buffer
                rows, columns = weight.shape
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(orthogonalised(update), alpha=-group["lr"] * math.sqrt(max(1.0, rows / columns)))


def create(network: LlamaForCausalLM, config: TrainConfig, *, bfloat16: bool) -> list[torch.optim.Optimizer]:
    """One or two optimisers; each group remembers its peak rate as `peak`."""
    matrices: list[torch.Tensor] = []
    others: list[torch.Tensor] = []
    for name, weight in network.named_parameters():
        hidden = weight.ndim == 2 and "embed_tokens" not in name and "lm_head" not in name
        (matrices if hidden and config.optimizer == "muon" else others).append(weight)
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [
                {"params": [w for w in others if w.ndim == 2], "weight_decay": config.weight_decay},
                {"params": [w for w in others if w.ndim < 2], "weight_decay": 0.0},
            ],
            lr=config.adamw_lr,
            betas=(0.9, 0.95),
        )
    ]
    if matrices:
        kind = torch.optim.Muon if bfloat16 else FloatMuon
        found.append(
            kind(matrices, lr=config.muon_lr, weight_decay=config.weight_decay, momentum=0.95, nesterov=True)
        )
    for optimizer in found:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return found


def load(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take over the moments of a saved state, and keep the settings of this run and this kind of optimiser.

    A run that began in float32 can so go on where bfloat16 is fast, and with other learning rates.
    """
    own = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, mine in zip(optimizer.param_groups, own, strict=True):
        group.update(mine)


def set_rate(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Set every group's learning rate to a share of its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share
