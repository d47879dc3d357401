"""Signals on disk: one SQLite file of this user's, a row for each suggestion.

Several servers write to it and `tabwright stats` reads at the same time: it is in WAL mode, which wants a
local disk, and who meets a lock waits a little. Only its owner may read it. What is deleted is overwritten.

Not here: what the facts mean (outcomes.py), the thread that writes them (writer.py). Nothing here
leaves this machine.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path

from lsp_server.signals.facts import SURVIVAL, Fact, Record
from lsp_server.signals.survival import share
from model.errors import DataError

_VERSION = 1
_PATIENCE = 2.0  # seconds to wait for who else writes
_AGAIN = 0.02  # seconds
_BESIDE = ("-wal", "-shm", "-journal")
_SCHEMA = """
CREATE TABLE suggestion (
    id TEXT PRIMARY KEY,
    at REAL NOT NULL,
    language TEXT NOT NULL,
    kind TEXT NOT NULL,
    invoked INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    characters INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    latency_ms REAL NOT NULL,
    waited_ms REAL NOT NULL,
    stood_ms REAL NOT NULL,
    text TEXT,
    survived_30 REAL,
    survived_300 REAL
) WITHOUT ROWID;
CREATE INDEX suggestion_at ON suggestion (at);
"""
_COLUMNS = tuple(one.name for one in fields(Record))
# What follows a row stays when the row is corrected.
_WRITE = (
    f"INSERT INTO suggestion ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)
_SURVIVED = {
    seconds: f"UPDATE suggestion SET survived_{seconds} = ? WHERE id = ?"  # noqa: S608 - numbers of ours
    for seconds in SURVIVAL
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A suggestion as it is kept: `Record`, and what share of its accepted text was there later, 0 to 1."""

    id: str
    at: float
    language: str
    kind: str
    invoked: bool
    outcome: str
    characters: int
    lines: int
    accepted: int
    latency_ms: float
    waited_ms: float
    stood_ms: float
    text: str | None = field(default=None, repr=False)
    survived_30: float | None = None
    survived_300: float | None = None


def default_file() -> Path:
    """Where signals are kept: in this user's data folder."""
    from platformdirs import user_data_path

    return user_data_path("tabwright", appauthor=False) / "signals.sqlite3"


def open_to_write(file: Path) -> sqlite3.Connection:
    """The file, made where it is not there. Raises DataError, OSError or sqlite3.Error."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        # SQLite would make it readable for others, as all files are; what it makes beside it follows it.
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = _connect(file)
    try:
        _go_to_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        with _transaction(connection):
            if _version_of(connection, file) == 0:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection


def write(connection: sqlite3.Connection, facts: Iterable[Fact]) -> None:
    """Keep facts, all or none. Raises sqlite3.Error."""
    with _transaction(connection):
        for fact in facts:
            if isinstance(fact, Record):
                connection.execute(_WRITE, [_value(getattr(fact, name)) for name in _COLUMNS])
            else:
                left = share(fact.accepted, fact.window)
                connection.execute(_SURVIVED[fact.seconds], (left, fact.id))


def _value(value: object) -> object:
    # Half of a surrogate pair, which an editor may send, is no text that SQLite takes.
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def rows(file: Path, *, since: float | None = None) -> list[Row]:
    """All rows, the oldest first; with `since` those shown at that time (seconds since 1970) or later.

    No rows where there is no file. Raises DataError for one that cannot be read.
    """
    if not _is_there(file):
        return []
    names = [one.name for one in fields(Row)]
    question = f"SELECT {', '.join(names)} FROM suggestion WHERE at >= ? ORDER BY at, id"  # noqa: S608
    with _opened(file) as connection:
        found = connection.execute(question, (float("-inf") if since is None else since,)).fetchall()
    return [Row(**{**dict(zip(names, one, strict=True)), "invoked": bool(one[4])}) for one in found]


def delete(file: Path, *, before: float | None = None, remove_broken: bool = False) -> int:
    """Delete rows, with `before` only those shown earlier; how many there were.

    What was in them is overwritten, on disk and in what SQLite keeps beside the file. With `remove_broken` a
    file in which no rows can be found is removed whole: somebody may have named a file of something else.
    Raises DataError.
    """
    if not _is_there(file):
        return 0
    try:
        with _opened(file) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            question = "DELETE FROM suggestion WHERE at < ?"
            count = connection.execute(question, (float("inf") if before is None else before,)).rowcount
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return count
    except BrokenSignalsError:
        if not remove_broken:
            raise
        for one in (file, *(file.with_name(file.name + end) for end in _BESIDE)):
            one.unlink(missing_ok=True)
        return 0


class BrokenSignalsError(DataError):
    """A file of signals that is damaged, or none."""


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A file that is there. Errors become one sentence."""
    try:
        connection = _connect(file)
        try:
            if _version_of(connection, file) == 0:
                raise BrokenSignalsError(f"{file} holds no signals; remove it to begin anew")
            yield connection
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise DataError(f"{file} is in use; try again in a moment") from None
        raise DataError(f"{file} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise BrokenSignalsError(f"{file} is damaged ({error}); remove it to begin anew") from None


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error


def _connect(file: Path) -> sqlite3.Connection:
    # No isolation level: a transaction begins where this file says so.
    uri = f"{file.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)


def _go_to_wal(connection: sqlite3.Connection) -> None:
    """Have readers and one writer at a time. Here SQLite does not wait for others that do the same."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= end:
                raise
            time.sleep(_AGAIN)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    # IMMEDIATE: who only wants to write later may find that somebody else did, and cannot wait.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version_of(connection: sqlite3.Connection, file: Path) -> int:
    """0 for a file that is empty. Raises DataError for one that is newer than this Tabwright."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > _VERSION:
        raise DataError(
            f"{file} was written by a newer Tabwright (format {version}, this one knows {_VERSION}); "
            "update Tabwright, or remove the file"
        )
    return version
