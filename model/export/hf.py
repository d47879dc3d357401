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

_CLASSES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
_ENDS = ("<|endoftext|>", "<|end_of_text|>")
_PADS = ("<|fim_pad|>", "<fim_pad>")


def write_hf(architecture: Architecture, weights: Weights, tokenizer: Path, out: Path) -> None:
    """Write the folder `out`, whole or not at all; an older one with a config.json is replaced.

    Raises ModelError for an `out` that holds something else or cannot be written.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / CONFIG).is_file())):
        raise ModelError(f"{out} is not a transformers folder and will not be replaced; name another folder")
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
            _write_json(new / CONFIG, config(architecture, special))
            ends = {k: v for k, v in _token_ids(special).items() if v is not None}
            _write_json(new / "generation_config.json", ends)
            _write_json(new / "tokenizer_config.json", _tokenizer_config(architecture, special))
            if out.exists():
                out.rename(Path(holder) / "old")
            new.rename(out)
    except OSError as error:
        raise ModelError(f"{out} cannot be written ({error}); free it, or name another folder") from error


def config(a: Architecture, special: dict[str, int]) -> dict[str, Any]:
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
        **_token_ids(special),
    }


def _special_tokens(tokenizer: Path) -> dict[str, int]:
    added = read_json(tokenizer).get("added_tokens") or []
    return {token["content"]: token["id"] for token in added if token["special"]}


def _token_ids(special: dict[str, int]) -> dict[str, int | None]:
    end = next((special[t] for t in _ENDS if t in special), None)
    pad = next((special[t] for t in _PADS if t in special), end)
    return {"bos_token_id": None, "eos_token_id": end, "pad_token_id": pad}


def _tokenizer_config(a: Architecture, special: dict[str, int]) -> dict[str, Any]:
    end = next((t for t in _ENDS if t in special), None)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": end,
        "pad_token": next((t for t in _PADS if t in special), end),
        "model_max_length": a.positions,
        "clean_up_tokenization_spaces": False,
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
