"""Training in fake 8 bits computes what the int8 release computes, and leaves the network as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from transformers import LlamaForCausalLM

from model.export import encodings, quantize, smooth
from model.export.checkpoint import read_architecture, read_weights
from model.export.onnx_graph import build
from model.export.variants import ENCODINGS
from model.serving import session
from model.training import fake_quantization, network


@pytest.fixture(params=[False, True], ids=["own head", "tied head"])
def made(request: Any, make_checkpoint: Any, tmp_path: Path) -> Path:
    return make_checkpoint(
        tmp_path / "checkpoint", initializer_range=0.1, tie_word_embeddings=request.param, pad_token_id=5
    )


def _load(folder: Path) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)


def _served(folder: Path, row: list[int], calibration: list[list[int]]) -> np.ndarray:
    """Logits of the int8 release, read by the chunk as a prompt is."""
    architecture = read_architecture(folder)
    weights = read_weights(folder, architecture)
    if calibration:
        weights = smooth.smooth(architecture, weights, smooth.widest_inputs(folder, calibration))
    path = folder / "int8.onnx"
    onnx.save(build(architecture, weights, ENCODINGS["int8"]), str(path))
    loaded = session.Session(path, window=320)
    parts = []
    for start in range(0, len(row), loaded.chunk):
        chunk = row[start : start + loaded.chunk]
        parts.append(loaded.step(chunk, rows=len(chunk))[0].copy())
    return np.concatenate(parts)


def _logits(toy: LlamaForCausalLM, row: list[int]) -> np.ndarray:
    with torch.no_grad():
        hidden = network.last_hidden(toy, torch.tensor([row]))
        return toy.lm_head(hidden)[0].numpy()


def _error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("smoothed", [False, True], ids=["plain", "smoothed"])
def test_logits_are_those_of_the_int8_release(made, rows, smoothed) -> None:
    """Over two chunks; what is left are sums in another order, which now and then round to the other side."""
    row, calibration = rows[0][:300], [rows[1]] if smoothed else []
    served, toy = _served(made, row, calibration), _load(made)
    whole = _error(_logits(toy, row), served)
    fake_quantization.attach(toy, torch.tensor(calibration) if smoothed else None)
    rounded = _error(_logits(toy, row), served)
    assert whole > 0.01
    assert rounded < whole / 5


def test_the_rounding_is_the_exports() -> None:
    weight = torch.randn(24, 80, generator=torch.Generator().manual_seed(0))
    weight[3] = 0
    by_row = quantize.from_rows(*quantize.by_row(weight.numpy(), top=encodings.TOP))
    np.testing.assert_allclose(fake_quantization._by_row(weight).numpy(), by_row, rtol=1e-6, atol=1e-7)
    block = encodings.Blockwise(bits=8)._block(weight.numpy())
    codes = quantize.by_block(weight.numpy(), bits=8, block=block)
    by_block = quantize.from_blocks(*codes, bits=8, inputs=80)
    found = fake_quantization._by_block(weight, fake_quantization._weights_step)
    np.testing.assert_allclose(found.numpy(), by_block, rtol=1e-6, atol=1e-7)


def test_chunks_are_those_of_serving() -> None:
    assert fake_quantization._CHUNK == session.CHUNK
    assert fake_quantization._TOP == encodings.TOP


def test_the_powers_are_the_exports(made, rows) -> None:
    architecture = read_architecture(made)
    weights = read_weights(made, architecture)
    eased = smooth.smooth(architecture, weights, smooth.widest_inputs(made, [rows[1]]))
    toy = _load(made)
    fake_quantization.attach(toy, torch.tensor([rows[1]]))
    for number, layer in enumerate(toy.model.layers):
        name = f"model.layers.{number}.mlp.down_proj.weight"
        powers = layer.mlp.down_proj.powers
        assert powers.max() > powers.min()
        np.testing.assert_array_equal(weights[name] * powers.numpy(), eased[name])


def test_gradients_pass_as_if_nothing_were_rounded(made, rows) -> None:
    """Straight through: near those of the network in float32, and no weight is left without one."""
    batch = torch.tensor([rows[0][:120]])
    gradients = []
    for rounding in (False, True):
        toy = _load(made)
        if rounding:
            fake_quantization.attach(toy, batch)
        network.Objective(toy, 5)(batch)[0].backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in toy.parameters()]))
    plain, rounded = gradients
    assert 0 < float((plain - rounded).norm() / plain.norm()) < 0.2


def test_the_network_is_stock_while_it_rounds_and_after(made, rows) -> None:
    toy, row = _load(made), rows[0][:100]
    names, before = {n: w.clone() for n, w in toy.state_dict().items()}, _logits(toy, row)
    fake_quantization.attach(toy, torch.tensor([rows[1]]))
    assert fake_quantization.is_attached(toy)
    assert all(torch.equal(w, names[n]) for n, w in toy.state_dict().items())
    assert toy.state_dict().keys() == names.keys()
    assert not np.array_equal(_logits(toy, row), before)
    fake_quantization.detach(toy)
    assert not fake_quantization.is_attached(toy)
    assert np.array_equal(_logits(toy, row), before)
    assert {type(module) for module in toy.modules()} == {type(m) for m in _load(made).modules()}


def test_a_chunk_has_a_scale_of_its_own() -> None:
    """An outlier coarsens its own chunk of its own row, and no other."""
    x = torch.randn(2, 600, 8, generator=torch.Generator().manual_seed(0))
    wide = x.clone()
    wide[1, 300, 0] = 1000.0
    plain, coarse = fake_quantization._by_chunk(x), fake_quantization._by_chunk(wide)
    assert torch.equal(plain[0], coarse[0])
    assert torch.equal(plain[1, :256], coarse[1, :256])
    assert torch.equal(plain[1, 512:], coarse[1, 512:])
    assert (coarse[1, 256:300] - x[1, 256:300]).abs().max() > 0.5 > (plain - x).abs().max()
