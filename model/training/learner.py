"""What learns: the network with its optimisers and its average, on this process's device.

It takes a step on rows, measures its loss on others, and can be saved and restored; how many processes share
the work is told by `Ranks`, and every method must be called by all of them together.

Not here: which rows, how many steps, files (loop.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import LlamaForCausalLM

from model.tokenizer import Tokenizer
from model.training import checkpoint, distributed, network, optim, rounding
from model.training.averaging import Average
from model.training.config import TrainConfig
from model.training.distributed import Ranks


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the machine multiplies bfloat16 in hardware; emulated, it is far slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class Learner:
    """A network in training; with an average of its weights where the config asks for one."""

    def __init__(self, config: TrainConfig, tokenizer: Tokenizer, *, window: int, ranks: Ranks) -> None:
        self.config, self.ranks, self._pad = config, ranks, tokenizer.fim_pad
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", torch.cuda.current_device())
        bfloat16 = has_fast_bfloat16(self.device)
        self.dtype = torch.bfloat16 if bfloat16 else torch.float32  # of the products
        self._architecture = network.llama_config(
            config.shape,
            vocabulary=tokenizer.size,
            window=window,
            end_of_text=tokenizer.end_of_text,
            pad=tokenizer.fim_pad,
        )
        self.network = network.create(self._architecture, config.seed)
        torch.nn.Module.to(self.network, self.device)  # transformers narrows the signature of `to`
        network.with_dropout(self.network, config.dropout)
        if ranks.rank:
            torch.manual_seed(config.seed + ranks.rank)  # processes drop different values
        self._objective = network.Objective(
            self.network, tokenizer.fim_pad, end=tokenizer.end_of_text, end_weight=config.end_weight
        )
        self._shared = distributed.shared_out(self._objective, self.network.model.layers, ranks)
        # Tied weights under both of their names, as the stock network has them.
        self._stock_names: dict[str, torch.Tensor] = self.network.state_dict(keep_vars=True)
        self.weights = dict(self.network.named_parameters())
        self._optimizers = optim.create(self.network, config, bfloat16=bfloat16, sharded=ranks.kind == "fsdp")
        self._average = Average(self.weights, config.ema) if config.ema else None
        self._powers: rounding.Powers | None = None  # of the 8-bit phase, once it has begun
        self.rounds = False  # to 8 bits
        self._forward = torch.compile(self._shared, dynamic=False) if config.compile else self._shared

    @property
    def hardware(self) -> str:
        """What it runs on, in words."""
        together = f" x {self.ranks.count} ({self.ranks.kind})" if self.ranks.count > 1 else ""
        return f"{self.device.type}{together}, {str(self.dtype).removeprefix('torch.')}"

    def step(self, rows: torch.Tensor, rate: float) -> tuple[float, int]:
        """Learn from this process's rows of a step, (rows, length), at a share of the peak learning rates.

        Returns the mean loss in nats, weighted as the config says, and the number of targets, both of all
        processes. A loss or gradient that is not finite leaves the weights as they are, and is returned as a
        loss that is not a number.
        """
        optim.set_rate(self._optimizers, rate)
        mine = int((rows[:, 1:] != self._pad).sum())
        targets = int(self.ranks.summed(mine, device=self.device)[0])
        nats = torch.zeros((), dtype=torch.float64, device=self.device)
        micros = torch.split(rows, self.config.micro_rows)
        for number, micro in enumerate(micros, 1):
            with distributed.accumulating(self._shared, last=number == len(micros)):
                with self._precision():
                    one, _ = self._forward(self._moved(micro))
                # Processes take the mean of their gradients, where the sum is wanted.
                (one * self.ranks.count / targets).backward()
            nats += one.detach()
        (total,) = self.ranks.summed(float(nats), device=self.device)
        norm = distributed.whole(torch.nn.utils.clip_grad_norm_(self.weights.values(), self.config.clip))
        finite = math.isfinite(total) and bool(torch.isfinite(norm))
        for optimizer in self._optimizers:
            if finite:  # else the weights would be none to go on from
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if finite and self._average is not None:
            self._average.update()
        return (total / targets if finite else math.nan), targets

    def validate(self, rows: torch.Tensor) -> dict[str, float]:
        """Loss in nats a target, over rows that all processes are given alike; every target counts once.

        `valid_loss` is of what would be released: the averaged weights where there is an average, rounded to
        8 bits where it rounds. `last_weights_loss`, of the weights without averaging, stands beside it.
        """
        if self._average is None:
            return {"valid_loss": self._loss(rows)}
        last = self._loss(rows)
        with self._average.in_place():
            return {"valid_loss": self._loss(rows), "last_weights_loss": last}

    @torch.no_grad()
    def _loss(self, rows: torch.Tensor) -> float:
        # Every process takes as many micro-batches, because they compute together: padding fills up.
        filler = torch.full((-len(rows) % self.ranks.count, rows.shape[1]), self._pad)
        rows = torch.cat([rows, filler])[self.ranks.rank :: self.ranks.count]
        nats, targets = 0.0, 0
        self.network.train(False)
        # The same objective without its weight, not another one: it is this module that may be sharded.
        self._objective.end_weight = 1.0
        for micro in torch.split(rows, self.config.micro_rows):
            with self._precision():
                one, n = self._objective(self._moved(micro))
            nats, targets = nats + one.item(), targets + int(n)
        self._objective.end_weight = self.config.end_weight
        self.network.train(True)
        nats, total = self.ranks.summed(nats, targets, device=self.device)
        return nats / total

    def _precision(self) -> AbstractContextManager[Any]:
        if self.dtype == torch.bfloat16:
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    def _moved(self, rows: torch.Tensor) -> torch.Tensor:
        if self.device.type == "cuda":
            return rows.pin_memory().to(self.device, non_blocking=True)
        return rows

    def begin_rounding(self, rows: torch.Tensor) -> None:
        """Round to 8 bits from now on, by powers chosen on these rows unless a saved state had some."""
        if self._powers is None:
            self._powers = rounding.powers(self._stock(self.weights), rows.to(self.device))
        rounding.begin(self.network, self._powers)
        self.rounds = True

    def state(self) -> dict[str, Any]:
        """All that a run goes on from, whole, as one process alone would have it."""
        whole = {id(weight): distributed.whole(weight.detach()) for weight in self.weights.values()}
        state: dict[str, Any] = {
            "network": {name: whole[id(weight)] for name, weight in self._stock_names.items()},
            "optimizers": [optim.state(optimizer) for optimizer in self._optimizers],
            **distributed.random_state(self.ranks, self.device),
        }
        if self._average is not None:
            state |= {"average": self._average.state(), "averaged": self._average.updates}
        if self._powers is not None:
            state["powers"] = self._powers
        return state

    @torch.no_grad()
    def begin_with(self, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Take over a model's weights, before the first step; the average begins with them too."""
        values = {name: torch.tensor(weights[name]) for name in self.weights}
        for name, weight in self.weights.items():
            distributed.own(weight).copy_(distributed.own(distributed.cut_like(values[name], weight)))
        if self._average is not None:
            self._average.load(values, 0)

    @torch.no_grad()
    def restore(self, state: dict[str, Any], *, seed: int) -> None:
        """Take over a state; `seed` is for the random generators if another number of processes saved it."""
        if self.rounds:  # the state may be from before
            rounding.end(self.network)
            self.rounds = False
        self._powers = state.get("powers")
        for name, weight in self.weights.items():
            mine = distributed.own(weight)
            mine.copy_(distributed.own(distributed.cut_like(state["network"][name], weight)))
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optim.load(optimizer, saved)
        if self._average is not None:
            # A run may begin to average late; it does so from the weights that it has by then.
            self._average.load(state.get("average", state["network"]), state.get("averaged", 0))
        distributed.set_random_state(state, self.ranks, self.device, seed=seed)

    def released(self) -> LlamaForCausalLM:
        """A stock network with the weights to release: the averaged ones where there is an average."""
        return self._stock(self.weights if self._average is None else self._average.state())

    def _stock(self, weights: dict[str, Any]) -> LlamaForCausalLM:
        values = {name: distributed.whole(weight.detach()) for name, weight in weights.items()}
        return checkpoint.stock_network(self._architecture, values, self.device)
