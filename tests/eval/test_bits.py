"""Bits per byte from a model whose answers are known."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eval.bits import measure, measure_texts
from model.errors import DataError
from model.shards import MANIFEST, shard_name, write_shard
from model.tokenizer import Tokenizer


class Uniform:
    """Every token has the chance 1/256."""

    def __init__(self, tokenizer: Tokenizer, window: int = 32) -> None:
        self.tokenizer = tokenizer
        self.release = SimpleNamespace(window=window, folder=Path("m"), name="uniform")

    def score(self, tokens: list[int]) -> Any:
        return np.full(len(tokens) - 1, -math.log(256))


@pytest.fixture
def data(tmp_path: Path, tokenizer: Tokenizer, source_texts: list[str]) -> Path:
    ids = tokenizer.encode(max(source_texts, key=len))
    rows = np.full((20, 32), tokenizer.fim_pad, np.uint16)
    for number, row in enumerate(rows):
        row[: 20 + number % 12] = ids[number : 20 + number + number % 12]
    write_shard(tmp_path / shard_name("test", 0), rows)
    manifest = {"fingerprint": "", "config": {}, "corpus": {}, "tokenizer": {"sha256": tokenizer.sha256}}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return tmp_path


def test_bits_are_counted_over_the_bytes_of_the_text(data: Path, tokenizer: Tokenizer) -> None:
    found = measure(Uniform(tokenizer), data, rows=10)  # type: ignore[arg-type]
    assert (found.rows, found.tokens) == (10, sum(19 + n for n in range(10)))
    assert found.value == pytest.approx(found.tokens * 8 / found.bytes)
    assert found.low < found.value < found.high
    assert found.perplexity == pytest.approx(256)


def test_shards_that_do_not_fit_the_model_are_refused(data: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(DataError, match="have 32 tokens, the window of the model only 16"):
        measure(Uniform(tokenizer, window=16), data)  # type: ignore[arg-type]
    other = Tokenizer.train(lambda: iter(["a b c"]), vocabulary=300)
    with pytest.raises(DataError, match="belong to another tokenizer"):
        measure(Uniform(other), data)  # type: ignore[arg-type]


def test_the_same_bytes_are_scored_whatever_the_tokenizer(
    tokenizer: Tokenizer, source_texts: list[str]
) -> None:
    texts = [(f"{n}.py", text) for n, text in enumerate(sorted(source_texts, key=len)[-4:])]
    bytewise = Tokenizer.train(lambda: iter(["x"]), vocabulary=272)
    found = [measure_texts(Uniform(one, window=2000), texts) for one in (tokenizer, bytewise)]  # type: ignore[arg-type]
    assert found[0].bytes == found[1].bytes
    assert found[0].tokens < found[1].tokens
    assert found[1].value == pytest.approx(8)  # a byte a token
    assert found[0].rows == 4
    # Where the window is too small for a piece, all of it is scored nevertheless.
    narrow = measure_texts(Uniform(bytewise, window=100), texts)  # type: ignore[arg-type]
    assert (narrow.bytes, narrow.tokens, narrow.value) == (found[1].bytes, found[1].tokens, pytest.approx(8))
