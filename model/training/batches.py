"""Rows of the shards in the order of training: step in, rows out, the same on every machine.

A last phase may mix rows of the function tasks among the ordinary ones. Which row stands where follows from
the number of the step alone, so that a run can be stopped, resumed and divided among processes anywhere.

Not here: what the rows hold (data_pipeline/shardset.py), what is learned from them (network.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from model.errors import ConfigError, DataError
from model.shards import FUNCTIONS, Rows, read_manifest, read_shard, shard_name


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPhase:
    """From step `first_step` on (0-based, as `Batches.at` counts), `share` of the rows are function tasks."""

    first_step: int
    share: float

    def __post_init__(self) -> None:
        if self.first_step < 0:
            raise ConfigError(f"a last phase cannot begin at step {self.first_step}; steps count from 0")
        if not 0 < self.share <= 1:
            raise ConfigError(
                f"{self.share} of a step's rows cannot be function tasks; use a share above 0 and at most 1"
            )


class Batches:
    """All epochs' training shards as one sequence of rows; when it ends it begins again, reshuffled.

    The pipeline has shuffled each shard, so the first pass reads in order. With `functions` the rows of a
    step in that phase come from two such sequences, spread evenly: each goes on where it was, so ordinary
    rows that give way to function tasks come later, and none is skipped.
    """

    def __init__(
        self, folder: Path, *, batch_rows: int, seed: int, functions: FunctionPhase | None = None
    ) -> None:
        """Map the shards of a folder.

        Raises DataError when one is missing, when there are fewer rows than a step takes, or when function
        tasks are asked for and there are none.
        """
        manifest = read_manifest(folder)
        epochs = int(manifest["config"]["epochs"])
        shards = [read_shard(folder / shard_name("train", e)) for e in range(epochs)]
        self._ordinary = _Turns(shards, seed=[seed])
        self._batch, self._phase = batch_rows, functions
        self.length = int(shards[0].shape[1])
        if self.rows < batch_rows:
            raise DataError(
                f"{folder} holds {self.rows} rows, fewer than the {batch_rows} of one step; "
                "use a larger corpus"
            )
        if functions is not None:
            self._functions = _Turns([_function_tasks(folder, self.length)], seed=[seed, 1])

    @property
    def rows(self) -> int:
        """Rows of one pass over all epochs, function tasks not among them."""
        return self._ordinary.rows

    def at(self, step: int, rank: int = 0, ranks: int = 1) -> torch.Tensor:
        """The rows of a step that process `rank` of `ranks` trains on, shape (batch_rows / ranks, length).

        The processes' rows, one after the other, are the step's: int64, and a function of the step alone.
        Raises ConfigError when the rows cannot be shared out evenly.
        """
        assert step >= 0
        assert 0 <= rank < ranks
        if self._batch % ranks:
            raise ConfigError(
                f"{self._batch} rows a step cannot be shared evenly by {ranks} processes; use another number "
                "of processes or of rows"
            )
        share = self._batch // ranks
        # In one piece, not every second or third row: strides could give one process all function tasks.
        first = step * self._batch + rank * share
        rows = np.stack([self._row(number) for number in range(first, first + share)])
        return torch.from_numpy(rows.astype(np.int64))

    def _row(self, number: int) -> np.ndarray:
        """The row at a place of the whole run's sequence, places counted over all steps."""
        phase = self._phase
        if phase is None or (inside := number - phase.first_step * self._batch) < 0:
            return self._ordinary.at(number)
        # A fraction, because what floats lose would shift all rows behind it.
        share = Fraction(phase.share).limit_denominator(1_000_000)
        before = int(inside * share)
        if int((inside + 1) * share) > before:
            return self._functions.at(before)
        return self._ordinary.at(number - before)


class _Turns:
    """Shards as one endless sequence of rows: in order first, then in another order each time."""

    def __init__(self, shards: Sequence[Rows], *, seed: list[int]) -> None:
        self._shards, self._seed = shards, seed
        self._starts = np.cumsum([0, *(len(s) for s in shards)])
        self._order: tuple[int, np.ndarray] | None = None

    @property
    def rows(self) -> int:
        return int(self._starts[-1])

    def at(self, number: int) -> np.ndarray:
        turn, number = divmod(number, self.rows)
        if turn > 0:
            if self._order is None or self._order[0] != turn:
                generator = np.random.default_rng([self._seed[0], turn, *self._seed[1:]])
                self._order = turn, generator.permutation(self.rows)
            number = int(self._order[1][number])
        shard = int(np.searchsorted(self._starts, number, side="right")) - 1
        return np.asarray(self._shards[shard][number - self._starts[shard]])


def _function_tasks(folder: Path, length: int) -> Rows:
    """The shard of function tasks. Raises DataError when there is none that fits."""
    path = folder / shard_name(FUNCTIONS, 0)
    if not path.exists():
        raise DataError(
            f"{folder} holds no function tasks ({path.name}) for the last phase; build the data with "
            "--functions, or train without a last phase"
        )
    rows = read_shard(path)
    if len(rows) == 0 or rows.shape[1] != length:
        raise DataError(
            f"{path} holds {len(rows)} rows of {rows.shape[1]} tokens beside training rows of {length}; "
            "build the data again, or train without a last phase"
        )
    return rows


def validation_rows(folder: Path, rows: int) -> torch.Tensor:
    """The first rows of the validation shard, shape (at most rows, length), int64."""
    shard = read_shard(folder / shard_name("validation", 0))
    if len(shard) == 0:
        raise DataError(
            f"{folder} holds no validation rows; build the data with a project to measure by: "
            "--validation-source, or split `validation` in the manifest"
        )
    return torch.from_numpy(np.asarray(shard[:rows]).astype(np.int64))
