"""What each stage of the corpus build costs on one core, on whole projects of a built corpus.

Not here: near-duplicates against other tools (dedup.py).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_pipeline import attribution, decontaminate, filters, holes
from data_pipeline.config import BuildConfig, holes_for
from data_pipeline.document import Document
from data_pipeline.redact import broken_by, redact
from data_pipeline.sketches import sketch
from data_pipeline.store import read_documents
from eval.bench.tables import Sheet
from model.fim import training_tokens
from model.neighbourhood import Neighbourhood
from model.serving.release import default_folder
from model.tokenizer import Tokenizer

_SEED = 0
_MEGABYTES = 12.0


def measure(corpus: Path) -> list[dict[str, Any]]:
    """CPU seconds and MB/s of each stage, on a fixed sample of projects; empty without a built corpus."""
    runs = sorted(corpus.glob("parts/*/run-*.parquet"))
    random.Random(_SEED).shuffle(runs)  # noqa: S311 - a pinned sample, not a secret
    documents: list[Document] = []
    size = 0.0
    for run in runs:
        if size >= _MEGABYTES:
            break
        own = list(read_documents(run))
        size += sum(len(d.text.encode()) for d in own) / 1e6
        documents += own
    if not documents:
        return []
    benchmark = decontaminate.read_benchmark(decontaminate.humaneval_file())
    stages: tuple[tuple[str, Callable[[], object]], ...] = (
        (
            "licence header, filters",
            lambda: list(filters.apply(map(filters.strip_license_header, documents))),
        ),
        ("secrets, personal data", lambda: [broken_by(d, redact(d)[0]) for d in documents]),
        ("benchmarks", lambda: [decontaminate.overlaps(d.text, [benchmark]) for d in documents]),
        ("sketches", lambda: sketch(d.text for d in documents)),
        ("holes, neighbours, tokens", lambda: _encoded(documents)),
        ("attribution", lambda: attribution.fingerprints(documents)),
    )
    rows = []
    for name, run_stage in stages:
        started = time.process_time()
        run_stage()
        seconds = time.process_time() - started
        rows.append({"stage": name, "megabytes": size, "cpu_seconds": seconds, "mb_per_s": size / seconds})
    return rows


def sheet(rows: Sequence[dict[str, Any]]) -> Sheet:
    """The stages as a table."""
    megabytes = rows[0]["megabytes"] if rows else 0.0
    return Sheet(
        title=f"stages of the build on one core, CPU time, {megabytes:,.0f} MB of whole projects",
        columns=("stage", "MB/s", "CPU s"),
        lines=tuple((r["stage"], f"{r['mb_per_s']:,.1f}", f"{r['cpu_seconds']:.1f}") for r in rows),
    )


def _filtered(documents: Sequence[Document]) -> int:
    return sum(1 for _ in filters.apply(map(filters.strip_license_header, documents)))


def _encoded(documents: Sequence[Document]) -> int:
    """Tokens of one epoch with the tokenizer that ships and rows of 1,024."""
    config = BuildConfig(holes=holes_for(1024))
    tokenizer = Tokenizer.load(default_folder() / "tokenizer.json")
    count = 0
    for project in _projects(documents):
        neighbourhood = Neighbourhood()
        for document in project:
            neighbourhood.put(document.path, document.text)
        for document in project:
            rng = random.Random(document.id)  # noqa: S311 - reproducible, not secret
            for example in holes.examples(document, config.holes, rng, neighbourhood):
                count += len(training_tokens(example, tokenizer, config.budget, length=config.length))
    return count


def _projects(documents: Sequence[Document]) -> Iterator[list[Document]]:
    by_repo: dict[str, list[Document]] = {}
    for document in documents:
        by_repo.setdefault(document.repo, []).append(document)
    yield from by_repo.values()
