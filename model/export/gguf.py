"""A network as one GGUF file, the format of llama.cpp and what is built on it.

The file follows llama.cpp's own converter (convert_hf_to_gguf.py): architecture llama, qwen2 or qwen3, a
byte-level BPE of the kind "gpt2" whose pre-tokenizer llama.cpp knows by name, sentinels as control tokens.
llama.cpp rotates neighbouring pairs of a llama head where transformers rotates its two halves, so the rows
of the query and key projections are interleaved here; for the Qwen families both do the same.

Not here: four-bit and k-quant files (llama-quantize makes them from ours), tokenizers whose splitting rule
llama.cpp has no name for (refused), attention factors of YaRN (refused).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import numpy.typing as npt

from model.errors import ConfigError, ModelError
from model.export.checkpoint import Architecture, Weights, rotary_frequencies
from model.tokenizer import QWEN2_REGEX, FimFormat

TensorType = Literal["f32", "f16", "q8_0"]
_TYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}

# llama.cpp's name of each splitting rule (src/llama-vocab.cpp), by the regular expression in tokenizer.json.
_SPLITTERS = {
    QWEN2_REGEX: "qwen2",
    QWEN2_REGEX.replace(r"|\p{N}|", r"|\p{N}{1,3}|"): "llama-bpe",
}
# The fill-in-the-middle roles that llama.cpp knows, and the tokens that play them in known families.
_FIM_ROLES = {
    "fim_pre": ("<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<\uff5cfim\u2581begin\uff5c>"),
    "fim_suf": ("<|fim_suffix|>", "<fim_suffix>", "<fim-suffix>", "<\uff5cfim\u2581hole\uff5c>"),
    "fim_mid": ("<|fim_middle|>", "<fim_middle>", "<fim-middle>", "<\uff5cfim\u2581end\uff5c>"),
    "fim_pad": ("<|fim_pad|>", "<fim_pad>", "<fim-pad>"),
    "fim_rep": ("<|repo_name|>", "<reponame>", "<repo_name>"),
    "fim_sep": ("<|file_sep|>", "<file_sep>"),
}
_ENDS = ("<|endoftext|>", "<|end_of_text|>", "<\uff5cend\u2581of\u2581sentence\uff5c>")

_LAYER_TENSORS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_OUTER_TENSORS = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """A byte-level BPE as GGUF stores it: ids are places in `tokens`, padded to the network's rows."""

    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    splitter: str


