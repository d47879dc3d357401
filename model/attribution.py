"""The attribution index: which project, file and licence a piece of text was learnt from.

The texts themselves are not in it. Of every training document a few hashes are kept (winnowing.py), each with
the number of one document, and so chosen that a copy of at least `LEAST` lexical tokens is surely found,
wherever it was moved to, re-indented or commented anew.

A folder holds, for f hashes of d documents, and b bits (2 to the b buckets):
`counts.npy` uint8 (2^b / 2,): how many hashes have these top bits, four bits a bucket, the lower ones first;
`remainders.npy` uint16 (f,): the next 16 bits of each hash, ascending in a bucket;
`owners.npy` uint16 or uint32 (f,): the document's number, or d for what is common to many projects;
`documents.json.zz`: the documents, in zlib; `index.json`: sizes, checksums, the sampling it was written with,
and the checksum of the documents that it was written from.

A hash keeps b + 16 bits, and there are at most `PER_BUCKET` times 2^b of them: of 26,000 strangers one is
taken for somebody's.

Not here: computing it from a corpus (data_pipeline/attribution.py), and what a server does with a match.
"""

from __future__ import annotations

import hashlib
import json
import stat
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from model import plain_files, winnowing
from model.errors import ConfigError, ModelError
from model.winnowing import GRAM, LEAST, NAMES, WINDOW, Hashes, Places

FORMAT = 2
REMAINDER_BITS = 16
COUNT_BITS = 4
PER_BUCKET = 2.5  # hashes, at most: a count of four bits then hardly ever overflows
INDEX, DOCUMENTS = "index.json", "documents.json.zz"
COUNTS, REMAINDERS, OWNERS = "counts.npy", "remainders.npy", "owners.npy"

