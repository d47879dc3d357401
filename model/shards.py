"""Token shards: rows of equal length, one file an epoch, read through a memory map.

A shard is a NumPy `.npy` file of shape (rows, length), uint16. Beside the shards stands `manifest.json`
(see data_pipeline/pack.py), which names the tokenizer that the ids belong to. Rows end in padding.

Not here: what the rows mean (fim.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import DataError
from model.writing import replacing

MANIFEST = "manifest.json"
FUNCTIONS = "functions"  # the split of function tasks, for a last phase of training
Rows = npt.NDArray[np.uint16]


def shard_name(split: str, epoch: int) -> str:
    """File name of a split's shard for an epoch."""
    return f"{split}-{epoch:03d}.npy"


def write_shard(path: Path, rows: Rows) -> None:
    """Write rows under a temporary name, then rename: a shard under its own name is whole."""
    assert rows.dtype == np.uint16
    assert rows.ndim == 2
    with replacing(path) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(rows), allow_pickle=False)


def read_shard(path: Path) -> Rows:
    """Memory-map a shard, shape (rows, length). Raises DataError when it is missing or not a shard."""
    try:
        rows: Rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"there is no shard {path}; run `tabwright data build` first") from None
    except (ValueError, OSError, EOFError) as error:
        raise DataError(
            f"{path} is not a token shard ({error}); delete it and run `tabwright data build`"
        ) from error
    if rows.dtype != np.uint16 or rows.ndim != 2:
        raise DataError(f"{path} is not a token shard; delete it and run `tabwright data build`")
    return rows


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest beside the shards. Raises DataError when there is none or it is not JSON."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{folder} holds no {MANIFEST}; run `tabwright data build` first") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read ({error}); run `tabwright data build` again") from error
    needed = {"fingerprint", "config", "tokenizer", "corpus"}
    if not isinstance(manifest, dict) or not needed <= manifest.keys():
        raise DataError(f"{path} is not a manifest of shards; run `tabwright data build` again")
    corpus = manifest["corpus"]
    if isinstance(corpus, dict) and "language" in corpus:  # of one language, as it was written before
        corpus["languages"] = [corpus.pop("language")]
    return manifest
