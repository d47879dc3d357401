"""The byte-level BPE between text and token ids, and the sentinels that text can never produce.

The pre-tokenizer regex is Qwen2's, character for character: llama.cpp and others know a closed list of
regexes, and a model whose tokenizer is not on it cannot be converted to GGUF. It splits digits one by one
and keeps runs of indentation together.

A tokenizer of another family is served under its own names for the sentinels: a FimFormat says which, and in
what order that family was trained to read the parts of a file.

Not here: how a prompt is put together (fim.py), how another's tokenizer.json is made to keep the properties
that this one has (export/foreign_tokenizer.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

from model.errors import DataError, ModelError, plain

QWEN2_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

END_OF_TEXT = "<|endoftext|>"
FIM_PREFIX = "<|fim_prefix|>"
FIM_SUFFIX = "<|fim_suffix|>"
FIM_MIDDLE = "<|fim_middle|>"
FIM_PAD = "<|fim_pad|>"
FILE_SEP = "<|file_sep|>"
# The names are Qwen2.5-Coder's, so other engines detect them. Ids are their places in this tuple, for ever:
# new sentinels take a reserved place and never move the others.
SPECIAL_TOKENS = (
    END_OF_TEXT, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, FIM_PAD, FILE_SEP,
    *(f"<|reserved_{i}|>" for i in range(10)),
)  # fmt: skip
MINIMUM_VOCABULARY = len(SPECIAL_TOKENS) + 256
# A longer pre-token is healed by its last token only: a ruler of "=" signs is not worth decoding again.
LONGEST_HEALED = 48

# left_to_right is for models that know no sentinels: they see what stands before the cursor, nothing else.
FimOrder = Literal["suffix_first", "prefix_first", "left_to_right"]
ROLES = (
    "end_of_text", "fim_prefix", "fim_suffix", "fim_middle", "fim_pad", "file_sep", "begin_of_text",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FimFormat:
    """In what order a model reads the parts of a file, and the names of its sentinels; None: it has none.

    `begin_of_text`, where a model has it, stands at the head of every prompt. The default is our own format.
    """

    order: FimOrder = "suffix_first"
    end_of_text: str = END_OF_TEXT
    fim_prefix: str | None = FIM_PREFIX
    fim_suffix: str | None = FIM_SUFFIX
    fim_middle: str | None = FIM_MIDDLE
    fim_pad: str | None = FIM_PAD
    file_sep: str | None = FILE_SEP
    begin_of_text: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The value of `fim` in meta.json: the order, and the name of each sentinel that there is."""
        names = {role: name for role in ROLES if (name := getattr(self, role)) is not None}
        return {"order": self.order, "tokens": names}

    @classmethod
    def from_json(cls, value: object) -> FimFormat:
        """Read `as_json()` back. Raises ModelError for an unknown order or role, or one that is missing."""
        if not isinstance(value, dict) or value.get("order") not in get_args(FimOrder):
            raise ModelError(f"the order of a prompt must be one of {', '.join(get_args(FimOrder))}")
        tokens = value.get("tokens")
        if not isinstance(tokens, dict) or not all(
            role in ROLES and isinstance(name, str) for role, name in tokens.items()
        ):
            raise ModelError(f"the sentinels must be names by their roles, which are {', '.join(ROLES)}")
        needed = ROLES[:1] if value["order"] == "left_to_right" else ROLES[:4]
        if missing := [role for role in needed if role not in tokens]:
            raise ModelError(f"the order {value['order']} needs a token for {', '.join(missing)}")
        names: dict[str, Any] = {role: tokens.get(role) for role in ROLES}
        return cls(order=value["order"], **names)


