"""text-dedup's MinHash as the benchmark asks it, at its fastest settings: xxh3 and 32-bit arithmetic.

    python -I dedup_text_dedup.py OPTIONS.json      -> a JSON object as the last line

Runs in an environment that has text-dedup and nothing of ours. Options: `files`, Parquet of documents; `out`,
an empty folder; `workers`.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any


def run(files: list[str], out: Path, workers: int) -> dict[str, Any]:
    """Its own `main`, from loading to saving; the ids of what it saved are read afterwards."""
    minhash = importlib.import_module("text_dedup.minhash")
    utils = importlib.import_module("text_dedup.utils")
    data = importlib.import_module("datasets")
    saved = str(out / "saved")
    started = time.perf_counter()
    minhash.main.callback(
        io_args=utils.IOArgs(
            path="parquet", data_files=files, split="train", cache_dir=str(out / "cache"), output=saved,
            num_proc=workers, clean_cache=False,
        ),
        meta_args=utils.MetaArgs(column="text"),
        minhash_args=utils.MinHashArgs(
            ngram=5, min_length=1, num_perm=256, threshold=0.7, b=32, r=8, hash_func="xxh3", hash_bits=32,
        ),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "kept": list(data.load_from_disk(saved)["id"])}


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers.write(json.dumps(run(options["files"], Path(options["out"]), options["workers"])) + "\n")
