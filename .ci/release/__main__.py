"""`make dist`: the last commit as sdist, wheel and .vsix, with a bill of materials, licences and checksums.

The same commit gives the same bytes, in any folder, time zone and language and with any file modes, as long
as the tools are the same; the bill names them. Nothing stands in the folder under its final name before all
is built.

Not here: publishing and signing; a build of what is in no commit.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated

import bill
import licences
import packages
import typer
from steps import StepError, run, sha256, step, surroundings

ROOT = Path(__file__).resolve().parents[2]
BILL = "tabwright-{version}.cdx.json"
LICENCES = "third-party-licences.txt"
SUMS = "SHA256SUMS"


def main(
    out: Annotated[Path, typer.Option(help="Where the release goes.")] = ROOT / "dist",
) -> None:
    """Build the release of the last commit."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the unfinished folder goes
    os.umask(0o022)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out) as folder:
            made = _build(Path(folder))
            (out / SUMS).unlink(missing_ok=True)  # it tells of other files until the last one is there
            for path in made:
                path.replace(out / path.name)
    except StepError as error:
        typer.echo(f"tabwright: {error}", err=True)
        raise typer.Exit(1) from None
    for path in made:
        typer.echo(f"{out / path.name}")


def _build(folder: Path) -> list[Path]:
    """All files of the release in a folder, checksums last."""
    epoch = packages.time_of_commit(ROOT)
    commit = packages.commit(ROOT)
    environment = surroundings(epoch, sys.executable)
    source, made = folder / "source", folder / "made"
    made.mkdir()

    with step(f"1/5 the files of commit {commit[:12]}"):
        _warn_of_what_is_left_out()
        packages.check_out(ROOT, source)
        project = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["project"]
    with step("2/5 sdist and wheel"):
        sdist, wheel = packages.build_python(source, made, python=sys.executable, environment=environment)
    with step("3/5 the VS Code extension: npm fetches its tools"):
        vsix = packages.build_extension(source, made, wheel=wheel, environment=environment)
    with step("4/5 the packages that serve, at their pinned versions: pip fetches them"):
        inside = packages.install_what_serves(
            source, folder / "serving", python=sys.executable, environment=environment
        )
        installed = _distributions(inside, environment)
    with step("5/5 bill of materials, licences, checksums"):
        extension, manifest = source / "vscode-extension", source / "data_pipeline/manifests/python.json"
        text = bill.together(
            project=project,
            packages={"sdist": sdist, "wheel": wheel, "vsix": vsix},
            python=bill.of_python(inside, installed, environment=environment),
            npm=bill.of_npm(extension, environment=environment),
            model=bill.of_model(source / "model/pretrained"),
            corpus=bill.of_corpus(manifest),
            needed=packages.what_serves(project),
            epoch=epoch,
            commit=commit,
            tools=_tools(environment),
        )
        notices = (extension / "dist/third-party-notices.txt").read_text("utf-8")
        texts = licences.text_of_all(npm_notices=notices, distributions=installed, manifest=manifest)
        paths = [
            sdist,
            wheel,
            vsix,
            made / BILL.format(version=project["version"]),
            made / LICENCES,
            made / SUMS,
        ]
        paths[3].write_bytes(text.encode())
        paths[4].write_bytes(texts.encode())
        paths[5].write_bytes("".join(f"{sha256(path)}  {path.name}\n" for path in paths[:-1]).encode())
    return paths


def _warn_of_what_is_left_out() -> None:
    changes = packages.left_out(ROOT)
    if changes:
        typer.echo(
            f"    not in it: {len(changes)} changes that are in no commit, such as {changes[0]}", err=True
        )


def _distributions(inside: Path, environment: Mapping[str, str]) -> list[metadata.Distribution]:
    """What is installed beside an interpreter, by name."""
    command: list[str | Path] = [inside, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    place = run(command, folder=inside.parent, environment=environment).strip()
    return sorted(metadata.distributions(path=[place]), key=lambda distribution: distribution.name.lower())


def _tools(environment: Mapping[str, str]) -> dict[str, str]:
    names = ("hatchling", "cyclonedx-bom", "pip")
    asked = {"node": ["node", "--version"], "npm": [*packages.npm_command(), "--version"]}
    return {
        "python": sys.version.split()[0],
        **{name: metadata.version(name) for name in names},
        **{n: run(c, folder=ROOT, environment=environment).strip().lstrip("v") for n, c in asked.items()},
    }


if __name__ == "__main__":
    typer.run(main)
