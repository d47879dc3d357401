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
_PER_BUCKET = 6  # hashes: few enough that one in ten million finds a stranger's remainder

Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """The hashes of some documents: `hashes` and `owners`, (n,), the latter indices into `origins`.

    `ids` and `sizes` (bytes of UTF-8) go along with `origins`. No hash stands twice for one document.
    """

    ids: tuple[str, ...]
    origins: tuple[Origin, ...]
    sizes: tuple[int, ...]
    hashes: Hashes
    owners: Numbers


def fingerprints(documents: Iterable[Document]) -> Fingerprints:
    """Read documents one by one and keep their hashes: about 13 million for a gigabyte of code."""
    ids: list[str] = []
    origins: list[Origin] = []
    sizes: list[int] = []
    hashes: list[Hashes] = []
    for document in documents:
        ids.append(document.id)
        origins.append(Origin(project=document.repo, path=document.path, license=document.license))
        sizes.append(len(document.text.encode("utf-8", "replace")))
        hashes.append(np.unique(winnowing.fingerprints(document.text)))
    return Fingerprints(
        ids=tuple(ids),
        origins=tuple(origins),
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
    hashes, owners, origins, code = _gathered(parts, kept)
    if not len(hashes):
        raise DataError(
            f"no document for {folder} has the {winnowing.LEAST} tokens of a match; give more code"
        )
    # A key of 64 bits holds what the index keeps of a hash, and the document.
    owner_bits = (len(origins) - 1).bit_length()
    bucket_bits = max(1, min((len(hashes) // _PER_BUCKET).bit_length() - 1, 40 - owner_bits))
    mark_bits = bucket_bits + attribution.REMAINDER_BITS
    hashes >>= np.uint64(64 - mark_bits)
    marks, first, projects = _merged(hashes, owners, owner_bits, origins)
    del hashes, owners
    common = projects > MOST_PROJECTS
    counts = {
        "documents": len(origins),
        "projects": len({origin.project for origin in origins}),
        "fingerprints": len(marks),
        "shared": int(((projects > 1) & ~common).sum()),
        "common": int(common.sum()),
        "code_bytes": code,
    }
    bounds = np.arange((1 << bucket_bits) + 1, dtype=np.uint64) << np.uint64(attribution.REMAINDER_BITS)
    # Big-endian bytes of which the last three are the remainder.
    spelt = (marks & np.uint64(0xFFFFFF)).astype(">u4").view(np.uint8).reshape(-1, 4)
    arrays: dict[str, npt.NDArray[Any]] = {
        attribution.BUCKETS: np.searchsorted(marks, bounds).astype(np.uint32),
        attribution.REMAINDERS: np.ascontiguousarray(spelt[:, 1:]),
        attribution.OWNERS: np.where(common, len(origins), first).astype(
            np.uint16 if len(origins) < 1 << 16 else np.uint32
        ),
    }
    try:
        return _put(folder, arrays, origins, counts)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise DataError(f"{folder} cannot be written ({error}); free it, or name another folder") from error


def _gathered(
    parts: Iterable[Fingerprints], kept: Collection[str] | None
) -> tuple[Hashes, Numbers, list[Origin], int]:
    """All hashes, their owners, the documents that stay, and how many bytes of code these are.

    Documents of a project follow one another, so that counting projects is counting changes of project.
    """
    origins: list[Origin] = []
    hashes: list[Hashes] = []
    owners: list[Numbers] = []
    code = 0
    for part in parts:
        stays = np.array([kept is None or id_ in kept for id_ in part.ids], bool)
        numbers = (len(origins) + np.cumsum(stays) - 1).astype(np.uint32)
        for origin, size, stay in zip(part.origins, part.sizes, stays, strict=True):
            if stay:
                origins.append(origin)
                code += size
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
    return (
        np.concatenate([np.zeros(0, np.uint64), *hashes]),
        renumbered[joined],
        [origins[i] for i in order],
        code,
    )


def _merged(
    marks: Hashes, owners: Numbers, owner_bits: int, origins: Sequence[Origin]
) -> tuple[Hashes, Numbers, Numbers]:
    """Ascending marks without repetition; for each its first owner and in how many projects it stands.

    Overwrites `marks`.
    """
    keys = marks  # in place: of a large corpus few copies fit in memory
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


def _put(
    folder: Path,
    arrays: dict[str, npt.NDArray[Any]],
    origins: Sequence[Origin],
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
