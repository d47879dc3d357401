"""The network: a stock Llama from transformers, so that every other tool loads it unchanged."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from model.training.config import Shape


def llama_config(shape: Shape, *, vocabulary: int, window: int, end_of_text: int, pad: int) -> LlamaConfig:
    """The transformers configuration of a shape."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=window,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        attention_bias=False,
        mlp_bias=False,
        bos_token_id=None,
        eos_token_id=end_of_text,
        pad_token_id=pad,
        dtype="float32",
    )


def create(config: LlamaConfig, seed: int) -> LlamaForCausalLM:
    """Fresh weights: normal with deviation 0.02, the layers' last projections shrunk with depth (GPT-2)."""
    torch.manual_seed(seed)
    network = LlamaForCausalLM(config)
    scale = (2 * config.num_hidden_layers) ** -0.5
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.mul_(scale)
    return network


class Objective(nn.Module):
    """Next-token cross-entropy over rows, summed; padding is no target."""

    def __init__(self, network: LlamaForCausalLM, pad: int) -> None:
        super().__init__()
        self.network = network
        self.pad = pad

    def forward(self, rows_BT: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: N803 - B rows, T tokens
        """Sum of the losses in nats, and the number of targets."""
        logits = self.network(input_ids=rows_BT[:, :-1], use_cache=False).logits
        targets = rows_BT[:, 1:]
        total = functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]).float(),
            targets.reshape(-1),
            ignore_index=self.pad,
            reduction="sum",
        )
        return total, (targets != self.pad).sum()
