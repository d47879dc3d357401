"""A model that has lost its way says the same again: where that begins. Pure.

Within a line (`stutter`), line by line (`without_loops`), with a number that counts up (`without_counting`),
or what stands above the cursor already (`without_line_above`).

Not here: what stands below the cursor already (overlap.py).
"""

from __future__ import annotations

import re

from lsp_server.place import Place

# Short pieces are common in tables, longer ones are not. Rulers are no stutter, see `stutter`.
_STUTTER = re.compile(r"(\w)\1{59,}|([^\n]{2,7}?)\2{11,}|([^\n]{8,40}?)\3{3,}")
_STUTTER_WITHIN = 500  # characters from the end
_LONGEST_REPEATED = 3  # lines
_TIMES = 3
# Lines that are one but for numbers and words in quotes: so many make a table that nobody asked for, and of
# those so many are shown.
_COUNTED = 6
_COUNTED_SHOWN = 3
_VARYING = re.compile(r"\d+|\"[^\"\n]*\"|'[^'\n]*'")
_WORDS = re.compile(r"\w\w+")
_LEAST_WORDS = 2  # of a line above that is not simply written again


def stutter(text: str) -> int | None:
    """The start of the line on which the same few words come over and over."""
    skipped = max(0, len(text) - _STUTTER_WITHIN)
    for found in _STUTTER.finditer(text, skipped):
        piece = found.group(2) or found.group(3)
        if piece is None or (re.search(r"\w", piece) and re.search(r"\W", piece)):
            return max(0, text.rfind("\n", 0, found.start()))
    return None


def without_loops(text: str, place: Place | None = None) -> str:
    """Cut behind the first of three equal runs of one to three lines; runs above the cursor count."""
    lines = text.split("\n")
    for first in range(len(lines)):
        for length in range(1, _LONGEST_REPEATED + 1):
            run = lines[first : first + length]
            again = lines[first : first + length * _TIMES]
            if any(line.strip() for line in run) and again == run * _TIMES:
                return "\n".join(lines[: first + length])
    return text if place is None else _without_a_third_run(text, lines, place)


def _without_a_third_run(text: str, lines: list[str], place: Place) -> str:
    """Nothing of text that begins with a run of lines which stands twice right above the cursor."""
    if place.head.strip() or not place.above:
        return text
    above = place.above.split("\n")[:-1]
    written = [place.head + lines[0], *lines[1:]]
    for length in range(1, _LONGEST_REPEATED + 1):
        run = written[:length]
        wordy = sum(len(_WORDS.findall(line)) for line in run) >= _LEAST_WORDS
        if len(run) == length and wordy and above[-2 * length :] == run * 2:
            return ""
    return text


def without_counting(text: str, place: Place) -> str:
    """Cut a long table of lines that differ in numbers and quoted words alone, unless one was begun above."""
    lines = text.split("\n")
    shapes = [_VARYING.sub("0", line) for line in [place.head + lines[0], *lines[1:]]]
    above = [_VARYING.sub("0", line) for line in place.above.split("\n")[-3:-1]]
    for first, shape in enumerate(shapes):
        if _VARYING.search(lines[first]) is None or not _WORDS.search(shape) or shape in above:
            continue
        if shapes[first : first + _COUNTED] == [shape] * _COUNTED:
            return "\n".join(lines[: first + _COUNTED_SHOWN])
    return text


def without_line_above(text: str, place: Place) -> str:
    """Nothing of text that is merely the line above once more, or the lines above in their order."""
    if place.head.strip() or place.inside is not None:
        return text
    lines = text.rstrip().split("\n")
    written = [place.head + lines[0], *lines[1:]]
    above = place.above.split("\n")[:-1][-len(written) :]
    if above != written or sum(len(_WORDS.findall(line)) for line in written) < _LEAST_WORDS:
        return text
    return ""
