"""The benchmark's own machinery, on engines whose times are known."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from eval.bench import parts, tables, workload
from eval.bench.engine import check_ids
from eval.bench.ratios import GOALS, ratios
from eval.bench.timing import LLAMA, OURS, Contender, Fresh, Series, measure, time_row
from eval.bench.worker import Worker
from eval.bench.workload import Request, Row
from model.errors import DataError

FAKE = str(Path(__file__).with_name("fake_adapter.py"))
TYPED = Row(name="typed_on", of="request", asked=100, context=100, new=5, decoded=4)
COLD = Row(name="cold", of="request", asked=100, context=100, new=100, decoded=4)
CANDIDATES = Row(
    name="candidates", of="request", asked=100, context=100, new=5, decoded=4, texts=4, by_name=True
)
STEP = Row(name="decode_256", of="step", asked=100, context=100, new=1, decoded=5)


def _request(row: Row) -> Request:
    tokens = tuple(range(500, 500 + row.context))
    return Request(prepared=tokens[: row.context - row.new], tokens=tokens, count=row.decoded)


def _contender(name: str = OURS, variant: str = "v", **options) -> Contender:
    return Contender(engine=name, variant=variant, adapter=FAKE, python=sys.executable, options=options)


def test_a_worker_answers_questions_and_reports_what_fails() -> None:
    with Worker(FAKE) as worker:
        assert worker.ask("load", options={})["seconds"] >= 0
        assert worker.ask("encode", text="ab")["ids"] == [97, 98]
        answer = worker.ask("request", prepared=[1, 2], tokens=[1, 2, 3], count=2)
        assert answer["reused"] == 2
        assert answer["seconds"] == pytest.approx(21e-5)
        assert worker.ask("make", options={"threads": 3}) == {"threads": 3}
        assert worker.ask("memory")["bytes"] > 1e6
        with pytest.raises(DataError, match=r"fake_adapter.py failed \(RuntimeError: no such model\)"):
            worker.ask("load", options={"fail": True})


def test_a_worker_that_ends_is_reported_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('no library here')")
    with Worker(str(tmp_path / "broken.py")) as worker, pytest.raises(DataError, match="no library here"):
        worker.ask("load", options={})


def test_a_step_is_what_one_more_token_costs_and_a_request_is_everything() -> None:
    with _contender(pace=2e-4).start(1) as worker:
        step = time_row(worker, STEP, _request(STEP), Fresh(1000), whole=True)
        typed = time_row(worker, TYPED, _request(TYPED), Fresh(1000), whole=True)
        cold = time_row(worker, COLD, _request(COLD), Fresh(1000), whole=True)
    assert step == pytest.approx(10 * 2e-4, rel=1e-6)
    assert typed == pytest.approx(45 * 2e-4, rel=1e-6)
    assert cold == pytest.approx(140 * 2e-4, rel=1e-6)


def test_a_cold_request_never_begins_like_an_earlier_one() -> None:
    fresh = Fresh(1000)
    first = [fresh.of(_request(COLD)).tokens[0] for _ in range(20)]
    assert len(set(first)) == 20
    assert fresh.of(_request(TYPED)) == _request(TYPED)


def test_completions_that_end_early_do_not_count() -> None:
    with _contender(ends=2).start(1) as worker:
        assert time_row(worker, TYPED, _request(TYPED), Fresh(1000), whole=True) is None
        assert time_row(worker, TYPED, _request(TYPED), Fresh(1000), whole=False) is not None


def test_everyone_is_measured_in_every_round_and_ratios_take_the_best_peer() -> None:
    contenders = [
        _contender(pace=1e-4),
        _contender(LLAMA, "Q8_0", pace=3e-4),
        _contender(LLAMA, "Q4_0", pace=2e-4),
        _contender("other", "x", pace=1e-5),
    ]
    asked = {row.name: (row, _request(row)) for row in (TYPED, COLD)}
    asked["candidates"] = CANDIDATES, _request(CANDIDATES)
    contenders.append(replace(contenders[0], rows=frozenset({"candidates"})))
    found, peaks = measure(
        contenders, asked, threads=1, rounds=2, vocabulary=1000, console=Console(quiet=True)
    )
    assert len(found) == 9
    assert [s.contender for s in found if s.row.by_name] == contenders[-1:]
    assert len(peaks) == 5
    assert min(peaks) > 1e6
    assert all(len(s.rounds) == 2 for s in found)
    ratio = ratios(found, threads=(1,))
    assert ratio["cold"] == pytest.approx(2)
    assert ratio["by_threads"]["1"]["cold"]["against"] == "Q4_0"
    against_8 = ratios(found, threads=(1,), variants=("Q8_0",))
    assert against_8["by_threads"]["1"]["cold"]["against"] == "Q8_0"


def test_one_slow_answer_does_not_count() -> None:
    with _contender(pace=1e-4, slow_first=0.5).start(1) as worker:
        assert time_row(worker, TYPED, _request(TYPED), Fresh(1000), whole=True) < 0.1


def test_of_several_contexts_the_worst_ratio_counts() -> None:
    long = replace(STEP, name="decode_1024")
    series = [
        _series(STEP, OURS, "int8", 1, 1.0), _series(STEP, LLAMA, "Q4_0", 1, 1.5),
        _series(long, OURS, "int8", 1, 1.0), _series(long, LLAMA, "Q4_0", 1, 2.5),
    ]  # fmt: skip
    ratio = ratios(series, threads=(1,))
    assert ratio["decode"] == 1.5
    assert ratio["by_threads"]["1"]["decode"]["row"] == "decode_256"


def test_what_another_run_measured_at_other_thread_counts_joins() -> None:
    def result(threads: int, value: float, **changes):
        entry = {"ratio": value, "against": "Q4_0"}
        lists = {
            key: [{"threads": threads, "of": value}] for key in ("rows", "settings", "start", "distance")
        }
        same = {"variant": "int8", "window": 512, "file_bytes": 1, "machine": {}, "llama_cpp": {}}
        return {
            "model": "m", "graph_sha256": "0", **same, **lists, "floors": {str(threads): {}},
            "ratio": {"cold": value, "by_threads": {str(threads): {"cold": entry}}},
            "ratio_8_bit": None, "not_available": {},
        } | changes  # fmt: skip

    one, two = result(1, 2.0), result(2, 3.0)
    both = parts.join(two, one)
    assert [row["threads"] for row in both["rows"]] == [1, 2]
    assert both["ratio"]["cold"] == 2.0
    assert list(both["ratio"]["by_threads"]) == ["1", "2"]
    assert both["floors"].keys() == {"1", "2"}
    again = parts.join(both, result(1, 4.0))
    assert [(row["threads"], row["of"]) for row in again["rows"]] == [(1, 4.0), (2, 3.0)]
    assert again["ratio"]["cold"] == 3.0
    assert parts.join(result(2, 9.0, graph_sha256="1"), one) == one
    assert parts.join({}, one) == one


def _series(row: Row, name: str, variant: str, threads: int, seconds: float) -> Series:
    return Series(
        row=row, contender=_contender(name, variant), threads=threads, rounds=[seconds, seconds, 99.0]
    )


def test_the_headline_is_the_worst_thread_count_and_a_peer_need_not_speculate() -> None:
    speculating = Row(
        name="typed_on_speculating", of="request", asked=100, context=100, new=5, decoded=4, speculate=True
    )
    series = [
        _series(TYPED, OURS, "int8", 1, 1.0), _series(TYPED, LLAMA, "Q4_0", 1, 3.0),
        _series(TYPED, OURS, "int8", 2, 1.0), _series(TYPED, LLAMA, "Q4_0", 2, 2.0),
        _series(speculating, OURS, "int8", 1, 0.5), _series(speculating, LLAMA, "Q4_0", 1, 4.0),
    ]  # fmt: skip
    ratio = ratios(series, threads=(1, 2))
    assert ratio["typed_on"] == 2.0
    assert ratio["by_threads"]["1"]["typed_on"]["ratio"] == 3.0
    assert ratio["typed_on_speculating"] == 6.0


def test_different_ids_stop_the_comparison() -> None:
    with _contender().start(1) as a, _contender().start(1) as b, _contender(shift=1).start(1) as c:
        assert check_ids({"a": a, "b": b}, "ab") == [97, 98]
        with pytest.raises(
            DataError, match=r"c cuts the text into other tokens than tabwright \(first at 0\)"
        ):
            check_ids({"a": a, "c": c}, "ab")


def test_rows_are_cut_to_the_window_and_say_so() -> None:
    small = {row.name: row for row in workload.rows(512, block=100)}
    assert [row.context for row in small.values() if row.of == "prefill"] == [510]
    assert all(row.context + row.decoded < 512 for row in small.values())
    assert small["cold"].label == "cold, 499 new, 12 decoded"
    large = {row.name: row for row in workload.rows(2304, block=100)}
    assert [large[f"prefill_{n}"].context for n in (512, 1024, 2048)] == [512, 1024, 2048]
    assert large["typed_on"].label == "1,000 reused, 5 new, 12 decoded"
    assert large["typed_on_speculating"].speculate


def test_requests_are_taken_where_our_engine_goes_on() -> None:
    ids = list(range(10_000))
    found = workload.requests(TYPED, ids, wanted=2, runs_on=lambda r: r.tokens[0] > 200)
    assert [r.tokens[0] for r in found] == [291, 388]
    assert all(len(r.prepared) == 95 and len(r.tokens) == 100 for r in found)


def test_a_wide_table_is_drawn_in_parts_and_no_number_is_cut_off() -> None:
    columns = ("request", *(f"engine {i} somewhat-long" for i in range(9)))
    line = ("494 reused, 5 new, 12 decoded, speculating", *(f"{i},000 tok/s" for i in range(9)))
    console = Console(width=80, record=True, quiet=False, file=io.StringIO())
    tables.show([tables.Sheet(title="t", columns=columns, lines=(line,))], console)
    text = console.export_text()
    assert "…" not in text
    assert all(f"{i},000" in text for i in range(9))


def test_tables_name_every_row_and_engine() -> None:
    row = {"row": "prefill_512", "label": "prefill of 512 tokens", "of": "prefill", "context": 512}
    rows = [
        row | {"threads": 1, "engine": name, "variant": "v", "seconds": seconds}
        for name, seconds in ((OURS, 0.1), (LLAMA, 0.2))
    ]
    start = {
        "engine": OURS, "variant": "v", "threads": 1, "seconds": 0.4, "peak_bytes": 9e7,
        "peak_bytes_of_all": 9.5e7, "file_bytes": 0,
    }  # fmt: skip
    several = {"row": "candidates", "label": "4 x 24 decoded", "of": "request", "context": 9, "threads": 1}
    rows.append(several | {"engine": OURS, "variant": "v in one batch", "seconds": 0.02})
    result = {
        "model": "m",
        "rows": rows,
        "ratio": {"by_threads": {"1": {"prefill": {"ratio": 2.0, "against": "v"}}}},
        "ratio_8_bit": None,
        "goals": GOALS,
        "start": [start],
        "distance": [
            {"row": "x", "label": "prefill", "threads": 1, "times_floor": 1.5, "floor": "numpy", "goal": 1.8}
        ],
        "goal_seconds": 0.6,
        "goal_bytes": 141e6,
    }
    text = tables.markdown(tables.engine_sheets(result))
    assert "| prefill of 512 tokens | 5,120 tok/s | 2,560 tok/s |" in text
    assert "| prefill | 2.00 (v) | 2.5 |" in text
    assert "| request | tabwright v | llama.cpp v |\n" in text
    assert "| v in one batch, 1 thread | 20.0 ms |" in text
    assert "| prefill, 1 thread | 1.50 | 1.8 | numpy |" in text
    assert "| tabwright v, 1 thread | 0.40 s | 90 MB | 95 MB | - |" in text
    assert "| goal, at most | 0.60 s | 141 MB | 141 MB | - |" in text
