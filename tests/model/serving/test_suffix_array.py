"""The suffix array against brute force: the places most alike are among those found, by the right lengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.serving.suffix_array import (
    CONTEXT,
    SuffixArray,
    agreement,
    agreement_behind,
    spell,
)

DTYPES = st.sampled_from([np.uint16, np.uint32])
# 1 and 256 change places when bytes are compared in the wrong order; 60000 has a high bit set.
ALPHABET = (1, 2, 256, 60_000)
SEQUENCES = st.integers(1, 4).flatmap(lambda n: st.lists(st.sampled_from(ALPHABET[:n]), max_size=200))
CONTEXTS = st.integers(1, 4).flatmap(lambda n: st.lists(st.sampled_from(ALPHABET[:n]), max_size=40))


def alike(tokens: list[int], place: int, context: list[int]) -> int:
    """How many tokens before a place are the context's last, counted one by one."""
    most = min(place, len(context), CONTEXT)
    return next((n for n in range(most) if tokens[place - 1 - n] != context[-1 - n]), most)


@given(tokens=SEQUENCES, context=CONTEXTS, dtype=DTYPES, most=st.sampled_from([2, 8, 64]))
@example(tokens=[1] * 200, context=[1] * 40, dtype=np.uint16, most=2)
@example(tokens=[1, 2] * 100, context=[2, 1] * 20, dtype=np.uint32, most=2)
def test_the_place_most_alike_is_near(tokens, context, dtype, most):
    found = SuffixArray(np.array(tokens, dtype)).near(spell(np.array(context, dtype)), most).tolist()
    assert len(set(found)) == len(found) <= most
    assert all(1 <= place < len(tokens) for place in found)
    best = max((alike(tokens, place, context) for place in range(1, len(tokens))), default=0)
    assert max((alike(tokens, place, context) for place in found), default=0) == best


@pytest.mark.parametrize("shared", [1, 3, 7, 15, 30])
@pytest.mark.parametrize("wanted", range(6))
def test_one_token_far_back_tells_places_apart(shared, wanted):
    """Up to the last token of a context, by which a doubling that ends early would not sort."""
    blocks = [[10 + number, *[1] * shared] for number in (3, 5, 1, 4, 0, 2)]
    tokens = np.array([token for block in blocks for token in block], np.uint16)
    found = SuffixArray(tokens).near(spell(np.array([10 + wanted, *[1] * shared], np.uint16)), 2)
    lengths = [alike(tokens.tolist(), place, [10 + wanted, *[1] * shared]) for place in found.tolist()]
    last_of_all = blocks[-1][0] == 10 + wanted  # nothing follows it
    assert max(lengths) == shared + (not last_of_all)


@given(tokens=SEQUENCES, dtype=DTYPES)
def test_places_are_sorted_by_what_stands_before_them(tokens, dtype):
    """All of them, each once; by at most `CONTEXT` tokens, the nearest first."""
    found = SuffixArray(np.array(tokens, dtype)).near(b"\xff" * 4 * CONTEXT, 2 * len(tokens)).tolist()
    assert sorted(found) == list(range(1, len(tokens)))
    contexts = [tokens[:place][::-1][:CONTEXT] for place in found]
    assert contexts == sorted(contexts)


@given(tokens=SEQUENCES, context=CONTEXTS, dtype=DTYPES)
def test_agreement_is_what_counting_gives(tokens, context, dtype):
    padded = [0] * CONTEXT + tokens
    places = list(range(CONTEXT, len(padded)))
    found = agreement(np.array(padded, dtype), np.array(places, np.int64), np.array(context, dtype))
    assert found.tolist() == [alike(padded, place, context) for place in places]


@given(tokens=SEQUENCES.filter(bool), run=CONTEXTS.filter(bool), dtype=DTYPES)
def test_agreement_behind_is_what_counting_gives(tokens, run, dtype):
    """Within a text that ends in a token which no run holds, as all texts of a memory do."""
    run, held = run[:16], [*tokens, 0]
    found = agreement_behind(np.array(held, dtype), np.arange(len(held)), np.array(run, dtype))
    backwards, text = run[::-1], held[::-1]
    assert found.tolist() == [alike(text, len(held) - place, backwards) for place in range(len(held))]


@given(
    dtype_and_top=st.sampled_from([(np.uint16, 65_535), (np.uint32, 300_000)]),
    data=st.data(),
)
def test_the_largest_ids_are_told_apart(dtype_and_top, data):
    dtype, top = dtype_and_top
    tokens = data.draw(st.lists(st.integers(top - 3, top), min_size=2, max_size=60))
    context = data.draw(st.lists(st.integers(top - 3, top), min_size=1, max_size=8))
    found = SuffixArray(np.array(tokens, dtype)).near(spell(np.array(context, dtype)), 2).tolist()
    best = max(alike(tokens, place, context) for place in range(1, len(tokens)))
    assert max((alike(tokens, place, context) for place in found), default=0) == best


@pytest.mark.parametrize("tokens", [[], [7]])
def test_a_text_without_a_context_has_no_places(tokens):
    array = SuffixArray(np.array(tokens, np.uint16))
    assert array.near(spell(np.array([7], np.uint16)), 10).tolist() == []
    assert array.near(b"", 10).tolist() == []
