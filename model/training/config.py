"""What a training run is: shape, schedule, sizes. Presets are functions; a run saves its config as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A Llama: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embeddings."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    head_dim: int = 64

    def __post_init__(self) -> None:
        for name in ("width", "layers", "heads", "kv_heads", "feed_forward", "head_dim"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` is {getattr(self, name)}; it must be at least 1")
        if self.heads % self.kv_heads:
            raise ConfigError(f"{self.heads} heads cannot share {self.kv_heads} key-value heads evenly")
        if self.head_dim % 16:
            raise ConfigError(f"`head_dim` is {self.head_dim}; it must be a multiple of 16")

    def parameters(self, vocabulary: int) -> int:
        """Number of weights, the tied embedding counted once."""
        attention = self.width * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        layer = attention + 3 * self.width * self.feed_forward + 2 * self.width
        return vocabulary * self.width + self.layers * layer + self.width

    def flops_per_token(self, vocabulary: int, window: int) -> float:
        """Floating-point operations of one training token, forward and backward: 6N + 6·L·W·heads·head_dim.

        N counts the tied embedding once, as the output head; the second term is causal attention over a
        window of W tokens (12·L·W·d halved, as in Chowdhery et al. 2022, appendix B).
        """
        attention = 6 * self.layers * window * self.heads * self.head_dim
        return 6.0 * self.parameters(vocabulary) + attention


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One run. Learning rates are peaks; the schedule is warm-up, constant, linear cool-down to zero.

    A schedule that is constant in its middle can be lengthened while it runs: `steps` may change on resuming
    as long as no phase at its end has begun: the cool-down, the last phase (function tasks are mixed in), the
    8-bit phase (weights and activations are rounded as they will be served).
    """

    shape: Shape
    steps: int
    batch_rows: int = 32  # rows a step, over all micro-batches
    micro_rows: int = 8
    optimizer: Literal["muon", "adamw"] = "muon"
    muon_lr: float = 0.02
    adamw_lr: float = 0.003
    weight_decay: float = 0.01
    warmup_steps: int = 40
    cooldown: float = 0.5  # share of the steps
    clip: float = 1.0
    seed: int = 0
    valid_rows: int = 128
    valid_every: int = 200
    save_minutes: float = 3.0
    compile: bool = True
    ema: float = 0.0  # decay a step of the averaged weights; 0 = no average
    end_weight: float = 1.0  # of the end token's loss, against 1 for every other token
    dropout: float = 0.0
    last_phase: float = 0.0  # share of the steps, at the end, in which function tasks are mixed in
    last_phase_share: float = 0.5  # share of a step's rows that are function tasks then
    fake_quantize: float = 0.0  # share of the steps, at the end, that round to 8 bits
    spike: float = 5.0  # deviations that the loss may rise above its running median; 0 = not watched

    def __post_init__(self) -> None:
        for name in ("steps", "batch_rows", "micro_rows", "valid_rows", "valid_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` is {getattr(self, name)}; it must be at least 1")
        if self.optimizer not in ("muon", "adamw"):
            raise ConfigError(f"there is no optimizer {self.optimizer!r}; use muon or adamw")
        for name in ("cooldown", "last_phase", "last_phase_share", "fake_quantize"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"`{name}` is {getattr(self, name)}; it is a share, 0 to 1")
        for name in ("ema", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"`{name}` is {getattr(self, name)}; it must be at least 0 and below 1")
        for name in ("muon_lr", "adamw_lr", "clip", "end_weight", "last_phase_share"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"`{name}` is {getattr(self, name)}; it must be above 0")
        for name in ("weight_decay", "warmup_steps", "spike"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"`{name}` is {getattr(self, name)}; it must be at least 0")
        if self.batch_rows % self.micro_rows:
            raise ConfigError(
                f"{self.batch_rows} rows a step do not divide into micro-batches of {self.micro_rows}"
            )

    def rate(self, step: int) -> float:
        """The learning rate of a step (0-based) as a share of its peak."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        down = (self.steps - step) / max(1.0, self.steps * self.cooldown)
        return min(warm, 1.0, down)

    @property
    def cooldown_start(self) -> int:
        """The first step whose rate the cool-down lowers."""
        return self._start(self.cooldown)

    @property
    def last_phase_start(self) -> int:
        """The first step that reads function tasks; `steps` when none does."""
        return self._start(self.last_phase)

    @property
    def fake_quantize_start(self) -> int:
        """The first step that rounds to 8 bits; `steps` when none does."""
        return self._start(self.fake_quantize)

    def _start(self, share: float) -> int:
        return self.steps - int(self.steps * share)


def toy(steps: int = 20) -> TrainConfig:
    """A few seconds on one core: rehearses the whole road, learns next to nothing.

    All of the recipe but the last phase, which needs function tasks among the shards.
    """
    shape = Shape(width=64, layers=2, heads=2, kv_heads=1, feed_forward=160, head_dim=32)
    return TrainConfig(
        shape=shape,
        steps=steps,
        batch_rows=4,
        micro_rows=4,
        warmup_steps=2,
        valid_rows=8,
        valid_every=10,
        compile=False,
        ema=0.9,
        end_weight=2.0,
        dropout=0.05,
        fake_quantize=0.2,
    )


def cpu(steps: int = 1600) -> TrainConfig:
    """One to two hours on two cores: the compute rule allows 2 to 3 million weights, vocabulary 4,096."""
    return TrainConfig(
        shape=Shape(width=192, layers=4, heads=3, kv_heads=1, feed_forward=512),
        steps=steps,
        batch_rows=16,
        micro_rows=16,
        cooldown=0.45,
        valid_rows=96,
    )


def cpu_long(steps: int = 6000) -> TrainConfig:
    """A day on one core, in as many pieces as it takes: 4.5 million weights, rows of 1,024 tokens."""
    return TrainConfig(
        shape=Shape(width=256, layers=5, heads=4, kv_heads=2, feed_forward=640),
        steps=steps,
        batch_rows=16,
        micro_rows=8,
        cooldown=0.45,
        valid_rows=64,
    )


def gpu(steps: int = 4000) -> TrainConfig:
    """About half an hour on one data-centre GPU: 42 million weights at a vocabulary of 16,384."""
    return TrainConfig(
        shape=Shape(width=512, layers=12, heads=8, kv_heads=2, feed_forward=1408),
        steps=steps,
        batch_rows=256,
        micro_rows=64,
        valid_every=250,
    )


PRESETS = {"toy": toy, "cpu": cpu, "cpu-long": cpu_long, "gpu": gpu}


def preset(name: str, steps: int | None = None) -> TrainConfig:
    """A preset by name. Raises ConfigError that lists the names."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; presets are {', '.join(PRESETS)}")
    return PRESETS[name]() if steps is None else PRESETS[name](steps)


