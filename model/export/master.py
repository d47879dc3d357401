"""The weights of a released model as float32 arrays again: whatever its variant, it is the master copy.

A quantised matrix comes back as the numbers that the graph multiplies by, so nothing more is lost, and a
network made of them is the released one. (An int8 variant's `up` and `down` may differ from the checkpoint's
by powers of two that cancel out, smooth.py.)

A training run may begin with them, where the network is one that Tabwright trains.

Not here: writing them in another format (hf.py, gguf.py).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from model.errors import ModelError
from model.export.checkpoint import Architecture, Array, Weights, expected_shapes
from model.export.quantize import from_blocks, from_rows
from model.serving.release import META, file_sha256, read_meta, read_release
from model.training.config import Shape
from model.training.start import Start


def read_master(folder: Path) -> tuple[Architecture, Weights]:
    """The network of a release and its weights by their names in model.safetensors, float32.

    Raises ModelError for a folder that is no whole release, or a graph that is not of this network.
    """
    release = read_release(folder)
    architecture = _architecture(release.architecture, folder / META)
    try:
        stored = _Stored.read(release.graph)
        weights = _weights(architecture, stored)
    except (DecodeError, KeyError, ValueError, IndexError, TypeError, StopIteration) as error:
        raise ModelError(
            f"{release.graph} does not hold the weights of the network in {META} "
            f"({type(error).__name__}: {error}); export the model again"
        ) from error
    for name, shape in expected_shapes(architecture).items():
        if weights[name].shape != shape:
            raise ModelError(
                f"{release.graph}: {name} has shape {weights[name].shape}, but {META} means {shape}; "
                "export the model again"
            )
    return architecture, weights


def read_start(folder: Path) -> Start:
    """A release as the start of a training run, with what its meta.json says of what it has read.

    Raises ModelError as `read_master` does, and for a network that Tabwright does not train.
    """
    release = read_release(folder)
    architecture, weights = read_master(folder)
    a = architecture
    ours = Architecture(
        model_type="llama", hidden=a.hidden, layers=a.layers, heads=a.heads, kv_heads=a.kv_heads,
        head_dim=a.head_dim, mlp=a.mlp, vocabulary=a.vocabulary, positions=a.positions, rope_theta=10_000.0,
        epsilon=1e-5, tied=True,
    )  # fmt: skip
    if strange := sorted(name for name, value in asdict(a).items() if value != getattr(ours, name)):
        raise ModelError(
            f"{folder} is a network that Tabwright does not train (it differs in {', '.join(strange)}); "
            "begin with a model of `tabwright train`"
        )
    meta = read_meta(folder)
    facts: dict[str, Any] = {
        "name": release.name,
        "checksum": file_sha256(folder / META),
        "corpus": {**release.corpus, "licenses": release.licenses},
        **{key: meta[key] for key in ("tokens_seen", "flops", "recipe", "began_with") if key in meta},
    }
    shape = Shape(
        width=a.hidden, layers=a.layers, heads=a.heads, kv_heads=a.kv_heads, feed_forward=a.mlp,
        head_dim=a.head_dim,
    )  # fmt: skip
    return Start(
        folder=folder,
        shape=shape,
        positions=a.positions,
        tokenizer_sha256=release.tokenizer_sha256,
        weights=weights,
        facts=facts,
    )


def _architecture(values: dict[str, Any], path: Path) -> Architecture:
    try:
        architecture = Architecture(**values)
        expected_shapes(architecture)  # sizes that are none end here
    except TypeError as error:
        raise ModelError(f"{path}: 'architecture' is malformed ({error}); export the model again") from error
    return architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A graph's constants by name, and (bits, inputs) of those that are read by blocks."""

    constants: dict[str, npt.NDArray[Any]]
    blocks: dict[str, tuple[int, int | None]]
    attention_scale: float

    @classmethod
    def read(cls, path: Path) -> _Stored:
        graph = onnx.load(str(path)).graph
        blocks: dict[str, tuple[int, int | None]] = {}
        scale = 0.0
        for node in graph.node:
            facts = {attribute.name: attribute.i for attribute in node.attribute}
            if node.op_type == "GroupQueryAttention":
                scale = next(attribute.f for attribute in node.attribute if attribute.name == "scale")
            if node.op_type == "MatMulNBits":
                blocks[node.input[1]] = facts["bits"], facts["K"]
            elif node.op_type == "GatherBlockQuantized":
                # It does not say where padding starts; `_weights` cuts that off.
                blocks.setdefault(node.input[0], (facts["bits"], None))
        constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
        if "embedding" in constants:  # its name in format 1
            constants["embedding.weight"] = constants.pop("embedding")
        return cls(constants=constants, blocks=blocks, attention_scale=scale)

    def vector(self, name: str) -> Array:
        """A norm or a bias."""
        found: Array = self.constants[name].astype(np.float32)
        return found

    def matrix(self, name: str) -> Array:
        """What `Encoding.linear` or `embed` stored under the name, (outputs, inputs)."""
        if f"{name}.weight" in self.constants:
            weight = self.vector(f"{name}.weight")
            # A product's weight lies transposed, a table of rows does not.
            return weight if name == "embedding" else np.ascontiguousarray(weight.T)
        codes, scales = self.constants[f"{name}.codes"], self.vector(f"{name}.scales")
        if f"{name}.codes" not in self.blocks:
            return from_rows(np.ascontiguousarray(codes.T), scales)
        bits, inputs = self.blocks[f"{name}.codes"]
        return from_blocks(codes, scales, bits=bits, inputs=inputs)


