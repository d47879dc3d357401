"""The road from a manifest to token shards, as a visible list of stages in three resumable steps.

    out/clean/documents-<split>.jsonl.gz, clean.json      what was kept, and what was dropped and why
    out/tokenizer/tokenizer.json                          the byte-level BPE
    out/shards/<split>-<epoch>.npy, manifest.json         what training reads

A step records a fingerprint of its inputs (manifest, benchmarks, configuration, the steps before it,
VERSION) and the checksums of its files. It is skipped when the inputs have not changed and the files are
whole. The record is withdrawn before the first file is written and comes back after the last, and every file
is written under a temporary name and renamed, so a killed build never looks done and goes on where it
stopped. The same manifest and configuration, with the libraries of constraints.txt, give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data_pipeline import decontaminate, dedupe, filters, holes, pack, sources
from data_pipeline.document import Document, Drop
from data_pipeline.holes import HoleConfig
from data_pipeline.manifest import SPLITS, Manifest
from data_pipeline.progress import Progress
from data_pipeline.report import Tally
from model.errors import ConfigError, DataError
from model.fim import Snippet, training_tokens
from model.shards import MANIFEST, shard_name, write_shard
from model.tokenizer import Tokenizer

# Raised when a change of the code changes what the same inputs give.
VERSION = 1
# Held-out documents come first: of two near-duplicates across splits the training copy goes.
_ORDER = {"test": 0, "validation": 1, "train": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildConfig:
    """Everything besides the manifest that decides the bytes of the shards."""

    vocabulary: int = 16_384
    tokenizer_megabytes: int = 60
    length: int = 1024
    epochs: int = 1
    epoch_megabytes: int | None = None  # of text an epoch; None: the whole corpus
    seed: int = 0
    holes: HoleConfig = field(default_factory=HoleConfig)

    def __post_init__(self) -> None:
        if not 64 <= self.length <= 8192:
            raise ConfigError(f"rows of {self.length} tokens are out of range; use 64 to 8192")
        if not 1 <= self.epochs <= 100:
            raise ConfigError(f"{self.epochs} epochs are out of range; use 1 to 100")
        if self.epoch_megabytes is not None and self.epoch_megabytes < 1:
            raise ConfigError(f"an epoch of {self.epoch_megabytes} MB is too small; use at least 1")

    @property
    def budget(self) -> int:
        """Prompt tokens within a row, see `prompt_budget`."""
        return prompt_budget(self.length)


def prompt_budget(length: int) -> int:
    """Tokens of a row that the prompt may take; the rest is for the middle. Serving leaves more for it."""
    return length * 7 // 8


def build(
    manifest: Manifest,
    config: BuildConfig,
    out: Path,
    cache: Path,
    *,
    benchmarks: Sequence[Path] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run the three steps; returns the shard manifest. Raises DataError that names the package or file."""
    progress = progress or Progress()
    clean_key = clean(manifest, out / "clean", cache, benchmarks, progress)
    tokenizer = train_tokenizer(config, out / "clean", out / "tokenizer", clean_key, progress)
    return pack_shards(manifest, config, out / "clean", out / "shards", tokenizer, clean_key, progress)


# --- step 1: clean -----------------------------------------------------------------------------------------


def clean(manifest: Manifest, out: Path, cache: Path, benchmarks: Sequence[Path], progress: Progress) -> str:
    """Wheels to kept documents, one JSONL file a split. Returns the step's fingerprint."""
    listed = [decontaminate.read_benchmark(p) for p in (*benchmarks, decontaminate.humaneval_file())]
    key = _fingerprint("clean", manifest.sha256, [sorted(b.grams) for b in listed])
    if _is_done(out / "clean.json", key):
        progress.skip("clean")
        return key
    _withdraw(out / "clean.json")
    with progress.task("fetch", len(manifest.packages), "packages") as advance:
        sources.fetch(manifest, cache, on_package=lambda _: advance(1))
    tally = Tally()
    split_of = {p.name: p.split for p in manifest.packages}

    def wheels() -> Iterator[Document | Drop]:
        ordered = sorted(manifest.packages, key=lambda p: (_ORDER[p.split], p.name))
        with progress.task("read, filter", len(ordered), "packages") as advance:
            for package in ordered:
                yield from sources.read_wheel(package, cache / package.wheel, manifest.language)
                advance(1)

    # The visible list: each stage yields documents and drops, the tally counts the drops.
    documents = tally.sift(wheels())
    documents = map(filters.strip_license_header, documents)
    documents = tally.sift(filters.apply(documents))
    documents = tally.sift(dedupe.exact(documents))
    documents = tally.sift(decontaminate.decontaminate(documents, listed))
    unique = list(documents)
    with progress.task("near-duplicates", len(unique), "files") as advance:
        kept = list(tally.sift(dedupe.near(unique, on_document=lambda: advance(1))))

    record: dict[str, Any] = {"kept": {}, "dropped": tally.to_json()}
    for split in SPLITS:
        own = sorted((d for d in kept if split_of[d.repo] == split), key=lambda d: d.id)
        _write_documents(out / f"documents-{split}.jsonl.gz", own)
        record["kept"][split] = {"documents": len(own), "characters": sum(len(d.text) for d in own)}
    record["benchmarks"] = [b.name for b in listed]
    files = _checksums([out / f"documents-{split}.jsonl.gz" for split in SPLITS])
    _write_json(out / "clean.json", {"fingerprint": key, "files": files, **record})
    return key


