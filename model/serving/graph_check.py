"""Is an ONNX file a graph that Tabwright writes? Asked before onnxruntime sees it.

A checksum only says that a folder's files belong together; whoever makes a folder makes its checksums. And
onnxruntime runs whatever a file says: it opens other files for weights, loops, and takes the sizes that a
file declares for its buffers. So a file must consist of what `model/export/onnx_graph.py` writes and of
nothing else. Refused are: weights in other files, subgraphs and functions (onnx_file.py), operators and
attributes that are not in the table below, an operator whose matrices have not the sizes that its attributes
say, shapes that do not follow from those before them, and what would need too much memory to run.

Not here: the files of a folder and their checksums (release.py), whether the numbers mean anything.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

from model.serving.onnx_file import (
    BYTES_OF,
    FLOAT,
    HALF,
    INT8,
    INT32,
    INT64,
    UINT8,
    GraphError,
    Node,
    Shape,
    Tensor,
    read_onnx,
)

_MOST_WIDTH = 1 << 17  # numbers in a row of all new tokens
_MOST_TOKENS = 1 << 20  # numbers in a row of those that get logits: the vocabulary
_MOST_SCORES = 1 << 21  # heads times window: one token's attention scores
_MOST_KEPT = 2 << 30  # bytes of the keys and values of one text
_MOST_COMPUTED = 1 << 20  # numbers in the rows of all values together, and one more for each of these bytes
_BYTES_FOR_ONE = 256  # of weights: every matrix is read once, and then gives far less than it holds
_MOST_PRODUCTS = 4  # for each byte of weights: those of 4 bits need two

_FUSED = "com.microsoft"
_OPSETS = {"": 21, _FUSED: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a graph's matrices say of the network: sizes that meta.json may not exceed."""

    vocabulary: int
    positions: int  # that the rotary tables reach
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    float_bytes: int

    def refuse_window(self, window: int) -> None:
        """Raise GraphError for a window, in tokens, that is too long for the network or for the memory."""
        if window > self.positions:
            raise GraphError(f"reaches {self.positions} positions, but its window is {window}")
        kept = 2 * self.layers * self.kv_heads * self.head_dim * self.float_bytes * window
        if kept > _MOST_KEPT or self.heads * window > _MOST_SCORES:
            raise GraphError(
                f"would keep {kept / 1e9:.1f} GB for its window of {window} tokens, which is too much"
            )


class _Graph:
    """What is known of the values so far: constants, and shapes of what is computed from them."""

    def __init__(self, constants: dict[str, Tensor], inputs: dict[str, tuple[int, Shape]]) -> None:
        self.constants = constants
        self.inputs = inputs
        past = inputs["past_k0"][1]
        self.past: Shape = ("B", past[1], "P", past[3])
        self.shapes: dict[str, Shape] = {
            name: self.past if name.startswith("past_") else shape for name, (_, shape) in inputs.items()
        }
        self.shapes |= {name: tensor.dims for name, tensor in constants.items()}
        self.embedded = 0  # rows of the embedding
        self.positions: list[int] = []
        self.heads: list[int] = []
        self.computed = 0  # numbers of one new token
        self.products = 0

    def constant(self, name: str, *dims: int, kinds: tuple[int, ...] = (FLOAT, HALF)) -> None:
        """It must be a constant of these sizes."""
        tensor = self.constants.get(name)
        if tensor is None or tensor.dims != dims or tensor.kind not in kinds:
            raise GraphError(f"has a {name!r} of other sizes than the operator that reads it needs")

    def matrix(self, name: str, kind: int | None = None) -> tuple[int, int]:
        """The sizes of a constant with two axes."""
        tensor = self.constants.get(name)
        kinds = (FLOAT, HALF) if kind is None else (kind,)
        if tensor is None or len(tensor.dims) != 2 or tensor.kind not in kinds:
            raise GraphError(f"has a {name!r} that is no matrix")
        return tensor.dims[0], tensor.dims[1]

    def integers(self, name: str) -> tuple[int, ...]:
        """The numbers of a short constant."""
        tensor = self.constants.get(name)
        if tensor is None or tensor.kind != INT64 or len(tensor.dims) != 1 or tensor.dims[0] > 4:
            raise GraphError(f"has a {name!r} that is no short list of whole numbers")
        return struct.unpack(f"<{tensor.dims[0]}q", tensor.data)

    def hidden(self, name: str, width: int | None = None) -> int:
        """The width of a computed value (B, S, width)."""
        shape = self.shapes.get(name, ())
        found = shape[-1] if len(shape) == 3 and name not in self.constants else None
        if not isinstance(found, int) or width not in (None, found):
            raise GraphError(f"has a value {name!r} that does not fit the operator that reads it")
        return found

    def alike(self, a: str, b: str) -> int:
        """The width of two computed values of the same shape."""
        width = self.hidden(a)
        if self.shapes[a] != self.shapes[b] or b in self.constants:
            raise GraphError(f"joins {a!r} and {b!r}, which have different shapes")
        return width


