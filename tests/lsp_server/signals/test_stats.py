"""Figures of kept suggestions: what they count, and how they are drawn, exported and deleted."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from lsp_server.signals.facts import OUTCOMES, Record
from lsp_server.signals.stats import Figures, figures, stats
from lsp_server.signals.stats_cli import app
from lsp_server.signals.stats_page import page
from lsp_server.signals.stats_tables import HEADINGS, show
from lsp_server.signals.store import Row, open_to_write, rows, write
from model.errors import ConfigError, DataError

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
DAY = 86_400
ROW = Row(
    id="id", at=NOON, language="python", kind="line", invoked=False, outcome="accepted", characters=10,
    lines=1, accepted=10, latency_ms=100.0, waited_ms=75.0, stood_ms=1000.0,
)  # fmt: skip
ROWS = st.lists(
    st.builds(
        replace,
        st.just(ROW),
        at=st.floats(NOON, NOON + 5 * DAY),
        language=st.sampled_from(["python", "go", "", "<b>"]),
        outcome=st.sampled_from(list(OUTCOMES)),
        accepted=st.integers(0, 10),
        latency_ms=st.floats(0, 1000),
        survived_30=st.none() | st.floats(0, 1),
        survived_300=st.none() | st.floats(0, 1),
    ),
    max_size=30,
)


def of(*outcomes: str) -> Figures:
    return figures("x", [replace(ROW, outcome=one) for one in outcomes])


# Figures


def test_acceptance_is_of_those_that_somebody_could_judge() -> None:
    found = of("accepted", "partly", "typed", "rejected", "left", "unseen", "unseen")
    assert (found.shown, found.judged, found.accepted, found.partly, found.rejected) == (7, 5, 1, 1, 1)
    assert found.acceptance == 2 / 5
    assert of("unseen").acceptance is None


@pytest.mark.parametrize(
    ("latencies", "p50", "p95"),
    [([7], 7, 7), ([1, 2], 1, 2), (range(1, 101), 50, 95), (range(1, 21), 10, 19), ([], None, None)],
)
def test_percentiles_are_latencies_that_were_measured(
    latencies: list[float], p50: float | None, p95: float | None
) -> None:
    found = figures("x", [replace(ROW, latency_ms=float(one)) for one in latencies])
    assert (found.p50, found.p95) == (p50, p95)


def test_what_is_not_known_of_survival_counts_for_nothing() -> None:
    found = figures("x", [replace(ROW, survived_30=one) for one in (None, 1.0, 0.68, 0.66, 0.0)])
    assert found.survived_30 == (4, 2)
    assert found.survived_300 == (0, 0)


def test_days_are_those_of_the_place() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC).timestamp()
    found = stats([replace(ROW, at=late), replace(ROW, at=late + 3600)], UTC)
    assert [one.name for one in found.days] == ["2026-03-01", "2026-03-02"]


@given(ROWS)
def test_days_and_languages_add_up_to_all(found: list[Row]) -> None:
    result = stats(found, UTC)
    groups = (
        result.days,
        result.languages,
        tuple(one for _, one in result.days_and_languages),
    )
    for group in groups:
        for name in ("shown", "judged", "accepted", "partly", "rejected", "saved_characters"):
            assert sum(getattr(one, name) for one in group) == getattr(result.total, name)
        for one in group:
            assert one.shown > 0
            assert one.p50 is not None
            assert one.p95 is not None
            assert one.p50 <= one.p95
    assert [one.name for one in result.days] == sorted({one.name for one in result.days})


# Terminal and page


def drawn(found: list[Row], width: int = 160) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    show(console, stats(found, UTC))
    return console.export_text()


def test_the_terminal_has_a_line_for_each_day_and_language_and_one_for_all() -> None:
    text = drawn([ROW, replace(ROW, at=NOON + DAY, language="go", accepted=5, outcome="partly")])
    for name in (*HEADINGS, "2026-03-01", "2026-03-02", "python", "go", "all"):
        assert name in text
    assert re.search(r"2026-03-02 .* 1 .* 0 .* 1 .* 100 % .* 5 .* 100 / 100 .* ██████ ", text)
    assert re.search(r"all .* 2 .* 1 .* 1 .* 100 % .* 15 ", text)


def test_a_narrow_terminal_shows_whole_numbers() -> None:
    found = [replace(ROW, outcome="partly", accepted=9, survived_30=1.0)] * 1234
    lines = drawn(found, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    (day,) = [line for line in lines if "2026-03-01" in line]
    assert " ".join(day.split()) == "2026-03-01 1,234 1,234 100 % 11,106 100 / 100 100 %"


def test_a_languages_name_is_neither_markup_nor_an_escape() -> None:
    """An editor may say anything."""
    name = "[red]x[/red]\x1b[31m<script>alert(1)</script>"
    assert "\x1b" not in drawn([replace(ROW, language=name)])
    assert "[red]x[/red]" in drawn([replace(ROW, language=name)])
    text = page(stats([replace(ROW, language=name)], UTC))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\x1b" not in text


class Reader(HTMLParser):
    VOID = ("meta", "line", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.links += [f"{tag} {name}" for name in ("src", "href", "action", "data") if name in given]
        if tag in ("script", "link", "img", "iframe", "object", "base"):
            self.links.append(tag)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given.get("content") or ""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(ROWS)
def test_the_page_is_whole_and_asks_nothing_of_anybody(found: list[Row]) -> None:
    text = page(stats(found, UTC))
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert reader.links == []
    assert reader.policy == "default-src 'none'; style-src 'unsafe-inline'"
    assert not re.search(r"https?:|url\(|@import|nan|inf\b", text)
    for one in stats(found, UTC).days:
        assert one.name in reader.texts


def test_columns_stay_within_their_drawing() -> None:
    found = [replace(ROW, at=NOON + DAY * day, characters=day) for day in range(90)]
    text = page(stats(found, UTC))
    for x, y, width, height in re.findall(
        r'<rect class="\w+" x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)"', text
    ):
        assert float(x) >= 56
        assert float(x) + float(width) <= 860
        assert float(y) >= 11.9
        assert float(y) + float(height) <= 176.1


# Commands


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("lsp_server.signals.store.default_file", lambda: tmp_path / "signals.sqlite3")
    file = tmp_path / "signals.sqlite3"
    connection = open_to_write(file)
    now = time.time()
    names = [name for name in Row.__dataclass_fields__ if not name.startswith("survived")]
    record = Record(**{name: getattr(ROW, name) for name in names})
    records = [
        replace(record, id="old", at=now - 20 * DAY, text="old code"),
        replace(record, id="new", at=now - DAY, language="go", text='a,"b"\n'),
    ]
    write(connection, records)
    yield file
    connection.close()


def run(*arguments: object, answer: str | None = None) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=answer, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("file")
def test_stats_alone_shows_the_last_month() -> None:
    assert run() == run("show")
    assert "python" in run()
    assert "go" in run("--days", 7)
    assert "python" not in run("show", "--days", 7)


@pytest.mark.usefixtures("file")
def test_the_page_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    where = tmp_path / "a" / "stats.html"
    assert run("show", "--html", where) == f"wrote {where}\n"
    assert where.read_text(encoding="utf-8").startswith("<!doctype html>")
    (tmp_path / "b").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        run("--html", tmp_path / "b" / "stats.html")


@pytest.mark.parametrize("command", [(), ("show",), ("export",), ("delete", "--yes")])
def test_where_nothing_was_kept_it_is_said_how_it_would_be(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.signals.store.default_file", lambda: tmp_path / "a" / "none.sqlite3")
    output = run(*command)
    if command in ((), ("show",)):
        assert "none.sqlite3" in output
        assert "the setting tabwright.signals is true" in output
    assert not (tmp_path / "a").exists()


def test_json_lines_are_all_that_is_kept(file: Path) -> None:
    found = [json.loads(line) for line in run("export").splitlines()]
    assert [Row(**one) for one in found] == rows(file)
    assert [one["text"] for one in found] == ["old code", 'a,"b"\n']


def test_csv_comes_back_as_it_was(file: Path, tmp_path: Path) -> None:
    where = tmp_path / "out.csv"
    assert run("export", where, "--format", "csv") == f"wrote 2 suggestions to {where}\n"
    with where.open(encoding="utf-8", newline="") as text:
        found = list(csv.DictReader(text))
    assert list(found[0]) == list(Row.__dataclass_fields__)
    assert [one["text"] for one in found] == ["old code", 'a,"b"\n']
    assert [float(one["at"]) for one in found] == [one.at for one in rows(file)]


def test_a_console_that_cannot_show_every_letter(file: Path) -> None:
    connection = open_to_write(file)
    connection.execute("UPDATE suggestion SET text = '😀'")
    connection.close()
    result = CliRunner(charset="cp1252").invoke(app, ["export", "--format", "csv"], catch_exceptions=False)
    assert result.exit_code == 0
    assert ",?," in result.output


def test_deleting_asks_first(file: Path) -> None:
    assert "nothing was deleted" in run("delete", answer="n\n")
    assert len(rows(file)) == 2
    assert "deleted 2 suggestions" in run("delete", answer="y\n")
    assert rows(file) == []


def test_a_damaged_file_of_our_own_can_be_deleted_and_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "signals.sqlite3"
    monkeypatch.setattr("lsp_server.signals.store.default_file", lambda: file)
    for one in (file, tmp_path / "essay.txt"):
        one.write_text("dear diary " * 500)
    with pytest.raises(DataError, match=r"essay.txt is damaged"):
        run("delete", "--yes", "--file", tmp_path / "essay.txt")
    with pytest.raises(DataError, match=r"signals.sqlite3 is damaged"):
        run("delete", "--yes", "--before", "2026-01-01")
    assert run("delete", "--yes") == "deleted 0 suggestions\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["essay.txt"]


def test_only_what_is_older_than_a_day_is_deleted(file: Path) -> None:
    day = datetime.fromtimestamp(time.time() - 5 * DAY).date()
    assert run("delete", "--before", day, "--yes") == "deleted 1 suggestions\n"
    assert [one.id for one in rows(file)] == ["new"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("delete", "--yes", "--before", "yesterday"),
            "--before 'yesterday' is not a day; write it as 2026-",
        ),
        (("show", "--file", "no/file"), "there is no file no/file"),
        (("export", "--file", "pyproject.toml"), "pyproject.toml is damaged"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises((ConfigError, DataError), match=re.escape(sentence)):
        run(*arguments)


@pytest.mark.parametrize("command", [(), ("show",), ("export",), ("delete",)])
def test_every_command_shows_an_example(command: tuple[str, ...]) -> None:
    found = typer.main.get_command(app)
    output = CliRunner().invoke(app, [*command, "--help"]).output
    assert f"Example: {' '.join(('tabwright', 'stats', *command))}" in " ".join(output.split())
    assert found is not None


def test_a_server_that_keeps_no_signals_loads_no_database() -> None:
    """Start-up time is a feature: outcomes.py and its writer wait with SQLite until there is a fact."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import lsp_server.signals.outcomes, lsp_server.signals.writer\n"
        "print('sqlite3' in sys.modules, 'rich' in sys.modules, 'platformdirs' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False False\n"