def _write_documents(path: Path, documents: Sequence[Document]) -> None:
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as file:
        for document in documents:
            file.write(json.dumps(asdict(document), ensure_ascii=False).encode() + b"\n")
    temporary.replace(path)


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of a split, in the order of their ids."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                yield Document(**json.loads(line))
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error}); delete its folder and build again") from error


# --- step 2: tokenizer -------------------------------------------------------------------------------------


def train_tokenizer(
    config: BuildConfig, clean_folder: Path, out: Path, clean_key: str, progress: Progress
) -> Tokenizer:
    """Learn the BPE from a sample of the training documents."""
    path = out / "tokenizer.json"
    key = _fingerprint("tokenizer", clean_key, config.vocabulary, config.tokenizer_megabytes)
    if _is_done(out / "step.json", key):
        progress.skip("tokenizer")
        return Tokenizer.load(path)
    _withdraw(out / "step.json")
    documents = list(read_documents(clean_folder / "documents-train.jsonl.gz"))
    random.Random(f"{VERSION}:tokenizer").shuffle(documents)  # noqa: S311 - a sample, not a secret

    def sample() -> Iterator[str]:
        room = config.tokenizer_megabytes * 1_000_000
        for document in documents:
            room -= len(document.text)
            if room < 0:
                return
            yield document.text

    with progress.task("tokenizer", 1, f"vocabulary of {config.vocabulary:,}") as advance:
        tokenizer = Tokenizer.train(sample, vocabulary=config.vocabulary)
        advance(1)
    _write_text(path, tokenizer.to_json())
    _write_json(out / "step.json", {"fingerprint": key, "files": _checksums([path])})
    return tokenizer


# --- step 3: pack ------------------------------------------------------------------------------------------


def pack_shards(
    manifest: Manifest,
    config: BuildConfig,
    clean_folder: Path,
    out: Path,
    tokenizer: Tokenizer,
    clean_key: str,
    progress: Progress,
) -> dict[str, Any]:
    """Documents to rows: one shard an epoch for training, one each for validation and test."""
    key = _fingerprint("pack", clean_key, tokenizer.sha256, asdict(config))
    if _is_done(out / MANIFEST, key):
        progress.skip("pack")
        record: dict[str, Any] = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        return record
    _withdraw(out / MANIFEST)
    shards: dict[str, Any] = {}
    wanted = [("train", e) for e in range(config.epochs)] + [("validation", 0), ("test", 0)]
    for split, epoch in wanted:
        path = out / shard_name(split, epoch)
        stamp = path.with_suffix(".json")
        if not _is_done(stamp, key):
            _withdraw(stamp)
            documents = list(read_documents(clean_folder / f"documents-{split}.jsonl.gz"))
            if split == "train":
                documents = _portion(documents, config, epoch)
            with progress.task(f"pack {split} {epoch}", len(documents), "files") as advance:
                stream = _example_tokens(documents, config, tokenizer, split, epoch, advance)
                rows = pack.to_array(
                    pack.pack(stream, length=config.length, pad=tokenizer.fim_pad), config.length
                )
            # Neighbouring rows come from neighbouring documents until they are mixed here.
            order = list(range(len(rows)))
            _rng(config.seed, epoch, split, "rows").shuffle(order)
            rows = rows[order]
            write_shard(path, rows)
            content = int((rows != tokenizer.fim_pad).sum())
            _write_json(
                stamp,
                {
                    "fingerprint": key,
                    "files": (files := _checksums([path])),
                    "rows": len(rows),
                    "tokens": content,
                    "characters": sum(len(d.text) for d in documents),
                    "sha256": files[path.name],
                },
            )
        entry = json.loads(stamp.read_text(encoding="utf-8"))
        shards[path.name] = {k: v for k, v in entry.items() if k not in ("fingerprint", "files")}
    clean_record = json.loads((clean_folder / "clean.json").read_text(encoding="utf-8"))
    record = {
        "fingerprint": key,
        "format": 1,
        "config": asdict(config),
        "tokenizer": {"sha256": tokenizer.sha256, "size": tokenizer.size},
        "corpus": {
            "manifest": manifest.name,
            "manifest_sha256": manifest.sha256,
            "language": manifest.language,
            "projects": {s: [p.name for p in manifest.packages if p.split == s] for s in SPLITS},
            "licenses": sorted({p.license for p in manifest.packages if p.split == "train"}),
        },
        "clean": {k: v for k, v in clean_record.items() if k not in ("fingerprint", "files")},
        "shards": shards,
    }
    _write_text(out / "tokenizer.json", tokenizer.to_json())
    record["files"] = _checksums([out / "tokenizer.json", *(out / name for name in shards)])
    _write_json(out / MANIFEST, record)
    return record


