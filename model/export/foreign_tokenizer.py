"""Another family's tokenizer.json, made to keep the properties that ours has by construction.

Three things are changed when it is read, and the changed file is what a release holds:
- A normalizer is dropped. NFC, which Qwen's has, joins a letter and its combining accent into one character:
  completions would then be of another text than the one in the editor. Source code is nearly always in NFC
  already, and what is not is spelled by its bytes. Any other normalizer changes ordinary text: refused.
- Every added token is declared special, so that a user's text never becomes one. Qwen declares its
  <|fim_prefix|> to be ordinary.
- The post-processor is dropped: it would cut spaces off the offsets that token healing relies on. What it
  puts at the head of a text becomes the role `begin_of_text`.

Then the result is proven on samples: exact round trips, and no sentinel out of text.

Not here: tokenizers that are no byte-level BPE (sentencepiece's, CodeLlama's): they are refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tokenizers

from model.errors import ConfigError, ModelError
from model.tokenizer import ROLES, FimFormat, Tokenizer

TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
_SENTENCEPIECE = "tokenizer.model"

# What families call their sentinels, after the FIM examples in their model cards: prefix, suffix, middle,
# padding, and what separates files.
_FIM_NAMES = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|file_sep|>"),  # Qwen
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "", "<|file_separator|>"),  # CodeGemma
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>", "<file_sep>"),  # StarCoder, Granite
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>", "<fim-pad>", ""),  # SantaCoder
    # DeepSeek-Coder writes a full-width bar and U+2581, sentencepiece's space.
    ("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>", "", ""),
)  # fmt: skip
_END_NAMES = ("<|endoftext|>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "<|end_of_text|>", "</s>", "<eos>")
_FIM_ROLES = ROLES[1:4]

_SAMPLES = (
    "def f(x):\n\tif x >= 10_000:\r\n        return 'a'  \n\n\n  # end\n",
    "x=1;y =2 ;\n    \n  z\t\t= [ 3,4 ]\n",
    " leading and trailing  ",
    "".join(map(chr, range(1, 127))),
    "na\u00efve e\u0301 \u212b \ufb01 \u00f5 \u6771\u4eac \U0001f600 \u200b\ufeff",
    "it's 'S we'LL\n\n \n",
)


def adopt_tokenizer(
    checkpoint: Path, *, order: str | None = None, tokens: Mapping[str, str] | None = None
) -> Tokenizer:
    """The tokenizer of a checkpoint folder, with the sentinels found by name, or given by role in `tokens`.

    The order is prefix_first where there are sentinels, left_to_right where there are none, unless given.
    Raises ModelError for a tokenizer that cannot be used or lacks a sentinel, ConfigError for `tokens` of
    an unknown role.
    """
    path = checkpoint / TOKENIZER
    if unknown := sorted(set(tokens or ()) - set(ROLES)):
        raise ConfigError(f"there is no role {', '.join(unknown)} of a token; use {', '.join(ROLES)}")
    value = _read(path)
    _refuse_unsupported(value, path)
    settings = _optional(checkpoint / TOKENIZER_CONFIG)
    added = {str(token["content"]) for token in value.get("added_tokens") or ()}
    names = _names(added, settings) | _begin(value, settings, path) | dict(tokens or {})
    for role, name in names.items():
        if name not in added:
            raise ModelError(f"{path} has no special token {name!r} to use as {role}; name another")
    given = [role for role in _FIM_ROLES if role in names]
    if order is None:
        order = "prefix_first" if given else "left_to_right"
    if order == "left_to_right":
        names = {role: name for role, name in names.items() if role in ("end_of_text", "begin_of_text")}
    try:
        fim = FimFormat.from_json({"order": order, "tokens": names})
        tokenizer = Tokenizer(_changed(value, path), fim)
    except ModelError as error:
        raise ModelError(f"{path}: {error}; name the tokens, or take a model that has them") from error
    _prove(tokenizer, sorted(added), path)
    return tokenizer


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (path.parent / _SENTENCEPIECE).exists():
            raise ModelError(
                f"{path.parent} has a sentencepiece tokenizer ({_SENTENCEPIECE}); only byte-level BPE "
                f"({TOKENIZER}) can be exported"
            ) from None
        raise ModelError(
            f"there is no {path}; save the tokenizer with transformers' save_pretrained first"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the tokenizer {path}: {error}; fetch it again") from error
    if not isinstance(value, dict) or not isinstance(value.get("model"), dict):
        raise ModelError(f"{path} is not a tokenizer; fetch it again")
    return value


def _optional(path: Path) -> dict[str, Any]:
    """The JSON object in the file, empty without one: it only adds to what tokenizer.json says."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """A normalizer or pre-tokenizer, or the steps of a sequence of them."""
    if isinstance(value, dict):
        inner = value.get("pretokenizers", value.get("normalizers"))
        if inner is None:
            yield value
        for part in inner or ():
            yield from _parts(part)


def _refuse_unsupported(value: dict[str, Any], path: Path) -> None:
    model = value["model"]
    kind = model.get("type") or ("BPE" if "merges" in model else "unknown")
    steps = list(_parts(value.get("pre_tokenizer")))
    byte_level = any(step.get("type") == "ByteLevel" for step in steps)
    if kind != "BPE" or model.get("byte_fallback") or not byte_level:
        if kind == "BPE":
            kind = "sentencepiece BPE" if model.get("byte_fallback") else "BPE over characters"
        raise ModelError(f"{path} is a tokenizer of type {kind}; only byte-level BPE can be exported")
    for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            raise ModelError(f"{path} sets {key}; only a byte-level BPE without it can be exported")
    for step in _parts(value.get("normalizer")):
        if step.get("type") != "NFC":
            raise ModelError(
                f"{path} has the normalizer {step.get('type')}, which changes ordinary text; "
                "only tokenizers that keep it can be exported"
            )
    for token in value.get("added_tokens") or ():
        if not token.get("special") and str(token["content"]).isspace():
            raise ModelError(
                f"{path} adds white space ({token['content']!r}) as a token of its own, outside its merges; "
                "such tokenizers cannot be exported"
            )


def _names(added: set[str], settings: dict[str, Any]) -> dict[str, str]:
    """Names by role, as far as they are known: a family whose three sentinels are all there, and the end."""
    names: dict[str, str] = {}
    for family in _FIM_NAMES:
        if added.issuperset(family[:3]):
            # Merged over the rows: two families share the three names, and differ in what separates files.
            names |= {role: name for role, name in zip(ROLES[1:6], family, strict=True) if name in added}
    # First what ends a text: the eos_token of an instruct model, such as <|im_end|>, ends a turn instead.
    end = next((name for name in _END_NAMES if name in added), _content(settings.get("eos_token")))
    return names if end is None else names | {"end_of_text": end}


def _content(token: Any) -> str | None:
    """A token's text in tokenizer_config.json, where it may be wrapped up."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None


