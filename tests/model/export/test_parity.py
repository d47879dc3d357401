"""Parity is only worth something if it notices when the graph is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from model.errors import ModelError
from model.export.checkpoint import read_architecture, read_weights
from model.export.encodings import FP32
from model.export.onnx_graph import build
from model.export.parity import compare
from model.export.variants import LARGEST_DIFFERENCE
from model.serving.session import Session


@pytest.mark.parametrize(
    "changes",
    [{"rope_theta": 550.0}, {"epsilon": 2e-3}],
    ids=lambda changes: next(iter(changes)),
)
def test_wrong_constant_is_noticed(checkpoint, tmp_path, rows, changes):
    architecture = read_architecture(checkpoint)
    wrong = build(replace(architecture, **changes), read_weights(checkpoint, architecture), FP32)
    onnx.save(wrong, str(tmp_path / "m.onnx"))
    parity = compare(checkpoint, Session(tmp_path / "m.onnx", window=320), rows)
    assert min(parity.max_difference, parity.step_max_difference) > LARGEST_DIFFERENCE


def test_swapped_weights_are_noticed(checkpoint, tmp_path, rows):
    architecture = read_architecture(checkpoint)
    weights = read_weights(checkpoint, architecture)
    names = [f"model.layers.1.mlp.{name}_proj.weight" for name in ("gate", "up")]
    weights[names[0]], weights[names[1]] = weights[names[1]], weights[names[0]]
    onnx.save(build(architecture, weights, FP32), str(tmp_path / "m.onnx"))
    parity = compare(checkpoint, Session(tmp_path / "m.onnx", window=320), rows)
    assert parity.top1_agreement < 0.9
    assert parity.step_top1_agreement < 0.9
    assert parity.relative_error > 0.01


def test_not_a_number_is_not_swallowed(checkpoint, tmp_path, rows):
    """max() drops NaN; a graph that computes NaN must not pass as equal."""
    architecture = read_architecture(checkpoint)
    weights = read_weights(checkpoint, architecture)
    weights["model.norm.weight"] = np.full(48, np.nan, np.float32)
    onnx.save(build(architecture, weights, FP32), str(tmp_path / "m.onnx"))
    assert np.isnan(compare(checkpoint, Session(tmp_path / "m.onnx", window=64), rows).max_difference)


def test_rows_that_prove_nothing_are_refused(checkpoint, release_folder):
    session = Session(release_folder / "model.onnx", window=64)
    with pytest.raises(ModelError, match="no rows"):
        compare(checkpoint, session, [[], [5]])
    with pytest.raises(ModelError, match="600"):
        compare(checkpoint, session, [[1, 2, 600]])
