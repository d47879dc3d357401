"""The memory's layer of a whole repository: files kept sorted, so that a look-up does not read them.

Files come in segments, each with its suffix array; small segments are merged into larger ones, as in a
log-structured merge tree (O'Neil et al. 1996), so adding a file sorts little and looking up asks few. A file
that changed is marked as gone and added again. What a look-up reads never changes, so one thread may add
while another looks up.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model.serving.encoder import LineEncoder
from model.serving.suffix_array import CONTEXT, Places, SuffixArray, Tokens, agreement, spell

LEAST_MATCH = 2  # tokens
# Tokens kept in all, and in one segment: sorting takes 40 bytes a token while it lasts.
MOST_TOKENS = 1_500_000
LARGEST_SEGMENT = 600_000
_MOST_SMALL = 2
# A segment with a larger share of files that are gone is made anew.
_MOST_GONE = 0.25
_MOST_CROWDED = 2048  # places looked at in vain

_NUMBERS = itertools.count()

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segment:
    """Some files, one behind the other with a separator behind each, and their sorted contexts."""

    paths: tuple[str, ...]
    starts: Places  # of each file in `tokens`
    tokens: Tokens
    array: SuffixArray
    present: Flags  # which files are still what they were

    @property
    def present_tokens(self) -> int:
        """How many of the tokens are of files that are present."""
        ends = np.append(self.starts[1:], len(self.tokens))
        return int((ends - self.starts)[self.present].sum())

    def file(self, index: int) -> Tokens:
        """The tokens of one file, its separator included."""
        last = index + 1 == len(self.paths)
        return self.tokens[self.starts[index] : None if last else self.starts[index + 1]]


class View:
    """The files of a project at one moment. A place is an index in `tokens`, where all segments stand."""

    def __init__(
        self, separator: int, segments: tuple[Segment, ...], dtype: type[np.unsignedinteger]
    ) -> None:
        self.segments = segments
        self.number = next(_NUMBERS)
        self.tokens: Tokens = np.concatenate([np.zeros(0, dtype), *(s.tokens for s in segments)])
        self._separator = separator
        self._offsets = [0, *np.cumsum([len(s.tokens) for s in segments]).tolist()]
        self._paths = [path for segment in segments for path in segment.paths]
        self._starts = np.concatenate(
            [np.zeros(0, np.int64), *(s.starts + o for s, o in zip(segments, self._offsets, strict=False))]
        )
        self._present = np.concatenate([np.zeros(0, bool), *(s.present for s in segments)])

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.tokens.nbytes + sum(s.tokens.nbytes + s.array.nbytes for s in self.segments)

    @property
    def paths(self) -> list[str]:
        """The files that are present."""
        return [path for path, present in zip(self._paths, self._present, strict=True) if present]

    def present_without(self, paths: Collection[str]) -> Flags:
        """For each file held whether it is present, and none of these."""
        flags = self._present.copy()
        flags[[index for index, path in enumerate(self._paths) if path in paths]] = False
        return flags

    def find(self, context: Tokens, most: int, present: Flags) -> tuple[Places, Places]:
        """Places (m,) in present files, and how many tokens their contexts share with this one.

        About `most` of them, with at least two tokens in common.
        """
        if not self.segments:
            return _NOWHERE, _NOWHERE
        spelled, most = spell(context), most // len(self.segments)
        while True:
            places = np.concatenate(
                [s.array.near(spelled, most) + o for s, o in zip(self.segments, self._offsets, strict=False)]
            )
            lengths = agreement(self.tokens, places, context)
            good = (lengths >= LEAST_MATCH) & (self.tokens[places] != self._separator)
            there = present[np.searchsorted(self._starts, places, side="right") - 1]
            # The hole's own file, as it is on disk, is left out and may well crowd all others out.
            if (good & there).any() or not (good & ~there).any() or most >= _MOST_CROWDED:
                good &= there
                return places[good], lengths[good]
            most *= 4

    def occurrences(self, run: Tokens, most: int) -> Places:
        """Places, in order, where a run of tokens begins; some, where there are many."""
        if not self.segments or not len(run):
            return _NOWHERE
        spelled, most = spell(run), most // len(self.segments)
        ends = np.concatenate(
            [s.array.near(spelled, most) + o for s, o in zip(self.segments, self._offsets, strict=False)]
        )
        return np.sort(ends[agreement(self.tokens, ends, run) >= len(run)] - len(run))

    def origin(self, place: int) -> tuple[str, Tokens]:
        """The file of a place, and the file's tokens before it."""
        index = int(np.searchsorted(self._starts, place, side="right")) - 1
        return self._paths[index], self.tokens[self._starts[index] : place]


