"""Tables with a row for each document to Documents: parquet and jsonl files in the layouts of The Stack.

Known are the columns of The Stack v1 and v2 (Kocetkov et al. 2022, Lozhkov et al. 2024), of its smaller
versions, of StarCoderData and of CodeParrot; the manifest may name others. Rows are read a few at a time. A
row that cannot be used is a Drop, a file that cannot be read is a DataError.

Not here: tables of the Hub (hub.py, which uses `document_of` of this file).
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from data_pipeline.document import Document, Drop
from data_pipeline.licenses import PERMISSIVE, is_permissive
from data_pipeline.manifest import PRIVATE, HubDataset, Table
from data_pipeline.sources.files import UNSAFE_PATH, Reading, document, unfit
from model.errors import DataError
from model.syntax import language, language_of

# What the layouts call a column; the first that is there counts.
_KNOWN = {
    "text": ("content", "text", "code"),
    "path": ("path", "max_stars_repo_path", "file_path", "filename"),
    "repo": ("repo_name", "max_stars_repo_name", "repository_name", "repo"),
    "license": ("license", "licenses", "max_stars_repo_licenses", "detected_licenses"),
    "language": ("language", "lang", "programming_language"),
}
_VENDORED_COLUMN = "is_vendor"  # The Stack v2
# The names that GitHub's linguist gives languages, where they are not ours in capitals.
_LANGUAGE_NAMES = {"c++": "cpp", "tsx": "typescript", "jsx": "javascript"}
_IDENTIFIERS = {name.lower(): name for name in PERMISSIVE}
_ENDINGS = {"parquet": (".parquet",), "jsonl": (".jsonl", ".jsonl.gz", ".jsonl.zst")}
_ROWS = 64  # of a parquet file in memory at a time
_LONGEST_LINE = 16_000_000  # bytes of a jsonl file; a text of 1 MB fits, escaped to the last character

Columns = Mapping[str, str]  # what it stands for: what it is called

# Rows without a text before a file is taken to be another kind of table.
_MOST_UNKNOWN = 100


def files_of(table: Table) -> list[Path]:
    """The table's files, sorted. Raises DataError when there are none."""
    endings = _ENDINGS[table.kind]
    if table.path.is_file():
        return [table.path]
    found = sorted(p for ending in endings for p in table.path.rglob(f"*{ending}") if p.is_file())
    if not found:
        raise DataError(
            f"{table.path}, the path of {table.name}, is no file and no folder with {endings[0]} files"
        )
    return found


def read_table(table: Table, path: Path, reading: Reading) -> Iterator[Document | Drop]:
    """The documents of one file, and a Drop with a reason for each row that is none.

    Rows in other languages are passed over.
    Raises DataError when the file is damaged or lacks a column without which no row is of use.
    """
    rows = _parquet_rows(table, path) if table.kind == "parquet" else _json_rows(table, path)
    names: list[str] = []
    columns: Columns = {}
    unknown = 0
    for number, row in enumerate(rows, start=1):
        if isinstance(row, str):
            yield Drop(document_id=reading.identity(f"row {number}"), reason=row, characters=0)
            continue
        if list(row) != names:  # lines of a jsonl file may differ
            names, columns = list(row), columns_of(row, dict(table.columns))
        if "text" not in columns:
            unknown += 1
            yield Drop(document_id=reading.identity(f"row {number}"), reason="no text", characters=0)
            if unknown == number == _MOST_UNKNOWN:
                raise DataError(
                    f"{path}: none of the first {number} rows has a text among {', '.join(names)}; name the "
                    'column in the manifest, as in "columns": {"text": "content"}'
                )
            continue
        if (found := document_of(row, number, columns, table, reading)) is not None:
            yield found


def document_of(
    row: Mapping[str, Any], number: int, columns: Columns, source: Table | HubDataset, reading: Reading
) -> Document | Drop | None:
    """The document of a row, a Drop with a reason, or None for a row in a language that is not wanted."""
    path, repo = _text(row, columns, "path").lstrip("/"), _text(row, columns, "repo") or source.name
    spoken = _language(_text(row, columns, "language")) or language_of(path)
    if spoken is None or spoken not in reading.languages:
        return None
    path = path or f"row_{number}{language(spoken).extensions[0]}"
    text = row.get(columns.get("text", ""))
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    identity = reading.identity(repo, path)
    if not isinstance(raw, bytes):
        return Drop(document_id=identity, reason="no text", characters=0)
    reason = unfit(path, len(raw)) or (None if repo.isprintable() else UNSAFE_PATH)
    if reason is None and row.get(_VENDORED_COLUMN) is True:
        reason = "vendored"
    expression = _license(row, columns, source)
    if reason is None and expression is None:
        reason = "licence not permitted"
    if reason is not None or expression is None:
        return Drop(document_id=identity, reason=reason or "", characters=len(raw))
    return document(identity, raw, path=path, language=spoken, repo=repo, license=expression)


