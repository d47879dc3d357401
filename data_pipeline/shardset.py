"""The fourth step: the kept documents become token shards, one set an epoch, and what training reads of them.

    shards/train-000.npy …, validation-000.npy, test-000.npy     rows of equal length
    shards/functions-000.npy                                     function tasks, for a last phase
    shards/tokenizer.json, manifest.json

Every epoch draws its holes anew. Pieces are encoded in parallel (encode.py), then packed in one order that is
mixed over all projects.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_pipeline import encode, pack, steps
from data_pipeline.clean import documents_file
from data_pipeline.config import BuildConfig, generator
from data_pipeline.encode import EncodeJob, Piece
from data_pipeline.engines import Engine
from data_pipeline.manifest import Manifest
from data_pipeline.progress import Progress
from data_pipeline.store import read_lengths
from model.shards import FUNCTIONS, MANIFEST, shard_name, write_shard
from model.tokenizer import Tokenizer

_DRAWING = 2  # of how holes are drawn: one more makes shards anew, and leaves alone what was cleaned
_SHARD = re.compile(rf"(train|validation|test|{FUNCTIONS})-\d{{3}}\.(npy|json)(\.partial)?\Z")
Numbers = npt.NDArray[np.int64]


def pack_shards(
    manifest: Manifest,
    config: BuildConfig,
    clean_folder: Path,
    out: Path,
    tokenizer_file: Path,
    clean_record: dict[str, Any],
    engine: Engine,
    progress: Progress,
) -> dict[str, Any]:
    """Write all shards and their manifest; returns it."""
    tokenizer = Tokenizer.load(tokenizer_file)
    key = steps.fingerprint("pack", _DRAWING, clean_record["fingerprint"], tokenizer.sha256, asdict(config))
    whole_key = steps.fingerprint(key, manifest.name, manifest.sha256)
    if (found := steps.read_record(out / MANIFEST, whole_key)) is not None:
        progress.skip("pack")
        return found
    steps.withdraw(out / MANIFEST)
    wanted = [("train", epoch) for epoch in range(config.epochs)]
    wanted += [(FUNCTIONS, 0)] if config.functions else []
    wanted += [("validation", 0), ("test", 0)]
    shards: dict[str, Any] = {}
    for shard, epoch in wanted:
        path = out / shard_name(shard, epoch)
        stamp = path.with_suffix(".json")
        if (entry := steps.read_record(stamp, key)) is None:
            steps.withdraw(stamp)
            entry = _write(path, shard, epoch, config, clean_folder, tokenizer_file, key, engine, progress)
            entry = steps.write_record(stamp, key, [path.name], entry)
        shards[path.name] = {k: v for k, v in entry.items() if k not in ("fingerprint", "files")}
        shards[path.name]["sha256"] = entry["files"][path.name]
    _remove_others(out, set(shards))
    steps.write_text(out / "tokenizer.json", tokenizer.to_json())
    projects = clean_record["projects"]
    record = {
        "format": 1,
        "config": asdict(config),
        "tokenizer": {"sha256": tokenizer.sha256, "size": tokenizer.size},
        "corpus": {
            "manifest": manifest.name,
            "manifest_sha256": manifest.sha256,
            "languages": sorted(clean_record["languages"]) or list(manifest.languages),
            "projects": {
                split: sorted(name for name, p in projects.items() if p["split"] == split)
                for split in ("train", "validation", "test")
            },
            "licenses": sorted({p["license"] for p in projects.values() if p["split"] == "train"}),
        },
        "clean": {k: clean_record[k] for k in ("kept", "dropped", "overlaps", "redactions")},
        "shards": shards,
    }
    return steps.write_record(out / MANIFEST, whole_key, ["tokenizer.json", *shards], record)


def _remove_others(out: Path, kept: set[str]) -> None:
    """Take away what other epochs left, finished or not: training must not find it."""
    for path in sorted(out.iterdir()):
        if path.is_dir() and path.name.startswith("work-"):
            shutil.rmtree(path)
        elif _SHARD.match(path.name) and f"{path.name[: path.name.index('.')]}.npy" not in kept:
            path.unlink()


def _write(
    path: Path,
    shard: str,
    epoch: int,
    config: BuildConfig,
    clean_folder: Path,
    tokenizer_file: Path,
    key: str,
    engine: Engine,
    progress: Progress,
) -> dict[str, Any]:
    tokenizer = Tokenizer.load(tokenizer_file)
    documents = documents_file(clean_folder, "train" if shard == FUNCTIONS else shard)
    lengths = read_lengths(documents)
    chosen = _portion(lengths, config, epoch) if shard == "train" else [True] * len(lengths)
    work = path.with_name(f"work-{path.stem}-{key[:12]}")
    for old in path.parent.glob(f"work-{path.stem}-*"):
        if old != work:
            shutil.rmtree(old)
    jobs = [
        EncodeJob(
            documents=documents,
            rows=rows,
            chosen=tuple(chosen[rows.start : rows.stop]),
            tokenizer=tokenizer_file,
            tokenizer_sha256=tokenizer.sha256,
            config=config,
            shard=shard,
            epoch=epoch,
            to=work / f"piece-{rows.start:08d}.npz",
        )
        for rows in encode.project_ranges(documents)
    ]
    # The largest first, so that no worker is left alone with one at the end.
    jobs.sort(key=lambda job: (-sum(lengths[job.rows.start : job.rows.stop]), job.rows.start))
    counts = Counter[str]()
    with progress.task(f"encode {shard} {epoch}", len(lengths), "files") as advance:
        for counted in engine.map(encode.encode, jobs, on_done=lambda job: advance(len(job.rows))):
            counts.update(counted)
    pieces = [encode.read_piece(job.to) for job in sorted(jobs, key=lambda job: job.rows.start)]
    order_of, lengths_of, tokens_of = _mixed(pieces, config, epoch, shard)
    with progress.task(f"pack {shard} {epoch}", len(order_of), "examples") as advance:
        packed = list(pack.pack(lengths_of[order_of].tolist(), length=config.length))
        rows = pack.fill(
            packed, lambda place: tokens_of(order_of[place]), length=config.length, pad=tokenizer.fim_pad
        )
        advance(len(order_of))
    # Neighbouring rows come from neighbouring documents until they are mixed here.
    order = list(range(len(rows)))
    generator(config.seed, epoch, shard, "rows").shuffle(order)
    rows = rows[order]
    write_shard(path, rows)
    if work.exists():
        shutil.rmtree(work)
    content = int((rows != tokenizer.fim_pad).sum())
    return {
        "rows": len(rows),
        "tokens": content,
        "characters": sum(length for length, wanted in zip(lengths, chosen, strict=True) if wanted),
        "padding": round(1 - content / max(1, rows.size), 5),
        "holes": dict(sorted(counts.items())),
    }


def _portion(lengths: Sequence[int], config: BuildConfig, epoch: int) -> list[bool]:
    """The documents of an epoch: all of them, or the next few megabytes of one fixed shuffle."""
    if config.epoch_megabytes is None:
        return [True] * len(lengths)
    order = list(range(len(lengths)))
    generator(config.seed, "portions").shuffle(order)
    size = config.epoch_megabytes * 1_000_000
    total = max(1, sum(lengths))
    start = (epoch * size) % total
    chosen, at = [False] * len(lengths), 0
    for number in order * 2:  # the last portion may wrap around
        if start <= at < start + min(size, total):
            chosen[number] = True
        at += lengths[number]
    return chosen


def _mixed(
    pieces: Sequence[Piece], config: BuildConfig, epoch: int, shard: str
) -> tuple[Numbers, Numbers, Callable[[int], npt.NDArray[np.uint16]]]:
    """The examples of all pieces, documents in a random order, each document's in its own.

    Returns the numbers of the examples in that order, their lengths by number, and how to get their tokens.
    """
    none = np.empty(0, np.int64)
    lengths = np.concatenate([none, *(piece.lengths for piece in pieces)])
    documents = np.concatenate([none, *(piece.documents for piece in pieces)])
    first = np.concatenate([none, *(np.cumsum(piece.lengths) - piece.lengths for piece in pieces)])
    piece_of = np.repeat(np.arange(len(pieces)), [len(piece.lengths) for piece in pieces])
    known, place = np.unique(documents, return_inverse=True)
    shuffled = list(range(len(known)))
    generator(config.seed, epoch, shard, "documents").shuffle(shuffled)
    rank = np.empty(len(known), np.int64)
    rank[shuffled] = np.arange(len(known))
    order = np.argsort(rank[place], kind="stable")

    def tokens_of(number: int) -> npt.NDArray[np.uint16]:
        ids = pieces[piece_of[number]].ids
        found: npt.NDArray[np.uint16] = ids[first[number] : first[number] + lengths[number]]
        return found

    return order, lengths, tokens_of
