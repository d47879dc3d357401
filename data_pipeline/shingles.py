"""Text to hashed word grams, many texts at a time: what near-duplicates and benchmark overlap are found by.

A word is a run of [A-Za-z_0-9]; everything else only separates words, so indentation, line breaks and
punctuation do not count. A shingle is the hash of five words in a row (Broder 1997; five as in The Stack,
Kocetkov et al. 2022). All of it happens in NumPy on whole batches: word boundaries from a byte table, a
word's hash from its bytes taken eight at a time, a gram's hash from those of its words.

Hashes are 64 bits inside and mixed with the finalizer of SplitMix64 (Steele, Lea and Flood 2014); shingles
keep the upper 32, so of a million different shingles about a hundred pairs share a hash.

Not here: what shingles are kept in (sketches.py) and compared for (dedupe.py), the grams of benchmarks
(decontaminate.py).
"""

from __future__ import annotations

import string
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

SIZE = 5

Hashes = npt.NDArray[np.uint64]
Shingles = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]

_LANE = 8  # bytes hashed at a time
_MOST_LANES = 16  # a longer word is not code; it is hashed alone, so that it cannot slow its whole batch down
_LETTERS = (string.ascii_letters + "_").encode()
_IN_WORD = bytes(byte in _LETTERS + string.digits.encode() for byte in range(256))
_ODD = np.uint64(0x9E3779B97F4A7C15)
_HORNER = np.uint64(0xD1342543DE82EF95)
_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of some texts in a row: `hashes` (w,), and where each text's begin: `offsets` (texts + 1,).

    `letters` (w,) says which words begin with a letter or an underscore, so are no numbers.
    """

    hashes: Hashes
    letters: npt.NDArray[np.bool_]
    offsets: Offsets


def words(texts: Sequence[str]) -> Words:
    """The hashed words of the texts, in order."""
    # Surrogates that stand alone are no UTF-8, but no word either.
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    # Eight zero bytes at the end, so that the last word has a whole lane.
    joined = b" ".join([b"", *parts, bytes(_LANE)])
    inside = np.frombuffer(joined.translate(_IN_WORD), np.uint8)
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    first = np.cumsum([1, *(len(part) + 1 for part in parts)], dtype=np.int64)
    return Words(
        hashes=_word_hashes(joined, starts, ends),
        letters=np.frombuffer(joined, np.uint8)[starts] > ord("9"),
        offsets=np.searchsorted(starts, first).astype(np.int64),
    )


def _word_hashes(joined: bytes, starts: Offsets, ends: Offsets) -> Hashes:
    lengths = ends - starts
    lanes: Hashes = np.ndarray((len(joined) - _LANE + 1,), "<u8", joined, strides=(1,))
    hashes = mix(lanes[starts] & _mask(lengths))
    longer = np.flatnonzero(lengths > _LANE)
    for lane in range(1, _MOST_LANES):
        if not len(longer):
            return hashes
        at = lane * _LANE
        part = lanes[starts[longer] + at] & _mask(lengths[longer] - at)
        hashes[longer] = mix(hashes[longer] * _ODD ^ part)
        longer = longer[lengths[longer] > at + _LANE]
    for i in longer:
        hashes[i] = xxhash.xxh3_64_intdigest(joined[starts[i] : ends[i]])
    return hashes


def _mask(lengths: Offsets) -> Hashes:
    """Of the eight bytes of a lane, those of the word: it goes on for so many bytes, at least one."""
    bits = ((_LANE - np.minimum(lengths, _LANE)) * 8).astype(np.uint64)
    return np.uint64(2**64 - 1) >> bits


def mix(hashes: Hashes) -> Hashes:
    """Every bit of the input decides about every bit of the output. A bijection."""
    hashes = (hashes ^ hashes >> np.uint64(30)) * _MIX[0]
    hashes = (hashes ^ hashes >> np.uint64(27)) * _MIX[1]
    return hashes ^ hashes >> np.uint64(31)


def grams(hashes: Hashes, size: int) -> Hashes:
    """The 64-bit hash of each `size` words in a row, (words - size + 1,), also across the texts' borders."""
    count = max(0, len(hashes) - size + 1)
    found = hashes[:count].copy()
    for i in range(1, size):
        found *= _HORNER
        found += hashes[i : i + count]
    return mix(found)


def within(offsets: Offsets, size: int) -> tuple[Offsets, Offsets]:
    """(texts, places) of the grams that lie within one text: one that begins late reaches into the next."""
    texts = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    places = np.flatnonzero(np.arange(len(texts)) <= (offsets[1:] - size)[texts])
    return texts[places], places


def shingles(texts: Sequence[str]) -> tuple[Shingles, Offsets]:
    """The sorted, distinct shingles of each text, one behind the other, and where each text's begin.

    A text of fewer than five words has one shingle, of all of its words.
    """
    assert sys.byteorder == "little", "lanes are read as little-endian"
    found = words(texts)
    counts = np.diff(found.offsets)
    whole = grams(found.hashes, SIZE)
    text_of, places = within(found.offsets, SIZE)
    keys = [(text_of.astype(np.uint64) << np.uint64(32)) | (whole[places] >> np.uint64(32))]
    for text in np.flatnonzero(counts < SIZE):
        own = found.hashes[found.offsets[text] : found.offsets[text + 1]]
        short = grams(np.concatenate([own, np.full(1, len(own), np.uint64)]), len(own) + 1)
        keys.append((np.uint64(text) << np.uint64(32)) | (short >> np.uint64(32)))
    # Sorted by hand: np.unique makes a hash table, which takes ten times as long.
    ordered = np.sort(np.concatenate(keys))
    distinct = ordered[begins(ordered)]
    offsets = np.searchsorted(distinct, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(32))
    return (distinct & np.uint64(2**32 - 1)).astype(np.uint32), offsets.astype(np.int64)


def begins(ordered: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """(n,) where a run of equal values begins."""
    found = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=found[1:])
    return found
