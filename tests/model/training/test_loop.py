"""A real run at toy size: it learns, goes on bit for bit where it stopped, and mends a rise of its loss."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from model.errors import ConfigError, DataError, ModelError
from model.shards import FUNCTIONS, MANIFEST, read_manifest, shard_name, write_shard
from model.tokenizer import Tokenizer
from model.training import learner, loop, metrics, plot, spikes, utilization
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
    write_shard(folder / shard_name(FUNCTIONS, 0), rows[8:24, ::-1].copy())
    (folder / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8", newline="\n")
    manifest = {
        "fingerprint": "f" * 64,
        "config": {"epochs": 1, "holes": {"neighbours": 0.0}},
        "tokenizer": {"sha256": tokenizer.sha256},
        "corpus": {"language": "python", "licenses": ["MIT"]},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on every machine: where the processor multiplies bfloat16, training would, and round by more.

    Measuring the peak and drawing the curve take most of a test's time.
    """
    monkeypatch.setattr(learner, "has_fast_bfloat16", lambda device: False)
    monkeypatch.setattr(utilization, "measured", lambda device, dtype: 1e11)
    monkeypatch.setattr(loop, "draw_curve", lambda lines, path: None)


def _config(steps: int, **changes: Any) -> TrainConfig:
    """The toy run with no more than what a test is about."""
    plain = {"ema": 0.0, "end_weight": 1.0, "dropout": 0.0, "fake_quantize": 0.0, "cooldown": 0.0}
    return replace(toy(steps), **(plain | changes))


# All that has a state of its own; the last three of six steps read function tasks, the last two round.
FULL: dict[str, Any] = {
    "ema": 0.8, "end_weight": 3.0, "dropout": 0.2, "last_phase": 0.5, "fake_quantize": 0.34
}  # fmt: skip


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_the_loss_falls_and_the_record_says_what_was_done(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "draw_curve", plot.draw_curve)
    folder = loop.train(_config(30), shards, tmp_path / "run", console=QUIET)
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    losses = [m["train_loss"] for m in record["curve"]]
    assert losses[-1] < losses[0] - 0.5
    assert record["tokens_seen"] == 30 * 4 * 63
    assert record["validation"]["bits_per_byte"] > 0
    assert (tmp_path / "run" / "curve.png").stat().st_size > 5000


class _StoppedError(Exception):
    """As if the process had been killed."""


def _train_in_pieces(config: TrainConfig, shards: Path, out: Path, *stops: int) -> Path:
    """Train with a stop in the middle of each of these steps, as a kill does; saved after every step."""
    patch = pytest.MonkeyPatch()
    real = loop._Run._one_step
    for stop in stops:

        def dies(self: loop._Run, stop: int = stop) -> tuple[float, int]:
            if self.step == stop:
                raise _StoppedError
            return real(self)

        with patch.context() as patched:
            patched.setattr(loop._Run, "_one_step", dies)
            with pytest.raises(_StoppedError):
                loop.train(replace(config, save_minutes=-1.0), shards, out, console=QUIET)
    return loop.train(config, shards, out, console=QUIET)


