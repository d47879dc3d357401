"""All pieces by all variants: a server process for each pair, in turns, and what each pair left is kept.

The order of the variants turns with each piece, so what else the machine does hits all of them alike. A run
that was stopped goes on behind the last pair that was finished; what was kept under other settings, of
another model or by another server's code is not used.

Several pairs may be typed at once: a person's server rests most of the time. They share one event loop, which
has little to do for each key; what takes longer (folders to fill, answers to judge) is done elsewhere.

Not here: typing (retype.py), figures (figures.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import os
import re
import shlex
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import lsp_server
import model
from eval.editor import Editor
from eval.replay.judging import Answer, judged
from eval.replay.process import cpu_seconds, peak_bytes
from eval.replay.retype import Asked, Session, Taken
from eval.replay.sample import Piece, Sample
from eval.replay.server_time import Heard, computed
from eval.replay.typist import Typist
from eval.replay.variants import Variant
from model.errors import ConfigError, ModelError
from model.writing import replacing

T = TypeVar("T")

_FORMAT = 2
_INDEXED = "of the workspace"
_UNKNOWN = "is not known and was ignored"
_PATIENCE = 300.0  # seconds for the index
_NICE = 10  # of the process that judges: the servers' times are measured meanwhile
_PAUSE = 0.2  # seconds: nobody opens a file and types at once
# Of lsp_server/ and model/: what a server runs.
_CODE = ("*.py", "languages/*.py", "serving/*.py", "signals/*.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One piece by one variant. Times are real seconds, those of the CPU and `peak` the server process's.

    `keys_alone` is how many keys the piece takes without suggestions; `jobs` pieces were typed at once.
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
    jobs: int
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
    jobs: int = 1,
    on_piece: Callable[[], None] = lambda: None,
) -> list[Replayed]:
    """All pairs in their order, asked or kept, `jobs` of them at once. `checksum` is the model's.

    Raises ModelError when a server has no model, ConfigError when it does not know a setting, or when its
    code was changed meanwhile.
    """
    code = code_checksum()
    with ExitStack() as stack:
        judges = stack.enter_context(_judges()) if jobs > 1 else None

        async def one(variant: Variant, piece: Piece) -> Replayed:
            fingerprint = _fingerprint(variant, piece, typist, checksum, code)
            path = out / f"{_slug(f'{variant.name} {piece.name}')}-{fingerprint}.json"
            kept = None if again else _kept(path)
            if kept is None:
                texts = sample.projects[piece.project]
                kept = await replay(piece, texts, variant, typist, jobs=jobs, judges=judges)
                with replacing(path) as file:
                    file.write(json.dumps(asdict(kept), ensure_ascii=False).encode())
            on_piece()
            return kept

        works = [partial(one, *pair) for pair in turns(sample.pieces, variants)]
        found = asyncio.run(at_once(works, jobs))
    if code_checksum() != code:
        raise ConfigError("the server's code was changed while it was measured; start the command again")
    return found


async def at_once(works: Sequence[Callable[[], Awaitable[T]]], jobs: int) -> list[T]:
    """The results of all in their order; `jobs` run at a time, begun in order.

    The first error stops those under way, and is raised as it is.
    """
    found: dict[int, T] = {}
    waiting = iter(enumerate(works))

    async def take_turns() -> None:
        for number, work in waiting:
            found[number] = await work()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(take_turns())
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    return [found[number] for number in range(len(works))]


def _judges() -> ProcessPoolExecutor:
    """A process that judges: parsing holds the interpreter's lock, and other sessions' keys would wait."""
    # Not forked: this process has threads.
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_step_back)


def _step_back() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the run, and that ends this
    if hasattr(os, "nice"):
        os.nice(_NICE)


def settings(
    sample: Sample,
    variants: Sequence[Variant],
    typist: Typist,
    *,
    limit: int | None,
    jobs: Sequence[int] = (1,),
) -> dict[str, Any]:
    """What another run would need to find the same, on the same machine; `jobs` are of all pieces."""
    return {
        "sample_sha256": sample.checksum,
        "pieces": len(sample.pieces),
        "limit": limit,
        "server_sha256": code_checksum(),
        "typist": asdict(typist),
        "variants": {one.name: {"settings": dict(one.settings), "flags": _flags(one)} for one in variants},
        "jobs": sorted(set(jobs)),
        "shared_machine": max(jobs, default=1) > 1,
        "cores": os.cpu_count(),
    }


def turns(pieces: Sequence[Piece], variants: Sequence[Variant]) -> Iterator[tuple[Variant, Piece]]:
    """Each piece by all variants before the next; each variant in its turn is the first, and the last."""
    for number, piece in enumerate(pieces):
        first = number % len(variants)
        for variant in (*variants[first:], *variants[:first]):
            yield variant, piece


async def replay(
    piece: Piece,
    texts: Mapping[str, str],
    variant: Variant,
    typist: Typist,
    *,
    jobs: int = 1,
    judges: ProcessPoolExecutor | None = None,
) -> Replayed:
    """One piece by one variant, in a server process and a workspace folder of its own.

    It is judged by `judges`, or here; `jobs` is told in what is found.
    """
    # On disk, too, the piece is not there: nothing may be copied from it.
    async with _folder({**texts, piece.path: piece.head + piece.tail}) as folder:
        editor = Editor(folder, command=variant.command, settings=variant.settings)
        editor.logs = heard = Heard()
        async with editor:
            await _ready(editor, variant)
            for path in reversed(piece.beside):
                editor.open(path, texts[path], language=piece.language)
            editor.open(piece.path, piece.head + piece.tail, language=piece.language)
            await asyncio.sleep(_PAUSE)
            before = cpu_seconds(editor.pid)
            typed = await Session(editor, piece, typist).type()
            after, peak = cpu_seconds(editor.pid), peak_bytes(editor.pid)
    times = computed(heard.answers, [one.begun for one in typed.asked])
    for asked, milliseconds in zip(typed.asked, times, strict=True):
        asked.computed = milliseconds
    answers = await _judged(typed.asked, piece, judges)
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
        jobs=jobs,
        taken=tuple(typed.taken),
        answers=tuple(answers),
    )


@asynccontextmanager
async def _folder(texts: Mapping[str, str]) -> AsyncIterator[Path]:
    """A folder with these files while it is needed. Other sessions go on while it is filled and removed."""
    loop, folder = asyncio.get_running_loop(), tempfile.TemporaryDirectory(prefix="tabwright-replay-")
    # One thread, so that what is interrupted while it is filled is removed when it is full.
    with ThreadPoolExecutor(1) as thread:
        try:
            await loop.run_in_executor(thread, _fill, Path(folder.name), texts)
            yield Path(folder.name)
        finally:
            await loop.run_in_executor(thread, folder.cleanup)


def _fill(root: Path, texts: Mapping[str, str]) -> None:
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8", newline="\n")


async def _judged(asked: Sequence[Asked], piece: Piece, judges: ProcessPoolExecutor | None) -> list[Answer]:
    if judges is None:
        return judged(asked, piece)
    return await asyncio.get_running_loop().run_in_executor(judges, judged, asked, piece)


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
    return shlex.join(
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
