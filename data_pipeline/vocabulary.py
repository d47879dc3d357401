"""The third step: the byte-level BPE, learned from a sample of the training documents.

tokenizer/tokenizer.json, tokenizer-step.json
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_pipeline import steps
from data_pipeline.clean import documents_file
from data_pipeline.config import BuildConfig, generator
from data_pipeline.progress import Progress
from data_pipeline.store import read_documents, read_lengths
from model.errors import DataError
from model.tokenizer import Tokenizer

STEP = "step.json"


def train(
    config: BuildConfig, clean_folder: Path, out: Path, clean_record: dict[str, Any], progress: Progress
) -> Path:
    """Learn the tokenizer; returns its file."""
    path = out / "tokenizer.json"
    key = steps.fingerprint(
        "tokenizer", clean_record["fingerprint"], config.vocabulary, config.tokenizer_megabytes
    )
    if steps.read_record(out / STEP, key) is not None:
        progress.skip("tokenizer")
        return path
    steps.withdraw(out / STEP)
    documents = documents_file(clean_folder, "train")
    chosen = _sample(read_lengths(documents), config.tokenizer_megabytes * 1_000_000)
    if not any(chosen):
        raise DataError(
            f"no training document was kept; {clean_folder / 'clean.json'} says why: put other sources into "
            "the manifest"
        )

    def texts() -> Iterator[str]:
        for document, wanted in zip(read_documents(documents), chosen, strict=True):
            if wanted:
                yield document.text

    with progress.task("tokenizer", 1, f"vocabulary of {config.vocabulary:,}") as advance:
        tokenizer = Tokenizer.train(texts, vocabulary=config.vocabulary)
        advance(1)
    steps.write_text(path, tokenizer.to_json())
    steps.write_record(out / STEP, key, [path.name], {})
    return path


def _sample(lengths: list[int], room: int) -> list[bool]:
    """Documents at random until `room` characters are full."""
    order = list(range(len(lengths)))
    generator("tokenizer").shuffle(order)
    chosen = [False] * len(lengths)
    for number in order:
        room -= lengths[number]
        if room < 0:
            break
        chosen[number] = True
    return chosen
