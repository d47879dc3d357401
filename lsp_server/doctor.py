"""`tabwright doctor`: what is installed, whether it works, and what to do where it does not.

A list of checks, each of which says one thing and, where something is wrong, the way out. Nothing is changed,
and nothing is sent but to an engine that the command line names. Not here: how it is drawn on a terminal
(cli.py).
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lsp_server import power
from lsp_server.startup import shadowed
from model.errors import TabwrightError
from model.fim import Hole
from model.serving.release import GRAPH, checksum_now, default_folder, read_release
from model.serving.runtime import load_onnxruntime, usable_cores

if TYPE_CHECKING:
    from lsp_server.engines import Engine
    from lsp_server.settings import Settings
    from model.serving.remote.engine import RemoteEngine

Verdict = Literal["good", "note", "problem"]
Load = Callable[[Path | None, int], "Engine"]

PACKAGES = (
    "tabwright",
    "onnxruntime",
    "onnxruntime-gpu",
    "numpy",
    "pygls",
    "lsprotocol",
    "tokenizers",
    "tree-sitter",
)
_OPTIONAL = ("onnxruntime", "onnxruntime-gpu")  # one of them; the check of the runtime says which
_SLOW = 1500.0  # ms: the deadline of somebody who asks
_LITTLE_MEMORY = 400 << 20  # bytes: what the server takes at most
_PATIENCE = 10.0  # seconds for the workspace
_HOLE = Hole(
    path="shapes.py",
    language="python",
    prefix="class Point:\n    def __init__(self, x, y):\n        self.x = x\n        ",
    suffix="\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was looked at, what was found, and what to do about it (empty: nothing)."""

    name: str
    verdict: Verdict
    says: str
    advice: str = ""


def examine(
    model: Path | None, threads: int, folder: Path, load: Load, elsewhere: Settings | None = None
) -> Iterator[Check]:
    """All checks, one after the other. `load` gives the engine; `folder` is the workspace to try.

    With `elsewhere` the engine is that of another machine, which is asked for a suggestion in a text of ours.
    """
    yield _python()
    yield _packages()
    if elsewhere is None:
        yield _runtime()
    yield _place()
    if elsewhere is None:
        release = _release(model)
        yield release
        yield _machine(threads)
        yield _memory()
        if release.verdict == "problem":  # loading would say the same once more
            return
        engine, check = _engine(model, threads, load)
    else:
        yield _memory()
        engine, check = _endpoint(elsewhere)
    yield check
    if engine is not None:
        with closing(engine):
            yield _completion(engine)
            yield _workspace(engine, folder)


def _python() -> Check:
    says = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    return Check(name="Python", verdict="good", says=says)


def _packages() -> Check:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            if name not in _OPTIONAL:
                missing.append(name)
    says = ", ".join(found)
    if missing:
        advice = "run pip install 'tabwright[cpu]' in this Python's environment"
        return Check(
            name="packages", verdict="problem", says=f"{', '.join(missing)} missing; {says}", advice=advice
        )
    return Check(name="packages", verdict="good", says=says)


def _runtime() -> Check:
    try:
        runtime = load_onnxruntime()
    except TabwrightError as error:
        what, _, advice = str(error).partition("; ")
        return Check(name="runtime", verdict="problem", says=what, advice=advice)
    providers = ", ".join(runtime.get_available_providers())
    return Check(name="runtime", verdict="good", says=f"onnxruntime {runtime.__version__}: {providers}")


def _place() -> Check:
    problem = shadowed()
    where = str(Path(__file__).resolve().parents[1])
    if problem is None:
        return Check(name="our packages", verdict="good", says=f"all in {where}")
    what, _, advice = problem.partition("; ")
    return Check(name="our packages", verdict="problem", says=what, advice=advice)


def _release(model: Path | None) -> Check:
    folder = model or default_folder()
    try:
        release = read_release(folder)
        checksum = checksum_now(release.folder, GRAPH)
    except TabwrightError as error:
        what, _, advice = str(error).partition("; ")
        return Check(name="model", verdict="problem", says=what, advice=advice)
    megabytes = release.graph.stat().st_size / 1e6
    says = (
        f"{release.name}, {release.parameters / 1e6:.1f} M parameters, {release.variant}, {megabytes:.1f} MB "
        f"for {', '.join(release.languages)}; sha256 {checksum[:16]}, as its meta.json says; {folder}"
    )
    return Check(name="model", verdict="good", says=says)


def _machine(threads: int) -> Check:
    cores = usable_cores()
    battery = power.on_battery()
    supply = {True: "on battery", False: "on mains", None: "supply unknown"}[battery]
    chosen = f"{threads} threads, as set" if threads else "as many threads as are measured to be best"
    says = f"{cores} cores may be used, {chosen}, {supply}"
    if threads > cores:
        advice = f"set tabwright.threads to 0 (automatic) or to {cores} at most"
        return Check(name="processor", verdict="problem", says=says, advice=advice)
    if battery and not threads:
        advice = "suggestions take longer with half of the threads; tabwright.threads sets their number"
        return Check(name="processor", verdict="note", says=says, advice=advice)
    return Check(name="processor", verdict="good", says=says)


def _memory() -> Check:
    total, free = memory()
    if total is None or free is None:
        return Check(name="memory", verdict="good", says="not known on this system")
    says = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free"
    if free < _LITTLE_MEMORY:
        return Check(
            name="memory",
            verdict="problem",
            says=says,
            advice="close something: the server needs up to 400 MB",
        )
    return Check(name="memory", verdict="good", says=says)


