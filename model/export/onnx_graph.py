"""A Llama network as an ONNX graph of onnxruntime's fused operators, written without an exporter.

The fused operators (domain com.microsoft) are what makes a small model fast on a CPU: GroupQueryAttention
takes packed queries, keys and values, rotates them, and writes keys and values into the very buffer it reads
them from; SkipSimplifiedLayerNormalization adds the residual on the way. Their contracts:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md

Inputs   input_ids (B, S) int64 · seqlens_k (B,) int32, all tokens minus one · total_seq () int32, all tokens
         logit_from (1,) int64, the first of the S rows that gets logits · past_k0, past_v0 … (B, KV, P, D)
Outputs  logits (B, R, V) · next (B, R) int64, the best token of each row · pres_k0, pres_v0 … (B, KV, P, D)

with S new tokens, R rows with logits, V vocabulary, KV key-value heads, D width of a head, P buffer length. A
batch B above one (several continuations of one prompt) may only take single steps, S = 1.

How matrices are stored and multiplied is an Encoding (encodings.py): a quantised variant is another one, and
nothing else of the graph changes.

Not here: reading checkpoints (checkpoint.py), running the graph (model/serving/session.py).
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from model.export.checkpoint import Architecture, Array, Weights, rotary_frequencies

_FUSED = "com.microsoft"
# The oldest versions that have all that is used here, so that older runtimes can still read the file.
_OPSET = 21
_IR_VERSION = 10


class Graph:
    """Nodes and constants in the order they are added; the string returned names the value.

    `floats` is the type that the graph computes in, float32 or float16.
    """

    def __init__(self, floats: npt.DTypeLike = np.float32) -> None:
        self.floats = np.dtype(floats)
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Store an array in the file; floats in the type that the graph computes in."""
        if value.dtype.kind == "f":
            value = value.astype(self.floats)
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


class Encoding(Protocol):
    """How matrices lie in the file and are multiplied. All take and return names of values."""

    @property
    def floats(self) -> npt.DTypeLike:
        """Type of activations, keys and values: float32 or float16. Logits are float32 always."""

    def linear(self, graph: Graph, name: str, x: str, weight: Array, bias: Array | None = None) -> str:
        """x (…, inputs) times weight (outputs, inputs) transposed, plus bias (outputs,): (…, outputs)."""

    def embed(self, graph: Graph, name: str, ids: str, weight: Array) -> str:
        """Rows of weight (V, hidden) for ids (1, S): (1, S, hidden)."""

    def head(self, graph: Graph, name: str, x: str, weight: Array, *, tied: bool) -> str:
        """float32 logits (1, R, V) of x (1, R, hidden); a tied weight is that of `embed`, stored once."""


def build(architecture: Architecture, weights: Weights, encoding: Encoding) -> ModelProto:
    """The whole graph, weights inside."""
    a, graph = architecture, Graph(encoding.floats)
    _rotary_tables(graph, a)
    residual = encoding.embed(graph, "x0", "input_ids", weights["model.embed_tokens.weight"])
    first = graph.constant("norm0", weights["model.layers.0.input_layernorm.weight"])
    normed = graph.node(
        "SimplifiedLayerNormalization", [residual, first], ["h0"], axis=-1, epsilon=a.epsilon, stash_type=1
    )
    for layer in range(a.layers):
        normed, residual = _layer(graph, encoding, a, weights, layer, normed, residual)
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
    matrix = weights["model.embed_tokens.weight" if a.tied else "lm_head.weight"]
    logits = encoding.head(graph, "logits", wanted, matrix, tied=a.tied)
    graph.node("ArgMax", [logits], ["next"], axis=-1, keepdims=0)
    return _close(graph, a)


def _rotary_tables(graph: Graph, a: Architecture) -> None:
    """Cosine and sine of every position's angles, shape (positions, D / 2)."""
    frequencies, factor = rotary_frequencies(a)
    angles = np.outer(np.arange(a.positions), frequencies)
    graph.constant("cos", (np.cos(angles) * factor).astype(np.float32))
    graph.constant("sin", (np.sin(angles) * factor).astype(np.float32))


