"""The workspace's source files: found, followed, and kept for the memory and for the prompts' neighbours.

One background thread looks for them, reads them and gives them to a `Project` and to `Nearby`. It works for
a quarter of the time at most, and in the workspace it only reads: nothing is written, run or sent, git
included. What is read is given on without its secrets. With a `Shelf` the project is kept in the user's cache
folder, so that at the next start only what has changed is encoded and sorted. What is left out is counted by
`Reason`.

Not here: which files those are (source_files.py), what they are good for (model/serving/memory.py), which of
them are open and excluded there (context.py), when the editor says that one changed (server.py).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lsp_server import context
from lsp_server.source_files import _SECRET as _SECRET  # tests of pages look for it here
from lsp_server.source_files import (
    LARGEST_FILE,
    MOST_FILES,
    Reason,
    judged,
    read_source_files,
    source_files,
    text_of,
    worth,
)
from model import plain_files, secrets, syntax
from model.ignored import IGNORE_FILES
from model.plain_files import Stamp

if TYPE_CHECKING:
    from lsp_server.nearby import Nearby
    from model.serving.project import Project
    from model.serving.shelf import Shelf

__all__ = ["LARGEST_FILE", "MOST_FILES", "Reason", "State", "Workspace", "read_source_files"]

_MOST_FOUND = 20_000  # files, of which the most useful are read
_MOST_CHANGES = 500  # beyond, looking at everything once is less work
_BATCH = 150_000  # characters: adding sorts and copies, so files are not added one by one
_SLICE = 0.01  # seconds of work after which a rest is due
_REST = 3  # seconds for each second of work
_SETTLE = 0.2  # seconds: a save often comes as several changes
_SHELVE_AFTER = 300.0  # seconds: an index is megabytes, and a save changes a file

log = logging.getLogger("lsp_server")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far the index is. `complete` means that nothing is waiting to be read."""

    files: int = 0
    tokens: int = 0
    complete: bool = False
    left_out: Mapping[Reason, int] = field(default_factory=dict)


class _Known(NamedTuple):
    """A file that the project holds, as it was read."""

    path: str
    stamp: Stamp


class _File(NamedTuple):
    name: str  # in the project
    known: _Known
    text: str


class _OvertakenError(Exception):
    """Other folders are wanted, or none any more."""


