"""The training loop: rows in, a checkpoint folder out; it stops at any time and goes on where it was.

In eager mode on a CPU a run that was stopped and resumed is the run that was not, bit for bit. Compiled, or
on a GPU, it reads the same rows with the same random state; sums may be made in another order, and losses
agree to about a thousandth.

Not here: the data (data_pipeline/), what a step does (learner.py), what is called a rise of the loss
(spikes.py), the ONNX model (model/export/).
"""

from __future__ import annotations

import json
import math
import platform
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from model.errors import DataError
from model.shards import read_manifest
from model.tokenizer import Tokenizer
from model.training import checkpoint, distributed, metrics, rounding, spikes, utilization
from model.training.batches import Batches, FunctionPhase, validation_rows
from model.training.config import TrainConfig
from model.training.config import save as save_config
from model.training.course import Course, about_data, begun, resumed
from model.training.distributed import Ranks
from model.training.learner import Learner
from model.training.plot import draw_curve
from model.training.start import Start

_CALM = 20  # steps between two lines of the console


def train(
    config: TrainConfig,
    data: Path,
    out: Path,
    *,
    new_data: bool = False,
    start: Start | None = None,
    parallel: str = "none",
    console: Console | None = None,
) -> Path:
    """Train to `config.steps`, resuming from `out` if a state is there. Returns the checkpoint folder.

    A resumed run keeps its shards, unless `new_data` says that it goes on with others of the same tokenizer.
    A new one takes its weights and its shape from `start`, where that is given.
    `parallel` is `none`, or how the processes that torchrun started share the work: `ddp` or `fsdp`.
    Raises DataError for shards that do not fit or a loss that keeps rising, ConfigError for a resumed run
    with another configuration or start, and for a start that cannot read the shards.
    """
    with distributed.joined(parallel) as ranks:
        run = _Run(config, data, out, console or Console(), new_data=new_data, start=start, ranks=ranks)
        run.go()
        return run.finish()