def check_graph(data: bytes) -> Facts:
    """Read an ONNX file's bytes through. Raises GraphError for one that Tabwright has not written."""
    file = read_onnx(data)
    for domain, version in file.operators.items():
        if _OPSETS.get(domain) != version:
            raise GraphError(f"uses version {version} of the operators {domain!r}")
    layers = _refuse_other_inputs(file.inputs)
    graph = _Graph(file.constants, file.inputs)
    for node in file.nodes:
        _run(graph, node)
    weights = sum(len(tensor.data) for tensor in file.constants.values())
    computed = _MOST_COMPUTED + weights // _BYTES_FOR_ONE
    if graph.computed > computed or graph.products > _MOST_PRODUCTS * weights:
        raise GraphError("computes far more than its weights are for, which takes too much memory or time")
    return _facts(graph, file.outputs, layers)


def _refuse_other_inputs(inputs: dict[str, tuple[int, Shape]]) -> int:
    """How many layers there are keys and values of; every input must be one that a session binds."""
    layers = (len(inputs) - 4) // 2
    wanted = {"input_ids": INT64, "seqlens_k": INT32, "total_seq": INT32, "logit_from": INT64}
    past = [f"past_{c}{layer}" for layer in range(max(1, layers)) for c in "kv"]
    if inputs.keys() != {*wanted, *past} or any(inputs[name][0] != kind for name, kind in wanted.items()):
        raise GraphError("takes other inputs")
    kinds = {inputs[name][0] for name in past}
    shapes = {inputs[name][1] for name in past}
    sizes = next(iter(shapes))
    if len(kinds) != 1 or not kinds <= {FLOAT, HALF} or len(shapes) != 1 or len(sizes) != 4:
        raise GraphError("has keys and values that differ from each other")
    if not isinstance(sizes[1], int) or not isinstance(sizes[3], int):
        raise GraphError("has keys and values without a size")
    expected: dict[str, Shape] = {
        "input_ids": ("B", "S"),
        "seqlens_k": ("B",),
        "total_seq": (),
        "logit_from": (1,),
        "past_k0": ("B", sizes[1], "P", sizes[3]),
    }
    if not all(_declares(inputs[name][1], shape) for name, shape in expected.items()):
        raise GraphError("takes inputs of other shapes")
    return layers


def _declares(declared: Shape, computed: Shape) -> bool:
    """Whether a shape stands in the file as it is computed; exports of format 1 say 1 for B."""
    return len(declared) == len(computed) and all(
        one == other if isinstance(other, int) else isinstance(one, str) or (other == "B" and one == 1)
        for one, other in zip(declared, computed, strict=True)
    )


