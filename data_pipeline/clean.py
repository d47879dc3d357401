"""The second step: duplicates among all parts go, and what stays is written by split, project by project.

    clean/documents-<split>.parquet     sorted by (repo, id)
    clean/clean.json                    what was kept, what was dropped and why, and the largest clusters

Of documents that duplicate each other one stays: that of the existing corpus, if there is one; else that of a
held-out project, so that training never sees it; else the longest; else the first by id.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_pipeline import dedupe, parts, steps
from data_pipeline.document import Document, Drop
from data_pipeline.manifest import SPLITS, Manifest, Source, Split, project_of
from data_pipeline.parts import PartJob
from data_pipeline.sketches import Sketches, load
from data_pipeline.store import read_columns, read_documents, read_lengths, write_documents
from data_pipeline.tally import Tally
from model.errors import DataError

RECORD = "clean.json"
_ORDER = {"test": 0, "validation": 1, "train": 2}
# What the report shows of duplicates.
_CLUSTERS, _MEMBERS, _EXCERPT = 20, 12, 12
# Of the histogram of lengths, in characters; no document is longer than the last.
_LENGTH_EDGES = [0, *(100 * 2**n for n in range(15))]


def documents_file(folder: Path, split: str) -> Path:
    """Where the documents of a split are."""
    return folder / f"documents-{split}.parquet"


@dataclass(slots=True, kw_only=True)
class _Catalogue:
    """One entry a document, through all runs: the existing corpus' first, then ours."""

    runs: list[Path]  # ours
    starts: list[int]  # number of the first document of each of our runs
    ids: list[str]
    repos: list[str]
    licenses: list[str]
    languages: list[str]
    lengths: list[int]
    splits: list[str]
    sources: list[str]
    sketches: list[Sketches]
    existing: int  # documents of the existing corpus


def clean(
    manifest: Manifest, jobs: Sequence[PartJob], out: Path, *, against: Sequence[Path] = ()
) -> dict[str, Any]:
    """Resolve duplicates over the parts and write the kept documents; returns the record."""
    key = steps.fingerprint(
        "clean",
        [(job.key, job.partition.source.split) for job in jobs],
        steps.digest(_existing_records(against)),
    )
    if (found := steps.read_record(out / RECORD, key)) is not None:
        return found
    steps.withdraw(out / RECORD)
    catalogue = _catalogue(manifest, jobs, against)
    _one_split_each(catalogue)
    resolution = dedupe.resolve(catalogue.sketches, _ranks(catalogue))
    catalogue.sketches.clear()  # each large one holds a file open
    kept = resolution.kept
    tally = Tally()
    for job in jobs:
        record = steps.read_record(job.folder / parts.RECORD, job.key)
        assert record is not None
        tally.add(record)
    _count_duplicates(tally, catalogue, resolution, kept)

    shown = _largest(catalogue, resolution)
    excerpts: dict[str, str] = dict.fromkeys((cluster["kept"] for cluster in shown), "")
    for split in SPLITS:
        write_documents(documents_file(out, split), _noting(_merged(catalogue, kept, split), excerpts))
    for cluster in shown:
        cluster["excerpt"] = excerpts[cluster["kept"]]
    near = ~kept & ~resolution.exact
    near[: catalogue.existing] = False
    return steps.write_record(
        out / RECORD,
        key,
        [documents_file(out, split).name for split in SPLITS],
        {
            **tally.to_json(),
            **_inventory(catalogue, kept, jobs),
            "duplicates": {
                "exact": int(resolution.exact[catalogue.existing :].sum()),
                "near": int(near.sum()),
                **_cluster_sizes(resolution),
                "largest": shown,
            },
        },
    )


def _existing_records(against: Sequence[Path]) -> list[Path]:
    """The records of another corpus' parts. Raises DataError where there are none."""
    records: list[Path] = []
    for folder in against:
        found = sorted((folder / "parts").glob(f"*/{parts.RECORD}"))
        if not found:
            raise DataError(f"{folder} holds no corpus; give the --out folder of another build")
        records += found
    return records


def _catalogue(manifest: Manifest, jobs: Sequence[PartJob], against: Sequence[Path]) -> _Catalogue:
    catalogue = _Catalogue(
        runs=[], starts=[], ids=[], repos=[], licenses=[], languages=[], lengths=[], splits=[], sources=[],
        sketches=[], existing=0,
    )  # fmt: skip
    split_of = manifest.splits()
    theirs = [run for record in _existing_records(against) for run in parts.runs_of(record.parent)]
    for documents, sketches in theirs:
        _append(catalogue, split_of, documents, sketches, None)
    catalogue.existing = len(catalogue.ids)
    for job in sorted(jobs, key=lambda j: j.name):
        for documents, sketches in parts.runs_of(job.folder):
            catalogue.runs.append(documents)
            catalogue.starts.append(len(catalogue.ids))
            _append(catalogue, split_of, documents, sketches, job.partition.source)
    return catalogue


