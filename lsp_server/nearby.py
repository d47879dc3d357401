"""The files that a prompt's neighbours come from: the workspace's, and the open ones as they stand.

One `Neighbourhood` (model/neighbourhood.py) holds both, so that what is shown is chosen as in training,
from the whole project. An open document stands in for its file on disk until it is closed. The thread that
reads the workspace fills it while the worker asks, so everything happens under one lock, a file at a time.
Whoever types within a line asks for the same choice at each key: the last one is kept as long as it holds.

Not here: which files of a workspace are read (workspace.py), which pieces are shown (model/neighbours.py).
Secrets are taken out of texts before they come here (secrecy.py).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence

from model import neighbours
from model.fim import Hole, Snippet
from model.neighbourhood import Neighbourhood

# The texts and the index of their names take about six bytes a character.
MOST_CHARACTERS = 16_000_000


class Nearby:
    """Files by their path in the workspace; safe to use from several threads."""

    def __init__(self, *, most_characters: int = MOST_CHARACTERS) -> None:
        """Of files on disk no more than `most_characters` are held; the open ones always are."""
        self._lock = threading.Lock()
        self._files = Neighbourhood()
        self._on_disk: dict[str, int] = {}  # characters of each file
        self._open: dict[str, str | None] = {}  # what stands on disk in the place of each open document
        self._room = most_characters
        self._changes = 0  # of the files
        self._last: tuple[tuple[object, ...], tuple[Snippet, ...]] = ((), ())  # what was asked and chosen

    def put(self, files: Iterable[tuple[str, str]]) -> None:
        """Add files (path, text) as they are on disk, or replace them, as long as there is room."""
        for path, text in files:
            with self._lock:
                self._take_away(path)
                if len(text) > self._room:
                    continue
                self._room -= len(text)
                self._on_disk[path] = len(text)
                if path in self._open:
                    self._open[path] = text
                else:
                    self._put(path, text)

    def remove(self, paths: Collection[str]) -> None:
        """Forget files on disk; those not known are ignored."""
        for path in paths:
            with self._lock:
                self._take_away(path)

    def choose(self, hole: Hole, opened: Sequence[Snippet], *, characters: int) -> tuple[Snippet, ...]:
        """The neighbours of a hole, as `neighbours.choose`, where these documents are open beside it.

        The hole's own file is never shown, whatever is known of it.
        """
        with self._lock:
            self._follow({file.path: file.text for file in opened})
            # All that a choice depends on: it is of complete lines (model/neighbours.py).
            above = hole.prefix[: hole.prefix.rfind("\n") + 1]
            below = hole.suffix.partition("\n")[2]
            asked = (self._changes, hole.path, hole.language, characters, above, below)
            if self._last[0] != asked:
                self._last = asked, neighbours.choose(hole, self._files, characters=characters)
            return self._last[1]

    def __len__(self) -> int:
        return len(self._files)

    def _follow(self, opened: dict[str, str]) -> None:
        for path in [path for path in self._open if path not in opened]:
            on_disk = self._open.pop(path)
            if on_disk is None:
                self._remove(path)
            else:
                self._put(path, on_disk)
        for path, text in opened.items():
            if path not in self._open:
                known = self._files.file(path)
                self._open[path] = None if known is None else known.text
            self._put(path, text)

    def _take_away(self, path: str) -> None:
        self._room += self._on_disk.pop(path, 0)
        if path in self._open:
            self._open[path] = None
        else:
            self._remove(path)

    def _put(self, path: str, text: str) -> None:
        known = self._files.file(path)
        if known is None or known.text != text:
            self._changes += 1
            self._files.put(path, text)

    def _remove(self, path: str) -> None:
        self._changes += path in self._files
        self._files.remove(path)