def _facts(graph: _Graph, outputs: dict[str, tuple[int, Shape]], layers: int) -> Facts:
    kind, (_, kv_heads, _, head_dim) = graph.inputs["past_k0"]
    assert isinstance(kv_heads, int)
    assert isinstance(head_dim, int)
    wanted = {"logits", "next"} | {f"pres_{c}{layer}" for layer in range(layers) for c in "kv"}
    if outputs.keys() != wanted or len(graph.heads) != layers:
        raise GraphError("gives other outputs")
    for name, (found, shape) in outputs.items():
        expected = {"logits": FLOAT, "next": INT64}.get(name, kind)
        if found != expected or not _declares(shape, graph.shapes.get(name, ())):
            raise GraphError(f"declares another shape of {name!r} than it computes")
    vocabulary = graph.embedded
    if graph.shapes["logits"] != ("B", "R", vocabulary) or graph.shapes["next"] != ("B", "R"):
        raise GraphError("gives logits of other tokens than it reads")
    return Facts(
        vocabulary=vocabulary,
        positions=min(graph.positions),
        layers=layers,
        heads=max(graph.heads),
        kv_heads=kv_heads,
        head_dim=head_dim,
        float_bytes=BYTES_OF[kind],
    )


# What each operator takes and gives


def _run(graph: _Graph, node: Node) -> None:
    if node.operator not in _RULES:
        raise GraphError(f"uses the operator {node.operator!r}")
    rule, counts, attributes = _RULES[node.operator]
    if len(node.inputs) not in counts or node.attributes.keys() != attributes.keys():
        raise GraphError(f"uses the operator {node.operator!r} in a way of its own")
    if any(wanted not in (None, node.attributes[key]) for key, wanted in attributes.items()):
        raise GraphError(f"uses the operator {node.operator!r} with other attributes")
    if unknown := [name for name in node.inputs if name and name not in graph.shapes]:
        raise GraphError(f"reads {unknown[0]!r} before anything computes it")
    shapes = rule(graph, node)
    named = [name for name in node.outputs if name]
    if (
        len(shapes) != len(node.outputs)
        or named != [*dict.fromkeys(named)]
        or graph.shapes.keys() & set(named)
    ):
        raise GraphError(f"uses the operator {node.operator!r} with other outputs")
    for name, shape in zip(node.outputs, shapes, strict=True):
        if name:
            graph.shapes[name] = shape
    for shape in shapes:
        if shape[:1] != ("B",):
            continue  # a constant in another shape is as large as it was
        width = math.prod(size for size in shape[2:] if isinstance(size, int))
        graph.computed += width if shape[1] in ("S", "R") else 0
        if width > (_MOST_TOKENS if shape[1] == "R" else _MOST_WIDTH):
            raise GraphError(f"computes rows of {width} numbers, which are too wide")


def _rows(graph: _Graph, name: str) -> Shape:
    return graph.shapes[name][:2]


def _product(graph: _Graph, x: str, inputs: int, outputs: int) -> list[Shape]:
    graph.hidden(x, inputs)
    graph.products += inputs * outputs
    return [(*_rows(graph, x), outputs)]


def _matmul(graph: _Graph, node: Node) -> list[Shape]:
    x, weight = node.inputs
    return _product(graph, x, *graph.matrix(weight))


def _matmul_transposed(graph: _Graph, node: Node) -> list[Shape]:
    x, weight = node.inputs
    outputs, inputs = graph.matrix(weight)
    return _product(graph, x, inputs, outputs)


def _matmul_dynamic(graph: _Graph, node: Node) -> list[Shape]:
    x, codes, scales, zeros, *bias = node.inputs
    inputs, outputs = graph.matrix(codes, INT8)
    graph.constant(scales, outputs)
    graph.constant(zeros, outputs, kinds=(INT8,))
    for one in bias:
        graph.constant(one, outputs)
    return _product(graph, x, inputs, outputs)


