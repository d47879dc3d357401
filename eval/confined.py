"""Run a command that is killed at once should it, or what it starts, open an internet socket. Linux only.

    python -I confined.py COMMAND [ARGUMENT …]

The kernel watches: a seccomp filter (seccomp(2); the kernel's userspace-api/seccomp_filter.rst) kills the
process with SIGSYS at socket(AF_INET, …) and socket(AF_INET6, …), with which every connection, look-up of a
name and listening begins. It is handed down to children and cannot be taken off. io_uring, which could make
sockets without that call, is refused as on a kernel without it. A script of its own process, with nothing
but the standard library.

Not here: what the server is asked meanwhile (tests/e2e/test_no_network.py, eval/replay/).
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

# linux/audit.h, asm/unistd.h: architecture, numbers of socket and io_uring_setup.
_MACHINES = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}
_AF_INET, _AF_INET6 = 2, 10
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _KILL, _NO_SUCH_CALL = 0x7FFF0000, 0x80000000, 0x00050000 | 38  # ENOSYS
# Classic BPF (linux/bpf_common.h): load a word of the call's data, jump if equal, return.
_LOAD, _JUMP_IF, _RETURN = 0x20, 0x15, 0x06
_CALL, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; little-endian machines


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def available() -> bool:
    """Whether this machine can confine: Linux on a processor whose call numbers are known here."""
    return sys.platform == "linux" and platform.machine() in _MACHINES


def confine() -> None:
    """From now on this process dies at its first internet socket. Raises OSError where the kernel refuses."""
    architecture, socket, io_uring = _MACHINES[platform.machine()]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_IF, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),  # calls of another architecture have other numbers
        (_LOAD, 0, 0, _CALL),
        (_JUMP_IF, 5, 0, io_uring),
        (_JUMP_IF, 0, 3, socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_IF, 3, 0, _AF_INET),
        (_JUMP_IF, 2, 0, _AF_INET6),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _NO_SUCH_CALL),
        (_RETURN, 0, 0, _KILL),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(steps), ctypes.cast(held, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value, what in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program)),
    ):
        if libc.prctl(option, value, what, 0, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def main() -> None:
    """Confine this process and become the command."""
    if len(sys.argv) < 2 or not available():
        sys.exit("usage, on Linux (x86_64, aarch64): python -I confined.py COMMAND [ARGUMENT ...]")
    confine()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606


if __name__ == "__main__":
    main()
