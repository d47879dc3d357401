"""Utilisation is a share of a peak that is known or measured."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from model.training import utilization
from model.training.config import Shape


def test_a_known_gpu_has_its_makers_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        "NVIDIA H200": 989e12,
        "NVIDIA H100 80GB HBM3": 989e12,
        "NVIDIA H100 PCIe": 756e12,
        "NVIDIA A100-SXM4-80GB": 312e12,
        "NVIDIA L40S": 362e12,
        "NVIDIA GeForce RTX 4090": 165e12,
    }
    for name, flops in names.items():
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device, name=name: name)
        assert utilization.peak(torch.device("cuda"), torch.bfloat16).flops == flops


def test_the_measured_rate_is_that_of_the_fastest_product(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cpu")
    assert 1e8 < utilization.measured(device, torch.float32, seconds=0.0) < 1e14
    now, seconds = [0.0], iter([0.5, 0.1, 0.2, 5.0])

    def product(left: torch.Tensor, right: torch.Tensor, *, out: torch.Tensor) -> None:
        now[0] += next(seconds)

    monkeypatch.setattr(torch, "mm", product)
    monkeypatch.setattr(utilization, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    assert utilization.measured(device, torch.float32) == pytest.approx(2 * 1024**3 / 0.1)


def test_operations_a_token_are_those_of_the_formula() -> None:
    shape = Shape(width=256, layers=5, heads=4, kv_heads=2, feed_forward=640)
    attention = 6 * 5 * 1024 * 4 * 64
    assert shape.flops_per_token(8192, 1024) == 6 * shape.parameters(8192) + attention
