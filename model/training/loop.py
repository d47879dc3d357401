"""The training loop: rows in, a checkpoint folder out; it stops at any time and goes on where it was.

Not here: the data (data_pipeline/), the ONNX model (model/export/). One device only.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from model.errors import DataError
from model.shards import read_manifest
from model.tokenizer import Tokenizer
from model.training import checkpoint, network, optim
from model.training.batches import Batches, validation_rows
from model.training.config import TrainConfig, continued, from_json
from model.training.config import save as save_config
from model.training.plot import draw_curve

METRICS = "metrics.jsonl"


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the machine multiplies bfloat16 in hardware; emulated, it is far slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def train(
    config: TrainConfig, data: Path, out: Path, *, new_data: bool = False, console: Console | None = None
) -> Path:
    """Train to `config.steps`, resuming from `out` if a state is there. Returns the checkpoint folder.

    A resumed run keeps its shards, unless `new_data` says that it goes on with others of the same tokenizer.
    Raises DataError for shards that do not fit, ConfigError for a resumed run with another configuration.
    """
    run = _Run(config, data, out, console or Console(), new_data=new_data)
    run.go()
    return run.finish()


class _Run:
    def __init__(
        self, config: TrainConfig, data: Path, out: Path, console: Console, *, new_data: bool = False
    ) -> None:
        self.config, self.data, self.out, self.console = config, data, out, console
        out.mkdir(parents=True, exist_ok=True)
        self.manifest = read_manifest(data)
        self.shards: str = self.manifest["fingerprint"]
        self.tokenizer = Tokenizer.load(data / "tokenizer.json")
        if self.tokenizer.sha256 != self.manifest["tokenizer"]["sha256"]:
            raise DataError(
                f"{data / 'tokenizer.json'} is not the tokenizer of the shards; build the data again"
            )
        self.batches = Batches(data, batch_rows=config.batch_rows, seed=config.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.bfloat16 = has_fast_bfloat16(self.device)
        self.valid = validation_rows(data, config.valid_rows)
        self.network = network.create(
            network.llama_config(
                config.shape,
                vocabulary=self.tokenizer.size,
                window=self.batches.length,
                end_of_text=self.tokenizer.end_of_text,
                pad=self.tokenizer.fim_pad,
            ),
            config.seed,
        )
        torch.nn.Module.to(self.network, self.device)  # transformers narrows the signature of `to`
        self.optimizers = optim.create(self.network, config, bfloat16=self.bfloat16)
        self.objective = network.Objective(self.network, self.tokenizer.fim_pad)
        self.forward = torch.compile(self.objective, dynamic=False) if config.compile else self.objective
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.first_step = 0  # of those that read these shards
        self.earlier: list[dict[str, Any]] = []  # corpora read before these shards
        self._resume(new_data)
        save_config(self.config, out / "config.json")

    def _resume(self, new_data: bool) -> None:
        state = checkpoint.load_state(self.out)
        if state is None:
            self._keep_metrics()
            return
        if state["tokenizer"] != self.tokenizer.sha256:
            raise DataError(
                f"{self.out} was trained with another tokenizer than that of {self.data}; "
                "build the data with --tokenizer, or use another --out folder"
            )
        self.first_step, self.earlier = state.get("first_step", 0), json.loads(state.get("earlier", "[]"))
        if state.get("shards", self.shards) != self.shards:
            if not new_data:
                raise DataError(
                    f"{self.out} was trained on other shards than {self.data}; say --new-data to go on with "
                    "these, or use another --out folder"
                )
            if "corpus" not in state:
                raise DataError(
                    f"{self.out} does not say what it was trained on; resume it once on its own shards "
                    "before it goes on with others"
                )
            corpus = json.loads(state["corpus"])
            self._not_seen(corpus)
            self.earlier.append({"corpus": corpus, "until_step": state["step"]})
            self.first_step = state["step"]
        self.config = continued(from_json(json.loads(state["config"])), self.config, state["step"])
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optim.load(optimizer, saved)
        torch.set_rng_state(state["rng"])
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        self.console.print(f"resuming at step {self.step} of {self.config.steps}")
        self._keep_metrics()

    def _not_seen(self, corpus: dict[str, Any]) -> None:
        """Raise DataError where the new shards hold out what the run has already read."""
        projects = self.manifest["corpus"].get("projects", {})
        held_out = {name for split in ("validation", "test") for name in projects.get(split, [])}
        if seen := sorted(held_out & set(corpus.get("projects", {}).get("train", []))):
            raise DataError(
                f"{self.data} holds out {', '.join(seen)}, which {self.out} was trained on; put them "
                "into the train split, or start another run"
            )

    def _keep_metrics(self) -> None:
        """Drop the lines behind the saved state: they belong to steps that are run again."""
        kept = [line for line in self.metrics() if line["step"] <= self.step]
        temporary = self.out / (METRICS + ".partial")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        temporary.replace(self.out / METRICS)

    def save(self) -> None:
        checkpoint.save_state(
            self.out,
            {
                "config": json.dumps(asdict(self.config)),
                "tokenizer": self.tokenizer.sha256,
                "shards": self.shards,
                "corpus": json.dumps(self.manifest["corpus"]),
                "first_step": self.first_step,
                "earlier": json.dumps(self.earlier),
                "network": self.network.state_dict(),
                "optimizers": [o.state_dict() for o in self.optimizers],
                "rng": torch.get_rng_state(),
                "step": self.step,
                "tokens": self.tokens,
                "seconds": self.seconds,
            },
        )

    def metrics(self) -> Iterator[dict[str, Any]]:
        path = self.out / METRICS
        if not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # the line that a kill cut
                continue

    def precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.bfloat16 else nullcontext()

    def go(self) -> None:
        config, saved = self.config, time.monotonic()
        flops = config.shape.flops_per_token(self.tokenizer.size, self.batches.length)
        weights = config.shape.parameters(self.tokenizer.size)
        self.console.print(
            f"{weights / 1e6:.1f}M weights on {self.device}, {'bfloat16' if self.bfloat16 else 'float32'}, "
            f"{config.steps} steps of {config.batch_rows} rows x {self.batches.length} tokens"
        )
        recent: list[float] = []
        while self.step < config.steps:
            started = time.monotonic()
            loss, targets = self._one_step()
            took = time.monotonic() - started
            self.step += 1
            self.tokens += targets
            self.seconds += took
            recent = [*recent[-19:], took / targets]
            line: dict[str, Any] = {
                "step": self.step,
                "tokens": self.tokens,
                "train_loss": round(loss, 4),
                "tokens_per_second": round(targets / took),
                "seconds": round(self.seconds, 1),
            }
            if self.step % config.valid_every == 0 or self.step == config.steps:
                line |= self.evaluate()
            with (self.out / METRICS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            if self.step % 20 == 0 or "valid_loss" in line or self.step == config.steps:
                rate = len(recent) / sum(recent)
                left = (config.steps - self.step) * config.batch_rows * self.batches.length / rate
                valid = (
                    f"  valid {line['valid_loss']:.3f} ({line['bits_per_byte']:.3f} bits/byte)"
                    if "valid_loss" in line
                    else ""
                )
                self.console.print(
                    f"step {self.step:>6}/{config.steps}  loss {loss:.3f}  {rate:,.0f} tok/s  "
                    f"{rate * flops / 1e9:,.0f} GFLOP/s  {left / 60:.0f} min left{valid}"
                )
            if time.monotonic() - saved > config.save_minutes * 60 or self.step == config.steps:
                self.save()
                saved = time.monotonic()

    def _one_step(self) -> tuple[float, int]:
        optim.set_rate(self.optimizers, self.config.rate(self.step))
        rows = self.batches.at(self.step - self.first_step)
        targets = int((rows[:, 1:] != self.tokenizer.fim_pad).sum())
        total = 0.0
        for micro in torch.split(rows, self.config.micro_rows):
            with self.precision():
                nats, _ = self.forward(micro.to(self.device))
            (nats / targets).backward()
            total += nats.detach().item()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        if not (math.isfinite(total) and torch.isfinite(norm)):
            # Before the weights change, so that the saved state stays one to go on from.
            raise DataError(
                f"the loss or its gradient is not finite at step {self.step + 1}; "
                "start the same command again with --rate 0.5 to go on from the last state more slowly"
            )
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return total / targets, targets

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Loss on the first validation rows, in nats a token and bits a byte of the text they stand for."""
        nats, targets = 0.0, 0
        for micro in torch.split(self.valid, self.config.micro_rows):
            with self.precision():
                one, n = self.objective(micro.to(self.device))
            nats, targets = nats + one.item(), targets + int(n)
        size = len(self.tokenizer.decode_bytes(int(t) for t in self.valid.flatten()))
        return {"valid_loss": round(nats / targets, 4), "bits_per_byte": round(nats / math.log(2) / size, 4)}

    def _corpus(self) -> dict[str, Any]:
        """What the model has read: these shards' corpus, and those before it with their last steps."""
        own = self.manifest["corpus"]
        licenses = {*own["licenses"], *(one for e in self.earlier for one in e["corpus"].get("licenses", []))}
        return {**own, "licenses": sorted(licenses), **({"earlier": self.earlier} if self.earlier else {})}

    def finish(self) -> Path:
        """Write the checkpoint folder and the curve."""
        curve = list(self.metrics())
        every = max(1, len(curve) // 40)
        names = ("step", "tokens", "train_loss", "valid_loss", "bits_per_byte")
        thin = [
            {n: m[n] for n in names if n in m}
            for i, m in enumerate(curve)
            if i % every == 0 or "valid_loss" in m or i == len(curve) - 1
        ]
        shape = self.config.shape
        record = {
            "tokenizer_sha256": self.tokenizer.sha256,
            "corpus": self._corpus(),
            "corpus_config": self.manifest["config"],
            "languages": self.manifest["corpus"]["languages"],
            "window": self.batches.length,
            "neighbours": self.manifest["config"]["holes"]["neighbours"] > 0,
            "recipe": asdict(self.config),
            "parameters": shape.parameters(self.tokenizer.size),
            "tokens_seen": self.tokens,
            "flops": self.tokens * shape.flops_per_token(self.tokenizer.size, self.batches.length),
            "seconds": round(self.seconds),
            "hardware": f"{platform.machine()} {self.device.type}, {torch.get_num_threads()} threads, "
            f"{'bfloat16' if self.bfloat16 else 'float32'}",
            "split": "by project",
            "validation": {"rows": len(self.valid), **self.evaluate()},
            "curve": thin,
        }
        folder = checkpoint.save_checkpoint(self.out, self.network, self.tokenizer, record)
        draw_curve(curve, self.out / "curve.png")
        return folder
