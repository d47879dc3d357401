"""How long the process lives: not longer than the editor that started it.

An editor that crashes sends no `exit`, and what it leaves open may keep stdin from ending, so its process is
looked at every few seconds. Not here: what is told before the end (server.py), stdin itself (transport.py).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

EVERY = 3.0  # seconds
_GRACE = 5.0  # seconds until a process that was told to end is ended


def alive(pid: int) -> bool:
    """Whether a process runs. One that has ended and that nobody has asked for its status does not."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)  # signal 0 only looks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # not Linux, or it has just ended
        return False
    # The name, in brackets, may hold anything; the state follows it.
    return status.rpartition(b")")[2].split()[:1] in ([b"Z"], [b"X"])


def _alive_on_windows(pid: int) -> bool:
    import ctypes

    synchronize, timed_out = 0x00100000, 0x00000102
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        # 5: it runs, as somebody else.
        return bool(ctypes.get_last_error() == 5)  # type: ignore[attr-defined,unused-ignore]
    try:
        return bool(kernel.WaitForSingleObject(handle, 0) == timed_out)
    finally:
        kernel.CloseHandle(handle)


def watch(pid: int, gone: Callable[[], None], *, every: float = EVERY) -> bool:
    """Have `gone` called, on a thread of its own, once a process has ended. Looks every so many seconds.

    False, and nothing is watched, where there is no such process now: an editor in another container, or on
    another machine, tells an id that means nothing here.
    """
    if not alive(pid):
        return False

    def look() -> None:
        while alive(pid):
            time.sleep(every)
        gone()

    threading.Thread(target=look, name="tabwright-lifetime", daemon=True).start()
    return True


def end_soon(code: int, *, seconds: float = _GRACE) -> None:
    """End the process with this exit code after a while, unless it has ended by then.

    Python waits for threads that compute, and a library may compute for long.
    """

    def end() -> None:
        time.sleep(seconds)
        os._exit(code)

    threading.Thread(target=end, name="tabwright-end", daemon=True).start()


def end_now(code: int) -> NoReturn:
    """End the process with this exit code while a thread still computes.

    Python would end first and take the interpreter from under it: a library written in C++ then aborts.
    """
    logging.shutdown()  # what was logged is on its way
    os._exit(code)
