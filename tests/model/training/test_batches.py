"""Which rows a step reads: a function of the step alone, nothing skipped, shared evenly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.errors import ConfigError, DataError
from model.shards import FUNCTIONS, MANIFEST, shard_name, write_shard
from model.training.batches import Batches, FunctionPhase, validation_rows

ORDINARY, TASKS = 40, 12  # rows; a row's first token is its number, from 1000 on for function tasks


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of 20 rows, 12 function tasks, no validation rows."""
    folder = tmp_path_factory.mktemp("shards")

    def rows(first: int, count: int) -> np.ndarray:
        return np.arange(first, first + count, dtype=np.uint16)[:, None].repeat(4, 1)

    write_shard(folder / shard_name("train", 0), rows(0, 20))
    write_shard(folder / shard_name("train", 1), rows(20, 20))
    write_shard(folder / shard_name(FUNCTIONS, 0), rows(1000, TASKS))
    write_shard(folder / shard_name("validation", 0), rows(0, 0))
    manifest = {
        "fingerprint": "f" * 64,
        "config": {"epochs": 2},
        "tokenizer": {},
        "corpus": {},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _read(batches: Batches, steps: int) -> list[list[int]]:
    return [batches.at(step)[:, 0].tolist() for step in range(steps)]


def _phase(first_step: int, share: float) -> FunctionPhase:
    return FunctionPhase(first_step=first_step, share=share)


def test_rows_come_in_order_and_then_reshuffled(shards: Path) -> None:
    steps = _read(Batches(shards, batch_rows=8, seed=0), 15)
    turns = np.array(steps).reshape(3, ORDINARY)
    assert turns[0].tolist() == list(range(ORDINARY))
    assert all(sorted(turn) == list(range(ORDINARY)) for turn in turns)
    assert turns[1].tolist() != turns[0].tolist() != turns[2].tolist() != turns[1].tolist()


def test_rows_are_whole(shards: Path) -> None:
    batch = Batches(shards, batch_rows=8, seed=0).at(2)
    assert batch.shape == (8, 4)
    assert batch.dtype == torch.int64
    assert (batch == batch[:, :1]).all()


def test_before_its_phase_nothing_changes(shards: Path) -> None:
    plain = Batches(shards, batch_rows=8, seed=0)
    mixed = Batches(shards, batch_rows=8, seed=0, functions=_phase(7, 0.5))
    assert _read(mixed, 7) == _read(plain, 7)


@given(
    share=st.sampled_from([0.01, 0.1, 0.25, 0.3, 1 / 3, 0.5, 0.7, 0.99, 1.0]),
    first=st.integers(0, 4),
    rows=st.sampled_from([1, 3, 8, 16]),
)
def test_no_row_is_skipped_or_read_twice_in_a_turn(shards: Path, share: float, first: int, rows: int) -> None:
    steps = _read(Batches(shards, batch_rows=rows, seed=0, functions=_phase(first, share)), first + 6)
    read = [number for step in steps for number in step]
    ordinary = [n for n in read if n < 1000]
    tasks = [n - 1000 for n in read if n >= 1000]
    assert ordinary[:ORDINARY] == list(range(len(ordinary[:ORDINARY])))
    assert tasks[:TASKS] == list(range(len(tasks[:TASKS])))
    assert abs(len(tasks) - 6 * rows * share) < 1


def test_function_tasks_are_reshuffled_each_turn(shards: Path) -> None:
    steps = _read(Batches(shards, batch_rows=TASKS, seed=0, functions=_phase(0, 1.0)), 3)
    assert all(sorted(step) == list(range(1000, 1000 + TASKS)) for step in steps)
    assert steps[1] != steps[0] != steps[2] != steps[1]


@pytest.mark.parametrize("share", [0.25, 0.3, 0.5])
def test_every_part_of_a_step_has_its_share(shards: Path, share: float) -> None:
    """Micro-batches and processes differ by at most one function task."""
    batches = Batches(shards, batch_rows=16, seed=0, functions=_phase(0, share))
    for step in range(6):
        for part in batches.at(step)[:, 0].reshape(4, 4):
            assert abs(int((part >= 1000).sum()) - 4 * share) <= 1


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_processes_read_the_step_between_them(shards: Path, ranks: int) -> None:
    def batches() -> Batches:
        return Batches(shards, batch_rows=8, seed=3, functions=_phase(4, 0.5))

    for step in (0, 4, 5, 9, 23):  # 23 is behind a reshuffle of both
        whole = batches().at(step)
        parts = [batches().at(step, rank, ranks) for rank in range(ranks)]
        assert torch.equal(torch.cat(parts), whole)


def test_a_step_does_not_depend_on_those_before(shards: Path) -> None:
    settings = {"batch_rows": 8, "seed": 1, "functions": _phase(3, 0.3)}
    through = Batches(shards, **settings)
    steps = [through.at(step) for step in range(20)]
    for step in (19, 4, 11, 0):
        assert torch.equal(Batches(shards, **settings).at(step), steps[step])
        assert torch.equal(through.at(step), steps[step])


def test_what_does_not_fit_is_named(shards: Path, tmp_path: Path) -> None:
    import shutil

    with pytest.raises(DataError, match="holds 40 rows, fewer than the 41 of one step"):
        Batches(shards, batch_rows=41, seed=0)
    with pytest.raises(ConfigError, match="8 rows a step cannot be shared evenly by 3 processes"):
        Batches(shards, batch_rows=8, seed=0).at(0, 0, 3)
    with pytest.raises(DataError, match="holds no validation rows"):
        validation_rows(shards, 4)
    other = tmp_path / "shards"
    shutil.copytree(shards, other)
    write_shard(other / shard_name(FUNCTIONS, 0), np.zeros((3, 5), np.uint16))
    with pytest.raises(DataError, match="holds 3 rows of 5 tokens beside training rows of 4"):
        Batches(other, batch_rows=8, seed=0, functions=_phase(0, 0.5))
    (other / shard_name(FUNCTIONS, 0)).unlink()
    with pytest.raises(DataError, match=r"holds no function tasks \(functions-000\.npy\) .* --functions"):
        Batches(other, batch_rows=8, seed=0, functions=_phase(0, 0.5))
    Batches(other, batch_rows=8, seed=0)


@pytest.mark.parametrize(("first", "share"), [(-1, 0.5), (0, 0.0), (0, 1.1)])
def test_a_phase_that_cannot_be_is_refused(first: int, share: float) -> None:
    with pytest.raises(ConfigError, match="cannot be"):
        _phase(first, share)
