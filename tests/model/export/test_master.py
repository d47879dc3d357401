"""What a release multiplies by comes back out of it, under the names it went in with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.errors import ModelError
from model.export.checkpoint import read_architecture, read_weights
from model.export.hf import write_hf
from model.export.master import read_master
from model.export.parity import compare
from model.export.variants import ENCODINGS, build_all, draft
from model.export.write import export
from model.serving.release import file_sha256
from model.serving.session import Session


def replace_graph(folder: Path, graph: bytes) -> None:
    """Put another graph into a release, with its checksum."""
    (folder / "model.onnx").write_bytes(graph)
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    meta["files"]["model.onnx"]["sha256"] = file_sha256(folder / "model.onnx")
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


@pytest.fixture
def release_of(release_folder, tmp_path, rows):
    """Makes a release folder that holds any variant of any checkpoint."""

    def make(checkpoint: Path, variant: str) -> Path:
        architecture = read_architecture(checkpoint)
        weights = read_weights(checkpoint, architecture)
        build_all(
            [variant], checkpoint, tmp_path, architecture=architecture, weights=weights, rows=[rows[2]],
            calibration=[], window=64, threads=1, timed=False,
        )  # fmt: skip
        folder = Path(shutil.copytree(release_folder, tmp_path / "release"))
        meta = json.loads((folder / "meta.json").read_text("utf-8"))
        meta["architecture"] = {name: getattr(architecture, name) for name in architecture.__slots__}
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        replace_graph(folder, draft(tmp_path, variant).read_bytes())
        return folder

    return make


def test_float32_comes_back_exactly(checkpoint, release_folder):
    architecture, weights = read_master(release_folder)
    expected = read_weights(checkpoint, read_architecture(checkpoint))
    assert architecture == read_architecture(checkpoint)
    assert weights.keys() == expected.keys()
    for name, array in expected.items():
        assert weights[name].dtype == np.float32
        np.testing.assert_array_equal(weights[name], array, err_msg=name)


@pytest.mark.parametrize("variant", ["fp32", "int8mixed"])
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_every_tensor_of_every_family_comes_back(make_foreign, tmp_path, release_of, family, variant):
    """Biases and norms of heads among them, and an embedding that is the head as well."""
    extra = {"attention_bias": True, "mlp_bias": True} if family == "llama" else {}
    checkpoint = make_foreign(tmp_path / "c", family, tie_word_embeddings=family == "qwen2", **extra)
    expected = read_weights(checkpoint, read_architecture(checkpoint))
    architecture, weights = read_master(release_of(checkpoint, variant))
    assert architecture == read_architecture(checkpoint)
    assert weights.keys() == expected.keys()
    for name, array in expected.items():
        # Half a step of the coarsest, of 7 bits; nothing that is no matrix is quantised.
        loss = 0 if variant == "fp32" or array.ndim == 1 else np.abs(array).max() / 64
        np.testing.assert_allclose(weights[name], array, rtol=0, atol=loss, err_msg=name)


@pytest.mark.parametrize("variant", [name for name in ENCODINGS if name != "fp32"])
def test_network_made_of_the_master_is_the_released_one(checkpoint, release_of, tmp_path, rows, variant):
    """Nearer to the graph than the network it was made from: what is left is activations' rounding."""
    folder = release_of(checkpoint, variant)
    architecture, weights = read_master(folder)
    write_hf(architecture, weights, folder / "tokenizer.json", tmp_path / "hf")
    session = Session(folder / "model.onnx", window=64)
    from_master = compare(tmp_path / "hf", session, rows).relative_error
    from_checkpoint = compare(checkpoint, session, rows).relative_error
    assert from_master < {"int4": 0.3, "fp16": 1.0}.get(variant, 0.9) * from_checkpoint


def test_smoothed_weights_are_those_of_an_equal_network(make_checkpoint, tmp_path, rows):
    checkpoint = make_checkpoint(tmp_path / "c", initializer_range=0.05)
    out = tmp_path / "m"
    export(checkpoint, out, name="m", rows=rows, variant="int8", calibration=[rows[0]])
    architecture, weights = read_master(out)
    write_hf(architecture, weights, out / "tokenizer.json", tmp_path / "hf")
    expected = read_weights(checkpoint, architecture)
    up, down = (f"model.layers.0.mlp.{name}_proj.weight" for name in ("up", "down"))
    assert np.abs(weights[up] - expected[up]).max() > 0.1 * np.abs(expected[up]).max()
    found = (weights[down][None] * weights[up].T[:, None]).sum()
    assert found == pytest.approx((expected[down][None] * expected[up].T[:, None]).sum(), rel=0.2, abs=0.1)
    assert compare(tmp_path / "hf", Session(out / "model.onnx", window=64), rows).relative_error < 0.05


def test_graph_of_another_network_is_named(release_folder, tmp_path):
    folder = Path(shutil.copytree(release_folder, tmp_path / "m"))
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    for changes, said in (
        ({"layers": 3}, r"model\.onnx does not hold the weights .*qkv2"),
        ({"mlp": 81}, r"model\.onnx: .*gate_proj\.weight has shape \(80, 48\)"),
        ({"colour": 1}, r"meta\.json: 'architecture' is malformed"),
    ):
        changed = meta | {"architecture": meta["architecture"] | changes}
        (folder / "meta.json").write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(ModelError, match=said):
            read_master(folder)


def test_file_that_is_no_graph_is_named(release_folder, tmp_path):
    folder = Path(shutil.copytree(release_folder, tmp_path / "m"))
    replace_graph(folder, b"no graph")
    with pytest.raises(ModelError, match=r"model\.onnx does not hold the weights"):
        read_master(folder)
