"""Projects to token ids: holes are drawn, neighbours chosen and examples encoded, a few projects at a time.

A piece holds the examples of some rows of a split's documents, in their order. Projects are not parted: the
neighbours of a hole come from its own project, all of it. Only where thousands of files go by one name, as
the rows of a table do that does not say of which project each is, they are taken by so many at a time.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data_pipeline import holes, tasks
from data_pipeline.config import BuildConfig, generator
from data_pipeline.document import Document
from data_pipeline.store import read_columns, read_documents
from model.fim import FimExample, training_tokens
from model.neighbourhood import Neighbourhood
from model.tokenizer import Tokenizer
from model.writing import replacing

# Documents are handed out in ranges of about so many: small projects together, a large one alone.
_RANGE = 400
# The largest of the projects we know has 6,157 files.
_LARGEST_PROJECT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeJob:
    """Rows of a documents file to encode, and where the piece goes; `chosen` says which rows are wanted."""

    documents: Path
    rows: range
    chosen: tuple[bool, ...]
    tokenizer: Path
    tokenizer_sha256: str
    config: BuildConfig
    shard: str  # "train", "validation", "test" or "functions"
    epoch: int
    to: Path

    @property
    def name(self) -> str:
        """How the job is called in messages."""
        return f"documents {self.rows.start} to {self.rows.stop} of {self.documents.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Examples: `ids` (tokens,) uint16 of all; `lengths` and `documents` (examples,), numbers of rows."""

    ids: npt.NDArray[np.uint16]
    lengths: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64]


def project_ranges(documents: Path) -> list[range]:
    """The rows of a documents file in ranges that part no project of up to _LARGEST_PROJECT files."""
    repos = read_columns(documents, ("repo",))["repo"]
    ranges: list[range] = []
    start = project = 0
    for row in range(1, len(repos) + 1):
        ends = row == len(repos) or repos[row] != repos[row - 1]
        if row == len(repos) or (ends and row - start >= _RANGE // 2) or row - project == _LARGEST_PROJECT:
            ranges.append(range(start, row))
            start = row
        if ends or row - project == _LARGEST_PROJECT:
            project = row
    return ranges


def encode(job: EncodeJob) -> Counter[str]:
    """Encode a job's documents into its piece; what the examples were. A piece that is there is kept."""
    counts = Counter[str]()
    if job.to.exists():
        with np.load(job.to, allow_pickle=False) as found:
            return Counter(dict(zip(found["kinds"].tolist(), found["counts"].tolist(), strict=True)))
    tokenizer = _tokenizer(job.tokenizer, job.tokenizer_sha256)
    ids, lengths, numbers = array("H"), array("q"), array("q")
    documents = list(read_documents(job.documents, job.rows))
    for start, stop in _projects(documents):
        if not any(job.chosen[start:stop]):
            continue
        neighbourhood = _neighbourhood(documents[start:stop], job)
        for offset in range(start, stop):
            if not job.chosen[offset]:
                continue
            for tokens in _examples(documents[offset], job, tokenizer, neighbourhood, counts):
                ids.extend(tokens)
                lengths.append(len(tokens))
                numbers.append(job.rows.start + offset)
    kinds = sorted(counts)
    with replacing(job.to) as file:
        np.savez(
            file,
            ids=np.array(ids, np.uint16),
            lengths=np.array(lengths, np.int64),
            documents=np.array(numbers, np.int64),
            kinds=np.array(kinds, np.str_),
            counts=np.array([counts[kind] for kind in kinds], np.int64),
        )
    return counts


def read_piece(path: Path) -> Piece:
    """What `encode` left."""
    with np.load(path, allow_pickle=False) as found:
        return Piece(ids=found["ids"], lengths=found["lengths"], documents=found["documents"])


def _projects(documents: Sequence[Document]) -> Iterator[tuple[int, int]]:
    start = 0
    for at in range(1, len(documents) + 1):
        if at == len(documents) or documents[at].repo != documents[start].repo:
            yield start, at
            start = at


def _neighbourhood(documents: Iterable[Document], job: EncodeJob) -> Neighbourhood | None:
    if job.shard == "functions" or job.config.holes.neighbours == 0:
        return None
    neighbourhood = Neighbourhood()
    for document in documents:
        neighbourhood.put(document.path, document.text)
    return neighbourhood


def _examples(
    document: Document,
    job: EncodeJob,
    tokenizer: Tokenizer,
    neighbourhood: Neighbourhood | None,
    counts: Counter[str],
) -> Iterator[list[int]]:
    """Token ids of a document's examples: they depend on (seed, epoch, shard, id) and its project alone."""
    config = job.config
    rng = generator(config.seed, job.epoch, job.shard, document.id)
    drawn: Iterator[tuple[str, FimExample]]
    if job.shard == "functions":
        drawn = tasks.kinds_and_function_examples(document, rng)
    else:
        drawn = holes.kinds_and_examples(document, config.holes, rng, neighbourhood)
    for kind, example in drawn:
        prefix_first = rng.random() < config.holes.prefix_first
        counts[kind] += 1
        counts["prefix first"] += prefix_first
        counts["with a suffix"] += bool(example.hole.suffix)
        counts["with neighbours"] += bool(example.hole.neighbours)
        yield training_tokens(
            example,
            tokenizer,
            config.budget,
            length=config.length,
            order="prefix_first" if prefix_first else "suffix_first",
        )


@cache  # a worker does many jobs
def _tokenizer(path: Path, sha256: str) -> Tokenizer:
    tokenizer = Tokenizer.load(path)
    assert tokenizer.sha256 == sha256, f"{path} has changed while it was in use"
    return tokenizer
