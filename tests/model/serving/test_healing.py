"""Whatever is half-typed, the decoded tokens spell it: for every text, cut and model."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.errors import ModelError
from model.serving.healing import Healer

PIECES = ["re", "ret", "retu", "return", "turn", "  ", "    ", "\n    ", "é", "éa", "名", "def", "def "]
BYTES = [bytes([b]) for b in range(256)]
TOKEN_BYTES = [b"", b"", *BYTES, *(piece.encode() for piece in PIECES), b"\xff\xff", b"\xff\xffa"]
HEALER = Healer(TOKEN_BYTES)


def allowed_naively(pending: bytes) -> set[int]:
    return {
        token
        for token, piece in enumerate(TOKEN_BYTES)
        if piece and (piece.startswith(pending) or pending.startswith(piece))
    }


@given(st.one_of(st.binary(min_size=1, max_size=6), st.sampled_from(PIECES).map(str.encode)))
@example(b"\xff")
@example(b"a\xff")
@example(b"\xff\xff")
def test_allowed_tokens_are_those_of_the_definition(pending):
    """The bisection finds what trying every token finds, once each, also next to 0xff where it has no end."""
    allowed = HEALER.allowed(pending).tolist()
    assert len(allowed) == len(set(allowed))
    assert set(allowed) == allowed_naively(pending)


@given(st.lists(st.sampled_from([*PIECES, "x", " ", "ÿ"]), min_size=1).map("".join), st.data())
def test_any_choice_of_allowed_tokens_spells_what_was_typed(text, data):
    """A model may prefer whatever it likes: the bytes still start with the pending text."""
    pending = text[data.draw(st.integers(0, len(text) - 1)) :]
    choice = random.Random(data.draw(st.integers()))
    left, decoded, beyond = pending.encode(), b"", b""
    while left:
        token = choice.choice(HEALER.allowed(left).tolist())
        decoded += HEALER.piece(token)
        left, beyond = HEALER.spell(left, token)
    assert decoded == pending.encode() + beyond


def test_sentinels_are_never_allowed():
    assert 0 not in HEALER.allowed(b"r")
    assert HEALER.piece(0) == b""


def test_ids_that_pad_the_network_have_no_bytes():
    """A network's vocabulary may be rounded up beyond the tokenizer's; such ids end a completion."""
    assert HEALER.piece(len(TOKEN_BYTES)) == b""


def test_spelling_splits_a_token_at_the_cursor():
    token = TOKEN_BYTES.index(b"return")
    assert HEALER.spell(b"retu", token) == (b"", b"rn")
    assert HEALER.spell(b"returned", token) == (b"ed", b"")


def test_tokenizer_that_lacks_a_byte_is_refused():
    """Without it some text could not be spelled, and decoding would have nothing to choose from."""
    with pytest.raises(ModelError, match="0x41"):
        Healer([piece for piece in TOKEN_BYTES if piece != b"A"])


@given(st.binary(min_size=1, max_size=6))
def test_what_must_not_be_empty_goes_on_with_more_than_a_line_end(pending):
    pieces = [b"", *(bytes([b]) for b in range(256)), b"\n\n", b" \n", b"(\n", b"()", b"(a", b"  "]
    healer = Healer(pieces)
    for token in healer.allowed(pending, may_be_empty=False):
        beyond = pieces[token][len(pending) :] if pieces[token].startswith(pending) else b""
        assert not beyond or beyond.strip() or b"\n" not in beyond
    assert {pieces[t] for t in healer.allowed(b"(", may_be_empty=False)} == {b"(", b"()", b"(a"}
    assert {b"", b"\n", b"\n\n", b" \n"}.isdisjoint(
        pieces[t] for t in healer.allowed(b"", may_be_empty=False)
    )
