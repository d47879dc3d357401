"""One training run over several processes of torchrun: who is who, what is shared out, what is gathered.

`ddp`   every process holds the whole network, its optimisers and a share of each step's rows; gradients are
        summed while they are made (torch.nn.parallel.DistributedDataParallel).
`fsdp`  besides, weights, gradients and optimiser states are cut along their first axis, and a layer is whole
        only while it computes (torch.distributed.fsdp.fully_shard, known as FSDP2).

Either way the processes together take the step that one process would, up to the order of its sums, and what
is saved is whole: it can be resumed by any number of processes. They must see the same folders.

Not here: which rows a process reads (batches.py), how Muon sees whole matrices (optim.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from model.errors import ConfigError

KINDS = ("none", "ddp", "fsdp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """This process among those of the run; one process alone unless said otherwise."""

    kind: str = "none"
    rank: int = 0
    count: int = 1

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes files and speaks to the user."""
        return self.rank == 0

    def summed(self, *numbers: float, device: torch.device) -> list[float]:
        """Sums over all processes, alike in each."""
        if self.count == 1:
            return list(numbers)
        totals = torch.tensor(numbers, dtype=torch.float64, device=device)
        torch.distributed.all_reduce(totals)
        return [float(total) for total in totals.cpu()]

    def agreed(self, choice: bool, *, device: torch.device) -> bool:
        """The first process's choice, in each: clocks differ, and what all must do together cannot."""
        return bool(self.summed(float(choice and self.writes), device=device)[0])

    def everyones(self, thing: Any) -> list[Any]:
        """The thing of every process, in the order of their ranks."""
        if self.count == 1:
            return [thing]
        things: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(things, thing)
        return things


@contextmanager
def joined(kind: str) -> Iterator[Ranks]:
    """Join the other processes that torchrun started, and leave them at the end.

    Raises ConfigError when `kind` is not one of KINDS or does not fit how this process was started.
    """
    if kind not in KINDS:
        raise ConfigError(f"there is no --parallel {kind!r}; use {', '.join(KINDS)}")
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if kind == "none":
        if started > 1:
            raise ConfigError(
                f"torchrun started {started} processes that would all do the same; add --parallel ddp or fsdp"
            )
        yield Ranks()
        return
    if "RANK" not in os.environ:
        raise ConfigError(
            f"--parallel {kind} needs the processes of torchrun; start it as "
            f"`torchrun --nproc-per-node 2 tabwright.py train --parallel {kind}`"
        )
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    try:
        yield Ranks(kind=kind, rank=torch.distributed.get_rank(), count=started)
    finally:
        torch.distributed.destroy_process_group()


def shared_out(objective: nn.Module, layers: nn.ModuleList, ranks: Ranks) -> nn.Module:
    """The objective as this process of several computes it; its gradients are means over the processes.

    The optimisers are to be made afterwards: `fsdp` puts sharded parameters in the place of the whole ones.
    """
    if ranks.kind == "ddp":
        return nn.parallel.DistributedDataParallel(objective)
    if ranks.kind == "fsdp":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh("cuda" if torch.cuda.is_available() else "cpu", (ranks.count,))
        for layer in layers:
            fully_shard(layer, mesh=mesh)
        # Said outright, or embedding and norm would stay as they were gathered after a validation.
        fully_shard(objective, mesh=mesh, reshard_after_forward=True)
    return objective


def accumulating(module: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
    """Around a micro-batch: copies exchange gradients once a step, not once a micro-batch.

    Sharded networks exchange them each time, which is what lets a process hold no more than its share.
    """
    if isinstance(module, nn.parallel.DistributedDataParallel) and not last:
        held: AbstractContextManager[Any] = module.no_sync()
        return held
    return nullcontext()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor that may be sharded; all processes must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def own(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part of a tensor that may be sharded, sharing its memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def cut_like(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """A whole tensor on the device of another, and sharded as that one is. Nothing is sent."""
    tensor = tensor.to(other.device)
    if isinstance(other, DTensor) and not isinstance(tensor, DTensor):
        return distribute_tensor(tensor, other.device_mesh, other.placements, src_data_rank=None)
    return tensor


def random_state(ranks: Ranks, device: torch.device) -> dict[str, Any]:
    """The state of every process's random generators, to be saved."""
    mine = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        mine["cuda"] = torch.cuda.get_rng_state(device)
    return {"random": ranks.everyones(mine)}


def set_random_state(saved: dict[str, Any], ranks: Ranks, device: torch.device, *, seed: int) -> None:
    """Take over this process's generators from a state; with another number of processes, seed them anew."""
    states = saved.get("random") or [{"cpu": saved["rng"]}]
    if len(states) != ranks.count:
        torch.manual_seed(seed + ranks.rank)
        return
    mine = states[ranks.rank]
    torch.set_rng_state(mine["cpu"].cpu())
    if device.type == "cuda" and "cuda" in mine:
        torch.cuda.set_rng_state(mine["cuda"].cpu(), device)
