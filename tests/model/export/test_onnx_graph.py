"""The graph computes what transformers computes, for every shape of network it accepts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from model.export.checkpoint import read_architecture, read_weights
from model.export.encodings import FP32
from model.export.onnx_graph import build
from model.export.parity import compare
from model.serving.session import Session

# In logits of some tens; the test networks' large weights sharpen every softmax and so amplify rounding.
ROUNDING = 1e-3


def graph_of(checkpoint: Path, to: Path) -> Path:
    architecture = read_architecture(checkpoint)
    onnx.save(build(architecture, read_weights(checkpoint, architecture), FP32), str(to))
    return to


@pytest.mark.parametrize("tied", [False, True], ids=["own head", "tied head"])
@pytest.mark.parametrize("kv_heads", [1, 3], ids=["three queries share a key", "each query its key"])
def test_graph_computes_what_the_network_does(make_checkpoint, tmp_path, rows, tied, kv_heads):
    """Whole rows in chunks and single steps on remembered keys, over all positions of a window."""
    checkpoint = make_checkpoint(tmp_path, num_key_value_heads=kv_heads, tie_word_embeddings=tied)
    session = Session(graph_of(checkpoint, tmp_path / "model.onnx"), window=400)
    parity = compare(checkpoint, session, rows)
    assert parity.positions == 400 + 300 + 7
    assert parity.steps == 32 + 32 + 6
    assert parity.max_difference < ROUNDING
    assert parity.step_max_difference < ROUNDING
    assert parity.top1_agreement == parity.step_top1_agreement == 1.0


@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": 1},
        {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2},
        {"head_dim": 32},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0}, "rms_norm_eps": 1e-6},
    ],
    ids=["one layer", "four over two heads", "heads wider than hidden", "the usual constants"],
)
def test_other_sizes_compute_the_same(make_checkpoint, tmp_path, rows, changes):
    checkpoint = make_checkpoint(tmp_path, **changes)
    parity = compare(checkpoint, Session(graph_of(checkpoint, tmp_path / "m.onnx"), window=64), rows)
    assert parity.max_difference < ROUNDING


def test_checkpoint_stored_in_bfloat16_exports(make_checkpoint, tmp_path, rows):
    """NumPy has no bfloat16; the weights must still arrive exactly."""
    import torch
    from safetensors.torch import load_file, save_file

    checkpoint = make_checkpoint(tmp_path)
    path = tmp_path / "model.safetensors"
    small = {name: value.to(torch.bfloat16) for name, value in load_file(path).items()}
    save_file(small, path, metadata={"format": "pt"})
    parity = compare(checkpoint, Session(graph_of(checkpoint, tmp_path / "m.onnx"), window=64), rows)
    assert parity.max_difference < ROUNDING


def test_tied_embedding_lies_in_the_file_once(make_checkpoint, tmp_path):
    """The embedding is half of a small model: a second, transposed copy would ship for nothing."""
    tied = graph_of(make_checkpoint(tmp_path / "a", tie_word_embeddings=True), tmp_path / "a.onnx")
    own = graph_of(make_checkpoint(tmp_path / "b", tie_word_embeddings=False), tmp_path / "b.onnx")
    assert own.stat().st_size - tied.stat().st_size > 600 * 48 * 4 - 200


def test_logits_come_only_for_wanted_rows(release_folder, rows):
    """The head is the dearest product of all; a prefill must not pay for rows that nobody reads."""
    session = Session(release_folder / "model.onnx", window=320)
    every, _ = session.step(rows[1], rows=len(rows[1]))
    every = every.copy()
    session.rewind(0)
    last, best = session.step(rows[1], rows=2)
    assert last.shape == (2, 600)
    np.testing.assert_allclose(last, every[-2:], atol=ROUNDING)
    assert best.tolist() == every[-2:].argmax(axis=1).tolist()
