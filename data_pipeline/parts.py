"""The first step of the pipeline, one partition of the sources at a time: read, judged, redacted, sketched.

    parts/<name>/run-000.parquet …      the documents that stay, in runs that are sorted by (repo, id)
    parts/<name>/run-000.sketches …     what finds their duplicates, in the same order
    parts/<name>/part.json              what came in, what was dropped and why

Nothing here looks beyond its partition, so partitions are done in any order, on any machine, and only those
are done again whose source has changed. What needs all of them comes after (clean.py).
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline import decontaminate, filters, steps
from data_pipeline.document import Document, Drop
from data_pipeline.opt_out import OptOut
from data_pipeline.opt_out import read as read_opt_out
from data_pipeline.redact import broken_by, redact
from data_pipeline.sketches import sketch, write
from data_pipeline.sources.reading import Partition, read
from data_pipeline.store import write_documents
from data_pipeline.tally import Tally

RECORD = "part.json"
# For each benchmark how many documents overlapped it, and how many each of its problems.
DOCUMENTS = "documents"
Hits = dict[str, Counter[str]]
# Characters sorted in memory at a time: what a worker needs at most, a few times over.
RUN = 32_000_000
_OWN = re.compile(r"(run-\d{3,}\.(parquet|sketches)|part\.json)(\.partial)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartJob:
    """One partition to do: where it is, where its part goes, and what its documents are judged by."""

    partition: Partition
    folder: Path
    key: str
    languages: tuple[str, ...]
    benchmarks: tuple[Path, ...]
    opt_out: tuple[Path, ...]

    @property
    def name(self) -> str:
        """How the partition is called in messages."""
        return self.partition.name


def jobs(
    partitions: Sequence[Partition],
    out: Path,
    *,
    languages: Sequence[str],
    benchmarks: Sequence[Path],
    opt_out: Sequence[Path],
) -> list[PartJob]:
    """A job for each partition, in order. The key names all that decides its part."""
    judged_by = (
        list(languages),
        [path.name for path in benchmarks],
        steps.digest(benchmarks),
        read_opt_out(opt_out).patterns,
        RUN,
    )
    return [
        PartJob(
            partition=partition,
            folder=out / partition.name,
            key=steps.fingerprint("part", partition.fingerprint, partition.name, *judged_by),
            languages=tuple(languages),
            benchmarks=tuple(benchmarks),
            opt_out=tuple(opt_out),
        )
        for partition in partitions
    ]


def is_done(job: PartJob) -> bool:
    """Whether the part is there as this job would make it."""
    return steps.read_record(job.folder / RECORD, job.key) is not None


def remove_others(out: Path, kept: Sequence[PartJob]) -> None:
    """Take away the parts of sources that are not named any more, and nothing that is not such a part."""
    names = {job.folder.name for job in kept}
    for folder in sorted(out.iterdir()) if out.is_dir() else ():
        if folder.name in names or folder.is_symlink() or not folder.is_dir():
            continue
        if all(_OWN.fullmatch(path.name) for path in folder.iterdir()):
            shutil.rmtree(folder)


def make(job: PartJob) -> dict[str, Any]:
    """Do one partition; returns its record. Done before with the same key: nothing is done again."""
    if (found := steps.read_record(job.folder / RECORD, job.key)) is not None:
        return found
    steps.withdraw(job.folder / RECORD)
    for old in sorted(job.folder.iterdir()):
        if _OWN.fullmatch(old.name):
            old.unlink()
    tally, redactions, hits = Tally(), Counter[str](), Hits({})
    files: list[str] = []
    for number, run in enumerate(_runs(_documents(job, tally, redactions, hits))):
        documents, sketches = f"run-{number:03d}.parquet", f"run-{number:03d}.sketches"
        write_documents(job.folder / documents, run)
        write(sketch(document.text for document in run), job.folder / sketches)
        files += [documents, sketches]
    record = {
        "name": job.name,
        **tally.to_json(),
        "redactions": dict(sorted(redactions.items())),
        "overlaps": {name: dict(sorted(hits[name].items())) for name in sorted(hits)},
    }
    return steps.write_record(job.folder / RECORD, job.key, files, record)


def runs_of(folder: Path) -> list[tuple[Path, Path]]:
    """(documents, sketches) of each run of a part, in order."""
    return [(path, path.with_suffix(".sketches")) for path in sorted(folder.glob("run-*.parquet"))]


def _documents(job: PartJob, tally: Tally, redactions: Counter[str], hits: Hits) -> Iterator[Document]:
    """The visible list: each stage yields documents and drops, the tally counts both."""
    listed = [decontaminate.read_benchmark(path) for path in job.benchmarks]
    opted_out = read_opt_out(job.opt_out)
    documents = tally.sift(_counted(read(job.partition, job.languages), tally), "read")
    documents = tally.sift(_opted_in(documents, opted_out), "permitted")
    documents = map(filters.strip_license_header, documents)
    documents = tally.sift(filters.apply(documents), "filters")
    documents = tally.sift(_redacted(documents, redactions), "secrets")
    return tally.sift(_clean_of(documents, listed, hits), "benchmarks")


def _counted(stream: Iterable[Document | Drop], tally: Tally) -> Iterator[Document | Drop]:
    """What came in, before the first drop."""
    came_in = tally.stages.setdefault("source", {"documents": 0, "characters": 0})
    for item in stream:
        came_in["documents"] += 1
        came_in["characters"] += item.characters if isinstance(item, Drop) else len(item.text)
        yield item


def _opted_in(documents: Iterable[Document], opted_out: OptOut) -> Iterator[Document | Drop]:
    for document in documents:
        if reason := opted_out.reason(document):
            yield Drop(document_id=document.id, reason=reason, characters=len(document.text))
        else:
            yield document


def _redacted(documents: Iterable[Document], redactions: Counter[str]) -> Iterator[Document | Drop]:
    for document in documents:
        redacted, found = redact(document)
        if reason := broken_by(document, redacted):
            yield Drop(document_id=document.id, reason=reason, characters=len(document.text))
        else:
            redactions.update(found)
            yield redacted


def _clean_of(
    documents: Iterable[Document], benchmarks: Sequence[decontaminate.Benchmark], hits: Hits
) -> Iterator[Document | Drop]:
    by_name = {benchmark.name: benchmark for benchmark in benchmarks}
    for document in documents:
        names = decontaminate.overlaps(document.text, benchmarks)
        for name in names:
            found = hits.setdefault(name, Counter())
            found[DOCUMENTS] += 1
            found.update(decontaminate.overlapped_problems(document.text, by_name[name]))
        if names:
            reason = f"overlaps {names[0]}"
            yield Drop(document_id=document.id, reason=reason, characters=len(document.text))
        else:
            yield document


def _runs(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Lists of at most `RUN` characters and a document, each sorted."""
    run: list[Document] = []
    size = 0
    for document in documents:
        run.append(document)
        size += len(document.text)
        if size >= RUN:
            yield sorted(run, key=lambda d: (d.repo, d.id))
            run, size = [], 0
    if run:
        yield sorted(run, key=lambda d: (d.repo, d.id))