class _Run:
    def __init__(
        self,
        config: TrainConfig,
        data: Path,
        out: Path,
        console: Console,
        *,
        new_data: bool = False,
        start: Start | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = ranks or Ranks()
        if start is not None:
            config = replace(config, shape=start.shape)
        self.config, self.data, self.out = config, data, out
        self.console = console if self.ranks.writes else Console(quiet=True)
        out.mkdir(parents=True, exist_ok=True)
        self.manifest = read_manifest(data)
        self.shards: str = self.manifest["fingerprint"]
        self.tokenizer = Tokenizer.load(data / "tokenizer.json")
        if self.tokenizer.sha256 != self.manifest["tokenizer"]["sha256"]:
            raise DataError(
                f"{data / 'tokenizer.json'} is not the tokenizer of the shards; build the data again"
            )
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.course = Course()
        self.gone_back = 0  # times, by this command
        self.peak: utilization.Peak | None = None
        state = checkpoint.load_state(out)
        if state is not None:
            self.config, self.course = resumed(
                state, config, out=out, data=data, manifest=self.manifest, new_data=new_data
            )
            if start is not None:
                start.check_same(self.course.began_with, out)
        elif start is not None:
            self.course = begun(start, self.manifest, data)
        self.batches = self._open_batches()
        if state is None and start is not None:
            start.check(tokenizer=self.tokenizer.sha256, length=self.batches.length, data=data)
        self.valid = validation_rows(data, self.config.valid_rows)
        self.learner = Learner(self.config, self.tokenizer, window=self.batches.length, ranks=self.ranks)
        self.watch = spikes.Watch(self.config.spike)
        if state is not None:
            self._restore(state)
            self.console.print(f"resuming at step {self.step} of {self.config.steps}")
        elif start is not None:
            self.learner.begin_with(start.weights)
            self.console.print(f"beginning with the weights of {start.facts['name']}")
        if self.ranks.writes:
            metrics.keep(out, self.step)
            save_config(self.config, out / "config.json")

    def _open_batches(self) -> Batches:
        config, phase = self.config, None
        if config.last_phase_start < config.steps:
            first = max(config.last_phase_start, self.course.first_step)
            phase = FunctionPhase(first_step=self.course.position(first), share=config.last_phase_share)
        return Batches(self.data, batch_rows=config.batch_rows, seed=config.seed, functions=phase)

    def _restore(self, state: dict[str, Any]) -> None:
        self.learner.restore(state, seed=self.config.seed + state["step"])
        self.step, self.tokens = state["step"], state["tokens"]
        self.seconds = max(self.seconds, state["seconds"])  # also those of a course that is given up
        new = self.course.first_step == self.step  # shards, of which the losses say nothing
        self.watch = spikes.Watch(self.config.spike, () if new else state.get("losses", ()))
        if "peak" in state:
            self.peak = utilization.Peak(**json.loads(state["peak"]))

    def save(self, *, instead: bool = False) -> None:
        """Save the state of all processes as one; they must call this together."""
        state = {
            "config": json.dumps(asdict(self.config)),
            "tokenizer": self.tokenizer.sha256,
            "shards": self.shards,
            "corpus": json.dumps(self.manifest["corpus"]),
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "losses": self.watch.losses,
            **self.course.state(),
            **self.learner.state(),
        }
        if self.peak is not None:
            state["peak"] = json.dumps(asdict(self.peak))
        if self.ranks.writes:
            checkpoint.save_state(self.out, state, instead=instead)

    def go(self) -> None:
        config, saved, recent = self.config, time.monotonic(), list[float]()
        peak, flops = self._peak(), self._flops_per_token()
        while self.step < config.steps:
            self._enter_phases()
            started = time.monotonic()
            loss, targets = self._one_step()
            took = time.monotonic() - started
            self.seconds += took
            if self.watch.risen(loss):
                self._go_back(loss)
                continue
            self.step += 1
            self.tokens += targets
            recent = [*recent[-(_CALM - 1) :], took / targets]
            line: metrics.Line = {
                "step": self.step,
                "tokens": self.tokens,
                "train_loss": round(loss, 4),
                "tokens_per_second": round(targets / took),
                "mfu": round(targets / took * flops / peak, 4),
                "seconds": round(self.seconds, 1),
            }
            if skipped := self.course.skipped(self.step - 1):
                line["skipped_batches"] = skipped
            if self.step % config.valid_every == 0 or self.step == config.steps:
                line |= self.evaluate()
            if self.ranks.writes:
                metrics.append(self.out, line)
            if self.step % _CALM == 0 or "valid_loss" in line or self.step == config.steps:
                self._report(line, len(recent) / sum(recent), flops, peak)
            # A state from within a rise of the loss would be no state to go back to.
            due = time.monotonic() - saved > config.save_minutes * 60 and not self.watch.up
            if self.step == config.steps or self.ranks.agreed(due, device=self.learner.device):
                self.save()
                saved = time.monotonic()

    def _report(self, line: metrics.Line, rate: float, flops: float, peak: float) -> None:
        left = (self.config.steps - self.step) * self.config.batch_rows * self.batches.length / rate
        valid = ""
        if "valid_loss" in line:
            valid = f"  valid {line['valid_loss']:.3f} ({line['bits_per_byte']:.3f} bits/byte)"
        self.console.print(
            f"step {self.step:>6}/{self.config.steps}  loss {line['train_loss']:.3f}  {rate:,.0f} tok/s  "
            f"{rate * flops / 1e9:,.0f} GFLOP/s ({rate * flops / peak:.0%} of peak)  "
            f"{left / 60:.0f} min left{valid}"
        )

    def _flops_per_token(self) -> float:
        return self.config.shape.flops_per_token(self.tokenizer.size, self.batches.length)

    def _peak(self) -> float:
        """Operations a second that all processes' devices could do; introduces the run to the user."""
        device, dtype = self.learner.device, self.learner.dtype
        if self.peak is None or self.peak.device != utilization.describe(device, dtype):
            self.peak = utilization.peak(device, dtype)
        (total,) = self.ranks.summed(self.peak.flops, device=self.learner.device)
        weights = self.config.shape.parameters(self.tokenizer.size)
        self.console.print(
            f"{weights / 1e6:.1f}M weights on {self.learner.hardware}, "
            f"{self.config.steps} steps of {self.config.batch_rows} rows x {self.batches.length} tokens, "
            f"peak {total / 1e9:,.0f} GFLOP/s ({self.peak.source})"
        )
        return total

    def _enter_phases(self) -> None:
        """Begin what begins at this step."""
        config = self.config
        if self.step in (config.last_phase_start, config.fake_quantize_start):
            self.watch.forget()
        rounds = config.fake_quantize_start < config.steps and self.step >= config.fake_quantize_start
        if rounds and not self.learner.rounds:
            rows = self.batches.at(self.course.position(self.step))
            self.learner.begin_rounding(rows[: rounding.ROWS])
            self.console.print(f"step {self.step}: rounding to 8 bits from here on")

    def _one_step(self) -> tuple[float, int]:
        rows = self.batches.at(self.course.position(self.step), self.ranks.rank, self.ranks.count)
        return self.learner.step(rows, self.config.rate(self.step))

    def _go_back(self, loss: float) -> None:
        """Go on from a state before the rise, without the batches around it. Raises DataError at a limit."""
        now, rise = self.step, self.step - self.watch.up + 1
        usual = self.watch.usual
        found = "is not finite" if math.isnan(loss) else f"rose to {loss:.2f} from about {usual:.2f}"
        way_out = "start the same command again with --rate 0.5 to go on from the last state more slowly"
        if not self.config.spike:
            raise DataError(f"the loss or its gradient {found} at step {now + 1}; {way_out}")
        if self.gone_back == spikes.LIMIT or (state := self._state_before(rise)) is None:
            again = f" after going back {self.gone_back} times" if self.gone_back else ""
            raise DataError(f"the loss or its gradient {found} at step {now + 1}{again}; {way_out}")
        self.gone_back += 1
        # The batch before the rise as well: it may be what the weights went bad on.
        first = max(state["step"], rise - 1)
        self.course = self.course.without(first, self.course.position(now) + 1)
        skipped = self.course.skipped(first)
        self._restore(state)
        event = {
            "rise_at_step": rise + 1,
            "seen_at_step": now + 1,
            "loss": None if math.isnan(loss) else round(loss, 4),
            "usual_loss": None if math.isnan(usual) else round(usual, 4),
            "back_to_step": self.step,
            "skipped_batches": skipped,
        }
        self.course = replace(self.course, rollbacks=(*self.course.rollbacks, event))
        self.batches = self._open_batches()
        self.save(instead=True)
        if self.ranks.writes:
            metrics.keep(self.out, self.step)
        self.console.print(
            f"step {now + 1}: the loss {found}; back to step {self.step}, and {skipped} batches from step "
            f"{first + 1} on are left out"
        )

    def _state_before(self, step: int) -> dict[str, Any] | None:
        """A state of these shards from well before a step, or else from before it; None where none is."""
        for latest in (step - spikes.MARGIN, step):
            state = checkpoint.load_state_before(self.out, latest)
            if state is not None and state["step"] >= self.course.first_step:
                return state
        return None

    def evaluate(self) -> dict[str, float]:
        """Loss on the first validation rows, in nats a token and bits a byte of the text they stand for."""
        losses = self.learner.validate(self.valid)
        targets = int((self.valid[:, 1:] != self.tokenizer.fim_pad).sum())
        size = len(self.tokenizer.decode_bytes(int(t) for t in self.valid.flatten()))
        bits = losses["valid_loss"] * targets / math.log(2) / size
        return {name: round(loss, 4) for name, loss in losses.items()} | {"bits_per_byte": round(bits, 4)}

    def finish(self) -> Path:
        """Write the checkpoint folder, with the averaged weights where there is an average, and the curve."""
        self._enter_phases()  # of a run that is finished already
        validation = {"rows": len(self.valid), **self.evaluate()}
        stock = self.learner.released()
        folder = self.out / checkpoint.FOLDER
        if not self.ranks.writes:
            return folder
        lines = metrics.read(self.out)
        record = {
            **about_data(self.manifest, self.course),
            "window": self.batches.length,
            "recipe": asdict(self.config),
            "parameters": self.config.shape.parameters(self.tokenizer.size),
            "weights": f"averaged, decay {self.config.ema} a step" if self.config.ema else "of the last step",
            "tokens_seen": self.tokens,
            "flops": self.tokens * self._flops_per_token(),
            "seconds": round(self.seconds),
            "hardware": f"{platform.machine()} {self.learner.hardware}, threads: {torch.get_num_threads()}",
            "model_flop_utilization": {
                "median_of_steps": metrics.usual_utilization(lines),
                "formula": utilization.FORMULA,
                "peak": asdict(self.peak) if self.peak else None,
            },
            "rollbacks": list(self.course.rollbacks),
            "validation": validation,
            "curve": metrics.thinned(lines),
        }
        checkpoint.save_checkpoint(self.out, stock, self.tokenizer, record)
        draw_curve(lines, self.out / "curve.png")
        self.console.print(f"checkpoint: {folder}")
        return folder
