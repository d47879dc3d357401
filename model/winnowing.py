"""Winnowing: a few hashes of a text, chosen so that copies of any part of it share some of them.

Of all runs of `GRAM` lexical tokens that lie in `LEAST` tokens one after another, one is chosen, by what
these tokens are and not by where they stand (Schleimer, Wilkerson & Aiken 2003). So two texts that have
`LEAST` tokens in common have a chosen run in common. Runs are preferred by where the least of their pairs of
tokens stands, in the middle before at an end before elsewhere (the open-closed minimizer, Groot Koerkamp,
Liu & Pibiri 2025): such runs keep their distance, so a fifth fewer hashes give the same guarantee.

Tokens are words (letters, digits, underscores), brackets, and other characters, of which several equal ones
are one (`==`, but also a ruler of eighty). White space, the kind of quotes and comments do not count.
Comments are told by their line alone, without knowing the language, so that a text reads the same from
whatever line it starts: `#` or `//` after white space to the end of the line (`#include` and `#[derive` are
code), `/* … */` in a line, lines that begin with `*`. What follows a Python `//` operator is not seen.

A run with fewer than `NAMES` names (words of two characters or more that begin with no digit) is data: zeros,
an alphabet, a matrix. Many authors write such runs on their own, so they are nobody's and have no hash.

Hashes are polynomials modulo 2^64 (Karp & Rabin 1987), all of a text's at once by prefix sums. Pure.
Not here: whose a hash is (attribution.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

GRAM = 20  # tokens of a hashed run
WINDOW = 36  # runs one after another, of which at least one is chosen
LEAST = GRAM + WINDOW - 1  # tokens: copies of this length are surely found
NAMES = 3  # in a run, or it is data

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_PAIR = 2  # tokens of the runs whose least decides which runs are preferred
_SPELLING = 0x9E3779B97F4A7C15  # odd bases of polynomials modulo 2^64
_SEQUENCE = 0xD6E8FEB86659FD93
_COMMENT = re.compile(
    rb"[#/](?:(?<=[ \t\n]#)(?![A-Za-z\[])[^\n]*"
    rb"|(?<=[ \t\n]/)(?:/[^\n]*|\*(?:[^*\n]|\*(?!/))*(?:\*/)?))"
)
_STARRED = re.compile(rb"\n[ \t]*\*+(?![^ \t/\n])[^\n]*")
# Classes of characters: white space and controls are 0.
_BRACKET, _MARK, _WORD = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The lexical tokens of a UTF-8 text; each array has one entry a token.

    `starts` and `ends` are the places of its first byte and of the byte behind it.
    """

    starts: Places
    ends: Places
    hashes: Hashes
    names: Flags


def fingerprints(text: str) -> Hashes:
    """64-bit hashes of the chosen runs of a text, in its order; none for fewer than `LEAST` tokens."""
    tokens = lexed(text.encode("utf-8", "replace"))
    if len(tokens.hashes) < LEAST:
        return np.zeros(0, np.uint64)
    sums = prefix_sums(tokens.hashes)
    chosen = np.unique(choices(sums))
    hashes: Hashes = runs(sums)[chosen[tells(tokens.names)[chosen]]]
    return hashes


def lexed(text: bytes) -> Tokens:
    """The tokens of a UTF-8 text."""
    # A line break in front lets a comment be seen in the first line; it is taken off the places again.
    plain = _COMMENT.sub(_blank, _STARRED.sub(_blank, b"\n" + text)).replace(b"'", b'"')
    characters = np.frombuffer(plain, np.uint8)
    classes = np.frombuffer(plain.translate(_classes()), np.uint8)
    starting, ending = classes > 0, classes > 0
    # Neighbours that are of one token: of a word, or equal marks.
    joined = (classes[1:] == classes[:-1]) & (
        (classes[1:] == _WORD) | ((classes[1:] == _MARK) & (characters[1:] == characters[:-1]))
    )
    starting[1:] &= ~joined
    ending[:-1] &= ~joined
    starts, ends = np.flatnonzero(starting), np.flatnonzero(ending) + 1
    powers, inverses = _powers(_SPELLING, len(plain))
    sums = np.zeros(len(plain) + 1, np.uint64)
    np.cumsum(characters * powers[: len(plain)], out=sums[1:])
    first = characters[starts]
    return Tokens(
        starts=starts - 1,
        ends=ends - 1,
        hashes=_mixed((sums[ends] - sums[starts]) * inverses[starts]),
        # Behind the digits, ASCII has letters, the underscore and marks.
        names=(classes[starts] == _WORD) & (first > ord("9")) & (ends - starts > 1),
    )


