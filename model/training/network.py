"""The network and what it is trained on: a stock Llama, so that every other tool loads it unchanged.

Training walks through the modules of transformers itself, for two reasons that are about speed alone. Under
torch.compile transformers builds a causal mask as a tensor, because it cannot rule out packed positions
(`masking_utils.find_packed_sequence_indices`), and with a mask attention computes the half that is masked
too; here attention knows that it is causal. And on a CPU the logits, the largest tensor by far, are made and
turned into gradients a few hundred tokens at a time, while they are in the cache.

Examples that share a row see each other: attention is causal over the whole row.

Not here: optimisers (optim.py), rounding (fake_quantization.py), the loop (loop.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from model.training.config import Shape
from model.training.fake_quantization import head_operands

# Tokens whose logits are made at once on a CPU.
_CHUNK = 512


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


def with_dropout(network: LlamaForCausalLM, p: float) -> None:
    """Zero a share `p` of what attention and feed-forward add to the residual stream, as GPT-2 does.

    In training mode only, from torch's generator. By hooks on the projections that write to the stream, so
    the names of the weights stay the stock ones.
    """
    assert 0 <= p < 1
    if p == 0:
        return

    def drop(module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return functional.dropout(output, p, training=module.training)

    for layer in network.model.layers:
        layer.self_attn.o_proj.register_forward_hook(drop)
        layer.mlp.down_proj.register_forward_hook(drop)


class Objective(nn.Module):
    """Next-token cross-entropy over rows, summed; padding is no target.

    The loss of a target `end` counts `end_weight` times: a model that fills holes fails most often by not
    stopping. Evaluation takes an Objective of its own, without. Where parameters are sharded, it is this
    module that has to be wrapped: it calls the parts of the network, not the network.
    """

    def __init__(
        self, network: LlamaForCausalLM, pad: int, *, end: int | None = None, end_weight: float = 1.0
    ) -> None:
        super().__init__()
        assert end is not None or end_weight == 1.0
        self.network = network
        self.pad, self.end, self.end_weight = pad, -1 if end is None else end, end_weight

    def forward(self, rows_BT: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: N803 - B rows, T tokens
        """Sum of the weighted losses in nats, and the number of targets, each counted once."""
        targets_N = rows_BT[:, 1:].reshape(-1)  # noqa: N806 - N = B x (T - 1) targets
        counted_N = targets_N != self.pad  # noqa: N806
        weights_N = counted_N.float()  # noqa: N806
        if self.end_weight != 1.0:
            weights_N = weights_N.masked_fill(targets_N == self.end, self.end_weight)  # noqa: N806
        hidden = last_hidden(self.network, rows_BT[:, :-1])
        x_ND, weight = head_operands(self.network.lm_head, hidden.flatten(0, 1))  # noqa: N806
        if x_ND.device.type == "cpu" and torch.is_grad_enabled():
            total: torch.Tensor = _HeadLoss.apply(x_ND, weight, targets_N, weights_N)  # type: ignore[no-untyped-call]
            return total, counted_N.sum()
        losses = functional.cross_entropy(
            functional.linear(x_ND, weight).float(), targets_N, reduction="none"
        )
        return (losses * weights_N).sum(), counted_N.sum()


def last_hidden(network: LlamaForCausalLM, ids_BT: torch.Tensor) -> torch.Tensor:  # noqa: N803
    """What the network's head reads, (B, T, hidden), as its own forward computes it."""
    model = network.model
    positions = torch.arange(ids_BT.shape[1], device=ids_BT.device)[None]
    hidden = model.embed_tokens(ids_BT)
    rotary = model.rotary_emb(hidden, position_ids=positions)
    for layer in model.layers:
        # No mask: attention then takes its own causal path.
        hidden = layer(hidden, attention_mask=None, position_embeddings=rotary)
    normed: torch.Tensor = model.norm(hidden)
    return normed


class _HeadLoss(torch.autograd.Function):
    """Head and weighted cross-entropy in one, a chunk of tokens at a time; gradients are made on the way.

    The idea is that of Liger Kernel's fused linear cross-entropy (Hsu et al. 2024,
    https://arxiv.org/abs/2410.10989): the loss is a scalar, so its gradient is that of one, times a factor
    known later. Logits are never kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x_ND: torch.Tensor,  # noqa: N803 - N targets, D hidden, V vocabulary
        weight_VD: torch.Tensor,  # noqa: N803
        targets_N: torch.Tensor,  # noqa: N803
        weights_N: torch.Tensor,  # noqa: N803
    ) -> torch.Tensor:
        """Sum of the weighted losses in nats."""
        total = x_ND.new_zeros(())
        x_gradients, weight_gradient = [], torch.zeros_like(weight_VD)
        vocabulary = torch.arange(len(weight_VD), device=x_ND.device)
        chunks = (torch.split(tensor, _CHUNK) for tensor in (x_ND, targets_N, weights_N))
        for x, targets, weights in zip(*chunks, strict=True):
            logits = (x @ weight_VD.T).float()  # bfloat16 under autocast
            widest = logits.amax(-1, keepdim=True)
            powers = (logits - widest).exp()
            sums = powers.sum(-1, keepdim=True)
            hits = vocabulary == targets[:, None]
            own = torch.where(hits, logits, 0).sum(-1)
            total = total + ((sums.log() + widest)[:, 0].sub(own) * weights).sum()  # `@` would be in bfloat16
            gradient = (powers / sums - hits.float()) * weights[:, None]
            x_gradients.append(gradient @ weight_VD)
            if torch.is_autocast_enabled("cpu"):  # a sum of chunks in bfloat16 would lose most of them
                weight_gradient = weight_gradient + (gradient.T @ x).float()
            else:
                weight_gradient = weight_gradient.addmm(gradient.T, x)
        ctx.save_for_backward(torch.cat(x_gradients), weight_gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *factors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        """What forward made, times the gradient of the sum."""
        x_gradient, weight_gradient = ctx.saved_tensors
        return x_gradient * factors[0], weight_gradient * factors[0], None, None
