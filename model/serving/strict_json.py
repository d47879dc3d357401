"""JSON files that somebody else made: plain files of bounded size, each key once, finite numbers.

Python's own reader takes NaN, keeps the last of two equal keys where other readers keep the first, and waits
for a pipe that nobody writes to.

Not here: what the values mean (release.py, tokenizer_check.py).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from model import plain_files

_CONTAINERS = (dict, list)


def read_object(path: Path, most: int) -> dict[str, Any]:
    """The JSON object in a file of at most `most` bytes.

    Raises OSError for a file that cannot be read or is none (a link, a pipe), ValueError for anything else.
    """
    _, _, size = plain_files.stamp(str(path))
    if size > most:
        raise ValueError(f"it has {size:,} bytes, and at most {most:,} are read")
    text = plain_files.read(str(path), most).decode("utf-8")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it holds no JSON object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice[:80]!r} stands there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def refuse_depth(value: object, most: int) -> None:
    """Raise ValueError for a value with more than `most` objects and lists within each other."""
    if most == 0:
        raise ValueError("it is nested too deeply")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        if isinstance(one, _CONTAINERS):
            refuse_depth(one, most - 1)
