"""How well a model predicts held-out code: bits per byte, which no tokenizer can flatter.

    measure          rows of a split's shard: whole projects that the model was not trained on, as training
                     examples with their holes, path and sentinels. Every token after a row's first is
                     predicted; the bytes are those of the text, sentinels have none.
    measure_texts    the same piece of each of some files, read from left to right: the same bytes for every
                     model, whatever its tokenizer, window and training examples are

The interval is a bootstrap over rows or files; those of one project resemble each other, so it speaks for
these projects and not for all code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eval import intervals
from model import fim
from model.errors import DataError
from model.shards import read_manifest, read_shard, shard_name

if TYPE_CHECKING:
    from model.serving.engine import Engine

PIECE = 1200  # characters of a text: some 400 tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsPerByte:
    """`low` to `high` is the 95 % interval; `perplexity` is of one token. `rows` are rows or texts."""

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
    return _found(nats, sizes, sum(counts), seed)


def measure_texts(
    engine: Engine,
    texts: Sequence[tuple[str, str]],
    *,
    language: str = "python",
    seed: int = 0,
    on_text: Callable[[], object] = lambda: None,
) -> BitsPerByte:
    """Score PIECE characters of each text (path, text), from the line at its middle on, without neighbours.

    Where a window has no room for all of them, the rest is read as if it stood alone: no model scores fewer.
    """
    nats, sizes, count = [], [], 0
    tokenizer, window = engine.tokenizer, engine.release.window
    for path, text in texts:
        hole = fim.Hole(path=path, language=language, prefix="", suffix="")
        prompt = fim.render(hole, tokenizer, window * 3 // 4).tokens
        piece = tokenizer.encode(_middle(text))
        room = window - len(prompt)
        nats.append(
            -sum(
                float(engine.score([*prompt, *piece[at : at + room]])[len(prompt) - 1 :].sum())
                for at in range(0, len(piece), room)
            )
        )
        sizes.append(len(tokenizer.decode_bytes(piece)))
        count += len(piece)
        on_text()
    return _found(nats, sizes, count, seed)


def _middle(text: str) -> str:
    start = text.rfind("\n", 0, max(0, len(text) - PIECE) // 2) + 1
    return text[start : start + PIECE]


def _found(nats: Sequence[float], sizes: Sequence[int], tokens: int, seed: int) -> BitsPerByte:
    found = intervals.ratio([one / math.log(2) for one in nats], sizes, range(len(nats)), seed=seed)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    return BitsPerByte(
        value=found.value,
        low=found.low,
        high=found.high,
        perplexity=float(math.exp(sum(nats) / tokens)),
        rows=len(nats),
        tokens=tokens,
        bytes=sum(sizes),
    )
