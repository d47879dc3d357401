"""What of a suggestion is right, and what the person of a replay takes of it. Pure.

The rule. The first line of a suggestion is all up to the end of its first line that holds more than blanks.
It is right when it is exactly what the person would write next, up to the end of the line. A suggestion
whose first line is right, and at least `least` characters long without the blanks around it, is taken:

    lines   its longest beginning of whole lines that are all right, by line-wise acceptance
    whole   all of it, by Tab, and only when all of it is right
    never   nothing: what typing is like for somebody who lets suggestions stand

Nobody takes half a line, or what they would have to change: real people do, so this counts too little.

Not here: whether there is time to take it (retype.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Taking = Literal["lines", "whole", "never"]
TAKINGS: tuple[Taking, ...] = get_args(Taking)


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """How much of a suggestion is right, in characters.

    `first` is the length of its first line, 0 where that is wrong; `lines` that of the longest beginning of
    whole lines that are right; `spelled` counts up to the first wrong character.
    """

    first: int = 0
    lines: int = 0
    spelled: int = 0


def right(suggestion: str, rest: str | None) -> Right:
    """Hold a suggestion against what the person would write; None where it stands in the wrong column."""
    if rest is None or not suggestion.strip():
        return Right()
    pairs = enumerate(zip(suggestion, rest, strict=False))
    spelled = next((at for at, (one, other) in pairs if one != other), min(len(suggestion), len(rest)))
    begun = len(suggestion) - len(suggestion.lstrip())
    ends = [at for at, letter in enumerate(suggestion) if letter == "\n" and at > begun] + [len(suggestion)]
    # A line that is right has only right ones before it: all is spelled up to there.
    fit = [end for end in ends if end <= spelled and rest[end : end + 1] in ("", "\n")]
    return Right(first=fit[0] if fit else 0, lines=fit[-1] if fit else 0, spelled=spelled)


def taken(suggestion: str, found: Right, *, how: Taking, least: int) -> int:
    """How many characters of it are taken; 0 for none."""
    if how == "never" or len(suggestion[: found.first].strip()) < least:
        return 0
    if how == "whole":
        return found.lines if found.lines == len(suggestion) else 0
    return found.lines
