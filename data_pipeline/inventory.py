"""All that a report shows of a build, as one JSON record without times: equal builds give equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_pipeline import decontaminate, parts
from data_pipeline.clean import documents_file
from data_pipeline.manifest import Manifest, Source
from data_pipeline.store import read_documents
from model.tokenizer import Tokenizer

# In the order in which documents pass them; the report explains each by its name.
_STAGES = ("read", "permitted", "filters", "secrets", "benchmarks", "duplicates")
_LONGEST = 24
_MOST_MEASURED = 20_000_000  # bytes


def record(
    manifest: Manifest,
    benchmarks: Sequence[Path],
    cleaned: dict[str, Any],
    clean_folder: Path,
    shards: dict[str, Any],
    tokenizer: Tokenizer,
    attribution: dict[str, Any] | None,
) -> dict[str, Any]:
    """The record of `report.json`, see data_pipeline/report.py for its fields."""
    return {
        "manifest": {
            "name": manifest.name,
            "sha256": manifest.sha256,
            "languages": list(manifest.languages),
        },
        "sources": [
            {**_describe(source), **cleaned["sources"][source.name]}
            for source in sorted(manifest.sources, key=lambda s: s.name)
            if source.name in cleaned["sources"]
        ],
        "splits": cleaned["kept"],
        "stages": [
            {"name": stage, **cleaned["stages"][stage]} for stage in _STAGES if stage in cleaned["stages"]
        ],
        "dropped": cleaned["dropped"],
        "languages": cleaned["languages"],
        "licenses": cleaned["licenses"],
        "projects": cleaned["projects"],
        "redactions": cleaned["redactions"],
        "benchmarks": {
            benchmark.name: _benchmark(benchmark, cleaned)
            for benchmark in map(decontaminate.read_benchmark, benchmarks)
        },
        "duplicates": cleaned["duplicates"],
        "lengths": cleaned["lengths"],
        "tokenizer": {
            "size": tokenizer.size,
            "sha256": tokenizer.sha256,
            **_rates(tokenizer, clean_folder),
            "longest": _longest(tokenizer),
        },
        "shards": shards["shards"],
        "attribution": attribution,
        "configuration": shards["config"],
    }


def _benchmark(benchmark: decontaminate.Benchmark, cleaned: dict[str, Any]) -> dict[str, int]:
    """Documents that overlap it; its problems: all, those met, and those too short to be looked for."""
    found = dict(cleaned["overlaps"].get(benchmark.name, {}))
    documents = found.pop(parts.DOCUMENTS, 0)
    dropped = cleaned["dropped"].get(f"overlaps {benchmark.name}", {"characters": 0})
    return {
        "problems": len(benchmark.ids),
        "problems_met": len(found),
        "problems_unwatched": len(benchmark.unwatched),
        "grams": len(benchmark.grams),
        "documents": documents,
        "characters": dropped["characters"],
    }


def _describe(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "kind": source.kind,
        "version": getattr(source, "version", None) or getattr(source, "commit", None),
        "license": source.license or "each its own",
        "split": source.split,
    }


def _rates(tokenizer: Tokenizer, clean_folder: Path) -> dict[str, float]:
    """Of validation documents, which the tokenizer was not learned from; the first where they are many."""
    tokens = characters = size = 0
    for document in read_documents(documents_file(clean_folder, "validation")):
        tokens += len(tokenizer.encode(document.text))
        characters += len(document.text)
        size += len(document.text.encode("utf-8", "replace"))
        if size > _MOST_MEASURED:
            break
    return {
        "characters_per_token": round(characters / max(1, tokens), 4),
        "tokens_per_byte": round(tokens / max(1, size), 4),
    }


def _longest(tokenizer: Tokenizer) -> list[str]:
    """The longest tokens that are words."""
    found = {spelled.decode("utf-8", "replace") for spelled in tokenizer.token_bytes if len(spelled) > 8}
    words = (text for text in found if text.strip().isidentifier())
    return sorted(words, key=lambda text: (-len(text), text))[:_LONGEST]
