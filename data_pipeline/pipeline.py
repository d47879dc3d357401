"""The road from a manifest to token shards, as a visible list of steps, each of which can be resumed.

    out/parts/<source>/       read, filtered, redacted, sketched; only changed sources are done again
    out/clean/                what was kept by split, without duplicates; what was dropped and why
    out/tokenizer/            the byte-level BPE
    out/shards/               what training reads
    out/attribution/          hashes that tell where a text was seen
    out/report.json, .html    what the corpus is

A step records a fingerprint of its inputs and the checksums of its files (steps.py). It is skipped when
neither has changed, so a build that was killed, or ran out of disk, goes on where it stopped, and ends with
the same bytes. The same sources and configuration, with the libraries of constraints.txt, give the same
bytes, on one machine or many (engines.py).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from data_pipeline import decontaminate, indexing, inventory, parts, report, steps, vocabulary
from data_pipeline.clean import clean
from data_pipeline.config import BuildConfig
from data_pipeline.engines import Engine, Local
from data_pipeline.manifest import Manifest
from data_pipeline.progress import Progress
from data_pipeline.shardset import pack_shards
from data_pipeline.sources.reading import fetch, partitions
from model.errors import DataError
from model.tokenizer import Tokenizer

_MARKER = "CORPUS"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def build(
    manifest: Manifest,
    config: BuildConfig,
    out: Path,
    cache: Path,
    *,
    benchmarks: Sequence[Path] = (),
    opt_out: Sequence[Path] = (),
    against: Sequence[Path] = (),
    tokenizer: Path | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run the steps; returns the record of the report.

    `benchmarks` are files to keep out besides HumanEval, `opt_out` further opt-out lists, `against` folders
    of other builds whose documents are duplicates here. With `tokenizer` none is trained: a model that goes
    on training keeps its own. Raises DataError that names the source, package or file.
    """
    progress = progress or Progress()
    engine = engine or Local()
    # Relative paths would mean something else on another node.
    out = out.resolve()
    listed = _checked(out, benchmarks, tokenizer)
    with _room_on_disk(out), _alone(out):
        with progress.task("fetch", len(manifest.sources), "sources") as advance:
            fetch(manifest, cache, on_source=lambda _: advance(1))
        jobs = parts.jobs(
            partitions(manifest, cache.resolve()),
            out / "parts",
            languages=manifest.languages,
            benchmarks=listed,
            opt_out=[path.resolve() for path in opt_out],
        )
        parts.remove_others(out / "parts", jobs)
        left = [job for job in jobs if not parts.is_done(job)]
        if len(left) < len(jobs):
            progress.skip(f"read, filter: {len(jobs) - len(left)} of {len(jobs)} sources")
        # The largest first, so that no worker is left alone with one at the end.
        left.sort(key=lambda job: (-_size(job), job.name))
        with progress.task("read, filter", len(left), "sources") as advance:
            engine.map(parts.make, left, on_done=lambda _: advance(1))
        with progress.task("duplicates", 1, "corpus") as advance:
            cleaned = clean(manifest, jobs, out / "clean", against=against)
            advance(1)
        if not cleaned["kept"]["train"]["documents"]:
            raise DataError(
                f"no training document was kept; {out / 'clean' / 'clean.json'} says why: name other sources"
            )
        tokenizer_file = (
            tokenizer.resolve()
            if tokenizer is not None
            else vocabulary.train(config, out / "clean", out / "tokenizer", cleaned, progress)
        )
        shards = pack_shards(
            manifest, config, out / "clean", out / "shards", tokenizer_file, cleaned, engine, progress
        )
        index = indexing.build(out / "clean", out / "attribution", cleaned, engine, progress)
        record = inventory.record(
            manifest,
            listed,
            cleaned,
            out / "clean",
            shards,
            Tokenizer.load(tokenizer_file),
            index,
        )
        steps.write_json(out / "report.json", record)
        report.write_html(record, out / "report.html")
    return record


def _checked(out: Path, benchmarks: Sequence[Path], tokenizer: Path | None) -> list[Path]:
    """What is wrong with the arguments is said before hours of work; returns all benchmark files."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; give --out a folder")
    if out.is_dir() and not (out / _MARKER).is_file():
        others = sorted(path.name for path in out.iterdir() if path.name != "wheels")
        if others:
            raise DataError(
                f"{out} holds {others[0]}, which no build made; give --out an empty folder, so that "
                "nothing of yours is replaced"
            )
    if tokenizer is not None and (size := Tokenizer.load(tokenizer).size) > 1 << 16:
        raise DataError(f"{tokenizer} has {size:,} tokens; shards hold at most 65,536, so use a smaller one")
    listed = [path.resolve() for path in (*benchmarks, decontaminate.humaneval_file())]
    names = [decontaminate.read_benchmark(path).name for path in listed]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"two benchmark files are called {twice[0]}; rename one, so that both are counted")
    return listed


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Mark the folder as a build's, and keep other builds out of it."""
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out.with_name(f".{out.name}.lock"))
    try:
        with lock.acquire(blocking=False):
            steps.write_text(out / _MARKER, "A corpus of `tabwright data build`, which replaces its files.\n")
            yield
    except Timeout:
        raise DataError(f"another build is at work in {out}; wait for it, or give another --out") from None


def _size(job: parts.PartJob) -> int:
    location = job.partition.location
    return location.stat().st_size if location is not None and location.is_file() else 0


@contextmanager
def _room_on_disk(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DataError(
                f"there is no room left to write {error.filename or out}; free some space and run the same "
                "command again: it goes on where it stopped"
            ) from error
        raise