def _byte_of_symbol() -> dict[str, int]:
    """GPT-2's byte-to-unicode table, inverted: printable bytes are themselves, the rest from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(b): b for b in printable}
    others = (b for b in range(256) if b not in set(printable))
    return table | {chr(0x100 + i): b for i, b in enumerate(others)}


_BYTE_OF_SYMBOL = _byte_of_symbol()
_NEVER_IN_UTF8 = frozenset((0xC0, 0xC1, *range(0xF5, 0x100)))


def _encodable(text: str) -> str:
    """The text with lone surrogates, which JSON can carry into a document, as "?": one character each."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class Tokenizer:
    """Text to ids and back. Sentinels in the text are encoded as the characters they are, never as ids.

    `fim` names the sentinels. A role without a name has the id of end_of_text; no prompt uses it then.
    """

    def __init__(self, backend: tokenizers.Tokenizer, fim: FimFormat | None = None) -> None:
        backend.encode_special_tokens = True
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self.fim = fim or FimFormat()
        self.end_of_text = self._special(self.fim.end_of_text)
        self.fim_prefix = self._special(self.fim.fim_prefix)
        self.fim_suffix = self._special(self.fim.fim_suffix)
        self.fim_middle = self._special(self.fim.fim_middle)
        self.fim_pad = self._special(self.fim.fim_pad)
        self.file_sep = self._special(self.fim.file_sep)
        self.begin = () if self.fim.begin_of_text is None else (self._special(self.fim.begin_of_text),)
        if backend.normalizer is not None:
            raise ModelError(
                "the tokenizer has a normalizer, which changes the text; run `tabwright export` on its model"
            )

    @classmethod
    def load(cls, path: Path, fim: FimFormat | None = None) -> Tokenizer:
        """Read a tokenizer.json; its sentinels are our own, or those that `fim` names.

        Raises ModelError when the file is missing, corrupt, lacks a sentinel or changes the text.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"cannot read the tokenizer {path}: {error}; make its folder again") from error
        try:
            backend = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the Rust side raises bare Exception
            raise ModelError(f"{path} is not a tokenizer: {plain(error)}; make its folder again") from error
        try:
            return cls(backend, fim)
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from error

    @classmethod
    def train(
        cls, texts: Callable[[], Iterator[str]], *, vocabulary: int, progress: bool = False
    ) -> Tokenizer:
        """Learn `vocabulary` tokens (sentinels and the 256 bytes counted in) from the texts."""
        if vocabulary < MINIMUM_VOCABULARY or vocabulary > 65_536:
            raise DataError(
                f"a vocabulary of {vocabulary} is out of range; choose {MINIMUM_VOCABULARY} to 65536"
            )
        backend = tokenizers.Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(QWEN2_REGEX), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=sorted(_BYTE_OF_SYMBOL),
            max_token_length=32,
            show_progress=progress,
        )
        backend.train_from_iterator(texts(), trainer=trainer)
        return cls(backend)

    def _special(self, name: str | None) -> int:
        if name is None:
            return self.end_of_text
        found = self._backend.token_to_id(name)
        if found is None:
            raise ModelError(f"the tokenizer has no {name} token; use a model trained for fill-in-the-middle")
        return found

    def to_json(self) -> str:
        """The tokenizer.json text: equal tokenizers give equal bytes."""
        return self._backend.to_str(pretty=False)

    @cached_property
    def sha256(self) -> str:
        """Hex digest of `to_json()`: shards and models name the tokenizer they belong to by it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @cached_property
    def size(self) -> int:
        """Number of token ids, sentinels included, and those between that others left without a token."""
        return max(self._backend.get_vocab(with_added_tokens=True).values(), default=-1) + 1

    def encode(self, text: str) -> list[int]:
        """Ids of the text; no sentinel is added, and none can come from the text."""
        return self._backend.encode(_encodable(text), add_special_tokens=False).ids

    def token_starts(self, text: str) -> list[int]:
        """For each token of `encode(text)` the character offset at which it begins, in order."""
        return [
            start for start, _ in self._backend.encode(_encodable(text), add_special_tokens=False).offsets
        ]

    def encode_stable(self, text: str) -> tuple[list[int], str]:
        """Ids up to the last boundary that no further typing can move, and the text behind it.

        The last pre-token may still grow (`retu` into `return`, `(` into `()`), and a whitespace run gives
        its last character to the word that follows, so both are held back for the decoder to spell.
        """
        text = _encodable(text)
        encoding = self._backend.encode(text, add_special_tokens=False)
        ids, words = encoding.ids, encoding.word_ids
        if not ids:
            return [], ""
        starts: dict[int, int] = {}
        for position, word in enumerate(words):
            starts.setdefault(-1 if word is None else word, position)
        first_tokens = sorted(starts.values())
        cut = first_tokens.pop()
        while first_tokens and text[encoding.offsets[cut][0] :].isspace():
            previous = first_tokens[-1]
            if not text[encoding.offsets[previous][0] : encoding.offsets[cut][0]].isspace():
                break
            cut = first_tokens.pop()
        start = encoding.offsets[cut][0]
        if len(text) - start > LONGEST_HEALED:
            # Too long to spell again: hold back whole tokens from the end, down to a character boundary.
            cut = len(ids) - 1
            while cut > 0 and not self._starts_character(ids[cut]):
                cut -= 1
            start = len(self.decode(ids[:cut]))
        return ids[:cut], text[start:]

    def _starts_character(self, token: int) -> bool:
        first = self.token_bytes[token][:1]
        return bool(first) and (first[0] & 0xC0) != 0x80

    def decode(self, ids: Iterable[int]) -> str:
        """Text of the ids; sentinels have none. Bytes that are not UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Exact bytes of the ids, which may end within a character."""
        table = self.token_bytes
        return b"".join(table[i] for i in ids)

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """For each id its bytes; empty for sentinels, and for what no text can be encoded to."""
        table = [b""] * self.size
        added = set(self._backend.get_added_tokens_decoder())
        for symbols, token in self._backend.get_vocab(with_added_tokens=True).items():
            # DeepSeek-Coder adds the bytes that UTF-8 never uses, and a text so never needs, as tokens of one
            # symbol: they are bytes all the same.
            spelled = token not in added or _BYTE_OF_SYMBOL.get(symbols) in _NEVER_IN_UTF8
            if spelled and all(s in _BYTE_OF_SYMBOL for s in symbols):
                table[token] = bytes(_BYTE_OF_SYMBOL[s] for s in symbols)
        return table
