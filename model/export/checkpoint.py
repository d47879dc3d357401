"""A checkpoint on disk: which network it is, and its weights as float32 arrays.

A checkpoint is a stock transformers folder (config.json and safetensors, in one file or in several) of the
Llama, Qwen2 or Qwen3 family: grouped query attention, SwiGLU, rotary positions; Qwen2 adds biases, Qwen3 a
norm for each head of queries and keys. Whatever the graph builder cannot express is refused here, by name,
before any work is done: other families, sliding windows, rotary scaling that depends on the text's length,
weights that are quantised already.

Not here: the tokenizer and training.json beside it (write.py), what replaces training.json for a checkpoint
of others (foreign.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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
INDEX = "model.safetensors.index.json"
# GroupQueryAttention with do_rotary refuses others when it runs ("head_size shall be a multiple of 16",
# onnxruntime 1.31), which is too late and names no file.
HEAD_MULTIPLE = 16
_FAMILIES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
# Frequencies and factor of these depend on nothing but the config; "dynamic" and "longrope" change them with
# the length of the text.
_STATIC_ROPE = ("default", "linear", "llama3", "yarn")

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Sizes and kinds of a network; `positions` is the longest row its rotary tables reach.

    `model_type` is llama, qwen2 or qwen3. `rope_scaling` holds rope_type and what belongs to it, as
    config.json spells them, without rope_theta; None where positions are not scaled. `qk_norm` is an RMS norm
    of each head of queries and keys before they are rotated.
    """

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
    qkv_bias: bool = False
    o_bias: bool = False
    mlp_bias: bool = False
    qk_norm: bool = False
    rope_scaling: dict[str, Any] | None = None

    @property
    def rope_parameters(self) -> dict[str, Any]:
        """The rotary settings as a config.json of transformers 5 holds them."""
        return {**(self.rope_scaling or {"rope_type": "default"}), "rope_theta": self.rope_theta}


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
    family = config["model_type"]
    # One switch for queries, keys, values and output in Llama and Qwen3; Qwen2 has the first three always.
    bias = family != "qwen2" and bool(config.get("attention_bias", False))
    try:
        heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
        positions = int(config["max_position_embeddings"])
        architecture = Architecture(
            model_type=family,
            hidden=hidden,
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or (128 if family == "qwen3" else hidden // heads)),
            mlp=int(config["intermediate_size"]),
            vocabulary=int(config["vocab_size"]),
            positions=positions,
            rope_theta=float(_rope(config).get("rope_theta", 10_000.0)),
            epsilon=float(config["rms_norm_eps"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            qkv_bias=bias or family == "qwen2",
            o_bias=bias,
            mlp_bias=family == "llama" and bool(config.get("mlp_bias", False)),
            qk_norm=family == "qwen3",
            rope_scaling=_scaling(config, positions),
        )
    except KeyError as error:
        raise ModelError(f"{path} has no {error}; write the checkpoint again") from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} is malformed ({error}); write the checkpoint again") from error
    try:
        rotary_frequencies(architecture)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path}: its rotary settings {architecture.rope_parameters} are not complete ({error}); "
            "write the checkpoint again"
        ) from error
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


