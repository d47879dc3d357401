"""Our engine against others on the same weights: started together, asked in turns, compared by medians.

llama.cpp gets the best of its settings, found beforehand for each variant and thread count, and a row's ratio
is against the best of its variants. Ours is loaded as the language server loads it, but for the number of
threads; whether they spin is measured at its first start, which comes before anything is timed.

Not here: what is asked (workload.py), the clock (timing.py), what a machine can do (floors.py), tables
(tables.py).
"""

from __future__ import annotations

import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from eval.bench import peers, workload
from eval.bench.ratios import GOALS, MOST_SECONDS, distances, most_bytes, ratios
from eval.bench.subject import Subject
from eval.bench.timing import (
    EAGER,
    GENAI,
    LLAMA,
    OURS,
    Contender,
    Fresh,
    Series,
    first_completion,
    measure,
    time_row,
)  # fmt: skip
from eval.bench.worker import Worker
from eval.bench.workload import Request, Row
from model.errors import ConfigError, DataError
from model.export.hf import write_hf
from model.serving import speculate
from model.serving.release import GRAPH, file_sha256
from model.tokenizer import FIM_PREFIX

LLAMA_ADAPTER = "llama.py"
FLOOR_SECONDS = 0.25
SPECULATE = str(speculate.__file__)


def best_settings(
    contender: Contender, requests: Sequence[tuple[Row, Request]], *, threads: int, vocabulary: int
) -> dict[str, Any]:
    """llama.cpp's fastest settings for these requests: attention, type of its memory, rows of a batch."""
    fresh, found = Fresh(vocabulary), {}
    context = contender.options["context"]

    def attempt(tried: dict[str, Any]) -> None:
        candidate = replace(contender, options={**contender.options, **tried})
        product = 1.0
        with candidate.start(threads) as worker:
            for row, request in requests:
                product *= time_row(worker, row, request, fresh, whole=False) or 1.0
        found[product] = tried

    for flash in (False, True):
        for memory in ("F16", "F32"):
            attempt({"flash": flash, "kv": memory, "ubatch": min(128, context)})
    best = found[min(found)]
    for ubatch in sorted({min(n, context) for n in (64, 512, 2048)}):
        attempt({**best, "ubatch": ubatch})
    return found[min(found)]


def check_ids(workers: dict[str, Worker], text: str) -> list[int]:
    """The text's ids, the same from every engine. Raises DataError naming the one that differs."""
    ids: list[int] | None = None
    for name, worker in workers.items():
        theirs = worker.ask("encode", text=text)["ids"]
        if ids is not None and ids != theirs:
            at = next((i for i, (a, b) in enumerate(zip(ids, theirs, strict=False)) if a != b), len(ids))
            raise DataError(
                f"{name} cuts the text into other tokens than {OURS} (first at {at}); compare nothing"
            )
        ids = theirs
    assert ids is not None
    return ids


def tricky_text(sentinel: str = FIM_PREFIX) -> str:
    """Text on which tokenizers differ when they differ."""
    return (
        workload.code() + "\r\n\tgrün = '…日本' # 😀 1234567 " + sentinel + "\r\n\n\n        x  +=1\u00a0\n"
    )


