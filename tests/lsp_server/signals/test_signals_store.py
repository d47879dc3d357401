"""Signals reach their file from several processes, nobody waits for it, and what is deleted is gone."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.signals.facts import OUTCOMES, Record, Survived
from lsp_server.signals.store import Row, default_file, delete, open_to_write, rows, write
from lsp_server.signals.writer import Writer
from model.errors import DataError

RECORD = Record(
    id="id", at=1e9, language="python", kind="line", invoked=False, outcome="accepted", characters=18,
    lines=1, accepted=18, latency_ms=120.5, waited_ms=75.0, stood_ms=2000.0,
)  # fmt: skip
ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "signals.sqlite3"


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    connection = open_to_write(file)
    yield connection
    connection.close()


def test_what_is_written_is_read(connection: sqlite3.Connection, file: Path) -> None:
    write(connection, [RECORD, Survived(id="id", seconds=30, accepted="abcd", window="ab")])
    (row,) = rows(file)
    assert asdict(row) == asdict(RECORD) | {"survived_30": 0.5, "survived_300": None}


def test_what_a_row_holds_is_what_is_promised() -> None:
    """Whoever adds a column says so in the documentation of privacy, and here."""
    assert list(Row.__dataclass_fields__) == [
        "id", "at", "language", "kind", "invoked", "outcome", "characters", "lines", "accepted", "latency_ms",
        "waited_ms", "stood_ms", "text", "survived_30", "survived_300",
    ]  # fmt: skip


@given(
    st.lists(
        st.builds(
            Record,
            id=st.sampled_from("abc"),
            at=st.floats(0, 1e10),
            language=st.text(),
            kind=st.text(),
            invoked=st.booleans(),
            outcome=st.sampled_from(list(OUTCOMES)),
            characters=st.integers(0, 10_000),
            lines=st.integers(0, 100),
            accepted=st.integers(0, 10_000),
            latency_ms=st.floats(0, 1e5),
            waited_ms=st.floats(0, 1e5),
            stood_ms=st.floats(0, 1e9),
            text=st.none() | st.text(),
        ),
        max_size=6,
    )
)
def test_of_one_suggestion_the_last_record_counts(tmp_path_factory: object, records: list[Record]) -> None:
    file = tmp_path_factory.mktemp("store") / "s"  # type: ignore[attr-defined]
    connection = open_to_write(file)
    write(connection, records)
    connection.close()
    expected = {one.id: one for one in records}
    assert {row.id: asdict(row) for row in rows(file)} == {
        one.id: asdict(one) | {"survived_30": None, "survived_300": None} for one in expected.values()
    }


def test_a_correction_keeps_what_survived(connection: sqlite3.Connection, file: Path) -> None:
    survived = Survived(id="id", seconds=300, accepted="a", window="a")
    write(connection, [replace(RECORD, outcome="typed"), survived, RECORD])
    (row,) = rows(file)
    assert (row.outcome, row.survived_300) == ("accepted", 1.0)


def test_half_a_character_is_kept_as_a_question_mark(connection: sqlite3.Connection, file: Path) -> None:
    write(connection, [replace(RECORD, language="a\ud83d", text="\ude00b")])
    (row,) = rows(file)
    assert (row.language, row.text) == ("a?", "?b")


def test_the_oldest_come_first_and_only_from_the_time_asked_for(
    connection: sqlite3.Connection, file: Path
) -> None:
    write(connection, [replace(RECORD, id=str(at), at=at) for at in (3.0, 1.0, 2.0)])
    assert [row.id for row in rows(file)] == ["1.0", "2.0", "3.0"]
    assert [row.id for row in rows(file, since=2.0)] == ["2.0", "3.0"]


@pytest.mark.skipif(sys.platform == "win32", reason="modes are of POSIX")
def test_nobody_else_may_read_it(connection: sqlite3.Connection, file: Path) -> None:
    write(connection, [RECORD])
    beside = list(file.parent.iterdir())
    assert len(beside) == 3  # with the log and the shared memory of WAL
    assert {stat.S_IMODE(one.stat().st_mode) for one in beside} == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_reading_makes_no_file(file: Path) -> None:
    assert rows(file) == []
    assert delete(file) == 0
    assert not file.parent.exists()


def test_it_lies_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_file().name == "signals.sqlite3"
    if sys.platform == "linux":
        assert default_file() == tmp_path / "tabwright" / "signals.sqlite3"


# Deleting


def test_what_is_deleted_is_in_no_file_any_more(connection: sqlite3.Connection, file: Path) -> None:
    """Also while a server has it open, and where the text has not left SQLite's log yet."""
    secret = "correct horse battery staple"
    write(connection, [replace(RECORD, id=str(at), text=secret * 300) for at in range(20)])
    assert any(secret.encode() in one.read_bytes() for one in file.parent.iterdir())
    assert delete(file) == 20
    assert not any(secret.encode() in one.read_bytes() for one in file.parent.iterdir())
    write(connection, [RECORD])  # the server goes on
    assert [row.id for row in rows(file)] == ["id"]


def test_only_what_is_older_is_deleted(connection: sqlite3.Connection, file: Path) -> None:
    write(connection, [replace(RECORD, id=str(at), at=at) for at in (1.0, 2.0, 3.0)])
    assert delete(file, before=2.0) == 1
    assert [row.id for row in rows(file)] == ["2.0", "3.0"]