def rotary_frequencies(architecture: Architecture) -> tuple[npt.NDArray[np.float64], float]:
    """Angle per position of each pair of a head's numbers, (head_dim / 2,), and a factor on cosine and sine.

    Scaled ones are transformers' own, in the float32 that the network was trained with.
    """
    a = architecture
    if a.rope_scaling is None:
        return 1.0 / a.rope_theta ** (np.arange(0, a.head_dim, 2) / a.head_dim), 1.0
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = LlamaConfig(
        hidden_size=a.heads * a.head_dim,
        num_attention_heads=a.heads,
        head_dim=a.head_dim,
        max_position_embeddings=a.positions,
        rope_parameters=dict(a.rope_parameters),
    )
    frequencies, factor = ROPE_INIT_FUNCTIONS[a.rope_scaling["rope_type"]](config, torch.device("cpu"))
    return frequencies.double().numpy(), float(factor)


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Rotary settings: transformers 5 nests them under rope_parameters, earlier ones had two flat keys."""
    found = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    for key in ("rope_theta", "partial_rotary_factor"):
        if config.get(key) is not None:
            found.setdefault(key, config[key])
    # Earlier ones called it `type`; some files have both.
    kind = found.pop("type", "default")
    return {"rope_type": kind} | found


def _scaling(config: dict[str, Any], positions: int) -> dict[str, Any] | None:
    """The rotary settings without theta, complete: nothing of them depends on `positions` any more."""
    rope = _rope(config)
    for key in ("rope_theta", "partial_rotary_factor"):
        rope.pop(key, None)
    if rope["rope_type"] == "default":
        return None
    if rope["rope_type"] in ("llama3", "yarn"):
        original = config.get("original_max_position_embeddings")
        rope["original_max_position_embeddings"] = (
            original or rope.get("original_max_position_embeddings") or positions
        )
    if rope["rope_type"] == "yarn" and rope.get("factor") is None:
        rope["factor"] = positions / rope["original_max_position_embeddings"]
    return rope


def _refuse_unsupported(config: dict[str, Any], path: Path) -> None:
    family = config.get("model_type")
    names = config.get("architectures") or [family]
    if family not in _FAMILIES or names not in ([_FAMILIES[family]], [family]):
        raise ModelError(
            f"{path} describes {', '.join(map(str, names))} (model_type {family}); only "
            f"{', '.join(_FAMILIES.values())} can be exported"
        )
    if config.get("quantization_config"):
        raise ModelError(
            f"{path} sets quantization_config; only weights that are not quantised yet can be exported, "
            "so take the model's original checkpoint"
        )
    activation = config.get("hidden_act", "silu")
    if activation != "silu":
        raise ModelError(f"{path} sets hidden_act {activation}; only silu can be exported")
    rope = _rope(config)
    if any(isinstance(value, dict) for value in rope.values()):
        raise ModelError(f"{path} rotates its layers in different ways; only one way for all can be exported")
    if rope["rope_type"] not in _STATIC_ROPE:
        raise ModelError(
            f"{path} scales its rotary positions ({rope['rope_type']}); only rope_type "
            f"{', '.join(_STATIC_ROPE)} can be exported"
        )
    if rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise ModelError(
            f"{path} sets partial_rotary_factor; only networks that rotate whole heads can be exported"
        )
    if _slides(config):
        raise ModelError(
            f"{path} sets use_sliding_window; only networks that see the whole text can be exported"
        )


def _slides(config: dict[str, Any]) -> bool:
    """Whether any layer sees only the last `sliding_window` tokens. Qwen's configs carry the size unused."""
    if config.get("model_type") == "llama" or not config.get("use_sliding_window"):
        return False
    if config.get("sliding_window", 4096) is None:
        return False
    kinds = config.get("layer_types")
    if kinds is not None:
        return "sliding_attention" in kinds
    return int(config.get("max_window_layers", 28)) < int(config.get("num_hidden_layers", 0))


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
        if a.qk_norm:
            shapes |= {f"{at}.self_attn.{c}_norm.weight": (a.head_dim,) for c in "qk"}
        biased = [("self_attn", c) for c in "qkv" if a.qkv_bias] + [("self_attn", "o")] * a.o_bias
        biased += [("mlp", c) for c in ("gate", "up", "down") if a.mlp_bias]
        for block, c in biased:
            name = f"{at}.{block}.{c}_proj"
            shapes[f"{name}.bias"] = shapes[f"{name}.weight"][:1]
    shapes["model.norm.weight"] = (a.hidden,)
    if not a.tied:
        shapes["lm_head.weight"] = (a.vocabulary, a.hidden)
    return shapes


def read_weights(checkpoint: Path, architecture: Architecture) -> Weights:
    """All tensors of the network in float32, whatever type they are stored in.

    Raises ModelError when a file is missing or corrupt, or a tensor is absent, of another shape or quantised.
    """
    weights: Weights = {}
    shapes = expected_shapes(architecture)
    for path, names in _files(checkpoint, list(shapes)):
        try:
            # Through torch, because NumPy has no bfloat16, in which checkpoints may be stored.
            with safe_open(str(path), framework="pt") as file:
                stored = set(file.keys())
                for name in names:
                    if name not in stored:
                        raise ModelError(f"{path} has no tensor {name}; write the checkpoint again")
                    tensor = file.get_tensor(name)
                    if tuple(tensor.shape) != shapes[name]:
                        raise ModelError(
                            f"{path}: {name} has shape {tuple(tensor.shape)}, but {CONFIG} means "
                            f"{shapes[name]}; write the checkpoint again"
                        )
                    if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
                        raise ModelError(
                            f"{path}: {name} is stored as {tensor.dtype}; only floats of 16, 32 or 64 bits "
                            "can be exported, so take the model's original checkpoint"
                        )
                    weights[name] = tensor.to(torch.float32).numpy()
        except FileNotFoundError:
            raise ModelError(
                f"there is no {path}; point the export at a checkpoint of `tabwright train`, or at another "
                "folder with safetensors"
            ) from None
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} cannot be read ({error}); write the checkpoint again") from error
    return weights


def _files(checkpoint: Path, names: list[str]) -> Iterator[tuple[Path, list[str]]]:
    """Each file of weights with the tensors to take from it: one file, or those that an index names."""
    index = checkpoint / INDEX
    if (checkpoint / WEIGHTS).exists() or not index.exists():
        yield checkpoint / WEIGHTS, names
        return
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict):
        raise ModelError(f"{index} has no weight_map; write the checkpoint again")
    wanted: dict[str, list[str]] = {}
    for name in names:
        if name not in places:
            raise ModelError(f"{index} has no tensor {name}; write the checkpoint again")
        wanted.setdefault(str(places[name]), []).append(name)
    for file, tensors in sorted(wanted.items()):
        if Path(file).name != file:  # a path would read outside the folder
            raise ModelError(
                f"{index} names {file!r}, which is no file beside it; write the checkpoint again"
            )
        yield checkpoint / file, tensors
