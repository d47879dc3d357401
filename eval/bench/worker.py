"""A driver process held by its standard input and output.

Not here: what runs inside (driver.py and the adapters), how environments are made (peers.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from model.errors import DataError

_HERE = Path(__file__).parent
# No engine reports home from a benchmark, or looks for a model there.
OFFLINE = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}


class Worker:
    """One process around one adapter; use it in a `with` block, or close it."""

    def __init__(self, adapter: str, *, python: str | Path = sys.executable, threads: int = 1) -> None:
        """Start `adapter`, a file name of this folder or a path, in the given Python."""
        self.name = adapter
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        self._process = subprocess.Popen(
            [str(python), "-I", str(_HERE / "driver.py"), str(_HERE / adapter)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **OFFLINE, **limits},
            text=True,
            encoding="utf-8",
        )

    def ask(self, do: str, **rest: Any) -> dict[str, Any]:
        """One question, one answer. Raises DataError when the engine fails or ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": do, **rest}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
            raise DataError(f"the benchmarked engine {self.name} ended ({' '.join(last) or 'no message'})")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise DataError(f"the benchmarked engine {self.name} failed ({answer['error']})")
        return answer

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait(timeout=10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
