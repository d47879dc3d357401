"""Documents on disk: Parquet with zstd, the columns of Document, which every data tool reads as they are.

A file under its own name is whole: it is written under a temporary one and renamed. Equal documents in equal
order give equal bytes, with the same version of pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from data_pipeline.document import Document
from model.errors import DataError
from model.writing import replacing

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

COLUMNS = tuple(field.name for field in fields(Document))
# Documents a row group, the unit of reading: some megabytes of text.
GROUP = 256


def write_documents(path: Path, documents: Iterable[Document]) -> int:
    """Write documents as they come; returns how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.large_string() if name == "text" else pa.string()) for name in COLUMNS])
    count = 0
    with (
        replacing(path) as file,
        pq.ParquetWriter(
            file,
            schema,
            compression="zstd",
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        ) as writer,
    ):
        for group in batched(documents, GROUP):
            columns = {name: [getattr(d, name) for d in group] for name in COLUMNS}
            writer.write_table(pa.table(columns, schema=schema))
            count += len(group)
    return count


def read_documents(path: Path, rows: range | None = None) -> Iterator[Document]:
    """The documents of a file in its order, or those of some rows; only the row groups needed are read."""
    import pyarrow as pa

    try:
        with _opened(path) as file:
            wanted = range(file.metadata.num_rows) if rows is None else rows
            first = 0
            for number in range(file.num_row_groups):
                size = file.metadata.row_group(number).num_rows
                inside = range(max(wanted.start - first, 0), min(wanted.stop - first, size))
                if inside:
                    table = file.read_row_group(number, columns=list(COLUMNS))
                    for row in table.slice(inside.start, len(inside)).to_pylist():
                        yield Document(**row)
                first += size
    except (OSError, pa.ArrowException, TypeError) as error:
        raise _damaged(path, error) from error


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Some columns of all documents; without `text` this is small."""
    import pyarrow as pa

    try:
        with _opened(path) as file:
            table: pa.Table = file.read(columns=list(names))
            return {name: table.column(name).to_pylist() for name in names}
    except (OSError, pa.ArrowException, KeyError) as error:
        raise _damaged(path, error) from error


def read_lengths(path: Path) -> list[int]:
    """Characters of each document's text, in order; one row group in memory at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths: list[int] = []
    try:
        with _opened(path) as file:
            for number in range(file.num_row_groups):
                text = file.read_row_group(number, columns=["text"]).column("text")
                lengths += pc.utf8_length(text).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    return lengths


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    import pyarrow.parquet as pq

    # Not memory-mapped: a page that cannot be read would end the process instead of raising.
    with pq.ParquetFile(path, memory_map=False, pre_buffer=False, page_checksum_verification=True) as file:
        yield file


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read ({error}); delete its folder and build again")


def batched(items: Iterable[Document], size: int) -> Iterator[list[Document]]:
    """Lists of `size` items, the last one of what is left."""
    batch: list[Document] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
