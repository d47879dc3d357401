"""How fast graphs are, against each other: the same requests in turn, medians over rounds, one run.

Two requests: reading 256 tokens that are new, and "one more character": most of the window is known, five
tokens are new and twelve are decoded one by one.

Not here: bounds of the machine and other engines (eval/bench), what is done with the numbers (variants.py).
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.serving.session import CHUNK, Session

# As many as fit into the time: a small model's differences drown in noise otherwise, a large one takes long.
_LEAST_ROUNDS = 3
_MOST_ROUNDS = 15
_SECONDS = 30.0
_TYPED = 5
_DECODED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Medians. `decode_ms` is one single step, `typed_on_ms` a whole request on a known context."""

    prefill_tokens_per_second: float
    decode_ms: float
    typed_on_ms: float

    @property
    def score(self) -> float:
        """One number to compare by, smaller is faster: typing on and reading anew count alike."""
        return math.sqrt(self.typed_on_ms / self.prefill_tokens_per_second)


def measure(sessions: Mapping[str, Session], tokens: Sequence[int]) -> dict[str, Latency]:
    """Run the requests through all sessions in turn; `tokens` are repeated where they are too few.

    What the sessions remember is lost. Windows must hold more than 17 tokens.
    """
    window = min(session.window for session in sessions.values())
    context = min(window * 3 // 4, window - _TYPED - _DECODED)
    row = (list(tokens) * (window // len(tokens) + 1))[:window]
    samples: dict[str, list[tuple[float, float, float]]] = {name: [] for name in sessions}
    begin = time.perf_counter()
    for turn in range(_MOST_ROUNDS + 1):
        if turn > _LEAST_ROUNDS and time.perf_counter() - begin > _SECONDS:
            break
        for name, session in sessions.items():
            sample = _requests(session, row, context)
            if turn:  # the first one warms up
                samples[name].append(sample)
    return {name: _latency(found) for name, found in samples.items()}


def _requests(session: Session, row: list[int], context: int) -> tuple[float, float, float]:
    """Tokens a second while reading, milliseconds of a step, milliseconds of typing on."""
    first = min(CHUNK, context)
    session.rewind(0)
    start = time.perf_counter()
    _read(session, row[:first])
    reading = time.perf_counter() - start
    _read(session, row[first:context])
    start = time.perf_counter()
    session.step(row[context : context + _TYPED])
    steps = []
    for at in range(context + _TYPED, context + _TYPED + _DECODED):
        before = time.perf_counter()
        session.step(row[at : at + 1])
        steps.append(time.perf_counter() - before)
    typing = time.perf_counter() - start
    return first / reading, statistics.median(steps) * 1e3, typing * 1e3


def _read(session: Session, tokens: list[int]) -> None:
    for start in range(0, len(tokens), session.chunk):
        session.step(tokens[start : start + session.chunk])


def _latency(samples: list[tuple[float, float, float]]) -> Latency:
    reading, step, typing = (statistics.median(column) for column in zip(*samples, strict=True))
    return Latency(prefill_tokens_per_second=reading, decode_ms=step, typed_on_ms=typing)
