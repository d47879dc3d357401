"""What duplicates are found by, once for each document: exact digest, MinHash signature, shingles.

`sketch` reads the texts of one partition; its result is written beside the partition's documents and never
computed again, whatever is added to the corpus later. On disk it is one file of four `.npy` arrays, one
behind the other, which depends on the texts alone and is read through a memory map.

Signatures are those of `datasketch.MinHash(num_perm=256, scheme="affine32")` fed with the shingles: each
permutation is a * h + b mod 2^32 over shingles mixed once by MurmurHash3's finalizer. The arithmetic is done
here because `update_batch` takes Python integers one by one and makes a (shingles, 256) array of a whole
document; permutation by permutation over the shingles of a batch, which stay in the processor's cache, the
same numbers come out several times faster. A test holds the two together.

Not here: how words become shingles (shingles.py), which documents are duplicates (dedupe.py).
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from data_pipeline.shingles import Offsets, Shingles, shingles
from model.errors import DataError
from model.writing import replacing

PERMUTATIONS = 256
DIGEST = 16  # bytes

Digests = npt.NDArray[np.uint8]
Signatures = npt.NDArray[np.uint32]
_Number = TypeVar("_Number", np.uint8, np.uint32, np.int64)

_BATCH = 250_000  # characters hashed at a time: enough to hide NumPy's overhead, few enough for the cache
_LARGE = 1 << 20  # a map holds a file descriptor, of which there are few: smaller files are read


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sketches:
    """Sketches of n documents, in their order.

    digests (n, 16), signatures (n, 256); shingles of all documents, one behind the other and sorted within
    each, where document i has those from offsets[i] to offsets[i + 1], at least one.
    """

    digests: Digests
    signatures: Signatures
    shingles: Shingles
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.digests)

    def of(self, document: int) -> Shingles:
        """The shingles of a document, sorted and distinct."""
        return self.shingles[self.offsets[document] : self.offsets[document + 1]]


def sketch(texts: Iterable[str]) -> Sketches:
    """Sketches of the texts, in their order. Holds no more than a quarter of a megabyte of text at a time."""
    permutations = _permutations()
    digests, signatures, flat, counts = [], [], [], [np.zeros(1, np.int64)]
    for batch in _batches(texts):
        digests.append(b"".join(map(digest, batch)))
        own, offsets = shingles(batch)
        signatures.append(_signatures(own, offsets, permutations))
        flat.append(own)
        counts.append(np.diff(offsets))
    return Sketches(
        digests=np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST),
        signatures=np.concatenate([np.empty((0, PERMUTATIONS), np.uint32), *signatures]),
        shingles=np.concatenate([np.empty(0, np.uint32), *flat]),
        offsets=np.cumsum(np.concatenate(counts)),
    )


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def digest(text: str) -> bytes:
    """Sixteen bytes of BLAKE2b of the text without white space at line ends and at its own ends."""
    text = "\n".join(map(str.rstrip, text.split("\n"))).strip()
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()


def _permutations() -> tuple[Signatures, Signatures]:
    from datasketch import MinHash  # brings scipy, a second that reading sketches need not wait for

    multipliers, summands = MinHash(num_perm=PERMUTATIONS, scheme="affine32").permutations
    return multipliers, summands


def _signatures(flat: Shingles, offsets: Offsets, permutations: tuple[Signatures, Signatures]) -> Signatures:
    hashes = _finalize(flat)
    found = np.empty((PERMUTATIONS, len(offsets) - 1), np.uint32)
    values = np.empty_like(hashes)
    for least, multiplier, summand in zip(found, *permutations, strict=True):
        np.multiply(hashes, multiplier, out=values)
        np.add(values, summand, out=values)
        np.minimum.reduceat(values, offsets[:-1], out=least)  # no document is without a shingle
    return np.ascontiguousarray(found.T)


def _finalize(hashes: Shingles) -> Shingles:
    """MurmurHash3's finalizer, a bijection of 32 bits (Appleby 2011)."""
    hashes = (hashes ^ hashes >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    hashes = (hashes ^ hashes >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return hashes ^ hashes >> np.uint32(16)


def write(sketches: Sketches, path: Path) -> None:
    """Write under a temporary name, then rename: a file under its own name is whole."""
    with replacing(path) as file:
        for array in (sketches.digests, sketches.signatures, sketches.shingles, sketches.offsets):
            np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def load(path: Path) -> Sketches:
    """Map a file of `write`; one below a megabyte is read. Raises DataError when it is missing or damaged."""
    try:
        with path.open("rb") as file:
            large = path.stat().st_size >= _LARGE
            raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if large else file.read()
        digests, at = _array(raw, 0, np.uint8, DIGEST)
        signatures, at = _array(raw, at, np.uint32, PERMUTATIONS)
        flat, at = _array(raw, at, np.uint32)
        offsets, at = _array(raw, at, np.int64)
        n = len(digests)
        if at != len(raw) or (len(signatures), len(offsets)) != (n, n + 1) or offsets[-1] != len(flat):
            raise ValueError("its arrays do not belong together")
    except FileNotFoundError:
        raise DataError(f"there are no sketches {path}; run `tabwright data build` again") from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} holds no sketches ({error}); delete it and build again") from error
    return Sketches(digests=digests, signatures=signatures, shingles=flat, offsets=offsets)


def _array(
    raw: mmap.mmap | bytes, at: int, dtype: type[_Number], *width: int
) -> tuple[npt.NDArray[_Number], int]:
    """The `.npy` array that begins there, not copied, and where it ends."""
    head = BytesIO(raw[at : at + 1024])  # write_array's header of a plain array has 128 bytes
    if np.lib.format.read_magic(head) != (1, 0):
        raise ValueError("an array of an unknown version")
    shape, _, found = np.lib.format.read_array_header_1_0(head)
    if found != dtype or shape[1:] != width:
        raise ValueError(f"an array of {found} {shape} where another was expected")
    start = at + head.tell()
    array = np.frombuffer(raw, dtype, int(np.prod(shape, dtype=np.int64)), start).reshape(shape)
    return array, start + array.nbytes