def memory(file: Path = Path("/proc/meminfo")) -> tuple[int | None, int | None]:
    """All memory and what is free of it, in bytes, as Linux tells; None where it is not known."""
    try:
        lines = dict(line.split(":", 1) for line in file.read_text(encoding="ascii").splitlines())
        total, free = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (OSError, ValueError, KeyError, IndexError):
        return None, None
    return total, free


def _engine(model: Path | None, threads: int, load: Load) -> tuple[Engine | None, Check]:
    began = time.perf_counter()
    try:
        engine = load(model, threads)
    except TabwrightError as error:
        what, _, advice = str(error).partition("; ")
        return None, Check(name="loading", verdict="problem", says=what, advice=advice)
    except Exception as error:
        says = f"the model could not be loaded: {type(error).__name__}: {error}"
        advice = "export or install the model again; if that does not help, report it with this sentence"
        return None, Check(name="loading", verdict="problem", says=says, advice=advice)
    took = (time.perf_counter() - began) * 1000
    return engine, Check(name="loading", verdict="good", says=f"the model is loaded in {took:.0f} ms")


def _endpoint(elsewhere: Settings) -> tuple[Engine | None, Check]:
    """The other machine: whether it answers, what it serves, and how fast once the connection is there."""
    from lsp_server import remote

    try:
        engine = remote.load(elsewhere)
        named, took = _asked(engine)
    except TabwrightError as error:
        what, _, advice = str(error).partition("; ")
        return None, Check(name="engine", verdict="problem", says=what, advice=advice)
    key = "with" if engine.has_key else "without"
    says = (
        f"{engine.release.folder} with {', '.join(named) or 'models that it does not list'}; asked as "
        f"{engine.family.name}, {key} a key; a suggestion in {took:.0f} ms"
    )
    if engine.warning is not None:
        what, _, advice = engine.warning.partition("; ")
        return engine, Check(name="engine", verdict="note", says=f"{says}; {what}", advice=advice)
    if took > elsewhere.deadline_ms:
        advice = f"set tabwright.deadlineMs, which is {elsewhere.deadline_ms} by default, above that"
        return engine, Check(name="engine", verdict="note", says=says, advice=advice)
    return engine, Check(name="engine", verdict="good", says=says)


def _asked(engine: RemoteEngine) -> tuple[Sequence[str], float]:
    """The names of a server's models, and milliseconds for a suggestion once the connection is there."""
    from lsp_server.completer import Completer, Request

    try:
        named = engine.listed()
        completer = Completer(engine)
        completer.complete(_HOLE, Request(invoked=True))
        completer.forget()
        began = time.perf_counter()
        completer.complete(_HOLE, Request(invoked=True))
    except TabwrightError:
        engine.close()
        raise
    return named, (time.perf_counter() - began) * 1000


def _completion(engine: Engine) -> Check:
    """One completion as somebody who asks would get it: cold, then as typing goes on."""
    from lsp_server.completer import Completer, Request, Silence

    completer = Completer(engine)
    try:
        began = time.perf_counter()
        result = completer.complete(_HOLE, Request(invoked=True))
        cold = (time.perf_counter() - began) * 1000
    except Exception as error:
        says = f"a completion failed: {type(error).__name__}: {error}"
        advice = "install another version of onnxruntime, or export the model again"
        return Check(name="completion", verdict="problem", says=says, advice=advice)
    if isinstance(result, Silence):
        return Check(
            name="completion", verdict="note", says=f"nothing suggested in {cold:.0f} ms: {result.reason}"
        )
    says = f"{result.text!r} in {cold:.0f} ms, {result.tokens} tokens"
    if cold > _SLOW:
        advice = "close what computes beside it, set tabwright.threads to 0, or use a smaller model"
        return Check(name="completion", verdict="note", says=says, advice=advice)
    return Check(name="completion", verdict="good", says=says)


def _workspace(engine: Engine, folder: Path) -> Check:
    from lsp_server.workspace import Workspace

    workspace = Workspace(engine.new_project(), engine.release.languages)
    began = time.monotonic()
    try:
        workspace.follow([os.path.realpath(folder)])
        while not (state := workspace.state).complete and time.monotonic() - began < _PATIENCE:
            time.sleep(0.05)
    finally:
        workspace.close()
    took = time.monotonic() - began
    files = f"{state.files:,} file" + "s" * (state.files != 1)
    says = f"{files} of {folder}, {state.tokens:,} tokens, read in {took:.1f} s"
    left_out = ", ".join(f"{reason} {count}" for reason, count in state.left_out.items())
    says += "" if state.complete else ", and more to read" if state.files else ""
    says += f"; left out: {left_out}" if left_out else ""
    if "error" in state.left_out:
        advice = "set tabwright.indexProject to false, and report it with the server's log"
        return Check(name="workspace", verdict="problem", says=says, advice=advice)
    if state.complete and not state.files:
        advice = "name a folder with source files, --folder; .gitignore and .tabwrightignore leave files out"
        return Check(name="workspace", verdict="note", says=says, advice=advice)
    return Check(name="workspace", verdict="good", says=says)


def broken(checks: Sequence[Check]) -> bool:
    """Whether something keeps the server from its work."""
    return any(check.verdict == "problem" for check in checks)
