"""Near-deduplication against text-dedup and datatrove: same documents, shingles, bands and cores, in turns.

All use words in fives, 256 permutations in 32 bands of 8 rows, and as many processes. Ours also verifies each
candidate, finds exact copies and keeps the sketches for the next build; the others trust their bands. Each
is timed from the files it reads to the files it keeps, by itself, without the start of Python and imports.

Not here: the documents (dedup_documents.py), running a tool (dedup_process.py), the truth (dedup_truth.py).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from eval.bench import dedup_documents as documents
from eval.bench.dedup_documents import Prepared
from eval.bench.dedup_process import Run, run
from eval.bench.dedup_truth import RECALL_AT, compare_all, judge
from eval.bench.peers import environment
from eval.bench.tables import Sheet

OURS, TEXT_DEDUP, DATATROVE = "tabwright", "text-dedup", "datatrove"
PACKAGES = {
    TEXT_DEDUP: ("text-dedup==0.4.0",),
    # Without its extras, which bring much that is not needed; spaCy is demanded even when it is not used.
    DATATROVE: (
        "datatrove==0.10.1",
        "orjson==3.13.0",
        "pyarrow==26.0.1",
        "regex==2026.11.15",
        "spacy==3.8.18",
        "xxhash==3.8.2",
    ),
}
GOALS = {"ratio_to_fastest_peer": 5.0, f"recall_at_{RECALL_AT}": 0.95, "peak_megabytes_for_1_gb": 2000.0}
NOTES = (
    "the others read words with blanks between them, cut beforehand and untimed, so that all have the same "
    "shingles; text-dedup lowers their case, as it always does; it runs with xxh3 and 32-bit arithmetic, its "
    "fastest; datatrove splits at blanks instead of with spaCy, which is slower, and reads with large buffers"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool: its driver in this folder, the Python it runs in, which form of the documents it reads."""

    name: str
    driver: str
    python: Path
    reads: str
    version: str

    def run(self, prepared: Prepared, *, workers: int, work: Path, files: int | None = None) -> Run:
        """On the first `files` files of the documents, or on all."""
        return run(
            self.driver, self.python, getattr(prepared, self.reads)[:files], workers=workers, work=work
        )


def tools(folder: Path, console: Console) -> list[Tool]:
    """Ours and the others, whose environments are made below `folder` when they are not there yet."""
    from importlib import metadata

    found = [
        Tool(
            name=OURS, driver="dedup_ours.py", python=Path(sys.executable), reads="texts",
            version=metadata.version("tabwright"),
        )
    ]  # fmt: skip
    for name, packages in PACKAGES.items():
        python = environment(folder / name, packages, console=console, minutes="some minutes")
        driver = f"dedup_{name.replace('-', '_')}.py"
        found.append(
            Tool(name=name, driver=driver, python=python, reads="words", version=_version(python, name))
        )
    return found


