"""The measure of completion counts exactly the middle, whatever the tokens and the company in the batch."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from transformers import LlamaForCausalLM

from eval.experiments import across_spaces, completion_loss
from eval.experiments.places import Place, Places
from model.fim import FimExample, Hole, Snippet
from model.tokenizer import QWEN2_REGEX, Tokenizer
from model.training import network
from model.training.config import Shape

WINDOW = 256
TEXT = (Path(__file__).parents[2] / "model" / "fim.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def net(tokenizer: Tokenizer) -> LlamaForCausalLM:
    shape = Shape(width=32, layers=2, heads=2, kv_heads=1, feed_forward=64, head_dim=16)
    config = network.llama_config(
        shape,
        vocabulary=tokenizer.size,
        window=WINDOW,
        end_of_text=tokenizer.end_of_text,
        pad=tokenizer.fim_pad,
    )
    made = network.create(config, seed=0)
    with torch.no_grad():  # far from uniform, so that a wrong position shows
        made.get_input_embeddings().weight.mul_(30)
    return made


def place(start: int, end: int, *, ends: bool = True, neighbours: tuple[Snippet, ...] = ()) -> Place:
    hole = Hole(
        path="model/fim.py", language="python", prefix=TEXT[:start], suffix=TEXT[end:], neighbours=neighbours
    )
    return Place(file=0, mode="line", example=FimExample(hole=hole, middle=TEXT[start:end], ends=ends))


def measure(
    net: LlamaForCausalLM, tokenizer: Tokenizer, *places: Place, neighbours: bool = True
) -> tuple[completion_loss.Loss, ...]:
    found = completion_loss.measure(
        net,
        tokenizer,
        Places(fingerprint="", texts={"middles": places}),
        window=WINDOW,
        neighbours=neighbours,
    )
    return found["middles"]


def logprobs_of(net: LlamaForCausalLM, question: completion_loss._Question) -> torch.Tensor:
    """All at once, (tokens, vocabulary), to look the others up in."""
    with torch.no_grad():
        return functional.log_softmax(net(torch.tensor([question.tokens])).logits[0], dim=-1)


def test_the_loss_is_that_of_the_middles_tokens_and_the_end(
    net: LlamaForCausalLM, tokenizer: Tokenizer
) -> None:
    start = TEXT.index("    Raises ConfigError") + 4
    end = TEXT.index("\n", start)
    (found,) = measure(net, tokenizer, place(start, end))
    question = completion_loss._question(place(start, end).example, tokenizer, WINDOW * 3 // 4, WINDOW)
    tokens = torch.tensor(question.tokens)
    count = len(tokenizer.encode(TEXT[start:end])) + 1
    logprobs = logprobs_of(net, question)
    wanted = -sum(float(logprobs[i - 1, tokens[i]]) for i in range(len(tokens) - count, len(tokens)))
    assert tokens[-1] == tokenizer.end_of_text
    assert found.nats == pytest.approx(wanted, rel=1e-4)
    assert found.end_nats == pytest.approx(-float(logprobs[-2, tokenizer.end_of_text]), rel=1e-4)
    assert found.size == len(TEXT[start:end].encode())


def test_what_is_typed_already_is_not_to_be_guessed(net: LlamaForCausalLM, tokenizer: Tokenizer) -> None:
    """A cursor inside a token: its loss is that among the tokens that begin with what is typed."""
    word = next(
        word
        for word in re.finditer(r"(?<=\n)[a-z]{4,}(?= )", TEXT[:-100])
        if word.start() > 1000 and len(tokenizer.encode(word[0])) == 1
    )
    start = word.start() + 2
    question = completion_loss._question(place(start, start + 20).example, tokenizer, WINDOW * 3 // 4, WINDOW)
    assert question.typed.endswith(word[0][:2].encode())
    table = tokenizer.token_bytes
    logprobs = logprobs_of(net, question)
    at = question.first
    fit = [number for number, one in enumerate(table) if one.startswith(question.typed)]
    chance = math.exp(float(logprobs[at - 1, question.tokens[at]])) / sum(
        math.exp(float(logprobs[at - 1, one])) for one in fit
    )
    rest = -sum(float(logprobs[i - 1, question.tokens[i]]) for i in range(at + 1, len(question.tokens)))
    (found,) = measure(net, tokenizer, place(start, start + 20))
    assert found.nats == pytest.approx(rest - math.log(chance), rel=1e-4)
    assert found.size == 20


@settings(max_examples=40)
@given(start=st.integers(0, len(TEXT) - 100), length=st.integers(1, 60))
def test_exactly_the_middles_bytes_are_counted(tokenizer: Tokenizer, start: int, length: int) -> None:
    one = place(start, start + length).example
    question = completion_loss._question(one, tokenizer, WINDOW * 3 // 4, WINDOW)
    if question.ends:
        assert question.size == len(one.middle.encode())
        shown = b"".join(tokenizer.token_bytes[token] for token in question.tokens[question.first :])
        assert shown == question.typed + one.middle.encode()


def test_company_and_order_change_nothing(net: LlamaForCausalLM, tokenizer: Tokenizer) -> None:
    places = [place(n * 300 + 40, n * 300 + 60 + n) for n in range(12)]
    together = measure(net, tokenizer, *places)
    alone = [measure(net, tokenizer, one)[0] for one in places]
    assert [one.size for one in together] == [one.size for one in alone]
    assert [one.nats for one in together] == pytest.approx([one.nats for one in alone], rel=1e-4)


def test_neighbours_are_shown_only_where_the_variant_has_them(
    net: LlamaForCausalLM, tokenizer: Tokenizer
) -> None:
    with_one = place(400, 430, neighbours=(Snippet(path="a.py", text="budget = 32\n"),))
    assert measure(net, tokenizer, with_one, neighbours=False) == measure(net, tokenizer, place(400, 430))
    assert measure(net, tokenizer, with_one)[0].nats != measure(net, tokenizer, place(400, 430))[0].nats


def test_a_middle_longer_than_its_room_counts_as_far_as_it_fits(
    net: LlamaForCausalLM, tokenizer: Tokenizer
) -> None:
    (found,) = measure(net, tokenizer, place(2000, 6000))
    assert 0 < found.size < 4000
    assert found.end_nats == 0.0


@given(st.text(alphabet=st.sampled_from("ab (=).,:#\n\t 12é"), max_size=60))
@settings(max_examples=60)
def test_merges_across_spaces_lose_no_text_and_cross_no_line_end(text: str) -> None:
    found = _across()
    assert found.decode(found.encode(text)) == text
    assert all(b"\n" not in one.strip(b"\r\n") for one in found.token_bytes)


def test_merges_cross_single_spaces_only() -> None:
    crossing = [one.decode() for one in _across().token_bytes if b" " in one.strip()]
    assert "x is not" in crossing
    assert all("  " not in one.strip() for one in crossing)
    plain = Tokenizer.train(lambda: iter(SENTENCES), vocabulary=400)
    assert not [one for one in plain.token_bytes if b" " in one.strip()]
    assert len(_across().encode(SENTENCES[0])) < len(plain.encode(SENTENCES[0]))
    assert across_spaces.REGEX != QWEN2_REGEX


SENTENCES = ["for i in range(10):\n    if x is not None:\n        y = i  # one  two\n"] * 50


def _across() -> Tokenizer:
    return across_spaces.learn(SENTENCES, 400)
