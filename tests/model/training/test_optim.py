"""The float32 Muon is torch's Muon."""

from __future__ import annotations

import torch

from model.training.optim import FloatMuon, orthogonalised


def test_the_update_is_nearly_orthogonal() -> None:
    torch.manual_seed(0)
    for shape in ((16, 48), (48, 16)):
        values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
        assert 0.3 < values.min() <= values.max() < 1.4


def test_float_muon_steps_as_torchs_muon_does() -> None:
    """Against the reference, which iterates in bfloat16: equal up to its rounding."""
    torch.manual_seed(0)
    start = torch.randn(48, 16)
    gradients = [torch.randn(48, 16) for _ in range(4)]
    ends = []
    for kind in (FloatMuon, torch.optim.Muon):
        weight = torch.nn.Parameter(start.clone())
        optimizer = kind([weight], lr=0.1, weight_decay=0.1, momentum=0.95, nesterov=True)
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
        ends.append(weight.detach() - start)
    assert (ends[0] - ends[1]).norm() / ends[1].norm() < 0.02
