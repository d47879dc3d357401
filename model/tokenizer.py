"""The byte-level BPE between text and token ids, and the sentinels that text can never produce.

The pre-tokenizer regex is Qwen2's, character for character: llama.cpp and others know a closed list of
regexes, and a model whose tokenizer is not on it cannot be converted to GGUF. It splits digits one by one
and keeps runs of indentation together.

Not here: what order the sentinels stand in (fim.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

from model.errors import DataError, ModelError

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


def _byte_of_symbol() -> dict[str, int]:
    """GPT-2's byte-to-unicode table, inverted: printable bytes are themselves, the rest from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(b): b for b in printable}
    others = (b for b in range(256) if b not in set(printable))
    return table | {chr(0x100 + i): b for i, b in enumerate(others)}


_BYTE_OF_SYMBOL = _byte_of_symbol()


def _encodable(text: str) -> str:
    """The text with lone surrogates, which JSON can carry into a document, as "?": one character each."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class Tokenizer:
    """Text to ids and back. Sentinels in the text are encoded as the characters they are, never as ids."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        backend.encode_special_tokens = True
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self.end_of_text = self._special(END_OF_TEXT)
        self.fim_prefix = self._special(FIM_PREFIX)
        self.fim_suffix = self._special(FIM_SUFFIX)
        self.fim_middle = self._special(FIM_MIDDLE)
        self.fim_pad = self._special(FIM_PAD)
        self.file_sep = self._special(FILE_SEP)

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read a tokenizer.json. Raises ModelError when it is missing, corrupt or lacks a sentinel."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"cannot read the tokenizer {path}: {error}; make its folder again") from error
        try:
            backend = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the Rust side raises bare Exception
            raise ModelError(f"{path} is not a tokenizer: {error}; make its folder again") from error
        try:
            return cls(backend)
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

    def _special(self, name: str) -> int:
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

    @property
    def size(self) -> int:
        """Number of token ids, sentinels included."""
        return self._backend.get_vocab_size(with_added_tokens=True)

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
        """For each id its bytes; empty for sentinels."""
        table = [b""] * self.size
        added = set(self._backend.get_added_tokens_decoder())
        for symbols, token in self._backend.get_vocab(with_added_tokens=True).items():
            if token not in added:
                table[token] = bytes(_BYTE_OF_SYMBOL[s] for s in symbols)
        return table
