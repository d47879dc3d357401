"""A tokenizer that was made to do harm is refused before the tokenizers library sees it.

Not covered: checksums (test_release.py), what another family's tokenizer must keep
(tests/model/export/test_foreign_tokenizer.py).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import ModelError
from model.serving import tokenizer_check
from model.serving.engine import Engine
from model.serving.regex_check import PatternError, refuse_slow
from model.serving.tokenizer_check import load_tokenizer, refuse_unservable
from model.tokenizer import QWEN2_REGEX, FimFormat, Tokenizer

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
PATTERNS = {
    "qwen": QWEN2_REGEX,
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama3": QWEN2_REGEX.replace(r"\p{N}|", r"\p{N}{1,3}|"),
    "o200k": rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{M}}]*[\p{{Ll}}\p{{M}}]+{CONTRACTIONS}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "deepseek": r"\s?\p{L}+",
    "bloom": r" ?[^(\s|[.,!?])]+",
    "possessive": r"[^\r\n\p{L}\p{N}]?+\p{L}++|\s*[\r\n]",
}
BOMBS = [
    "(a+)+b", "(a|a)*b", "(?:a|b)+c", "a*a*b", r"\s*\s*\s*x", "a?" * 30 + "a" * 30, "(?:a|a)" * 30 + "b",
    r"(?:\s*x)?\s*y", r"\s+(?=\S+x)", "(?:(?:a*)?)?b*c", "a{1,100}b", "a{1,3}{1,3}",
    "a**", "(a)\\1", r"\g<0>",
    "(?<=a+)b", "(?~ab)", "(?(1)a|b)", "(", ")", "[a", "(" * 5000, "[" * 5000, "a" * 5000, "\\", "*",
]  # fmt: skip


@pytest.fixture(scope="module")
def written(release_folder: Path) -> str:
    return (release_folder / "tokenizer.json").read_text("utf-8")


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_patterns_of_the_known_families_are_taken(pattern):
    refuse_slow(pattern)


@pytest.mark.parametrize("pattern", BOMBS, ids=lambda pattern: pattern[:16])
def test_a_pattern_that_may_take_very_long_is_refused(pattern):
    with pytest.raises(PatternError):
        refuse_slow(pattern)


@settings(max_examples=300)
@given(st.text(alphabet=r"ab\sSpP{LN}[]()|*+?^:=!,13 ", max_size=24))
def test_a_pattern_that_is_taken_ends_on_any_text(pattern):
    """On the engine that runs it: a bomb of these letters would keep a text of 60 for years."""
    from tokenizers import Regex, pre_tokenizers

    try:
        refuse_slow(pattern)
        split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    except Exception:  # refused here, or by the engine
        return
    split.pre_tokenize_str("a" * 60 + " " * 60 + "ab" * 30 + "!")


def change(value, path: str, new) -> None:
    *inner, last = path.split("/")
    for key in inner:
        value = value[int(key) if key.isdigit() else key]
    if new is ...:
        del value[last]
    else:
        value[int(last) if last.isdigit() else last] = new


STEP = "pre_tokenizer/pretokenizers/0"
TOKEN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


@pytest.mark.parametrize(
    ("path", "new", "says"),
    [
        ("model/vocab/def", 2**32 - 1, "has 4294967296 tokens, but the network knows 600"),
        ("model/vocab/def", -1, "gives two tokens one id, or a token none"),
        ("model/vocab/def", 5, "gives two tokens one id"),
        ("model/vocab/def", True, "gives two tokens one id"),
        ("model/vocab/def", "7", "gives two tokens one id"),
        ("model/vocab/" + "x" * 5000, 600, "more than 1024 characters"),
        ("model/vocab", [], "has no vocabulary"),
        ("model/vocab", {}, "is not a tokenizer"),
        ("model/merges", {}, "has no vocabulary or no merges"),
        ("model/merges/0", ["a"], "is not a tokenizer"),
        ("model/merges/0", [1, 2], "has a malformed merge"),
        ("model/merges/0", 7, "has a malformed merge"),
        ("model/merges/0", ["zz", "qq"], "is not a tokenizer"),
        ("model/merges/0", ["<|fim_", "middle|>"], "makes the special token '<|fim_middle|>' of a text"),
        ("model/ignore_merges", True, "of a text"),
        ("model/type", "WordLevel", "is not a byte-level BPE"),
        ("model/type", 7, "is not a byte-level BPE"),
        ("model", None, "is not a byte-level BPE"),
        ("model/dropout", 0.5, "sets dropout"),
        ("model/continuing_subword_prefix", "##", "sets continuing_subword_prefix"),
        ("model/unk_token", "def", "sets unk_token"),
        ("added_tokens", 7, "has no list of added tokens"),
        ("added_tokens/0", "x", "has no list of added tokens"),
        ("added_tokens/0/id", 2**40, "tokens, but the network knows 600"),
        ("added_tokens/0/id", "0", "malformed added token"),
        ("added_tokens/0/content", "", "malformed added token"),
        ("added_tokens/0/content", "y" * 5000, "malformed added token"),
        ("added_tokens/0/special", False, "lets a text contain the token '<|endoftext|>'"),
        ("added_tokens/1/content", "<|endoftext|>", "twice"),
        ("added_tokens/3/content", "<|other|>", "has no special token '<|fim_middle|>'"),
        ("added_tokens/3/single_word", 7, "is not a tokenizer"),
        ("truncation", {"max_length": 1, "stride": 5}, "has a truncation"),
        ("padding", {"strategy": {"Fixed": 2**40}}, "has a padding"),
        ("normalizer", {"type": "NFC"}, "has a normalizer"),
        ("post_processor", {"type": "ByteLevel"}, "has a post_processor"),
        ("decoder", {"type": "WordPiece", "prefix": "", "cleanup": True}, "another decoder"),
        ("decoder", 7, "another decoder"),
        ("version", "9", "is not a tokenizer"),
        ("code", "import os", "has a key 'code'"),
        ("pre_tokenizer", None, "malformed pre-tokenizer"),
        ("pre_tokenizer", {"type": "FixedLength", "length": 0}, "splits texts with 'FixedLength'"),
        ("pre_tokenizer/pretokenizers", [], "malformed pre-tokenizer"),
        ("pre_tokenizer/pretokenizers/1", {"type": "ByteLevel", "add_prefix_space": True}, "a space before"),
        ("pre_tokenizer/pretokenizers/1", {"type": "Digits"}, "one byte-level step"),
        (f"{STEP}/pattern", {"Regex": "(a+)+b"}, "repeats a group"),
        (f"{STEP}/pattern", {"Regex": 7}, "is not a tokenizer"),
        (f"{STEP}/pattern", {"String": 7}, "is not a tokenizer"),
        (f"{STEP}/pattern", ["Regex"], "something else than a pattern"),
        (f"{STEP}/pattern", {"Regex": "a", "String": "a"}, "something else than a pattern"),
        (f"{STEP}/pattern", {"Regex": "(?!"}, "never ends"),
        (f"{STEP}/behavior", "Removed", "does not give a text back"),
        (f"{STEP}/behavior", "Nothing", "is not a tokenizer"),
        (f"{STEP}/pretokenizers", [], "splits texts with 'Split'"),
    ],
)  # fmt: skip
def test_a_tokenizer_that_tabwright_does_not_write_is_refused(written, tmp_path, path, new, says):
    value = json.loads(written)
    change(value, path, new)
    (tmp_path / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        load_tokenizer(tmp_path / "tokenizer.json", FimFormat(), 600)
    sentence = str(caught.value)
    assert sentence.startswith(str(tmp_path / "tokenizer.json"))
    assert says in sentence
    assert "\n" not in sentence
    assert sentence.endswith("again")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is not a tokenizer"),
        (b"\xff\xfe", "is not a tokenizer"),
        (b"[]", "it holds no JSON object"),
        (b'{"version": NaN}', "NaN is no JSON number"),
        (b'{"version": 1e999}', "1e999 is too large a number"),
        (b'{"model": 1, "model": 2}', "the key 'model' stands there twice"),
        (b'{"model":' + b"[" * 100_000, "is nested too deeply"),
        (b'{"model":' + b"9" * 10_000 + b"}", "is not a tokenizer"),
    ],
    ids=[
        "empty",
        "no text",
        "no object",
        "NaN",
        "infinite",
        "a key twice",
        "deep",
        "a number of 10,000 digits",
    ],
)
def test_what_is_no_plain_json_is_refused(tmp_path, data, says):
    (tmp_path / "tokenizer.json").write_bytes(data)
    with pytest.raises(ModelError, match=says):
        load_tokenizer(tmp_path / "tokenizer.json", FimFormat(), 600)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "tokenizer.json").open("wb") as file:
        file.truncate(tokenizer_check.LARGEST_FILE + 1)
    with pytest.raises(ModelError, match="bytes, and at most"):
        load_tokenizer(tmp_path / "tokenizer.json", FimFormat(), 600)


def test_what_the_library_quotes_of_a_file_does_nothing_to_a_terminal(written, tmp_path):
    value = json.loads(written)
    value["model"]["merges"].append(["\x1b[2J", "x"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ModelError, match=r"Token `\ufffd\[2J` out of vocabulary"):
        load_tokenizer(tmp_path / "tokenizer.json", FimFormat(), 600)


def test_a_panic_of_the_library_is_a_sentence(written, tmp_path, monkeypatch):
    """It comes as an exception that is no Exception, and would end the worker thread without a word."""
    panic = type("PanicException", (BaseException,), {})

    def load(*_: object) -> None:
        raise panic("slice index starts at 1 but ends at 0")

    (tmp_path / "tokenizer.json").write_text(written, encoding="utf-8")
    monkeypatch.setattr(Tokenizer, "load", load)
    with pytest.raises(ModelError, match=r"is not a tokenizer: slice index .*; export the model again"):
        load_tokenizer(tmp_path / "tokenizer.json", FimFormat(), 600)


def test_a_tokenizer_that_would_be_refused_when_served_is_not_exported(written, tmp_path):
    """Or the way out, to export it again, would lead back to where it started."""
    value = json.loads(written)
    change(value, f"{STEP}/pattern", {"Regex": "(a+)+b"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    tokenizer = Tokenizer.load(tmp_path / "tokenizer.json")
    with pytest.raises(ModelError, match="repeats a group; only tokenizers without that can be exported"):
        refuse_unservable(tokenizer, tmp_path / "tokenizer.json", 600)


def test_an_engine_asks_for_the_check(release_folder, written, tmp_path, replace_file):
    folder = Path(shutil.copytree(release_folder, tmp_path / "model"))
    value = json.loads(written)
    change(value, f"{STEP}/pattern", {"Regex": "(a+)+b"})
    replace_file(folder, "tokenizer.json", json.dumps(value).encode())
    with pytest.raises(ModelError, match=r"tokenizer\.json has a pattern that repeats a group"):
        Engine.load(folder)


def test_a_tokenizer_without_a_token_for_every_byte_is_named(release_folder, written, tmp_path, replace_file):
    folder = Path(shutil.copytree(release_folder, tmp_path / "model"))
    value = json.loads(written)
    value["model"]["vocab"]["\u0143x"] = value["model"]["vocab"].pop("\u0143")
    replace_file(folder, "tokenizer.json", json.dumps(value).encode())
    with pytest.raises(ModelError, match=r"tokenizer\.json: the tokenizer has no token for the single byte"):
        Engine.load(folder, threads=1)
