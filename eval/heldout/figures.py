"""The figures of held-out completion: answers to numbers with intervals, and examples drawn by a seed. Pure.

For each variant and mode, and for all modes together:

    answered    share of places where something was suggested
    exact       share where it is what stood there, blanks at the end apart
    similar     mean of 1 - Levenshtein distance / length of the longer; 0 where nothing was suggested
    saved       of all characters that stood there, the share spelled before the first wrong one
    broken      share of places where it leaves more syntax errors than what stood there
    exact / copy, exact / n-gram        the share of exact answers by that of a baseline at the same places
    exact - copy, exact - n-gram        and less that of the baseline

Intervals are 95 % bootstrap intervals over files; those of two variants are drawn together.

Not here: asking (run.py), the console's tables (tables.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from eval import intervals
from eval.heldout.positions import MODES, HeldoutProject
from eval.heldout.run import COPY, NGRAM, SERVED, Answer
from eval.results import Figure, figure

ALL = "all"
BASELINES = (COPY, NGRAM)
SHARES = ("answered", "exact", "similar", "broken")
_EXAMPLES = 2  # good and bad ones of each mode
_LEAST_CHARACTERS = 16  # of what stood there: shorter ones show little
_MOST_CHARACTERS = 400
_LINES_BEFORE, _LINES_BEHIND = 8, 3
_LONGEST_LINE = 120


def figures(answers: Sequence[Answer]) -> list[Figure]:
    """All figures, mode by mode, then those of all modes; `where` has mode and variant."""
    found: list[Figure] = []
    for mode in (*MODES, ALL):
        of_variant: dict[str, list[Answer]] = {}
        for one in answers:
            if mode in (one.mode, ALL):
                of_variant.setdefault(one.variant, []).append(one)
        for variant, chosen in of_variant.items():
            found += _shares(chosen, mode=mode, variant=variant)
            for baseline in BASELINES:
                if variant not in BASELINES and baseline in of_variant:
                    found += _against(chosen, of_variant[baseline], baseline, mode=mode, variant=variant)
    return found


def _shares(chosen: Sequence[Answer], **where: str) -> Iterator[Figure]:
    files = [one.file for one in chosen]
    for name in SHARES:
        values = [float(one.errors > 0 if name == "broken" else getattr(one, name)) for one in chosen]
        yield figure(name, intervals.mean(values, files), **where)
    saved = intervals.ratio([one.saved for one in chosen], [one.length for one in chosen], files)
    assert saved is not None  # no place is empty
    yield figure("saved", saved, **where)
    yield Figure(
        name="milliseconds",
        value=float(np.median([one.milliseconds for one in chosen])),
        n=len(chosen),
        where=where,
    )


def _against(
    chosen: Sequence[Answer], baseline: Sequence[Answer], name: str, **where: str
) -> Iterator[Figure]:
    assert [(a.file, a.mode, a.start) for a in chosen] == [(b.file, b.mode, b.start) for b in baseline]
    files = [one.file for one in chosen]
    ours, theirs = ([float(one.exact) for one in some] for some in (chosen, baseline))
    ratio = intervals.ratio(ours, theirs, files)
    if ratio is not None:
        yield figure(f"exact / {name}", ratio, **where)
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    yield figure(f"exact - {name}", intervals.mean(differences, files), **where)


def examples(
    answers: Sequence[Answer], projects: Sequence[HeldoutProject], *, variant: str = SERVED, seed: int = 0
) -> list[dict[str, Any]]:
    """Right and wrong answers of each mode, drawn by the seed and not chosen, with what stands around."""
    known = {(one.project.name, file.path): (one, file.text) for one in projects for file, _ in one.files}
    ends: dict[tuple[str, str, str, int], int] = {
        (one.project.name, file.path, place.mode, place.cursor.start): place.cursor.end
        for one in projects
        for file, places in one.files
        for place in places
    }
    rng = random.Random(seed)  # noqa: S311
    drawn = []
    for mode in MODES:
        fit = [
            one
            for one in answers
            if one.variant == variant
            and one.mode == mode
            and one.answered
            and _LEAST_CHARACTERS <= one.length <= _MOST_CHARACTERS
            and len(one.text) <= _MOST_CHARACTERS
        ]
        for exact in (True, False):
            some = [one for one in fit if one.exact == exact]
            for one in rng.sample(some, min(_EXAMPLES, len(some))):
                project, text = known[one.project, one.path]
                end = ends[one.project, one.path, one.mode, one.start]
                drawn.append(_example(one, project.license, text, end))
    return drawn


def _example(answer: Answer, license: str, text: str, end: int) -> dict[str, Any]:  # noqa: A002
    before = text[: answer.start].split("\n")[-_LINES_BEFORE:]
    # At a file's end nothing was known to follow.
    behind = [] if answer.mode == "file-end" else text[end:].split("\n")[:_LINES_BEHIND]
    return {
        "project": answer.project,
        "license": license,
        "path": answer.path,
        "line": text.count("\n", 0, answer.start) + 1,
        "mode": answer.mode,
        "exact": answer.exact,
        "before": "\n".join(map(_short, before[:-1])) + "\n" * (len(before) > 1) + before[-1],
        "stood_there": text[answer.start : end].rstrip(),
        "suggested": answer.text,
        "behind": "\n".join(map(_short, behind)),
    }


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


def by_place(found: Sequence[Figure], name: str) -> Mapping[tuple[str, str], Figure]:
    """The figures of one name by mode and variant."""
    return {(one.where["mode"], one.where["variant"]): one for one in found if one.name == name}
