"""What the memory's findings are worth, among themselves and against the model.

    P(token) = (1 - share) · P_model(token) + share · P_memory(token)

as in the nested cache models of Hellendoorn & Devanbu 2017 and the kNN-LM of Khandelwal et al. 2020. P_memory
is a softmax over the places found: long contexts, near ones and those of nearer layers count more. The share
is a logistic function of what the memory knows (how long the context is, how often it stood before, how much
its places agree) and of what the model knows (how sure it is, whether the memory says the same).

The numbers are fitted to a model by `tabwright model fit-memory` and stand in its meta.json: the better the
model, the less it needs the memory. All functions are elementwise, so the fit runs them over thousands of
places at once.

Pure. Not here: finding places (memory.py), fitting (model/export/fit_memory.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import ModelError

Values = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LONG = 16.0  # tokens: agreement beyond this says little more
_NEAR = 64.0  # tokens
_MOST_SHARE = 1 - 1e-6
_LEAST_ODDS = -700.0  # beyond it, exponentials overflow
_LARGEST = 20.0  # of a fitted number: no fit comes near it


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The fitted numbers: `place_…` rank the places found, `share_…` set the memory's share (log odds)."""

    place_length: float = 0.5  # a token of context, up to 16
    place_log_length: float = 1.0
    place_distance: float = -0.2  # the logarithm of the distance in the document
    place_behind: float = 0.5  # the logarithm of how many tokens behind the hole stand soon behind it
    place_open: float = -0.2  # against the document itself
    place_project: float = -0.5
    place_renamed: float = -0.5
    share: float = -2.0
    share_length: float = 0.1
    share_log_length: float = 0.5
    share_count: float = 0.0  # the logarithm of how many places have the longest context
    share_behind: float = 0.0  # as place_behind, of the best place
    share_agreement: float = 2.0  # the probability of the memory's best token
    share_certainty: float = 0.0  # the log probability of the model's best token
    share_same: float = 0.0  # both have the same best token
    share_open: float = 0.0  # the best place is in another open document
    share_project: float = 0.0
    share_renamed: float = 0.0

    def weigh(self, lengths: Integers, layers: Integers, distances: Integers, behind: Integers) -> Values:
        """The logits of places, elementwise; arguments as in `memory.Found`."""
        weights = self.weigh_length(lengths)
        weights += self.place_distance * np.log1p(distances / _NEAR)
        weights += self.place_behind * np.log1p(behind)
        weights += np.array([0.0, self.place_open, self.place_project, self.place_renamed])[layers]
        return weights

    def weigh_length(self, lengths: Integers) -> Values:
        """The part of a place's logit that its context's length has."""
        weights: Values = self.place_length * np.minimum(lengths, _LONG)
        return weights + self.place_log_length * np.log(lengths)

    def share_of(
        self, length: Any, count: Any, behind: Any, agreement: Any, certainty: Any, same: Any, layer: Any
    ) -> Any:
        """The memory's share, between 0 and 1; of numbers, or elementwise of arrays.

        `length` is that of the longest context found, `count` how many places have it, `behind` is of the
        best place, `agreement` the
        probability of the memory's best token, `certainty` the log probability of the model's, `same` whether
        they are one (0 or 1), `layer` that of the best place.
        """
        odds = (
            self.share
            + self.share_length * np.minimum(length, _LONG)
            + self.share_log_length * np.log(length)
            + self.share_count * np.log(count)
            + self.share_behind * np.log1p(behind)
            + self.share_agreement * agreement
            + self.share_certainty * certainty
            + self.share_same * same
            + np.array([0.0, self.share_open, self.share_project, self.share_renamed])[layer]
        )
        # Never all of it: where the memory offers nothing that is allowed, the model must have a say.
        return np.minimum(1.0 / (1.0 + np.exp(-np.maximum(odds, _LEAST_ODDS))), _MOST_SHARE)

    def as_json(self) -> dict[str, float]:
        """The value of `memory` in meta.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Mixture:
        """Read `as_json()` back. Raises ModelError for a number that is missing, unknown or none."""
        if not isinstance(value, dict):
            raise ModelError("the memory's numbers must be an object")
        names = [field.name for field in fields(cls)]
        if wrong := sorted(value.keys() ^ set(names)):
            raise ModelError(f"the memory's numbers differ from those known here in {', '.join(wrong)}")
        for name in names:
            number = value[name]
            if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= _LARGEST:
                raise ModelError(f"the memory's number {name} is {number!r}, not from -20 to 20")
        return cls(**value)


def numbers(mixture: Mixture) -> Values:
    """The fitted numbers in the order of their names: what a fit moves."""
    return np.array(list(asdict(mixture).values()), np.float64)


def from_numbers(values: Sequence[float]) -> Mixture:
    """The inverse of `numbers`."""
    names = [field.name for field in fields(Mixture)]
    return Mixture(**{name: float(value) for name, value in zip(names, values, strict=True)})