def _append(
    catalogue: _Catalogue,
    split_of: Callable[[Source, str], Split],
    documents: Path,
    sketches: Path,
    source: Source | None,
) -> None:
    columns = read_columns(documents, ("id", "repo", "license", "language"))
    catalogue.ids += columns["id"]
    catalogue.repos += columns["repo"]
    catalogue.licenses += columns["license"]
    catalogue.languages += columns["language"]
    catalogue.lengths += read_lengths(documents)
    found = {repo: "train" if source is None else split_of(source, repo) for repo in set(columns["repo"])}
    catalogue.splits += [found[repo] for repo in columns["repo"]]
    catalogue.sources += ["" if source is None else source.name] * len(columns["id"])
    catalogue.sketches.append(load(sketches))


def _one_split_each(catalogue: _Catalogue) -> None:
    """Raise DataError for a project that two sources put into different splits."""
    split_of: dict[str, tuple[str, str]] = {}
    for number in range(catalogue.existing, len(catalogue.ids)):
        own = catalogue.splits[number], catalogue.sources[number]
        split, source = split_of.setdefault(project_of(catalogue.repos[number]), own)
        if split != own[0]:
            raise DataError(
                f"the project {catalogue.repos[number]} is in the split {split} by the source {source} and "
                f"in {own[0]} by {own[1]}; give both sources the same split, or `by-project`"
            )


def _ranks(catalogue: _Catalogue) -> npt.NDArray[np.int64]:
    """Whose copy stays, lowest first, shape (documents,); the rule is this module's docstring."""
    order = sorted(
        range(len(catalogue.ids)),
        key=lambda n: (
            n >= catalogue.existing,
            _ORDER[catalogue.splits[n]],
            -catalogue.lengths[n],
            catalogue.ids[n],
        ),
    )
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return ranks


def _count_duplicates(
    tally: Tally, catalogue: _Catalogue, resolution: dedupe.Resolution, kept: npt.NDArray[np.bool_]
) -> None:
    left = {"documents": 0, "characters": 0}
    for number in range(catalogue.existing, len(catalogue.ids)):
        if kept[number]:
            left["documents"] += 1
            left["characters"] += catalogue.lengths[number]
            continue
        what = "exact duplicate" if resolution.exact[number] else "near-duplicate"
        whose = " of the existing corpus" if resolution.survivor[number] < catalogue.existing else ""
        drop = Drop(
            document_id=catalogue.ids[number], reason=what + whose, characters=catalogue.lengths[number]
        )
        tally.drop(drop, "duplicates")
    tally.stages["duplicates"] = left


def _merged(catalogue: _Catalogue, kept: npt.NDArray[np.bool_], split: str) -> Iterator[Document]:
    """The kept documents of a split by (repo, id): runs are sorted, so they are merged as they are read."""

    def of(run: Path, start: int, end: int) -> Iterator[Document]:
        for document, number in zip(read_documents(run), range(start, end), strict=True):
            if kept[number] and catalogue.splits[number] == split:
                yield document

    ends = [*catalogue.starts[1:], len(catalogue.ids)]
    waiting = []
    for run, start, end in zip(catalogue.runs, catalogue.starts, ends, strict=True):
        if any(kept[n] and catalogue.splits[n] == split for n in range(start, end)):
            waiting.append(((catalogue.repos[start], catalogue.ids[start]), run, start, end))
    waiting.sort(reverse=True)
    # A run is opened when its first document is next, so that only runs that overlap are open together.
    opened: list[tuple[tuple[str, str], int, Document, Iterator[Document]]] = []
    while waiting or opened:
        while waiting and (not opened or waiting[-1][0] <= opened[0][0]):
            _, run, start, end = waiting.pop()
            _next(opened, start, of(run, start, end))
        if opened:
            _, start, document, rest = heapq.heappop(opened)
            yield document
            _next(opened, start, rest)


def _next(
    opened: list[tuple[tuple[str, str], int, Document, Iterator[Document]]],
    start: int,
    run: Iterator[Document],
) -> None:
    """Put a run back among the opened ones by its next document; the run's number keeps ties in order."""
    document = next(run, None)
    if document is not None:
        heapq.heappush(opened, ((document.repo, document.id), start, document, run))


