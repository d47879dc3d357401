"""What a prompt is made of, for `tabwright complete --explain`: each piece, its tokens, and why it is there.

The account is read off the prompt itself, so it cannot disagree with it; what did not fit is known by its
absence. Pure. Not here: what was copied, and why a suggestion was shown (completer.py tells).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from model import neighbourhood
from model.errors import plain
from model.fim import Hole, Prompt, Snippet
from model.tokenizer import Tokenizer

Part = Literal["neighbour", "path", "behind", "before", "pending", "left out"]

_LINES_AROUND = 12
_MOST_NAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a prompt. `tokens` counts its sentinels in; `lines` is 0 where it is part of one line."""

    part: Part
    path: str
    tokens: int
    lines: int
    why: str


def account(hole: Hole, prompt: Prompt, tokenizer: Tokenizer) -> tuple[Piece, ...]:
    """The pieces of a hole's prompt in their order, then the neighbours that found no room."""
    pieces = [_piece(kind, tokens, hole, tokenizer) for kind, tokens in _sections(prompt.tokens, tokenizer)]
    if prompt.pending:
        pieces.append(
            Piece(part="pending", path=hole.path, tokens=0, lines=0, why=_half_typed(prompt.pending))
        )
    shown = {piece.path for piece in pieces if piece.part == "neighbour"}
    pieces += [
        Piece(
            part="left out",
            path=snippet.path,
            tokens=len(tokenizer.encode(snippet.text)),
            lines=snippet.text.count("\n") + 1,
            why="neighbours may take a quarter of the window",
        )
        for snippet in hole.neighbours
        if snippet.path not in shown
    ]
    return tuple(pieces)


def sentences(pieces: Sequence[Piece]) -> Iterator[str]:
    """One line for each piece."""
    total = sum(piece.tokens for piece in pieces if piece.part != "left out")
    yield f"the prompt has {total} tokens:"
    for piece in pieces:
        lines = f", {piece.lines} lines" if piece.lines > 1 else ""
        yield f"  {piece.part:<9}  {piece.tokens:>5} tokens{lines}  {piece.path}: {piece.why}"


def _sections(tokens: Sequence[int], tokenizer: Tokenizer) -> Iterator[tuple[Part, list[int]]]:
    """The tokens cut before each sentinel, and what each cut begins."""
    fim = tokenizer.fim
    begins: dict[int, Part] = {}
    if fim.order != "left_to_right":
        begins = {
            tokenizer.fim_prefix: "before",
            tokenizer.fim_suffix: "behind",
            tokenizer.fim_middle: "before",
        }
    if fim.file_sep is not None:
        begins[tokenizer.file_sep] = "path"
    last_file = max((place for place, token in enumerate(tokens) if begins.get(token) == "path"), default=-1)
    part: Part = "before"
    section: list[int] = []
    for place, token in enumerate(tokens):
        # A sentinel with nothing between it and the next belongs to what the next begins.
        if token in begins and len(section) > 1:
            yield part, section
            section = []
        if token in begins:
            part = "neighbour" if begins[token] == "path" and place < last_file else begins[token]
        section.append(token)
    if section:
        yield part, section


def _piece(part: Part, tokens: list[int], hole: Hole, tokenizer: Tokenizer) -> Piece:
    text = tokenizer.decode(tokens)  # sentinels have no text
    path, lines = hole.path, text.count("\n") + 1
    if part == "neighbour":
        path, _, text = text.partition("\n")
        lines, why = lines - 1, _likeness(hole, Snippet(path=path, text=text))
    elif part == "path":
        lines, why = 0, "where the file lies"
    elif part == "behind":
        whole = len(text) >= len(hole.suffix)
        lines = lines if text else 0
        why = "what follows the cursor" + ("" if whole else ", as far as there is room")
        why = why if text else "nothing follows the cursor"
    else:
        whole = len(text) >= len(hole.prefix.rstrip())
        why = "what stands before the cursor" + ("" if whole else ", as far back as there is room")
    return Piece(part=part, path=path, tokens=len(tokens), lines=lines, why=why)


def _half_typed(pending: str) -> str:
    """Which of the text before the cursor is not in the prompt, and what becomes of it."""
    ends, blanks = pending.count("\n"), len(pending) - pending.count("\n")
    counted = ((ends, "line end"), (blanks, "blank"))
    white = " and ".join(f"{count} {name}{'s' * (count > 1)}" for count, name in counted if count)
    words = plain(pending.strip())
    what = f'"{words}"' if words else f"the white space before the cursor ({white})"
    return f"{what} may be unfinished: it is left out, and what the model writes must begin with it"


def _likeness(hole: Hole, snippet: Snippet) -> str:
    """What a snippet has in common with the lines around the cursor, or with the file."""
    above = hole.prefix.split("\n")[-_LINES_AROUND:]
    below = hole.suffix.split("\n")[:_LINES_AROUND]
    known = set(neighbourhood.names(snippet.text))
    for lines, where in (([*reversed(above), *below], "around the cursor"), ([hole.prefix], "of this file")):
        shared = [name for name in neighbourhood.names("\n".join(lines)) if name in known][:_MOST_NAMES]
        if shared:
            return f"has {', '.join(shared)} in common with the lines {where}"
    return "a definition that this file imports"
