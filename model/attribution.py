"""The attribution index: which project, file and licence a piece of text was learnt from.

The texts themselves are not in it. Of every training document a few hashes are kept (winnowing.py), each with
the number of one document, and so chosen that a copy of at least `LEAST` lexical tokens is surely found,
wherever it was moved to, re-indented or commented anew.

A folder holds, for f hashes of d documents, and b bits (2 to the b buckets):
`buckets.npy` uint32 (2^b + 1,): where the hashes with these top bits begin;
`remainders.npy` uint8 (f, 3): the next 24 bits of each hash, big-endian, ascending in a bucket;
`owners.npy` uint16 or uint32 (f,): the document's number, or d for what is common to many projects;
`documents.json.zz`: the documents, in zlib; `index.json`: sizes, checksums, the sampling it was written with.

Not here: computing it from a corpus (data_pipeline/attribution.py), and what a server does with a match.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from model import winnowing
from model.errors import ConfigError, ModelError
from model.winnowing import GRAM, LEAST, NAMES, WINDOW, Hashes, Places

FORMAT = 1
REMAINDER_BITS = 24
INDEX, DOCUMENTS = "index.json", "documents.json.zz"
BUCKETS, REMAINDERS, OWNERS = "buckets.npy", "remainders.npy", "owners.npy"

_BEFORE = 4096  # characters: a copy that began further up has matched on its own account


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Text that a document of the corpus also holds.

    `tokens` counts what is surely shared, the text before included, and `suggested` those of them in the text
    that was asked about; the copy itself may reach up to `WINDOW` - 1 tokens further on either side.
    Characters [start, end) of the text hold the latter.
    """

    start: int
    end: int
    tokens: int
    suggested: int
    project: str
    path: str
    license: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A document as the index names it; `license` is an SPDX expression."""

    project: str
    path: str
    license: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Documents:
    """The documents as they stand in `documents.json.zz`: by columns, which open ten times as fast."""

    projects: list[str]
    licenses: list[str]
    project: list[int]
    license: list[int]
    paths: list[str]

    def fit(self) -> bool:
        """Whether the columns are equally long and name what there is."""
        return (
            len(self.project) == len(self.license) == len(self.paths) > 0
            and 0 <= min(self.project) <= max(self.project) < len(self.projects)
            and 0 <= min(self.license) <= max(self.license) < len(self.licenses)
        )

    def origin(self, number: int) -> Origin:
        return Origin(
            project=self.projects[self.project[number]],
            path=self.paths[number],
            license=self.licenses[self.license[number]],
        )


def documents_table(origins: Sequence[Origin]) -> bytes:
    """The content of `documents.json.zz`: projects and licences once each."""
    projects: dict[str, int] = {}
    licenses: dict[str, int] = {}
    project = [projects.setdefault(origin.project, len(projects)) for origin in origins]
    license_ = [licenses.setdefault(origin.license, len(licenses)) for origin in origins]
    table = _Documents(
        projects=list(projects),
        licenses=list(licenses),
        project=project,
        license=license_,
        paths=[origin.path for origin in origins],
    )
    return zlib.compress(json.dumps(asdict(table), ensure_ascii=False, separators=(",", ":")).encode(), 9)


class AttributionIndex:
    """An index in memory-mapped files. Made by `load`; `find` may be called from several threads."""

    def __init__(
        self,
        buckets: npt.NDArray[np.uint32],
        remainders: npt.NDArray[np.uint8],
        owners: npt.NDArray[np.unsignedinteger],
        documents: _Documents,
    ) -> None:
        self._buckets, self._remainders, self._owners = buckets, remainders, owners
        self._shift = np.uint64(64 - (len(buckets) - 1).bit_length() + 1)
        self._documents, self._count = documents, len(documents.paths)

    @classmethod
    def load(cls, folder: Path, *, verify: bool = False) -> Self:
        """Open an index; `verify` also reads all of it and compares checksums.

        Raises ModelError when files are missing, cut short or not those that belong together.
        """
        meta = _read_meta(folder)
        for name, expected in meta["files"].items():
            _check_file(folder / name, expected, whole=verify)
        try:
            buckets, remainders, owners = (
                np.load(folder / name, mmap_mode="r", allow_pickle=False)
                for name in (BUCKETS, REMAINDERS, OWNERS)
            )
            documents = _Documents(**json.loads(zlib.decompress((folder / DOCUMENTS).read_bytes())))
        except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:
            raise ModelError(
                f"{folder} holds a damaged attribution index ({error}); install the model again"
            ) from error
        count, size = meta["fingerprints"], len(buckets) - 1
        if not (
            buckets.dtype == np.uint32
            and buckets.ndim == 1
            and size >= 2
            and size & (size - 1) == 0
            and remainders.dtype == np.uint8
            and remainders.shape == (count, 3)
            and owners.dtype in (np.uint16, np.uint32)
            and owners.shape == (count,)
            and (buckets[0], buckets[-1]) == (0, count)
            and bool((buckets[1:] >= buckets[:-1]).all())
            and documents.fit()
            and len(documents.paths) == meta["documents"]
        ):
            raise ModelError(
                f"{folder} holds files of different attribution indexes; install the model again"
            )
        return cls(buckets, remainders, owners, documents)

    def find(self, text: str, *, before: str = "", least: int = LEAST) -> list[Match]:
        """What of `text` stands in the corpus, the longest match first; none lies inside another.

        A copy may have begun in `before`, the text above. One of at least `least` tokens is surely found when
        the text above and this one hold all of it, and this one `WINDOW` tokens of it. What is found surely
        shares `GRAM` tokens or more; of copies shorter than `least` some are found too. Data (winnowing.py)
        and what is common to many projects belong to nobody and are not found.

        Raises ConfigError when `least` is below `LEAST`.
        """
        if least < LEAST:
            raise ConfigError(f"the least match is {least} tokens, but the index tells no fewer than {LEAST}")
        above = _last_lines(before)
        read = (above + text).encode("utf-8", "replace")
        tokens = winnowing.lexed(read)
        if len(tokens.hashes) < LEAST:
            return []
        sums = winnowing.prefix_sums(tokens.hashes)
        choices = winnowing.choices(sums)
        chosen, which = np.unique(choices, return_inverse=True)
        owners = self._owners_of(winnowing.runs(sums)[chosen])
        owners[~winnowing.tells(tokens.names)[chosen]] = -1
        owners = owners[which]
        if not ((owners >= 0) & (owners < self._count)).any():
            return []
        first_own = int(np.searchsorted(tokens.ends, len(above.encode("utf-8", "replace")), side="right"))
        found: list[tuple[int, int, int]] = []
        for owner, first, last in _stretches(owners, self._count, least - LEAST + 1):
            start, end = int(choices[first]), int(choices[last]) + GRAM
            if end > first_own:
                found.append((start, end, owner))
        matches: list[Match] = []
        taken: list[tuple[int, int]] = []
        characters = _character_of_byte(read)
        for start, end, owner in sorted(found, key=lambda f: (f[0] - f[1], f)):
            if any(a <= start and end <= b for a, b in taken):
                continue
            taken.append((start, end))
            origin = self._documents.origin(owner)
            matches.append(
                Match(
                    start=max(0, characters(int(tokens.starts[max(start, first_own)])) - len(above)),
                    end=characters(int(tokens.ends[end - 1])) - len(above),
                    tokens=end - start,
                    suggested=end - max(start, first_own),
                    project=origin.project,
                    path=origin.path,
                    license=origin.license,
                )
            )
        return matches

    def _owners_of(self, hashes: Hashes) -> Places:
        """For each hash, (m,), the number of its document, or -1 when the index has none."""
        bucket = (hashes >> self._shift).astype(np.int64)
        begin = self._buckets[bucket].astype(np.int64)
        count = self._buckets[bucket + 1].astype(np.int64) - begin
        asked = np.repeat(np.arange(len(hashes)), count)
        # Entries of all asked buckets, one after another.
        entries = np.arange(len(asked)) + np.repeat(begin - np.cumsum(count) + count, count)
        wanted = (hashes >> (self._shift - np.uint64(REMAINDER_BITS))) & np.uint64((1 << REMAINDER_BITS) - 1)
        held = self._remainders[entries].astype(np.uint64)
        value = (held[:, 0] << np.uint64(16)) | (held[:, 1] << np.uint64(8)) | held[:, 2]
        right = value == wanted[asked]
        owners = np.full(len(hashes), -1, np.int64)
        owners[asked[right]] = self._owners[entries[right]]
        return owners


def _stretches(owners: Places, documents: int, least: int) -> list[tuple[int, int, int]]:
    """(document, first window, last window) of all runs of at least `least` windows that it may own.

    A hash is kept for one document only, the first in number, or for nobody when it is common. A window of a
    document between others of its own may thus be a lower document's or nobody's, but never a higher one's.
    """
    found = []
    for owner in np.unique(owners[(owners >= 0) & (owners < documents)]).tolist():
        may = (owners >= 0) & ((owners <= owner) | (owners >= documents))
        edges = np.flatnonzero(np.diff(np.concatenate(([False], may, [False]))))
        for begin, end in edges.reshape(-1, 2).tolist():
            own = np.flatnonzero(owners[begin:end] == owner)
            if len(own) and end - begin >= least:
                found.append((owner, begin + int(own[0]), begin + int(own[-1])))
    return found


def _last_lines(before: str) -> str:
    """The last `_BEFORE` characters, from the start of a line on, as comments are told by their lines."""
    if len(before) <= _BEFORE:
        return before
    cut = before.find("\n", len(before) - _BEFORE)
    return before[cut + 1 :] if cut >= 0 else before[-_BEFORE:]


class _character_of_byte:  # noqa: N801  # a function with a table
    """Place of a byte in UTF-8 -> place of its character in the text."""

    def __init__(self, text: bytes) -> None:
        self._plain = text.isascii()
        if not self._plain:
            first = (np.frombuffer(text, np.uint8) & 0xC0) != 0x80
            self._counts = np.concatenate(([0], np.cumsum(first)))

    def __call__(self, place: int) -> int:
        return place if self._plain else int(self._counts[place])


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / INDEX
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{folder} holds no attribution index ({INDEX}); write one with `tabwright data build`"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); install the model again") from error
    sampling = {"format": FORMAT, "gram": GRAM, "window": WINDOW, "names": NAMES}
    if not isinstance(meta, dict) or {key: meta.get(key) for key in sampling} != sampling:
        raise ModelError(
            f"{path} is of another version of this index; write it again with `tabwright data build`"
        )
    files = meta.get("files")
    if not (
        isinstance(files, dict)
        and set(files) == {BUCKETS, REMAINDERS, OWNERS, DOCUMENTS}
        and all(isinstance(file, dict) and {"bytes", "sha256"} <= file.keys() for file in files.values())
        and all(isinstance(meta.get(key), int) for key in ("fingerprints", "documents"))
    ):
        raise ModelError(f"{path} is not the description of an attribution index; install the model again")
    return meta


def _check_file(path: Path, expected: dict[str, Any], *, whole: bool) -> None:
    try:
        same = path.stat().st_size == expected["bytes"]
        if same and whole:
            with path.open("rb") as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == expected["sha256"]
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error}); install the model again") from error
    if not same:
        raise ModelError(f"{path} is not the file that {INDEX} describes; install the model again")
