"""A project's sorted files kept on disk, so that a repository is not encoded and sorted at every start.

One file for each set of folders and tokenizer, in the user's cache folder, for the user alone to read; a
NumPy archive without pickles. It is written under a name of its own and renamed, so any number of servers
may work on one repository: the last one wins, and what it wrote is whole. A file that is broken, of another
format, or made with other tokens is as good as none. Beside the tokens it says what each source file was
when it was read; whether that still holds is the reader's to ask.

Not here: what a segment is (project.py), which files are read (lsp_server/workspace.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.plain_files import Stamp
from model.serving.project import Segment
from model.serving.suffix_array import SuffixArray, Tokens

_FORMAT = 2
_MOST_BYTES = 200_000_000  # of all files together; those not written for the longest go
_ENDING, _PARTIAL = ".index2", ".partial"
_OLD_ENDING = ".index"  # format 1 held secrets as they stood
# What reading a damaged archive raises, flags of its members turned over included.
_BROKEN = (
    OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, OverflowError, MemoryError,
    RuntimeError, struct.error, zipfile.BadZipFile,
)  # fmt: skip
_ABANDONED = 3600.0  # seconds: nobody is still writing it


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """Segments, and for each file in them where it lay and what it was."""

    segments: tuple[Segment, ...]
    known: Mapping[str, tuple[str, Stamp]]


class Shelf:
    """The indexes in one folder, for a tokenizer."""

    def __init__(self, folder: Path, *, tokenizer_sha256: str, dtype: type[np.unsignedinteger]) -> None:
        self._folder = folder
        self._tokenizer = tokenizer_sha256
        self._dtype = np.dtype(dtype)

    def path(self, folders: Sequence[str]) -> Path:
        """Where the index of these workspace folders lies."""
        key = json.dumps([_FORMAT, self._tokenizer, list(folders)])
        return self._folder / (
            hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32] + _ENDING
        )

    def save(self, folders: Sequence[str], shelved: Shelved) -> None:
        """Keep an index, in place of the one of these folders. Raises OSError."""
        arrays: dict[str, Any] = {}
        paths = []
        for number, segment in enumerate(shelved.segments):
            arrays[f"tokens{number}"] = segment.tokens
            arrays[f"starts{number}"] = segment.starts
            arrays[f"order{number}"] = segment.array.order
            arrays[f"present{number}"] = segment.present
            paths.append(list(segment.paths))
        facts = {"format": _FORMAT, "paths": paths, "known": dict(shelved.known)}
        arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = self.path(folders)
        # mkstemp's files are for their owner alone.
        handle, name = tempfile.mkstemp(suffix=_PARTIAL, dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        self._make_room(target)

    def load(self, folders: Sequence[str]) -> Shelved | None:
        """The index of these folders, or None where there is none that can be used."""
        try:
            with (
                self.path(folders).open("rb") as file,  # np.load itself leaves a broken one open
                np.load(file, allow_pickle=False) as found,
            ):
                facts = json.loads(found["facts"].tobytes())
                if facts["format"] != _FORMAT:
                    return None
                segments = tuple(
                    self._segment(
                        tuple(paths),
                        found[f"tokens{number}"],
                        found[f"starts{number}"],
                        found[f"order{number}"],
                        found[f"present{number}"],
                    )
                    for number, paths in enumerate(facts["paths"])
                )
                known = {
                    str(name): (str(path), _stamp(stamp)) for name, (path, stamp) in facts["known"].items()
                }
        except _BROKEN:
            return None
        return Shelved(segments=segments, known=known)

    def _segment(
        self, paths: tuple[str, ...], tokens: Tokens, starts: Any, order: Any, present: Any
    ) -> Segment:
        """A segment of what was read. Raises ValueError for what would mislead a search."""
        count = len(tokens)
        if (
            tokens.dtype != self._dtype
            or order.dtype != np.uint32
            or order.shape != (max(0, count - 1),)
            or starts.dtype != np.int64
            or present.dtype != np.bool_
            or not len(paths) == len(starts) == len(present) > 0
            or not 0 <= starts.min() <= starts.max() < count
            or (np.diff(starts) <= 0).any()
            or (count > 1 and not 1 <= order.min() <= order.max() < count)
        ):
            raise ValueError("the parts of the index do not fit together")
        return Segment(
            paths=paths, starts=starts, tokens=tokens, array=SuffixArray(tokens, order=order), present=present
        )

    def _make_room(self, kept: Path) -> None:
        """Delete the oldest indexes while all are too large together, and what a kill or format 1 left."""
        with contextlib.suppress(OSError):
            found = []
            for path in self._folder.iterdir():
                info = path.stat()
                if path.suffix == _ENDING and path != kept:
                    found.append((info.st_mtime, info.st_size, path))
                abandoned = path.suffix == _PARTIAL and info.st_mtime < time.time() - _ABANDONED
                if abandoned or path.suffix == _OLD_ENDING:
                    path.unlink(missing_ok=True)
            room = _MOST_BYTES - kept.stat().st_size
            for _, size, path in sorted(found, reverse=True):
                room -= size
                if room < 0:
                    path.unlink(missing_ok=True)


def _stamp(found: Sequence[int]) -> Stamp:
    inode, changed, size = map(int, found)
    return inode, changed, size
