"""The documents that the deduplication benchmark runs on: the same for every tool, chosen once.

Every tool reads Parquet with the columns `id` and `text`. Ours reads the texts as they are. The others read
them as words with blanks between, cut by our definition of a word, because neither knows it: only so do all
have the same shingles. That is done beforehand and not timed, so it is in the others' favour.

Not here: running the tools (dedup_process.py).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.errors import DataError

SEED = 0
FILES = 8  # of about equal size: each worker has several, and a half or a quarter of the documents is some
_WORD = re.compile(r"[A-Za-z_0-9]+")
_LAYOUTS = ("parts/*/run-*.parquet", "read/*.parquet", "*.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Files of the same documents for our tool (`texts`) and for the others (`words`), and what is in them.

    `megabytes` and `documents` are of each file; a megabyte is 10^6 bytes of the texts as they are, in UTF-8.
    """

    texts: tuple[Path, ...]
    words: tuple[Path, ...]
    megabytes: tuple[float, ...]
    documents: tuple[int, ...]


def read(corpus: Path) -> dict[str, str]:
    """Texts by id of a built corpus, before its duplicates were removed. Raises DataError where none is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, str] = {}
    for file in files_of(corpus):
        try:
            table = pq.read_table(file, columns=["id", "text"])
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{file} holds no documents ({error}); build the corpus again") from error
        found.update(zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True))
    return found


def files_of(corpus: Path) -> list[Path]:
    """The Parquet files of documents below a folder, sorted."""
    for layout in _LAYOUTS:
        if files := sorted(corpus.glob(layout)):
            return files
    raise DataError(
        f"{corpus} holds no documents; give --corpus the folder of a `tabwright data build`, or of Parquet "
        "files with the columns id and text"
    )


def choose(
    texts: dict[str, str], *, megabytes: float | None = None, documents: int | None = None
) -> list[str]:
    """Ids in one random order that the sorted ids alone decide, as many as fit into the limits."""
    ids = sorted(texts)
    random.Random(SEED).shuffle(ids)  # noqa: S311 - a pinned sample, not a secret
    if megabytes is not None:
        room = megabytes * 1e6
        for count, identity in enumerate(ids):
            room -= len(texts[identity].encode())
            if room < 0 and count:
                ids = ids[:count]
                break
    return ids[:documents]


def prepare(texts: dict[str, str], ids: Sequence[str], folder: Path) -> Prepared:
    """Write the documents for all tools, divided evenly in their order."""
    kinds: dict[str, list[Path]] = {"texts": [], "words": []}
    shares = [ids[number::FILES] for number in range(FILES) if ids[number::FILES]]
    for number, share in enumerate(shares):
        for kind, paths in kinds.items():
            paths.append(folder / kind / f"{number:03d}.parquet")
            _write(paths[-1], share, texts, words=kind == "words")
    return Prepared(
        texts=tuple(kinds["texts"]),
        words=tuple(kinds["words"]),
        megabytes=tuple(sum(len(texts[i].encode()) for i in share) / 1e6 for share in shares),
        documents=tuple(map(len, shares)),
    )


def _write(path: Path, ids: Sequence[str], texts: dict[str, str], *, words: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for some in batches(ids, 1000):
            own = [texts[i] for i in some]
            columns = {"id": some, "text": [" ".join(_WORD.findall(t)) for t in own] if words else own}
            writer.write_table(pa.table(columns, schema=schema))


def batches(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    """Lists of `size` ids, the last one of what is left."""
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])
