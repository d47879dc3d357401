"""The packages of a release: the last commit in a folder of its own, and of it sdist, wheel and .vsix.

Not here: what is said about them (bill.py, licences.py).
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steps import StepError, run

Environment = Mapping[str, str]


def time_of_commit(root: Path) -> int:
    """The time of every file in the release, in seconds since 1970: SOURCE_DATE_EPOCH, else the commit's.

    Raises:
        StepError: SOURCE_DATE_EPOCH is no number, or this is no git checkout.
    """
    asked = os.environ.get("SOURCE_DATE_EPOCH")
    if asked is not None:
        if not asked.isdecimal():
            raise StepError(
                f"SOURCE_DATE_EPOCH must be a number of seconds since 1970, not {asked!r}; unset it"
            )
        return int(asked)
    return int(_git(root, "log", "-1", "--format=%ct"))


def commit(root: Path) -> str:
    """The name of the last commit, all of its digits.

    Raises:
        StepError: this is no git checkout.
    """
    return _git(root, "rev-parse", "HEAD")


def left_out(root: Path) -> list[str]:
    """What stands in the checkout and in no commit, as git names it: it is not in the release."""
    return [line[3:] for line in _git(root, "status", "--porcelain").splitlines()]


def check_out(root: Path, folder: Path) -> None:
    """The files of the last commit, and nothing else, with the same modes and times everywhere."""
    archive = folder.with_suffix(".tar")
    # Without these, git would write the line ends and the modes of the machine.
    own = ("-c", "core.autocrlf=false", "-c", "tar.umask=0022")
    _git(root, *own, "archive", "--format=tar", f"--output={archive}", "HEAD")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()


def build_python(source: Path, out: Path, *, python: str, environment: Environment) -> tuple[Path, Path]:
    """The sdist and the wheel, with the build tool that is installed beside `python`."""
    build: list[str | Path] = [python, "-m", "hatchling", "build", "--directory", out]
    for target in ("sdist", "wheel"):
        run([*build, "--target", target], folder=source, environment=environment)
    (sdist,) = out.glob("*.tar.gz")
    (wheel,) = out.glob("*.whl")
    return sdist, wheel


def build_extension(source: Path, out: Path, *, wheel: Path, environment: Environment) -> Path:
    """The .vsix, with the wheel in it; npm fetches what the lock file names and checks its hashes."""
    folder = source / "vscode-extension"
    npm = npm_command()
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder=folder, environment=environment)
    run([*npm, "run", "package"], folder=folder, environment={**environment, "TABWRIGHT_WHEEL": str(wheel)})
    (built,) = (folder / "dist").glob("*.vsix")
    return Path(shutil.copyfile(built, out / built.name))


def npm_command() -> list[str]:
    """How npm is called here.

    Raises:
        StepError: there is no Node.
    """
    found = shutil.which("npm")
    if found is None:
        raise StepError("npm is not on the PATH: install Node 20 or newer to build the VS Code extension")
    return [found]


def what_serves(project: Mapping[str, Any]) -> list[str]:
    """The requirements of `tabwright[cpu]`, as pyproject.toml has them."""
    return [*project["dependencies"], *project["optional-dependencies"]["cpu"]]


def install_what_serves(source: Path, folder: Path, *, python: str, environment: Environment) -> Path:
    """A new environment with what pip installs for `tabwright[cpu]` at the pinned versions, but Tabwright.

    Returns:
        Its interpreter.
    """
    project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    run([python, "-m", "venv", "--without-pip", folder], folder=source, environment=environment)
    inside = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip: list[str | Path] = [python, "-m", "pip", "--python", inside, "--quiet", "install", "--no-compile"]
    run(
        [*pip, "--constraint", "constraints.txt", *what_serves(project)],
        folder=source,
        environment=environment,
    )
    return inside


def _git(root: Path, *words: str) -> str:
    return run(["git", *words], folder=root, environment=os.environ).rstrip("\n")
