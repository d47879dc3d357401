"""The figures of a replay: judged answers to numbers with intervals. Pure.

For each variant, for each mode of pieces and for all, with the 95 % bootstrap interval over files:

    answered            of all requests, the share that a suggestion came for before the next key
    answered in time    ... of those that any answer came for before the next key
    exact               of suggestions, the share whose first line is right
    exact of all        ... of all requests, those without a suggestion included
    saved               of all characters, the share that was taken from suggestions
    saved whole         ... from suggestions taken as a whole. Where lines are taken as well, taking wholes
                        alone saves a little more than this: other suggestions follow then
    saved keys          of the keys that the pieces take alone, the share not pressed
    taken               of suggestions that appeared, the share taken, if only some of their lines
    wrong shown         characters shown that were wrong, by characters taken. A suggestion that is being
                        typed through appeared once
    broken              of suggestions that appeared, the share that adds a syntax error to the file
    broken beyond truth ... where as many lines of the person's add fewer
    broken closers      ... that adds a closing bracket with none to close
    flicker             of answers while a suggestion was typed through, those that changed what was visible

and without an interval:

    p50, p95            milliseconds from the request to its answer, debounce included, if it came before the
                        next key; for each kind of request, of any answer and of a suggestion. What would have
                        taken longer than the person waited is not in them: read them beside `answered`
    CPU seconds         of the server for each minute of the person's typing
    megabytes           the most that a server process held at once (10^6 bytes)
    unanswered          requests that never got an answer, also none that they were cancelled

Not here: judging one answer (judging.py), the console's tables (tables.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from eval import intervals
from eval.replay.judging import Answer
from eval.replay.retype import KINDS
from eval.replay.run import Replayed
from eval.replay.sample import MODES
from eval.results import Figure, figure

ALL = "all"
_EXAMPLES = 4  # right ones, and wrong ones


def figures(found: Sequence[Replayed], *, speed: float) -> list[Figure]:
    """All figures, variant by variant and mode by mode; `where` has both. `speed` is the typist's."""
    every: list[Figure] = []
    for variant in dict.fromkeys(one.variant for one in found):
        for mode in (ALL, *MODES):
            chosen = [one for one in found if one.variant == variant and mode in (one.mode, ALL)]
            if chosen:
                every += _shares(chosen, variant=variant, mode=mode)
                every += _costs(chosen, speed, variant=variant, mode=mode)
    return every


def _shares(chosen: Sequence[Replayed], **where: str) -> Iterator[Figure]:
    asked = [(one.file, answer) for one in chosen for answer in one.answers]
    in_time = [(file, one) for file, one in asked if one.outcome in ("suggestion", "nothing")]
    shown = [(file, one) for file, one in asked if one.outcome == "suggestion"]
    appeared = [(file, one) for file, one in shown if one.fresh]
    typed_on = [(file, one) for file, one in in_time if one.kind == "typed-on"]
    yield from _share("answered", [(file, one.outcome == "suggestion") for file, one in asked], where)
    yield from _share("answered in time", [(f, one.outcome == "suggestion") for f, one in in_time], where)
    yield from _share("exact", [(file, one.first) for file, one in shown], where)
    yield from _share("exact of all", [(file, one.first) for file, one in asked], where)
    files = [one.file for one in chosen]
    characters = [one.characters for one in chosen]
    for name, tops, bottoms in (
        ("saved", [sum(t.characters for t in one.taken) for one in chosen], characters),
        ("saved whole", [sum(t.characters for t in one.taken if t.whole) for one in chosen], characters),
        ("saved keys", [one.keys_alone - one.keys for one in chosen], [one.keys_alone for one in chosen]),
        ("taken", [len(one.taken) for one in chosen], [_count_fresh(one) for one in chosen]),
        (
            "wrong shown",
            [sum(_wrong(answer) for answer in one.answers if answer.fresh) for one in chosen],
            [sum(t.characters for t in one.taken) for one in chosen],
        ),
    ):
        ratio = intervals.ratio(tops, bottoms, files)
        if ratio is not None:
            yield figure(name, ratio, **where)
    yield from _share("broken", [(file, one.broken) for file, one in appeared], where)
    yield from _share("broken beyond truth", [(file, one.worse) for file, one in appeared], where)
    yield from _share("broken closers", [(file, one.closers) for file, one in appeared], where)
    yield from _share("flicker", [(file, one.changed) for file, one in typed_on], where)


def _share(name: str, cases: Sequence[tuple[str, bool]], where: dict[str, str]) -> Iterator[Figure]:
    if cases:
        files = [file for file, _ in cases]
        yield figure(name, intervals.mean([float(yes) for _, yes in cases], files), **where)


def _count_fresh(one: Replayed) -> int:
    return sum(answer.fresh for answer in one.answers)


def _wrong(answer: Answer) -> int:
    return len(answer.text) - answer.spelled


def _costs(chosen: Sequence[Replayed], speed: float, **where: str) -> Iterator[Figure]:
    answers = [answer for one in chosen for answer in one.answers if answer.milliseconds is not None]
    for kind in (*KINDS, ALL):
        of_kind = [one for one in answers if kind in (one.kind, ALL)]
        for what, some in (("", of_kind), (" of a suggestion", [o for o in of_kind if o.text.strip()])):
            times = [one.milliseconds for one in some if one.milliseconds is not None]
            for name, share in (("p50", 50), ("p95", 95)):
                if times:
                    value = float(np.percentile(times, share))
                    place = {**where, "kind": kind}
                    yield Figure(name=f"{name}{what}", value=value, n=len(times), where=place)
    minutes = sum(one.seconds for one in chosen if one.cpu_seconds is not None) * speed / 60
    if minutes:
        seconds = sum(one.cpu_seconds for one in chosen if one.cpu_seconds is not None)
        yield Figure(name="CPU seconds", value=seconds / minutes, n=len(chosen), where=where)
    peaks = [one.peak for one in chosen if one.peak is not None]
    if peaks:
        yield Figure(name="megabytes", value=max(peaks) / 1e6, n=len(peaks), where=where)
    asked = sum(len(one.answers) for one in chosen)
    unanswered = sum(one.unanswered for one in chosen)
    yield Figure(name="unanswered", value=unanswered, n=asked, where=where)


def examples(found: Sequence[Replayed], *, variant: str, seed: int = 0) -> list[dict[str, Any]]:
    """Suggestions that appeared, right and wrong ones, drawn by the seed and not chosen."""
    rng = random.Random(seed)  # noqa: S311
    drawn: list[dict[str, Any]] = []
    for first in (True, False):
        fit = [
            {"file": one.file, "mode": one.mode, "agreed": answer.agreed, "right": first, "text": answer.text}
            for one in found
            if one.variant == variant
            for answer in one.answers
            if answer.fresh and answer.first == first
        ]
        drawn += rng.sample(fit, min(_EXAMPLES, len(fit)))
    return drawn
