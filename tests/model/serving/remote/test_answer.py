"""What comes from a server is text, an end, or a lie."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.serving.remote.answer import Answer, Piece, read, said
from model.serving.remote.failures import RemoteError

ENDS = ("<|endoftext|>", "<|file_sep|>")
NAMES = ["choices", "text", "error", "logprobs", "token_logprobs", "finish_reason", "x"]


def answer(**how: Any) -> Answer:
    return Answer(**{"most_tokens": 64, "ends": ENDS, **how})


def taken(texts: list[str], finish: str = "stop", **how: Any) -> tuple[str, str | None]:
    """The text and the reason of an answer in these pieces."""
    it = answer(**how)
    for text in texts:
        reason = it.take(Piece(text=text))
        if reason is not None:
            return it.text, reason
    reason = it.take(Piece(finish=finish))
    return it.text, reason


def test_pieces_are_one_text() -> None:
    assert taken(["self.", "x = ", "1"]) == ("self.x = 1", "end_of_text")
    assert taken(["self."], "length") == ("self.", "length")


def test_the_stop_rule_ends_it_and_cuts() -> None:
    stop = lambda text: text.find("\n") if "\n" in text else None  # noqa: E731
    assert taken(["a", "b\nc", "d"], stop=stop) == ("ab", "stop")


@given(st.lists(st.integers(1, 6), max_size=20))
def test_a_sentinel_in_the_text_ends_it_however_it_is_cut_into_pieces(sizes: list[int]) -> None:
    """The rule that judges the text so far sees no more of it than one character, which may be code."""
    seen: list[str] = []

    def stop(text: str) -> None:
        seen.append(text)

    text, pieces = "x = 1<|endoftext|>rm -rf", []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    it = answer(stop=stop)
    for piece in [*filter(None, pieces), text]:
        if it.take(Piece(text=piece)) is not None:
            break
    else:
        it.take(Piece(finish="stop"))
    assert it.text == "x = 1"
    assert all("x = 1<".startswith(one) for one in seen)


@pytest.mark.parametrize(
    "unfit",
    ["\x00", "\x1b[31m", "\x7f", "\u202e", "\u2066", "\ud800", "\x85", "a\rb"[1:]],
    ids=ascii,
)
def test_text_ends_before_what_no_file_should_get_from_a_stranger(unfit: str) -> None:
    assert taken([f"x = 1{unfit}y"]) == ("x = 1", "length")


def test_line_ends_are_line_feeds() -> None:
    assert taken(["a\r\nb", "\r", "\nc"]) == ("a\nb\nc", "end_of_text")


def test_blanks_that_the_model_writes_anew_are_not_there_twice() -> None:
    assert taken([" ", "   ", "return x"], held="    ") == ("return x", "end_of_text")
    assert taken(["    return x"], held="    ") == ("return x", "end_of_text")
    assert taken(["      return x"], held="    ") == ("  return x", "end_of_text")
    assert taken(["return x"], held="    ") == ("return x", "end_of_text")
    assert taken(["\treturn x"], held="    ") == ("return x", "end_of_text")
    assert taken(["  "], held="    ") == ("", "end_of_text")
    assert taken(["\nx"], held=" ") == ("\nx", "end_of_text")


def test_a_flood_ends_at_the_characters_that_tokens_can_have() -> None:
    it = answer(most_tokens=4)
    reason = None
    for _ in range(100):
        reason = it.take(Piece(text="word "))
        if reason is not None:
            break
    assert reason == "length"
    assert len(it.text) <= 4 * 16
    assert len(it._raw) < 100
    assert answer(most_tokens=4).take(Piece(text="x" * 100_000_000)) == "length"


@given(st.lists(st.text(max_size=10)), st.text(alphabet=" \t", max_size=4))
def test_any_text_that_comes_of_it_can_be_sent_on(texts: list[str], held: str) -> None:
    text, reason = taken([t for t in texts if t], held=held)
    text.encode()
    assert not any(ord(c) < 32 and c not in "\t\n" for c in text)
    assert reason in ("end_of_text", "length")


@pytest.mark.parametrize(
    "data",
    ["", "{", "null", "[]", "1", '"text"', "{}", '{"choices": null}', '{"choices": {}}', '{"choices": [1]}',
     '{"choices": [{}]}', '{"choices": [{"text": 1}]}', '{"choices": [{"message": {"content": 1}}]}',
     "[" * 100_000, b"\xff\xfe{", '{"error": {"message": "no such model"}}', '{"error": "no"}',
     '{"object": "error", "message": "no"}', "<html><body>Sign in</body></html>", "9" * 5000],
    ids=range(20),
)  # fmt: skip
def test_what_is_no_completion_is_one_sentence(data: str | bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        read(data)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["delta", "message"])
def test_text_may_stand_where_chats_have_theirs(name: str) -> None:
    """As Mistral's endpoint for filling in has it."""
    assert read(json.dumps({"choices": [{name: {"content": "x"}}]})).text == "x"
    assert read(json.dumps({"choices": [{name: {"role": "assistant", "content": None}}]})) == Piece()


def test_an_error_in_the_servers_words_is_told_in_few_of_them() -> None:
    with pytest.raises(RemoteError, match="no such model"):
        read('{"error": {"message": "no such model"}}')
    assert said({"error": {"message": "a\n\x1b[31mb\u202e " + "x" * 1000}}).startswith("a [31mb xxx")
    assert len(said("x" * 100_000)) == 200
    deep: object = "x"
    for _ in range(100_000):
        deep = {"error": deep}
    assert said(deep) == "", "nested deeper than Python goes"
    assert said({"detail": [{"msg": "field required"}]}) == '[{"msg": "field required"}]'


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner),
)


@given(JSON)
def test_any_json_is_a_piece_or_one_sentence(value: object) -> None:
    try:
        piece = read(json.dumps(value))
    except RemoteError:
        return
    assert isinstance(piece.text, str)
    assert all(-1e4 <= one <= 0 for one in piece.logprobs)


def test_probabilities_are_taken_where_a_server_gives_them() -> None:
    value = {"choices": [{"text": "a b", "logprobs": {"token_logprobs": [-0.5, None, -1, True, 3.0, "x"]}}]}
    assert read(json.dumps(value)).logprobs == (-0.5, -1.0)
    it = answer()
    it.take(read(json.dumps(value)))
    assert it.logprobs == [-0.5, -1.0]
