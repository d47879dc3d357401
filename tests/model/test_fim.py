"""The prompt format: training and serving speak the same tokens, within their budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import ConfigError
from model.fim import FimExample, Hole, Snippet, render, training_tokens
from model.tokenizer import SPECIAL_TOKENS, FimFormat, FimOrder, Tokenizer

TEXT = st.text(alphabet=st.sampled_from("abcdef_ 01\n\t():.,='\"#é😀<|>"), max_size=400)
SNIPPETS = st.lists(st.builds(Snippet, path=st.just("b.py"), text=TEXT), max_size=2).map(tuple)
HOLES = st.builds(
    Hole, path=st.just("pkg/a.py"), language=st.just("python"), prefix=TEXT, suffix=TEXT, neighbours=SNIPPETS
)


@given(hole=HOLES, middle=TEXT, budget=st.integers(40, 300))
@settings(max_examples=120, deadline=None)
def test_training_text_starts_with_the_text_that_serving_renders(
    tokenizer: Tokenizer, hole: Hole, middle: str, budget: int
) -> None:
    prompt = render(hole, tokenizer, budget)
    ids = training_tokens(FimExample(hole=hole, middle=middle), tokenizer, budget, length=10_000)
    assert len(prompt.tokens) <= budget
    assert tuple(ids[: len(prompt.tokens)]) == prompt.tokens or len(prompt.pending) > 48
    assert tokenizer.decode(ids).startswith(tokenizer.decode(prompt.tokens) + prompt.pending)


def test_the_order_is_suffix_first(tokenizer: Tokenizer) -> None:
    hole = Hole(path="a.py", language="python", prefix="x = ", suffix="\ny = 2\n")
    t = tokenizer
    assert training_tokens(FimExample(hole=hole, middle="1"), t, 200, length=200) == [
        t.file_sep, *t.encode("a.py\n"), t.fim_prefix, t.fim_suffix, *t.encode("\ny = 2\n"),
        t.fim_middle, *t.encode("x = 1"), t.end_of_text,
    ]  # fmt: skip


def test_a_hole_leaves_no_seam_in_the_tokens(tokenizer: Tokenizer) -> None:
    hole = Hole(path="a.py", language="python", prefix="def f():\n    retu", suffix="")
    ids = training_tokens(FimExample(hole=hole, middle="rn self"), tokenizer, 200, length=200)
    assert ids[ids.index(tokenizer.fim_middle) + 1 : -1] == tokenizer.encode("def f():\n    return self")


def test_prefix_first_keeps_the_parts_apart(tokenizer: Tokenizer) -> None:
    hole = Hole(path="a.py", language="python", prefix="x = ", suffix="\ny = 2\n")
    t = tokenizer
    ids = training_tokens(FimExample(hole=hole, middle="1"), t, 200, length=200, order="prefix_first")
    assert ids == [
        t.file_sep, *t.encode("a.py\n"), t.fim_prefix, *t.encode("x = "), t.fim_suffix,
        *t.encode("\ny = 2\n"), t.fim_middle, *t.encode("1"), t.end_of_text,
    ]  # fmt: skip


def test_a_cut_middle_carries_no_end_token(tokenizer: Tokenizer) -> None:
    hole = Hole(path="a.py", language="python", prefix="", suffix="")
    open_end = training_tokens(FimExample(hole=hole, middle="x = 1", ends=False), tokenizer, 64, length=64)
    assert open_end[-1] != tokenizer.end_of_text
    cut = training_tokens(FimExample(hole=hole, middle="x = 1\n" * 99), tokenizer, 64, length=64)
    assert len(cut) == 64
    assert cut[-1] != tokenizer.end_of_text


def test_sentinels_in_a_users_text_stay_text(tokenizer: Tokenizer) -> None:
    hole = Hole(path="a.py", language="python", prefix="<|fim_middle|>", suffix="<|endoftext|>")
    prompt = render(hole, tokenizer, 200)
    assert sum(t < len(SPECIAL_TOKENS) for t in prompt.tokens) == 4


def test_typing_only_appends_for_a_while(tokenizer: Tokenizer) -> None:
    """The window moves in steps: what was computed for one keystroke serves the next ones."""
    body = "".join(f"value_{i} = compute({i})\n" for i in range(400))
    starts = set()
    for typed in range(0, 200, 5):
        hole = Hole(path="a.py", language="python", prefix=body + "y = 1\n" * typed, suffix="")
        prompt = render(hole, tokenizer, 256)
        starts.add(prompt.tokens[:24])
    assert len(starts) <= 6


def test_neighbours_stand_first_and_within_a_quarter(tokenizer: Tokenizer) -> None:
    snippet = Snippet(path="b.py", text="def helper():\n    return 1\n")
    big = Snippet(path="c.py", text="x = 1\n" * 500)
    hole = Hole(path="a.py", language="python", prefix="y = ", suffix="", neighbours=(snippet, big))
    prompt = render(hole, tokenizer, 256)
    head = [tokenizer.file_sep, *tokenizer.encode("b.py\ndef helper():\n    return 1\n")]
    assert list(prompt.tokens[: len(head)]) == head
    assert prompt.tokens.count(tokenizer.file_sep) == 2


def in_order(tokenizer: Tokenizer, order: FimOrder, **names: str | None) -> Tokenizer:
    """The same tokens under another format."""
    backend = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    return Tokenizer(backend, replace(FimFormat(order=order), **names))  # type: ignore[arg-type]


def test_prefix_first_serves_what_its_training_looks_like(tokenizer: Tokenizer) -> None:
    """The prefix does not end the prompt: it stands whole, and nothing is left to heal."""
    t = in_order(tokenizer, "prefix_first")
    hole = Hole(path="a.py", language="python", prefix="x = retu", suffix="\ny = 2\n")
    prompt = render(hole, t, 200)
    assert prompt.tokens == (
        t.file_sep, *t.encode("a.py\n"), t.fim_prefix, *t.encode("x = retu"), t.fim_suffix,
        *t.encode("\ny = 2\n"), t.fim_middle,
    )  # fmt: skip
    assert prompt.pending == ""
    example = FimExample(hole=hole, middle="rn")
    ids = training_tokens(example, t, 200, length=200, order="prefix_first")
    assert tuple(ids) == (*prompt.tokens, *t.encode("rn"), t.end_of_text)


def test_a_model_that_cannot_tell_files_apart_sees_one_file(tokenizer: Tokenizer) -> None:
    t = in_order(tokenizer, "prefix_first", file_sep=None, begin_of_text="<|reserved_0|>")
    other = Snippet(path="b.py", text="z = 3\n")
    hole = Hole(path="a.py", language="python", prefix="x = ", suffix="\n", neighbours=(other,))
    assert t.decode(render(hole, t, 200).tokens) == "x = \n"
    assert render(hole, t, 200).tokens[:2] == (*t.begin, t.fim_prefix)
    assert t.begin == (SPECIAL_TOKENS.index("<|reserved_0|>"),)


def test_left_to_right_shows_the_prefix_and_heals_its_end(tokenizer: Tokenizer) -> None:
    t = in_order(tokenizer, "left_to_right")
    hole = Hole(path="a.py", language="python", prefix="def f():\n    retu", suffix="\ny = 2\n")
    prompt = render(hole, t, 200)
    assert prompt.tokens[0] == t.end_of_text, "something must stand there: an engine needs a first token"
    assert t.decode(prompt.tokens) + prompt.pending == hole.prefix
    assert prompt.pending.endswith("retu")


@given(hole=HOLES, order=st.sampled_from(get_args(FimOrder)), budget=st.integers(40, 300))
@settings(max_examples=100, deadline=None)
def test_every_order_keeps_to_its_budget_and_to_the_text(
    tokenizer: Tokenizer, hole: Hole, order: FimOrder, budget: int
) -> None:
    t = in_order(tokenizer, order, begin_of_text="<|reserved_0|>")
    prompt = render(hole, t, budget)
    assert 0 < len(prompt.tokens) <= budget
    sentinels = [token for token in prompt.tokens if token < len(SPECIAL_TOKENS)]
    neighbours = sentinels.count(t.file_sep)
    expected = {
        "suffix_first": [*t.begin, *[t.file_sep] * neighbours, t.fim_prefix, t.fim_suffix, t.fim_middle],
        "prefix_first": [*t.begin, *[t.file_sep] * neighbours, t.fim_prefix, t.fim_suffix, t.fim_middle],
        "left_to_right": [*t.begin],
    }[order]
    assert sentinels == expected
    at = prompt.tokens.index(t.fim_prefix if order == "prefix_first" else sentinels[-1])
    end = prompt.tokens.index(t.fim_suffix) if order == "prefix_first" else None
    assert hole.prefix.endswith(t.decode(prompt.tokens[at + 1 : end]) + prompt.pending)


def test_a_tiny_budget_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match="budget of 5 tokens is too small"):
        render(Hole(path="a.py", language="python", prefix="", suffix=""), tokenizer, 5)