def _portion(documents: list[Document], config: BuildConfig, epoch: int) -> list[Document]:
    """The documents of an epoch: all of them, or the next few megabytes of one fixed shuffle."""
    if config.epoch_megabytes is None:
        return documents
    order = list(documents)
    _rng(config.seed, "portions").shuffle(order)
    size = config.epoch_megabytes * 1_000_000
    total = sum(len(d.text) for d in order)
    chosen, at = [], 0
    for document in order * 2:  # the last portion may wrap around
        if (epoch * size) % total <= at < (epoch * size) % total + min(size, total):
            chosen.append(document)
        at += len(document.text)
    return list({d.id: d for d in chosen}.values())


def _example_tokens(
    documents: Sequence[Document],
    config: BuildConfig,
    tokenizer: Tokenizer,
    split: str,
    epoch: int,
    advance: Any,
) -> Iterator[list[int]]:
    """Token ids of every example of an epoch. A document's holes depend on (seed, epoch, its id) alone."""
    order = list(documents)
    _rng(config.seed, epoch, split, "documents").shuffle(order)
    files: dict[str, list[Snippet]] = {}
    if config.holes.neighbours > 0:
        for document in documents:
            files.setdefault(document.repo, []).append(Snippet(path=document.path, text=document.text))
    for document in order:
        rng = _rng(config.seed, epoch, split, document.id)
        others = _others(document, files.get(document.repo, []), rng)
        for example in holes.examples(document, config.holes, rng, others):
            order_of_parts = "prefix_first" if rng.random() < config.holes.prefix_first else "suffix_first"
            ids = training_tokens(
                example,
                tokenizer,
                config.budget,
                length=config.length,
                order=order_of_parts,  # type: ignore[arg-type]
            )
            yield ids
        advance(1)


def _others(document: Document, files: Sequence[Snippet], rng: random.Random) -> list[Snippet]:
    """Up to eight other files of the same folder: what may stand open beside it."""
    folder = document.path.rpartition("/")[0]
    near = [s for s in files if s.path != document.path and s.path.rpartition("/")[0] == folder]
    return rng.sample(near, min(8, len(near)))


def _rng(*parts: object) -> random.Random:
    """A generator for exactly these parts: str seeds hash with SHA-512, the same on every machine."""
    return random.Random(":".join(map(str, (VERSION, *parts))))  # noqa: S311 - reproducible, not secret


def _fingerprint(*parts: object) -> str:
    return hashlib.sha256(json.dumps([VERSION, *parts], sort_keys=True, default=str).encode()).hexdigest()


def _is_done(record: Path, key: str) -> bool:
    """Whether the record is of these inputs, and the files that it names are as they were written."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        if found["fingerprint"] != key:
            return False
        files: dict[str, str] = found["files"]
        return files == _checksums([record.parent / name for name in files])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _withdraw(record: Path) -> None:
    """Take a step's record away before its files change; make the folder where there is none."""
    record.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)


def _checksums(paths: Sequence[Path]) -> dict[str, str]:
    found = {}
    for path in paths:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _write_json(path: Path, record: dict[str, Any]) -> None:
    _write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)
