"""What the engine knows by heart: every place in the files at hand, and what followed there.

A model of a few million weights forgets; the file around the cursor and the repository around it do not. A
Memory is searched for the longest contexts that end as the text before the cursor does, in layers:

    file      the document itself, above and below the cursor
    open      other documents that are open
    project   the repository's other files (project.py)
    renamed   lines of the document with this place's names (renaming.py)

All but the project change with every keystroke, so they are scanned as they are: comparing an array reads
50,000 tokens in some 20 microseconds. Any length of context counts, as in the infini-gram of Liu et al. 2024.

Not here: what a finding is worth against the model (mixture.py), one completion's course (recall.py), which
files are in which layer (lsp_server).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from model.fim import Hole, Snippet
from model.serving.encoder import LineEncoder
from model.serving.project import LEAST_MATCH, Project
from model.serving.renaming import Renamed, renamed
from model.serving.suffix_array import CONTEXT, Tokens, agreement, agreement_behind

Layer = Literal["file", "open", "project", "renamed"]
LAYERS: tuple[Layer, ...] = ("file", "open", "project", "renamed")
# Places followed up in one layer: the longest contexts of them all, then the nearest.
MOST_PLACES = 64
_PROJECT = LAYERS.index("project")
_RENAMED = LAYERS.index("renamed")
# Tokens behind the hole that are looked for elsewhere, how many must agree, and how far behind a place.
_BEHIND = 16
_LEAST_BEHIND = 3
_SOON = 48
_BEHIND_CHARACTERS = 400
_BLANK_LINES = re.compile(r"(?:[^\S\n]*\n)*")
# Characters of the document on either side of the cursor, and of all other open documents together.
_NEAR = 60_000
_MOST_OPEN = 120_000


class Found(NamedTuple):
    """Places where the context stood before; all arrays (m,). `lengths` are tokens in common."""

    places: npt.NDArray[np.int64]
    layers: npt.NDArray[np.int64]  # indices of LAYERS
    lengths: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int64]  # tokens to the cursor in the document itself, else 0
    behind: npt.NDArray[np.int64]  # tokens soon behind there that are also the ones behind the hole
    following: npt.NDArray[np.int64]  # the token that followed there


_NONE = np.zeros(1, np.int64)
_NOTHING = Found(*(np.zeros(0, np.int64) for _ in range(6)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where something was copied from. `line` counts from 1."""

    layer: Layer
    path: str
    line: int


