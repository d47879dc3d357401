"""How long after a key ghost text is on the screen, where that time goes, and what flickers. Pure.

    client    from the key to the request: the editor's work and its own waiting
    debounce  what the server waits because more may be typed
    server    the rest of the time to the answer
    paint     from the answer to the screen

A frame is what a person sees between two repaints. A key was answered when, before the next one, a frame
shows what was typed and ghost text behind it. It is fresh where the ghost text is not the rest of what stood
there before: only such keys have something to wait for. Where what is typed agrees with what is shown, each
repaint must leave the visible text alone, more behind it aside: one that does not flickers.

All times are milliseconds since 1970. Not here: which keys (plan.py), frames (tests/editors/feel.py).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.feel.plan import Key
from eval.replay import server_time

_LONGEST = 1500.0  # after the last key of a piece, nothing is waited for any longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the line of the cursor shows before it and behind it, lines of ghost text below included."""

    at: float
    typed: str
    ghost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that got a suggestion, and how much of the time was waited for more to be typed."""

    asked: float
    answered: float
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Where the time of one key went, in milliseconds."""

    client: float
    debounce: float
    server: float
    paint: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What somebody saw behind one key. `after` is None where no ghost text came before the next one.

    `parts` is None where it came without a request. `flickers` counts repaints; None where the key did not
    agree with ghost text, so that nothing could.
    """

    after: float | None
    fresh: bool
    parts: Parts | None
    flickers: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feel:
    """Of one editor with one server, in milliseconds; of the parts the medians. NaN where nothing was."""

    keys: int
    answered: int
    p50: float
    p95: float
    fresh: int
    fresh_p50: float
    fresh_p95: float
    client: float
    debounce: float
    server: float
    paint: float
    typed_through: int
    flickers: int


def exchanges(trace: Sequence[Mapping[str, Any]]) -> list[Exchange]:
    """The answered requests of a tap's trace (tap.py), in order of the answers."""
    asked: dict[Any, float] = {}
    waited = 0.0
    found = []
    for line in trace:
        message, at = line["message"], line["at"]
        if line["by"] == "editor":
            asked[message.get("id")] = at
        elif message.get("method") == "window/logMessage":
            told = server_time.read(message["params"]["message"], at=at)
            waited = told.waited * 1000 if told is not None else waited
        elif message.get("id") in asked and "method" not in message:
            begun = asked.pop(message["id"])
            result = message.get("result")
            items = result.get("items") if isinstance(result, Mapping) else result
            if items:
                # The line of the log comes just before the answer that it tells of.
                found.append(Exchange(asked=begun, answered=at, waited=min(waited, at - begun)))
            waited = 0.0
    return found


def watch(
    keys: Sequence[Key], pressed: Sequence[float], frames: Sequence[Frame], answers: Sequence[Exchange]
) -> list[Seen]:
    """What was seen behind each measured key of a piece."""
    starts = [frame.at for frame in frames]
    ends = [*pressed[1:], pressed[-1] + _LONGEST]
    found = []
    for number, (key, start, end) in enumerate(zip(keys, pressed, ends, strict=True)):
        if not key.measured:
            continue
        first, last = bisect_left(starts, start), bisect_left(starts, end)
        before = frames[first - 1] if first else None
        now = frames[first:last]
        rest = _rest(before, keys[number - 1].typed if number else None, key)
        shown = next((one for one in now if one.typed == key.typed and one.ghost.strip()), None)
        fresh = rest is None or shown is None or not shown.ghost.startswith(rest)
        found.append(
            Seen(
                after=None if shown is None else shown.at - start,
                fresh=shown is not None and fresh,
                parts=_parts(start, shown.at, answers) if shown is not None and fresh else None,
                flickers=None if before is None or rest is None else _flickers(before, key, rest, now),
            )
        )
    return found


def feel(seen: Sequence[Seen]) -> Feel:
    """The figures of all keys."""
    every = [one.after for one in seen if one.after is not None]
    fresh = [one.after for one in seen if one.after is not None and one.fresh]
    parts = [one.parts for one in seen if one.parts is not None]
    flickers = [one.flickers for one in seen if one.flickers is not None]
    return Feel(
        keys=len(seen),
        answered=len(every),
        p50=_percentile(every, 50),
        p95=_percentile(every, 95),
        fresh=len(fresh),
        fresh_p50=_percentile(fresh, 50),
        fresh_p95=_percentile(fresh, 95),
        client=_percentile([one.client for one in parts], 50),
        debounce=_percentile([one.debounce for one in parts], 50),
        server=_percentile([one.server for one in parts], 50),
        paint=_percentile([one.paint for one in parts], 50),
        typed_through=len(flickers),
        flickers=sum(flickers),
    )


def _rest(before: Frame | None, typed: str | None, key: Key) -> str | None:
    """What should be left of the ghost text that a key agrees with; None where it does not."""
    if before is None or before.typed != typed or not key.text:
        return None
    rest = before.ghost[len(key.text) :]
    return rest if before.ghost.startswith(key.text) and rest.strip() else None


def _flickers(before: Frame, key: Key, rest: str, now: Sequence[Frame]) -> int:
    count = 0
    for frame in now:
        is_old = frame.typed == before.typed and frame.ghost == before.ghost
        agrees = frame.typed == key.typed and frame.ghost.startswith(rest)
        count += not (is_old or agrees)
    return count


def _parts(start: float, shown: float, answers: Sequence[Exchange]) -> Parts | None:
    fit = [one for one in answers if start <= one.asked and one.answered <= shown]
    if not fit:
        return None
    one = fit[-1]
    return Parts(
        client=one.asked - start,
        debounce=one.waited,
        server=one.answered - one.asked - one.waited,
        paint=shown - one.answered,
    )


def _percentile(values: Sequence[float], share: int) -> float:
    return float(np.percentile(values, share)) if values else float("nan")
