"""Data sets of the Hugging Face Hub to Documents, a row at a time, through the library `datasets`.

A data set is read at a fixed commit. The library runs no code of a data set's since version 4.0. This is the
only reader that uses the network while it reads; a folder in the Hub's layout is read without.

Not here: what the columns mean (tables.py).
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import HubDataset
from data_pipeline.sources.files import Reading
from data_pipeline.sources.tables import check_columns, document_of
from model.errors import ConfigError, DataError


def fingerprint_of_dataset(source: HubDataset) -> str:
    """The commit of a data set, or sha256 (hex) over the files of a folder. Raises DataError."""
    if source.revision is not None:
        return source.revision
    folder = Path(source.dataset)
    if not folder.is_dir():
        raise DataError(f"{folder}, the data set of {source.name}, is no folder; correct `dataset`")
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(
            f"{path.relative_to(folder).as_posix()}\0{content}\n".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()


def read_dataset(source: HubDataset, languages: Collection[str]) -> Iterator[Document | Drop]:
    """The documents of a data set in its order, a Drop with a reason for each row that is none.

    Raises DataError when there is no such data set, configuration or split, or when it cannot be read.
    """
    reading, columns = Reading(name=source.name, languages=languages), None
    for number, row in enumerate(_rows(source), start=1):
        if columns is None:
            columns = check_columns(list(row), source, f"the data set {source.dataset}")
        if (found := document_of(row, number, columns, source, reading)) is not None:
            yield found


def _rows(source: HubDataset) -> Iterator[Mapping[str, Any]]:
    if importlib.util.find_spec("datasets") is None:
        raise ConfigError("datasets is not installed; run: pip install 'tabwright[hub]'")
    import datasets

    try:
        builder = datasets.load_dataset_builder(source.dataset, source.config, revision=source.revision)
        if source.revision is None:
            _check_inside(source, builder.config.data_files or {})
        rows: Iterable[Mapping[str, Any]] = builder.as_streaming_dataset(split=source.split_name)
        yield from rows
    except DataError:
        raise
    except Exception as error:  # the library passes on those of a dozen others
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"the data set {source.dataset} of {source.name}, split {source.split_name}, cannot be read "
            f"({reason:.200}); check its name, `config`, `split_name`, `revision` and the network"
        ) from error


def _check_inside(source: HubDataset, files: Mapping[Any, Iterable[str]]) -> None:
    """Raise DataError when a folder's card leads out of it: to other files here, or onto the network."""
    folder = Path(source.dataset).resolve()
    for file in itertools.chain.from_iterable(files.values()):
        if not Path(file).resolve().is_relative_to(folder):
            raise DataError(
                f"the data set {source.dataset} of {source.name} names the file {file:.200}, which is "
                "outside of it; correct `data_files` in its README.md, or give the folder that holds them all"
            )
