"""Which engine answers, and getting it: the model of a folder, or what the settings name on another machine.

Not here: when it is got and who waits for it (service.py), the engines themselves (model/serving/).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server import power, remote
from lsp_server.completer import Use
from model.errors import ConfigError
from model.serving.runtime import default_threads

if TYPE_CHECKING:
    from lsp_server.engines import Engine
    from lsp_server.settings import Settings
    from model.serving.memory import Layer
    from model.serving.remote.engine import RemoteEngine

Load = Callable[[Path | None, int], "Engine"]  # folder and threads

log = logging.getLogger("lsp_server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says; it has the last word over the editor's settings."""

    model: Path | None = None
    threads: int | None = None
    engine: Mapping[str, object] = field(default_factory=dict)  # settings, by `remote.chosen`
    use: Use = "both"  # this and what follows are for measuring
    layers: tuple[Layer, ...] | None = None
    without: frozenset[str] = frozenset()  # names of parts.py


def load_engine(folder: Path | None, threads: int) -> Engine:
    """The real engine. Imported late: onnxruntime takes longer than everything else together."""
    from model.serving.engine import Engine

    try:
        folder = folder and folder.expanduser()
    except RuntimeError:
        raise ConfigError(f"the home folder in {folder} is not known; write the path without ~") from None
    return Engine.load(folder, threads=threads)


def folder_for(current: Settings, flags: Flags) -> Path | None:
    """The folder of the model that is wanted; None for the one that ships."""
    return flags.model or (Path(current.model) if current.model else None)


def engine_for(current: Settings, flags: Flags, load: Load) -> tuple[Engine, RemoteEngine | None]:
    """The engine that settings and command line ask for, twice where it is another machine's.

    On the worker thread: it takes a while. `load` gets one of this machine. Raises TabwrightError for what a
    user can mend.
    """
    elsewhere = remote.wanted(current, flags.engine)
    if elsewhere is not None:
        engine = remote.load(elsewhere)
        return engine, engine
    threads = current.threads if flags.threads is None else flags.threads
    if power.on_battery():
        threads = power.threads_for(threads, default_threads(), battery=True)
        log.info("on battery: %d threads", threads)
    return load(folder_for(current, flags), threads), None
