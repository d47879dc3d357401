"""Trials run in processes of their own, each once, and a stopped plan goes on where it was."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from data_pipeline import steps
from data_pipeline.clean import documents_file
from data_pipeline.document import Document
from data_pipeline.store import read_documents, write_documents
from eval.experiments import places, plan
from eval.experiments.data import build_shards, take_sample
from eval.experiments.plan import PlaceOptions, SampleOptions
from eval.experiments.run import RESULTS, _jobs, run
from eval.experiments.trial import result_of
from model.errors import DataError
from model.shards import read_shard, shard_name
from model.tokenizer import Tokenizer

ROOT = Path(__file__).parents[2]
PROJECTS = {"one": "data_pipeline", "two": "lsp_server", "three": "model/serving"}
CONTENT: dict[str, Any] = {
    "name": "toy",
    "sample": {"megabytes": 3},
    "places": {"files": 6},
    "base": {
        "shape": {"width": 32, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 48, "head_dim": 16},
        "training": {"steps": 2, "batch_rows": 2, "micro_rows": 2, "valid_rows": 2, "compile": False},
        "data": {"vocabulary": 400, "length": 128, "functions": False},
        "seeds": [0],
    },
    "comparisons": [
        {"name": "decay", "question": "?", "variants": {"much": {"training": {"weight_decay": 0.5}}}}
    ],
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build leaves of this project's own files: four training projects, one for validation."""
    folder = tmp_path_factory.mktemp("corpus") / "clean"
    large = [replace(one, text=one.text * 30) for one in _documents("large", "data_pipeline")]
    write_documents(
        documents_file(folder, "train"),
        [*large, *(one for name in sorted(PROJECTS) for one in _documents(name, PROJECTS[name]))],
    )
    write_documents(documents_file(folder, "validation"), _documents("held-out", "eval"))
    projects = {name: {"split": "train", "license": "MIT"} for name in ("large", *PROJECTS)}
    record = {
        "fingerprint": "f",
        "languages": {"python": {}},
        **{name: {} for name in ("kept", "dropped", "overlaps", "redactions")},
        "projects": {**projects, "held-out": {"split": "validation", "license": "MIT"}},
    }
    (folder / "clean.json").write_text(json.dumps(record), encoding="utf-8")
    return folder.parent


def _documents(project: str, folder: str) -> list[Document]:
    return [
        Document(
            id=f"{project}/{path.name}",
            text=path.read_text(encoding="utf-8"),
            path=path.name,
            language="python",
            repo=project,
            license="MIT",
        )
        for path in sorted((ROOT / folder).glob("*.py"))
        if path.stat().st_size > 200
    ][:8]


@pytest.fixture
def toy(tmp_path: Path) -> plan.Plan:
    path = tmp_path / "toy.json"
    path.write_text(json.dumps(CONTENT), encoding="utf-8")
    return plan.read(path)


def _trials(out: Path) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((out / RESULTS).read_text(encoding="utf-8"))["trials"]
    return found


def test_the_sample_is_of_whole_projects_and_none_is_most_of_it(corpus: Path, tmp_path: Path) -> None:
    sample = take_sample(corpus, tmp_path, SampleOptions(megabytes=3))
    found = list(read_documents(documents_file(sample.folder, "train")))
    assert {one.repo for one in found} == set(PROJECTS), "without the large one"
    assert len(found) == sum(len(_documents(name, PROJECTS[name])) for name in PROJECTS)
    assert take_sample(corpus, tmp_path, SampleOptions(megabytes=3)).record == sample.record
    with pytest.raises(DataError, match=r"clean\.json cannot be read .* give --corpus the folder of"):
        take_sample(tmp_path, tmp_path, SampleOptions())