# Files that are none of ours, and disks that fail


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be one" * 100])
def test_a_file_that_holds_no_signals_is_named_and_removed_only_where_that_was_asked_for(
    file: Path, content: bytes
) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"signals.sqlite3 .*; remove it to begin anew"):
        rows(file)
    with pytest.raises(DataError):
        delete(file)
    assert file.read_bytes() == content
    assert delete(file, remove_broken=True) == 0
    assert not file.exists()


def test_a_file_of_a_newer_tabwright_is_left_alone(file: Path) -> None:
    open_to_write(file).close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    for attempt in (rows, delete, open_to_write):
        with pytest.raises(DataError, match="written by a newer Tabwright"):
            attempt(file)


def test_a_folder_in_its_place_is_named(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(DataError, match="cannot be used"):
        rows(file)


def test_who_cannot_delete_because_another_writes_is_told_so(
    connection: sqlite3.Connection, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.signals.store._PATIENCE", 0.05)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(DataError, match="is in use; try again"):
        delete(file)
    connection.execute("ROLLBACK")


# The writer


def test_nothing_is_made_before_there_is_something_to_keep(file: Path) -> None:
    writer = Writer(file)
    writer.close()
    assert writer.join(30)
    assert not file.parent.exists()


def test_all_that_was_put_is_there_when_it_is_closed(file: Path) -> None:
    writer = Writer(file)
    for number in range(250):  # more than one transaction
        writer.put(replace(RECORD, id=str(number)))
        writer.put(Survived(id=str(number), seconds=30, accepted="ab", window="ab"))
    writer.close()
    writer.join(30)
    assert [row.survived_30 for row in rows(file)] == [1.0] * 250
    writer.put(RECORD)
    writer.close()
    assert len(rows(file)) == 250


def test_a_lock_that_is_never_released_holds_nobody_up(
    connection: sqlite3.Connection, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes more than the queue holds, and drops the rest."""
    connection.execute("BEGIN IMMEDIATE")
    writer = Writer(file)
    for number in range(3000):
        writer.put(replace(RECORD, id=str(number)))
    writer.close()
    connection.execute("ROLLBACK")
    assert len([one for one in caplog.records if "signals are not kept" in one.message]) == 1


@pytest.mark.parametrize("kind", ["folder", "other file", "file in place of the folder", "newer"])
def test_a_file_that_cannot_be_written_is_told_once_and_then_left(
    file: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    if kind == "folder":
        file.mkdir(parents=True)
    elif kind == "other file":
        file.parent.mkdir()
        file.write_bytes(b"hello" * 1000)
    elif kind == "newer":
        connection = open_to_write(file)
        connection.execute("PRAGMA user_version = 9")
        connection.close()
    else:
        file.parent.write_text("")
    writer = Writer(file, rest=0.0)
    for _ in range(3):
        writer.put(RECORD)
    writer.close()
    writer.join(30)
    (told,) = [one.message for one in caplog.records if one.name == "lsp_server"]
    assert told.startswith("signals are not kept for now: ")


def test_a_disk_that_has_room_again_is_written_to_again(file: Path) -> None:
    file.parent.write_text("")
    writer = Writer(file, rest=0.0)
    writer.put(replace(RECORD, id="lost"))
    while not writer._warned:
        time.sleep(0.001)
    file.parent.unlink()
    writer.put(RECORD)
    writer.close()
    writer.join(30)
    assert [row.id for row in rows(file)] == ["id"]


FULL = f"""
import logging, resource, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from lsp_server.signals.facts import Record
from lsp_server.signals.writer import Writer
logging.basicConfig(level="WARNING", format="%(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
writer = Writer(Path(sys.argv[1]), rest=0.0)
for number in range(900):
    writer.put(Record(
        id=str(number), at=1.0, language="python", kind="line", invoked=False, outcome="left",
        characters=1, lines=1, accepted=0, latency_ms=1, waited_ms=1, stood_ms=1, text="x" * 500,
    ))
writer.close()
writer.join(30)
print("done")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are of POSIX")
def test_a_full_disk_costs_the_signals_and_nothing_else(file: Path) -> None:
    """A real one would be the same to SQLite: the system refuses a write."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert done.stderr.startswith("signals are not kept for now: ")
    assert done.stderr.count("\n") == 1
    assert len(rows(file)) < 900  # and what is there can be read


SEVERAL = f"""
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from lsp_server.signals.facts import Record
from lsp_server.signals.writer import Writer
sys.stdin.readline()
writer = Writer(Path(sys.argv[1]))
for number in range(200):
    writer.put(Record(
        id=f"{{sys.argv[2]}}-{{number}}", at=1.0, language="python", kind="line", invoked=False,
        outcome="left", characters=1, lines=1, accepted=0, latency_ms=1, waited_ms=1, stood_ms=1,
    ))
writer.close()
writer.join(60)
"""


def test_several_servers_begin_one_file_at_the_same_time_and_lose_nothing(file: Path) -> None:
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", SEVERAL, str(file), str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for server in servers:
        assert server.stdin is not None
        server.stdin.write("go\n")
        server.stdin.flush()
    errors = [server.communicate(timeout=120)[1] for server in servers]
    assert errors == [""] * 4
    assert len(rows(file)) == 800
