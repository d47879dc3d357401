"""Is a tokenizer.json one that Tabwright writes? Asked before the tokenizers library sees it.

That library panics on some files instead of refusing them, allocates a table as long as the largest id, and
runs any regex. A release holds one kind of tokenizer only, a byte-level BPE that was proven when it was
exported (model/export/foreign_tokenizer.py), so everything else is refused here: other kinds and steps, ids
that the network does not have, patterns that may take very long (regex_check.py), merges that spell a
sentinel.

Not here: checksums (release.py), what an exported tokenizer keeps (model/tokenizer.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.errors import ModelError, plain
from model.serving.regex_check import PatternError, refuse_slow
from model.serving.strict_json import read_object
from model.tokenizer import FimFormat, Tokenizer

LARGEST_FILE = 64 << 20  # bytes; those of published models have up to 20 MB
_LONGEST_TOKEN = 1024  # characters
_MOST_STEPS = 16
_EMPTY = ("truncation", "padding", "normalizer", "post_processor")
_KEYS = {*_EMPTY, "version", "added_tokens", "pre_tokenizer", "decoder", "model"}
_UNUSED = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")
_MODEL_KEYS = {*_UNUSED, "type", "fuse_unk", "ignore_merges", "vocab", "merges"}
_STEP_KEYS = {
    "Split": {"type", "pattern", "behavior", "invert"},
    "Digits": {"type", "individual_digits"},
    "ByteLevel": {"type", "add_prefix_space", "trim_offsets", "use_regex"},
}
_SAMPLE = "def f(x):\n\tif x >= 10_000:\r\n        return 'na\u00efve \u6771'  \n\n  # \U0001f600\n"
_AGAIN = "export the model again"


class _WrongError(ValueError):
    """What is wrong with the file; the text continues a sentence that names it."""


def refuse_unservable(tokenizer: Tokenizer, path: Path, vocabulary: int) -> None:
    """Raise ModelError for a tokenizer, out of a file, that no release may have."""
    try:
        _check(json.loads(tokenizer.to_json()), tokenizer.fim, vocabulary)
    except (_WrongError, PatternError) as error:
        raise ModelError(f"{path} {error}; only tokenizers without that can be exported") from error


def load_tokenizer(path: Path, fim: FimFormat, vocabulary: int) -> Tokenizer:
    """The tokenizer in a file, for a network that knows `vocabulary` tokens.

    Raises ModelError for a file that Tabwright has not written, and for one that lacks a sentinel.
    """
    try:
        _check(read_object(path, LARGEST_FILE), fim, vocabulary)
    except (_WrongError, PatternError) as error:
        raise ModelError(f"{path} {error}; {_AGAIN}") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not a tokenizer: {error}; {_AGAIN}") from error
    try:
        tokenizer = Tokenizer.load(path, fim)
        ids = tokenizer.encode(_SAMPLE)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what a panic in Rust becomes; it has no other base
            raise
        raise ModelError(f"{path} is not a tokenizer: {plain(error)}; {_AGAIN}") from None
    if tokenizer.decode(ids) != _SAMPLE:
        raise ModelError(f"{path} does not give a text back as it was; {_AGAIN}")
    return tokenizer


def _check(value: dict[str, Any], fim: FimFormat, vocabulary: int) -> None:
    if unknown := value.keys() - _KEYS:
        raise _WrongError(f"has a key {min(unknown)[:80]!r}, which Tabwright does not write")
    for key in _EMPTY:
        if value.get(key) is not None:
            raise _WrongError(f"has a {key}, which Tabwright does not write")
    decoder = value.get("decoder")
    if decoder is not None and (not isinstance(decoder, dict) or decoder.get("type") != "ByteLevel"):
        raise _WrongError("has another decoder than a byte-level one")
    added = _added(value.get("added_tokens"))
    _check_model(value.get("model"), added)
    highest = max((*value["model"]["vocab"].values(), *added.values()), default=0)
    if highest >= vocabulary:
        raise _WrongError(f"has {highest + 1} tokens, but the network knows {vocabulary}")
    steps = list(_steps(value.get("pre_tokenizer"), 0))
    if [step["type"] for step in steps].count("ByteLevel") != 1 or steps[-1]["type"] != "ByteLevel":
        raise _WrongError("does not end with one byte-level step")
    sentinels = set(fim.as_json()["tokens"].values())
    if missing := sorted(sentinels - added.keys()):
        raise _WrongError(
            f"has no special token {missing[0][:80]!r}, which the prompts of this model are made with; "
            "take the tokenizer of this model, one trained for fill-in-the-middle, and"
        )


def _added(tokens: object) -> dict[str, int]:
    """Ids of the added tokens by their text."""
    if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
        raise _WrongError("has no list of added tokens")
    found: dict[str, int] = {}
    for token in tokens:
        text, number = token.get("content"), token.get("id")
        if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_TOKEN or not _is_id(number):
            raise _WrongError("has a malformed added token")
        if token.get("special") is not True:
            raise _WrongError(f"lets a text contain the token {text[:80]!r}")
        if text in found:
            raise _WrongError(f"has the added token {text[:80]!r} twice")
        found[text] = number
    return found


def _check_model(model: object, added: dict[str, int]) -> None:
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE" or model.keys() - _MODEL_KEYS:
        raise _WrongError("is not a byte-level BPE")
    for key in _UNUSED:
        if model.get(key):
            raise _WrongError(f"sets {key}, which Tabwright does not write")
    vocabulary, merges = model.get("vocab"), model.get("merges")
    if not isinstance(vocabulary, dict) or not isinstance(merges, list):
        raise _WrongError("has no vocabulary or no merges")
    ids = set(vocabulary.values()) if set(map(type, vocabulary.values())) == {int} else set()
    if len(ids) != len(vocabulary) or min(ids) < 0:
        raise _WrongError("gives two tokens one id, or a token none")
    if max(map(len, vocabulary), default=0) > _LONGEST_TOKEN:
        raise _WrongError(f"has a token of more than {_LONGEST_TOKEN} characters")
    try:  # older files write the two with a space between them
        spelled = {one.replace(" ", "", 1) if isinstance(one, str) else "".join(one) for one in merges}
    except TypeError:
        raise _WrongError("has a malformed merge") from None
    if model.get("ignore_merges"):
        spelled |= vocabulary.keys()  # a text is first looked up as a whole
    if reached := sorted(spelled & added.keys()):
        raise _WrongError(f"makes the special token {reached[0][:80]!r} of a text")


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _steps(value: object, depth: int) -> Iterator[dict[str, Any]]:
    """The steps of the pre-tokenizer, each checked."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or depth > 2:
        raise _WrongError("has a malformed pre-tokenizer")
    if kind == "Sequence":
        inner = value.get("pretokenizers")
        if not isinstance(inner, list) or not 0 < len(inner) <= _MOST_STEPS:
            raise _WrongError("has a malformed pre-tokenizer")
        for one in inner:
            yield from _steps(one, depth + 1)
        return
    if kind not in _STEP_KEYS or value.keys() - _STEP_KEYS[kind]:
        raise _WrongError(f"splits texts with {kind[:80]!r}, which Tabwright does not write")
    if kind == "ByteLevel" and value.get("add_prefix_space"):
        raise _WrongError("puts a space before a text")
    if kind == "Split":
        pattern = value.get("pattern")
        if not isinstance(pattern, dict) or len(pattern) != 1:
            raise _WrongError("splits texts by something else than a pattern")
        if not isinstance(pattern.get("String"), str):  # a text is sought as it stands
            refuse_slow(str(pattern.get("Regex")))
    yield value
