"""Plain files on disk: never a pipe, a device or a link.

Not here: which files are read (lsp_server/workspace.py, data_pipeline/sources/), what git ignores
(ignored.py).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

_MOUNT_POINT = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: a junction

Stamp = tuple[int, int, int]  # inode, time of the last change, size: other ones, and a file is read again


def stamp(path: str) -> Stamp:
    """What tells a file from its earlier self.

    Raises OSError, also where there is no plain file: a pipe would be waited for.
    """
    info = Path(path).lstat()
    if not stat.S_ISREG(info.st_mode):
        raise OSError(f"{path} is not a plain file")
    return info.st_ino, info.st_mtime_ns, info.st_size


def read(path: str, most: int) -> bytes:
    """Its first bytes. Raises OSError."""
    with Path(path).open("rb") as file:
        return file.read(most)


def is_link(info: os.stat_result) -> bool:
    """Whether what `lstat` told of is a link. Windows has two kinds."""
    return stat.S_ISLNK(info.st_mode) or getattr(info, "st_reparse_tag", 0) == _MOUNT_POINT
