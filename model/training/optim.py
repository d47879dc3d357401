"""Optimisers: Muon for the hidden matrices, AdamW for embeddings and norms; or AdamW for all.

Muon (Jordan et al. 2024) orthogonalises each matrix's momentum by Newton-Schulz iteration. `torch.optim.Muon`
does where it can: it iterates in bfloat16, which a CPU without bf16 instructions emulates fifty times slower
than float32, and it needs whole matrices. `WholeMuon` does the same in either type, and gathers what is
sharded: each process keeps its shard of the momentum, gathers a matrix's update, orthogonalises it like
every other process and applies the rows that are its own. Work that is done by all alike costs little beside
forward and backward, and keeps the processes at the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from transformers import LlamaForCausalLM

from model.training.config import TrainConfig
from model.training.distributed import cut_like, whole

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


class WholeMuon(torch.optim.Optimizer):
    """Muon on whole or sharded matrices, update for update like `torch.optim.Muon` with its defaults."""

    def __init__(
        self,
        params: Iterable[torch.Tensor],
        *,
        lr: float,
        weight_decay: float,
        momentum: float,
        nesterov: bool,
        iterate_in: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov}
        )
        self._dtype = iterate_in

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
                whole_update = orthogonalised(whole(update).to(self._dtype)).to(weight.dtype)
                weight.add_(
                    cut_like(whole_update, weight), alpha=-group["lr"] * math.sqrt(max(1.0, rows / columns))
                )


def create(
    network: LlamaForCausalLM, config: TrainConfig, *, bfloat16: bool, sharded: bool = False
) -> list[torch.optim.Optimizer]:
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
        kind: Callable[..., torch.optim.Optimizer] = torch.optim.Muon
        if sharded or not bfloat16:
            kind = partial(WholeMuon, iterate_in=torch.bfloat16 if bfloat16 else torch.float32)
        found.append(
            kind(matrices, lr=config.muon_lr, weight_decay=config.weight_decay, momentum=0.95, nesterov=True)
        )
    for optimizer in found:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return found


def state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state with whole tensors, as one process alone would have it; all processes must ask."""
    saved = optimizer.state_dict()
    moments = {
        index: {k: whole(v) if isinstance(v, torch.Tensor) else v for k, v in found.items()}
        for index, found in saved["state"].items()
    }
    return {**saved, "state": moments}


def load(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """Take over the moments of a saved state, and keep the settings of this run and this kind of optimiser.

    A run that began in float32 can so go on where bfloat16 is fast, with other learning rates, and sharded
    otherwise.
    """
    settings = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    moments = {
        index: {
            k: cut_like(v, weights[index]) if isinstance(v, torch.Tensor) and v.ndim else v
            for k, v in found.items()
        }
        for index, found in saved["state"].items()
    }
    optimizer.load_state_dict({**saved, "state": moments})
    for group, mine in zip(optimizer.param_groups, settings, strict=True):
        group.update(mine)


def set_rate(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Set every group's learning rate to a share of its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * share
