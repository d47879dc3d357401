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

and for each kind of request, and for those where the server's rule asks for one line:

    answered            as above
    server p50, p95     milliseconds that the server worked on an answer, what it waited for the next key left
                        out, also of answers that there is nothing. What it began for a request that was
                        cancelled or overtaken is not in them

Not here: judging one answer (judging.py), differences between variants (worth.py), the console's tables
(tables.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from eval import intervals
from eval.replay.judging import Answer
from eval.replay.retype import KINDS
from eval.replay.run import Replayed
from eval.replay.sample import MODES
from eval.results import Figure, figure

ALL = "all"
ONE_LINE = "one line"
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
    for name, of in cases(chosen).items():
        yield from _ratio(name, of, where)
    for kind in (*KINDS, ONE_LINE):
        of_kind = [Case(file, _is_shown(one)) for file, one in _asked(chosen) if _is_of(kind, one)]
        yield from _ratio("answered", of_kind, {**where, "kind": kind})


def _ratio(name: str, of: Sequence[Case], where: dict[str, str]) -> Iterator[Figure]:
    if of:
        files, tops, bottoms = zip(*of, strict=True)
        found = intervals.ratio(tops, bottoms, files)
        if found is not None:
            yield figure(name, found, **where)


class Case(NamedTuple):
    """One request or piece that a share is of: the share is the sum of all tops by that of all bottoms."""

    file: str
    top: float
    bottom: float = 1.0


def cases(chosen: Sequence[Replayed]) -> dict[str, list[Case]]:
    """What the figures with an interval are shares of, by their names in the order of this module's list."""
    asked = _asked(chosen)
    in_time = [(file, one) for file, one in asked if one.outcome in ("suggestion", "nothing")]
    shown = [(file, one) for file, one in asked if _is_shown(one)]
    appeared = [(file, one) for file, one in shown if one.fresh]
    typed_on = [(file, one) for file, one in in_time if one.kind == "typed-on"]
    return {
        "answered": [Case(file, _is_shown(one)) for file, one in asked],
        "answered in time": [Case(file, _is_shown(one)) for file, one in in_time],
        "exact": [Case(file, one.first) for file, one in shown],
        "exact of all": [Case(file, one.first) for file, one in asked],
        "saved": [Case(one.file, _taken(one), one.characters) for one in chosen],
        "saved whole": [
            Case(one.file, sum(t.characters for t in one.taken if t.whole), one.characters) for one in chosen
        ],
        "saved keys": [Case(one.file, one.keys_alone - one.keys, one.keys_alone) for one in chosen],
        "taken": [Case(one.file, len(one.taken), _count_fresh(one)) for one in chosen],
        "wrong shown": [
            Case(one.file, sum(_wrong(answer) for answer in one.answers if answer.fresh), _taken(one))
            for one in chosen
        ],
        "broken": [Case(file, one.broken) for file, one in appeared],
        "broken beyond truth": [Case(file, one.worse) for file, one in appeared],
        "broken closers": [Case(file, one.closers) for file, one in appeared],
        "flicker": [Case(file, one.changed) for file, one in typed_on],
    }


def _asked(chosen: Sequence[Replayed]) -> list[tuple[str, Answer]]:
    return [(one.file, answer) for one in chosen for answer in one.answers]


def _is_shown(answer: Answer) -> bool:
    return answer.outcome == "suggestion"


def _is_of(kind: str, answer: Answer) -> bool:
    return kind in (ALL, answer.kind) or (kind == ONE_LINE and answer.amount == "line")


def _taken(one: Replayed) -> int:
    return sum(taken.characters for taken in one.taken)


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
    for kind in (*KINDS, ONE_LINE, ALL):
        worked = [
            answer.computed
            for one in chosen
            for answer in one.answers
            if answer.computed is not None and _is_of(kind, answer)
        ]
        for share in (50, 95):
            if worked:
                value = float(np.percentile(worked, share))
                place = {**where, "kind": kind}
                yield Figure(name=f"server p{share}", value=value, n=len(worked), where=place)
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
