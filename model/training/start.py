"""What a run may begin with in place of fresh weights: a finished model, to go on from it or teach it more.

The optimisers begin anew, and so do the steps and the tokens that are counted; the record names the model and
keeps what it says of its corpus, so that nothing is forgotten that a model has read.

Not here: how a model folder is read (model/export/master.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import ConfigError
from model.training.config import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A model to begin with. `weights` are named as in model.safetensors; `facts` go into the record."""

    folder: Path
    shape: Shape
    positions: int  # tokens: the longest row that it knows
    tokenizer_sha256: str
    weights: Mapping[str, npt.NDArray[np.float32]]
    facts: dict[str, Any]

    def check(self, *, tokenizer: str, length: int, data: Path) -> None:
        """Raise ConfigError where the shards in `data` are not ones that this model can read."""
        if self.tokenizer_sha256 != tokenizer:
            raise ConfigError(
                f"{self.folder} reads with another tokenizer than that of {data}; build the data with "
                f"--tokenizer {self.folder / 'tokenizer.json'}"
            )
        if length > self.positions:
            raise ConfigError(
                f"the rows in {data} have {length} tokens, and {self.folder} knows {self.positions}; build "
                f"the data with --length {self.positions} or less"
            )

    def check_same(self, begun_with: Mapping[str, Any] | None, out: Path) -> None:
        """Raise ConfigError where the run in `out`, which is to go on, began with something else."""
        if begun_with is None or begun_with["checksum"] != self.facts["checksum"]:
            began = "fresh weights" if begun_with is None else begun_with["name"]
            raise ConfigError(
                f"{out} holds a run that began with {began}, not with {self.folder}; leave out --init to go "
                "on with it, or use another --out folder"
            )