class Workspace:
    """Keeps a project filled with the files of some folders. Its methods never keep the caller waiting."""

    def __init__(
        self,
        project: Project,
        languages: Collection[str],
        *,
        nearby: Nearby | None = None,
        shelf: Shelf | None = None,
        hide: Callable[[str], str] = secrets.hidden,
    ) -> None:
        """`hide` takes the secrets out of a file's text before anything is given it."""
        self._project = project
        self._hide = hide
        self._nearby = nearby
        self._shelf = shelf
        self._languages = frozenset(languages)
        # The thread's own:
        self._folders: tuple[str, ...] = ()
        self._known: dict[str, _Known] = {}  # by name in the project
        self._left_out: dict[str, Reason] = {}  # by path
        self._near: set[str] = set()  # names that `nearby` was given
        self._rested = 0.0  # the thread's CPU time at its last rest
        self._shelved = 0.0  # when the index was last written
        self._unshelved = False  # something has changed since
        self._told = False
        # Shared, under the lock of `_wake`:
        self._wake = threading.Condition()
        self._wanted: tuple[str, ...] | None = None
        self._changes: set[str] = set()
        self._busy = self._closed = False
        self._thread: threading.Thread | None = None
        self._state = State()

    def follow(self, folders: Sequence[str]) -> None:
        """Look through these folders (file system paths), now, and forget the files of all others."""
        normal = dict.fromkeys(map(os.path.normpath, folders))
        with self._wake:
            if self._closed:
                return
            # The root of a file system is what an editor names that was opened nowhere.
            self._wanted = tuple(folder for folder in normal if Path(folder).parent != Path(folder))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tabwright-workspace", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def changed(self, path: str) -> None:
        """Look at a path again soon: it was written, created or deleted. It may be a folder."""
        with self._wake:
            if self._thread is not None and not self._closed:
                self._changes.add(os.path.normpath(path))
                self._wake.notify_all()

    def close(self) -> None:
        """Stop soon. The project keeps what it has."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    @property
    def state(self) -> State:
        """How far the index is, for logs and people."""
        with self._wake:
            waiting = self._busy or self._wanted is not None or bool(self._changes)
            return replace(self._state, complete=self._thread is not None and not waiting)

    # The thread

    def _run(self) -> None:
        while (job := self._next_job()) is not None:
            try:
                self._work(*job)
            except _OvertakenError:
                pass
            except Exception:
                self._report("the workspace")
            with self._wake:
                self._busy = False

    def _next_job(self) -> tuple[tuple[str, ...] | None, set[str]] | None:
        """Folders to look through or changed paths; None when it is over."""
        with self._wake:
            self._rest()
            self._wake.wait_for(lambda: self._overtaken() or self._changes)
            self._wake.wait_for(self._overtaken, 0 if self._wanted is not None else _SETTLE)
            if self._closed:
                return None
            job = self._wanted, self._changes
            self._wanted, self._changes, self._busy = None, set(), True
            return job

    def _overtaken(self) -> bool:
        return self._closed or self._wanted is not None

    def _rest(self) -> None:
        """Be idle for as long as the work since the last time deserves."""
        worked = time.thread_time() - self._rested
        if worked >= _SLICE:
            with self._wake:
                self._wake.wait_for(self._overtaken, worked * _REST)
            self._rested = time.thread_time()

    def _go_on(self) -> None:
        self._rest()
        if self._overtaken():
            raise _OvertakenError

    def _work(self, folders: tuple[str, ...] | None, changes: set[str]) -> None:
        began = time.monotonic()
        if folders is not None:
            self._folders = folders
            self._restore()
        if folders is not None or len(changes) > _MOST_CHANGES:
            self._look_through()
        else:
            self._look_again(changes)
        self._publish()
        if folders is not None:
            log.info(
                "read %d files of the workspace, %d tokens, in %.1f s; left out: %s",
                self._state.files, self._state.tokens, time.monotonic() - began,
                ", ".join(f"{reason} {count}" for reason, count in self._state.left_out.items()) or "none",
            )  # fmt: skip
        if self._unshelved and (folders is not None or time.monotonic() - self._shelved > _SHELVE_AFTER):
            self._put_on_shelf()

    def _restore(self) -> None:
        """Take over the index of these folders that an earlier server left, if this one has none yet."""
        if self._shelf is None or self._known or not self._folders:
            return
        found = self._shelf.load(self._folders)
        if found is not None:
            self._project.restore(found.segments)
            held = set(self._project.view.paths)
            self._known = {name: _Known(*one) for name, one in found.known.items() if name in held}
            if unknown := held - self._known.keys():
                self._project.remove(unknown)
            log.debug("took over the index of %d files", len(self._known))
            self._publish()  # they count from now on, however long it takes to look at each of them

    def _put_on_shelf(self) -> None:
        """Keep the index for the next start. Without room on the disk there is none, and that is all."""
        self._shelved, self._unshelved = time.monotonic(), False
        if self._shelf is None or not self._folders:
            return
        from model.serving.shelf import Shelved

        known = {name: (one.path, one.stamp) for name, one in self._known.items()}
        try:
            self._shelf.save(self._folders, Shelved(segments=self._project.view.segments, known=known))
        except OSError as error:
            log.info("the index of the workspace could not be kept on disk: %s", error)

    def _look_through(self) -> None:
        """Find all files; read those that are new or changed."""
        self._left_out.clear()
        found: dict[str, str] = {}
        for folder in self._folders:
            self._find(folder, found)
        names = sorted(found, key=worth)
        self._left_out.update({found[name]: "limit" for name in names[MOST_FILES:]})
        files = {name: found[name] for name in names[:MOST_FILES]}
        self._forget([name for name, known in self._known.items() if known.path != files.get(name)])
        self._read_all(files)

    def _find(self, folder: str, found: dict[str, str]) -> None:
        try:
            for path, reason in source_files(
                folder, self._languages, apart=self._folders, between=self._go_on
            ):
                if len(found) == _MOST_FOUND:
                    self._left_out[folder] = "limit"
                    return
                if reason is None and found.setdefault(self._name(path), path) != path:
                    reason = "same name"
                if reason is not None:
                    self._left_out[path] = reason
        except _OvertakenError:
            raise
        except Exception:
            self._report(folder)

    def _look_again(self, paths: Iterable[str]) -> None:
        """Read what changed; forget what is gone, and all below it if it was a folder."""
        files: dict[str, str] = {}
        gone: set[str] = set()
        for changed in paths:
            folder = _deepest(changed, self._folders)
            if folder is None:
                continue
            # Editors may spell the folder in other letters.
            path = str(Path(folder, Path(changed).relative_to(folder)))
            self._left_out.pop(path, None)
            is_rules = Path(path).name in IGNORE_FILES
            reason = judged(str(Path(path).parent) if is_rules else path, folder)
            if reason is None and (is_rules or Path(path).is_dir()):
                return self._look_through()
            if not os.path.lexists(path):
                gone.add(path)
            elif is_rules or syntax.language_of(path) not in self._languages:
                continue
            elif reason is not None:
                gone.add(path)
                self._left_out[path] = reason
            else:
                self._choose(self._name(path), path, files)
        if gone:
            self._forget([name for name, known in self._known.items() if _at_or_below(known.path, gone)])
        return self._read_all(files)

    def _choose(self, name: str, path: str, files: dict[str, str]) -> None:
        """Take a changed file to those that are read, unless its name is another's or there are too many."""
        known = self._known.get(name)
        if known is not None and known.path != path:
            self._left_out[path] = "same name"
        elif known is None and len(self._known) + len(files) >= MOST_FILES:
            self._left_out[path] = "limit"
        else:
            files[name] = path

    def _name(self, path: str) -> str:
        return context.relative_path(path, self._folders)

    def _read_all(self, files: Mapping[str, str]) -> None:
        """Read files (name to path) into the project, as far as there is room."""
        batch: list[_File] = []
        rest = iter(files.items())
        for name, path in rest:
            self._go_on()
            file = self._read(name, path)
            if file is not None:
                batch.append(file)
            if sum(len(file.text) for file in batch) >= _BATCH:
                room = self._add(batch)
                batch = []
                if not room:
                    break
        self._add(batch)
        for name, path in rest:
            if name not in self._known:
                self._left_out[path] = "limit"

    def _read(self, name: str, path: str) -> _File | None:
        """A file to be added; None where it is as it was, or left out."""
        reason: Reason | None
        try:
            stamp = plain_files.stamp(path)
            known = self._known.get(name) == _Known(path, stamp)
            if known and (self._nearby is None or name in self._near):
                return None
            name.encode()
            text, reason = text_of(path, stamp)
            text = self._hide(text)
            if known and reason is None:
                self._put_near(name, text)
                return None
        except UnicodeError:
            reason = "not text"
        except OSError as error:
            log.debug("%s cannot be read: %s", path, error)
            reason = "unreadable"
        except Exception:
            self._report(path)
            reason = "error"
        if reason is None:
            return _File(name, _Known(path, stamp), text)
        self._left_out[path] = reason
        self._forget([name])
        return None

    def _add(self, batch: Sequence[_File]) -> bool:
        """Add files; False when not all of them found room."""
        # A file that finds no room would otherwise stay there as it was.
        self._forget([file.name for file in batch])
        if not batch:
            return True
        try:
            room = self._project.add((file.name, file.text) for file in batch)
        except Exception:
            self._report(f"one of {len(batch)} files")
            if len(batch) > 1:
                rooms = [self._add([file]) for file in batch]
                return all(rooms)
            self._left_out[batch[0].known.path] = "error"
            return True
        held = None if room else set(self._project.view.paths)
        self._unshelved = True
        for file in batch:
            if held is None or file.name in held:
                self._known[file.name] = file.known
                self._put_near(file.name, file.text)
            else:
                self._left_out[file.known.path] = "limit"
        self._publish()
        return room

    def _forget(self, names: Iterable[str]) -> None:
        gone = {name for name in names if self._known.pop(name, None)}
        if gone:
            self._unshelved = True
            self._project.remove(gone)
            if self._nearby is not None:
                self._nearby.remove(gone & self._near)
            self._near -= gone

    def _put_near(self, name: str, text: str) -> None:
        if self._nearby is not None:
            self._nearby.put([(name, text)])
            self._near.add(name)

    def _publish(self) -> None:
        self._state = State(
            files=len(self._known),
            tokens=len(self._project.view.tokens),
            left_out=dict(Counter(self._left_out.values()).most_common()),
        )

    def _report(self, what: str) -> None:
        """Log the exception at hand: the first with its traceback, the others for whoever wants to know."""
        log.log(
            logging.DEBUG if self._told else logging.ERROR, "%s could not be indexed", what, exc_info=True
        )
        self._told = True


def _deepest(path: str, folders: Iterable[str]) -> str | None:
    return max((folder for folder in folders if Path(folder) in Path(path).parents), key=len, default=None)


def _at_or_below(path: str, places: Collection[str]) -> bool:
    return path in places or any(str(parent) in places for parent in Path(path).parents)
