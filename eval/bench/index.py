"""What indexing a repository takes: from its first file to the last, at the pace a server keeps.

A process of its own for each measurement: with nothing on disk, and again with what the first left there. The
folder is any with source files; by default a copy of the standard library's, the first 100,000 lines of it in
the order in which a workspace reads, so nothing is fetched.

Not here: what the index is worth (eval/memory/gates.py), what a look-up costs (memory.py).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import NamedTuple

LINES = 100_000
_LIMIT_SECONDS, _LIMIT_BYTES = 60.0, 200e6
# Runs in a process of its own: the folder, the model's folder, and the folder of the index.
_CHILD = """
import json, resource, sys, time
from pathlib import Path
from lsp_server.nearby import Nearby
from lsp_server.workspace import Workspace
from model.serving.engine import Engine
from model.serving.shelf import Shelf

engine = Engine.load(Path(sys.argv[2]), threads=1)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before, cpu, begun = peak(), time.process_time(), time.monotonic()
project, nearby = engine.new_project(), Nearby()
shelf = Shelf(Path(sys.argv[3]), tokenizer_sha256=engine.tokenizer.sha256, dtype=engine.encoder.dtype)
workspace = Workspace(project, engine.release.languages, nearby=nearby, shelf=shelf)
workspace.follow([sys.argv[1]])
while not workspace.state.complete:
    time.sleep(0.01)
state = workspace.state
print(json.dumps({
    "seconds": time.monotonic() - begun, "cpu": time.process_time() - cpu, "kilobytes": peak() - before,
    "files": state.files, "tokens": state.tokens, "near": len(nearby),
}))
"""


class Figure(NamedTuple):
    """One measured value; `limit` is None where none was set."""

    name: str
    value: float
    unit: str
    limit: float | None = None


def run(model: Path, folder: Path | None, *, rounds: int) -> list[Figure]:
    """All figures: medians over `rounds`, each with an empty cache folder first."""
    with tempfile.TemporaryDirectory() as work:
        if folder is None:
            folder = Path(work, "library")
            copied(folder)
        lines = _lines(folder)
        firsts, agains, sizes = [], [], []
        for number in range(rounds):
            cache = Path(work, f"cache-{number}")
            firsts.append(_measured(folder, model, cache))
            agains.append(_measured(folder, model, cache))
            sizes.append(sum(path.stat().st_size for path in cache.iterdir()))
    first, again = _median(firsts), _median(agains)
    return [
        Figure("lines in the folder", lines, ""),
        Figure("files indexed", first["files"], ""),
        Figure("tokens indexed", first["tokens"], ""),
        Figure("files for neighbours", first["near"], ""),
        Figure("indexed, nothing on disk", first["seconds"], "s", _LIMIT_SECONDS),
        Figure("of it CPU time", first["cpu"], "s"),
        Figure("memory taken", first["kilobytes"] / 1000, "MB"),
        Figure("indexed again", again["seconds"], "s", _LIMIT_SECONDS),
        Figure("of it CPU time, again", again["cpu"], "s"),
        Figure("on disk", statistics.median(sizes) / 1e6, "MB", _LIMIT_BYTES / 1e6),
    ]


def copied(folder: Path) -> None:
    """Put source files of the standard library there, as many as have LINES lines."""
    library, left = Path(sysconfig.get_path("stdlib")), LINES
    for path in sorted(library.rglob("*.py"), key=lambda path: (len(path.parts), path)):
        inside = path.relative_to(library)
        if left <= 0 or {"site-packages", "test", "tests", "idlelib"} & set(inside.parts):
            continue
        text = path.read_bytes()
        left -= text.count(b"\n")
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        (folder / inside).write_bytes(text)


def as_json(figures: list[Figure]) -> list[dict[str, object]]:
    """The figures as plain objects."""
    return [figure._asdict() for figure in figures]


def _measured(folder: Path, model: Path, cache: Path) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, str(folder), str(model), str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _median(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def _lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.rglob("*.py"))
