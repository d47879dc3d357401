"""A Llama network as an ONNX graph of onnxruntime's fused operators, written without an exporter.

The fused operators (domain com.microsoft) are what makes a small model fast on a CPU: GroupQueryAttention
takes packed queries, keys and values, rotates them, and writes keys and values into the very buffer it reads
them from; SkipSimplifiedLayerNormalization adds the residual on the way. Their contracts:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md

Inputs   input_ids (1, S) int64 · seqlens_k (1,) int32, all tokens minus one · total_seq () int32, all tokens
         logit_from (1,) int64, the first of the S rows that gets logits · past_k0, past_v0 … (1, KV, P, D)
Outputs  logits (1, R, V) · next (1, R) int64, the best token of each row · pres_k0, pres_v0 … (1, KV, P, D)

with S new tokens, R rows with logits, V vocabulary, KV key-value heads, D width of a head, P buffer length.

Not here: reading checkpoints (checkpoint.py), running the graph (model/serving/session.py). A quantised
variant replaces `linear`, and the head's call of it, and nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from model.export.checkpoint import Architecture, Array, Weights

_FUSED = "com.microsoft"
# The oldest versions that have all that is used here, so that older runtimes can still read the file.
_OPSET = 21
_IR_VERSION = 10


class Graph:
    """Nodes and constants in the order they are added; the string returned names the value."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Store an array in the file."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        """Add an operator of ONNX itself; an empty name leaves an optional input or output out."""
        return self._add(operator, inputs, outputs, "", attributes)

    def fused(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        """Add an operator of onnxruntime's own domain."""
        return self._add(operator, inputs, outputs, _FUSED, attributes)

    def _add(
        self, operator: str, inputs: list[str], outputs: list[str], domain: str, attributes: dict[str, Any]
    ) -> str:
        name = f"{outputs[0]}.{operator}"
        self.nodes.append(helper.make_node(operator, inputs, outputs, name, domain=domain, **attributes))
        return outputs[0]


def linear(graph: Graph, name: str, x: str, weight: Array) -> str:
    """x (…, inputs) times weight (outputs, inputs) transposed: (…, outputs)."""
    return graph.node("MatMul", [x, graph.constant(f"{name}.weight", weight.T)], [name])


def build(architecture: Architecture, weights: Weights) -> ModelProto:
    """The whole graph in float32, weights inside."""
    a, graph = architecture, Graph()
    _rotary_tables(graph, a)
    embedding = graph.constant("embedding", weights["model.embed_tokens.weight"])
    residual = graph.node("Gather", [embedding, "input_ids"], ["x0"])
    first = graph.constant("norm0", weights["model.layers.0.input_layernorm.weight"])
    normed = graph.node(
        "SimplifiedLayerNormalization", [residual, first], ["h0"], axis=-1, epsilon=a.epsilon, stash_type=1
    )
    for layer in range(a.layers):
        normed, residual = _layer(graph, a, weights, layer, normed, residual)
    wanted = graph.node(
        "Slice",
        [
            normed,
            "logit_from",
            graph.constant("no_end", np.array([2**31], np.int64)),
            graph.constant("row_axis", np.array([1], np.int64)),
        ],
        ["wanted"],
    )
    if a.tied:
        # The embedding as it lies in the file serves twice: a transposed copy would double its bytes.
        logits = graph.fused("FusedMatMul", [wanted, embedding], ["logits"], transB=1)
    else:
        logits = linear(graph, "logits", wanted, weights["lm_head.weight"])
    graph.node("ArgMax", [logits], ["next"], axis=-1, keepdims=0)
    return _close(graph, a)


def _rotary_tables(graph: Graph, a: Architecture) -> None:
    """Cosine and sine of every position's angles, shape (positions, D / 2)."""
    frequencies = 1.0 / a.rope_theta ** (np.arange(0, a.head_dim, 2) / a.head_dim)
    angles = np.outer(np.arange(a.positions), frequencies)
    graph.constant("cos", np.cos(angles).astype(np.float32))
    graph.constant("sin", np.sin(angles).astype(np.float32))


def _layer(
    graph: Graph, a: Architecture, weights: Weights, layer: int, normed: str, residual: str
) -> tuple[str, str]:
    """One block: attention, then SwiGLU. Takes and returns (normalised input, residual stream)."""
    at, n = f"model.layers.{layer}", layer
    packed = np.concatenate([weights[f"{at}.self_attn.{c}_proj.weight"] for c in "qkv"])
    qkv = linear(graph, f"qkv{n}", normed, packed)
    attended = graph.fused(
        "GroupQueryAttention",
        [qkv, "", "", f"past_k{n}", f"past_v{n}", "seqlens_k", "total_seq", "cos", "sin"],
        [f"attended{n}", f"pres_k{n}", f"pres_v{n}"],
        num_heads=a.heads,
        kv_num_heads=a.kv_heads,
        scale=a.head_dim**-0.5,
        do_rotary=1,
        rotary_interleaved=0,
    )
    attended = linear(graph, f"o{n}", attended, weights[f"{at}.self_attn.o_proj.weight"])
    norm = weights[f"{at}.post_attention_layernorm.weight"]
    middle, residual = _add_and_norm(graph, a, f"m{n}", residual, attended, norm)
    gate = linear(graph, f"gate{n}", middle, weights[f"{at}.mlp.gate_proj.weight"])
    up = linear(graph, f"up{n}", middle, weights[f"{at}.mlp.up_proj.weight"])
    swish = graph.node("Mul", [gate, graph.node("Sigmoid", [gate], [f"sigmoid{n}"])], [f"swish{n}"])
    product = graph.node("Mul", [swish, up], [f"product{n}"])
    down = linear(graph, f"down{n}", product, weights[f"{at}.mlp.down_proj.weight"])
    last = layer + 1 == a.layers
    norm = weights["model.norm.weight" if last else f"model.layers.{layer + 1}.input_layernorm.weight"]
    return _add_and_norm(graph, a, f"x{n + 1}", residual, down, norm, keep_sum=not last)


def _add_and_norm(
    graph: Graph,
    a: Architecture,
    name: str,
    residual: str,
    update: str,
    norm: Array,
    *,
    keep_sum: bool = True,
) -> tuple[str, str]:
    """residual + update, and its RMS norm: returns (norm, sum). The last sum of all is read by nobody."""
    outputs = [f"{name}.normed", "", "", name] if keep_sum else [f"{name}.normed"]
    inputs = [residual, update, graph.constant(f"{name}.norm", norm)]
    return graph.fused("SkipSimplifiedLayerNormalization", inputs, outputs, epsilon=a.epsilon), name


def _close(graph: Graph, a: Architecture) -> ModelProto:
    value = helper.make_tensor_value_info
    inputs = [
        value("input_ids", TensorProto.INT64, [1, "S"]),
        value("seqlens_k", TensorProto.INT32, [1]),
        value("total_seq", TensorProto.INT32, []),
        value("logit_from", TensorProto.INT64, [1]),
    ]
    outputs = [
        value("logits", TensorProto.FLOAT, [1, "R", a.vocabulary]),
        value("next", TensorProto.INT64, [1, "R"]),
    ]
    for layer in range(a.layers):
        for c in "kv":
            shape: list[int | str | None] = [1, a.kv_heads, "P", a.head_dim]
            inputs.append(value(f"past_{c}{layer}", TensorProto.FLOAT, shape))
            outputs.append(value(f"pres_{c}{layer}", TensorProto.FLOAT, shape))
    return helper.make_model(
        helper.make_graph(graph.nodes, "tabwright", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)],
        ir_version=_IR_VERSION,
    )