def _matmul_blocks(graph: _Graph, node: Node) -> list[Shape]:
    x, codes, scales, *more = node.inputs
    outputs, inputs, bits, block = (int(node.attributes[key]) for key in ("N", "K", "bits", "block_size"))
    _refuse_blocks(bits, block)
    blocks = -(-inputs // block)
    graph.constant(codes, outputs, blocks, block * bits // 8, kinds=(UINT8,))
    graph.constant(scales, outputs, blocks)
    if more:
        if more[:2] != ["", ""]:
            raise GraphError("multiplies blocks with zero points")
        graph.constant(more[2], outputs)
    return _product(graph, x, inputs, outputs)


def _gather_blocks(graph: _Graph, node: Node) -> list[Shape]:
    codes, ids, scales = node.inputs
    bits, block = (int(node.attributes[key]) for key in ("bits", "block_size"))
    _refuse_blocks(bits, block)
    rows, blocks, *_ = shape = graph.shapes[scales]
    if ids != "input_ids" or shape != (rows, blocks, 1) or isinstance(rows, str) or isinstance(blocks, str):
        raise GraphError("looks something else up than tokens")
    graph.constant(codes, rows, blocks, block * bits // 8, kinds=(UINT8,))
    graph.embedded = rows
    return [("B", "S", blocks, block)]


def _refuse_blocks(bits: int, block: int) -> None:
    if bits not in (4, 8) or block not in (16, 32, 64, 128, 256):
        raise GraphError(f"has blocks of {block} numbers with {bits} bits")


def _gather(graph: _Graph, node: Node) -> list[Shape]:
    weight, ids = node.inputs
    graph.embedded, width = graph.matrix(weight)
    if ids != "input_ids":
        raise GraphError("looks something else up than tokens")
    return [("B", "S", width)]


def _norm(graph: _Graph, node: Node) -> list[Shape]:
    x, weight = node.inputs
    shape = graph.shapes[x]
    if x in graph.constants or len(shape) not in (3, 4) or not isinstance(shape[-1], int):
        raise GraphError(f"has a value {x!r} that does not fit the operator that reads it")
    graph.constant(weight, shape[-1])
    return [shape]


def _add_norm(graph: _Graph, node: Node) -> list[Shape]:
    residual, update, weight = node.inputs
    graph.constant(weight, graph.alike(residual, update))
    shape = graph.shapes[residual]
    return [shape] if len(node.outputs) == 1 else [shape, (), (), shape]


def _attention(graph: _Graph, node: Node) -> list[Shape]:
    q, k, v, past_k, past_v, lengths, total, cos, sin = node.inputs
    heads, kv_heads = (int(node.attributes[key]) for key in ("num_heads", "kv_num_heads"))
    layer = len(graph.heads)
    expected = [f"past_k{layer}", f"past_v{layer}", "seqlens_k", "total_seq"]
    if [past_k, past_v, lengths, total] != expected or node.outputs[1:] != [f"pres_{c}{layer}" for c in "kv"]:
        raise GraphError("keeps keys and values in another order")
    past = graph.shapes[past_k]
    if past[1] != kv_heads or not 1 <= kv_heads <= heads or heads % kv_heads:
        raise GraphError(f"shares {kv_heads} key-value heads among {heads}")
    width = past[3]
    assert isinstance(width, int)
    if width % 16 or not 16 <= width <= 1024:
        raise GraphError(f"has heads of width {width}")
    if k or v:
        for name, count in ((q, heads), (k, kv_heads), (v, kv_heads)):
            graph.hidden(name, count * width)
    else:
        graph.hidden(q, (heads + 2 * kv_heads) * width)
    positions, _ = graph.matrix(cos)
    for table in (cos, sin):
        graph.constant(table, positions, width // 2)
    graph.positions.append(positions)
    graph.heads.append(heads)
    if {_rows(graph, name) for name in (q, k, v) if name} != {("B", "S")}:
        raise GraphError("attends to something else than all new tokens")
    return [("B", "S", heads * width), past, past]


def _multiply(graph: _Graph, node: Node) -> list[Shape]:
    a, b = node.inputs
    graph.alike(a, b)
    return [graph.shapes[a]]


def _add_bias(graph: _Graph, node: Node) -> list[Shape]:
    x, bias = node.inputs
    graph.constant(bias, graph.hidden(x))
    return [graph.shapes[x]]


def _same(graph: _Graph, node: Node) -> list[Shape]:
    graph.hidden(node.inputs[0])
    return [graph.shapes[node.inputs[0]]]


def _reshape(graph: _Graph, node: Node) -> list[Shape]:
    """The first two axes stay; the rest is cut up otherwise."""
    x, target = node.inputs
    shape, (*kept, last) = graph.shapes[x], graph.integers(target) or (0,)
    rest = [size for size in shape[2:] if isinstance(size, int)]
    whole = math.prod(rest)
    wanted = [*kept[2:], whole if last == -1 and len(kept) == 2 else last]
    if len(shape) < 2 or len(rest) != len(shape) - 2 or kept[:2] != [0, 0] or min(wanted) < 1:
        raise GraphError(f"gives {x!r} another shape in a way of its own")
    if math.prod(wanted) != whole:
        raise GraphError(f"gives {x!r} a shape of another size")
    return [(*shape[:2], *wanted)]


def _split(graph: _Graph, node: Node) -> list[Shape]:
    x, widths = node.inputs
    found = graph.integers(widths)
    if min(found, default=0) < 1 or sum(found) != graph.hidden(x):
        raise GraphError(f"splits {x!r} into other widths than it has")
    return [(*_rows(graph, x), width) for width in found]


def _slice(graph: _Graph, node: Node) -> list[Shape]:
    """Either rows from the first that gets logits on, or what pads an embedding off."""
    x, start, end, axis = node.inputs
    width = graph.hidden(x)
    along, (last, *more) = graph.integers(axis), graph.integers(end)
    if start == "logit_from" and along == (1,) and not more and last > 1 << 30:
        return [("B", "R", width)]
    if along != (2,) or more or graph.integers(start) != (0,) or not 1 <= last <= width:
        raise GraphError(f"cuts {x!r} in a way of its own")
    return [(*_rows(graph, x), last)]


def _best(graph: _Graph, node: Node) -> list[Shape]:
    graph.hidden(node.inputs[0])
    return [_rows(graph, node.inputs[0])]


_Rule = Callable[[_Graph, Node], list[Shape]]
# By operator: the rule, how many inputs it may have, and its attributes: those that are always the same with
# their value, others with None.
_RULES: dict[str, tuple[_Rule, tuple[int, ...], dict[str, float | None]]] = {
    "Add": (_add_bias, (2,), {}),
    "ArgMax": (_best, (1,), {"axis": -1, "keepdims": 0}),
    "Cast": (_same, (1,), {"to": FLOAT}),
    "Gather": (_gather, (2,), {}),
    "MatMul": (_matmul, (2,), {}),
    "Mul": (_multiply, (2,), {}),
    "Reshape": (_reshape, (2,), {}),
    "Sigmoid": (_same, (1,), {}),
    "SimplifiedLayerNormalization": (_norm, (2,), {"axis": -1, "epsilon": None, "stash_type": 1}),
    "Slice": (_slice, (4,), {}),
    "Split": (_split, (2,), {"axis": -1}),
    f"{_FUSED}.DynamicQuantizeMatMul": (_matmul_dynamic, (4, 5), {}),
    f"{_FUSED}.FusedMatMul": (_matmul_transposed, (2,), {"transB": 1}),
    f"{_FUSED}.GatherBlockQuantized": (
        _gather_blocks, (3,), {"bits": None, "block_size": None, "gather_axis": 0, "quantize_axis": 2}
    ),
    f"{_FUSED}.GroupQueryAttention": (
        _attention, (9,),
        {"num_heads": None, "kv_num_heads": None, "scale": None, "do_rotary": 1, "rotary_interleaved": 0},
    ),
    f"{_FUSED}.MatMulNBits": (
        _matmul_blocks, (3, 6), {"N": None, "K": None, "bits": None, "block_size": None, "accuracy_level": 4}
    ),
    f"{_FUSED}.SkipSimplifiedLayerNormalization": (_add_norm, (3,), {"epsilon": None}),
}  # fmt: skip