def run(
    subject: Subject,
    *,
    folder: Path,
    rounds: int,
    threads: Sequence[int] = (1, 2),
    console: Console,
    others: bool = True,
    save: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """The whole benchmark as one JSON object; `save` is given what there is after each thread count.

    Raises ConfigError or DataError where it cannot go on.
    """
    python = peers.environment(
        folder / "llama", (peers.LLAMA,), console=console, minutes="about ten minutes, once"
    )
    with tempfile.TemporaryDirectory() as holder:
        work = Path(holder)
        files, built = peers.llama_files(
            python, subject.architecture, subject.weights, subject.tokenizer, work, subject.fim
        )
        context = -(-subject.window // 256) * 256
        ours = Contender(
            engine=OURS, variant=subject.variant, adapter="ours.py", python=sys.executable,
            options={"model": str(subject.folder), "cache": str(work / "cache")}, bytes=subject.bytes,
            speculates=True,
        )  # fmt: skip
        theirs = [
            Contender(
                engine=LLAMA, variant=kind, adapter=LLAMA_ADAPTER, python=str(python),
                bytes=file.stat().st_size,
                options={
                    "file": str(file), "context": context, "flash": False, "kv": "F32",
                    "ubatch": min(512, context),
                    "speculate_file": SPECULATE,
                },
                speculates=True,
            )
            for kind, file in files.items()
        ]  # fmt: skip
        further, absent = (
            _others(subject, work, folder, threads=threads, console=console) if others else ([], {})
        )
        vocabulary = subject.load_tokenizer().size
        asked, agreed, unasked = _choose_requests(subject, ours, theirs, further)
        several, missing = _several(ours, asked)
        absent |= unasked | missing
        result: dict[str, Any] = {
            "model": subject.name, "variant": subject.variant, "window": subject.window,
            "file_bytes": subject.bytes, "graph_sha256": file_sha256(subject.folder / GRAPH),
            "rounds": rounds, "machine": _machine(),
            "llama_cpp": {"package": peers.LLAMA, **built}, "not_available": absent, "greedy_text": agreed,
            "rows": [], "settings": [], "start": [], "floors": {}, "goals": GOALS,
            "goal_seconds": MOST_SECONDS, "goal_bytes": most_bytes(subject.bytes),
        }  # fmt: skip
        everything: list[Series] = []
        done: list[int] = []
        for count in threads:
            setting = _first_start(ours, threads=count)
            console.print(f"{subject.name} {subject.variant}: {setting}")
            result["settings"].append(
                {"threads": count, "engine": OURS, "variant": subject.variant, "setting": setting}
            )
            tuned = list(_tuned(theirs, asked, threads=count, vocabulary=vocabulary, console=console))
            result["settings"] += [
                {"threads": count, "engine": LLAMA, "variant": c.variant}
                | {key: c.options[key] for key in ("flash", "kv", "ubatch")}
                for c in tuned
            ]
            wrapped = [
                replace(
                    c,
                    variant=f"{c.variant} by Llama.generate",
                    options={**c.options, "wrapper": True},
                    rows=frozenset({"typed_on", "cold"}),
                    speculates=False,
                )
                for c in tuned
                if c.variant == "Q8_0"
            ]
            contenders = [ours, *tuned, *wrapped, *further, *several]
            series, peaks = measure(
                contenders, asked, threads=count, rounds=rounds, vocabulary=vocabulary, console=console
            )
            everything += series
            small = [c for c in tuned if c.variant not in ("F32", "F16")]
            console.print(f"{count} thread{'s' * (count > 1)}: starts, and what the machine can do")
            after = {(c.engine, c.variant): peak for c, peak in zip(contenders, peaks, strict=True)}
            result["start"] += [
                {**start, "peak_bytes_of_all": after[start["engine"], start["variant"]]}
                for start in _starts([ours, *small, *further], asked, threads=count, rounds=rounds)
            ]
            with Worker("floors.py", threads=count) as worker:
                result["floors"][str(count)] = worker.ask(
                    "make", options={"threads": count, "bytes": subject.bytes, "seconds": FLOOR_SECONDS}
                )
            done.append(count)
            _sum_up(result, subject, everything, threads=done)
            if save is not None:
                save(result)
        return result


def _sum_up(
    result: dict[str, Any], subject: Subject, everything: Sequence[Series], *, threads: Sequence[int]
) -> None:
    """Put the rows so far into the result, and what follows from them."""
    result["rows"] = [
        {
            "row": s.row.name, "label": s.row.label, "of": s.row.of, "context": s.row.context,
            "threads": s.threads, "engine": s.contender.engine, "variant": s.contender.variant,
            "seconds": s.seconds, "rounds": s.rounds,
        }
        for s in everything
    ]  # fmt: skip
    result["ratio"] = ratios(everything, threads=threads)
    result["ratio_8_bit"] = (
        ratios(everything, threads=threads, variants=("Q8_0",)) if "8" in subject.variant else None
    )
    result["distance"] = distances(subject, everything, result["floors"])


def _several(
    ours: Contender, asked: dict[str, tuple[Row, Request]]
) -> tuple[list[Contender], dict[str, str]]:
    """Our engine writing four texts, in one batch and one by one; or why not: old graphs take no batch."""
    if workload.CANDIDATES not in asked:
        return [], {}
    _, request = asked[workload.CANDIDATES]
    found = [
        replace(
            ours, variant=f"{ours.variant} {way}", options={**ours.options, "texts": f"4 {way}"},
            rows=frozenset({workload.CANDIDATES}), speculates=False,
        )
        for way in ("in one batch", "one by one")
    ]  # fmt: skip
    try:
        with found[0].start(1) as worker:
            worker.ask("request", prepared=(), tokens=request.tokens, count=request.count)
    except DataError as error:
        return [], {"four candidates": str(error).partition("\n")[0]}
    return found, {}


def _first_start(ours: Contender, *, threads: int) -> str:
    """Our engine's setting, measured and remembered where there is a choice."""
    with Worker(ours.adapter, python=ours.python, threads=threads) as worker:
        return str(worker.ask("load", options=ours.with_threads(threads))["setting"])


def _machine() -> dict[str, str]:
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"cpu": name, "system": platform.system(), "python": platform.python_version()}


def _tuned(
    theirs: Sequence[Contender],
    asked: dict[str, tuple[Row, Request]],
    *,
    threads: int,
    vocabulary: int,
    console: Console,
) -> Iterator[Contender]:
    """Each variant with its best settings; the float ones share those of the 8-bit one, to save time."""
    wanted = [asked[name] for name in ("cold", "typed_on")]
    chosen: dict[str, dict[str, Any]] = {}
    for c in sorted(theirs, key=lambda c: c.variant in ("F32", "F16")):
        if c.variant in ("F32", "F16"):
            chosen[c.variant] = chosen["Q8_0"]
        else:
            console.print(f"{threads} thread{'s' * (threads > 1)}: settings for llama.cpp {c.variant}")
            chosen[c.variant] = best_settings(c, wanted, threads=threads, vocabulary=vocabulary)
        yield replace(c, options={**c.options, **chosen[c.variant]})


def _others(
    subject: Subject, work: Path, folder: Path, *, threads: Sequence[int], console: Console
) -> tuple[list[Contender], dict[str, str]]:
    """transformers and onnxruntime-genai, and why one of them is not there."""
    hf, absent = work / "hf", {}
    write_hf(subject.architecture, subject.weights, subject.tokenizer, hf, fim=subject.fim)
    loaded = {"model": str(hf)}
    found = [
        Contender(engine=EAGER, variant="F32", adapter="eager.py", python=sys.executable, options=loaded)
    ]
    try:
        python = peers.environment(folder / "genai", peers.GENAI, console=console, minutes="a minute, once")
        whole = peers.genai_folder(python, hf, work / "genai", precision="int4")
        for count in {1, *threads}:  # one thread for the requests' choice
            peers.genai_threads(whole, work / f"genai-{count}", count)
        options = {"model": str(work / "genai-THREADS"), "context": subject.window}
        found.append(
            Contender(engine=GENAI, variant="int4", adapter="genai.py", python=str(python), options=options)
        )
    except (ConfigError, DataError, OSError) as error:
        absent[GENAI] = str(error)
    return found, absent


def _choose_requests(
    subject: Subject, ours: Contender, theirs: Sequence[Contender], further: Sequence[Contender]
) -> tuple[dict[str, tuple[Row, Request]], dict[str, str], dict[str, str]]:
    """A request for each row, after the ids have been compared; whether greedy texts agree with ours; and the
    rows that there is no request for.
    """
    tokenizer = subject.load_tokenizer()
    sentinel = subject.fim.fim_prefix or subject.fim.end_of_text
    with ExitStack() as stack:
        worker = stack.enter_context(ours.start(1))
        check = {OURS: worker}
        for c in (theirs[0], *further):
            check[c.engine] = stack.enter_context(c.start(1))
        # genai reads sentinels out of plain text, which nobody wants of it here.
        check_ids({name: w for name, w in check.items() if name != GENAI}, tricky_text(sentinel))
        check_ids(check, tricky_text(""))
        ids = tokenizer.encode(workload.code())
        context = min(1005, subject.window - 1)
        block = workload.block_tokens(ids, tokenizer.decode, at=context)

        def runs_on(request: Request) -> bool:
            answer = worker.ask("request", prepared=(), tokens=request.tokens, count=request.count)
            return int(answer["decoded"]) == request.count

        asked: dict[str, tuple[Row, Request]] = {}
        unasked: dict[str, str] = {}
        for row in workload.rows(subject.window, block=block):
            some = workload.requests(row, ids, wanted=1, runs_on=runs_on)
            if some:
                asked[row.name] = row, some[0]
            else:
                unasked[row.label] = f"{subject.name} ends all of these completions early"
        if not {"typed_on", "cold"} <= asked.keys():
            raise DataError(
                f"{subject.name} ends every completion of the benchmark's code early; use another model"
            )
        request = asked["typed_on"][1]
        mine = worker.ask("request", prepared=(), tokens=request.tokens, count=request.count)["text"]
        agreed = {}
        for name, other in check.items():
            if name != OURS:
                answer = other.ask("request", prepared=(), tokens=request.tokens, count=request.count)
                agreed[name] = "same" if tokenizer.decode(answer["ids"]) == mine else "differs"
    return asked, agreed, unasked


def _starts(
    contenders: Sequence[Contender], asked: dict[str, tuple[Row, Request]], *, threads: int, rounds: int
) -> Iterator[dict[str, Any]]:
    """Start to first completion, in turns, and peak memory."""
    longest = max((request for _, request in asked.values()), key=lambda r: len(r.tokens) + r.count)
    # Known not to end early, so that all decode the same number of tokens.
    short = asked.get("decode_256", asked["typed_on"])[1]
    first = Request(prepared=(), tokens=short.tokens, count=12)
    times: dict[int, list[tuple[float, int]]] = {i: [] for i in range(len(contenders))}
    for round_ in range(rounds):
        for i, c in enumerate(contenders):
            if c.engine == EAGER and round_:  # seconds of imports, and nothing to compare by a percent
                continue
            times[i].append(first_completion(c, first, longest, threads=threads))
    for i, c in enumerate(contenders):
        yield {
            "engine": c.engine, "variant": c.variant, "threads": threads, "file_bytes": c.bytes,
            "seconds": statistics.median(s for s, _ in times[i]), "peak_bytes": max(b for _, b in times[i]),
        }  # fmt: skip
