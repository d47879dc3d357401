"""How much a network knows of what belongs into a hole: bits per byte of the middle, its end included.

The measure depends neither on the tokenizer, nor on how holes are drawn or packed for training. A hole is
rendered as it is served; the loss is summed over the middle's tokens and the end token, and divided by the
bytes of the middle. A token that begins before the cursor counts by its chance among all tokens that begin
with the same bytes, as token healing has it in serving: what is typed already is not to be guessed.

Beginnings of files are ordinary text, predicted left to right, without an end.

Not here: which texts (places.py), differences between networks and how sure they are (differences.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional
from transformers import LlamaForCausalLM

from eval.experiments.places import Places
from model.fim import FimExample, training_tokens
from model.tokenizer import Tokenizer

_BATCH_TOKENS = 8192
_NO_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Of one text: nats in all, those of its end token among them, and the bytes that were predicted."""

    nats: float
    end_nats: float
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """Tokens of which those from `first` on are predicted; the first of them begins with `typed`."""

    tokens: tuple[int, ...]
    first: int
    typed: bytes
    size: int
    ends: bool


def measure(
    network: LlamaForCausalLM, tokenizer: Tokenizer, places: Places, *, window: int, neighbours: bool
) -> dict[str, tuple[Loss, ...]]:
    """Losses of a network that reads `window` tokens, by kind of text, each in the order of the places.

    With `neighbours` it is shown those of the holes. A quarter of the window is the middle's; one that takes
    more counts as far as it fits, without its end.
    """
    examples = [place.example for found in places.texts.values() for place in found]
    if not neighbours:
        examples = [replace(one, hole=replace(one.hole, neighbours=())) for one in examples]
    questions = [_question(one, tokenizer, window - window // 4, window) for one in examples]
    losses = iter(_losses(network, tokenizer, questions))
    return {what: tuple(itertools.islice(losses, len(found))) for what, found in places.texts.items()}


def _question(example: FimExample, tokenizer: Tokenizer, budget: int, window: int) -> _Question:
    tokens = training_tokens(example, tokenizer, budget, length=_NO_LIMIT)
    start = tokens.index(tokenizer.fim_middle) + 1  # what stands before and after the cursor parts here
    end = len(tokens) - example.ends
    table = tokenizer.token_bytes
    text = b"".join(table[token] for token in tokens[start:end])
    middle = example.middle.encode("utf-8", "replace")
    assert text.endswith(middle)
    cursor, at, first = len(text) - len(middle), 0, start
    while first < end and at + len(table[tokens[first]]) <= cursor:
        at += len(table[tokens[first]])
        first += 1
    shown = tokens[:window]
    return _Question(
        tokens=tuple(shown),
        first=first,
        typed=text[at:cursor],
        size=sum(len(table[token]) for token in shown[first:]) - (cursor - at),
        ends=example.ends and len(tokens) <= window,
    )


def _losses(network: LlamaForCausalLM, tokenizer: Tokenizer, questions: Sequence[_Question]) -> list[Loss]:
    """The losses in the order of the questions, which are asked by length, those alike together."""
    found: dict[int, Loss] = {}
    order = sorted(range(len(questions)), key=lambda number: len(questions[number].tokens))
    torch.nn.Module.eval(network)  # transformers leaves its own untyped
    while order:
        longest = len(questions[order[-1]].tokens)
        numbers = order[-max(1, _BATCH_TOKENS // longest) :]
        del order[-len(numbers) :]
        found.update(zip(numbers, _batch(network, tokenizer, [questions[n] for n in numbers]), strict=True))
    return [found[number] for number in range(len(questions))]


@torch.no_grad()
def _batch(network: LlamaForCausalLM, tokenizer: Tokenizer, questions: Sequence[_Question]) -> list[Loss]:
    longest = max(len(one.tokens) for one in questions)
    rows_BT = torch.full((len(questions), longest), tokenizer.fim_pad)  # noqa: N806 - B questions, T tokens
    for row, one in zip(rows_BT, questions, strict=True):
        row[: len(one.tokens)] = torch.tensor(one.tokens)
    # Padding stands behind everything, and attention looks back only, so it needs no mask.
    hidden_BTC = network.model(input_ids=rows_BT, use_cache=False).last_hidden_state  # noqa: N806
    return [_loss(network, tokenizer, one, hidden_BTC[row]) for row, one in enumerate(questions)]


def _loss(network: LlamaForCausalLM, tokenizer: Tokenizer, question: _Question, hidden: torch.Tensor) -> Loss:
    """The loss of one question from its hidden states, shape (tokens, width)."""
    targets = torch.tensor(question.tokens[question.first :])
    if not len(targets):
        return Loss(nats=0.0, end_nats=0.0, size=0)
    logits = network.lm_head(hidden[question.first - 1 : len(question.tokens) - 1]).float()
    nats = functional.cross_entropy(logits, targets, reduction="none")
    if question.typed:
        fit = [number for number, one in enumerate(tokenizer.token_bytes) if one.startswith(question.typed)]
        nats[0] += functional.log_softmax(logits[0], dim=-1)[fit].logsumexp(0)
    return Loss(
        nats=float(nats.sum()), end_nats=float(nats[-1]) if question.ends else 0.0, size=question.size
    )
