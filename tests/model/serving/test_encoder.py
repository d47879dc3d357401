"""Encoding line by line gives the tokens of the whole text, and each line is encoded once."""

from __future__ import annotations

import threading
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.serving import encoder as encoder_module
from model.serving.encoder import LineEncoder
from model.tokenizer import Tokenizer

CODE = st.text(st.sampled_from("ab_é名1 \n\n\t():.='#\f\v\r\x1c\x85\u2028\u3000"), max_size=60)
TEXTS = CODE | st.text(max_size=40)


@pytest.fixture(scope="module")
def shared(tokenizer) -> LineEncoder:
    """Keeps its lines from one example to the next, as a server does."""
    return LineEncoder(tokenizer)


@given(text=TEXTS)
@example(text="x = f(\n\n   \n\t\n    y)  \n   ")
@example(text="a\r\n\r\n  b\r\n")
@example(text="a\n\x0c\n\x0cclass B:\n")
@example(text="\n \n  a")
@example(text="it's\nthe 'll' \n")
@example(text="lone \ud800 surrogate\n")
def test_tokens_are_those_of_the_whole_text(shared, tokenizer, text):
    expected = tokenizer.encode(text)
    assert shared.encode(text).tolist() == expected
    assert shared.encode(text).tolist() == expected  # from the lines it knows by now
    assert shared.encode_standing(text).tolist() == expected
    assert shared.encode_standing(text).tolist() == expected


def test_real_code_is_encoded_as_a_whole(shared, tokenizer, source):
    assert shared.encode(source).tolist() == tokenizer.encode(source)


@given(lines=st.lists(st.sampled_from(["a = 1\n", "b\n", "\n", "    c(d)\n", "e"]), max_size=30))
def test_a_full_cache_of_lines_changes_no_answer(tokenizer, lines):
    encoder = LineEncoder(tokenizer)
    with mock.patch.object(encoder_module, "_LINES_KEPT", 2):
        for end in range(len(lines) + 1):
            text = "".join(lines[:end])
            assert encoder.encode(text).tolist() == tokenizer.encode(text)
            assert len(encoder._lines) <= 2


def test_caches_are_bounded(tokenizer, monkeypatch):
    monkeypatch.setattr(encoder_module, "_LINES_KEPT", 10)
    monkeypatch.setattr(encoder_module, "_TEXTS_KEPT", 3)
    encoder = LineEncoder(tokenizer)
    for number in range(50):
        text = f"line {number}\n"
        assert encoder.encode_standing(text).tolist() == tokenizer.encode(text)
    assert len(encoder._lines) <= 10
    assert len(encoder._texts) == 3


def test_a_typed_character_costs_one_line(tokenizer, monkeypatch):
    """Else every keystroke would encode the file."""
    encoder = LineEncoder(tokenizer)
    text = "".join(f"name_{number} = call({number})\n" for number in range(100)) + "retur"
    encoder.encode(text)
    asked = []
    encode = tokenizer.encode
    monkeypatch.setattr(tokenizer, "encode", lambda line: (asked.append(line), encode(line))[1])
    encoder.encode(text + "n")
    assert asked == ["return"]


def test_ids_are_kept_as_small_as_they_fit(tokenizer, monkeypatch):
    assert LineEncoder(tokenizer).dtype is np.uint16
    monkeypatch.setitem(tokenizer.__dict__, "size", 1 << 16)
    assert LineEncoder(tokenizer).dtype is np.uint16
    monkeypatch.setitem(tokenizer.__dict__, "size", (1 << 16) + 1)
    wide = LineEncoder(tokenizer)
    assert wide.encode("a = b\n").dtype == np.uint32
    assert wide.encode("a = b\n").tolist() == tokenizer.encode("a = b\n")


@given(text=TEXTS)
def test_line_ends_are_counted(shared, text):
    assert shared.line_ends(shared.encode(text)) == text.count("\n")


def test_several_threads_get_their_own_answers(tokenizer, monkeypatch):
    monkeypatch.setattr(encoder_module, "_LINES_KEPT", 5)
    encoder = LineEncoder(tokenizer)
    wrong = []

    def work(name: str) -> None:
        for number in range(60):
            text = f"{name}{number % 9} = 1\n" * 3
            if encoder.encode_standing(text).tolist() != tokenizer.encode(text):
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_carriage_return_behind_a_line_end_belongs_to_it():
    """The pre-tokenizer takes "\\n\\r" as one; a tokenizer that learnt it has a token for both."""
    learnt = Tokenizer.train(lambda: iter(["a\n\r" * 50]), vocabulary=280)
    assert b"\n\r" in learnt.token_bytes
    assert LineEncoder(learnt).encode("a\n\rb\n").tolist() == learnt.encode("a\n\rb\n")


def test_a_line_too_long_to_be_anyones_is_encoded_and_not_kept(tokenizer):
    encoder = LineEncoder(tokenizer)
    text = "x = [" + "1, " * 1000
    for typed in range(5):
        assert encoder.encode(text + "2" * typed).tolist() == tokenizer.encode(text + "2" * typed)
    assert not encoder._lines
