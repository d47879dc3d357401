"""How many threads serve a model best on this machine: measured at its first start, then remembered.

More threads are not always faster. A small model's step is over before sleeping threads have woken up,
threads that spin instead of sleeping stall when another process wants their core, and which of these holds
depends on the model and the machine. The measurement takes a fraction of a second for a small model; large
ones are not worth the loading and get one core fewer than there are.

Not here: the session (session.py), which device it runs on (placement.py).
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from platformdirs import user_cache_path

from model.serving.runtime import default_threads, usable_cores
from model.serving.session import Session

# A setting with more threads must save this share of the time: the editor needs a core, too.
_WORTH = 0.12
_MOST_THREADS = 8
_CREDIBLE = 256
# A graph file larger than this loads too slowly to be loaded several times.
_LARGEST = 100_000_000
_ROUNDS = 3
# Seconds between rounds. Keystrokes leave pauses, in which threads fall asleep: two that wake up on one core
# and spin there take three times as long as one alone, and a tight loop would never show it (LOG.md).
_PAUSE = 0.05
_CONTEXT, _TYPED, _DECODED = 192, 5, 8

log = logging.getLogger(__name__)

Open = Callable[["Threads"], Session]


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """A setting: how many threads, and whether they spin within a step."""

    count: int
    spin: bool


def candidates(cores: int, wanted: int = 0) -> list[Threads]:
    """What is worth trying on so many cores, the politest first; only `wanted` threads, if any are given."""
    most = min(cores, _MOST_THREADS)
    counts = [wanted] if wanted else sorted({1, max(1, most // 2), max(1, most - 1), most})
    return [Threads(count=count, spin=spin) for spin in (False, True) for count in counts if count > spin]


def tuned(graph: Path, version: str, open_session: Open, *, wanted: int = 0) -> Session:
    """A session with the best setting for the graph: the remembered one, or the winner of a measurement.

    `version` is the runtime's, `wanted` a number of threads that is given, 0 for none. That nothing can be
    remembered (a full disk, a read-only home) is no error.
    """
    cores = usable_cores()
    if wanted == 1 or cores == 1 or graph.stat().st_size > _LARGEST:
        return open_session(Threads(count=wanted or default_threads(), spin=False))
    store = user_cache_path("tabwright") / "threads.json"
    key = f"{graph.resolve()} {graph.stat().st_mtime_ns} onnxruntime {version}, {cores} cores"
    if wanted:
        key += f", {wanted} threads wanted"
    known = _read(store)
    if key in known:
        return open_session(known[key])
    taken: dict[Threads, float] = {}
    kept: tuple[Threads, Session] | None = None
    for setting in candidates(cores, wanted):
        session = open_session(setting)
        taken[setting] = _milliseconds(session)
        # One session stays, not one for each setting: a model may be large.
        if choose(taken) == setting:
            kept = setting, session
        del session
    best = choose(taken)
    log.info(
        "measured threads: %s; taking %d%s",
        ", ".join(f"{s.count}{' spinning' if s.spin else ''}: {t:.1f} ms" for s, t in taken.items()),
        best.count,
        " spinning" if best.spin else "",
    )
    _write(store, {**known, key: best})
    return kept[1] if kept is not None and kept[0] == best else open_session(best)


def choose(taken: dict[Threads, float]) -> Threads:
    """The fastest setting, or one with fewer threads that is nearly as fast; `taken` in milliseconds."""
    fastest = min(taken.values())
    good = [setting for setting, time_taken in taken.items() if time_taken * (1 - _WORTH) <= fastest]
    return min(good, key=lambda setting: (setting.count, setting.spin))


def _milliseconds(session: Session) -> float:
    """Time of a keystroke's request: a few tokens on a known context, then single steps."""
    context = [i % min(session.vocabulary, 199) for i in range(min(_CONTEXT, session.window // 2))]
    room = session.window - len(context) - _TYPED
    session.step(context)
    times = []
    for _ in range(_ROUNDS + 1):
        session.rewind(len(context))
        time.sleep(_PAUSE)
        start = time.perf_counter()
        session.step(context[:_TYPED])
        for _ in range(min(_DECODED, room)):
            session.step(context[:1])
        times.append((time.perf_counter() - start) * 1000)
    session.rewind(0)
    return median(times[1:])  # the first makes bindings and wakes the threads up


def _read(store: Path) -> dict[str, Threads]:
    try:
        known = json.loads(store.read_text(encoding="utf-8"))
        settings = {key: Threads(count=int(v["count"]), spin=bool(v["spin"])) for key, v in known.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return {}  # not there yet, or of another version: measured again
    # A damaged number must not start a million threads.
    return {key: setting for key, setting in settings.items() if 1 <= setting.count <= _CREDIBLE}


def _write(store: Path, known: dict[str, Threads]) -> None:
    latest = dict(list(known.items())[-50:])
    record = {key: {"count": setting.count, "spin": setting.spin} for key, setting in latest.items()}
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        temporary = store.with_name(f"{store.name}.{os.getpid()}.partial")
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        temporary.replace(store)
    except OSError as error:
        log.info("the measured threads cannot be remembered: %s", error)