def columns_of(names: Mapping[str, Any] | list[str], stated: Columns) -> Columns:
    """Which column stands for what: as the manifest states, else the first known name."""
    found = {}
    for meaning, known in _KNOWN.items():
        wanted = (stated[meaning],) if meaning in stated else known
        for name in wanted:
            if name in names:
                found[meaning] = name
                break
    return found


def check_columns(names: list[str], source: Table | HubDataset, where: str) -> Columns:
    """The columns of a table that has the same ones in all rows. Raises DataError for one that is missing."""
    columns = columns_of(names, dict(source.columns))
    listed = f"it has {', '.join(map(str, names))}"
    for meaning, name in source.columns:
        if name not in names:
            raise DataError(f"{where} has no column {name!r} for `{meaning}` of {source.name}; {listed}")
    if "text" not in columns:
        hint = "its rows only point to contents, fetch those first; " if "blob_id" in names else ""
        raise DataError(f"{where} has no column with text; {hint}name it in `columns`: {listed}")
    if "path" not in columns and "language" not in columns:
        raise DataError(f"{where} has no column that tells the language; name `path` or `language` in "
                        f"`columns`: {listed}")  # fmt: skip
    if "license" not in columns and source.license is None and not source.license_accepted:
        raise DataError(f"{where} has no column with licences; state `license` for {source.name}: {listed}")
    return columns


def _text(row: Mapping[str, Any], columns: Columns, meaning: str) -> str:
    value = row.get(columns.get(meaning, ""))
    return value if isinstance(value, str) else ""


def _language(name: str) -> str | None:
    """Our name of a language, whether or not we know more of it."""
    return _LANGUAGE_NAMES.get(name.lower(), name.lower()) or None


def _license(row: Mapping[str, Any], columns: Columns, source: Table | HubDataset) -> str | None:
    """The licence of a row: where it names several, all must be permissive. None for a refused one."""
    stated = row.get(columns["license"]) if "license" in columns else None
    names = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    found = sorted({_IDENTIFIERS.get(n.lower(), n) for n in names if isinstance(n, str) and n.strip()})
    expression = " AND ".join(f"({one})" if len(found) > 1 and " " in one else one for one in found)
    if source.license_accepted:
        return expression or source.license or PRIVATE
    if "license" not in columns:
        return source.license
    return expression if len(found) and is_permissive(expression) else None


def _parquet_rows(table: Table, path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = file.schema_arrow.names
            columns = check_columns(names, table, str(path))
            wanted = [n for n in names if n in columns.values() or n == _VENDORED_COLUMN]
            for batch in file.iter_batches(_ROWS, columns=wanted, use_threads=False):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or ["no message"])[0]
        raise DataError(f"{path} of {table.name} is not a parquet file ({reason}); fetch it again") from error


def _json_rows(table: Table, path: Path) -> Iterator[Mapping[str, Any] | str]:
    """The rows of a jsonl file; the reason why it is none for a line that is no row."""
    with _lines(path, table.name) as file:
        while line := file.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                while len(rest := file.readline(_LONGEST_LINE)) == _LONGEST_LINE and not rest.endswith(b"\n"):
                    continue
                yield "line too long"
            elif line.strip():
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    yield "not JSON"
                else:
                    yield row if isinstance(row, dict) else "not a JSON object"


@contextmanager
def _lines(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file's bytes as they were before compression."""
    import pyarrow as pa

    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                yield file  # type: ignore[misc]
        elif path.suffix == ".zst":
            with pa.input_stream(path, compression="zstd") as stream, io.BufferedReader(stream) as file:
                yield file
        else:
            with path.open("rb") as file:
                yield file
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise DataError(f"{path} of {name} cannot be read to its end ({error}); fetch it again") from error