_LARGEST_INDEX, _LARGEST_NAMES = 1 << 20, 1 << 28  # bytes that are read of a description, and of names
# The table of documents begins with the projects; unless there are thousands, so many bytes hold all.
_BEGIN, _HEAD = '{"projects":', 1 << 16
_BLOCK = 128  # bytes of counts between two known places
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
        """Whether the columns are equally long and name what there is, in letters that can be shown."""
        return (
            len(self.project) == len(self.license) == len(self.paths) > 0
            and "".join((*self.projects, *self.licenses, *self.paths)).isprintable()
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
    """An index in memory-mapped files. Made by `load`; `find` may be called from several threads.

    `corpus` is the checksum of the documents that it was written from.
    """

    def __init__(
        self,
        folder: Path,
        counts: npt.NDArray[np.uint8],
        remainders: npt.NDArray[np.uint16],
        owners: npt.NDArray[np.unsignedinteger],
        meta: dict[str, Any],
    ) -> None:
        self.folder, self.corpus = folder, str(meta["corpus"])
        self._remainders, self._owners = remainders, owners
        self._counts = counts.reshape(-1, min(_BLOCK, len(counts)))
        self._shift = np.uint64(64 - len(counts).bit_length())
        sums = _spread(self._counts).sum(axis=1, dtype=np.int64)
        self._begins = np.concatenate(([0], np.cumsum(sums)))
        self._count = int(meta["documents"])
        self._documents: _Documents | None = None

    @classmethod
    def load(cls, folder: Path, *, verify: bool = False) -> Self:
        """Open an index; `verify` also reads all of it and compares checksums.

        Raises ModelError when files are missing, cut short or not those that belong together.
        """
        meta = _read_meta(folder)
        for name, expected in meta["files"].items():
            _check_file(folder / name, expected, whole=verify)
        try:
            counts, remainders, owners = (
                np.lib.format.open_memmap(folder / name, mode="r")  # np.load also opens archives
                for name in (COUNTS, REMAINDERS, OWNERS)
            )
        except (OSError, EOFError, ValueError, TypeError) as error:
            raise _damaged(folder, error) from error
        count = meta["fingerprints"]
        if not (
            counts.dtype == np.uint8
            and counts.ndim == 1
            and (size := len(counts)) >= 1
            and size & (size - 1) == 0
            and remainders.dtype == np.uint16
            and remainders.shape == (count,)
            and owners.dtype in (np.uint16, np.uint32)
            and owners.shape == (count,)
            and (index := cls(folder, counts, remainders, owners, meta))._begins[-1] == count
        ):
            raise ModelError(
                f"{folder} holds files of different attribution indexes; install the model again"
            )
        if verify:
            index._named()
        return index

    @property
    def projects(self) -> frozenset[str]:
        """Whose documents it knows: the beginning of their table. Raises ModelError when that is damaged."""
        return frozenset(self._first_names() or self._named().projects)

    def _first_names(self) -> list[str]:
        """The projects, without the many paths behind them; none where that fails: who reads all says why."""
        try:
            packed = plain_files.read(str(self.folder / DOCUMENTS), _LARGEST_NAMES)
            head = zlib.decompressobj().decompress(packed, _HEAD).decode("utf-8", "ignore")
            names = json.JSONDecoder().raw_decode(head, len(_BEGIN))[0] if head.startswith(_BEGIN) else None
        except (OSError, ValueError, RecursionError, zlib.error):
            return []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return []
        return names if "".join(names).isprintable() else []

    def _named(self) -> _Documents:
        """The documents, read when the first one is to be named: it takes longer than all the rest."""
        if self._documents is None:
            try:
                packed = plain_files.read(str(self.folder / DOCUMENTS), _LARGEST_NAMES)
                documents = _Documents(**json.loads(zlib.decompressobj().decompress(packed, _LARGEST_NAMES)))
                if not documents.fit() or len(documents.paths) != self._count:
                    raise ValueError("its columns do not fit together")
            except (OSError, ValueError, TypeError, AttributeError, RecursionError, zlib.error) as error:
                raise _damaged(self.folder, error) from error
            self._documents = documents
        return self._documents

    def find(self, text: str, *, before: str = "", least: int = LEAST) -> list[Match]:
        """What of `text` stands in the corpus, the longest match first; none lies inside another.

        A copy may have begun in `before`, the text above. One of at least `least` tokens is surely found when
        `text` holds all of it. One of at least `LEAST` that comes in pieces, each asked about with those
        before it above, is surely found in one of them. What is found surely shares `GRAM` tokens or more; of
        copies shorter than `least` some are found too. Data (winnowing.py) and what is common to many
        projects belong to nobody and are not found.

        Raises ConfigError when `least` is below `LEAST`, and ModelError when the names are damaged.
        """
        if least < LEAST:
            raise ConfigError(f"the least match is {least} tokens, but the index tells no fewer than {LEAST}")
        above = _last_lines(before)
        read = (above + text).encode("utf-8", "replace")
        tokens = winnowing.lexed(read)
        if len(tokens.hashes) < GRAM:
            return []
        sums = winnowing.prefix_sums(tokens.hashes)
        choices = winnowing.choices(sums, goes_on=True)
        chosen, which = np.unique(choices, return_inverse=True)
        owners = self._owners_of(winnowing.runs(sums)[chosen])
        owners[~winnowing.tells(tokens.names)[chosen]] = -1
        owners = owners[which]
        if not ((owners >= 0) & (owners < self._count)).any():
            return []
        first_own = int(np.searchsorted(tokens.ends, len(above.encode("utf-8", "replace")), side="right"))
        found: list[tuple[int, int, int]] = []
        whole = max(0, len(tokens.hashes) - LEAST + 1)  # windows that do not reach beyond the end
        for owner, first, last in _stretches(owners, self._count, least - LEAST, whole):
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
            origin = self._named().origin(owner)
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
        block, place = np.divmod((hashes >> self._shift).astype(np.int64), 2 * self._counts.shape[1])
        counts = _spread(self._counts[block])
        count = counts[np.arange(len(hashes)), place].astype(np.int64)
        before = np.arange(counts.shape[1]) < place[:, None]
        begin = self._begins[block] + np.where(before, counts, 0).sum(axis=1, dtype=np.int64)
        asked = np.repeat(np.arange(len(hashes)), count)
        # Entries of all asked buckets, one after another.
        entries = np.arange(len(asked)) + np.repeat(begin - np.cumsum(count) + count, count)
        wanted = ((hashes >> (self._shift - np.uint64(REMAINDER_BITS))) & np.uint64(0xFFFF)).astype(np.uint16)
        right = self._remainders[entries] == wanted[asked]
        owners = np.full(len(hashes), -1, np.int64)
        owners[asked[right]] = self._owners[entries[right]]
        return owners


def _spread(counts: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Rows of bytes, (m, n), to rows of counts, (m, 2 n)."""
    return np.stack((counts & 0xF, counts >> 4), axis=-1).reshape(len(counts), -1)


def _stretches(owners: Places, documents: int, more: int, whole: int) -> list[tuple[int, int, int]]:
    """(document, first window, last window) of all runs of windows that it may own.

    With `more` above 0 only runs of more than so many of the first `whole` windows: of copies that have so
    many tokens more than `LEAST`.

    A hash is kept for one document only, the first in number, or for nobody when it is common. A window of a
    document between others of its own may thus be a lower document's or nobody's, but never a higher one's.
    """
    found = []
    for owner in np.unique(owners[(owners >= 0) & (owners < documents)]).tolist():
        may = (owners >= 0) & ((owners <= owner) | (owners >= documents))
        edges = np.flatnonzero(np.diff(np.concatenate(([False], may, [False]))))
        for begin, end in edges.reshape(-1, 2).tolist():
            own = np.flatnonzero(owners[begin:end] == owner)
            if len(own) and (more == 0 or min(end, whole) - begin > more):
                found.append((owner, begin + int(own[0]), begin + int(own[-1])))
    return found


def _last_lines(before: str) -> str:
    """The last `_BEFORE` characters, from the start of a line on, as comments are told by their lines."""
    if len(before) <= _BEFORE:
        return before
    cut = before.find("\n", len(before) - _BEFORE)
    return before[cut + 1 :] if cut >= 0 else before[-_BEFORE:]


def _damaged(folder: Path, error: Exception) -> ModelError:
    return ModelError(f"{folder} holds a damaged attribution index ({error}); install the model again")


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
        _size(path)
        meta = json.loads(plain_files.read(str(path), _LARGEST_INDEX))
    except FileNotFoundError:
        raise ModelError(
            f"{folder} holds no attribution index ({INDEX}); write one with `tabwright data build`"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read ({error}); install the model again") from error
    sampling = {"format": FORMAT, "gram": GRAM, "window": WINDOW, "names": NAMES}
    if not isinstance(meta, dict) or {key: meta.get(key) for key in sampling} != sampling:
        raise ModelError(
            f"{path} is of another version of this index; write it again with `tabwright data build`"
        )
    files = meta.get("files")
    if not (
        isinstance(files, dict)
        and set(files) == {COUNTS, REMAINDERS, OWNERS, DOCUMENTS}
        and all(isinstance(file, dict) and {"bytes", "sha256"} <= file.keys() for file in files.values())
        and all(isinstance(meta.get(key), int) for key in ("fingerprints", "documents"))
        and isinstance(meta.get("corpus"), str)
    ):
        raise ModelError(f"{path} is not the description of an attribution index; install the model again")
    return meta


def _size(path: Path) -> int:
    """In bytes. Raises OSError for what is no file: a pipe would be waited for. Installers may use links."""
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        raise OSError(f"{path} is not a plain file")
    return info.st_size


def _check_file(path: Path, expected: dict[str, Any], *, whole: bool) -> None:
    try:
        same = _size(path) == expected["bytes"]
        if same and whole:
            with path.open("rb") as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == expected["sha256"]
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error}); install the model again") from error
    if not same:
        raise ModelError(f"{path} is not the file that {INDEX} describes; install the model again")