class Memory:
    """The files around one hole, for one request."""

    def __init__(
        self,
        encoder: LineEncoder,
        hole: Hole,
        *,
        pending: str = "",
        files: Sequence[Snippet] = (),
        project: Project | None = None,
        layers: Sequence[Layer] = LAYERS,
    ) -> None:
        """`pending` is the end of the prefix that is to be spelled again (`Prompt.pending`).

        `files` are the other open documents, whole, the one worked on last first. Their paths and the hole's
        are left out of the project, whose files are as they were last read.
        """
        self._encoder = encoder
        self._paths = [hole.path]
        separator = np.array([encoder.separator], encoder.dtype)
        # Contexts never reach below the first token.
        parts = [np.full(CONTEXT, encoder.separator, encoder.dtype)]
        starts = [CONTEXT]
        prefix = hole.prefix.removesuffix(pending)
        cut = max(0, len(prefix) - _NEAR)
        if cut:
            cut = prefix.find("\n", cut) + 1 or cut  # a line may be longer than all that is searched
        above = encoder.encode(prefix[cut:])
        self._first_line = prefix.count("\n", 0, cut) + 1
        self._pending_lines = pending.count("\n")
        self._cursor = CONTEXT + len(above)
        self.context: Tokens = above[-CONTEXT:]
        parts += [above, separator]
        if "file" in layers:
            parts += [encoder.encode_standing(hole.suffix[:_NEAR]), separator]
        self._file_end = sum(map(len, parts))
        self._searched_from = 0 if "file" in layers else self._file_end
        room = _MOST_OPEN if "open" in layers else 0
        for file in files:
            if file.path != hole.path and len(file.text) <= room:
                room -= len(file.text)
                starts.append(sum(map(len, parts)))
                self._paths.append(file.path)
                parts += [encoder.encode_standing(file.text), separator]
        self._starts = starts
        self._renamed_from = sum(map(len, parts))
        passages = renamed(hole.prefix, hole.suffix) if "renamed" in layers else []
        parts += self._encode_renamed(passages, pending)
        self._tokens: Tokens = np.concatenate(parts)
        self._searched = self._tokens[self._searched_from :]
        self._project = project.view if project is not None and "project" in layers else None
        if self._project is not None:
            self._present = self._project.present_without({hole.path, *(file.path for file in files)})

        self._look_behind(hole.suffix)

    def _encode_renamed(self, passages: Sequence[Renamed], pending: str) -> list[Tokens]:
        """The passages as tokens, a separator behind each; what may be offered of them is kept."""
        separator = np.array([self._encoder.separator], self._encoder.dtype)
        self._renamed_lines = [passage.line for passage in passages]
        # Of each renamed token: in which passage it is, and whether it is beyond the context.
        self._renamed_in = np.zeros(0, np.int64)
        self._is_offered = np.zeros(0, bool)
        parts: list[Tokens] = []
        for number, passage in enumerate(passages):
            tokens = np.concatenate([self._encoder.encode(passage.text), separator])
            known = len(self._encoder.encode(passage.text[: passage.cursor].removesuffix(pending)))
            self._renamed_in = np.append(self._renamed_in, np.full(len(tokens), number))
            self._is_offered = np.append(self._is_offered, np.arange(len(tokens)) >= known)
            parts.append(tokens)
        return parts

    def _look_behind(self, suffix: str) -> None:
        """Find where what is behind the hole stands elsewhere: what stood before it there may belong here."""
        rest = suffix.partition("\n")[0]
        # Behind a whole line: from the next line that is not blank, its indentation included.
        skipped = 0 if rest.strip() else _BLANK_LINES.match(suffix).end()  # type: ignore[union-attr]
        run = self._encoder.encode(suffix[skipped : skipped + _BEHIND_CHARACTERS])[:_BEHIND]
        nowhere = np.zeros(0, np.int64)
        self._behind = self._project_behind = (nowhere, nowhere)
        if len(run) < _LEAST_BEHIND:
            return
        tokens = self._tokens
        alike = np.ones(len(tokens) - _LEAST_BEHIND + 1, bool)
        for step in range(_LEAST_BEHIND):
            alike &= tokens[step : len(tokens) - _LEAST_BEHIND + 1 + step] == run[step]
        starts = np.flatnonzero(alike)
        # Where it stands in this file says nothing.
        own = self._cursor + 1 + len(self._encoder.encode(suffix[:skipped]))
        starts = starts[((starts < self._cursor) | (starts > own)) & (starts < self._renamed_from)]
        self._behind = starts, agreement_behind(tokens, starts, run)
        if self._project is not None:
            starts = self._project.occurrences(run[:_LEAST_BEHIND], MOST_PLACES)
            self._project_behind = starts, agreement_behind(self._project.tokens, starts, run)

    @property
    def tokens(self) -> int:
        """How many tokens are searched."""
        project = 0 if self._project is None else len(self._project.tokens)
        return len(self._tokens) - self._searched_from + project

    def find(self, context: Tokens) -> Found:
        """Where a context ended before, in all layers together; nowhere if it has not two tokens."""
        if len(context) < LEAST_MATCH:
            return _NOTHING
        here, there = self._find_here(context), self._find_in_project(context)
        if there is None:
            return here or _NOTHING
        if here is None:
            return there
        return Found(*map(np.concatenate, zip(here, there, strict=True)))

    def token_at(self, layer: int, place: int) -> int | None:
        """The token at a place, or None where its text has ended."""
        if layer == _PROJECT:
            assert self._project is not None
            token = int(self._project.tokens[place])
        else:
            token = int(self._tokens[place])
        return None if token == self._encoder.separator else token

    def after(self, layer: int, place: int, count: int) -> list[int]:
        """At most `count` tokens from a place on, up to the end of its text."""
        if layer == _PROJECT:
            assert self._project is not None
            held = self._project.tokens
        else:
            held = self._tokens
        tokens: list[int] = held[place : place + count].tolist()
        end = self._encoder.separator
        return tokens[: tokens.index(end)] if end in tokens else tokens

    def origin(self, layer: int, place: int) -> Origin:
        """Which file and line a place is in."""
        name = LAYERS[layer]
        if layer == _PROJECT:
            assert self._project is not None
            path, before = self._project.origin(place)
            return Origin(layer=name, path=path, line=1 + self._encoder.line_ends(before))
        if layer == _RENAMED:
            passage = self._renamed_in[place - self._renamed_from]
            return Origin(layer=name, path=self._paths[0], line=self._renamed_lines[passage])
        document = int(np.searchsorted(self._starts, place, side="right")) - 1
        first = self._starts[document]
        line = 1 if document else self._first_line
        line += self._encoder.line_ends(self._tokens[first:place])
        if document == 0 and place > self._cursor:
            line += self._pending_lines
        return Origin(layer=name, path=self._paths[document], line=line)

    def _find_here(self, context: Tokens) -> Found | None:
        """In the texts that are scanned: the document, the open ones and the renamed passages."""
        tokens = self._searched
        alike = tokens[1:-1] == context[-1]
        alike &= tokens[:-2] == context[-2]
        places = alike.nonzero()[0]
        places += 2 + self._searched_from
        following = self._tokens[places]
        kept = following != self._encoder.separator
        if self._renamed_lines:
            made = int(places.searchsorted(self._renamed_from))
            kept[made:] &= self._is_offered[places[made:] - self._renamed_from]
        if not kept.all():
            places, following = places[kept], following[kept]
        if not len(places):
            return None
        if len(places) > MOST_PLACES:
            # Each layer by itself: the nearer must not crowd out the further.
            first_open = int(places.searchsorted(self._file_end))
            halves = places[:first_open], places[first_open:]
            places = np.concatenate([self._narrowed(half, context) for half in halves])
            following = self._tokens[places]
        is_open = places >= self._file_end
        return Found(
            places,
            np.where(places >= self._renamed_from, _RENAMED, is_open),
            agreement(self._tokens, places, context),
            np.where(is_open, 0, np.abs(places - self._cursor)),
            _reached(places, *self._behind),
            following.astype(np.int64),
        )

    def _find_in_project(self, context: Tokens) -> Found | None:
        if self._project is None:
            return None
        places, lengths = self._project.find(context, MOST_PLACES, self._present)
        if not len(places):
            return None
        nothing = np.zeros(len(places), np.int64)
        behind = _reached(places, *self._project_behind)
        following = self._project.tokens[places].astype(np.int64)
        return Found(places, nothing + _PROJECT, lengths, nothing, behind, following)

    def _narrowed(self, places: npt.NDArray[np.int64], context: Tokens) -> npt.NDArray[np.int64]:
        """Of many places those with the longest contexts, and of those the nearest to the cursor."""
        matched = LEAST_MATCH
        while len(places) > MOST_PLACES and matched < min(CONTEXT, len(context)):
            further = places[self._tokens[places - matched - 1] == context[-matched - 1]]
            if not len(further):
                break
            places, matched = further, matched + 1
        if len(places) > MOST_PLACES:
            places = np.sort(places[np.argsort(np.abs(places - self._cursor), kind="stable")[:MOST_PLACES]])
        return places


def _reached(
    places: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """For each place the length of the first run that starts soon behind it, else 0."""
    if not len(starts):
        return _NONE.repeat(len(places))
    index = np.minimum(np.searchsorted(starts, places), len(starts) - 1)
    gaps = starts[index] - places
    return np.where((gaps >= 0) & (gaps <= _SOON), lengths[index], 0)
