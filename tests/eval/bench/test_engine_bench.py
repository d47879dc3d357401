"""The whole benchmark on a network of one tiny layer, with a stand-in for llama.cpp."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from eval.bench import engine, peers, shape, tables
from eval.bench.subject import Shape, Subject, made_up, of_release
from eval.bench.subject import shape as parse_shape
from eval.bench.worker import Worker
from model.errors import ConfigError
from model.serving.runtime import usable_cores
from model.tokenizer import Tokenizer

PEER = str(Path(__file__).with_name("peer_adapter.py"))
TINY = Shape(hidden=64, layers=1, heads=1, kv_heads=1, vocabulary=700, mlp=64)
LLAMA_PYTHON = Path(__file__).parents[3] / "runs" / "peers" / "llama" / "bin" / "python"


@pytest.fixture(scope="module")
def subject(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return made_up(TINY, tokenizer, tmp_path_factory.mktemp("subject"), variant="fp32")


def test_one_command_gives_all_rows_ratios_starts_and_floors(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "fake.gguf"
    file.write_text(str(subject.folder))
    monkeypatch.setattr(peers, "environment", lambda *_, **__: sys.executable)
    monkeypatch.setattr(peers, "llama_files", lambda *_: ({"F32": file, "Q8_0": file}, {"version": "0"}))
    monkeypatch.setattr(engine, "LLAMA_ADAPTER", PEER)
    monkeypatch.setattr(engine, "FLOOR_SECONDS", 0.001)
    saved = []
    result = engine.run(
        subject, folder=tmp_path, rounds=1, threads=(1,), console=Console(quiet=True), others=False,
        save=lambda r: saved.append(json.loads(json.dumps(r))),
    )  # fmt: skip
    assert [sorted({row["threads"] for row in r["rows"]}) for r in saved] == [[1]]
    assert len(tables.engine_sheets(saved[0])) == 5
    assert {row["row"] for row in result["rows"]} == {
        "prefill_512", "prefill_1024", "prefill_2048", "decode_256", "decode_1024", "typed_on",
        "typed_on_speculating", "cold", "block", "block_speculating",
        "candidates",
    }  # fmt: skip
    several = [row["variant"] for row in result["rows"] if row["row"] == "candidates"]
    assert several == ["fp32 in one batch", "fp32 one by one"]
    assert {row["engine"] for row in result["rows"]} == {"tabwright", "llama.cpp"}
    assert {"prefill", "decode", "typed_on", "cold", "by_threads"} <= result["ratio"].keys()
    assert result["ratio_8_bit"] is None
    assert result["greedy_text"] == {"llama.cpp": "same"}
    assert result["settings"][0]["setting"] == "1 thread, not spinning"
    assert result["settings"][1].keys() == {"threads", "engine", "variant", "flash", "kv", "ubatch"}
    assert all(s["seconds"] > 0 and s["peak_bytes"] > 1e7 for s in result["start"])
    assert result["floors"]["1"]["read"] > 1e8
    assert all(d["times_floor"] > 0 for d in result["distance"])
    assert len(tables.engine_sheets(result)) == 5


def test_what_a_step_reads_is_the_weights_and_nothing_of_the_rotary_tables(subject: Subject) -> None:
    weights = sum(array.nbytes for array in subject.weights.values())
    assert weights <= subject.bytes_of_a_step() < weights + 1000 < subject.bytes


def test_a_request_for_four_candidates_is_one_batch_or_four_requests(subject: Subject) -> None:
    ids = subject.load_tokenizer().encode("def add(first, second):\n    return first")
    answers = []
    with Worker("ours.py") as worker:
        for texts in ("1", "4 in one batch", "4 one by one"):
            options = {"model": str(subject.folder), "threads": 1, "texts": texts}
            assert worker.ask("load", options=options)["setting"] == "1 thread, not spinning"
            answers.append(worker.ask("request", prepared=ids[:-2], tokens=ids, count=6))
    assert [answer["decoded"] for answer in answers] == [6, 6, 6]
    assert answers[2]["text"] == answers[0]["text"]
    assert all(answer["reused"] == len(ids) - 2 for answer in answers)


def test_our_engine_remembers_its_setting_beside_the_benchmark(subject: Subject, tmp_path: Path) -> None:
    """Not in the user's own cache, where a made-up model has no business."""
    with Worker("ours.py", threads=2) as worker:
        options = {"model": str(subject.folder), "threads": 2, "cache": str(tmp_path)}
        assert worker.ask("load", options=options)["setting"].startswith("2 threads, ")
    if sys.platform == "linux" and usable_cores() > 1:
        assert (tmp_path / "tabwright" / "threads.json").is_file()


