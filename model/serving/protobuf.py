"""The wire format of protocol buffers, read strictly: the fields that are asked for, each in its one form.

    tag = field number · 8 + wire type; then a varint, 8 bytes, a length and its bytes, or 4 bytes

(https://protobuf.dev/programming-guides/encoding/). The library itself is not part of the serving install,
and it would take what it does not know for granted; here an unknown field is an error, so that nothing can
stand in a file that another reader sees and this one does not. Nothing is copied: bytes come as views.

Not here: what the fields mean (onnx_file.py), groups, packed numbers, writing.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

VARINT: Final = 0
BYTES: Final = 2
FIXED32: Final = 5
_LONGEST_VARINT = 10  # bytes


class WireError(ValueError):
    """Bytes that are no such message; the text continues a sentence that names the file."""


class Reader:
    """Reads messages of one file, at most `most` fields in all: a small file can hold very many."""

    def __init__(self, most: int) -> None:
        self._left = most

    def fields(self, data: memoryview, kinds: Mapping[int, int]) -> dict[int, list[Any]]:
        """The values of a message by field number, in their order; `kinds` are the wire types by number.

        Varints come as they stand (see `signed`), fixed ones as floats. Raises WireError for a field that is
        not among `kinds` or of another type, for too many fields, and where the bytes end too early.
        """
        found: dict[int, list[Any]] = {number: [] for number in kinds}
        at, end = 0, len(data)
        try:
            while at < end:
                self._left -= 1
                if self._left < 0:
                    raise WireError("has too many parts")
                tag = data[at]
                at += 1
                if tag > 127:
                    tag, at = _varint(data, at - 1)
                values = found.get(tag >> 3)
                kind = tag & 7
                if values is None or kinds[tag >> 3] != kind:
                    raise WireError(f"has a field {tag >> 3} of type {kind}, which does not belong there")
                if kind == FIXED32:
                    values.append(struct.unpack_from("<f", data, at)[0])
                    at += 4
                    continue
                value = data[at]
                at += 1
                if value > 127:
                    value, at = _varint(data, at - 1)
                if kind == BYTES:
                    if value > end - at:
                        raise WireError("ends too early")
                    values.append(data[at : at + value])
                    at += value
                else:
                    values.append(value)
        except (IndexError, struct.error):
            raise WireError("ends too early") from None
        return found


def signed(value: int) -> int:
    """A varint as the int64 that it stands for."""
    return value - (1 << 64) if value >> 63 else value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at a place, and where it ends."""
    value = 0
    for shift in range(0, 7 * _LONGEST_VARINT, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                break
            return value, at
    raise WireError("has a number that is too long")
