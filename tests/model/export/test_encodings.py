"""Each encoding multiplies by the matrix that it stored, on this processor as on any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from model.export.checkpoint import read_architecture, read_weights
from model.export.encodings import Blockwise, Dynamic, Plain
from model.export.onnx_graph import Encoding, Graph, build
from model.export.parity import compare
from model.export.quantize import by_block, by_row, from_blocks, from_rows
from model.export.variants import ENCODINGS
from model.serving.runtime import load_onnxruntime
from model.serving.session import Session

MATRICES = {
    "int8": Dynamic(),
    "8 bits": Blockwise(bits=8, block=32),
    "4 bits": Blockwise(bits=4, block=32),
    "float32": Plain(),
}


def stored(encoding: Encoding, weight: np.ndarray) -> np.ndarray:
    """What the encoding makes of a matrix."""
    if isinstance(encoding, Dynamic):
        return from_rows(*by_row(weight, top=64))
    if isinstance(encoding, Blockwise):
        codes, scales = by_block(weight, bits=encoding.bits, block=encoding._block(weight))
        return from_blocks(codes, scales, bits=encoding.bits, inputs=weight.shape[1])
    return weight


def run(graph: Graph, feeds: dict[str, np.ndarray], output: str) -> np.ndarray:
    value = helper.make_tensor_value_info
    types = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in feeds.items()}
    inputs = [value(name, types[name], array.shape) for name, array in feeds.items()]
    outputs = [value(output, TensorProto.FLOAT, None)]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "g", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)],
        ir_version=10,
    )
    runtime = load_onnxruntime()
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([output], feeds)[0])


@pytest.mark.parametrize("rows", [1, 5, 64])
@pytest.mark.parametrize("kind", MATRICES)
def test_widest_numbers_do_not_saturate(kind, rows):
    """All activations and all weights as wide as they get, of one sign: the largest sums there are."""
    encoding = MATRICES[kind]
    weight = np.ones((48, 256), np.float32) * np.linspace(-2, 2, 48, dtype=np.float32)[:, None]
    x = np.ones((1, rows, 256), np.float32)
    graph = Graph()
    encoding.linear(graph, "y0", "x", weight)
    expected = x @ stored(encoding, weight).T
    np.testing.assert_allclose(run(graph, {"x": x}, "y0"), expected, rtol=0.02, atol=0.5)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("width", [48, 80, 100])
@pytest.mark.parametrize("kind", MATRICES)
def test_product_is_that_of_the_stored_matrix(kind, width, biased):
    """Also where blocks of 32, or of 16, do not divide the width."""
    encoding, random = MATRICES[kind], np.random.default_rng(1)
    weight = random.standard_normal((24, width)).astype(np.float32)
    bias = random.standard_normal(24).astype(np.float32) * 10 if biased else None
    x = random.standard_normal((1, 6, width)).astype(np.float32)
    graph = Graph()
    encoding.linear(graph, "y0", "x", weight, bias)
    expected = x @ stored(encoding, weight).T + (0 if bias is None else bias)
    found = run(graph, {"x": x}, "y0")
    # What is left is the rounding of activations, of 8 bits or 7.
    assert np.linalg.norm(found - expected) < 0.015 * np.linalg.norm(x @ weight.T)


@pytest.mark.parametrize("width", [48, 64, 100])
@pytest.mark.parametrize("bits", [8, 4])
def test_embedding_gives_the_rows_it_stored(bits, width):
    encoding = Blockwise(bits=bits, block=64)
    weight = np.random.default_rng(2).standard_normal((30, width)).astype(np.float32)
    ids = np.array([[3, 29, 0, 3]], np.int64)
    graph = Graph()
    encoding.embed(graph, "x0", "ids", weight)
    np.testing.assert_allclose(run(graph, {"ids": ids}, "x0"), stored(encoding, weight)[ids], rtol=1e-6)


def test_exceptions_are_stored_by_blocks():
    graph = Graph()
    for name in ("up11", "down11"):
        Dynamic(exceptions=("down",)).linear(graph, name, "x", np.eye(16, dtype=np.float32))
    assert [node.op_type for node in graph.nodes] == ["DynamicQuantizeMatMul", "MatMulNBits"]


# Bits of a weight with its share of the scales, for the widths of the tests' network and 32 bits of norms.
BYTES = {"fp32": 4.0, "fp16": 2.0, "int8": 1.25, "int8mixed": 1.25, "int8w": 1.25, "int4": 1.02}


@pytest.mark.parametrize("tied", [False, True], ids=["own head", "tied head"])
@pytest.mark.parametrize("name", ENCODINGS)
def test_whole_network_is_near_and_small(make_checkpoint, tmp_path, rows, name, tied):
    """The file has the size that its bits promise, also where the embedding is used twice."""
    checkpoint = make_checkpoint(tmp_path / "c", tie_word_embeddings=tied, initializer_range=0.1)
    architecture = read_architecture(checkpoint)
    weights = read_weights(checkpoint, architecture)
    path = tmp_path / "m.onnx"
    onnx.save(build(architecture, weights, ENCODINGS[name]), str(path))
    graph_and_tables = 20_000 + 2 * 4 * architecture.positions * architecture.head_dim // 2
    assert path.stat().st_size < BYTES[name] * sum(w.size for w in weights.values()) + graph_and_tables
    parity = compare(checkpoint, Session(Path(path), window=64), rows)
    limit = {"fp32": 1e-5, "fp16": 0.01, "int4": 0.4}.get(name, 0.1)
    assert parity.relative_error < limit
    assert parity.step_top1_agreement > 0.95 - 2 * limit
