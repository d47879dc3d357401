"""datatrove's MinHash as the benchmark asks it: its four steps, one after the other, on this machine.

    python -I dedup_datatrove.py OPTIONS.json      -> a JSON object as the last line

Runs in an environment that has datatrove and nothing of ours. Options: `files`, Parquet of documents; `out`,
an empty folder; `workers`. Its texts are words with blanks between them, so splitting at blanks stands for
its own tokenizer, spaCy, which is slower and would not give the same shingles.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any


class Blanks:
    """Words are what stands between blanks."""

    def word_tokenize(self, text: str) -> list[str]:
        """The words."""
        return text.split()


def run(files: list[str], out: Path, workers: int) -> dict[str, Any]:
    """Signatures, buckets, clusters and filter; the ids of what it wrote are read afterwards."""
    dedup = importlib.import_module("datatrove.pipeline.dedup.minhash")
    executor = importlib.import_module("datatrove.executor").LocalPipelineExecutor
    reader = importlib.import_module("datatrove.pipeline.readers").ParquetReader
    writer = importlib.import_module("datatrove.pipeline.writers").ParquetWriter
    text = importlib.import_module("datatrove.utils.text")
    hashing = importlib.import_module("datatrove.utils.hashing")
    parquet = importlib.import_module("pyarrow.parquet")
    as_it_is = text.TextNormConfig(
        lowercase=False, norm_whitespace=False, remove_punctuation=False, norm_unicode_diacritics=False,
        norm_numbers=False, norm_weekdays=False, norm_monthnames=False,
    )  # fmt: skip
    config = dedup.MinhashConfig(
        n_grams=5, num_buckets=32, hashes_per_bucket=8, norm_config=as_it_is,
        hash_config=hashing.HashConfig(precision=64, hash_fc="xxhash"),
    )  # fmt: skip
    folder = str(Path(files[0]).parent)
    sign = dedup.MinhashDedupSignature(output_folder=str(out / "signatures"), config=config)
    sign.word_tokenizer = Blanks()
    # A buffer of a thousand signatures: its default of five reads the files in tiny pieces.
    steps = [
        ([reader(folder), sign], len(files)),
        ([dedup.MinhashDedupBuckets(str(out / "signatures"), str(out / "buckets"), config=config,
                                    lines_to_buffer=1000)], 32),
        ([dedup.MinhashDedupCluster(str(out / "buckets"), str(out / "remove"), config=config,
                                    lines_to_buffer=1000)], 1),
        ([reader(folder), dedup.MinhashDedupFilter(str(out / "remove"), lines_to_buffer=1000),
          writer(str(out / "kept"))], len(files)),
    ]  # fmt: skip
    started = time.perf_counter()
    for number, (pipeline, tasks) in enumerate(steps):
        executor(
            pipeline, tasks=tasks, workers=min(workers, tasks), start_method="fork",
            logging_dir=str(out / f"log-{number}"),
        ).run()  # fmt: skip
    seconds = time.perf_counter() - started
    kept: list[str] = []
    for file in sorted((out / "kept").glob("*.parquet")):
        kept += parquet.read_table(file, columns=["id"]).column("id").to_pylist()
    return {"seconds": seconds, "kept": kept}


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers.write(json.dumps(run(options["files"], Path(options["out"]), options["workers"])) + "\n")
