"""A real run at toy size: it learns, it stops anywhere and goes on bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from model.errors import ConfigError, DataError, ModelError
from model.shards import MANIFEST, read_manifest, shard_name, write_shard
from model.tokenizer import Tokenizer
from model.training import loop
from model.training.batches import Batches
from model.training.config import TrainConfig, toy

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer, source: str) -> Path:
    """Rows of real code as the pipeline writes them, 64 tokens each."""
    folder = tmp_path_factory.mktemp("shards")
    ids = tokenizer.encode(source)
    rows = np.array(ids[: len(ids) // 64 * 64], np.uint16).reshape(-1, 64)
    write_shard(folder / shard_name("train", 0), rows[:-8])
    write_shard(folder / shard_name("validation", 0), rows[-8:])
    (folder / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8", newline="\n")
    manifest = {
        "fingerprint": "f" * 64,
        "config": {"epochs": 1, "holes": {"neighbours": 0.0}},
        "tokenizer": {"sha256": tokenizer.sha256},
        "corpus": {"language": "python", "licenses": ["MIT"]},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _config(steps: int) -> TrainConfig:
    return replace(toy(steps), cooldown=0.0)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_the_loss_falls_and_the_record_says_what_was_done(shards: Path, tmp_path: Path) -> None:
    folder = loop.train(_config(30), shards, tmp_path / "run", console=QUIET)
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    losses = [m["train_loss"] for m in record["curve"]]
    assert losses[-1] < losses[0] - 0.5
    assert record["tokens_seen"] == 30 * 4 * 63
    assert record["validation"]["bits_per_byte"] > 0
    assert (tmp_path / "run" / "curve.png").stat().st_size > 5000


def test_a_stopped_run_goes_on_bit_for_bit(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _weights(loop.train(_config(8), shards, tmp_path / "whole", console=QUIET))
    real, count = loop._Run._one_step, []

    def dies(self: loop._Run) -> tuple[float, int]:
        count.append(self.step)
        if len(count) == 6:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(loop._Run, "_one_step", dies)
    with pytest.raises(KeyboardInterrupt):
        # A save after every step, so that the stop loses none.
        loop.train(replace(_config(8), save_minutes=-1.0), shards, tmp_path / "cut", console=QUIET)
    monkeypatch.setattr(loop._Run, "_one_step", real)
    resumed = _weights(loop.train(_config(8), shards, tmp_path / "cut", console=QUIET))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    steps = [
        json.loads(x)["step"] for x in (tmp_path / "cut" / "metrics.jsonl").read_text("utf-8").splitlines()
    ]
    assert steps == list(range(1, 9))


def test_micro_batches_change_nothing_but_rounding(shards: Path, tmp_path: Path) -> None:
    one = _weights(loop.train(_config(3), shards, tmp_path / "one", console=QUIET))
    two = _weights(loop.train(replace(_config(3), micro_rows=2), shards, tmp_path / "two", console=QUIET))
    assert all(torch.allclose(one[n], two[n], atol=1e-4) for n in one)


def test_rows_come_in_order_and_then_reshuffled(shards: Path) -> None:
    batches = Batches(shards, batch_rows=4, seed=0)
    first = [batches.at(i) for i in range(batches.rows // 4)]
    rows = np.load(shards / shard_name("train", 0))
    assert torch.equal(first[0], torch.from_numpy(rows[:4].astype(np.int64)))
    later = Batches(shards, batch_rows=4, seed=0).at(batches.rows // 4 + 1)
    assert not torch.equal(later, first[1])


def test_what_does_not_fit_is_named(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no manifest\.json; run `tabwright data build` first"):
        loop.train(_config(1), tmp_path, tmp_path / "run", console=QUIET)
    loop.train(_config(1), shards, tmp_path / "run", console=QUIET)
    with pytest.raises(ConfigError, match="was started with batch_rows=4, not 8"):
        loop.train(replace(_config(2), batch_rows=8), shards, tmp_path / "run", console=QUIET)
    (tmp_path / "run" / "state.pt").write_bytes(b"half a state")
    with pytest.raises(ModelError, match=r"state\.pt is damaged"):
        loop.train(_config(1), shards, tmp_path / "run", console=QUIET)


def test_a_shard_that_is_none_is_named(shards: Path, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "shards"
    shutil.copytree(shards, broken)
    (broken / shard_name("train", 0)).write_bytes(b"not an array")
    with pytest.raises(
        DataError, match=r"train-000\.npy is not a token shard; delete it|is not a token shard"
    ):
        loop.train(_config(1), broken, tmp_path / "run", console=QUIET)
    (broken / shard_name("train", 0)).unlink()
    with pytest.raises(DataError, match=r"there is no shard .*train-000\.npy"):
        loop.train(_config(1), broken, tmp_path / "run", console=QUIET)


def test_other_shards_are_refused_on_resuming(shards: Path, tmp_path: Path) -> None:
    import shutil

    loop.train(_config(1), shards, tmp_path / "run", console=QUIET)
    other = tmp_path / "shards"
    shutil.copytree(shards, other)
    manifest = json.loads((other / MANIFEST).read_text(encoding="utf-8"))
    (other / MANIFEST).write_text(json.dumps({**manifest, "fingerprint": "e" * 64}), encoding="utf-8")
    with pytest.raises(DataError, match=r"was trained on other shards than .* say --new-data"):
        loop.train(_config(2), other, tmp_path / "run", console=QUIET)


def test_a_run_goes_on_with_new_shards_from_their_first_row(shards: Path, tmp_path: Path) -> None:
    """Also when it is stopped again; the record names both corpora and the licences of both."""
    import shutil

    out, other = tmp_path / "run", tmp_path / "shards"
    loop.train(_config(2), shards, out, console=QUIET)
    shutil.copytree(shards, other)
    manifest = json.loads((other / MANIFEST).read_text(encoding="utf-8"))
    before = read_manifest(shards)["corpus"]
    manifest["corpus"]["licenses"] = ["CC0-1.0"]
    (other / MANIFEST).write_text(json.dumps({**manifest, "fingerprint": "e" * 64}), encoding="utf-8")
    read: list[int] = []
    for steps in (3, 4):
        run = loop._Run(_config(steps), other, out, QUIET, new_data=steps == 3)
        run.batches.at = lambda step, real=run.batches.at: (read.append(step), real(step))[1]  # type: ignore[method-assign]
        run.go()
        run.save()
    assert read == [0, 1]
    corpus = json.loads((run.finish() / "training.json").read_text(encoding="utf-8"))["corpus"]
    assert corpus["licenses"] == sorted({"CC0-1.0", *before["licenses"]})
    assert corpus["earlier"] == [{"corpus": before, "until_step": 2}]


def test_shards_of_another_tokenizer_are_refused_even_as_new_data(shards: Path, tmp_path: Path) -> None:
    run = loop._Run(_config(1), shards, tmp_path / "run", QUIET)
    run.go()
    state = tmp_path / "run" / "state.pt"
    saved = torch.load(state, weights_only=True)
    torch.save({**saved, "tokenizer": "f" * 64}, state)
    with pytest.raises(DataError, match="with another tokenizer"):
        loop.train(_config(2), shards, tmp_path / "run", new_data=True, console=QUIET)


def test_a_gradient_that_is_not_finite_leaves_weights_and_state_sound(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = loop._Run(_config(4), shards, tmp_path / "run", QUIET)
    before = {n: w.detach().clone() for n, w in run.network.named_parameters()}
    run.network.model.norm.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(
        DataError, match=r"not finite at step 1; start the same command again with --rate 0\.5"
    ):
        run.go()
    assert all(torch.equal(before[n], w) for n, w in run.network.named_parameters())


def test_a_run_killed_before_its_first_save_starts_its_history_again(shards: Path, tmp_path: Path) -> None:
    run = loop._Run(_config(9), shards, tmp_path / "run", QUIET)
    (tmp_path / "run" / "metrics.jsonl").write_text('{"step": 1, "tokens": 5}\n{"step": 2', encoding="utf-8")
    assert run.step == 0
    loop.train(_config(3), shards, tmp_path / "run", console=QUIET)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]
