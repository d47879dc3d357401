"""Run one program that a model wrote, in a process of its own, and say how it ended.

The program gets a fresh interpreter without site-packages, an empty environment, a temporary folder that is
deleted afterwards, limits on time, memory, files and processes, and neither network nor child processes.
It passes only if the inner half (sandbox_child.py) reports, after the tests ran, a random nonce that nothing
in that process held while the program did: an early `os._exit(0)` is a failure.

Protection: see `NOT_PROTECTED`. Linux and macOS only; serving needs none of this.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Literal, get_args

from model.errors import ConfigError

NOT_PROTECTED = """\
The sandbox keeps clumsy programs from doing harm; it is not a security boundary against a determined
adversary. Its rules live inside the tested process as a Python audit hook, which native code or a flaw of the
interpreter can get around; namespaces (no network, no sight of other processes) are used only where the
kernel allows them. It does not hide files: a program can read what the user can read. It does not defend the
tests against a program written to fool them, for instance by returning objects that equal everything.
Run the evaluation of a model you do not trust in a container or a virtual machine."""

Outcome = Literal["passed", "failed", "error", "exited", "blocked", "timeout", "memory"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_CHILD = Path(__file__).with_name("sandbox_child.py")
# Not -I: it would ignore PYTHONHASHSEED, and with that verdicts would depend on the order of sets.
_FLAGS = ("-S", "-s", "-P", "-B", "-X", "utf8")
_LARGEST_REPORT = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may use. Processes and threads beyond its own: none."""

    wall_seconds: float = 5.0
    cpu_seconds: int = 5
    memory_bytes: int = 512 * 2**20
    file_bytes: int = 2**20
    open_files: int = 64
    output_bytes: int = 4096  # kept for the detail of a crash; more is read and dropped

    @classmethod
    def of_cpu(cls, seconds: float) -> Limits:
        """Limits by which the CPU time decides, so that a busy machine changes no verdict.

        The wall time, four times as long, is for programs that wait.
        """
        if not 0 < seconds < math.inf:
            raise ConfigError(f"a time limit of {seconds} seconds is out of range; use more than 0")
        return cls(wall_seconds=4 * seconds, cpu_seconds=math.ceil(seconds))

    def __post_init__(self) -> None:
        if not 0 < self.wall_seconds < math.inf:
            raise ConfigError(f"a time limit of {self.wall_seconds} seconds is out of range; use more than 0")
        if self.cpu_seconds < 1 or self.memory_bytes < 64 * 2**20 or self.open_files < 16:
            raise ConfigError(
                "the sandbox needs at least 1 second of CPU, 64 MiB of memory and 16 open files"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a program ended. `detail` is one line; `seconds` wall time with the interpreter's start."""

    passed: bool
    outcome: Outcome
    detail: str
    seconds: float
    isolated: bool = False  # whether the kernel gave it namespaces of its own, network included


@dataclass(slots=True)
class _Heard:
    """What came through the child's two pipes."""

    output: bytearray = field(default_factory=bytearray)
    report: bytearray = field(default_factory=bytearray)
    in_time: bool = False


def run(program: str, *, tests: str = "", limits: Limits | None = None) -> Verdict:
    """Execute `program`, then `tests` with the names it defined; passed means that both ended normally.

    The two are compiled apart, so that no open quote in the program swallows the tests. May be called from
    several threads. Raises ConfigError where the system has no resource limits (Windows).
    """
    if importlib.util.find_spec("resource") is None:
        raise ConfigError(
            "model-written programs need the resource limits of Linux or macOS to run; use WSL or a container"
        )
    limits = limits or Limits()
    nonce = secrets.token_hex(16).encode()
    job = json.dumps({"program": program, "tests": tests, "limits": asdict(limits)})
    with (
        tempfile.TemporaryDirectory(prefix="tabwright-sandbox-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as stdin,
    ):
        # A file and not a pipe: nobody has to feed it while the child starts.
        stdin.write(job.encode("utf-8", "surrogatepass"))
        stdin.seek(0)
        start = time.monotonic()
        heard, status = _converse(folder, stdin, nonce, limits)
        seconds = time.monotonic() - start
    return _verdict(heard, status, nonce, seconds, limits)


def _converse(folder: str, stdin: IO[bytes], nonce: bytes, limits: Limits) -> tuple[_Heard, int]:
    """Start the child, listen until it reports or its time is up, end it and all its group."""
    nonce_end, nonce_source = os.pipe()
    report_source, report_end = os.pipe()
    try:
        os.write(nonce_source, nonce)
        child = subprocess.Popen(
            [sys.executable, *_FLAGS, str(_CHILD), str(nonce_end), str(report_end)],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
            env={"PYTHONHASHSEED": "0"}, pass_fds=(nonce_end, report_end), start_new_session=True,
        )  # fmt: skip
        os.close(report_end)
        report_end = -1
        assert child.stdout is not None
        try:
            heard = _listen(child.stdout.fileno(), report_source, limits)
            if heard.in_time and nonce not in heard.report:
                # It died without a word. How it died comes a moment later, through the outer process.
                with suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=1)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            status = child.wait()
            child.stdout.close()
        return heard, status
    finally:
        for end in (nonce_end, nonce_source, report_source, report_end):
            if end >= 0:
                os.close(end)


def _listen(output_end: int, report_source: int, limits: Limits) -> _Heard:
    """Read both pipes until the report ends or the wall time is over."""
    heard = _Heard()
    deadline = time.monotonic() + limits.wall_seconds
    with selectors.DefaultSelector() as selector:
        selector.register(output_end, selectors.EVENT_READ)
        selector.register(report_source, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, 65_536)
                if key.fd == output_end:
                    heard.output += chunk[: limits.output_bytes - len(heard.output)]
                elif chunk:
                    heard.report += chunk[: _LARGEST_REPORT - len(heard.report)]
                else:
                    heard.in_time = True
                    return heard
                if not chunk:
                    selector.unregister(key.fd)
    return heard


def _verdict(heard: _Heard, status: int, nonce: bytes, seconds: float, limits: Limits) -> Verdict:
    # The first byte was sent before the program ran, what follows the nonce after its end; anything
    # between is the program's own doing.
    isolated = heard.report[:1] == b"1"
    _, reported, report = bytes(heard.report).partition(nonce + b"\n")

    def verdict(outcome: Outcome, detail: str) -> Verdict:
        passed = outcome == "passed"
        return Verdict(passed=passed, outcome=outcome, detail=detail, seconds=seconds, isolated=isolated)

    if not heard.in_time:
        return verdict("timeout", f"not done after {limits.wall_seconds:g} s")
    if reported:
        word, _, detail = report.decode("utf-8", "replace").partition("\n")
        return verdict(next(outcome for outcome in OUTCOMES if outcome == word), detail)
    # Through the outer process a signal arrives as 128 + its number, without it as a negative number.
    number = -status if status < 0 else status - 128
    if number == signal.SIGXCPU or (number == signal.SIGKILL and seconds >= limits.cpu_seconds * 0.9):
        return verdict("timeout", f"used more than {limits.cpu_seconds} s of CPU")
    if number == signal.SIGKILL:
        return verdict("memory", "killed by the system, most likely for lack of memory")
    said = " ".join(heard.output.decode("utf-8", "replace").split())[:400]
    if number > 0:
        return verdict("error", f"killed by signal {number}; {said}".rstrip("; "))
    return verdict("exited", f"left with status {status} before the tests were done; {said}".rstrip("; "))
