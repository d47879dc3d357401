"""Utilisation is a share of a peak that is known or measured."""

from __future__ import annotations

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


def test_the_measured_rate_is_one_that_this_machine_reaches() -> None:
    """At least half of what one more product reaches now, however busy the machine is."""
    import time

    device, size = torch.device("cpu"), 512
    rate = utilization.measured(device, torch.float32, seconds=0.1)
    matrix = torch.ones(size, size)
    started = time.perf_counter()
    matrix @ matrix
    assert rate > 0.5 * 2 * size**3 / (time.perf_counter() - started)
    assert 1e8 < rate < 1e14


def test_operations_a_token_are_those_of_the_formula() -> None:
    shape = Shape(width=256, layers=5, heads=4, kv_heads=2, feed_forward=640)
    attention = 6 * 5 * 1024 * 4 * 64
    assert shape.flops_per_token(8192, 1024) == 6 * shape.parameters(8192) + attention
