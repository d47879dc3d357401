"""The inner half of sandbox.py: a script of its own process, given one program to run and to judge.

Run by path as `python -S -s -P sandbox_child.py NONCE_FD REPORT_FD`, with the job as JSON on stdin; it
imports the standard library only. The order matters: own namespaces, then limits, then the audit hook, which
can never be taken off again, then the program, then the tests, and only then is the nonce read and reported.

Not here: wall time, cleaning up, what the outcome means to a score (sandbox.py).
"""

from __future__ import annotations

import builtins
import ctypes
import json
import os
import random
import resource
import signal
import sys
import types
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
MODULE = "candidate"
LONGEST_DETAIL = 500

# Audit events that a solution of a puzzle has no use for; a trailing dot stands for all that begin so.
FORBIDDEN = (
    "socket.", "ctypes.", "sqlite3.", "gc.", "syslog.", "ftplib.", "http.", "urllib.", "smtplib.",
    "webbrowser.", "telnetlib.", "imaplib.", "poplib.", "nntplib.", "pty.", "fcntl.", "subprocess.",
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.startfile",
    "os.kill", "os.killpg", "os.chroot", "os.setxattr", "os.removexattr", "signal.pthread_kill",
    "_thread.start_new_thread", "_thread.start_joinable_thread", "resource.setrlimit", "resource.prlimit",
)  # fmt: skip
# Events that change the file system, and how many of their first arguments name what they change.
CHANGES = {
    "os.chflags": 1, "os.chmod": 1, "os.chown": 1, "os.link": 2, "os.mkdir": 1, "os.remove": 1,
    "os.rename": 2, "os.rmdir": 1, "os.symlink": 2, "os.truncate": 1, "os.utime": 1,
    "shutil.rmtree": 1,  # goes by folder descriptors further in, which the events of os do not show
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class BlockedError(PermissionError):
    """The program asked for something it may not have."""


def enter_namespaces() -> bool:
    """Give up the network and the sight of other processes; false where the system does not allow it.

    Returns in a new process that is the first of its process namespace: when that one dies, the kernel
    kills all that it started, whatever sessions they moved to.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    # The outer process must not outlive the evaluation, nor the inner one the outer.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC) != 0:
        return False
    inner = os.fork()
    if inner == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        return True
    # An end of a pipe held open here would hide the death of the inner process.
    os.closerange(0, 3)
    for descriptor in map(int, sys.argv[1:3]):
        os.close(descriptor)
    _, status = os.waitpid(inner, 0)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def set_limits(limits: dict[str, int]) -> None:
    """Lower what the kernel grants. Soft equals hard: the first process of a namespace ignores SIGXCPU."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        # Counts all processes of the user, so 0 means "no more". Root is exempt: the hook is for that.
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_AS: limits["memory_bytes"],
    }
    for kind, value in wanted.items():
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError):
            # macOS refuses some of these; on Linux a limit that does not hold is a reason not to run.
            if sys.platform.startswith("linux"):
                raise


def install_hook(work: str) -> None:
    """Refuse the FORBIDDEN events and changes of files outside the folder `work`, for good."""
    realpath, fsdecode, sep = os.path.realpath, os.fsdecode, os.sep
    exact = frozenset(name for name in FORBIDDEN if not name.endswith("."))
    families = tuple(name for name in FORBIDDEN if name.endswith("."))

    def outside(path: object) -> bool:
        if isinstance(path, int):
            return False  # opened before, and judged then
        resolved = realpath(fsdecode(path))  # type: ignore[arg-type]
        return resolved not in (work, "/dev/null") and not resolved.startswith(work + sep)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING and outside(path):
                raise BlockedError(f"writing {path!r}")
        elif event in CHANGES:
            if any(outside(path) for path in arguments[: CHANGES[event]]):
                raise BlockedError(f"{event} {arguments[0]!r}")
        elif event in exact or event.startswith(families):
            raise BlockedError(event)

    sys.addaudithook(hook)


def close_side_doors() -> None:
    """Take away what raises no audit event: ways to start processes and threads, the environment, stdin."""
    import _posixsubprocess
    import _thread

    def refused(*_: object, **__: object) -> None:
        raise BlockedError("starting a process or thread")

    # Threads raise an event from Python 3.12 on; one rule for all versions, and for root.
    for module, name in (
        (_posixsubprocess, "fork_exec"),
        (_thread, "start_new_thread"),
        (_thread, "start_new"),
        (_thread, "start_joinable_thread"),
    ):
        if hasattr(module, name):
            setattr(module, name, refused)
    assert "threading" not in sys.modules, "threading would keep the functions replaced above"
    os.environ.clear()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process


def judge(program: str, tests: str) -> tuple[str, str]:
    """Run the program, then the tests against its names. Returns outcome and detail; never raises."""
    ballast = bytearray(1 << 20)  # room to report in, should the program eat all memory
    try:
        pristine = dict(vars(builtins))
        module = types.ModuleType(MODULE)
        sys.modules[MODULE] = module
        space = module.__dict__
        exec(compile(program, "<program>", "exec", dont_inherit=True), space)  # noqa: S102 - what this is for
        # A program that redefines `abs` or `check`, as its own name or for all, must not soften its tests.
        vars(builtins).update(pristine)
        seen = {name: value for name, value in space.items() if name not in pristine and name[:2] != "__"}
        exec(compile(tests, "<tests>", "exec", dont_inherit=True), seen)  # noqa: S102
    except BaseException as error:
        del ballast
        error.__traceback__ = error.__context__ = None  # lets go of what the frames hold
        return outcome_of(error), detail_of(error)
    return "passed", ""


def outcome_of(error: BaseException) -> str:
    """The word for what stopped the run."""
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, BlockedError):
        return "blocked"
    if isinstance(error, AssertionError):
        return "failed"
    return "error" if isinstance(error, Exception) else "exited"


def detail_of(error: BaseException) -> str:
    """`Kind: message` in one line; the program's own exceptions may fail even at this."""
    try:
        return " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_DETAIL]
    except BaseException:
        return "an exception without a readable message"


def main() -> None:
    """Judge one job and leave without running anything that the program left behind."""
    nonce_end, report_end = int(sys.argv[1]), int(sys.argv[2])
    job = json.loads(sys.stdin.buffer.read())
    isolated = enter_namespaces()
    set_limits(job["limits"])
    close_side_doors()
    random.seed(0)  # some HumanEval tests draw their inputs: the same ones in every run
    install_hook(os.path.realpath(os.getcwd()))  # noqa: PTH109
    # Kept as locals, out of reach of a program that replaces names in `os`.
    read: Callable[[int, int], bytes] = os.read
    write: Callable[[int, bytes], int] = os.write
    leave: Callable[[int], None] = os._exit
    write(report_end, b"%d\n" % isolated)
    outcome, detail = judge(job["program"], job["tests"])
    # Read only now: while the program ran, no object of this process held the nonce.
    nonce = read(nonce_end, 64)
    write(report_end, b"\n".join([nonce, outcome.encode(), detail.encode("utf-8", "replace")]))
    leave(0)


if __name__ == "__main__":
    main()
