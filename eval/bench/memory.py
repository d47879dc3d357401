"""What the memory costs: adding a file, looking up, bytes a token; each against its limit.

The code is the standard library's, so nothing is fetched: a thousand lines of one module as the document,
some modules open beside it, the others as the repository.

Not here: what the memory is worth (eval/memory/gates.py).
"""

from __future__ import annotations

import statistics
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model import fim
from model.fim import Hole, Snippet
from model.serving.encoder import LineEncoder
from model.serving.engine import Engine
from model.serving.memory import LAYERS, Layer
from model.serving.project import MOST_TOKENS, Project

_DOCUMENT = "inspect.py"
_OPEN = ("argparse.py", "dataclasses.py", "textwrap.py")
_LINES = 1000
_LONGEST = 200_000  # characters
_LOOKUPS = 200
_LIMITS = {"add a file of 1,000 lines": 20.0, "one look-up": 50.0, "bytes a token": 20.0}


class Figure(NamedTuple):
    """One measured value; `limit` is None where none was set."""

    name: str
    value: float
    unit: str
    limit: float | None = None


def run(engine: Engine, *, rounds: int) -> list[Figure]:
    """All figures: medians of `rounds`, look-ups over places all over the document."""
    texts = _texts()
    document = "\n".join(texts.pop(_DOCUMENT).split("\n")[:_LINES])
    project = Project(LineEncoder(engine.tokenizer))
    began = time.process_time()
    project.add(texts.items())
    indexed = time.process_time() - began
    figures = [
        _figure("add a file of 1,000 lines", _milliseconds(lambda: _add(engine, document), rounds), "ms"),
        Figure("index the repository", indexed, f"s of CPU for {len(project.view.tokens):,} tokens"),
        _figure("bytes a token", project.view.nbytes / len(project.view.tokens), ""),
    ]
    making = _milliseconds(_make(engine, document, project), rounds)
    figures.append(Figure("a request's memory, nothing typed", making, "ms"))
    alone: list[tuple[Layer, ...]] = [("file",), ("open",), ("project",)]
    for layers in (*alone, LAYERS):
        figures.append(_lookup(engine, document, project, layers, texts))
    return figures


def _lookup(
    engine: Engine, document: str, project: Project, layers: tuple[Layer, ...], texts: dict[str, str]
) -> Figure:
    """Microseconds of one look-up, as the median over contexts all over the document."""
    hole = _hole(document)
    files = [Snippet(path=name, text=texts[name]) for name in _OPEN]
    prompt = fim.render(hole, engine.tokenizer, engine.release.window // 2)
    memory = engine.remember(hole, prompt, files=files, project=project, layers=layers)
    tokens = engine.encoder.encode(document)
    places = np.linspace(40, len(tokens) - 1, _LOOKUPS).astype(int)
    times = []
    for place in places:
        context = tokens[place - 32 : place]
        begun = time.perf_counter()
        memory.find(context)
        times.append((time.perf_counter() - begun) * 1e6)
    if len(layers) == 1:
        name, limit = f"one look-up, layer {layers[0]}", _LIMITS["one look-up"]
        return Figure(name, statistics.median(times), "µs", limit)
    return Figure("one look-up, all layers", statistics.median(times), "µs")


def _make(engine: Engine, document: str, project: Project) -> Callable[[], object]:
    hole = _hole(document)
    prompt = fim.render(hole, engine.tokenizer, engine.release.window // 2)
    return lambda: engine.remember(hole, prompt, project=project)


def _hole(document: str) -> Hole:
    at = document.find("\n", len(document) // 2) + 1
    return Hole(path=_DOCUMENT, language="python", prefix=document[:at], suffix=document[at:])


def _add(engine: Engine, text: str) -> None:
    Project(LineEncoder(engine.tokenizer)).add([(_DOCUMENT, text)])


def _texts() -> dict[str, str]:
    """Modules of the standard library by path, as many as fit."""
    root = Path(sysconfig.get_paths()["stdlib"])
    found: dict[str, str] = {}
    size = 0
    names = [_DOCUMENT, *_OPEN]
    more = sorted(path.relative_to(root).as_posix() for path in root.glob("*.py")) + sorted(
        path.relative_to(root).as_posix() for path in root.glob("asyncio/*.py")
    )
    for name in dict.fromkeys([*names, *more]):
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        if len(text) <= _LONGEST and size + len(text) < 2 * MOST_TOKENS:
            found[name] = text
            size += len(text)
    return found


def _milliseconds(action: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        action()
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)


def _figure(name: str, value: float, unit: str) -> Figure:
    return Figure(name, value, unit, _LIMITS[name])


def as_json(figures: list[Figure]) -> list[dict[str, Any]]:
    """The figures as plain values."""
    return [figure._asdict() for figure in figures]
