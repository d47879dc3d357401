"""`tabwright serve` and `tabwright complete`; tabwright.py mounts them."""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.errors import ConfigError, DataError

if TYPE_CHECKING:
    from model.serving.project import Project

LARGEST_FILE = 2_000_000  # bytes
_Model = Annotated[Path | None, typer.Option(help="Model folder; the model that ships when not given.")]
_Threads = Annotated[int | None, typer.Option(min=0, max=64, help="0: as many as are measured to be best.")]


def serve(
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak over stdin and stdout, the only way.")] = True,
    model: _Model = None,
    threads: _Threads = None,
    log_file: Annotated[str | None, typer.Option(help="Write the log there too.")] = None,
) -> None:
    """Start the language server; editors do this.

    Example: tabwright serve --stdio
    """
    from lsp_server.server import run
    from lsp_server.service import Flags
    from lsp_server.startup import shadowed

    if problem := shadowed():
        raise ConfigError(problem)
    run(Flags(model=model, threads=threads), log_file=log_file)


def complete(
    file: Annotated[Path, typer.Argument(help="The file to complete in.")],
    line: Annotated[int, typer.Argument(help="Line of the cursor, from 1.")],
    column: Annotated[int, typer.Argument(help="Column of the cursor, from 1, in characters.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    model: _Model = None,
    threads: _Threads = None,
    max_lines: Annotated[int, typer.Option(min=1, max=50, help="Most lines to suggest.")] = 12,
    explain: Annotated[bool, typer.Option(help="Say from where each copied run came.")] = False,
    project: Annotated[
        Path | None, typer.Option(help="Folder whose files may be copied from, as a server's workspace.")
    ] = None,
) -> None:
    """Print what would be suggested at a place in a file.

    Example: tabwright complete app.py 12 1 --explain
    """
    from lsp_server import context
    from lsp_server.completer import Completer, Request, Silence, explained
    from lsp_server.documents import Document, offset_at
    from lsp_server.service import load_engine
    from lsp_server.workspace import read_source_files

    text = _read(file)
    document = Document(path=str(file.resolve()), language_id="", text=text)
    offset = offset_at(text, line - 1, column - 1, "utf-32")
    if offset is None:
        raise ConfigError(_where_to(file, text, line))
    engine = load_engine(model, threads or 0)
    language = context.language_of(document)
    if language not in engine.release.languages:
        known = ", ".join(engine.release.languages)
        raise ConfigError(f"the model does not know the language of {file}; it knows: {known}")
    root = str((project or Path.cwd()).resolve())
    hole = context.hole_at(document, offset, folders=[root])
    index: Project | None = None
    if project is not None:
        if not project.is_dir():
            raise ConfigError(f"there is no folder {project}; --project names one with source files")
        index = engine.new_project()
        if not index.add(read_source_files(root, engine.release.languages)):
            typer.echo(f"{project} has more code than fits; some files were left out", err=True)
    start = time.perf_counter()
    result = Completer(engine).complete(hole, Request(max_lines=max_lines, invoked=True), project=index)
    milliseconds = round((time.perf_counter() - start) * 1000, 1)
    if not as_json:
        if isinstance(result, Silence):
            typer.echo(f"(no suggestion: {result.reason})", err=True)
        else:
            if isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(errors="replace")  # a pipe on Windows is cp1252, which lacks most
            typer.echo(result.text)
            if explain:
                for sentence in explained(result) or ["nothing was copied: the model wrote it"]:
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
    typer.echo(json.dumps(answer))


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
