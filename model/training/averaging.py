"""An exponential moving average of the weights: what is validated and released in place of the last ones.

Averaging takes out the noise of the last steps (Polyak and Juditsky 1992; Izmailov et al. 2018,
https://arxiv.org/abs/1803.05407). It costs one copy of the weights and does not change the training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from model.training.distributed import cut_like, own, whole


class Average:
    """The average of named weights, which begins at their present values."""

    def __init__(self, weights: Mapping[str, torch.Tensor], decay: float) -> None:
        self._weights = dict(weights)
        self._values = {name: weight.detach().clone() for name, weight in weights.items()}
        self._decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step.

        The decay grows to its value as (1 + n) / (10 + n) over n steps, as in TensorFlow's moving average, so
        that the fresh weights of the first steps are soon forgotten.
        """
        decay = min(self._decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        torch._foreach_lerp_(
            [own(value) for value in self._values.values()],
            [own(weight.detach()) for weight in self._weights.values()],
            1 - decay,
        )

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network computes with the averaged weights inside, and with its own, bit for bit, after."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, weight in self._weights.items():
            mine, theirs = own(self._values[name]), own(weight.detach())
            kept = theirs.clone()
            theirs.copy_(mine)
            mine.copy_(kept)

    def state(self) -> dict[str, torch.Tensor]:
        """Whole averaged weights by name; all processes must ask."""
        return {name: whole(value) for name, value in self._values.items()}

    @torch.no_grad()
    def load(self, values: Mapping[str, torch.Tensor], updates: int) -> None:
        """Go on from a saved state."""
        for name, value in self._values.items():
            own(value).copy_(own(cut_like(values[name], value)))
        self.updates = updates
