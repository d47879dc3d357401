"""All pieces by all variants: a server process for each pair, in turns, and what each pair left is kept.

The order of the variants turns with each piece, so what else the machine does hits all of them alike. A run
that was stopped goes on behind the last pair that was finished; what was kept under other settings, of
another model or by another server's code is not used.

Not here: typing (retype.py), figures (figures.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import lsp_server
import model
from eval.editor import Editor
from eval.replay.judging import Answer, judged
from eval.replay.process import cpu_seconds, peak_bytes
from eval.replay.retype import Session, Taken
from eval.replay.sample import Piece, Sample
from eval.replay.typist import Typist
from eval.replay.variants import Variant
from model.errors import ConfigError, ModelError
from model.writing import replacing

_FORMAT = 1
_INDEXED = "of the workspace"
_UNKNOWN = "is not known and was ignored"
_PATIENCE = 300.0  # seconds for the index
_PAUSE = 0.2  # seconds: nobody opens a file and types at once
_CODE = ("*.py", "languages/*.py", "serving/*.py")  # of lsp_server/ and model/: what a server runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One piece by one variant. Times are real seconds, those of the CPU and `peak` the server process's.

    `keys_alone` is how many keys the piece takes without suggestions.
    """

    variant: str
    file: str
    mode: str
    characters: int
    keys: int
    keys_alone: int
    seconds: float
    cpu_seconds: float | None
    peak: int | None
    unanswered: int
    taken: tuple[Taken, ...]
    answers: tuple[Answer, ...]


def measure(
    sample: Sample,
    variants: Sequence[Variant],
    typist: Typist,
    *,
    checksum: str,
    out: Path,
    again: bool = False,
    on_piece: Callable[[], None] = lambda: None,
) -> list[Replayed]:
    """All pairs, asked or kept. `checksum` is the model's.

    Raises ModelError when a server has no model, ConfigError when it does not know a setting, or when its
    code was changed meanwhile.
    """
    found: list[Replayed] = []
    code = code_checksum()
    for variant, piece in turns(sample.pieces, variants):
        fingerprint = _fingerprint(variant, piece, typist, checksum, code)
        path = out / f"{_slug(f'{variant.name} {piece.name}')}-{fingerprint}.json"
        kept = None if again else _kept(path)
        if kept is None:
            kept = asyncio.run(replay(piece, sample.projects[piece.project], variant, typist))
            with replacing(path) as file:
                file.write(json.dumps(asdict(kept), ensure_ascii=False).encode())
        found.append(kept)
        on_piece()
    if code_checksum() != code:
        raise ConfigError("the server's code was changed while it was measured; start the command again")
    return found


def settings(
    sample: Sample, variants: Sequence[Variant], typist: Typist, *, limit: int | None
) -> dict[str, Any]:
    """What another run would need to find the same, on the same machine."""
    return {
        "sample_sha256": sample.checksum,
        "pieces": len(sample.pieces),
        "limit": limit,
        "server_sha256": code_checksum(),
        "typist": asdict(typist),
        "variants": {one.name: {"settings": dict(one.settings), "flags": _flags(one)} for one in variants},
        "cores": os.cpu_count(),
    }


def turns(pieces: Sequence[Piece], variants: Sequence[Variant]) -> Iterator[tuple[Variant, Piece]]:
    """Each piece by all variants before the next; each variant in its turn is the first, and the last."""
    for number, piece in enumerate(pieces):
        first = number % len(variants)
        for variant in (*variants[first:], *variants[:first]):
            yield variant, piece


async def replay(piece: Piece, texts: Mapping[str, str], variant: Variant, typist: Typist) -> Replayed:
    """One piece by one variant, in a server process and a workspace folder of its own."""
    with tempfile.TemporaryDirectory(prefix="tabwright-replay-") as folder:
        root = Path(folder)
        # On disk, too, the piece is not there: nothing may be copied from it.
        for path, text in {**texts, piece.path: piece.head + piece.tail}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8", newline="\n")
        async with Editor(root, command=variant.command, settings=variant.settings) as editor:
            await _ready(editor, variant)
            for path in reversed(piece.beside):
                editor.open(path, texts[path], language=piece.language)
            editor.open(piece.path, piece.head + piece.tail, language=piece.language)
            await asyncio.sleep(_PAUSE)
            before = cpu_seconds(editor.pid)
            typed = await Session(editor, piece, typist).type()
            after, peak = cpu_seconds(editor.pid), peak_bytes(editor.pid)
    return Replayed(
        variant=variant.name,
        file=piece.id,
        mode=piece.mode,
        characters=len(piece.target),
        keys=typed.keys,
        keys_alone=piece.keys().keys_alone(),
        seconds=round(typed.seconds, 3),
        cpu_seconds=None if before is None or after is None else round(after - before, 3),
        peak=peak,
        unanswered=typed.unanswered,
        taken=tuple(typed.taken),
        answers=tuple(judged(typed.asked, piece)),
    )


async def _ready(editor: Editor, variant: Variant) -> None:
    """Wait for the model and the index, and see that every setting was understood."""
    state, message = await editor.wait_for_state("ready", "problem")
    if state == "problem":
        raise ModelError(message)
    if not variant.is_ours:
        return
    # A variant whose setting is ignored would be told as one that makes no difference.
    for line in (*editor.messages, *(one for one in editor.logs if _UNKNOWN in one)):
        raise ConfigError(f"the variant {variant.name!r} cannot be asked: {line}")
    end = time.monotonic() + _PATIENCE
    while variant.settings.get("indexProject", True) and not any(_INDEXED in line for line in editor.logs):
        if time.monotonic() > end:
            raise ModelError("the server did not index its workspace; see its log")
        await asyncio.sleep(0.05)


def code_checksum() -> str:
    """Hex SHA-256 of the server's code: what another version answered is not this one's."""
    whole = hashlib.sha256()
    for package in (lsp_server, model):
        root = Path(package.__path__[0])
        for path in sorted(file for pattern in _CODE for file in root.glob(pattern)):
            whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def _fingerprint(variant: Variant, piece: Piece, typist: Typist, checksum: str, code: str) -> str:
    server = code if variant.is_ours else ""
    released = checksum if variant.is_ours else ""
    whole = [
        _FORMAT, list(variant.command[1:]), dict(variant.settings), asdict(piece), asdict(typist), released,
        server,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:12]


def _flags(variant: Variant) -> str:
    """The options of a server, without the paths of this machine."""
    options = variant.command[variant.command.index("--stdio") + 1 :] if variant.is_ours else ()
    return " ".join(
        Path(word).name if previous == "--model" else word for previous, word in pairwise(("", *options))
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _kept(path: Path) -> Replayed | None:
    """What an earlier run left of a pair; None where there is nothing, or nothing whole."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return Replayed(
            **{
                **found,
                "taken": tuple(Taken(**one) for one in found["taken"]),
                "answers": tuple(Answer(**one) for one in found["answers"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None
