"""Rows of the shards in the order of training: step in, rows out, the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from model.errors import DataError
from model.shards import Rows, read_manifest, read_shard, shard_name


class Batches:
    """All epochs' training shards as one sequence of rows; when it ends it begins again, reshuffled.

    The pipeline has shuffled each shard, so the first pass reads in order.
    """

    def __init__(self, folder: Path, *, batch_rows: int, seed: int) -> None:
        manifest = read_manifest(folder)
        epochs = int(manifest["config"]["epochs"])
        self._shards: list[Rows] = [read_shard(folder / shard_name("train", e)) for e in range(epochs)]
        self._batch, self._seed = batch_rows, seed
        self.length = int(self._shards[0].shape[1])
        self._starts = np.cumsum([0, *(len(s) for s in self._shards)])
        if self.rows < batch_rows:
            raise DataError(
                f"{folder} holds {self.rows} rows, fewer than the {batch_rows} of one step; "
                "use a larger corpus"
            )
        self._order: tuple[int, np.ndarray] | None = None

    @property
    def rows(self) -> int:
        """Rows of one pass over all epochs."""
        return int(self._starts[-1])

    def at(self, step: int) -> torch.Tensor:
        """The rows of a step, shape (batch_rows, length), int64."""
        numbers = range(step * self._batch, (step + 1) * self._batch)
        found = np.stack([self._row(*divmod(n, self.rows)) for n in numbers])
        return torch.from_numpy(found.astype(np.int64))

    def _row(self, turn: int, number: int) -> np.ndarray:
        if turn > 0:
            if self._order is None or self._order[0] != turn:
                self._order = turn, np.random.default_rng([self._seed, turn]).permutation(self.rows)
            number = int(self._order[1][number])
        shard = int(np.searchsorted(self._starts, number, side="right")) - 1
        return np.asarray(self._shards[shard][number - self._starts[shard]])


def validation_rows(folder: Path, rows: int) -> torch.Tensor:
    """The first rows of the validation shard, shape (at most rows, length), int64."""
    shard = read_shard(folder / shard_name("validation", 0))
    if len(shard) == 0:
        raise DataError(
            f"{folder} holds no validation rows; put a project with split `validation` into the manifest"
        )
    return torch.from_numpy(np.asarray(shard[:rows]).astype(np.int64))