def _begin(value: dict[str, Any], settings: dict[str, Any], path: Path) -> dict[str, str]:
    """The token that the model saw at the head of every text, if there is one."""
    switch, name = settings.get("add_bos_token"), _content(settings.get("bos_token"))
    if switch is False or (switch is True and name is None):
        return {}
    if switch is True and name is not None:
        return {"begin_of_text": name}
    backend = _backend(value, path)
    plain = backend.encode("a", add_special_tokens=False).ids
    framed = backend.encode("a", add_special_tokens=True).ids
    head = framed[: framed.index(plain[0])] if plain and plain[0] in framed else []
    found = backend.id_to_token(head[0]) if len(head) == 1 else None
    return {} if found is None else {"begin_of_text": found}


def _changed(value: dict[str, Any], path: Path) -> tokenizers.Tokenizer:
    """The tokenizer with the changes that the module's docstring lists."""
    changed = value | {"normalizer": None, "post_processor": None, "truncation": None, "padding": None}
    changed["added_tokens"] = [token | {"special": True} for token in value.get("added_tokens") or ()]
    changed["pre_tokenizer"] = json.loads(json.dumps(value["pre_tokenizer"]))
    for step in _parts(changed["pre_tokenizer"]):
        if step.get("type") == "ByteLevel":
            step["add_prefix_space"] = False  # a text gets no space that it does not have
    return _backend(changed, path)


def _backend(value: dict[str, Any], path: Path) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_str(json.dumps(value))
    except Exception as error:  # the Rust side raises bare Exception
        raise ModelError(f"{path} is not a tokenizer: {error}; fetch it again") from error


def _prove(tokenizer: Tokenizer, added: list[str], path: Path) -> None:
    """What prompts and token healing rely on, seen on samples, each also begun in its middle."""
    silent = {token for token, piece in enumerate(tokenizer.token_bytes) if not piece}
    for text in (*_SAMPLES, *(f"x = {name}" for name in added)):
        for start in {0, len(text) // 2}:
            ids = tokenizer.encode(text[start:])
            if tokenizer.decode(ids) != text[start:]:
                raise ModelError(
                    f"{path} does not give {text[start:][:40]!r} back as it was; "
                    "only tokenizers that keep every byte can be exported"
                )
            if silent.intersection(ids):
                raise ModelError(
                    f"{path} makes a special token of the text {text!r}; such tokenizers cannot be exported"
                )
