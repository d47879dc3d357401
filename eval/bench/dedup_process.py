"""One deduplication in a process of its own: how long it took, what it kept, the most memory its tree held.

Memory is the sum of the proportional set sizes (Linux, smaps_rollup) of the process and its descendants: a
page that forked processes share counts once, and mapped files count as far as they are in memory. It is
looked at ten times a second, so a shorter peak may be missed.

Not here: what runs (dedup_ours.py, dedup_text_dedup.py, dedup_datatrove.py), in which turns (dedup.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.bench.worker import OFFLINE
from model.errors import DataError

_HERE = Path(__file__).parent
_EVERY = 0.1  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Seconds, as the tool measures itself without Python's start and imports; ids kept; peak bytes.

    CPU seconds are of the process and its children, start and imports included: they hardly depend on what
    else the machine does.
    """

    seconds: float
    cpu_seconds: float
    kept: frozenset[str]
    peak: int
    stages: dict[str, float]


def run(driver: str, python: Path | str, files: Sequence[Path], *, workers: int, work: Path) -> Run:
    """Run a driver of this folder on the files. Raises DataError with its last words when it fails."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        out = Path(folder) / "out"
        out.mkdir()
        options = Path(folder) / "options.json"
        options.write_text(
            json.dumps({"files": [str(file) for file in files], "out": str(out), "workers": workers}),
            encoding="utf-8",
        )
        home = {"HF_HOME": folder, "HF_DATASETS_CACHE": f"{folder}/datasets"}
        with (Path(folder) / "errors").open("w+b") as errors:
            process = subprocess.Popen(
                [str(python), "-I", str(_HERE / driver), str(options)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, cwd=folder,
                env={**os.environ, **OFFLINE, **home, "TOKENIZERS_PARALLELISM": "false"},
            )  # fmt: skip
            before = _cpu_seconds()
            watch = _Watch(process.pid)
            try:
                output, _ = process.communicate()
            finally:
                process.kill()
                process.wait()
                peak = watch.stop()
            cpu_seconds = _cpu_seconds() - before
            if process.returncode:
                errors.seek(0)
                last = " ".join(errors.read().decode(errors="replace").strip().splitlines()[-1:])
                raise DataError(f"{driver} failed ({last or f'exit status {process.returncode}'})")
    answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    return Run(
        seconds=answer["seconds"],
        cpu_seconds=cpu_seconds,
        kept=frozenset(answer["kept"]),
        peak=peak,
        stages=answer.get("stages", {}),
    )


def _cpu_seconds() -> float:
    """Of all children that have ended, and of theirs that they waited for."""
    times = os.times()
    return times.children_user + times.children_system


class _Watch:
    """Looks at the memory of a process and its descendants until it is stopped."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._peak = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """The most bytes seen."""
        self._stopped.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while True:
            self._peak = max(self._peak, tree_bytes(self._process))
            if self._stopped.wait(_EVERY):
                return


def tree_bytes(process: int) -> int:
    """Memory of a process and all that descend from it, in bytes; 0 where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of a program, in brackets, may hold anything; the parent is second after it.
            parent = int(entry.read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(entry.parent.name))
    total, waiting = 0, [process]
    while waiting:
        one = waiting.pop()
        total += _proportional_bytes(one)
        waiting += children.get(one, [])
    return total


def _proportional_bytes(process: int) -> int:
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # it has ended, or is not ours
    return 0