def _noting(documents: Iterator[Document], excerpts: dict[str, str]) -> Iterator[Document]:
    for document in documents:
        if document.id in excerpts:
            excerpts[document.id] = "\n".join(document.text.split("\n", _EXCERPT)[:_EXCERPT])
        yield document


def _inventory(catalogue: _Catalogue, kept: npt.NDArray[np.bool_], jobs: Sequence[PartJob]) -> dict[str, Any]:
    """Kept documents by split, source, project, language, licence and length; redactions and benchmarks."""
    splits: dict[str, dict[str, Any]] = {split: _zero() for split in SPLITS}
    sources = {job.partition.source.name: _zero() for job in jobs}
    languages: dict[str, dict[str, int]] = {}
    licenses: dict[str, dict[str, int]] = {}
    projects: dict[str, dict[str, Any]] = {}
    licensed: set[tuple[str, str]] = set()
    histogram = np.zeros(len(_LENGTH_EDGES) - 1, np.int64)
    for number in np.flatnonzero(kept).tolist():
        if number < catalogue.existing:
            continue
        repo, length = catalogue.repos[number], catalogue.lengths[number]
        license_, split = catalogue.licenses[number], catalogue.splits[number]
        project = projects.setdefault(repo, {**_zero(), "split": split, "license": license_})
        if (license_, repo) not in licensed:
            licensed.add((license_, repo))
            entry = licenses.setdefault(license_, {**_zero(), "projects": 0})
            entry["projects"] += 1
        for entry in (
            splits[split],
            sources[catalogue.sources[number]],
            languages.setdefault(catalogue.languages[number], _zero()),
            licenses[license_],
            project,
        ):
            entry["documents"] += 1
            entry["characters"] += length
        bin_ = int(np.searchsorted(_LENGTH_EDGES, length, side="right")) - 1
        histogram[min(bin_, len(histogram) - 1)] += 1
    redactions, overlaps = Counter[str](), dict[str, Counter[str]]()
    came_in = {name: _zero() for name in sources}
    for job in jobs:
        record = steps.read_record(job.folder / parts.RECORD, job.key)
        assert record is not None
        redactions.update(record["redactions"])
        for name, found in record["overlaps"].items():
            overlaps.setdefault(name, Counter()).update(found)
        for field, value in record["stages"].get("source", _zero()).items():
            came_in[job.partition.source.name][field] += value
    return {
        "kept": splits,
        "sources": {name: {"read": came_in[name], "kept": sources[name]} for name in sorted(sources)},
        "languages": dict(sorted(languages.items())),
        "licenses": dict(sorted(licenses.items())),
        "projects": dict(sorted(projects.items())),
        "lengths": {"edges": _LENGTH_EDGES, "documents": histogram.tolist()},
        "redactions": dict(sorted(redactions.items())),
        "overlaps": {name: dict(sorted(overlaps[name].items())) for name in sorted(overlaps)},
    }


def _zero() -> dict[str, Any]:
    return {"documents": 0, "characters": 0}


def _cluster_sizes(resolution: dedupe.Resolution) -> dict[str, Any]:
    _, counts = np.unique(resolution.survivor, return_counts=True)
    sizes = Counter(counts[counts > 1].tolist())
    return {"clusters": sum(sizes.values()), "sizes": {str(size): sizes[size] for size in sorted(sizes)}}


def _largest(catalogue: _Catalogue, resolution: dedupe.Resolution) -> list[dict[str, Any]]:
    """The largest clusters: what was kept, what went with it, and how alike they are."""
    survivors, counts = np.unique(resolution.survivor, return_counts=True)
    order = sorted(range(len(survivors)), key=lambda i: (-counts[i], catalogue.ids[survivors[i]]))
    alike: dict[int, float] = {}
    for (a, b), similarity in zip(resolution.links.tolist(), resolution.jaccard.tolist(), strict=True):
        for number in (a, b):
            alike[number] = max(alike.get(number, 0.0), similarity)
    shown = []
    for i in order[:_CLUSTERS]:
        if counts[i] < 2:
            break
        members = np.flatnonzero(resolution.survivor == survivors[i]).tolist()
        shown.append(
            {
                "size": int(counts[i]),
                "kept": catalogue.ids[survivors[i]],
                "members": [
                    {
                        "id": catalogue.ids[n],
                        "jaccard": 1.0 if resolution.exact[n] else round(alike.get(n, 1.0), 3),
                    }
                    for n in members
                    if n != survivors[i]
                ][:_MEMBERS],
            }
        )
    return shown
