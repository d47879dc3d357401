"""What another process has used so far: CPU seconds and the most memory at once. Linux only; None elsewhere.

Not here: processes and their children (eval/bench/dedup_process.py).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_UTIME, _STIME = 11, 12  # fields of /proc/<pid>/stat behind the name (man 5 proc_pid_stat)


def cpu_seconds(pid: int, *, proc: Path = Path("/proc")) -> float | None:
    """User and system time of all threads of a process, in seconds; None where it cannot be told."""
    try:
        stat = (proc / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
        fields = stat.rpartition(")")[2].split()  # a name may hold blanks and brackets
        return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def peak_bytes(pid: int, *, proc: Path = Path("/proc")) -> int | None:
    """The most memory that a process held at once (VmHWM), in bytes; None where it cannot be told."""
    try:
        status = (proc / str(pid) / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None