class Project:
    """The files of a repository. One thread at a time adds and removes; `view` is theirs at any moment."""

    def __init__(self, encoder: LineEncoder) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self.view = self._viewed(())

    @property
    def version(self) -> int:
        """Another number after every change."""
        return self.view.number

    def add(self, files: Iterable[tuple[str, str]]) -> bool:
        """Add files (path, text) or replace them; False when not all of them found room."""
        encoder = self._encoder
        end = np.array([encoder.separator], encoder.dtype)
        with self._lock:
            texts = dict(files)
            # What was there of them is old in any case, whether there is room for the new or not.
            segments = _without(self.view.segments, texts)
            room = MOST_TOKENS - sum(segment.present_tokens for segment in segments)
            new: dict[str, Tokens] = {}
            for path, text in texts.items():
                tokens = np.append(encoder.encode(text), end)
                if len(tokens) > room:
                    break
                room -= len(tokens)
                new[path] = tokens
            if new:
                segments = (*segments, _segment(new, encoder.separator))
            self.view = self._viewed(_merged(segments, encoder.separator))
        return len(new) == len(texts)

    def restore(self, segments: Sequence[Segment]) -> None:
        """Hold exactly these segments, which another project of the same tokenizer had."""
        with self._lock:
            self.view = self._viewed(tuple(segments))

    def remove(self, paths: Collection[str]) -> None:
        """Forget files; those not known are ignored."""
        with self._lock:
            segments = _without(self.view.segments, paths)
            self.view = self._viewed(_merged(segments, self._encoder.separator))

    def _viewed(self, segments: tuple[Segment, ...]) -> View:
        return View(self._encoder.separator, segments, self._encoder.dtype)


_NOWHERE: Places = np.zeros(0, np.int64)


def _segment(files: Mapping[str, Tokens], separator: int) -> Segment:
    """A segment of some files (at least one), each with its separator."""
    texts = list(files.values())
    # Contexts never reach below the first token.
    tokens = np.concatenate([np.full(CONTEXT, separator, texts[0].dtype), *texts])
    return Segment(
        paths=tuple(files),
        starts=(CONTEXT + np.cumsum([0, *map(len, texts[:-1])])).astype(np.int64),
        tokens=tokens,
        array=SuffixArray(tokens),
        present=np.ones(len(files), bool),
    )


def _without(segments: tuple[Segment, ...], paths: Collection[str]) -> tuple[Segment, ...]:
    """The segments with some files marked as gone, and none that has no file left."""
    left = []
    for segment in segments:
        gone = [index for index, path in enumerate(segment.paths) if path in paths]
        if gone:
            present = segment.present.copy()
            present[gone] = False
            segment = replace(segment, present=present)
        if segment.present.any():
            left.append(segment)
    return tuple(left)


def _merged(segments: tuple[Segment, ...], separator: int) -> tuple[Segment, ...]:
    """The segments without what is gone, where that is much, and the smallest joined until few are small."""
    segments = tuple(
        s if s.present_tokens >= (1 - _MOST_GONE) * len(s.tokens) - CONTEXT else _joined([s], separator)
        for s in segments
    )
    while True:
        small = sorted(
            (segment for segment in segments if len(segment.tokens) < LARGEST_SEGMENT // 2),
            key=lambda segment: len(segment.tokens),
        )
        if len(small) <= _MOST_SMALL:
            return segments
        segments = (*(s for s in segments if s not in small[:2]), _joined(small[:2], separator))


def _joined(segments: Sequence[Segment], separator: int) -> Segment:
    """One segment of the files present in some."""
    files = {
        path: segment.file(index)
        for segment in segments
        for index, path in enumerate(segment.paths)
        if segment.present[index]
    }
    return _segment(files, separator)
