"""How likely the first line of a suggestion is exactly what the person would write.

    P(right) = 1 / (1 + exp(-(bias + Σ weight · feature)))

a logistic regression on what is known when a suggestion is finished. The model's own probability of the line
is its first feature; the rest corrects it, for models are too sure of what they copy and of what is long
(Guo et al. 2017 on calibration; filters of this kind before showing a completion: Sun et al. 2023, "Don't
Complete It!"; Semenkin et al. 2024 on JetBrains' full line completion).

The weights are fitted to a model by `tabwright eval threshold` and stand in its meta.json. Of a release
without them nothing is known, and everything is shown.

Pure. Not here: what is done with the probability (lsp_server/completer.py), fitting
(eval/threshold/measure.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from model.errors import ModelError

if TYPE_CHECKING:
    from model.tokenizer import Tokenizer

_MOST_ODDS = 12.0  # of the model's own probability: beyond it there is nothing to tell apart
_LEAST_LOGPROB = -12.0
_LARGEST = 100.0  # of a weight: no fit comes near it


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is known of the first visible line of a suggestion. Switches are 0.0 or 1.0.

    `odds` are the log odds of the product of its tokens' probabilities, the line's end among them.
    """

    odds: float
    least: float  # log probability of the least likely token
    mean: float  # log probability a token
    length: float  # log(1 + characters)
    copied: float  # share of its characters that came from the memory
    block: float  # a block was asked for, and not a line
    behind: float  # text follows the cursor on its line
    word: float  # the cursor is behind the beginning of a word
    inside: float  # it is within a string or a comment
    cut: float  # a limit cut it
    last: float  # nothing but blanks follows in the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """The fitted weights, one for each of the features. Unfitted, the model's own probability is taken."""

    bias: float = 0.0
    odds: float = 1.0
    least: float = 0.0
    mean: float = 0.0
    length: float = 0.0
    copied: float = 0.0
    block: float = 0.0
    behind: float = 0.0
    word: float = 0.0
    inside: float = 0.0
    cut: float = 0.0
    last: float = 0.0

    def probability(self, features: Features) -> float:
        """Between 0 and 1: how likely the first line is right."""
        odds = self.bias
        for name in NAMES:
            odds += getattr(self, name) * getattr(features, name)
        # The exponential of a large number overflows; this one is of a negative number always.
        small = math.exp(-abs(odds))
        return (1.0 if odds >= 0 else small) / (1.0 + small)

    def as_json(self) -> dict[str, float]:
        """The value of `confidence` in meta.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Confidence:
        """Read `as_json()` back. Raises ModelError for a weight that is missing, unknown or no number."""
        if not isinstance(value, dict):
            raise ModelError("the weights of the confidence must be an object")
        names = [field.name for field in fields(cls)]
        if wrong := sorted(value.keys() ^ set(names)):
            raise ModelError(
                f"the weights of the confidence differ from those known here in {', '.join(wrong)}"
            )
        for name in names:
            number = value[name]
            if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= _LARGEST:
                raise ModelError(
                    f"the weight {name} of the confidence is {number!r}, not a number from -100 to 100"
                )
        return cls(**value)


NAMES: tuple[str, ...] = tuple(field.name for field in fields(Features))


def features(
    written: str,
    logprobs: Sequence[float],
    tokenizer: Tokenizer,
    *,
    pending: str = "",
    copied: Sequence[tuple[int, int]] = (),
    block: bool = False,
    behind: bool = False,
    word: bool = False,
    inside: bool = False,
    cut: bool = False,
    last: bool = False,
) -> Features:
    """The features of a completion's text as the model wrote it, behind what was `pending`.

    `logprobs` are those of its tokens (`Completion.logprobs`), `copied` the character spans that came from
    the memory; the switches are those of `Features`.
    """
    start, end = first_line(written)
    line = written[start:end]
    chosen = list(logprobs[: _tokens_through(written, end, tokenizer, pending)]) or [_LEAST_LOGPROB]
    total = sum(chosen)
    overlap = sum(max(0, min(end, e) - max(start, s)) for s, e in copied)
    return Features(
        odds=_log_odds(total),
        least=max(_LEAST_LOGPROB, min(chosen)),
        mean=max(_LEAST_LOGPROB, total / len(chosen)),
        length=math.log1p(len(line)),
        copied=overlap / max(1, len(line)),
        block=float(block),
        behind=float(behind),
        word=float(word),
        inside=float(inside),
        cut=float(cut),
        last=float(last),
    )


def first_line(text: str) -> tuple[int, int]:
    """Where the first line with anything visible begins and ends; blank lines before it are skipped."""
    visible = len(text) - len(text.lstrip())
    start = text.rfind("\n", 0, visible) + 1
    end = text.find("\n", visible)
    return start, len(text) if end < 0 else end


def _tokens_through(written: str, end: int, tokenizer: Tokenizer, pending: str) -> int:
    """How many tokens carry the text up to `end` and the line end there.

    Encoding the text again gives nearly the tokens that were decoded; where it does not, one more or less of
    them changes little.
    """
    text = pending + written[: end + 1]
    ends = [*tokenizer.token_starts(text), len(text)][1:]
    return sum(one > len(pending) for one in ends)


def _log_odds(logprob: float) -> float:
    """log(p / (1 - p)) of a log probability, between -12 and 12."""
    chance = -math.expm1(min(logprob, -1e-9))  # 1 - p
    return max(-_MOST_ODDS, min(_MOST_ODDS, logprob - math.log(chance)))
