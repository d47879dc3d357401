"""`tabwright stats`: what became of suggestions on this machine; tabwright.py mounts it.

Not here: what is kept and when (outcomes.py, store.py).
"""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.errors import ConfigError, DataError

if TYPE_CHECKING:
    from lsp_server.signals.store import Row

_DAY = 86_400  # seconds
_File = Annotated[
    Path | None, typer.Option(help="File of signals; this user's own when not given.", show_default=False)
]
_Days = Annotated[int, typer.Option(min=1, max=3650, help="How many days back.")]
_Page = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a page there instead of tables.")
]


class Format(StrEnum):
    """What `tabwright stats export` writes."""

    jsonl = "jsonl"
    csv = "csv"


app = typer.Typer(
    help="Say how often suggestions are accepted, how fast they come and how much they save.\n\n"
    "Nothing is kept unless the setting tabwright.signals is on, and then in a file of this machine only.\n\n"
    "Example: tabwright stats --days 7",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _shows_by_itself(
    context: typer.Context, days: _Days = 30, html: _Page = None, file: _File = None
) -> None:
    if context.invoked_subcommand is None:
        show(days=days, html=html, file=file)


@app.command()
def show(days: _Days = 30, html: _Page = None, file: _File = None) -> None:
    """Draw acceptance, latency and saved characters by day and language, on the terminal or as a page.

    Example: tabwright stats show --days 7 --html stats.html
    """
    from lsp_server.signals.stats import stats

    where = _where(file)
    rows = _rows(where, since=time.time() - days * _DAY)
    if not rows:
        typer.echo(f"No signals of the last {days} days are in {where}.")
        typer.echo("They are kept when the setting tabwright.signals is true; it is false unless you set it.")
        return
    found = stats(rows)
    if html is not None:
        from lsp_server.signals.stats_page import page

        _write(html, page(found))
        typer.echo(f"wrote {html}")
        return
    from rich.console import Console

    from lsp_server.signals.stats_tables import show as draw

    draw(Console(), found)


@app.command()
def export(
    out: Annotated[Path | None, typer.Argument(help="File to write; standard output when not given.")] = None,
    form: Annotated[Format, typer.Option("--format", help="JSON lines or CSV.")] = Format.jsonl,
    file: _File = None,
) -> None:
    """Write out all that is kept, a line for each suggestion. Times are seconds since 1970.

    Example: tabwright stats export signals.csv --format csv
    """
    rows = _rows(_where(file))
    text = _as_csv(rows) if form is Format.csv else _as_jsonl(rows)
    if out is None:
        # ASCII only for JSON; a console that lacks a letter of CSV shows a question mark.
        encoding = sys.stdout.encoding or "utf-8"
        typer.echo(text.encode(encoding, "replace").decode(encoding), nl=False)
    else:
        _write(out, text)
        typer.echo(f"wrote {len(rows):,} suggestions to {out}")


@app.command()
def delete(
    before: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Only what is older than this day.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    file: _File = None,
) -> None:
    """Delete what is kept. It cannot be brought back.

    Example: tabwright stats delete --before 2026-01-01
    """
    from lsp_server.signals.store import delete as delete_rows

    until = None if before is None else _midnight(before)
    where = _where(file)
    what = "everything" if before is None else f"everything older than {before}"
    if not yes and not typer.confirm(f"Delete {what} in {where}?"):
        typer.echo("nothing was deleted")
        return
    try:
        # A damaged file of our own goes as well; one that somebody named may be something else.
        count = delete_rows(where, before=until, remove_broken=file is None and before is None)
    except OSError as error:
        raise DataError(f"{where} cannot be deleted: {error.strerror}") from error
    typer.echo(f"deleted {count:,} suggestions")


def _where(file: Path | None) -> Path:
    from lsp_server.signals.store import default_file

    if file is not None and not file.exists():
        raise ConfigError(f"there is no file {file}")
    return default_file() if file is None else file


def _rows(file: Path, *, since: float | None = None) -> list[Row]:
    from lsp_server.signals.store import rows

    return rows(file, since=since)


def _as_jsonl(rows: Iterable[Row]) -> str:
    return "".join(json.dumps(asdict(row)) + "\n" for row in rows)


def _as_csv(rows: Iterable[Row]) -> str:
    from lsp_server.signals.store import Row

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [one.name for one in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def _write(file: Path, text: str) -> None:
    from model.writing import replacing

    try:
        with replacing(file) as out:
            out.write(text.encode())
    except OSError as error:
        raise DataError(f"{file} cannot be written: {error.strerror}") from error


def _midnight(day: str) -> float:
    """When a day begins on this machine, in seconds since 1970."""
    try:
        return datetime.strptime(day, "%Y-%m-%d").timestamp()
    except (ValueError, OverflowError):
        raise ConfigError(f"--before {day!r} is not a day; write it as 2026-01-31") from None
