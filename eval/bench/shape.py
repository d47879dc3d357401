"""What a network's shape costs: latency against depth, width, heads and vocabulary at about equal weights.

Weights are random, because speed does not depend on them; each shape goes through the exporters and the
engine that a trained model goes through. All shapes of one size are asked in turns.

Not here: what a shape is worth. A shape that is twice as fast and predicts worse is no gain by itself.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from eval.bench.subject import Shape, Subject, learn_tokenizer, made_up
from eval.bench.tables import Sheet
from eval.bench.timing import OURS, Contender, Fresh, time_row
from eval.bench.workload import Request, Row, code
from model.errors import ConfigError
from model.tokenizer import Tokenizer

# By millions of weights: shallow and wide, between, deep and narrow; then one thing changed at a time.
SHAPES: dict[int, tuple[Shape, ...]] = {
    2: (
        Shape(hidden=256, layers=2, heads=4, kv_heads=2, vocabulary=4096, mlp=672),
        Shape(hidden=192, layers=4, heads=3, kv_heads=1, vocabulary=4096, mlp=512),
        Shape(hidden=128, layers=10, heads=2, kv_heads=1, vocabulary=4096, mlp=352),
    ),
    8: (
        Shape(hidden=512, layers=2, heads=8, kv_heads=2, vocabulary=4096, mlp=1376),
        Shape(hidden=320, layers=6, heads=5, kv_heads=1, vocabulary=4096, mlp=864),
        Shape(hidden=256, layers=10, heads=4, kv_heads=1, vocabulary=4096, mlp=672),
        Shape(hidden=512, layers=2, heads=8, kv_heads=8, vocabulary=4096, mlp=1120),
        Shape(hidden=320, layers=3, heads=5, kv_heads=1, vocabulary=16384, mlp=832),
    ),
    25: (
        Shape(hidden=640, layers=3, heads=10, kv_heads=2, vocabulary=16384, mlp=1728),
        Shape(hidden=512, layers=6, heads=8, kv_heads=2, vocabulary=16384, mlp=1376),
        Shape(hidden=384, layers=12, heads=6, kv_heads=2, vocabulary=16384, mlp=1024),
    ),
    42: (
        Shape(hidden=1024, layers=2, heads=16, kv_heads=4, vocabulary=16384, mlp=3072),
        Shape(hidden=768, layers=5, heads=12, kv_heads=4, vocabulary=16384, mlp=2048),
        Shape(hidden=512, layers=12, heads=8, kv_heads=2, vocabulary=16384, mlp=1376),
    ),
}
_CONTEXT = 1024
ROWS = (
    Row(name="prefill", of="prefill", asked=_CONTEXT, context=_CONTEXT, new=_CONTEXT, decoded=1),
    Row(name="typed_on", of="request", asked=1005, context=1005, new=5, decoded=12),
    Row(name="decode", of="step", asked=_CONTEXT, context=_CONTEXT, new=1, decoded=17),
)


def run(
    *, sizes: Sequence[int], variant: str, rounds: int, threads: Sequence[int], console: Console
) -> dict[str, Any]:
    """Measure every shape of the sizes. Raises ConfigError for a size that has none."""
    if unknown := [size for size in sizes if size not in SHAPES]:
        raise ConfigError(
            f"there are no shapes of {unknown[0]} million weights; use {', '.join(map(str, SHAPES))}"
        )
    tokenizers: dict[int, Tokenizer] = {}
    found: list[dict[str, Any]] = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as work:
            subjects = []
            for i, shape in enumerate(SHAPES[size]):
                if shape.vocabulary not in tokenizers:
                    tokenizers[shape.vocabulary] = learn_tokenizer(shape.vocabulary)
                console.print(f"{size}M: exporting {shape}")
                tokenizer = tokenizers[shape.vocabulary]
                subjects.append(made_up(shape, tokenizer, Path(work) / str(i), variant=variant))
            for count in threads:
                console.print(f"{size}M: {count} thread{'s' * (count > 1)}")
                found += [
                    {"size": size, **asdict(shape), "parameters": shape.parameters, "threads": count, **times}
                    for shape, times in zip(SHAPES[size], _time(subjects, count, rounds), strict=True)
                ]
    return {"variant": variant, "context": _CONTEXT, "rows": found}


def _time(subjects: Sequence[Subject], threads: int, rounds: int) -> list[dict[str, float]]:
    """Median seconds of each row for each subject, asked in turns."""
    values: list[dict[str, list[float]]] = [{row.name: [] for row in ROWS} for _ in subjects]
    with ExitStack() as stack:
        workers, requests, fresh = [], [], []
        for subject in subjects:
            contender = Contender(
                engine=OURS, variant=subject.variant, adapter="ours.py", python=sys.executable,
                options={"model": str(subject.folder), "cache": str(subject.folder.parent / "cache")},
            )  # fmt: skip
            workers.append(stack.enter_context(contender.start(threads)))
            tokenizer = subject.load_tokenizer()
            requests.append(tokenizer.encode(code())[:_CONTEXT])
            fresh.append(Fresh(tokenizer.size))
        for round_ in range(rounds + 1):  # the first warms up
            for row in ROWS:
                for i, worker in enumerate(workers):
                    tokens = tuple(requests[i][: row.context])
                    request = Request(
                        prepared=tokens[: row.context - row.new], tokens=tokens, count=row.decoded
                    )
                    value = time_row(worker, row, request, fresh[i], whole=True)
                    if round_ and value is not None:
                        values[i][row.name].append(value)
    return [{name: statistics.median(v) if v else float("nan") for name, v in by.items()} for by in values]


def sheets(result: dict[str, Any]) -> list[Sheet]:
    """One table: a line for each shape, times in milliseconds at each thread count."""
    threads = sorted({row["threads"] for row in result["rows"]})
    lines = []
    for row in result["rows"]:
        if row["threads"] != threads[0]:
            continue
        same = [
            next(r for r in result["rows"] if r["threads"] == t and all(
                r[k] == row[k] for k in ("hidden", "layers", "heads", "kv_heads", "vocabulary", "mlp")))
            for t in threads
        ]  # fmt: skip
        times = [f"{r[k.name] * 1e3:.{1 if r[k.name] > 0.01 else 2}f}" for k in ROWS for r in same]
        lines.append(
            (
                f"{row['hidden']}x{row['layers']}", f"{row['heads']}/{row['kv_heads']}",
                f"{row['vocabulary']:,}", f"{row['parameters'] / 1e6:.1f}M", *times,
            )
        )  # fmt: skip
    columns = [f"{k.name} ms, {t} thr." for k in ROWS for t in threads]
    return [
        Sheet(
            title=f"latency by shape, {result['variant']}, context {result['context']:,}",
            columns=("width x layers", "heads", "vocabulary", "weights", *columns), lines=tuple(lines),
        )
    ]  # fmt: skip
