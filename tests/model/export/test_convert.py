from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest

from model.errors import ConfigError, ModelError
from model.export.checkpoint import read_architecture, read_weights
from model.export.convert import convert, read_source


def test_a_release_and_its_checkpoint_give_the_same_files(
    checkpoint: Path, release_folder: Path, tmp_path: Path
) -> None:
    for name, source in (("a", checkpoint), ("b", release_folder)):
        convert(source, tmp_path / f"{name}.gguf", to="gguf", name="tiny", type="f32")
        convert(source, tmp_path / name, to="hf", name="tiny", type="f32")
    one, two = (gguf.GGUFReader(tmp_path / f"{name}.gguf") for name in "ab")
    theirs = {t.name: np.asarray(t.data) for t in two.tensors}
    assert {t.name for t in one.tensors} == theirs.keys()
    for tensor in one.tensors:
        np.testing.assert_array_equal(tensor.data, theirs[tensor.name])
    architecture = read_architecture(tmp_path / "a")
    assert architecture == read_architecture(tmp_path / "b")
    weights = [read_weights(tmp_path / name, architecture) for name in "ab"]
    assert all(np.array_equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_what_is_neither_checkpoint_nor_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no"):
        read_source(tmp_path)


def test_an_unknown_format_and_a_folder_for_gguf_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no format 'pt'"):
        convert(checkpoint, tmp_path / "x", to="pt", name="x", type="f16")
    with pytest.raises(ModelError, match="name a file"):
        convert(checkpoint, tmp_path, to="gguf", name="x", type="f16")


def test_a_file_that_is_no_gguf_is_left_alone(checkpoint: Path, tmp_path: Path) -> None:
    """One wrong path, and notes or another model's graph would be gone."""
    notes = tmp_path / "notes.md"
    notes.write_text("mine")
    with pytest.raises(ModelError, match="no GGUF file and will not be replaced"):
        convert(checkpoint, notes, to="gguf", name="x", type="f16")
    assert notes.read_text() == "mine"
    model = tmp_path / "model.gguf"
    for _ in range(2):
        convert(checkpoint, model, to="gguf", name="x", type="f16")
    assert model.read_bytes()[:4] == b"GGUF"