def _blank(found: re.Match[bytes]) -> bytes:
    return (b"\n" if found[0][:1] == b"\n" else b" ") + b" " * (len(found[0]) - 1)


@lru_cache(maxsize=1)
def _classes() -> bytes:
    """A table from byte to class."""
    classes = [0] * 0x21 + [_MARK] * 0x5E + [0] + [_WORD] * 0x80
    for word in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_":
        classes[word] = _WORD
    for bracket in b"()[]{}":
        classes[bracket] = _BRACKET
    return bytes(classes)


def _powers(base: int, count: int) -> tuple[Hashes, Hashes]:
    """The first `count` powers of an odd base modulo 2^64 or more, and their inverses."""
    return _power_table(base, max(1 << 14, 1 << count.bit_length()))


@lru_cache(maxsize=8)
def _power_table(base: int, count: int) -> tuple[Hashes, Hashes]:
    tables = []
    for factor in (base, pow(base, -1, 1 << 64)):
        table = np.full(count, factor, np.uint64)
        table[0] = 1
        tables.append(np.cumprod(table))
    return tables[0], tables[1]


def prefix_sums(tokens: Hashes) -> Hashes:
    """Prefix sums of the polynomial over all tokens, (tokens + 1,): any run's hash is a difference of two."""
    powers, _ = _powers(_SEQUENCE, len(tokens))
    sums = np.zeros(len(tokens) + 1, np.uint64)
    np.cumsum(tokens * powers[: len(tokens)], out=sums[1:])
    return sums


def runs(sums: Hashes, length: int = GRAM) -> Hashes:
    """Hashes of all runs of `length` tokens, (tokens - length + 1,)."""
    count = len(sums) - length
    _, inverses = _powers(_SEQUENCE, len(sums))
    return _mixed((sums[length:] - sums[:count]) * inverses[:count])


def tells(names: Flags) -> Flags:
    """Of all runs of `GRAM` tokens, (tokens - GRAM + 1,), which have names enough to be somebody's."""
    counts = np.concatenate(([0], np.cumsum(names)))
    enough: Flags = counts[GRAM:] - counts[:-GRAM] >= NAMES
    return enough


def choices(sums: Hashes, *, goes_on: bool = False) -> Places:
    """For each window of `LEAST` tokens, (tokens - LEAST + 1,), the run of `GRAM` that it chooses.

    Of the most preferred ones it is that with the least hash, the leftmost of equals. Of a text that
    `goes_on`, windows that reach beyond its end choose as well, among the runs that are there, (tokens -
    GRAM + 1,): so what a window will choose is among the choices from when its last token is there.
    """
    pairs = runs(sums, _PAIR)
    places = GRAM - _PAIR + 1
    ordered = (pairs >> np.uint64(32) << np.uint64(32)) | np.arange(len(pairs), dtype=np.uint64)
    stands = _least(ordered, places) - np.arange(len(pairs) - places + 1)
    middle, at_end = stands == (places - 1) // 2, (stands == 0) | (stands == places - 1)
    rank = np.where(middle, 0, np.where(at_end, 1, 2)).astype(np.uint64)
    hashes = runs(sums)
    ordered = (rank << np.uint64(62)) | (hashes >> np.uint64(34) << np.uint64(32))
    ordered |= np.arange(len(hashes), dtype=np.uint64)
    if goes_on:
        ordered = np.concatenate((ordered, np.full(WINDOW - 1, np.uint64(0xFFFFFFFFFFFFFFFF))))
    return _least(ordered, WINDOW)


def _least(ordered: Hashes, span: int) -> Places:
    """The place of the least of each `span` neighbours; the lower half of a value is its place."""
    reach = 1
    while reach < span:  # the least of `reach` neighbours becomes that of up to twice as many
        step = min(reach, span - reach)
        ordered = np.minimum(ordered[:-step], ordered[step:])
        reach += step
    return (ordered & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _mixed(hashes: Hashes) -> Hashes:
    """Each bit spread over all bits (the finaliser of MurmurHash3): polynomials leave the low ones weak."""
    hashes = hashes ^ (hashes >> np.uint64(33))
    hashes *= np.uint64(0xFF51AFD7ED558CCD)
    hashes ^= hashes >> np.uint64(33)
    hashes *= np.uint64(0xC4CEB9FE1A85EC53)
    hashes ^= hashes >> np.uint64(33)
    return hashes
