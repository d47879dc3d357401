"""What the network learns from: the stock network's own loss and gradients, however they are computed."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from transformers import LlamaForCausalLM

from model.training import network
from model.training.config import Shape

PAD, END = 5, 0
SHAPE = Shape(width=48, layers=2, heads=4, kv_heads=2, feed_forward=80, head_dim=16)


@pytest.fixture
def toy() -> LlamaForCausalLM:
    """Weights large enough that every part of the network shows in its logits."""
    config = network.llama_config(SHAPE, vocabulary=97, window=600, end_of_text=END, pad=PAD)
    made = network.create(config, 0)
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(4) if weight.ndim == 2 else weight.uniform_(0.5, 1.5)
    return made


@pytest.fixture
def rows() -> torch.Tensor:
    """More targets than a chunk of the head holds, some of them padding, some ends."""
    made = torch.randint(6, 97, (3, 301), generator=torch.Generator().manual_seed(0))
    made[:, 250:] = PAD
    made[:, 40::50] = END
    return made


def _stock(toy: LlamaForCausalLM, rows: torch.Tensor, end_weight: float = 1.0) -> torch.Tensor:
    """The weighted sum of losses by the network's own forward."""
    logits, targets = toy(input_ids=rows[:, :-1], use_cache=False).logits, rows[:, 1:]
    losses = functional.cross_entropy(logits.flatten(0, 1), targets.reshape(-1), reduction="none")
    weights = (targets != PAD).float() + (targets == END) * (end_weight - 1)
    return (losses * weights.reshape(-1)).sum()


def _gradients(toy: LlamaForCausalLM, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    found = torch.autograd.grad(loss, list(toy.parameters()))
    return dict(zip((name for name, _ in toy.named_parameters()), found, strict=True))


@pytest.mark.parametrize("end_weight", [1.0, 3.0])
def test_loss_and_gradients_are_the_stock_networks(toy, rows, end_weight) -> None:
    assert rows[:, 1:].numel() > network._CHUNK
    expected = _stock(toy, rows, end_weight)
    loss, targets = network.Objective(toy, PAD, end=END, end_weight=end_weight)(rows)
    assert int(targets) == int((rows[:, 1:] != PAD).sum())
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=0)
    # Of a share of the sum, as the loop divides it by its targets.
    expected_gradients = _gradients(toy, expected / 100)
    for name, gradient in _gradients(toy, loss / 100).items():
        close = (gradient - expected_gradients[name]).norm() / expected_gradients[name].norm()
        assert close < 1e-5, name


def test_in_bfloat16_loss_and_head_are_added_in_float32(toy, rows, monkeypatch) -> None:
    """Where a sum over chunks were rounded each time, more chunks would lose more."""
    monkeypatch.setattr(network, "_CHUNK", 8)
    with torch.autocast("cpu", torch.bfloat16):
        ours, _ = network.Objective(toy, PAD)(rows)
        stock = _stock(toy, rows)
        with torch.no_grad():
            evaluated, _ = network.Objective(toy, PAD)(rows)
    exact = _gradients(toy, _stock(toy, rows))["model.embed_tokens.weight"]
    lost = [
        float((_gradients(toy, loss)["model.embed_tokens.weight"] - exact).norm()) for loss in (ours, stock)
    ]
    assert lost[0] < 1.1 * lost[1]
    assert float(ours.detach()) == pytest.approx(float(stock.detach()), rel=1e-4)
    assert float(evaluated) == pytest.approx(float(stock.detach()), rel=1e-4)


def test_evaluation_computes_what_training_does(toy, rows) -> None:
    objective = network.Objective(toy, PAD)
    trained, _ = objective(rows)
    with torch.no_grad():
        evaluated, _ = objective(rows)
    torch.testing.assert_close(evaluated, trained.detach(), rtol=1e-5, atol=0)


def test_what_comes_later_is_not_seen(toy, rows) -> None:
    """Attention is causal without a mask."""
    changed = rows[:, :-1].clone()
    changed[:, 200:] = 7
    before, after = (network.last_hidden(toy, r)[:, :200] for r in (rows[:, :-1], changed))
    assert torch.equal(before, after)
    assert not torch.equal(
        network.last_hidden(toy, rows[:, :-1])[:, 200:], network.last_hidden(toy, changed)[:, 200:]
    )


def test_dropout_is_for_training_only_and_leaves_the_checkpoint_stock(toy, rows, tmp_path) -> None:
    names, whole = set(toy.state_dict()), network.Objective(toy, PAD)(rows)[0].item()
    network.with_dropout(toy, 0.2)
    objective = network.Objective(toy, PAD)
    torch.manual_seed(1)
    first, second = objective(rows)[0].item(), objective(rows)[0].item()
    torch.manual_seed(1)
    assert first == objective(rows)[0].item()
    assert len({first, second, whole}) == 3
    toy.train(False)
    assert objective(rows)[0].item() == whole
    assert set(toy.state_dict()) == names
    toy.save_pretrained(tmp_path)
    stock = LlamaForCausalLM.from_pretrained(tmp_path)
    assert network.Objective(stock, PAD)(rows)[0].item() == pytest.approx(whole, rel=1e-6)


def test_dropout_keeps_the_residual_stream(toy, rows) -> None:
    """Only what the layers add is dropped, at the share asked for, and the rest made up for."""
    network.with_dropout(toy, 0.25)
    seen: dict[str, torch.Tensor] = {}
    layer = toy.model.layers[0]
    handle = layer.mlp.down_proj.register_forward_hook(lambda m, i, out: seen.update(out=out, x=i[0]))
    network.last_hidden(toy, rows)
    handle.remove()
    dropped = seen["out"] == 0
    assert float(dropped.float().mean()) == pytest.approx(0.25, abs=0.02)
    plain = functional.linear(seen["x"], layer.mlp.down_proj.weight) / 0.75
    torch.testing.assert_close(seen["out"][~dropped], plain[~dropped])


def test_no_dropout_is_no_hook(toy) -> None:
    network.with_dropout(toy, 0.0)
    assert not toy.model.layers[0].mlp.down_proj._forward_hooks