def _layer(
    graph: Graph,
    encoding: Encoding,
    a: Architecture,
    weights: Weights,
    layer: int,
    normed: str,
    residual: str,
) -> tuple[str, str]:
    """One block: attention, then SwiGLU. Takes and returns (normalised input, residual stream)."""
    at, n = f"model.layers.{layer}", layer

    def project(name: str, x: str, which: str) -> str:
        return encoding.linear(
            graph, name, x, weights[f"{at}.{which}.weight"], weights.get(f"{at}.{which}.bias")
        )

    scale, folded = attention_scale(a)
    factors = {"q": np.float32(folded), "k": np.float32(1), "v": np.float32(1)}
    packed = np.concatenate([weights[f"{at}.self_attn.{c}_proj.weight"] * f for c, f in factors.items()])
    bias = None
    if a.qkv_bias:
        bias = np.concatenate([weights[f"{at}.self_attn.{c}_proj.bias"] * f for c, f in factors.items()])
    qkv = encoding.linear(graph, f"qkv{n}", normed, packed, bias)
    inputs = _queries_keys_values(graph, a, weights, layer, qkv)
    attended = graph.fused(
        "GroupQueryAttention",
        [*inputs, f"past_k{n}", f"past_v{n}", "seqlens_k", "total_seq", "cos", "sin"],
        [f"attended{n}", f"pres_k{n}", f"pres_v{n}"],
        num_heads=a.heads,
        kv_num_heads=a.kv_heads,
        scale=scale,
        do_rotary=1,
        rotary_interleaved=0,
    )
    attended = project(f"o{n}", attended, "self_attn.o_proj")
    norm = weights[f"{at}.post_attention_layernorm.weight"]
    middle, residual = _add_and_norm(graph, a, f"m{n}", residual, attended, norm)
    gate = project(f"gate{n}", middle, "mlp.gate_proj")
    up = project(f"up{n}", middle, "mlp.up_proj")
    swish = graph.node("Mul", [gate, graph.node("Sigmoid", [gate], [f"sigmoid{n}"])], [f"swish{n}"])
    product = graph.node("Mul", [swish, up], [f"product{n}"])
    down = project(f"down{n}", product, "mlp.down_proj")
    last = layer + 1 == a.layers
    norm = weights["model.norm.weight" if last else f"model.layers.{layer + 1}.input_layernorm.weight"]
    return _add_and_norm(graph, a, f"x{n + 1}", residual, down, norm, keep_sum=not last)


def attention_scale(a: Architecture) -> tuple[float, float]:
    """The factor that the attention operator applies to scores, and the one that the queries' weights carry.

    onnxruntime multiplies one query by all keys with a fast kernel only when it need not scale the product
    (a seventh less for a step at 1,024 tokens, LOG.md). So the factor moves into the weights where that is
    exact, which it is for powers of two and where no norm stands between weights and scores.
    """
    whole = a.head_dim**-0.5
    exact = math.frexp(whole)[0] == 0.5 and not a.qk_norm
    return (1.0, whole) if exact else (whole, 1.0)


def _queries_keys_values(
    graph: Graph, a: Architecture, weights: Weights, layer: int, qkv: str
) -> tuple[str, str, str]:
    """What the attention operator takes: all three packed, or each by itself where heads are normalised."""
    if not a.qk_norm:
        return qkv, "", ""
    at, n = f"model.layers.{layer}.self_attn", layer
    widths = np.array([a.heads, a.kv_heads, a.kv_heads], np.int64) * a.head_dim
    parts = [f"q{n}", f"k{n}", f"v{n}"]
    graph.node("Split", [qkv, graph.constant(f"qkv{n}.widths", widths)], parts, axis=-1)
    # (1, S, H * D) -> (1, S, H, D), so that each head has its own norm; and back.
    flat = graph.constant(f"qkv{n}.flat", np.array([0, 0, -1], np.int64))
    for place, heads in ((0, a.heads), (1, a.kv_heads)):
        name = parts[place]
        shape = graph.constant(f"{name}.shape", np.array([0, 0, heads, a.head_dim], np.int64))
        apart = graph.node("Reshape", [name, shape], [f"{name}.heads"])
        norm = graph.constant(f"{name}.norm", weights[f"{at}.{'qk'[place]}_norm.weight"])
        normed = graph.node(
            "SimplifiedLayerNormalization", [apart, norm], [f"{name}.normed"],
            axis=-1, epsilon=a.epsilon, stash_type=1,
        )  # fmt: skip
        parts[place] = graph.node("Reshape", [normed, flat], [f"{name}.flat"])
    return parts[0], parts[1], parts[2]


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
    floats = helper.np_dtype_to_tensor_dtype(graph.floats)
    inputs = [
        value("input_ids", TensorProto.INT64, ["B", "S"]),
        value("seqlens_k", TensorProto.INT32, ["B"]),
        value("total_seq", TensorProto.INT32, []),
        value("logit_from", TensorProto.INT64, [1]),
    ]
    outputs = [
        value("logits", TensorProto.FLOAT, ["B", "R", a.vocabulary]),
        value("next", TensorProto.INT64, ["B", "R"]),
    ]
    for layer in range(a.layers):
        for c in "kv":
            shape: list[int | str | None] = ["B", a.kv_heads, "P", a.head_dim]
            inputs.append(value(f"past_{c}{layer}", floats, shape))
            outputs.append(value(f"pres_{c}{layer}", floats, shape))
    return helper.make_model(
        helper.make_graph(graph.nodes, "tabwright", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)],
        ir_version=_IR_VERSION,
    )
