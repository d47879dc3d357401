"""The command line run in the process of the tests, where each process would first load torch for seconds.

Not for what is about processes: their exit codes, what libraries print when they are loaded.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from unittest import mock

import tabwright


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the real command in a folder; what a process would have left."""
    out, told = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(told),
        mock.patch.object(sys, "argv", ["tabwright", *words]),
    ):
        try:
            code = tabwright.main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(words, int(code or 0), out.getvalue(), told.getvalue())
