"""What the engine knows by heart: every place in the files at hand, and what followed there.

A model of a few million weights forgets; the file around the cursor and the repository around it do not. A
Memory is searched for the longest contexts that end as the text before the cursor does, in layers:

    file      the document itself, above and below the cursor
    open      other documents that are open
    project   the repository's other files (project.py)

The first two change with every keystroke, so they are scanned as they are: comparing an array reads 50,000
tokens in some 20 microseconds. Any length of context counts, as in the infini-gram of Liu et al. 2024.

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
from model.serving.suffix_array import CONTEXT, Tokens, agreement, agreement_behind

Layer = Literal["file", "open", "project"]
LAYERS: tuple[Layer, ...] = ("file", "open", "project")
# Places followed up in one layer: the longest contexts of them all, then the nearest.
MOST_PLACES = 64
_PROJECT = LAYERS.index("project")
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
        cut = prefix.find("\n", len(prefix) - _NEAR) + 1 if len(prefix) > _NEAR else 0
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
        self._tokens: Tokens = np.concatenate(parts)
        self._project = project.view if project is not None and "project" in layers else None
        if self._project is not None:
            self._present = self._project.present_without({hole.path, *(file.path for file in files)})

        self._look_behind(hole.suffix)

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
        starts = starts[(starts < self._cursor) | (starts > own)]
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
        found = []
        places = self._scan(context)
        split = int(np.searchsorted(places, self._file_end))
        for layer, some in ((0, places[:split]), (1, places[split:])):
            if len(some):
                found.append(self._measure(layer, some, context))
        if self._project is not None:
            places, lengths = self._project.find(context, MOST_PLACES, self._present)
            if len(places):
                layers, distances = np.full(len(places), _PROJECT, np.int64), np.zeros(len(places), np.int64)
                behind = _reached(places, *self._project_behind)
                following = self._project.tokens[places].astype(np.int64)
                found.append(Found(places, layers, lengths, distances, behind, following))
        if len(found) == 1:
            return found[0]
        if not found:
            return _NOTHING
        return Found(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))

    def follow(self, found: Found, token: int) -> Found:
        """What of the places found goes on when this token comes: a part of what `find` would give."""
        going_on = np.flatnonzero(found.following == token)
        places = found.places[going_on] + 1
        layers = found.layers[going_on]
        following = self._tokens.take(places, mode="clip")
        if self._project is not None:
            in_project = layers == _PROJECT
            if in_project.any():
                following = np.where(in_project, self._project.tokens.take(places, mode="clip"), following)
        inside = following != self._encoder.separator
        lengths = np.minimum(found.lengths[going_on] + 1, CONTEXT)
        rest = (places, layers, lengths, found.distances[going_on], found.behind[going_on], following)
        return Found(*(array[inside].astype(np.int64) for array in rest))

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
        document = int(np.searchsorted(self._starts, place, side="right")) - 1
        first = self._starts[document]
        line = 1 if document else self._first_line
        line += self._encoder.line_ends(self._tokens[first:place])
        if document == 0 and place > self._cursor:
            line += self._pending_lines
        return Origin(layer=name, path=self._paths[document], line=line)

    def _scan(self, context: Tokens) -> npt.NDArray[np.int64]:
        """Places, in order, whose last two tokens are the context's and behind which there is a token."""
        tokens = self._tokens[self._searched_from :]
        if len(tokens) < 3:
            return np.zeros(0, np.int64)
        alike = tokens[1:-1] == context[-1]
        alike &= tokens[:-2] == context[-2]
        places = np.flatnonzero(alike) + 2 + self._searched_from
        found: npt.NDArray[np.int64] = places[self._tokens[places] != self._encoder.separator]
        return found

    def _measure(self, layer: int, places: npt.NDArray[np.int64], context: Tokens) -> Found:
        matched = 2
        while len(places) > MOST_PLACES and matched < min(CONTEXT, len(context)):
            further = places[self._tokens[places - matched - 1] == context[-matched - 1]]
            if not len(further):
                break
            places, matched = further, matched + 1
        distances = np.abs(places - self._cursor) if layer == 0 else np.zeros(len(places), np.int64)
        if len(places) > MOST_PLACES:
            nearest = np.argsort(distances, kind="stable")[:MOST_PLACES]
            places, distances = places[nearest], distances[nearest]
        lengths = agreement(self._tokens, places, context)
        layers = np.full(len(places), layer, np.int64)
        behind = _reached(places, *self._behind)
        return Found(places, layers, lengths, distances, behind, self._tokens[places].astype(np.int64))


def _reached(
    places: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """For each place the length of the first run that starts soon behind it, else 0."""
    if not len(starts):
        return np.zeros(len(places), np.int64)
    index = np.minimum(np.searchsorted(starts, places), len(starts) - 1)
    gaps = starts[index] - places
    return np.where((gaps >= 0) & (gaps <= _SOON), lengths[index], 0)