def test_a_release_is_its_own_master(subject: Subject) -> None:
    again = of_release(subject.folder)
    assert again.architecture == subject.architecture
    assert all((again.weights[name] == subject.weights[name]).all() for name in subject.weights)


def test_shapes_are_measured_in_turns(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape, "SHAPES", {1: (TINY,)})
    monkeypatch.setattr(shape, "learn_tokenizer", lambda _: tokenizer)
    result = shape.run(sizes=(1,), variant="fp32", rounds=1, threads=(1,), console=Console(quiet=True))
    (row,) = result["rows"]
    assert row["hidden"] == 64
    assert row["parameters"] == TINY.parameters == 700 * 64 + 2 * 64 * 64 * 2 + 3 * 64 * 64
    assert min(row["decode"], row["typed_on"]) > 0
    assert shape.sheets(result)[0].lines[0][0] == "64x1"
    with pytest.raises(ConfigError, match="no shapes of 3 million"):
        shape.run(sizes=(3,), variant="fp32", rounds=1, threads=(1,), console=Console(quiet=True))


@pytest.mark.parametrize("text", ["384", "384x", "100x6", "384x0", "8192x2"])
def test_a_shape_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--shape"):
        parse_shape(text, vocabulary=4096)


def test_a_shape_shares_key_value_heads_where_they_divide() -> None:
    assert parse_shape("384x6", vocabulary=4096).kv_heads == 2
    assert parse_shape("512x6", vocabulary=4096).kv_heads == 2
    assert parse_shape("192x4", vocabulary=4096).kv_heads == 1


@pytest.mark.skipif(not LLAMA_PYTHON.is_file(), reason="`tabwright eval bench engine` installs llama.cpp")
def test_llama_cpp_reads_the_same_ids_and_writes_the_same_text(subject: Subject, tmp_path: Path) -> None:
    files, facts = peers.llama_files(
        LLAMA_PYTHON, subject.architecture, subject.weights, subject.tokenizer, tmp_path
    )
    assert files.keys() == {"F32", "F16", "Q8_0", "Q4_0"}
    assert "AVX" in facts["system"] or "NEON" in facts["system"]
    assert files["Q4_0"].stat().st_size < files["Q8_0"].stat().st_size < files["F32"].stat().st_size
    tokenizer = subject.load_tokenizer()
    options = {
        "file": str(files["F32"]), "context": 512, "threads": 1, "flash": False, "kv": "F32", "ubatch": 128,
        "speculate_file": engine.SPECULATE,
    }  # fmt: skip
    with Worker("llama.py", python=LLAMA_PYTHON) as llama, Worker("ours.py") as ours:
        llama.ask("load", options=options)
        ours.ask("load", options={"model": str(subject.folder), "threads": 1})
        ids = engine.check_ids({"ours": ours, "llama": llama}, engine.tricky_text())
        expected = ours.ask("request", prepared=[], tokens=ids[:200], count=40)["text"]
        for prepared in ([], ids[:195], ids[:150] + ids[300:320]):
            for speculate in (False, True):
                found = llama.ask(
                    "request", prepared=prepared, tokens=ids[:200], count=40, speculate=speculate
                )
                assert tokenizer.decode(found["ids"]) == expected
        assert found["reused"] == 150
