"""Everything besides the sources that decides the bytes of the shards."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from data_pipeline.holes import HoleConfig
from data_pipeline.steps import VERSION
from model.errors import ConfigError
from model.neighbours import characters_for


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildConfig:
    """Sizes, seeds and shares of a build; a build saves them as JSON beside its shards."""

    vocabulary: int = 16_384
    tokenizer_megabytes: int = 60
    length: int = 1024
    epochs: int = 1
    epoch_megabytes: int | None = None  # of text an epoch; None: the whole corpus
    functions: bool = True  # also the shard of function tasks, for a last phase of training
    seed: int = 0
    holes: HoleConfig = field(default_factory=HoleConfig)

    def __post_init__(self) -> None:
        if not 64 <= self.length <= 8192:
            raise ConfigError(f"rows of {self.length} tokens are out of range; use 64 to 8192")
        if not 1 <= self.epochs <= 100:
            raise ConfigError(f"{self.epochs} epochs are out of range; use 1 to 100")
        if self.epoch_megabytes is not None and self.epoch_megabytes < 1:
            raise ConfigError(f"an epoch of {self.epoch_megabytes} MB is too small; use at least 1")

    @property
    def budget(self) -> int:
        """Prompt tokens within a row, see `prompt_budget`."""
        return prompt_budget(self.length)


def prompt_budget(length: int) -> int:
    """Tokens of a row that the prompt may take; the rest is for the middle. Serving leaves more for it."""
    return length * 7 // 8


def holes_for(length: int) -> HoleConfig:
    """Holes that suit rows of `length` tokens: chunks fill a row and seldom overflow it, neighbours fit in.

    Code has about 3.4 characters a token, and a prompt has its path and sentinels besides.
    """
    return HoleConfig(
        chunk_characters=max(200, int(length * 2.93)),
        neighbour_characters=characters_for(prompt_budget(length)),
    )


def generator(*parts: object) -> random.Random:
    """A generator for exactly these parts: str seeds hash with SHA-512, the same on every machine."""
    return random.Random(":".join(map(str, (VERSION, *parts))))  # noqa: S311 - reproducible, not secret
