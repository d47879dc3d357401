"""A prompt taken apart again: what of a hole found room, as text, for templates of other families.

`fim.render` chooses what a model sees, for all engines alike; our tokenizer measures the room, and a prompt
of its tokens has sentinels that no text can produce, so the parts are read off it without doubt.

Not here: how a family of models writes the parts down (families.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model import secrets
from model.fim import Prompt, Snippet
from model.tokenizer import Tokenizer

_HALF_A_CHARACTER = "\ufffd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What stands around the cursor, as far as there was room; neighbours with the best last."""

    path: str
    prefix: str
    suffix: str
    neighbours: tuple[Snippet, ...] = ()


def of(prompt: Prompt, tokenizer: Tokenizer) -> Parts:
    """The parts of a prompt that `fim.render` made with our own format."""
    tokens = prompt.tokens
    begin, end = tokens.index(tokenizer.fim_prefix), tokens.index(tokenizer.fim_middle)
    *others, own = [_text(piece, tokenizer) for piece in _split(tokens[:begin], tokenizer.file_sep)]
    snippets = []
    for other in others:
        path, _, text = other.partition("\n")
        snippets.append(Snippet(path=path, text=text))
    # The room may end within a character, which is no text.
    suffix = _text(tokens[begin + 2 : end], tokenizer).rstrip(_HALF_A_CHARACTER)
    prefix = _text(tokens[end + 1 :], tokenizer) + prompt.pending
    return Parts(
        path=own.removesuffix("\n").lstrip(_HALF_A_CHARACTER),
        prefix=prefix,
        suffix=suffix,
        neighbours=tuple(snippets),
    )


def without_secrets(parts: Parts) -> Parts:
    """The parts with placeholders for passwords, keys and tokens: those stay on this machine."""
    return Parts(
        path=parts.path,
        prefix=secrets.hidden(parts.prefix),
        suffix=secrets.hidden(parts.suffix),
        neighbours=tuple(Snippet(path=one.path, text=secrets.hidden(one.text)) for one in parts.neighbours),
    )


def _text(tokens: Sequence[int], tokenizer: Tokenizer) -> str:
    return tokenizer.decode(tokens)


def _split(tokens: Sequence[int], separator: int) -> list[Sequence[int]]:
    starts = [place for place, token in enumerate(tokens) if token == separator]
    return [tokens[start + 1 : end] for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True)]
