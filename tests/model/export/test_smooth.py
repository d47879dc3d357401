"""Smoothing changes nothing that is computed, and makes int8 lose less."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from model.export.checkpoint import Architecture, Weights, read_architecture, read_weights
from model.export.onnx_graph import build
from model.export.parity import compare
from model.export.smooth import smooth, widest_inputs
from model.export.variants import ENCODINGS
from model.serving.session import Session


@pytest.fixture
def uneven(make_checkpoint, tmp_path) -> Path:
    """A network of which a few channels between `up` and `down` are 64 times as wide as the others."""
    from safetensors.torch import load_file, save_file

    checkpoint = make_checkpoint(tmp_path / "c", initializer_range=0.1, mlp_bias=True)
    weights = load_file(checkpoint / "model.safetensors")
    for layer in range(2):
        weights[f"model.layers.{layer}.mlp.up_proj.weight"][::20] *= 64
        weights[f"model.layers.{layer}.mlp.down_proj.weight"][:, ::20] /= 64
        weights[f"model.layers.{layer}.mlp.up_proj.bias"].uniform_(-1, 1)
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    return checkpoint


def session(architecture: Architecture, weights: Weights, name: str, path: Path) -> Session:
    onnx.save(build(architecture, weights, ENCODINGS[name]), str(path))
    return Session(path, window=128)


def test_float32_stays_the_same_to_the_last_bit(uneven, tmp_path, rows):
    """Powers of two only: products and sums round exactly as before."""
    architecture = read_architecture(uneven)
    weights = read_weights(uneven, architecture)
    eased = smooth(architecture, weights, widest_inputs(uneven, [rows[0][:128]]))
    name = "model.layers.0.mlp.up_proj.weight"
    assert not np.array_equal(eased[name], weights[name])
    found = []
    for which, used in (("plain", weights), ("eased", eased)):
        graph = session(architecture, used, "fp32", tmp_path / f"{which}.onnx")
        found.append(graph.step(rows[1][:50], rows=50)[0].copy())
    np.testing.assert_array_equal(found[0], found[1])


def test_int8_loses_less(uneven, tmp_path, rows):
    architecture = read_architecture(uneven)
    weights = read_weights(uneven, architecture)
    eased = smooth(architecture, weights, widest_inputs(uneven, [rows[0][:128]]))
    errors = [
        compare(uneven, session(architecture, used, "int8", tmp_path / f"{i}.onnx"), rows).relative_error
        for i, used in enumerate((weights, eased))
    ]
    assert errors[1] < 0.6 * errors[0]


def test_silent_channels_ask_for_no_endless_factor(checkpoint):
    architecture = read_architecture(checkpoint)
    weights = read_weights(checkpoint, architecture)
    weights["model.layers.0.mlp.down_proj.weight"][:, 3] = 0
    widest = [np.zeros(80, np.float32), np.ones(80, np.float32)]
    eased = smooth(architecture, weights, widest)
    assert all(np.isfinite(array).all() for array in eased.values())
