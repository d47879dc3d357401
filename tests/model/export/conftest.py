"""Checkpoints as others publish them: random networks of each family, and tokenizers that are not ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# As in Llama 3: several digits stay together, unlike in our own tokenizer.
LLAMA3_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_NAMES = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
    "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip


@pytest.fixture(scope="session")
def foreign_json(source: str) -> Callable[..., dict[str, Any]]:
    """A tokenizer.json as Qwen's: sentinels behind the vocabulary, not called special; NFC; trimmed offsets.

    Keywords replace its keys.
    """
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    backend = Tokenizer(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        [source], trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    )
    plain = backend.to_str()

    def make(names: tuple[str, ...] = QWEN_NAMES, /, **changes: Any) -> dict[str, Any]:
        changed = Tokenizer.from_str(plain)
        changed.add_tokens([AddedToken(name, special=False, normalized=False) for name in names])
        return json.loads(changed.to_str()) | changes

    return make


@pytest.fixture(scope="session")
def make_foreign(foreign_json: Callable[..., dict[str, Any]]) -> Callable[..., Path]:
    """Writes a stock checkpoint: config, weights in one file or several, tokenizer; nothing of ours.

    As in `make_checkpoint`, weights and biases are large and norms are not one, so that a graph that leaves
    one out is caught.
    """

    def make(
        folder: Path, family: str, *, names: tuple[str, ...] = QWEN_NAMES, shards: str = "5GB", **changes: Any
    ) -> Path:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        settings: dict[str, Any] = {
            "vocab_size": 560,  # a few more than the tokenizer has, as in all of them
            "hidden_size": 48,
            "intermediate_size": 80,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "max_position_embeddings": 512,
            "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
            "tie_word_embeddings": False,
            "initializer_range": 0.2,
        }
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **(settings | changes)))
        with torch.no_grad():
            for name, weight in network.named_parameters():
                if "norm" in name:
                    weight.uniform_(0.5, 1.5)
                elif name.endswith("bias"):
                    weight.uniform_(-0.5, 0.5)
        network.save_pretrained(folder, max_shard_size=shards)
        (folder / "tokenizer.json").write_text(json.dumps(foreign_json(names)), encoding="utf-8")
        return folder

    return make
