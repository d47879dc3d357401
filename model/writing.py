"""Files that are whole or not there: written under a temporary name, then renamed.

Not here: what makes a whole step of a build resumable (data_pipeline/steps.py).
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_HARDLY_ANY = 1 << 20  # bytes


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its name when the block ends well, and leaves nothing when it does not.

    Raises OSError; a full disk has the errno ENOSPC, also where NumPy says no more than how much it wrote.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        no_room = (
            isinstance(error, OSError)
            and error.errno is None
            and shutil.disk_usage(path.parent).free < _HARDLY_ANY
        )
        temporary.unlink(missing_ok=True)
        if no_room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    temporary.replace(path)
