"""How the graph's matrices are stored and multiplied: one Encoding for each kind of variant.

Plain      float32, or float16 for a GPU
Blockwise  8 or 4 bits and a scale for each block of a row; activations are quantised by the block as well
Dynamic    7 bits and a scale for each row; activations get 8 bits and one scale for a whole step

A quantised embedding is stored once, by blocks, and read by two operators: GatherBlockQuantized looks rows
up, and MatMulNBits multiplies by it where the head is tied.

Why 7 bits: on x86 without VNNI, products of unsigned and signed bytes are summed in pairs at 16 bits, which
saturates (`vpmaddubsw`); with 8 bits a trained network is then lost (measured: perplexity 18 became 534).
Weights of at most 64 cannot: 2 x 255 x 64 = 32,640, and 16 bits reach 32,767. So every processor computes the
same, and nothing has to be detected where a model is served. Beside the activations' error, the lost bit does
not show.

Not here: the arithmetic of quantising (quantize.py), the rest of the graph (onnx_graph.py), the list of
variants (variants.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from model.export.checkpoint import Array
from model.export.onnx_graph import Graph
from model.export.quantize import by_block, by_row

# The widest weight of Dynamic; see above.
TOP = 64
_LEAST_BLOCK = 16  # of GatherBlockQuantized and MatMulNBits


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Matrices as they are, in the type that the graph computes in."""

    floats: npt.DTypeLike = np.float32

    def linear(self, graph: Graph, name: str, x: str, weight: Array, bias: Array | None = None) -> str:
        """MatMul; the weight lies transposed in the file, so that nothing is transposed at load."""
        transposed = graph.constant(f"{name}.weight", weight.T)
        if bias is None:
            return graph.node("MatMul", [x, transposed], [name])
        product = graph.node("MatMul", [x, transposed], [f"{name}.product"])
        return graph.node("Add", [product, graph.constant(f"{name}.bias", bias)], [name])

    def embed(self, graph: Graph, name: str, ids: str, weight: Array) -> str:
        """Rows of the matrix."""
        return graph.node("Gather", [graph.constant("embedding.weight", weight), ids], [name])

    def head(self, graph: Graph, name: str, x: str, weight: Array, *, tied: bool) -> str:
        """The embedding as it lies in the file serves twice: a transposed copy would double its bytes."""
        half = graph.floats == np.float16
        product = f"{name}.half" if half else name
        if tied:
            graph.fused("FusedMatMul", [x, "embedding.weight"], [product], transB=1)
        else:
            self.linear(graph, product, x, weight)
        return graph.node("Cast", [product], [name], to=TensorProto.FLOAT) if half else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Blockwise:
    """MatMulNBits with `bits` 8 or 4, multiplied in int8; blocks of `block` inputs, less where that fits.

    int8 products (accuracy_level 4) because those in float32 are many times slower in a step at 8 bits, and
    no better at 4.
    """

    bits: int
    block: int = 64
    floats: ClassVar[npt.DTypeLike] = np.float32

    def linear(self, graph: Graph, name: str, x: str, weight: Array, bias: Array | None = None) -> str:
        """A product with quantised blocks."""
        codes, scales = by_block(weight, bits=self.bits, block=self._block(weight))
        graph.constant(f"{name}.codes", codes)
        graph.constant(f"{name}.scales", scales)
        return self._multiply(graph, name, x, name, weight, bias)

    def embed(self, graph: Graph, name: str, ids: str, weight: Array) -> str:
        """Rows of the matrix, dequantised; what pads them to whole blocks is cut off again."""
        block, hidden = self._block(weight), weight.shape[1]
        codes, scales = by_block(weight, bits=self.bits, block=block)
        graph.constant("embedding.codes", codes)
        graph.constant("embedding.scales", scales)
        # GatherBlockQuantized wants scales with as many axes as codes, MatMulNBits with one less.
        axes = graph.constant(f"{name}.axes", np.array([0, 0, 1], np.int64))
        deep = graph.node("Reshape", ["embedding.scales", axes], [f"{name}.scales"])
        blocks = graph.fused(
            "GatherBlockQuantized", ["embedding.codes", ids, deep], [f"{name}.blocks"],
            bits=self.bits, block_size=block, gather_axis=0, quantize_axis=2,
        )  # fmt: skip
        padded = codes.shape[1] * block
        shape = graph.constant(f"{name}.shape", np.array([0, 0, padded], np.int64))
        if padded == hidden:
            return graph.node("Reshape", [blocks, shape], [name])
        cut = {"start": 0, "end": hidden, "axis": 2}
        limits = [graph.constant(f"{name}.{key}", np.array([at], np.int64)) for key, at in cut.items()]
        return graph.node(
            "Slice", [graph.node("Reshape", [blocks, shape], [f"{name}.padded"]), *limits], [name]
        )

    def head(self, graph: Graph, name: str, x: str, weight: Array, *, tied: bool) -> str:
        """Reads the embedding's own codes where tied."""
        if tied:
            return self._multiply(graph, name, x, "embedding", weight, None)
        return self.linear(graph, name, x, weight)

    def _multiply(
        self, graph: Graph, name: str, x: str, stored: str, weight: Array, bias: Array | None
    ) -> str:
        inputs = [x, f"{stored}.codes", f"{stored}.scales"]
        if bias is not None:
            inputs += ["", "", graph.constant(f"{name}.bias", bias)]
        outputs, width = weight.shape
        return graph.fused(
            "MatMulNBits", inputs, [name],
            N=outputs, K=width, bits=self.bits, block_size=self._block(weight), accuracy_level=4,
        )  # fmt: skip

    def _block(self, weight: Array) -> int:
        """The largest block up to the wanted one that pads nothing, if there is one."""
        block = self.block
        while block > _LEAST_BLOCK and weight.shape[1] % block:
            block //= 2
        return block


