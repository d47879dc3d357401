"""The average of the weights follows them, and leaves them alone."""

from __future__ import annotations

import pytest
import torch

from model.training.averaging import Average


def test_the_average_lags_behind_by_its_decay() -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    average = Average({"w": weight}, 0.9)
    average.updates = 10**6  # long after the decay has grown to its value
    with torch.no_grad():
        weight.fill_(1.0)
    for _ in range(5):
        average.update()
    assert average.state()["w"].tolist() == pytest.approx([1 - 0.9**5] * 3)


def test_fresh_weights_are_soon_forgotten() -> None:
    """Without its warm-up an average of 0.999 would still be half random after 700 steps."""
    weight = torch.nn.Parameter(torch.zeros(1))
    average = Average({"w": weight}, 0.999)
    with torch.no_grad():
        weight.fill_(1.0)
    for _ in range(30):
        average.update()
    assert average.state()["w"].item() > 0.99


def test_the_weights_come_back_bit_for_bit() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(50, 7))
    average = Average({"w": weight}, 0.5)
    with torch.no_grad():
        weight.mul_(1 / 3)
    before, mean = weight.detach().clone(), average.state()["w"].clone()

    def stopped() -> None:
        with average.in_place():
            assert torch.equal(weight, mean)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert torch.equal(weight, before)
    assert torch.equal(average.state()["w"], mean)
