"""How well a model predicts held-out code: bits per byte, which no tokenizer can flatter.

The rows are those of a split's shard: whole projects that the model was not trained on, as training examples
with their holes, path and sentinels. Every token after a row's first is predicted; the bytes are those of
the text, sentinels have none. The interval is a bootstrap over rows; rows of one project resemble each other,
so it speaks for these projects and not for all code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model.errors import DataError
from model.shards import read_manifest, read_shard, shard_name

if TYPE_CHECKING:
    from model.serving.engine import Engine

RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsPerByte:
    """`low` to `high` is the 95 % interval; `perplexity` is of one token."""

    value: float
    low: float
    high: float
    perplexity: float
    rows: int
    tokens: int
    bytes: int


def measure(
    engine: Engine,
    data: Path,
    *,
    split: str = "test",
    rows: int = 256,
    seed: int = 0,
    on_row: Callable[[], object] = lambda: None,
) -> BitsPerByte:
    """Score the first rows of a split; the pipeline has shuffled them.

    Raises DataError when the shards belong to another tokenizer, or are longer than the model's window.
    """
    manifest = read_manifest(data)
    if manifest["tokenizer"]["sha256"] != engine.tokenizer.sha256:
        raise DataError(f"the shards in {data} belong to another tokenizer than {engine.release.folder}")
    shard = read_shard(data / shard_name(split, 0))[:rows]
    if len(shard) == 0:
        raise DataError(f"the {split} shard in {data} is empty")
    if shard.shape[1] > engine.release.window:
        raise DataError(
            f"the rows in {data} have {shard.shape[1]} tokens, the window of the model only "
            f"{engine.release.window}; build shards with --length {engine.release.window}"
        )
    nats, sizes, counts = [], [], []
    for row in shard:
        tokens = [int(t) for t in row if t != engine.tokenizer.fim_pad]
        nats.append(-float(engine.score(tokens).sum()))
        sizes.append(len(engine.tokenizer.decode_bytes(tokens[1:])))
        counts.append(len(tokens) - 1)
        on_row()
    loss, size = np.array(nats), np.array(sizes)
    picks = np.random.default_rng(seed).integers(0, len(loss), (RESAMPLES, len(loss)))
    drawn = loss[picks].sum(axis=1) / size[picks].sum(axis=1) / math.log(2)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return BitsPerByte(
        value=float(loss.sum() / size.sum() / math.log(2)),
        low=float(low),
        high=float(high),
        perplexity=float(math.exp(loss.sum() / sum(counts))),
        rows=len(loss),
        tokens=sum(counts),
        bytes=int(size.sum()),
    )