def test_places_are_drawn_once_with_neighbours_and_bodies_and_come_back(corpus: Path, tmp_path: Path) -> None:
    options = PlaceOptions(files=6)
    path = places.draw(corpus, tmp_path, options, 512)
    before = path.stat().st_mtime_ns
    assert places.draw(corpus, tmp_path, options, 512).stat().st_mtime_ns == before
    found = places.read(path)
    texts = {one.path: one.text for one in _documents("held-out", "eval")}
    assert {one.file for one in found.texts["middles"]} == set(range(6))
    assert any(one.example.hole.neighbours for one in found.texts["middles"])
    assert found.texts["bodies"]
    assert not any(one.example.hole.neighbours for one in found.texts["alone"])
    assert [a.example.middle for a in found.texts["alone"]] == [
        m.example.middle for m in found.texts["middles"]
    ]
    for one in found.texts["middles"]:
        hole, middle = one.example.hole, one.example.middle
        assert texts[hole.path].startswith(hole.prefix + middle)
        assert 0 < len(middle) <= options.longest_middle
        assert hole.path not in [snippet.path for snippet in hole.neighbours]
    for one in found.texts["beginnings"]:
        assert texts[one.example.hole.path].startswith(one.example.middle)
        assert not one.example.ends


def test_shards_are_those_of_the_variant_and_made_once(corpus: Path, tmp_path: Path, toy: plan.Plan) -> None:
    sample = take_sample(corpus, tmp_path, toy.sample)
    base = toy.base.settings
    folder = build_shards(base, 0, sample, tmp_path)
    stamp = (folder / shard_name("train", 0)).stat().st_mtime_ns
    assert build_shards(base.changed({"training": {"steps": 9}}), 0, sample, tmp_path) == folder
    assert (folder / shard_name("train", 0)).stat().st_mtime_ns == stamp
    assert read_shard(folder / shard_name("train", 0)).shape[1] == 128
    assert not (folder / shard_name("functions", 0)).exists()
    across = build_shards(base.changed({"tokenizer": {"across_spaces": True}}), 0, sample, tmp_path)
    assert any(b" " in one.strip() for one in Tokenizer.load(across / "tokenizer.json").token_bytes)
    assert build_shards(base, 1, sample, tmp_path) != folder


def test_each_trial_is_done_once_and_a_stopped_plan_goes_on(
    corpus: Path, tmp_path: Path, toy: plan.Plan
) -> None:
    out, console = tmp_path / "out", Console(quiet=True)
    run(toy, corpus, out, limit=1, console=console)
    (first,) = _trials(out)
    assert (first["comparison"], first["seed"]) == ("base", 0)
    assert 300 < first["tokens"] <= 2 * 2 * 127
    for what in ("middles", "bodies", "beginnings"):
        measured = first["measured"][what]
        assert 3 < sum(measured["bits"]) / sum(measured["bytes"]) < 12
    assert not list(out.glob("trials/*/train/state.pt")), "what only resuming needs is gone"
    (result,) = out.glob("trials/*/result.json")
    stamp = result.stat().st_mtime_ns
    alone = replace(toy, comparisons=())
    assert run(alone, corpus, out, console=console).read_text(encoding="utf-8").startswith("## Experiments")
    assert result.stat().st_mtime_ns == stamp
    other = alone.base.settings.changed({"training": {"steps": 3}})
    again = _jobs(replace(alone, base=replace(alone.base, settings=other)), corpus, out, 1, console)
    assert [result_of(job) for job in again] == [None], "another setting is another trial"


def test_a_failing_trial_names_its_log(corpus: Path, tmp_path: Path, toy: plan.Plan) -> None:
    out = tmp_path / "out"
    steps.write_text(out / "tokenizers", "in the way of a folder")
    with pytest.raises(DataError, match=r"1 of 1 trials failed; .*base-base-0-.*log\.txt says why") as error:
        run(replace(toy, comparisons=()), corpus, out, console=Console(quiet=True))
    log = Path(str(error.value).partition("failed; ")[2].partition(" says")[0])
    assert "tokenizers" in log.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_trial_ends_with_the_process_that_started_it(corpus: Path, tmp_path: Path, toy: plan.Plan) -> None:
    content = {**CONTENT, "base": {**CONTENT["base"], "training": {"steps": 100_000, "compile": False}}}
    (tmp_path / "toy.json").write_text(json.dumps(content), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from eval.experiments import plan, run\n"
        "if __name__ == '__main__':\n"
        "    run.run(plan.read(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    out = tmp_path / "out"
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "toy.json"), str(corpus), str(out)],
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(lambda: bool(list(out.glob("trials/*/log.txt"))))
        children = _children(parent.pid)
        assert children
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _wait(lambda: not any(_alive(pid) for pid in children))


def _wait(until: Any) -> None:
    deadline = time.monotonic() + 240
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