def write_gguf(
    architecture: Architecture,
    weights: Weights,
    tokenizer: Path,
    out: Path,
    *,
    name: str,
    type: TensorType = "f16",  # noqa: A002
    fim: FimFormat | None = None,
) -> None:
    """Write the file `out`, whole or not at all; norms and biases stay float32 whatever the `type`.

    `fim` names the sentinels; without it those of known families are found by their names.

    Raises ConfigError for an unknown type, ModelError for a network or tokenizer that GGUF cannot carry, or
    a place that cannot be written.
    """
    if type not in _TYPES:
        raise ConfigError(f"there is no GGUF type {type!r}; use {', '.join(_TYPES)}")
    _refuse_unsupported(architecture)
    vocabulary = read_vocabulary(tokenizer, architecture.vocabulary)
    quantisation, file_type = _TYPES[type]
    temporary = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{out.name}-", dir=out.parent)
        os.close(handle)
        writer = gguf.GGUFWriter(temporary, architecture.model_type)
        writer.add_name(name)
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_sizes(writer, architecture)
        _add_vocabulary(writer, vocabulary, fim)
        for tensor, array in tensors(architecture, weights):
            # Vectors cost nothing and are what rounding hurts most; llama.cpp wants them in float32 too.
            small = array.ndim == 1 or array.shape[-1] % quantisation_block(quantisation)
            kind = gguf.GGMLQuantizationType.F32 if small else quantisation
            writer.add_tensor(tensor, gguf.quants.quantize(array, kind), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        Path(temporary).chmod(0o644)
        Path(temporary).replace(out)
    except OSError as error:
        raise ModelError(f"{out} cannot be written ({error}); free it, or name another file") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def quantisation_block(kind: gguf.GGMLQuantizationType) -> int:
    """How many weights of a row share a scale: a row's length must be a multiple of it."""
    return int(gguf.GGML_QUANT_SIZES[kind][0])


def tensors(architecture: Architecture, weights: Weights) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Every tensor under its GGUF name, float32, query and key rows in llama.cpp's order."""
    for name, array in weights.items():
        yield _gguf_name(name), _rows(architecture, name, np.ascontiguousarray(array))
    if architecture.rope_scaling is not None and architecture.rope_scaling["rope_type"] != "linear":
        frequencies, _ = rotary_frequencies(architecture)
        plain, _ = rotary_frequencies(replace(architecture, rope_scaling=None))
        yield "rope_freqs.weight", (plain / frequencies).astype(np.float32)


def _refuse_unsupported(a: Architecture) -> None:
    """What llama.cpp's graphs of these families do not compute."""
    reason = None
    if a.rope_scaling is not None and a.rope_scaling["rope_type"] != "linear":
        kind = a.rope_scaling["rope_type"]
        if a.model_type != "llama" or rotary_frequencies(a)[1] != 1.0:
            reason = f"scales its rotary positions ({kind})"
    elif a.model_type == "qwen3" and a.qkv_bias:
        reason = "has biases in its attention"
    if reason is not None:
        raise ModelError(
            f"this {a.model_type} network {reason}, which a GGUF file of that family cannot say; "
            "export to onnx or hf instead"
        )


def interleave(rows: npt.NDArray[np.float32], heads: int) -> npt.NDArray[np.float32]:
    """Each head's rows, first half and second half, as pairs (llama.cpp's `permute`): (heads * D, …)."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def _rows(a: Architecture, name: str, array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if a.model_type != "llama":
        return array
    if ".q_proj." in name:
        return interleave(array, a.heads)
    return interleave(array, a.kv_heads) if ".k_proj." in name else array


def _gguf_name(name: str) -> str:
    if name in _OUTER_TENSORS:
        return _OUTER_TENSORS[name]
    _, _, layer, *middle, kind = name.split(".")
    part = ".".join(middle)
    if part not in _LAYER_TENSORS:
        raise ModelError(f"the tensor {name} has no place in a GGUF file; export to onnx or hf instead")
    return f"blk.{layer}.{_LAYER_TENSORS[part]}.{kind}"


def _add_sizes(writer: gguf.GGUFWriter, a: Architecture) -> None:
    writer.add_vocab_size(a.vocabulary)
    writer.add_context_length(a.positions)
    writer.add_embedding_length(a.hidden)
    writer.add_block_count(a.layers)
    writer.add_feed_forward_length(a.mlp)
    writer.add_head_count(a.heads)
    writer.add_head_count_kv(a.kv_heads)
    writer.add_key_length(a.head_dim)
    writer.add_value_length(a.head_dim)
    writer.add_rope_dimension_count(a.head_dim)
    writer.add_rope_freq_base(a.rope_theta)
    writer.add_layer_norm_rms_eps(a.epsilon)
    if a.rope_scaling is not None and a.rope_scaling["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(a.rope_scaling["factor"]))


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary, fim: FimFormat | None) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.splitter)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    places = {token: place for place, token in enumerate(vocabulary.tokens)}

    def place_of(*names: str | None) -> int | None:
        return next((places[token] for token in names if token in places), None)

    named = {} if fim is None else {
        "fim_pre": fim.fim_prefix, "fim_suf": fim.fim_suffix, "fim_mid": fim.fim_middle,
        "fim_pad": fim.fim_pad, "fim_sep": fim.file_sep,
    }  # fmt: skip
    roles = {role: place_of(named.get(role), *names) for role, names in _FIM_ROLES.items()}
    end = place_of(None if fim is None else fim.end_of_text, *_ENDS)
    if end is not None:
        begin = place_of(None if fim is None else fim.begin_of_text)
        pad = roles["fim_pad"]
        # Without a bos token of its own llama.cpp would take number 11 for one.
        writer.add_bos_token_id(end if begin is None else begin)
        writer.add_eos_token_id(end)
        writer.add_eot_token_id(end)
        writer.add_pad_token_id(end if pad is None else pad)
    writer.add_add_bos_token(False)
    for role, place in roles.items():
        if place is not None:
            writer.add_uint32(f"tokenizer.ggml.{role}_token_id", place)


def read_vocabulary(path: Path, rows: int) -> Vocabulary:
    """The tokens of a tokenizer.json, padded with unused ones to `rows`.

    Raises ModelError for a file that is no byte-level BPE, or splits text by a rule llama.cpp cannot follow.
    """
    try:
        stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        model = stored["model"]
        ids: dict[str, int] = dict(model["vocab"])
        kind, merges = model["type"], model["merges"]
        added = stored.get("added_tokens") or []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} cannot be read as a tokenizer ({error}); make its folder again") from error
    splitter = _splitter(stored)
    if kind != "BPE" or model.get("byte_fallback") or splitter is None:
        raise ModelError(
            f"{path} splits text in a way that llama.cpp has no name for, so its ids would differ; "
            "export to onnx or hf instead"
        )
    types = dict.fromkeys(ids.values(), gguf.TokenType.NORMAL)
    for token in added:
        ids[token["content"]] = token["id"]
        types[token["id"]] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    if max(types, default=0) >= rows:
        raise ModelError(
            f"{path} has {max(types) + 1} tokens, but the network only {rows}; make its folder again"
        )
    names = {place: token for token, place in ids.items()}
    return Vocabulary(
        tokens=tuple(names.get(i, f"[PAD{i}]") for i in range(rows)),
        types=tuple(int(types.get(i, gguf.TokenType.UNUSED)) for i in range(rows)),
        merges=tuple(m if isinstance(m, str) else " ".join(m) for m in merges),
        splitter=splitter,
    )


def _splitter(stored: dict[str, Any]) -> str | None:
    """llama.cpp's name for the pre-tokenizer: a Split by a known regular expression, then bytes."""
    steps = (stored.get("pre_tokenizer") or {}).get("pretokenizers") or []
    if [step.get("type") for step in steps] != ["Split", "ByteLevel"]:
        return None
    split, level = steps
    if level.get("add_prefix_space") or level.get("use_regex") or split.get("invert"):
        return None
    if split.get("behavior") != "Isolated":
        return None
    return _SPLITTERS.get(split.get("pattern", {}).get("Regex", ""))
