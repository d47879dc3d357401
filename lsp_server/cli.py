"""`tabwright serve`, `tabwright complete` and `tabwright doctor`; tabwright.py mounts them."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.errors import ConfigError, DataError

if TYPE_CHECKING:
    from lsp_server.attribution import Matches
    from lsp_server.completer import Completer, Silence, Suggestion
    from lsp_server.doctor import Check
    from model.fim import Hole
    from model.serving.project import Project

LARGEST_FILE = 2_000_000  # bytes
_Model = Annotated[Path | None, typer.Option(help="Model folder; the model that ships when not given.")]
_Threads = Annotated[int | None, typer.Option(min=0, max=64, help="0: as many as are measured to be best.")]
_Engine = Annotated[
    str | None, typer.Option(help="local (the default), or openai: a server with OpenAI's completions API.")
]
_EngineUrl = Annotated[
    str | None, typer.Option(help="Its address, with /v1 at the end; implies --engine openai.")
]
_EngineModel = Annotated[
    str | None, typer.Option(help="The model's name there; the only one when not given.")
]
_EngineFim = Annotated[
    str | None, typer.Option(help="How it was taught to fill in; auto goes by the model's name.")
]
_EngineContext = Annotated[
    int | None, typer.Option(help="Tokens that it is shown and writes; 2048 when not given.")
]


def serve(
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak over stdin and stdout, as is usual.")] = True,
    tcp: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Listen there for one editor instead; on this machine when no host."
        ),
    ] = None,
    model: _Model = None,
    threads: _Threads = None,
    log_file: Annotated[str | None, typer.Option(help="Write the log there too.")] = None,
    engine: _Engine = None,
    engine_url: _EngineUrl = None,
    engine_model: _EngineModel = None,
    engine_fim: _EngineFim = None,
    engine_context: _EngineContext = None,
) -> None:
    """Start the language server; editors do this.

    Example: tabwright serve --stdio
    """
    from lsp_server.startup import shadowed

    if problem := shadowed():
        raise ConfigError(problem)

    from lsp_server import remote
    from lsp_server.process import run
    from lsp_server.service import Flags
    from lsp_server.transport import address

    where = None if tcp is None else address(tcp)
    chosen = remote.chosen(engine, engine_url, engine_model, engine_fim, engine_context)
    raise typer.Exit(run(Flags(model=model, threads=threads, engine=chosen), log_file=log_file, tcp=where))


def doctor(
    model: _Model = None,
    threads: _Threads = None,
    folder: Annotated[Path | None, typer.Option(help="Workspace to try; this folder when not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    engine: _Engine = None,
    engine_url: _EngineUrl = None,
    engine_model: _EngineModel = None,
    engine_fim: _EngineFim = None,
    engine_context: _EngineContext = None,
) -> None:
    """Say what is installed, whether it works and what to do where it does not. Exit code 1 if it does not.

    Example: tabwright doctor
    """
    from lsp_server import remote
    from lsp_server.doctor import broken, examine
    from lsp_server.service import load_engine
    from lsp_server.settings import Settings

    chosen = remote.chosen(engine, engine_url, engine_model, engine_fim, engine_context)
    elsewhere = remote.wanted(Settings(), chosen)
    checks = []
    for check in examine(model, threads or 0, folder or Path.cwd(), load_engine, elsewhere):
        checks.append(check)
        if not as_json and not sys.stdout.isatty():
            mark = {"good": "ok", "note": "note", "problem": "PROBLEM"}[check.verdict]
            typer.echo(f"{mark:<8}{check.name}: {check.says}")
            if check.advice:
                typer.echo(f"{'':<8}-> {check.advice}")
    if as_json:
        typer.echo(json.dumps({"ok": not broken(checks), "checks": [asdict(check) for check in checks]}))
    elif sys.stdout.isatty():
        _draw(checks)
    raise typer.Exit(broken(checks))


def _draw(checks: Sequence[Check]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "check", "found", show_header=False, box=None, padding=(0, 1))
    marks = {"good": ("✓", "green"), "note": ("!", "yellow"), "problem": ("✗", "bold red")}
    for check in checks:
        mark, colour = marks[check.verdict]
        found = Text(check.says)
        if check.advice:
            found.append(f"\n→ {check.advice}", style=colour)
        table.add_row(Text(mark, style=colour), Text(check.name, style="bold"), found)
    Console().print(table)


def complete(
    file: Annotated[Path, typer.Argument(help="The file to complete in.")],
    line: Annotated[int, typer.Argument(help="Line of the cursor, from 1.")],
    column: Annotated[int, typer.Argument(help="Column of the cursor, from 1, in characters.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    model: _Model = None,
    threads: _Threads = None,
    max_lines: Annotated[int, typer.Option(min=1, max=50, help="Most lines to suggest.")] = 12,
    explain: Annotated[
        bool, typer.Option(help="Say what went into the prompt, what was copied, and why it is shown or not.")
    ] = False,
    project: Annotated[
        Path | None,
        typer.Option(help="Folder whose files may be shown and copied from, as a server's workspace."),
    ] = None,
    engine: _Engine = None,
    engine_url: _EngineUrl = None,
    engine_model: _EngineModel = None,
    engine_fim: _EngineFim = None,
    engine_context: _EngineContext = None,
) -> None:
    """Print what would be suggested at a place in a file.

    Example: tabwright complete app.py 12 1 --explain
    """
    from lsp_server import context, remote
    from lsp_server.attribution import Attribution, record
    from lsp_server.completer import Completer, Request, Silence
    from lsp_server.documents import Document, offset_at
    from lsp_server.nearby import Nearby
    from lsp_server.service import load_engine
    from lsp_server.settings import Settings
    from lsp_server.workspace import read_source_files
    from model.neighbours import characters_for

    text = _read(file)
    document = Document(path=str(file.resolve()), language_id="", text=text)
    offset = offset_at(text, line - 1, column - 1, "utf-32")
    if offset is None:
        raise ConfigError(_where_to(file, text, line))
    chosen = remote.chosen(engine, engine_url, engine_model, engine_fim, engine_context)
    elsewhere = remote.wanted(Settings(), chosen)
    ours = load_engine(model, threads or 0) if elsewhere is None else remote.load(elsewhere)
    with closing(ours):
        language = context.language_of(document)
        if language not in ours.release.languages:
            known = ", ".join(ours.release.languages)
            raise ConfigError(f"the model does not know the language of {file}; it knows: {known}")
        root = str((project or Path.cwd()).resolve())
        completer = Completer(ours, elsewhere=elsewhere is not None)
        index: Project | None = None
        nearby: Nearby | None = None
        if project is not None:
            if not project.is_dir():
                raise ConfigError(f"there is no folder {project}; --project names one with source files")
            index = ours.new_project()
            files = list(read_source_files(root, ours.release.languages))
            if not index.add(files):
                typer.echo(f"{project} has more code than fits; some files were left out", err=True)
            if ours.release.neighbours:
                nearby = Nearby()
                nearby.put(files)
        hole = context.hole_between(
            document,
            text[:offset],
            text[offset:],
            folders=[root],
            nearby=nearby,
            characters=characters_for(completer.budget),
        )
        start = time.perf_counter()
        result = completer.complete(hole, Request(max_lines=max_lines, invoked=True), project=index)
        milliseconds = round((time.perf_counter() - start) * 1000, 1)
        matches = (
            ()
            if isinstance(result, Silence)
            else Attribution(completer.engine.release).of(result.text, hole.prefix)
        )
        if not as_json:
            if isinstance(result, Silence):
                typer.echo(f"(no suggestion: {result.reason})", err=True)
            else:
                if isinstance(sys.stdout, io.TextIOWrapper):
                    sys.stdout.reconfigure(errors="replace")  # a pipe on Windows is cp1252, which lacks most
                typer.echo(result.text)
            if explain:
                for sentence in (*_explained(completer, hole, result), *_attributed(matches)):
                    typer.echo(sentence, err=True)
            return
        where = {"line": line, "column": column}
        answer: dict[str, object] = {"text": None, "range": {"start": where, "end": where}}
        answer["milliseconds"] = milliseconds
        if isinstance(result, Silence):
            answer["reason"] = result.reason
        else:
            answer |= {"text": result.text, "tokens": result.tokens, "stop_reason": result.stop_reason}
            answer["copied"] = [
                {"start": run.start, "end": run.end, **asdict(run.origin)} for run in result.copied
            ]
            answer["attribution"] = [record(match) for match in matches]
        if explain:
            answer["explanation"] = [*_explained(completer, hole, result), *_attributed(matches)]
        typer.echo(json.dumps(answer))


def _attributed(matches: Matches) -> Iterator[str]:
    from lsp_server.attribution import described

    yield from (f"it {described(match)}" for match in matches)


def _explained(completer: Completer, hole: Hole, result: Suggestion | Silence) -> Iterator[str]:
    """What went into the prompt, what came of it, and why it is shown or not."""
    from lsp_server import explain, trigger
    from lsp_server.completer import Silence, explained
    from model import fim

    lead = trigger.decide(hole, completer.engine.release.languages).lead
    asked = replace(hole, prefix=hole.prefix + lead)
    prompt = fim.render(asked, completer.engine.tokenizer, completer.budget)
    yield from explain.sentences(explain.account(asked, prompt, completer.engine.tokenizer))
    if result.trigger and result.kind != "none":
        yield f"asked for a {result.kind}: {result.trigger}"
    if isinstance(result, Silence):
        yield f"nothing is shown: {result.reason}"
        if result.text:
            yield f"not shown: {result.text!r}"
    else:
        yield from explained(result) or ["nothing was copied: the model wrote it"]
        if result.mended:
            yield "it is mended: what the model wrote would not parse here"
        how = "known already" if result.stop_reason == "cache" else f"{result.tokens} tokens decoded"
        yield f"shown: {how}, ended by {result.stop_reason}"
    if result.confidence is not None:
        yield f"its first line is right with a probability of {100 * result.confidence:.0f} %"


def _read(file: Path) -> str:
    """The text of a file. Raises DataError, in one sentence, for one that cannot be completed in."""
    try:
        size = file.stat().st_size
        if size > LARGEST_FILE:
            raise DataError(
                f"{file} has {size:,} bytes, which is too large; the limit is {LARGEST_FILE:,} (2 MB)"
            )
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise DataError(f"there is no file {file}") from None
    except IsADirectoryError:
        raise DataError(f"{file} is a folder; name a file in it") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file} is not UTF-8 (byte {error.start} is {error.object[error.start]:#04x})"
        ) from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error


def _where_to(file: Path, text: str, line: int) -> str:
    from lsp_server.context import with_lf

    lines = with_lf(text).split("\n")
    if not 1 <= line <= len(lines):
        return f"line {line} is outside {file}; it has the lines 1 to {len(lines)}"
    return f"that column is outside line {line} of {file}; it has the columns 1 to {len(lines[line - 1]) + 1}"
