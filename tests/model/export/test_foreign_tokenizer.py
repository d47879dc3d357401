"""Another's tokenizer keeps every byte, knows its sentinels, and never makes one out of text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from model.errors import ConfigError, ModelError
from model.export.foreign_tokenizer import adopt_tokenizer
from model.serving.healing import Healer
from model.tokenizer import FimFormat, Tokenizer

CODE = st.text(alphabet=st.sampled_from("abcdef_ 0123\n\t():.,='\"#é😀<|>e\u0301"), max_size=80)
FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
NAMES = {
    "starcoder": ("<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<file_sep>"),
    "deepseek": (
        "<\uff5cend\u2581of\u2581sentence\uff5c>", "<\uff5cfim\u2581begin\uff5c>",
        "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>",
    ),
    "codegemma": ("<eos>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>"),
    "llama": ("<|begin_of_text|>", "<|end_of_text|>"),
}  # fmt: skip

# What Llama 3 has: every text begins with one token.
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {
        "<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [500], "tokens": ["<|begin_of_text|>"]}
    },
}


def written(folder: Path, value: object, **others: object) -> Path:
    (folder / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    for name, other in others.items():
        (folder / f"{name}.json").write_text(json.dumps(other), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def adopted(foreign_json, tmp_path_factory) -> Tokenizer:
    return adopt_tokenizer(written(tmp_path_factory.mktemp("qwen"), foreign_json()))


def test_qwens_sentinels_are_detected(adopted):
    assert adopted.fim == FimFormat(order="prefix_first")
    assert adopted.fim_prefix == adopted._backend.token_to_id("<|fim_prefix|>")
    assert adopted.file_sep == adopted._backend.token_to_id("<|file_sep|>")
    assert adopted.begin == ()


@pytest.mark.parametrize(
    ("family", "tokens"),
    [
        (
            "starcoder",
            {
                "end_of_text": "<|endoftext|>", "fim_prefix": "<fim_prefix>", "fim_suffix": "<fim_suffix>",
                "fim_middle": "<fim_middle>", "fim_pad": "<fim_pad>", "file_sep": "<file_sep>",
            },
        ),
        (
            "deepseek",
            {
                "end_of_text": "<｜end▁of▁sentence｜>", "fim_prefix": "<｜fim▁begin｜>",  # noqa: RUF001
                "fim_suffix": "<｜fim▁hole｜>", "fim_middle": "<｜fim▁end｜>",  # noqa: RUF001
            },
        ),
        (
            "codegemma",
            {
                "end_of_text": "<eos>", "fim_prefix": "<|fim_prefix|>", "fim_suffix": "<|fim_suffix|>",
                "fim_middle": "<|fim_middle|>", "file_sep": "<|file_separator|>",
            },
        ),
    ],
)  # fmt: skip
def test_other_families_are_detected(foreign_json, tmp_path, family, tokens):
    fim = adopt_tokenizer(written(tmp_path, foreign_json(NAMES[family]))).fim
    assert fim.as_json() == {"order": "prefix_first", "tokens": tokens}


def test_without_sentinels_a_model_reads_from_left_to_right(foreign_json, tmp_path):
    value = foreign_json(NAMES["llama"], post_processor=TEMPLATE)
    tokenizer = adopt_tokenizer(written(tmp_path, value))
    names = {"end_of_text": "<|end_of_text|>", "begin_of_text": "<|begin_of_text|>"}
    assert tokenizer.fim.as_json() == {"order": "left_to_right", "tokens": names}
    assert tokenizer.begin == (500,)


def test_tokenizer_config_says_whether_a_text_has_a_head(foreign_json, tmp_path):
    """DeepSeek-Coder's tokenizer.json does not frame texts; only its tokenizer_config.json says it."""
    head = {"add_bos_token": True, "bos_token": {"content": "<|im_start|>"}}
    folder = written(tmp_path, foreign_json(), tokenizer_config=head)
    assert adopt_tokenizer(folder).fim.begin_of_text == "<|im_start|>"
    framed = foreign_json(NAMES["llama"], post_processor=TEMPLATE)
    written(tmp_path, framed, tokenizer_config={"add_bos_token": False})
    assert adopt_tokenizer(folder).begin == ()


def test_no_space_is_put_before_a_text(foreign_json, tmp_path):
    """GPT-2's switch for words at the start of a sentence: a prompt starts anywhere in a file."""
    value = foreign_json()
    value["pre_tokenizer"]["pretokenizers"][-1]["add_prefix_space"] = True
    tokenizer = adopt_tokenizer(written(tmp_path, value))
    assert tokenizer.decode(tokenizer.encode("def f")) == "def f"


def test_bytes_that_utf8_never_uses_may_be_added_tokens(foreign_json, tmp_path):
    """So they are in DeepSeek-Coder's tokenizer. Token healing asks for a token of every byte."""
    value = foreign_json(NAMES["deepseek"])
    never = [symbol for symbol in value["model"]["vocab"] if symbol in "ÀÁõö÷øùúûüýþÿ"]
    assert len(never) == 13
    for symbol in never:
        token = value["model"]["vocab"].pop(symbol)
        value["added_tokens"].append({"id": token, "content": symbol, "special": False, **FLAGS})
    tokenizer = adopt_tokenizer(written(tmp_path, value))
    Healer(tokenizer.token_bytes)
    assert tokenizer.decode(tokenizer.encode("õ = 'ÿ'")) == "õ = 'ÿ'"


