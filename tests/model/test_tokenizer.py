"""The tokenizer: exact round trips, sentinels out of reach of text, stable boundaries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.errors import DataError, ModelError
from model.tokenizer import SPECIAL_TOKENS, FimFormat, Tokenizer

CODE = st.text(alphabet=st.sampled_from("abcdef_ 01\n\t():.,='\"#é😀<|>"), max_size=80)


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_text_survives_the_round_trip(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_lone_surrogate_becomes_one_question_mark(tokenizer: Tokenizer) -> None:
    """JSON can carry one into a document; no suggestion of that document may fail for it."""
    text = "name = '\ud83d'\nx = "
    assert tokenizer.decode(tokenizer.encode(text)) == "name = '?'\nx = "
    ids, rest = tokenizer.encode_stable(text)
    assert tokenizer.decode(ids) + rest == "name = '?'\nx = "
    assert len(tokenizer.token_starts(text)) == len(tokenizer.encode(text))


@pytest.mark.parametrize("name", SPECIAL_TOKENS)
def test_text_never_produces_a_sentinel(tokenizer: Tokenizer, name: str) -> None:
    ids = tokenizer.encode(f"x = '{name}'")
    assert min(ids) >= len(SPECIAL_TOKENS)
    assert tokenizer.decode(ids) == f"x = '{name}'"


def test_sentinels_stay_text_after_saving_and_loading(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer.to_json(), encoding="utf-8")
    loaded = Tokenizer.load(path)
    assert loaded.sha256 == tokenizer.sha256
    assert min(loaded.encode("<|endoftext|>")) >= len(SPECIAL_TOKENS)


def test_digits_are_split_and_line_ends_kept(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("1234")) == 4
    assert tokenizer.decode(tokenizer.encode("a\n\n    b")) == "a\n\n    b"


@given(text=CODE, more=CODE)
@example(text="a \n  ", more="\n\nb")
@example(text="a\n\n \n", more="  \n")
@settings(max_examples=250, deadline=None)
def test_typing_on_never_changes_the_stable_tokens(tokenizer: Tokenizer, text: str, more: str) -> None:
    ids, rest = tokenizer.encode_stable(text)
    assert tokenizer.decode(ids) + rest == text
    if len(rest) <= 48:
        assert tokenizer.encode(text + more)[: len(ids)] == ids


def test_blank_lines_may_become_one_token_with_what_is_typed() -> None:
    blank = Tokenizer.train(lambda: iter(["a\n  \nb\n  \nc"] * 50), vocabulary=300)
    assert len(blank.encode("\n  \n")) == 1
    ids, rest = blank.encode_stable("a\n  ")
    assert (blank.decode(ids), rest) == ("a", "\n  ")
    assert blank.encode("a\n  \nb")[: len(ids)] == ids


def test_a_long_rest_is_held_back_by_its_last_token_only(tokenizer: Tokenizer) -> None:
    text = "x = 1  # " + "é=" * 200
    ids, rest = tokenizer.encode_stable(text)
    assert 0 < len(rest) <= 48
    assert tokenizer.decode(ids) + rest == text


def test_training_is_deterministic(source_texts: list[str]) -> None:
    one, two = (Tokenizer.train(lambda: iter(source_texts[:5]), vocabulary=400) for _ in range(2))
    assert one.to_json() == two.to_json()


def test_a_corrupt_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer\.json is not a tokenizer"):
        Tokenizer.load(path)
    with pytest.raises(ModelError, match="cannot read the tokenizer"):
        Tokenizer.load(tmp_path / "absent.json")


def test_a_tokenizer_without_fim_tokens_is_refused(tmp_path: Path) -> None:
    import tokenizers

    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizers.Tokenizer(tokenizers.models.BPE()).to_str(), encoding="utf-8")
    with pytest.raises(ModelError, match=r"has no <\|endoftext\|> token"):
        Tokenizer.load(path)


def test_the_format_survives_meta_json() -> None:
    fim = FimFormat(order="prefix_first", end_of_text="<e>", fim_pad=None, file_sep=None, begin_of_text="<b>")
    assert FimFormat.from_json(json.loads(json.dumps(fim.as_json()))) == fim
    assert FimFormat.from_json(FimFormat().as_json()) == FimFormat(), "our own"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "order of a prompt"),
        ({"order": "sideways", "tokens": {}}, "order of a prompt"),
        ({"order": "prefix_first"}, "names by their roles"),
        ({"order": "prefix_first", "tokens": {"hole": "x"}}, "names by their roles"),
        ({"order": "prefix_first", "tokens": {"fim_prefix": 3}}, "names by their roles"),
        ({"order": "left_to_right", "tokens": {}}, "needs a token for end_of_text"),
        (
            {"order": "prefix_first", "tokens": {"end_of_text": "x", "fim_prefix": "y"}},
            "fim_suffix, fim_middle",
        ),
    ],
)
def test_a_malformed_format_is_refused(value: object, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        FimFormat.from_json(value)


def test_a_vocabulary_out_of_range_is_refused() -> None:
    with pytest.raises(DataError, match="vocabulary of 10 is out of range"):
        Tokenizer.train(lambda: iter([]), vocabulary=10)
