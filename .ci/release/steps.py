"""One step of a release: a line that says what is being done, and a command that says why it failed.

Not here: what the steps are (__main__.py).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

LINES_OF_A_FAILURE = 25
# What a person has set for other work, and what would show in the bytes or decide which tools run.
NOT_HANDED_ON = {"NODE_ENV", "NODE_OPTIONS", "PYTHONHOME", "PYTHONPATH", "LANGUAGE", "TABWRIGHT_WHEEL"}


class StepError(RuntimeError):
    """A step that could not be done: one sentence, then the last lines of the command that failed."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and in how many seconds it was."""
    typer.echo(f"{what} …")
    started = time.monotonic()
    yield
    typer.echo(f"    {time.monotonic() - started:.0f} s")


def run(command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a command to its end and give its standard output.

    Raises:
        StepError: it is not installed, or ended with another status than 0.
    """
    shown = " ".join(Path(word).name if os.sep in str(word) else str(word) for word in command)
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise StepError(f"`{shown}` could not be started: {error.strerror}") from error
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LINES_OF_A_FAILURE:])
        raise StepError(f"`{shown}` ended with status {done.returncode}:\n{last}")
    return done.stdout


def surroundings(epoch: int, python: str) -> dict[str, str]:
    """The environment of every step, in which nothing of the person's own can show in the bytes.

    The .vsix is the reason for two of them: its archive holds local times, sorted by the rules of a language.
    """
    kept = {name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON}
    return kept | {
        "SOURCE_DATE_EPOCH": str(epoch),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "LANG": "C.UTF-8",
        "NO_UPDATE_NOTIFIER": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TABWRIGHT_PYTHON": python,
    }


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
