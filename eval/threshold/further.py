"""How far should a suggestion go on? What its further lines are worth, by how likely the whole has to be.

A line behind the first is right when it and all lines before it are exactly what stood there. Suggestions are
those of the show threshold's places that the default setting would show and that have more lines than one;
for each limit the lines that it leaves are counted, in characters without indentation:

    right    share of all right characters of further lines that are still shown
    wrong    the same of the wrong ones, which somebody reads in vain

What is not shown of a right suggestion is not lost: behind the lines that were taken the next one is asked.

Pure. Not here: asking (measure.py), the places (places.py), where the limit acts (model/serving/writer.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eval import intervals
from eval.intervals import Interval

LIMITS = (0, 1, 2, 5, 10, 20, 30, 50)  # percent, as the setting showLinesAbove


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line behind the first one: the probability of all up to its end, and if all of that is right."""

    chance: float
    right: bool
    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What one limit (percent) leaves of all further lines; the shares are None where there are none."""

    limit: int
    lines: int
    right: Interval | None
    wrong: Interval | None


def further(text: str, chances: Sequence[float], truth: str) -> tuple[Line, ...]:
    """The lines of a suggestion behind its first visible one, held against what stood there.

    `chances` are of its lines from the first visible one on (`Completion.chances`). Where the text was
    repaired and has more lines than the model wrote, the last chance holds on.
    """
    lines, stood = text.split("\n"), truth.split("\n")
    first = next((at for at, line in enumerate(lines) if line.strip()), 0)
    is_right, found = True, []
    for at, line in enumerate(lines):
        is_right = is_right and at < len(stood) and line.rstrip() == stood[at].rstrip()
        if at > first and chances:
            chance = chances[min(at - first, len(chances) - 1)]
            found.append(Line(chance=chance, right=is_right, characters=len(line.strip())))
    return tuple(found)


def reaches(suggestions: Sequence[tuple[str, Sequence[Line]]]) -> Iterator[Reach]:
    """For each limit what it leaves, of suggestions with their files; intervals are drawn over files."""
    files = [file for file, _ in suggestions]
    if not files:
        return
    right, wrong = (
        [float(sum(one.characters for one in lines if one.right is is_right)) for _, lines in suggestions]
        for is_right in (True, False)
    )
    for limit in LIMITS:
        left = [_within(lines, limit / 100) for _, lines in suggestions]
        left_right, left_wrong = (
            [float(sum(one.characters for one in lines if one.right is is_right)) for lines in left]
            for is_right in (True, False)
        )
        yield Reach(
            limit=limit,
            lines=sum(map(len, left)),
            right=intervals.ratio(left_right, right, files),
            wrong=intervals.ratio(left_wrong, wrong, files),
        )


def _within(lines: Sequence[Line], limit: float) -> list[Line]:
    """The lines up to the first that is not likely enough."""
    end = next((at for at, line in enumerate(lines) if line.chance < limit), len(lines))
    return list(lines[:end])
