"""The model under the benchmark: a release and the float32 weights that every engine's file is made from.

A release's weights are read back out of its graph, so all engines compute the same network. For shapes that
nobody has trained there are releases of random weights: speed does not depend on what a weight is.
"""

from __future__ import annotations

import json
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.workload import code
from model.errors import ConfigError
from model.export.checkpoint import Architecture, Weights, expected_shapes, read_architecture
from model.export.hf import write_hf
from model.export.master import read_master
from model.export.write import export
from model.serving.release import GRAPH, read_release
from model.tokenizer import FimFormat, Tokenizer

# Room for a prompt of 2,048 tokens and what is decoded after it.
WINDOW = 2304
_HEAD = 64
_TEXTS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A release folder, what network it is, and that network's weights."""

    folder: Path
    name: str
    variant: str
    window: int
    architecture: Architecture
    weights: Weights
    tokenizer: Path
    fim: FimFormat

    @property
    def bytes(self) -> int:
        """Size of the graph's file."""
        return (self.folder / GRAPH).stat().st_size

    def load_tokenizer(self) -> Tokenizer:
        """The tokenizer with this model's sentinels."""
        return Tokenizer.load(self.tokenizer, self.fim)

    def bytes_of_a_step(self) -> int:
        """Bytes of the weights that one decoded token must read: not the rotary tables, which lie in the
        file for all positions, nor the embedding, unless it is the head as well.
        """
        from onnx import load

        return sum(
            len(tensor.raw_data)
            for tensor in load(self.folder / GRAPH).graph.initializer
            if tensor.name not in ("cos", "sin")
            and (self.architecture.tied or not tensor.name.startswith("embedding."))
        )


def of_release(folder: Path) -> Subject:
    """A release as it lies on disk. Raises ModelError for a folder that is none."""
    release = read_release(folder)
    architecture, weights = read_master(folder)
    return Subject(
        folder=folder, name=release.name, variant=release.variant, window=release.window,
        architecture=architecture, weights=weights, tokenizer=release.tokenizer,
        fim=release.fim,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a network to be made up; the feed-forward is 8/3 of the width, up to a multiple of 32."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    mlp: int
    head_dim: int = _HEAD

    @property
    def parameters(self) -> int:
        """Weights, with the embedding counted once."""
        attention = 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        return self.vocabulary * self.hidden + self.layers * (attention + 3 * self.hidden * self.mlp)

    def __str__(self) -> str:
        return f"{self.hidden}x{self.layers}"


def shape(text: str, *, vocabulary: int) -> Shape:
    """`WIDTHxLAYERS`, heads of 64, three to a key-value head where they divide. Raises ConfigError."""
    try:
        hidden, layers = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise ConfigError(f"--shape {text!r} is not a shape; write width x layers, such as 384x6") from None
    if hidden % _HEAD or not 64 <= hidden <= 4096 or not 1 <= layers <= 64:
        raise ConfigError(
            f"--shape {text} is out of range; use a width that is a multiple of {_HEAD}, such as 384x6"
        )
    heads = hidden // _HEAD
    kv_heads = next(k for k in (heads // 3, heads // 4, 1) if k and not heads % k)
    return Shape(
        hidden=hidden, layers=layers, heads=heads, kv_heads=kv_heads,
        vocabulary=vocabulary, mlp=-(-hidden * 8 // 3 // 32) * 32,
    )  # fmt: skip


def learn_tokenizer(vocabulary: int) -> Tokenizer:
    """A tokenizer learnt from Python's standard library, which is on every machine."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:_TEXTS]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
    return Tokenizer.train(lambda: iter(texts), vocabulary=vocabulary)


def made_up(wanted: Shape, tokenizer: Tokenizer, folder: Path, *, variant: str, seed: int = 0) -> Subject:
    """A release of random weights, through the same exporters as a trained one, written into `folder`."""
    architecture, weights = _random_weights(wanted, folder / "start", tokenizer, seed=seed)
    checkpoint = folder / "checkpoint"
    (folder / "tokenizer.json").write_bytes(tokenizer.to_json().encode())
    write_hf(architecture, weights, folder / "tokenizer.json", checkpoint)
    (checkpoint / "training.json").write_text(json.dumps(_training(tokenizer)), encoding="utf-8")
    rows = [tokenizer.encode(code())[:300]]
    release = export(checkpoint, folder / "release", name=f"random-{wanted}", rows=rows, variant=variant)
    return Subject(
        folder=folder / "release", name=release.name, variant=release.variant, window=release.window,
        architecture=architecture, weights=weights, tokenizer=release.tokenizer,
        fim=release.fim,
    )  # fmt: skip


def _random_weights(
    wanted: Shape, start: Path, tokenizer: Tokenizer, *, seed: int
) -> tuple[Architecture, Weights]:
    start.mkdir(parents=True)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": wanted.hidden, "num_hidden_layers": wanted.layers, "num_attention_heads": wanted.heads,
        "num_key_value_heads": wanted.kv_heads, "head_dim": wanted.head_dim, "intermediate_size": wanted.mlp,
        "vocab_size": max(wanted.vocabulary, tokenizer.size), "max_position_embeddings": WINDOW,
        "rms_norm_eps": 1e-5, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "tie_word_embeddings": True,
    }  # fmt: skip
    (start / "config.json").write_text(json.dumps(config), encoding="utf-8")
    architecture = read_architecture(start)
    random = np.random.default_rng(seed)
    weights: Weights = {}
    for name, size in expected_shapes(architecture).items():
        if len(size) == 1:
            weights[name] = np.ones(size, np.float32)
        else:
            # Large enough that a token's successor depends on its context.
            weights[name] = random.standard_normal(size, np.float32) * np.float32(size[-1] ** -0.5)
    # No sentinel is ever the best token: a completion of random weights should not end early.
    weights["model.embed_tokens.weight"][: len(tokenizer.token_bytes) - _ordinary(tokenizer)] = 0
    return architecture, weights


def _ordinary(tokenizer: Tokenizer) -> int:
    return sum(1 for piece in tokenizer.token_bytes if piece)


def _training(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "tokenizer_sha256": tokenizer.sha256, "corpus": {"licenses": []}, "languages": ["python"],
        "window": WINDOW, "neighbours": True, "recipe": {}, "curve": [], "tokens_seen": 0, "flops": 0.0,
        "hardware": "none: random weights", "split": "none", "validation": {},
    }  # fmt: skip