def _equal(one: Any, other: Any) -> bool:
    """Of states: tensors bit for bit, and all that holds them."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


@pytest.mark.parametrize(
    ("changes", "stops", "bfloat16"),
    [
        ({}, (3,), False),
        (FULL, (2, 4, 5), False),
        ({**FULL, "optimizer": "adamw", "micro_rows": 2}, (3,), False),
        (FULL, (3,), True),
    ],
    ids=["plain", "full-recipe", "full-recipe-adamw", "full-recipe-bfloat16"],
)
def test_a_stopped_run_goes_on_bit_for_bit(
    shards: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    stops: tuple[int, ...],
    bfloat16: bool,
) -> None:
    """Weights, average, moments of the optimisers, random state, order of the rows: all that is saved."""
    monkeypatch.setattr(learner, "has_fast_bfloat16", lambda device: bfloat16)
    config = _config(6, **changes)
    whole = _weights(loop.train(config, shards, tmp_path / "whole", console=QUIET))
    resumed = _weights(_train_in_pieces(config, shards, tmp_path / "cut", *stops))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    states = [torch.load(tmp_path / run / "state.pt", weights_only=True) for run in ("whole", "cut")]
    for state in states:
        del state["seconds"]
    assert ("average" in states[0]) == ("ema" in changes)
    for name in states[0]:
        assert _equal(states[0][name], states[1][name]), name
    assert [line["step"] for line in metrics.read(tmp_path / "cut")] == list(range(1, 7))


def test_a_state_of_before_goes_on(shards: Path, tmp_path: Path) -> None:
    """It has no average, no losses, one random state, and a config without the newer settings."""
    whole = _weights(loop.train(_config(6), shards, tmp_path / "whole", console=QUIET))
    run = loop._Run(_config(6), shards, tmp_path / "run", QUIET)
    for run.step in range(3):
        run._one_step()
    run.step = 3
    run.save()
    path = tmp_path / "run" / "state.pt"
    state = torch.load(path, weights_only=True)
    config = json.loads(state["config"])
    for name in ("ema", "end_weight", "dropout", "last_phase", "last_phase_share", "fake_quantize", "spike"):
        del config[name]
    state |= {"config": json.dumps(config), "rng": state["random"][0]["cpu"]}
    for name in ("random", "losses", "skips", "rollbacks"):
        del state[name]
    torch.save(state, path)
    resumed = _weights(loop.train(_config(6), shards, tmp_path / "run", console=QUIET))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_average_is_what_is_released_and_validated(shards: Path, tmp_path: Path) -> None:
    folder = loop.train(_config(6, ema=0.5), shards, tmp_path / "run", console=QUIET)
    released = _weights(folder)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert all(torch.equal(released[name], state["average"][name]) for name in state["average"])
    assert not torch.equal(state["average"]["model.norm.weight"], state["network"]["model.norm.weight"])
    validation = json.loads((folder / "training.json").read_text(encoding="utf-8"))["validation"]
    assert validation["valid_loss"] != validation["last_weights_loss"]
    plain = loop.train(_config(6), shards, tmp_path / "plain", console=QUIET)
    last = json.loads((plain / "training.json").read_text(encoding="utf-8"))["validation"]
    assert validation["last_weights_loss"] == last["valid_loss"]  # averaging changes nothing else


def test_an_average_may_begin_late(shards: Path, tmp_path: Path) -> None:
    loop.train(_config(3), shards, tmp_path / "run", console=QUIET)
    before = torch.load(tmp_path / "run" / "state.pt", weights_only=True)["network"]
    run = loop._Run(_config(5, ema=0.9), shards, tmp_path / "run", QUIET)
    average = run.learner.state()["average"]
    assert all(torch.equal(average[name], before[name]) for name in average)


def test_the_toy_run_rehearses_the_recipe_and_leaves_a_stock_checkpoint(shards: Path, tmp_path: Path) -> None:
    """Dropout, average, weighted end, 8 bits; the folder is that of a plain run, name for name."""
    out = io.StringIO()
    folder = loop.train(toy(20), shards, tmp_path / "run", console=Console(file=out, width=120))
    shown = out.getvalue().splitlines()
    assert sum("rounding to 8 bits" in line for line in shown) == 1
    assert sum(line.startswith("step ") for line in shown) <= 4
    plain = loop.train(_config(1), shards, tmp_path / "plain", console=QUIET)
    assert _weights(folder).keys() == _weights(plain).keys()
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in plain.iterdir())
    a, b = ((f / "config.json").read_text(encoding="utf-8") for f in (folder, plain))
    assert a == b


def test_function_tasks_are_read_in_the_last_phase_only(shards: Path, tmp_path: Path) -> None:
    tasks = {row.tobytes() for row in np.load(shards / shard_name(FUNCTIONS, 0)).astype(np.int64)}
    run = loop._Run(_config(4, last_phase=0.5, last_phase_share=0.5), shards, tmp_path / "run", QUIET)
    read = [[row.numpy().tobytes() in tasks for row in run.batches.at(step)] for step in range(4)]
    assert [sum(step) for step in read] == [0, 0, 2, 2]


def _spoiled(run: loop._Run, *positions: int) -> list[int]:
    """Make some batches of a run ones that no network could have learned from; returns what is read."""
    read: list[int] = []
    real = run.learner.step

    def step(rows: torch.Tensor, rate: float) -> tuple[float, int]:
        read.append(run.course.position(run.step))
        loss, targets = real(rows, rate)
        return (loss + 20 if read[-1] in positions else loss), targets

    run.learner.step = step  # type: ignore[method-assign]
    return read


def test_a_run_goes_back_before_a_rise_and_leaves_its_batches_out(shards: Path, tmp_path: Path) -> None:
    config = _config(40, save_minutes=-1.0, valid_every=100, ema=0.9)
    console = Console(file=io.StringIO(), width=200)
    run = loop._Run(config, shards, tmp_path / "run", console)
    # Saved seldom, as in earnest: every step's state would be from within the margin.
    saves, save = [], run.save
    run.save = lambda **kinds: save(**kinds) if kinds or run.step in (10, 20, 40) else None  # type: ignore[method-assign]
    saves.append(run)
    read = _spoiled(run, 32, 33, 34)
    run.go()
    assert read[:35] == list(range(35))
    assert read[35:] == [*range(20, 31), *range(35, 44)]
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "back to step 20, and 4 batches from step 32 on are left out" in " ".join(shown.split())
    lines = metrics.read(tmp_path / "run")
    assert [line["step"] for line in lines] == list(range(1, 41))
    assert {line["step"]: line["skipped_batches"] for line in lines if "skipped_batches" in line} == {32: 4}
    assert max(line["train_loss"] for line in lines) < 15
    record = json.loads((run.finish() / "training.json").read_text(encoding="utf-8"))
    (event,) = record["rollbacks"]
    assert (event["rise_at_step"], event["seen_at_step"], event["back_to_step"]) == (33, 35, 20)


def test_a_run_stopped_after_going_back_leaves_the_same_batches_out(shards: Path, tmp_path: Path) -> None:
    run = loop._Run(_config(40, valid_every=100), shards, tmp_path / "run", QUIET)
    run.learner.validate = lambda rows: {"valid_loss": 1.0}  # type: ignore[method-assign]
    for _ in range(30):
        run.watch.risen(run._one_step()[0])
        run.step += 1
    run.save()
    _spoiled(run, 33, 34, 35)
    real = run._one_step

    def dies() -> tuple[float, int]:
        if run.course.skips and run.step == 34:
            raise _StoppedError
        return real()

    run._one_step = dies  # type: ignore[method-assign]
    with pytest.raises(_StoppedError):
        run.go()
    resumed = loop._Run(_config(40, valid_every=100), shards, tmp_path / "run", QUIET)
    assert resumed.step == 30
    read = _spoiled(resumed)
    resumed.go()
    assert read == [30, 31, *range(36, 44)]


def test_a_loss_that_keeps_rising_ends_in_one_sentence(shards: Path, tmp_path: Path) -> None:
    run = loop._Run(_config(60), shards, tmp_path / "run", QUIET)
    for _ in range(30):
        run.watch.risen(run._one_step()[0])
        run.step += 1
    run.save()
    _spoiled(run, *range(33, 1000))
    with pytest.raises(
        DataError, match=r"rose to .* at step \d+ after going back 3 times; start .* --rate 0\.5"
    ):
        run.go()
    assert run.gone_back == spikes.LIMIT


def test_a_gradient_that_is_not_finite_once_is_gone_back_from(shards: Path, tmp_path: Path) -> None:
    """The weights that follow are those of a run that never read that batch."""
    run = loop._Run(_config(4, save_minutes=-1.0), shards, tmp_path / "run", QUIET)
    norm, batches = run.learner.network.model.norm.weight, []
    norm.register_hook(lambda g: g * float("nan") if run.course.position(run.step) == 2 else g)
    run.go()
    other = loop._Run(_config(4), shards, tmp_path / "other", QUIET)
    real = other.batches.at
    other.batches.at = lambda step, *ranks: real(batches.append(step) or step + (step >= 2), *ranks)  # type: ignore[method-assign, func-returns-value]
    other.go()
    a, b = (
        torch.load(tmp_path / name / "state.pt", weights_only=True)["network"] for name in ("run", "other")
    )
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_utilization_is_operations_done_over_operations_possible(shards: Path, tmp_path: Path) -> None:
    folder = loop.train(_config(3), shards, tmp_path / "run", console=QUIET)
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    use = record["model_flop_utilization"]
    assert use["peak"]["flops"] == 1e11
    per_token = record["flops"] / record["tokens_seen"]
    for line in metrics.read(tmp_path / "run"):
        assert line["mfu"] == pytest.approx(line["tokens_per_second"] * per_token / 1e11, rel=0.02, abs=1e-4)
    assert 0 < use["median_of_steps"] < 1


def test_the_peak_is_measured_once_a_run(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(utilization, "measured", lambda device, dtype: asked.append(1) or 1e11)
    for steps in (1, 2):
        loop.train(_config(steps), shards, tmp_path / "run", console=QUIET)
    assert len(asked) == 1


def test_micro_batches_change_nothing_but_rounding(shards: Path, tmp_path: Path) -> None:
    one = _weights(loop.train(_config(3), shards, tmp_path / "one", console=QUIET))
    two = _weights(loop.train(_config(3, micro_rows=2), shards, tmp_path / "two", console=QUIET))
    assert all(torch.allclose(one[n], two[n], atol=1e-4) for n in one)


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
        run.batches.at = lambda step, *ranks, real=run.batches.at: (read.append(step), real(step, *ranks))[1]  # type: ignore[method-assign]
        run.go()
        run.save()
    assert read == [0, 1]
    corpus = json.loads((run.finish() / "training.json").read_text(encoding="utf-8"))["corpus"]
    assert corpus["licenses"] == sorted({"CC0-1.0", *before["licenses"]})
    (earlier,) = corpus["earlier"]
    assert (earlier["corpus"], earlier["until_step"]) == (before, 2)
    assert earlier["recipe"]["steps"] == 2


def test_shards_of_another_tokenizer_are_refused_even_as_new_data(shards: Path, tmp_path: Path) -> None:
    run = loop._Run(_config(1), shards, tmp_path / "run", QUIET)
    run.go()
    state = tmp_path / "run" / "state.pt"
    saved = torch.load(state, weights_only=True)
    torch.save({**saved, "tokenizer": "f" * 64}, state)
    with pytest.raises(DataError, match="with another tokenizer"):
        loop.train(_config(2), shards, tmp_path / "run", new_data=True, console=QUIET)


def test_a_gradient_that_is_not_finite_leaves_weights_and_state_sound(shards: Path, tmp_path: Path) -> None:
    run = loop._Run(_config(4), shards, tmp_path / "run", QUIET)
    before = {n: w.detach().clone() for n, w in run.learner.weights.items()}
    run.learner.network.model.norm.weight.register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(
        DataError, match=r"not finite at step 1; start the same command again with --rate 0\.5"
    ):
        run.go()
    assert all(torch.equal(before[n], w) for n, w in run.learner.weights.items())


def test_a_run_killed_before_its_first_save_starts_its_history_again(shards: Path, tmp_path: Path) -> None:
    run = loop._Run(_config(9), shards, tmp_path / "run", QUIET)
    (tmp_path / "run" / "metrics.jsonl").write_text('{"step": 1, "tokens": 5}\n{"step": 2', encoding="utf-8")
    assert run.step == 0
    loop.train(_config(3), shards, tmp_path / "run", console=QUIET)
    lines = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]
