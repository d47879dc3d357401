"""The documents of an experiment, and the shards of a variant: each is made once and kept.

    out/sample/          whole projects of the corpus's train split, some documents of its validation split
    out/tokenizers/      one for each vocabulary and kind of pre-tokenizer, all from the same sample
    out/data/<key>/      shards, one set for each choice of data options and seed

The sample is a small corpus, as a build leaves it, so that the build's own functions make the shards.

Not here: where completion is measured (places.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_pipeline import steps, vocabulary
from data_pipeline.clean import documents_file
from data_pipeline.config import BuildConfig, generator
from data_pipeline.document import Document
from data_pipeline.engines import Local
from data_pipeline.manifest import Manifest
from data_pipeline.progress import Progress
from data_pipeline.shardset import pack_shards
from data_pipeline.store import read_columns, read_documents, read_lengths, write_documents
from eval.experiments import across_spaces
from eval.experiments.plan import SampleOptions, Settings
from model.errors import DataError

_RECORD = "clean.json"
# A project larger than this share of the sample is left out: the sample would be of its style.
_LARGEST_SHARE = 0.08
# Of the validation split, for the loss that training prints; completion is measured elsewhere.
_VALIDATION_DOCUMENTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A folder of documents by split, and the record of it, which has the fields of a build's."""

    folder: Path
    record: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """One name for exactly these documents."""
        return str(self.record["fingerprint"])


def take_sample(corpus: Path, out: Path, options: SampleOptions) -> Sample:
    """Draw whole projects of a built corpus. Raises DataError where it holds none that fit."""
    source = corpus / "clean"
    try:
        whole = json.loads((source / _RECORD).read_text(encoding="utf-8"))
        key = steps.fingerprint("experiment sample", whole["fingerprint"], asdict(options))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{source / _RECORD} cannot be read ({error}); give --corpus the folder of a data build"
        ) from error
    folder = out / "sample"
    if (found := steps.read_record(folder / _RECORD, key)) is not None:
        return Sample(folder=folder, record=found)
    steps.withdraw(folder / _RECORD)
    spans = project_rows(documents_file(source, "train"))
    chosen = _choose(spans, read_lengths(documents_file(source, "train")), options)
    if not chosen:
        raise DataError(
            f"no project of {source} is small enough for a sample of {options.megabytes} MB; raise "
            "`megabytes` in the plan's `sample`"
        )
    write_documents(
        documents_file(folder, "train"), _rows(documents_file(source, "train"), [spans[n] for n in chosen])
    )
    validation = documents_file(source, "validation")
    first = range(min(_VALIDATION_DOCUMENTS, len(read_lengths(validation))))
    write_documents(documents_file(folder, "validation"), read_documents(validation, first))
    write_documents(documents_file(folder, "test"), ())  # nothing is decided on the test split
    record = {name: whole[name] for name in ("languages", "kept", "dropped", "overlaps", "redactions")}
    record["projects"] = {
        name: project
        for name, project in whole["projects"].items()
        if name in chosen or project["split"] == "validation"
    }
    files = [documents_file(folder, split).name for split in ("train", "validation", "test")]
    return Sample(folder=folder, record=steps.write_record(folder / _RECORD, key, files, record))


def project_rows(documents: Path) -> dict[str, range]:
    """The rows of each project in a documents file, which are in the order of projects."""
    found: dict[str, range] = {}
    for row, repo in enumerate(read_columns(documents, ("repo",))["repo"]):
        found[repo] = range(found[repo].start if repo in found else row, row + 1)
    return found


def _choose(spans: dict[str, range], lengths: Sequence[int], options: SampleOptions) -> list[str]:
    """Projects at random until the sample is full, in the order of their rows."""
    names = sorted(spans)
    generator("experiment sample", options.seed).shuffle(names)
    room = options.megabytes * 1_000_000
    largest, chosen = room * _LARGEST_SHARE, []
    for name in names:
        size = sum(lengths[row] for row in spans[name])
        if size <= min(room, largest):
            chosen.append(name)
            room -= size
    return sorted(chosen, key=lambda name: spans[name].start)


def _rows(documents: Path, spans: Sequence[range]) -> Iterator[Document]:
    for span in spans:
        yield from read_documents(documents, span)


def build_shards(settings: Settings, seed: int, sample: Sample, out: Path) -> Path:
    """The folder of shards of these data options and seed, made unless it is there."""
    config = settings.build_config(seed)
    manifest = Manifest(
        name="experiment",
        languages=tuple(sorted(sample.record["languages"])),
        python_version="",
        platforms=(),
        sources=(),
        sha256=sample.fingerprint,
    )
    shards = out / "data" / settings.data_key(seed)
    pack_shards(
        manifest,
        config,
        sample.folder,
        shards,
        _tokenizer(settings, config, sample, out),
        sample.record,
        Local(),
        Progress(),
    )
    return shards


def _tokenizer(settings: Settings, config: BuildConfig, sample: Sample, out: Path) -> Path:
    if settings.tokenizer.across_spaces:
        folder = out / "tokenizers" / f"{config.vocabulary}-across-spaces"
        return across_spaces.train(config, sample.folder, folder, sample.record)
    folder = out / "tokenizers" / str(config.vocabulary)
    return vocabulary.train(config, sample.folder, folder, sample.record, Progress())
