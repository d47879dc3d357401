"""Does a tokenizer's regex end in reasonable time on every text? Told from the pattern alone.

The regex engine of the tokenizers library goes back and tries again: a pattern such as `(a+)+b` takes longer
than anybody lives. A pattern is taken when, wherever it begins, it can go at most one way for each character
and a few ways besides. That is so for the pre-tokenizers of the known families, which are lists of short
alternatives. Time is then at most quadratic in the length of a run of like characters.

    refused: a repeated group; two repeats, or many choices, before something that may fail; what is not in
    the small language below (back references, calls, look-behind, absence, ...)

Reference of the language: https://github.com/kkos/oniguruma/blob/master/doc/RE. Not here: whether a pattern
splits text well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_LONGEST = 4000  # characters
_DEEPEST = 8  # groups in groups
_MOST_CHOICES = 64
_MOST_COUNTED = 16  # of {m,n}
_GROUP = re.compile(r"\((\?:|\?i:|\?=|\?!|(?!\?))")
_ESCAPE = re.compile(r"\\(?:[pP]\{\^?[\w=-]+\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[sSdDwWrntfv]|[^\w\s])")
_QUANTIFIER = re.compile(r"[?*+][?+]?|\{(\d{0,3})(,?)(\d{0,3})\}")


class PatternError(ValueError):
    """A pattern that is not taken; the text continues a sentence that names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One part of an alternative: how many ways it can go, and whether the text may fail to have it."""

    repeats: int = 0  # that have no end
    tried: int = 0  # of these, how many are tried in all ways within the part itself
    choices: int = 1
    can_fail: bool = True


def refuse_slow(pattern: str) -> None:
    """Raise PatternError for a pattern that may take very long, or that cannot be judged."""
    if len(pattern) > _LONGEST:
        raise PatternError(f"has a pattern of {len(pattern):,} characters")
    end, _ = _alternatives(pattern, 0, 0)
    if end != len(pattern):
        raise PatternError("has a pattern with a bracket that is never opened")


def _alternatives(pattern: str, at: int, depth: int) -> tuple[int, _Item]:
    """Reads to the end of a group or of the pattern; all alternatives as one item."""
    if depth > _DEEPEST:
        raise PatternError("has a pattern with too many groups in groups")
    rows: list[list[_Item]] = [[]]
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            rows.append([])
            at += 1
        else:
            at, item = _item(pattern, at, depth)
            rows[-1].append(item)
    for row in rows:
        _refuse(row)
    whole = [_joined(row) for row in rows]
    return at, _Item(
        repeats=max(item.repeats for item in whole),
        tried=max(_tried(row).repeats for row in rows),
        choices=sum(item.choices for item in whole),
        can_fail=all(item.can_fail for item in whole),
    )


def _joined(row: list[_Item]) -> _Item:
    choices = 1
    for item in row:
        choices = min(choices * item.choices, _MOST_CHOICES + 1)
    return _Item(
        repeats=sum(item.repeats for item in row),
        choices=choices,
        can_fail=any(item.can_fail for item in row),
    )


def _tried(row: list[_Item]) -> _Item:
    """What stands before the last item that may fail is tried in all its ways."""
    last = max((place for place, item in enumerate(row) if item.can_fail), default=0)
    before = _joined(row[:last])
    return replace(before, repeats=before.repeats + (row[last].tried if row else 0))


def _refuse(row: list[_Item]) -> None:
    tried = _tried(row)
    if tried.repeats > 1 or tried.choices > _MOST_CHOICES:
        raise PatternError("has a pattern that may take very long")


def _item(pattern: str, at: int, depth: int) -> tuple[int, _Item]:
    """A character, class or group with what repeats it."""
    group = None
    if pattern[at] == "(":
        head = _GROUP.match(pattern, at)
        if head is None:
            raise PatternError(f"has a pattern with a group that cannot be judged, {pattern[at : at + 4]!r}")
        at, group = _alternatives(pattern, head.end(), depth + 1)
        if at == len(pattern):
            raise PatternError("has a pattern with a group that never ends")
        at += 1
        if head.group(1) in ("?=", "?!"):
            group = replace(group, can_fail=True)
    elif pattern[at] == "[":
        at = _class(pattern, at, depth)
    elif pattern[at] == "\\":
        at = _escape(pattern, at)
    elif pattern[at] in "?*+{}]":
        raise PatternError(f"has a pattern with {pattern[at]!r} in a place where it cannot be judged")
    else:
        at += 1
    found = _QUANTIFIER.match(pattern, at)
    if found is None:
        return at, group or _Item()
    at = found.end()
    if at < len(pattern) and pattern[at] in "?*+{":
        raise PatternError("has a pattern that repeats a repeat")
    sign = found.group()[0]
    if sign == "?":
        inner = group or _Item()
        return at, replace(inner, choices=inner.choices + 1, can_fail=False)
    if group is not None:
        raise PatternError("has a pattern that repeats a group")
    if sign != "{":
        return at, _Item(repeats=1, can_fail=sign == "+")
    least, comma, most = found.groups()
    low = int(least or 0)
    if comma and not most:
        return at, _Item(repeats=1, can_fail=low > 0)
    high = int(most) if comma else low
    if not low <= high <= _MOST_COUNTED or not (least or most):
        raise PatternError(f"has a pattern that counts too far, {found.group()!r}")
    return at, _Item(choices=high - low + 1, can_fail=low > 0)


def _class(pattern: str, at: int, depth: int) -> int:
    """Where a class ends that begins here; classes may stand in classes."""
    if depth > _DEEPEST:
        raise PatternError("has a pattern with too many classes in classes")
    at += 1
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "[":
            at = _class(pattern, at, depth + 1)
        elif pattern[at] == "\\":
            at = _escape(pattern, at)
        else:
            at += 1
    if at >= len(pattern):
        raise PatternError("has a pattern with a class that never ends")
    return at + 1


def _escape(pattern: str, at: int) -> int:
    found = _ESCAPE.match(pattern, at)
    if found is None:
        raise PatternError(f"has a pattern with {pattern[at : at + 4]!r}, which cannot be judged")
    return found.end()
