"""A tiny network of every shape that matters, a tokenizer learnt from this repository, and a release of them.

Nothing heavy is imported here: tests that use none of these fixtures do not pay for torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model.tokenizer import Tokenizer

ROOT = Path(__file__).parents[2]
WINDOW = 320


@pytest.fixture(scope="session")
def source() -> str:
    """A few hundred lines of real code, kept as they were: what a random network says depends on them."""
    return (ROOT / "tests" / "data" / "real_code.txt").read_text("utf-8")


@pytest.fixture(scope="session")
def tokenizer(source: str) -> Tokenizer:
    return Tokenizer.train(lambda: iter([source]), vocabulary=600)


@pytest.fixture(scope="session")
def rows(source: str, tokenizer: Tokenizer) -> list[list[int]]:
    """Rows of token ids of real code: longer than a window, longer than a chunk, short."""
    ids = tokenizer.encode(source)
    return [ids[:400], ids[500:800], ids[900:907]]


MakeCheckpoint = Callable[..., Path]


@pytest.fixture(scope="session")
def make_checkpoint(tokenizer: Tokenizer) -> MakeCheckpoint:
    """Writes a checkpoint folder as the training loop does; keywords change the network's config.

    Weights are large and norms are not one, so that logits differ clearly; epsilon and rope theta are not
    the usual ones, so that a graph that ignores them is caught.
    """

    def make(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        settings: dict[str, Any] = {
            "vocab_size": tokenizer.size,
            "hidden_size": 48,
            "intermediate_size": 80,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "max_position_embeddings": 512,
            "rms_norm_eps": 1e-3,
            "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
            "tie_word_embeddings": False,
            "initializer_range": 0.2,
        }
        torch.manual_seed(seed)
        network = LlamaForCausalLM(LlamaConfig(**(settings | changes)))
        with torch.no_grad():
            for name, weight in network.named_parameters():
                if "norm" in name:
                    weight.uniform_(0.5, 1.5)
        network.save_pretrained(folder)
        (folder / "tokenizer.json").write_bytes(tokenizer.to_json().encode())
        training = {
            "tokenizer_sha256": tokenizer.sha256,
            "corpus": {"manifest_sha256": "0" * 64, "manifest": "m.json", "projects": 3, "licenses": ["MIT"]},
            "languages": ["python"],
            "window": WINDOW,
            "neighbours": True,
            "recipe": {"seed": seed},
            "curve": [{"step": 1, "tokens": 10, "train_loss": 6.0}],
            "tokens_seen": 10,
            "flops": 1e6,
            "hardware": "a test",
            "split": "train",
            "validation": {"loss": 6.0},
        }
        (folder / "training.json").write_text(json.dumps(training), encoding="utf-8")
        return folder

    return make


@pytest.fixture(scope="session")
def checkpoint(make_checkpoint: MakeCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network that `release_folder` was exported from. Read only."""
    return make_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def release_folder(checkpoint: Path, rows: list[list[int]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported release. Read only."""
    from model.export.write import export

    folder = tmp_path_factory.mktemp("releases") / "tiny"
    export(checkpoint, folder, name="tiny", rows=rows)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The network in torch, asked naively: the whole row for every token, all tokens tried one by one."""

    network: Any
    token_bytes: list[bytes]

    def logits(self, tokens: list[int]) -> Any:
        """float32, shape (tokens, vocabulary)."""
        import torch

        with torch.inference_mode():
            return self.network(torch.tensor([tokens])).logits[0].numpy()

    def greedy(self, tokens: tuple[int, ...], pending: bytes = b"", most: int = 10**9) -> Iterator[int]:
        """Best tokens until a sentinel or `most`, the first ones constrained to spell `pending`."""
        row = list(tokens)
        for _ in range(most):
            scores = self.logits(row)[-1]
            ranked = sorted(range(len(scores)), key=lambda token: (-scores[token], token))
            token = next(t for t in ranked if not pending or self._fits(self.token_bytes[t], pending))
            if not self.token_bytes[token]:
                return
            pending = pending[len(self.token_bytes[token]) :]
            row.append(token)
            yield token

    @staticmethod
    def _fits(piece: bytes, pending: bytes) -> bool:
        return bool(piece) and (piece.startswith(pending) or pending.startswith(piece))


@pytest.fixture(scope="session")
def reference(checkpoint: Path, tokenizer: Tokenizer) -> Reference:
    import torch
    from transformers import LlamaForCausalLM

    network = LlamaForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager")
    network.train(False)
    return Reference(network=network, token_bytes=tokenizer.token_bytes)
