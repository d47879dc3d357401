"""Two real processes of torchrun take the steps that one would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for command_here.py and plain_training.py

import command_here
import plain_training

from model.shards import MANIFEST, shard_name, write_shard
from model.tokenizer import Tokenizer

# Each process of torchrun imports torch and transformers.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
STEPS = 8
# Without what is random, which two processes draw differently, and without what a millionth can tip: 8 bits.
PLAIN = ("--set", "dropout=0", "--set", "fake_quantize=0", "--set", "cooldown=0")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer, source_texts: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    ids = tokenizer.encode("\n".join(source_texts[:8]))[: 64 * 80]
    rows = np.array(ids, np.uint16).reshape(-1, 64)
    rows[::5, 40:] = tokenizer.fim_pad  # processes have different numbers of targets
    write_shard(folder / shard_name("train", 0), rows[:-7])
    write_shard(folder / shard_name("validation", 0), rows[-7:])  # no even number
    (folder / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8", newline="\n")
    manifest = {
        "fingerprint": "f" * 64,
        "config": {"epochs": 1, "holes": {"neighbours": 0.0}},
        "tokenizer": {"sha256": tokenizer.sha256},
        "corpus": {"languages": ["python"], "licenses": ["MIT"]},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _arguments(shards: Path, out: Path, *options: str, steps: int = STEPS) -> list[str]:
    return [
        "--preset",
        "toy",
        "--data",
        str(shards),
        "--out",
        str(out),
        "--steps",
        str(steps),
        *PLAIN,
        *options,
    ]


def _train(shards: Path, out: Path, *options: str, steps: int = STEPS, fails: bool = False) -> str:
    """Run the real command in this process, which has torch loaded; what it said."""
    with plain_training.plain():
        done = command_here.run(ROOT, "train", *_arguments(shards, out, *options, steps=steps))
    assert (done.returncode != 0) == fails, done
    return done.stdout + done.stderr


def _train_by_two(shards: Path, out: Path, *options: str, steps: int = STEPS) -> str:
    """Run the real command in two processes of torchrun; what they said."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    with subprocess.Popen(
        [*start, plain_training.__file__, *_arguments(shards, out, *options, steps=steps)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            shown, _ = process.communicate(timeout=280)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # with those that torchrun started
            raise
    assert process.returncode == 0, shown
    return shown


def _losses(out: Path) -> list[float]:
    lines = (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, len(lines) + 1))
    return [json.loads(line)["train_loss"] for line in lines]


def _assert_same(one: Path, other: Path) -> None:
    """Losses, validation and the released weights, up to the order of sums."""
    from safetensors.torch import load_file

    assert _losses(one) == pytest.approx(_losses(other), abs=2e-3)
    records = [json.loads((run / "checkpoint" / "training.json").read_text("utf-8")) for run in (one, other)]
    assert records[0]["tokens_seen"] == records[1]["tokens_seen"]
    assert records[0]["validation"] == pytest.approx(records[1]["validation"], abs=2e-3)
    weights = [load_file(run / "checkpoint" / "model.safetensors") for run in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    for name in weights[0]:
        assert weights[0][name].numpy() == pytest.approx(weights[1][name].numpy(), abs=2e-3), name


@pytest.fixture(scope="module")
def alone(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "run"
    _train(shards, out)
    return out


def test_two_processes_with_copies_train_as_one_and_one_goes_on_from_them(
    shards: Path, alone: Path, tmp_path: Path
) -> None:
    """The latter with momentum, moments and average of all weights. Gradients are accumulated on the way."""
    out = tmp_path / "run"
    shown = _train_by_two(shards, out, "--parallel", "ddp", "--set", "micro_rows=1", steps=5)
    assert shown.count("cpu x 2 (ddp)") == 1  # one process speaks
    assert "resuming at step 5 of 8" in _train(shards, out)
    _assert_same(alone, out)


def test_two_processes_with_shards_train_as_one_and_go_on_from_one(
    shards: Path, alone: Path, tmp_path: Path
) -> None:
    """Begun by two, continued by one, ended by two."""
    out, sharded = tmp_path / "run", ("--parallel", "fsdp", "--set", "micro_rows=1")
    assert _train_by_two(shards, out, *sharded, steps=3).count("cpu x 2 (fsdp)") == 1
    assert "resuming at step 3 of 5" in _train(shards, out, steps=5)
    assert "resuming at step 5 of 8" in _train_by_two(shards, out, *sharded)
    _assert_same(alone, out)


def test_how_processes_are_started_must_fit_what_they_are_told(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = _train(shards, tmp_path / "run", "--parallel", "fsdp", fails=True)
    assert "`torchrun --nproc-per-node 2 tabwright.py train --parallel fsdp`" in shown
    assert "there is no --parallel 'tp'; use none, ddp, fsdp" in _train(
        shards, tmp_path / "run", "--parallel", "tp", fails=True
    )
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "0"), ("LOCAL_RANK", "0")):  # as torchrun does
        monkeypatch.setenv(name, value)
    assert "add --parallel ddp or fsdp" in _train(shards, tmp_path / "run", fails=True)
