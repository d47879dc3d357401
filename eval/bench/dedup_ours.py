"""Our near-deduplication as the benchmark asks it: what a build does for it, from files to files.

    python -I dedup_ours.py OPTIONS.json      -> a JSON object as the last line

Started by dedup_process.py. Options: `files`, Parquet of documents; `out`, an empty folder; `workers`.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def read_and_sketch(job: tuple[str, str]) -> tuple[float, float]:
    """Sketch the texts of one file into another; seconds of reading and of all."""
    from data_pipeline.sketches import sketch, write

    started = time.perf_counter()
    texts = _texts(Path(job[0]))
    read = time.perf_counter() - started
    write(sketch(texts), Path(job[1]))
    return read, time.perf_counter() - started


def write_kept(job: tuple[str, npt.NDArray[np.bool_], str]) -> list[str]:
    """Copy those documents of a file that are kept into another; their ids."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file, kept, to = job
    ids: list[str] = []
    with pq.ParquetFile(file) as source, pq.ParquetWriter(to, source.schema_arrow, compression="zstd") as out:
        at = 0
        for batch in source.iter_batches(1024):
            chosen = batch.filter(pa.array(kept[at : at + len(batch)]))
            out.write_batch(chosen)
            ids += chosen.column("id").to_pylist()
            at += len(batch)
    return ids


def run(files: list[str], out: Path, workers: int) -> dict[str, Any]:
    """Find the duplicates of all files and write what is kept; seconds of each stage, and the ids kept."""
    import numpy as np

    from data_pipeline import dedupe, sketches
    from data_pipeline.engines import Local

    started = time.perf_counter()
    paths = [str(out / f"{number:04d}.sketches") for number in range(len(files))]
    parts = Local(workers=workers).map(read_and_sketch, list(zip(files, paths, strict=True)))
    sketched = time.perf_counter()
    loaded = [sketches.load(Path(path)) for path in paths]
    resolution = dedupe.resolve(loaded, np.arange(sum(map(len, loaded))))
    resolved = time.perf_counter()
    bounds = np.cumsum([0, *map(len, loaded)])
    kept = [resolution.kept[start:end] for start, end in itertools.pairwise(bounds)]
    written = [str(out / f"{number:04d}.parquet") for number in range(len(files))]
    ids = Local(workers=workers).map(write_kept, list(zip(files, kept, written, strict=True)))
    done = time.perf_counter()
    return {
        "seconds": done - started,
        "kept": list(itertools.chain.from_iterable(ids)),
        "stages": {
            "read": sum(read for read, _ in parts),
            "sketch": sum(whole - read for read, whole in parts),
            "resolve": resolved - sketched,
            "write": done - resolved,
        },
    }


def _texts(file: Path) -> list[str]:
    import pyarrow.parquet as pq

    texts: list[str] = pq.read_table(file, columns=["text"]).column("text").to_pylist()
    return texts


if __name__ == "__main__":
    options = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(run(options["files"], Path(options["out"]), options["workers"])))  # noqa: T201
