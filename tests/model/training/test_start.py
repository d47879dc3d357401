"""A run that begins with a finished model: it computes as that model does, and its record forgets nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from model.errors import ConfigError, DataError, ModelError
from model.export.master import read_master, read_start
from model.export.write import export
from model.serving.release import META, file_sha256, read_meta
from model.shards import MANIFEST, shard_name, write_shard
from model.tokenizer import Tokenizer
from model.training import loop, utilization
from model.training.config import TrainConfig, toy

QUIET = Console(quiet=True)
PROJECTS = {"train": ["shop"], "validation": ["bank"], "test": ["club"]}


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Any:
    """Measuring the peak and drawing the curve take most of a test's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utilization, "measured", lambda device, dtype: 1e11)
        patch.setattr(loop, "draw_curve", lambda lines, path: None)
        yield


@pytest.fixture(scope="module")
def make_shards(tokenizer: Tokenizer, source: str) -> Callable[..., Path]:
    def make(folder: Path, *, length: int = 64, licenses: list[str], projects: dict[str, list[str]]) -> Path:
        ids = tokenizer.encode(source)
        rows = np.array(ids[: len(ids) // length * length], np.uint16).reshape(-1, length)
        write_shard(folder / shard_name("train", 0), rows[:-8])
        write_shard(folder / shard_name("validation", 0), rows[-8:])
        (folder / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8", newline="\n")
        manifest = {
            "fingerprint": "f" * 64,
            "config": {"epochs": 1, "holes": {"neighbours": 0.0}},
            "tokenizer": {"sha256": tokenizer.sha256},
            "corpus": {"languages": ["python"], "licenses": licenses, "projects": projects},
        }
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        return folder

    return make


@pytest.fixture(scope="module")
def shards(make_shards: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("shards"), licenses=["MIT"], projects=PROJECTS)


@pytest.fixture(scope="module")
def mine(make_shards: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody's own code, in shorter rows."""
    return make_shards(
        tmp_path_factory.mktemp("mine"),
        length=48,
        licenses=["LicenseRef-Private"],
        projects={"train": ["ours"], "validation": ["ours-too"], "test": []},
    )


def config(steps: int, **changes: Any) -> TrainConfig:
    plain = {"ema": 0.0, "end_weight": 1.0, "dropout": 0.0, "fake_quantize": 0.0, "cooldown": 0.0}
    return replace(toy(steps), **(plain | changes))


@pytest.fixture(scope="module")
def model(shards: Path, rows: list[list[int]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in eight bits, as they are released."""
    folder = tmp_path_factory.mktemp("model")
    checkpoint = loop.train(config(12), shards, folder / "run", console=QUIET)
    short = [row[:64] for row in rows]
    export(checkpoint, folder / "release", name="base", rows=short, variant="int8", calibration=short)
    return folder / "release"


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_the_first_weights_are_those_of_the_model(
    model: Path, mine: Path, tmp_path: Path, ema: float
) -> None:
    """The average's too; the shape is the model's whatever the preset says."""
    other = replace(config(1, ema=ema), shape=replace(toy().shape, layers=1))
    run = loop._Run(other, mine, tmp_path / "run", QUIET, start=read_start(model))
    _, expected = read_master(model)
    for weights in (run.learner.network.state_dict(), run.learner.released().state_dict()):
        for name, values in expected.items():
            assert torch.equal(weights[name], torch.tensor(values)), name


def test_the_loss_of_the_first_step_is_the_models(model: Path, shards: Path, tmp_path: Path) -> None:
    fresh = loop._Run(config(1), shards, tmp_path / "fresh", QUIET)
    begun = loop._Run(config(1), shards, tmp_path / "begun", QUIET, start=read_start(model))
    record = read_meta(model)["validation"]
    assert begun.evaluate()["valid_loss"] == pytest.approx(record["valid_loss"], rel=0.02)  # eight bits
    assert fresh.evaluate()["valid_loss"] > record["valid_loss"] + 0.3


def test_the_record_says_what_it_began_with_and_what_that_had_read(
    model: Path, mine: Path, rows: list[list[int]], tmp_path: Path
) -> None:
    folder = loop.train(config(2), mine, tmp_path / "run", start=read_start(model), console=QUIET)
    export(folder, tmp_path / "out", name="ours", rows=[row[:48] for row in rows])
    meta = read_meta(tmp_path / "out")
    base = meta["began_with"]
    assert (base["name"], base["checksum"]) == ("base", file_sha256(model / META))
    assert base["tokens_seen"] == read_meta(model)["tokens_seen"]
    assert base["corpus"]["projects"] == PROJECTS
    assert meta["licenses"] == ["LicenseRef-Private", "MIT"]
    assert meta["tokens_seen"] == 2 * 4 * 47, "its own"


def test_it_goes_on_with_the_same_command_and_with_no_other_model(
    model: Path, mine: Path, rows: list[list[int]], tmp_path: Path
) -> None:
    start = read_start(model)
    out = tmp_path / "run"
    loop.train(config(2), mine, out, start=start, console=QUIET)
    folder = loop.train(config(4), mine, out, start=start, console=QUIET)
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert [line["step"] for line in record["curve"]] == [1, 2, 3, 4]
    assert record["began_with"]["name"] == "base"
    other = replace(start, facts={**start.facts, "checksum": "0" * 64})
    with pytest.raises(ConfigError, match=r"began with base, not with .*leave out --init"):
        loop.train(config(4), mine, out, start=other, console=QUIET)
    loop.train(config(1), mine, tmp_path / "fresh", console=QUIET)
    with pytest.raises(ConfigError, match="began with fresh weights"):
        loop.train(config(1), mine, tmp_path / "fresh", start=start, console=QUIET)


def test_shards_that_the_model_cannot_read_are_refused_before_any_work(
    model: Path, shards: Path, tmp_path: Path, make_shards: Callable[..., Path]
) -> None:
    start = read_start(model)
    with pytest.raises(ConfigError, match=r"another tokenizer.*--tokenizer"):
        loop.train(
            config(1), shards, tmp_path / "a", start=replace(start, tokenizer_sha256="0" * 64), console=QUIET
        )
    with pytest.raises(ConfigError, match=r"have 64 tokens.*--length 32"):
        loop.train(config(1), shards, tmp_path / "b", start=replace(start, positions=32), console=QUIET)
    held_out = {"train": ["ours"], "validation": ["shop"], "test": []}
    others = make_shards(tmp_path / "held", licenses=["MIT"], projects=held_out)
    with pytest.raises(DataError, match="holds out shop"):
        loop.train(config(1), others, tmp_path / "c", start=start, console=QUIET)


def test_a_network_that_is_not_trained_here_is_refused(release_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"differs in epsilon, rope_theta, tied"):
        read_start(release_folder)


def test_people_are_told_what_it_began_with(model: Path, tmp_path: Path) -> None:
    from model.serving.card import describe

    assert describe(model).began_with is None
    folder = tmp_path / "ours"
    shutil.copytree(model, folder)
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    meta["began_with"] = read_start(model).facts
    (folder / META).write_text(json.dumps(meta), encoding="utf-8")
    assert describe(folder).began_with == f"base, sha256 {file_sha256(model / META)}"
    for strange in ("base", {"name": ["base"]}, [], 1):
        meta["began_with"] = strange
        (folder / META).write_text(json.dumps(meta), encoding="utf-8")
        assert describe(folder).began_with is None
