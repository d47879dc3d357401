"""The Muon that is at home everywhere is torch's Muon."""

from __future__ import annotations

import torch

from model.training.optim import WholeMuon, load, orthogonalised


def test_the_update_is_nearly_orthogonal() -> None:
    torch.manual_seed(0)
    for shape in ((16, 48), (48, 16)):
        values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
        assert 0.3 < values.min() <= values.max() < 1.4


def test_our_muon_steps_as_torchs_muon_does() -> None:
    """Against the reference, which iterates in bfloat16: equal up to its rounding."""
    torch.manual_seed(0)
    start = torch.randn(48, 16)
    gradients = [torch.randn(48, 16) for _ in range(4)]
    ends = []
    for kind in (WholeMuon, torch.optim.Muon):
        weight = torch.nn.Parameter(start.clone())
        optimizer = kind([weight], lr=0.1, weight_decay=0.1, momentum=0.95, nesterov=True)
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
        ends.append(weight.detach() - start)
    assert (ends[0] - ends[1]).norm() / ends[1].norm() < 0.02


def test_a_float_run_goes_on_with_torchs_muon() -> None:
    """As when a run begun on such a CPU goes on on a GPU; its own rate is kept, the momentum taken over."""
    weight = torch.nn.Parameter(torch.randn(8, 4))
    settings = {"weight_decay": 0.1, "momentum": 0.95, "nesterov": True}
    old = WholeMuon([weight], lr=0.1, **settings)
    weight.grad = torch.randn(8, 4)
    old.step()
    new = torch.optim.Muon([weight], lr=0.05, **settings)
    load(new, old.state_dict())
    new.step()
    assert new.param_groups[0]["lr"] == 0.05
    assert "momentum_buffer" in new.state[weight]
