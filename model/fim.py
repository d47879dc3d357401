"""The one prompt format: a Hole and the tokens it becomes, for training and for serving alike.

A cursor in an editor and a masked span in a training file are the same thing, a Hole. The order is
suffix-first, variant 2 of "SPM" in Bavarian et al. 2022 (Efficient Training of Language Models to Fill in
the Middle): a typed character only appends to the tokens, so an engine reuses everything before it.

    [<|file_sep|> path \\n text]…                                   neighbours
    <|file_sep|> path \\n                                           this file
    <|fim_prefix|><|fim_suffix|> suffix <|fim_middle|> prefix        what stands after and before the cursor
    middle <|endoftext|>                                            what is to be written

A model of another family was trained on an order of its own, which its tokenizer's FimFormat names:

    prefix_first     <fim_prefix> prefix <fim_suffix> suffix <fim_middle>, behind neighbours and path where
                     the family has a token that separates files
    left_to_right    prefix: the model knows no sentinels and sees nothing else

An empty suffix means that nothing is known to follow. Ordinary left-to-right text is a hole with neither
prefix nor suffix, so it needs no format of its own.

Not here: where holes are drawn (data_pipeline/holes.py), which neighbours are chosen (neighbours.py).
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Literal

from model.errors import ConfigError
from model.tokenizer import Tokenizer

Order = Literal["suffix_first", "prefix_first"]

# Characters read per token of room before encoding: generous for code (about 3.5), so that encoding stays
# proportional to the window and not to the file.
_CHARACTERS_PER_TOKEN = 8
_SMALLEST_BUDGET = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A piece of another file, shown to the model before this one."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A place in a file where text is missing. Line ends are LF; `path` is relative, with forward slashes."""

    path: str
    language: str
    prefix: str
    suffix: str
    neighbours: tuple[Snippet, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FimExample:
    """A hole and what belongs there. `ends` is false where the middle was cut short and more would follow."""

    hole: Hole
    middle: str
    ends: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the engine reads: `tokens` as they stand, then text that must begin with `pending`.

    `tokens` end at the last boundary that typing cannot move; `pending` is the half-typed rest, which
    constrains the first decoded tokens and is not part of the completion (token healing).
    """

    tokens: tuple[int, ...]
    pending: str = ""


def render(hole: Hole, tokenizer: Tokenizer, budget: int) -> Prompt:
    """The prompt for a hole, of at most `budget` tokens, in the order of the tokenizer's model.

    Raises ConfigError for a budget under 32.
    """
    before = _before_prefix(hole, tokenizer, budget)
    prefix = _visible_prefix(hole, tokenizer, budget - len(before))
    if tokenizer.fim.order == "prefix_first":
        # The prefix does not end the prompt, so its last token cannot be decoded again: nothing is pending.
        return Prompt(tokens=tuple(_prefix_first(before, tokenizer.encode(prefix), tokenizer)))
    ids, pending = tokenizer.encode_stable(prefix)
    return Prompt(tokens=(*before, *ids), pending=pending)


def training_tokens(
    example: FimExample, tokenizer: Tokenizer, budget: int, *, length: int, order: Order = "suffix_first"
) -> list[int]:
    """The ids of a training example: the prompt that `render(example.hole, …)` gives, then the middle.

    Prefix and middle are encoded as one text, so the hole leaves no seam in the tokens. At most `length`
    ids; an example that does not fit loses the end of its middle, and with it the end token.
    """
    hole = example.hole
    before = _before_prefix(hole, tokenizer, budget)
    prefix = _visible_prefix(hole, tokenizer, budget - len(before))
    if order == "suffix_first":
        ids = [*before, *tokenizer.encode(prefix + example.middle)]
    else:
        ids = _prefix_first(before, tokenizer.encode(prefix), tokenizer)
        ids += tokenizer.encode(example.middle)
    if example.ends:
        ids.append(tokenizer.end_of_text)
    return ids[:length]


def _prefix_first(before: list[int], prefix: list[int], tokenizer: Tokenizer) -> list[int]:
    """What stands before the middle in suffix-first order, with the prefix moved before the suffix."""
    at = before.index(tokenizer.fim_prefix)
    suffix = before[at + 2 : -1]
    return [
        *before[:at], tokenizer.fim_prefix, *prefix, tokenizer.fim_suffix, *suffix, tokenizer.fim_middle,
    ]  # fmt: skip


def _before_prefix(hole: Hole, tokenizer: Tokenizer, budget: int) -> list[int]:
    """Everything that stands still while a person types: neighbours, the path, the suffix."""
    if budget < _SMALLEST_BUDGET:
        raise ConfigError(f"a prompt budget of {budget} tokens is too small; use at least {_SMALLEST_BUDGET}")
    if tokenizer.fim.order == "left_to_right":
        return [*tokenizer.begin] or [tokenizer.end_of_text]  # what a text begins behind
    ids: list[int] = [*tokenizer.begin, *_other_files(hole, tokenizer, budget)]
    ids += [tokenizer.fim_prefix, tokenizer.fim_suffix]
    # Half the window while the text above is surely short, else a quarter: one step, not one a keystroke,
    # because everything behind the suffix is computed again when the suffix changes.
    room = (budget - len(ids)) // (2 if len(hole.prefix) < budget else 4)
    ids += tokenizer.encode(hole.suffix[: room * _CHARACTERS_PER_TOKEN])[:room]
    ids.append(tokenizer.fim_middle)
    return ids


def _other_files(hole: Hole, tokenizer: Tokenizer, budget: int) -> list[int]:
    """The neighbours and this file's path; nothing for a model that cannot tell files apart."""
    if tokenizer.fim.file_sep is None:
        return []
    ids: list[int] = []
    for snippet in reversed(hole.neighbours):  # the best stands last, next to this file: it is kept longest
        piece = [tokenizer.file_sep, *tokenizer.encode(f"{snippet.path}\n{snippet.text}")]
        if len(ids) + len(piece) <= budget // 4:
            ids = piece + ids
    header = tokenizer.encode(f"{hole.path}\n")[-budget // 8 :]
    return [*ids, tokenizer.file_sep, *header]


def _visible_prefix(hole: Hole, tokenizer: Tokenizer, room: int) -> str:
    """The end of the prefix, at most `room` tokens of it, cut where the cut will stay for a while.

    The start moves in steps of a quarter of the room: typing then appends to tokens already computed
    instead of shifting all of them by a line.
    """
    step = max(1, room * 3 // 4)  # characters: about a quarter of the room, at three characters a token
    start = max(0, len(hole.prefix) - room * _CHARACTERS_PER_TOKEN)
    first = start = -(-start // step) * step
    # One encoding says how many tokens follow each place; a cut changes no token but the one it falls into.
    places = tokenizer.token_starts(hole.prefix[first:])
    while True:
        cut = _line_start(hole.prefix, start)
        if len(places) - bisect.bisect_left(places, cut - first) <= room:
            text = hole.prefix[cut:]
            if len(tokenizer.encode(text)) <= room:
                return text
        start += step


def _line_start(text: str, at: int) -> int:
    """The first start of a line at or after `at`; `at` itself where the line is longer than a window."""
    if at <= 0:
        return 0
    if at >= len(text):
        return len(text)
    newline = text.find("\n", at - 1)
    return at if newline < 0 else newline + 1
