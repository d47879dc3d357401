"""A network as a stock transformers folder: config.json, model.safetensors, tokenizer.json and their kin.

Loaded by `AutoModelForCausalLM` and `AutoTokenizer` as it stands, with the same ids. Weights are float32: a
release that was quantised gives the values its graph multiplies by, and loses nothing more.

Not here: meta.json and training.json, which belong to Tabwright's own folders; chat templates (none).
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from model.errors import ModelError
from model.export.checkpoint import CONFIG, WEIGHTS, Architecture, Weights, read_json
from model.serving.release import TOKENIZER
from model.tokenizer import FimFormat

_CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
_ENDS = ("<|endoftext|>", "<|end_of_text|>", "<\uff5cend\u2581of\u2581sentence\uff5c>")
_PADS = ("<|fim_pad|>", "<fim_pad>", "<fim-pad>")


def write_hf(
    architecture: Architecture,
    weights: Weights,
    tokenizer: Path,
    out: Path,
    *,
    fim: FimFormat | None = None,
) -> None:
    """Write the folder `out`, which must be new or empty: nobody's files are replaced or removed.

    `fim` names the sentinels; without it end and padding of known families are found by their names.
    Raises ModelError for an `out` that holds something or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out} is not empty and will not be replaced; name another folder, or empty it")
    special = _special_tokens(tokenizer)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as holder:
            new = Path(holder) / "new"
            new.mkdir(mode=0o755)
            arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}
            save_file(arrays, new / WEIGHTS, metadata={"format": "pt"})
            # safetensors makes files for their owner alone
            (new / WEIGHTS).chmod(0o644)
            (new / TOKENIZER).write_bytes(tokenizer.read_bytes())
            roles = _roles(special, fim)
            _write_json(new / CONFIG, config(architecture, roles, special))
            ends = {k: v for k, v in _token_ids(roles, special).items() if v is not None}
            _write_json(new / "generation_config.json", ends)
            settings = {
                "tokenizer_class": "PreTrainedTokenizerFast", **roles,
                "model_max_length": architecture.positions, "clean_up_tokenization_spaces": False,
            }  # fmt: skip
            _write_json(new / "tokenizer_config.json", settings)
            if out.exists():
                out.rmdir()  # empty, as was asked above; it fails where that has changed meanwhile
            new.rename(out)
    except OSError as error:
        raise ModelError(f"{out} cannot be written ({error}); free it, or name another folder") from error


def config(a: Architecture, roles: dict[str, str | None], special: dict[str, int]) -> dict[str, Any]:
    """config.json as transformers writes it for such a network."""
    return {
        "architectures": [_CLASSES[a.model_type]],
        "model_type": a.model_type,
        "hidden_size": a.hidden,
        "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads,
        "num_key_value_heads": a.kv_heads,
        "head_dim": a.head_dim,
        "intermediate_size": a.mlp,
        "vocab_size": a.vocabulary,
        "max_position_embeddings": a.positions,
        "hidden_act": "silu",
        "rms_norm_eps": a.epsilon,
        "rope_parameters": a.rope_parameters,
        # Once more where transformers before version 5 looks for it.
        "rope_theta": a.rope_theta,
        "tie_word_embeddings": a.tied,
        "attention_bias": a.qkv_bias,
        "attention_dropout": 0.0,
        "mlp_bias": a.mlp_bias,
        "dtype": "float32",
        **_token_ids(roles, special),
    }


def _special_tokens(tokenizer: Path) -> dict[str, int]:
    added = read_json(tokenizer).get("added_tokens") or []
    return {token["content"]: token["id"] for token in added if token["special"]}


def _roles(special: dict[str, int], fim: FimFormat | None) -> dict[str, str | None]:
    """Which token ends a text, pads a row, or stands at the head of every prompt, by transformers' names."""

    def first(*names: str | None) -> str | None:
        return next((name for name in names if name in special), None)

    end = first(None if fim is None else fim.end_of_text, *_ENDS)
    return {
        "bos_token": first(None if fim is None else fim.begin_of_text),
        "eos_token": end,
        "pad_token": first(None if fim is None else fim.fim_pad, *_PADS) or end,
    }


def _token_ids(roles: dict[str, str | None], special: dict[str, int]) -> dict[str, int | None]:
    return {f"{role}_id": None if token is None else special[token] for role, token in roles.items()}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
