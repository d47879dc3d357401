"""What the answers of a replay are worth, held against the text that the person wrote. Pure.

    first       the first line is right, by the rule of acceptance.py
    broken      the file has more syntax errors with the suggestion in it than without
    worse       ... and more than with as many lines of what the person wrote there: half a function may well
                be one error, whoever wrote it
    closers     the file has more closing brackets without an opening one than without the suggestion

    amount      whether a line or a block is to be suggested there, by the server's own rule, or nothing

`broken`, `worse` and `closers` are told of suggestions that were not visible before. What stands behind the
cursor is the rest of the file, as in the editor.

Not here: shares and intervals (figures.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.replay.acceptance import right
from eval.replay.retype import Asked, Kind, Outcome
from eval.replay.sample import Piece
from lsp_server import trigger
from lsp_server.soundness import errors_with
from model import syntax
from model.fim import Hole


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One request of a replay, judged. The first `spelled` characters of `text` are right.

    `computed` are milliseconds that the server worked on it, None where its log does not tell.
    """

    kind: Kind
    outcome: Outcome
    amount: trigger.Kind
    milliseconds: float | None
    computed: float | None
    agreed: int
    text: str
    fresh: bool
    changed: bool
    first: bool
    spelled: int
    broken: bool = False
    worse: bool = False
    closers: bool = False


def judged(asked: Sequence[Asked], piece: Piece) -> list[Answer]:
    """All requests of a piece, in their order."""
    return [_judged(one, piece) for one in asked]


def _judged(asked: Asked, piece: Piece) -> Answer:
    rest = piece.target[asked.agreed :] if asked.fits and not asked.blanks else None
    found = right(asked.text, rest)
    hole = Hole(
        path=piece.path,
        language=piece.language,
        prefix=piece.head + piece.target[: asked.agreed] + asked.blanks,
        suffix=piece.tail,
    )
    broken = worse = closers = False
    if asked.fresh:
        errors = errors_with(hole, asked.text, everywhere=True)
        broken = errors > 0 and errors > errors_with(hole, "", everywhere=True)
        worse = broken and errors > _errors_of_truth(hole, asked, piece)
        closers = surplus_closers(hole, asked.text) > surplus_closers(hole, "")
    return Answer(
        kind=asked.kind,
        outcome=asked.outcome,
        amount=trigger.decide(hole, (hole.language,)).kind,
        milliseconds=None if asked.milliseconds is None else round(asked.milliseconds, 2),
        computed=asked.computed,
        agreed=asked.agreed,
        text=asked.text,
        fresh=asked.fresh,
        changed=asked.changed,
        first=found.first > 0,
        spelled=found.spelled,
        broken=broken,
        worse=worse,
        closers=closers,
    )


def _errors_of_truth(hole: Hole, asked: Asked, piece: Piece) -> int:
    """Syntax errors with as many lines of the person's in the place of the suggestion."""
    rest = piece.target[asked.agreed :]
    before = hole.prefix[: len(hole.prefix) - len(asked.blanks)]
    lines = rest.split("\n")[: asked.text.rstrip().count("\n") + 1]
    own = Hole(path=hole.path, language=hole.language, prefix=before, suffix=hole.suffix)
    return errors_with(own, "\n".join(lines), everywhere=True)


def surplus_closers(hole: Hole, text: str) -> int:
    """Closing brackets that close nothing, in the whole file with the text in the hole; none in strings."""
    surplus = depth = 0
    for match in syntax.language(hole.language).lexicon.finditer(hole.prefix + text + hole.suffix):
        if match.lastgroup == "opener":
            depth += 1
        elif match.lastgroup == "closer":
            surplus += depth == 0
            depth -= depth > 0
    return surplus