def save(config: TrainConfig, path: Path) -> None:
    """Write a config as JSON."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(json.dumps(asdict(config), indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def from_json(record: dict[str, Any]) -> TrainConfig:
    """The config that `asdict` wrote."""
    return TrainConfig(**{**record, "shape": Shape(**record["shape"])})


def with_settings(config: TrainConfig, settings: Sequence[str]) -> TrainConfig:
    """The config with fields of it or of its shape set by `name=value` texts, as the command line gives them.

    Raises ConfigError for a text of another form, an unknown name, or a value that the field cannot hold.
    """
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting} has no value; write it as NAME=VALUE, such as ema=0.999")
        name = name.strip().replace("-", "_")
        known: dict[str, TrainConfig | Shape] = {f.name: config for f in fields(config) if f.name != "shape"}
        known |= {f.name: config.shape for f in fields(config.shape)}
        if name not in known:
            raise ConfigError(f"there is no setting {name!r}; settings are {', '.join(sorted(known))}")
        changed: Any = {name: _parsed(name, text.strip(), type(getattr(known[name], name)))}
        if known[name] is config:
            config = replace(config, **changed)
        else:
            config = replace(config, shape=replace(config.shape, **changed))
    return config


def _parsed(name: str, text: str, kind: type) -> object:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"`{name}` is {text!r}; it must be true or false")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise ConfigError(f"`{name}` is {text!r}; it must be {wanted}") from None


# May change on resuming: what changes neither the recipe nor the order of the rows, and the learning rates.
_FREE = {
    "steps", "valid_every", "valid_rows", "save_minutes", "compile", "micro_rows", "muon_lr", "adamw_lr",
    "spike",
}  # fmt: skip
# With other shards a new stage begins, which may have a recipe of its own.
_FREE_WITH_NEW_DATA = {"weight_decay", "dropout", "end_weight"}


def continued(old: TrainConfig, new: TrainConfig, step: int, *, new_data: bool = False) -> TrainConfig:
    """The config to resume with at `step`, with the same shards or new ones.

    What was on may be set otherwise, but not left out, which is how a forgotten option looks: the average of
    the weights at any time, the cool-down, the last phase and the 8-bit phase until they begin. Raises
    ConfigError when a field differs that may not.
    """
    free = _FREE | (_FREE_WITH_NEW_DATA if new_data else set())
    if new.ema:
        free |= {"ema"}
    if step <= min(old.cooldown_start, new.cooldown_start):
        free |= {"cooldown"}
    if new.last_phase and step <= min(old.last_phase_start, new.last_phase_start):
        free |= {"last_phase", "last_phase_share"}
    if new.fake_quantize and step <= min(old.fake_quantize_start, new.fake_quantize_start):
        free |= {"fake_quantize"}
    for f in fields(TrainConfig):
        if f.name not in free and getattr(old, f.name) != getattr(new, f.name):
            raise ConfigError(
                f"the run was started with {f.name}={getattr(old, f.name)}, not {getattr(new, f.name)}; "
                "use the same value, or another --out folder"
            )
    if new.steps != old.steps:
        for phase, was, now in (
            ("cool-down", old.cooldown_start, new.cooldown_start),
            ("last phase", old.last_phase_start, new.last_phase_start),
            ("8-bit phase", old.fake_quantize_start, new.fake_quantize_start),
        ):
            if step > min(was, now):
                raise ConfigError(
                    f"the {phase} of {old.steps} steps has begun (step {step}); its length can no longer "
                    f"change: use --steps {old.steps}"
                )
    return new