def _weights(a: Architecture, stored: _Stored) -> Weights:
    weights: Weights = {"model.embed_tokens.weight": stored.matrix("embedding")[:, : a.hidden]}
    ends = np.cumsum([a.heads * a.head_dim, a.kv_heads * a.head_dim])
    # Graphs of format 1 carry no factor in their queries, and their scale says so.
    folded = np.float32(a.head_dim**-0.5 if stored.attention_scale == 1.0 else 1.0)
    for layer in range(a.layers):
        at, n = f"model.layers.{layer}", layer
        attention, mlp = f"{at}.self_attn", f"{at}.mlp"
        parts = np.split(stored.matrix(f"qkv{n}"), ends)
        parts[0] = parts[0] / folded
        weights |= {f"{attention}.{c}_proj.weight": part for c, part in zip("qkv", parts, strict=True)}
        if a.qkv_bias:
            parts = np.split(stored.vector(f"qkv{n}.bias"), ends)
            parts[0] = parts[0] / folded
            weights |= {f"{attention}.{c}_proj.bias": part for c, part in zip("qkv", parts, strict=True)}
        if a.qk_norm:
            weights |= {f"{attention}.{c}_norm.weight": stored.vector(f"{c}{n}.norm") for c in "qk"}
        projections = {f"o{n}": f"{attention}.o_proj"}
        projections |= {f"{c}{n}": f"{mlp}.{c}_proj" for c in ("gate", "up", "down")}
        for short, name in projections.items():
            weights[f"{name}.weight"] = stored.matrix(short)
            if f"{short}.bias" in stored.constants:
                weights[f"{name}.bias"] = stored.vector(f"{short}.bias")
        before = "norm0" if layer == 0 else f"x{n}.norm"
        weights[f"{at}.input_layernorm.weight"] = stored.vector(before)
        weights[f"{at}.post_attention_layernorm.weight"] = stored.vector(f"m{n}.norm")
    weights["model.norm.weight"] = stored.vector(f"x{a.layers}.norm")
    if not a.tied:
        head = "logits" if "logits.codes" in stored.constants or "logits.weight" in stored.constants else None
        weights["lm_head.weight"] = stored.matrix(head or "logits.half")
    return weights