def test_sentinels_are_given_by_name(foreign_json, tmp_path):
    names = ("<end>", "[A]", "[B]", "[C]")
    folder = written(tmp_path, foreign_json(names))
    tokens = {"end_of_text": "<end>", "fim_prefix": "[A]", "fim_suffix": "[B]", "fim_middle": "[C]"}
    tokenizer = adopt_tokenizer(folder, order="suffix_first", tokens=tokens)
    assert tokenizer.fim.as_json() == {"order": "suffix_first", "tokens": tokens}
    assert tokenizer.fim_pad == tokenizer.end_of_text
    with pytest.raises(ModelError, match="needs a token for end_of_text"):
        adopt_tokenizer(folder)
    with pytest.raises(ModelError, match="needs a token for fim_middle"):
        adopt_tokenizer(folder, tokens={k: v for k, v in tokens.items() if k != "fim_middle"})
    with pytest.raises(ModelError, match=r"no special token 'def' to use as fim_prefix"):
        adopt_tokenizer(folder, tokens=tokens | {"fim_prefix": "def"})
    with pytest.raises(ConfigError, match="no role prefix"):
        adopt_tokenizer(folder, tokens={"prefix": "[A]"})
    with pytest.raises(ModelError, match="order of a prompt must be one of"):
        adopt_tokenizer(folder, order="middle_first", tokens=tokens)


@given(text=CODE, more=CODE)
@example(text="e\u0301 = 'A\u030a'", more="")
@example(text="x = 12", more="345")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_byte_is_kept_and_typing_on_changes_no_stable_token(adopted, text, more):
    """NFC, which the file asks for, would join letter and accent; trimmed offsets would lose spaces."""
    assert adopted.decode(adopted.encode(text)) == text
    ids, rest = adopted.encode_stable(text)
    assert adopted.decode(ids) + rest == text
    if len(rest) <= 48:
        assert adopted.encode(text + more)[: len(ids)] == ids


def test_ids_are_those_of_the_original_where_nothing_had_to_change(foreign_json, adopted, source):
    """The model must see the tokens it was trained on."""
    import tokenizers

    original = tokenizers.Tokenizer.from_str(json.dumps(foreign_json()))
    source = source.replace("<|", "< |")
    assert adopted.encode(source) == original.encode(source, add_special_tokens=False).ids


def test_text_never_becomes_a_sentinel_that_was_not_called_special(foreign_json, adopted, tmp_path):
    import tokenizers

    original = tokenizers.Tokenizer.from_str(json.dumps(foreign_json()))
    assert adopted.fim_prefix in original.encode("x = '<|fim_prefix|>'").ids, "or the test shows nothing"
    assert adopted.fim_prefix not in adopted.encode("x = '<|fim_prefix|>'")
    path = tmp_path / "tokenizer.json"
    path.write_text(adopted.to_json(), encoding="utf-8")
    loaded = Tokenizer.load(path, adopted.fim)
    assert loaded.sha256 == adopted.sha256
    assert loaded.encode("<|fim_prefix|>") == adopted.encode("<|fim_prefix|>")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"normalizer": {"type": "Lowercase"}}, "normalizer Lowercase"),
        ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFKC"}]}}, "NFKC"),
        (
            {"pre_tokenizer": {"type": "Metaspace", "replacement": "_"}},
            "type BPE over characters",
        ),
        ({"model": {"type": "WordPiece", "vocab": {}}}, "type WordPiece"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": [], "byte_fallback": True}}, "sentencepiece BPE"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": [], "dropout": 0.1}}, "sets dropout"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}, "does not give"),
        ({"added_tokens": [{"id": 0, "content": "  ", "special": False}]}, "adds white space"),
        ({"model": 3}, "is not a tokenizer"),
    ],
)
def test_what_cannot_keep_a_text_is_refused_by_name(foreign_json, tmp_path, changes, said):
    with pytest.raises(ModelError, match=said) as caught:
        adopt_tokenizer(written(tmp_path, foreign_json() | changes))
    assert "tokenizer.json" in str(caught.value)


def test_a_pre_tokenizer_that_drops_white_space_is_found_out(foreign_json, tmp_path):
    value = foreign_json()
    value["pre_tokenizer"]["pretokenizers"].insert(0, {"type": "WhitespaceSplit"})
    with pytest.raises(ModelError, match=r"does not give .* back as it was"):
        adopt_tokenizer(written(tmp_path, value))


def test_a_folder_without_tokenizer_json_says_what_to_do(tmp_path):
    with pytest.raises(ModelError, match="save_pretrained first"):
        adopt_tokenizer(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"")
    with pytest.raises(ModelError, match="sentencepiece"):
        adopt_tokenizer(tmp_path)


def test_a_tokenizer_that_was_not_adopted_is_not_served(foreign_json, tmp_path):
    """Loaded as it stands, its normalizer would change the text under the cursor."""
    with pytest.raises(ModelError, match="has a normalizer"):
        Tokenizer.load(written(tmp_path, foreign_json()) / "tokenizer.json")
