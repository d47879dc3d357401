"""A training checkpoint on disk: which network it is, and its weights as float32 arrays.

A checkpoint is a stock transformers folder (config.json, model.safetensors) of a LlamaForCausalLM: grouped
query attention, SwiGLU, rotary positions, no biases. Whatever the graph builder cannot express is refused
here, by name, before any work is done.

Not here: the tokenizer and training.json beside it (write.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open

from model.errors import ModelError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
# GroupQueryAttention with do_rotary refuses others when it runs ("head_size shall be a multiple of 16",
# onnxruntime 1.31), which is too late and names no file.
HEAD_MULTIPLE = 16

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Sizes of a Llama network; `positions` is the longest row its rotary tables reach."""

    model_type: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocabulary: int
    positions: int
    rope_theta: float
    epsilon: float
    tied: bool


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a checkpoint's file. Raises ModelError when it is missing or something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"there is no {path}; point the export at a checkpoint of `tabwright train`"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}); write the checkpoint again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds no JSON object; write the checkpoint again")
    return value


def read_architecture(checkpoint: Path) -> Architecture:
    """What config.json describes. Raises ModelError for everything the graph builder cannot express."""
    path = checkpoint / CONFIG
    config = read_json(path)
    _refuse_unsupported(config, path)
    try:
        heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
        architecture = Architecture(
            model_type="llama",
            hidden=hidden,
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or hidden // heads),
            mlp=int(config["intermediate_size"]),
            vocabulary=int(config["vocab_size"]),
            positions=int(config["max_position_embeddings"]),
            rope_theta=float(_rope(config).get("rope_theta", 10_000.0)),
            epsilon=float(config["rms_norm_eps"]),
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except KeyError as error:
        raise ModelError(f"{path} has no {error}; write the checkpoint again") from error
    if architecture.heads % architecture.kv_heads:
        raise ModelError(
            f"{path}: {architecture.heads} attention heads cannot share {architecture.kv_heads} "
            "key-value heads evenly; train with a divisor"
        )
    if architecture.head_dim % HEAD_MULTIPLE:
        raise ModelError(
            f"{path}: head_dim is {architecture.head_dim}, but onnxruntime's attention needs a multiple of "
            f"{HEAD_MULTIPLE}; train with another head_dim"
        )
    return architecture


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Rotary settings: transformers 5 nests them under rope_parameters, earlier ones had two flat keys."""
    nested = config.get("rope_parameters")
    if nested:
        return dict(nested)
    flat = dict(config.get("rope_scaling") or {})
    if "rope_theta" in config:
        flat["rope_theta"] = config["rope_theta"]
    return flat


def _refuse_unsupported(config: dict[str, Any], path: Path) -> None:
    names = config.get("architectures") or [config.get("model_type")]
    if config.get("model_type") != "llama" or names not in (["LlamaForCausalLM"], ["llama"]):
        raise ModelError(
            f"{path} describes {', '.join(map(str, names))}; only LlamaForCausalLM can be exported"
        )
    for bias in ("attention_bias", "mlp_bias"):
        if config.get(bias):
            raise ModelError(f"{path} sets {bias}; only networks without biases can be exported")
    activation = config.get("hidden_act", "silu")
    if activation != "silu":
        raise ModelError(f"{path} sets hidden_act {activation}; only silu can be exported")
    rope = _rope(config)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ModelError(
            f"{path} scales its rotary positions ({kind}); only rope_type default can be exported"
        )
    if rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0)) != 1.0:
        raise ModelError(
            f"{path} sets partial_rotary_factor; only networks that rotate whole heads can be exported"
        )


def expected_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Every tensor of the network by its name in model.safetensors; projections are (outputs, inputs)."""
    a = architecture
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (a.vocabulary, a.hidden)}
    for layer in range(a.layers):
        at = f"model.layers.{layer}"
        shapes |= {
            f"{at}.input_layernorm.weight": (a.hidden,),
            f"{at}.self_attn.q_proj.weight": (a.heads * a.head_dim, a.hidden),
            f"{at}.self_attn.k_proj.weight": (a.kv_heads * a.head_dim, a.hidden),
            f"{at}.self_attn.v_proj.weight": (a.kv_heads * a.head_dim, a.hidden),
            f"{at}.self_attn.o_proj.weight": (a.hidden, a.heads * a.head_dim),
            f"{at}.post_attention_layernorm.weight": (a.hidden,),
            f"{at}.mlp.gate_proj.weight": (a.mlp, a.hidden),
            f"{at}.mlp.up_proj.weight": (a.mlp, a.hidden),
            f"{at}.mlp.down_proj.weight": (a.hidden, a.mlp),
        }
    shapes["model.norm.weight"] = (a.hidden,)
    if not a.tied:
        shapes["lm_head.weight"] = (a.vocabulary, a.hidden)
    return shapes


def read_weights(checkpoint: Path, architecture: Architecture) -> Weights:
    """All tensors of the network in float32, whatever type they are stored in.

    Raises ModelError when the file is missing or corrupt, or a tensor is absent or of another shape.
    """
    path = checkpoint / WEIGHTS
    weights: Weights = {}
    try:
        # Through torch, because NumPy has no bfloat16, in which checkpoints may be stored.
        with safe_open(str(path), framework="pt") as file:
            stored = set(file.keys())
            for name, shape in expected_shapes(architecture).items():
                if name not in stored:
                    raise ModelError(f"{path} has no tensor {name}; write the checkpoint again")
                tensor = file.get_tensor(name)
                if tuple(tensor.shape) != shape:
                    raise ModelError(
                        f"{path}: {name} has shape {tuple(tensor.shape)}, but {CONFIG} means {shape}; "
                        "write the checkpoint again"
                    )
                weights[name] = tensor.to(torch.float32).numpy()
    except FileNotFoundError:
        raise ModelError(
            f"there is no {path}; point the export at a checkpoint of `tabwright train`"
        ) from None
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read ({error}); write the checkpoint again") from error
    return weights
