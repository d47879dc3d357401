"""The same network for other programs: a checkpoint or release as a transformers folder or a GGUF file.

A release is its own master copy: its matrices are read back as the numbers its graph multiplies by
(master.py). Not here: the formats (hf.py, gguf.py), the way to a release (write.py).
"""

from __future__ import annotations

from pathlib import Path

from model.errors import ConfigError, ModelError
from model.export.checkpoint import CONFIG, Architecture, Weights, read_architecture, read_weights
from model.export.gguf import TensorType, write_gguf
from model.export.hf import write_hf
from model.export.master import read_master
from model.serving.release import META, TOKENIZER

FORMATS = ("hf", "gguf")


def read_source(folder: Path) -> tuple[Architecture, Weights, Path]:
    """The network in a checkpoint or release folder, its weights in float32, and its tokenizer's file.

    Raises ModelError for a folder that is neither.
    """
    if (folder / META).is_file() and not (folder / CONFIG).is_file():
        return *read_master(folder), folder / TOKENIZER
    architecture = read_architecture(folder)
    if not (folder / TOKENIZER).is_file():
        raise ModelError(f"there is no {folder / TOKENIZER}; copy the tokenizer of this model there")
    return architecture, read_weights(folder, architecture), folder / TOKENIZER


def convert(source: Path, out: Path, *, to: str, name: str, type: TensorType) -> None:  # noqa: A002
    """Write `out`, a folder for "hf" or a file for "gguf", whose matrices are of the `type`.

    Raises ConfigError for another format or type, ModelError for a source or place that cannot be used.
    """
    if to not in FORMATS:
        raise ConfigError(f"there is no format {to!r}; use onnx, {' or '.join(FORMATS)}")
    if to == "gguf" and out.is_dir():
        raise ModelError(
            f"{out} is a folder, and GGUF is one file; name a file, such as {out / 'model.gguf'}"
        )
    if to == "gguf" and out.exists() and not _is_gguf(out):
        raise ModelError(f"{out} is no GGUF file and will not be replaced; name another file")
    architecture, weights, tokenizer = read_source(source)
    if to == "hf":
        write_hf(architecture, weights, tokenizer, out)
    else:
        write_gguf(architecture, weights, tokenizer, out, name=name, type=type)


def _is_gguf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"