@dataclass(frozen=True, slots=True, kw_only=True)
class Dynamic:
    """DynamicQuantizeMatMul; embedding and head are `ends`, and so are products named `exceptions`.

    Results of a row depend a little on the rows computed with it, because all share one scale.
    """

    ends: Blockwise = Blockwise(bits=8)
    exceptions: tuple[str, ...] = ()
    floats: ClassVar[npt.DTypeLike] = np.float32

    def linear(self, graph: Graph, name: str, x: str, weight: Array, bias: Array | None = None) -> str:
        """A product in int8 throughout. Names end in the layer's number."""
        if name.rstrip("0123456789") in self.exceptions:
            return self.ends.linear(graph, name, x, weight, bias)
        codes, scales = by_row(weight, top=TOP)
        inputs = [
            x,
            graph.constant(f"{name}.codes", codes.T),
            graph.constant(f"{name}.scales", scales),
            graph.constant(f"{name}.zeros", np.zeros(len(codes), np.int8)),
        ]
        if bias is not None:
            inputs.append(graph.constant(f"{name}.bias", bias))
        return graph.fused("DynamicQuantizeMatMul", inputs, [name])

    def embed(self, graph: Graph, name: str, ids: str, weight: Array) -> str:
        """Rows dequantised by blocks."""
        return self.ends.embed(graph, name, ids, weight)

    def head(self, graph: Graph, name: str, x: str, weight: Array, *, tied: bool) -> str:
        """By blocks: it decides alone what is said, and runs for one row or a few."""
        return self.ends.head(graph, name, x, weight, tied=tied)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """One Blockwise for the layers, another for embedding and head, which coarse blocks hurt most."""

    layers: Blockwise
    ends: Blockwise
    floats: ClassVar[npt.DTypeLike] = np.float32

    def linear(self, graph: Graph, name: str, x: str, weight: Array, bias: Array | None = None) -> str:
        """As the layers'."""
        return self.layers.linear(graph, name, x, weight, bias)

    def embed(self, graph: Graph, name: str, ids: str, weight: Array) -> str:
        """As the ends'."""
        return self.ends.embed(graph, name, ids, weight)

    def head(self, graph: Graph, name: str, x: str, weight: Array, *, tied: bool) -> str:
        """As the ends'."""
        return self.ends.head(graph, name, x, weight, tied=tied)


FP32 = Plain()