def _version(python: Path, name: str) -> str:
    code = f"import importlib.metadata as installed; print(installed.version({name!r}))"
    done = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def measure(
    contenders: Sequence[Tool],
    texts: dict[str, str],
    *,
    megabytes: float | None,
    sample: int,
    rounds: int,
    workers: int,
    console: Console,
) -> dict[str, Any]:
    """All figures: speed in turns, ours on a quarter and a half, quality on a sample; see `result`."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        console.print("writing the documents for every tool")
        whole = documents.prepare(texts, documents.choose(texts, megabytes=megabytes), folder / "whole")
        runs: dict[str, list[Run]] = {tool.name: [] for tool in contenders}
        for round_ in range(rounds):
            for tool in contenders if round_ % 2 else reversed(contenders):
                done = tool.run(whole, workers=workers, work=folder)
                runs[tool.name].append(done)
                console.print(f"round {round_ + 1} of {rounds}: {tool.name} {done.seconds:.1f} s")
        ours = contenders[0]
        parts = [
            (files, [ours.run(whole, workers=workers, work=folder, files=files) for _ in range(rounds)])
            for files in (documents.FILES // 4, documents.FILES // 2)
        ]
        ids = documents.choose(texts, documents=sample)
        console.print(f"comparing all pairs of {len(ids):,} documents")
        truth = compare_all(texts, ids)
        chosen = documents.prepare(texts, ids, folder / "sample")
        judged = {
            tool.name: judge(truth, tool.run(chosen, workers=workers, work=folder).kept)
            for tool in contenders
        }
    result = _result(contenders, whole, runs, parts, workers)
    result["sample"] = len(ids)
    result["quality"] = [
        {
            "tool": name, f"recall_at_{RECALL_AT}": quality.recall, "precision": quality.precision,
            "pairs": quality.pairs, "dropped": quality.dropped,
        }
        for name, quality in judged.items()
    ]  # fmt: skip
    result[f"recall_at_{RECALL_AT}"] = judged[OURS].recall
    return result


def _result(
    contenders: Sequence[Tool],
    whole: Prepared,
    runs: dict[str, list[Run]],
    parts: Sequence[tuple[int, list[Run]]],
    workers: int,
) -> dict[str, Any]:
    megabytes = sum(whole.megabytes)
    rows = [_row(tool, megabytes, runs[tool.name]) for tool in contenders]
    fastest = min((row["seconds"] for row in rows[1:]), default=None)
    stages = {
        stage: statistics.median(done.stages[stage] for done in runs[OURS]) for stage in runs[OURS][0].stages
    }
    return {
        "documents": sum(whole.documents),
        "megabytes": megabytes,
        "workers": workers,
        "notes": NOTES,
        "goals": GOALS,
        "rows": rows,
        "stages": [
            {"stage": stage, "seconds": seconds, "mb_per_s": megabytes / seconds}
            for stage, seconds in stages.items()
        ],
        "scaling": [
            {"times": files * 4 // documents.FILES, **_row(contenders[0], sum(whole.megabytes[:files]), done)}
            for files, done in (*parts, (documents.FILES, runs[OURS]))
        ],
        "ratio_to_fastest_peer": None if fastest is None else fastest / rows[0]["seconds"],
    }


def _row(tool: Tool, megabytes: float, done: Sequence[Run]) -> dict[str, Any]:
    seconds = statistics.median(one.seconds for one in done)
    return {
        "tool": tool.name,
        "version": tool.version,
        "megabytes": megabytes,
        "seconds": seconds,
        "cpu_seconds": statistics.median(one.cpu_seconds for one in done),
        "rounds": [one.seconds for one in done],
        "mb_per_s": megabytes / seconds,
        "peak_megabytes": max(one.peak for one in done) / 1e6,
        "kept": len(done[0].kept),
    }


def sheets(result: dict[str, Any]) -> list[Sheet]:
    """The tables of a result."""
    quality = {row["tool"]: row for row in result["quality"]}
    recall = f"recall_at_{RECALL_AT}"
    first = result["rows"][0]["seconds"]
    compared = Sheet(
        title=f"near-duplicates of {result['documents']:,} documents, {result['megabytes']:,.0f} MB, "
        f"{result['workers']} processes",
        columns=(
            "tool", "MB/s", "seconds", "CPU s", "ours is faster", "peak MB", "kept", "recall", "precision",
        ),
        lines=tuple(
            (
                f"{row['tool']} {row['version']}", f"{row['mb_per_s']:.1f}", f"{row['seconds']:.1f}",
                f"{row['cpu_seconds']:.1f}", f"{row['seconds'] / first:.1f} x",
                f"{row['peak_megabytes']:,.0f}", f"{row['kept']:,}",
                _share(quality[row["tool"]][recall]), _share(quality[row["tool"]]["precision"]),
            )
            for row in result["rows"]
        ),
    )  # fmt: skip
    stages = Sheet(
        title="our stages, on one core",
        columns=("stage", "MB/s", "seconds"),
        lines=tuple(
            (row["stage"], f"{row['mb_per_s']:,.0f}", f"{row['seconds']:.1f}") for row in result["stages"]
        ),
    )
    scaling = Sheet(
        title="ours on more documents",
        columns=("documents", "MB", "seconds", "MB/s", "peak MB"),
        lines=tuple(
            (
                f"{row['times']} x", f"{row['megabytes']:,.0f}", f"{row['seconds']:.1f}",
                f"{row['mb_per_s']:.1f}", f"{row['peak_megabytes']:,.0f}",
            )
            for row in result["scaling"]
        ),
    )  # fmt: skip
    return [compared, stages, scaling]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
