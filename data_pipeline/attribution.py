"""Writing the attribution index: documents -> hashes, a part at a time, then all parts -> the index's files.

A hash that several documents share is kept for the first of them: projects count in the order in which the
parts name them, and within a project documents in the order of the parts. One that more than `MOST_PROJECTS`
projects share is a pattern without one origin (licence texts, generated boilerplate, tables of small numbers)
and is kept for nobody.

Only hashes, project names, paths and licences leave this file, never text. Not here: how runs are chosen and
hashed (model/winnowing.py), and the files' layout (model/attribution.py).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_pipeline.document import Document
from model import attribution, winnowing
from model.attribution import Origin
from model.errors import DataError
from model.winnowing import Hashes
from model.writing import replacing

MOST_PROJECTS = 3
_KEY_BITS = 64  # what is kept of a hash, and its document
_DIVISIONS = 4  # of all buckets, where one holds more than can be counted; one is rare already

Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """The hashes of some documents: `hashes` and `owners`, (n,), the latter indices into `origins`.

    `ids`, `digests` (SHA-256 of the text) and `sizes` (bytes of UTF-8) go along with `origins`. No hash
    stands twice for one document.
    """

    ids: tuple[str, ...]
    origins: tuple[Origin, ...]
    digests: tuple[bytes, ...]
    sizes: tuple[int, ...]
    hashes: Hashes
    owners: Numbers


def fingerprints(documents: Iterable[Document]) -> Fingerprints:
    """Read documents one by one and keep their hashes: about 13 million for a gigabyte of code."""
    ids: list[str] = []
    origins: list[Origin] = []
    digests: list[bytes] = []
    sizes: list[int] = []
    hashes: list[Hashes] = []
    for document in documents:
        text = document.text.encode("utf-8", "replace")
        ids.append(document.id)
        origins.append(Origin(project=document.repo, path=document.path, license=document.license))
        digests.append(hashlib.sha256(text).digest())
        sizes.append(len(text))
        hashes.append(np.unique(winnowing.fingerprints(document.text)))
    return Fingerprints(
        ids=tuple(ids),
        origins=tuple(origins),
        digests=tuple(digests),
        sizes=tuple(sizes),
        hashes=np.concatenate([np.zeros(0, np.uint64), *hashes]),
        owners=np.repeat(np.arange(len(ids), dtype=np.uint32), [len(own) for own in hashes]),
    )


def write(folder: Path, parts: Iterable[Fingerprints], kept: Collection[str] | None = None) -> dict[str, int]:
    """Write the index of the documents of all parts whose ids are in `kept` (None: all), and count.

    Equal parts in equal order give equal bytes. The folder is written under a temporary name and renamed; an
    older index under its name is replaced, anything else is not. Needs about 700 MB of memory for a gigabyte
    of code. Raises DataError when nothing is to be indexed, or the folder cannot be written.
    """
    gathered = _gathered(parts, kept)
    origins = gathered.origins
    if not len(gathered.hashes):
        raise DataError(
            f"no document for {folder} has the {winnowing.LEAST} tokens of a match; give more code"
        )
    owner_bits = (len(origins) - 1).bit_length()
    mark_bits = _KEY_BITS - owner_bits
    marks, first, projects = _merged(gathered.hashes, gathered.owners, owner_bits, origins)
    common = projects > MOST_PROJECTS
    counts, remainders = _buckets(marks, mark_bits, folder)
    arrays: dict[str, npt.NDArray[Any]] = {
        attribution.COUNTS: counts,
        attribution.REMAINDERS: remainders,
        attribution.OWNERS: np.where(common, len(origins), first).astype(
            np.uint16 if len(origins) < 1 << 16 else np.uint32
        ),
    }
    facts = {
        "documents": len(origins),
        "projects": len({origin.project for origin in origins}),
        "fingerprints": len(marks),
        "shared": int(((projects > 1) & ~common).sum()),
        "common": int(common.sum()),
        "code_bytes": gathered.code_bytes,
    }
    try:
        return _put(folder, arrays, origins, gathered.corpus, facts)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise DataError(f"{folder} cannot be written ({error}); free it, or name another folder") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gathered:
    """The hashes of all documents that stay, with their owners: indices into `origins`.

    Documents of a project follow one another, so that counting projects is counting changes of project.
    `corpus` is the SHA-256 of the ids and digests of all documents, in the order of `origins`.
    """

    hashes: Hashes
    owners: Numbers
    origins: list[Origin]
    corpus: str
    code_bytes: int


def _gathered(parts: Iterable[Fingerprints], kept: Collection[str] | None) -> _Gathered:
    origins: list[Origin] = []
    named: list[bytes] = []
    hashes: list[Hashes] = []
    owners: list[Numbers] = []
    code = 0
    for part in parts:
        stays = np.array([kept is None or id_ in kept for id_ in part.ids], bool)
        numbers = (len(origins) + np.cumsum(stays) - 1).astype(np.uint32)
        for at in np.flatnonzero(stays).tolist():
            origins.append(part.origins[at])
            named.append(part.ids[at].encode("utf-8", "replace") + b"\0" + part.digests[at])
            code += part.sizes[at]
        own = stays[part.owners]
        hashes.append(part.hashes[own])
        owners.append(numbers[part.owners[own]])
    assert kept is None or len(origins) == len(kept), "a document that is kept is in no part, or in two"
    ranks: dict[str, int] = {}
    for origin in origins:
        ranks.setdefault(origin.project, len(ranks))
    order = sorted(range(len(origins)), key=lambda i: (ranks[origins[i].project], i))
    renumbered = np.empty(len(origins), np.uint32)
    renumbered[order] = np.arange(len(origins), dtype=np.uint32)
    joined = np.concatenate([np.zeros(0, np.uint32), *owners])
    return _Gathered(
        hashes=np.concatenate([np.zeros(0, np.uint64), *hashes]),
        owners=renumbered[joined],
        origins=[origins[i] for i in order],
        corpus=hashlib.sha256(b"".join(named[i] for i in order)).hexdigest(),
        code_bytes=code,
    )


def _merged(
    hashes: Hashes, owners: Numbers, owner_bits: int, origins: Sequence[Origin]
) -> tuple[Hashes, Numbers, Numbers]:
    """Ascending marks without repetition; for each its first owner and in how many projects it stands.

    A mark is a hash without its lowest `owner_bits`. Overwrites `hashes`.
    """
    keys = hashes  # in place: of a large corpus few copies fit in memory
    keys >>= np.uint64(owner_bits)
    keys <<= np.uint64(owner_bits)
    keys |= owners
    keys.sort()
    owners = (keys & np.uint64((1 << owner_bits) - 1)).astype(np.uint32)
    keys >>= np.uint64(owner_bits)
    numbers: dict[str, int] = {}
    project_of = np.array([numbers.setdefault(o.project, len(numbers)) for o in origins], np.uint32)
    project = project_of[owners]
    new_mark = np.ones(len(keys), bool)
    new_mark[1:] = keys[1:] != keys[:-1]
    new_project = new_mark.copy()
    new_project[1:] |= project[1:] != project[:-1]
    begins = np.flatnonzero(new_mark)
    return keys[begins], owners[begins], np.add.reduceat(new_project, begins, dtype=np.uint32)


def _buckets(
    marks: Hashes, mark_bits: int, folder: Path
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
    """The counts of all buckets, two a byte, and the remainders."""
    fewest = 1
    while (1 << fewest) * attribution.PER_BUCKET < len(marks):
        fewest += 1
    for bits in range(fewest, 1 + min(fewest + _DIVISIONS, mark_bits - attribution.REMAINDER_BITS)):
        counts = np.bincount((marks >> np.uint64(mark_bits - bits)).astype(np.int64), minlength=1 << bits)
        if counts.max() < 1 << attribution.COUNT_BITS:
            packed = (counts[0::2] | counts[1::2] << attribution.COUNT_BITS).astype(np.uint8)
            below = np.uint64(mark_bits - bits - attribution.REMAINDER_BITS)
            return packed, (marks >> below).astype(np.uint16)
    raise DataError(f"one index cannot hold the {len(marks):,} hashes of {folder}; build several corpora")


def _put(
    folder: Path,
    arrays: dict[str, npt.NDArray[Any]],
    origins: Sequence[Origin],
    corpus: str,
    counts: dict[str, int],
) -> dict[str, int]:
    """Write all files under a temporary name, rename their folder, and add what it takes to the counts."""
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not (folder / attribution.INDEX).is_file())
    ):
        raise DataError(f"{folder} is not an attribution index and will not be replaced; name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)  # what a kill left
    try:
        temporary.mkdir()
        for name, array in arrays.items():
            with replacing(temporary / name) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        (temporary / attribution.DOCUMENTS).write_bytes(attribution.documents_table(origins))
        sizes = {name: (temporary / name).stat().st_size for name in (*arrays, attribution.DOCUMENTS)}
        files = {
            name: {"bytes": size, "sha256": hashlib.sha256((temporary / name).read_bytes()).hexdigest()}
            for name, size in sizes.items()
        }
        meta = {
            "format": attribution.FORMAT,
            "gram": winnowing.GRAM,
            "window": winnowing.WINDOW,
            "names": winnowing.NAMES,
            "most_projects": MOST_PROJECTS,
            "corpus": corpus,
            **counts,
            "files": files,
        }
        text = json.dumps(meta, indent=1) + "\n"
        (temporary / attribution.INDEX).write_bytes(text.encode())
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    total = len(text.encode()) + sum(sizes.values())
    return {**counts, "bytes": total, "bytes_per_gigabyte": round(total / counts["code_bytes"] * 10**9)}
