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
    architecture, weights, tokenizer = read_source(source)
    if to == "hf":
        write_hf(architecture, weights, tokenizer, out)
    else:
        write_gguf(architecture, weights, tokenizer, out, name=name, type=type)
