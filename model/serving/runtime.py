"""Finding onnxruntime, and making it behave: one package, no telemetry, the faster attention kernel.

Importing this module imports nothing heavy; `load_onnxruntime` does, when an engine is loaded and not before,
because the start-up time of the language server is a feature.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from types import ModuleType

from model.errors import RuntimeMissingError

_ENVIRONMENT = {
    # From 1.29 on the official wheels of all systems report to Microsoft over HTTPS and keep a device id in
    # the user's cache folder. This is the one switch that stops all of it, and it is read at import
    # (site-packages/onnxruntime/Privacy.md, "Disabling Telemetry").
    "ORT_DISABLE_TELEMETRY": "1",
    # One query token against a short memory is faster without tiling; long prefills are no slower.
    "ORT_GQA_DISABLE_FLASH_ATTENTION": "1",
}


def load_onnxruntime() -> ModuleType:
    """The onnxruntime package, silent. Raises RuntimeMissingError for none, two, or a broken one."""
    if _installed("onnxruntime") and _installed("onnxruntime-gpu"):
        raise RuntimeMissingError(
            "onnxruntime and onnxruntime-gpu are installed over each other; run "
            "`pip uninstall -y onnxruntime onnxruntime-gpu`, then pip install 'tabwright[cpu]' (or [gpu])"
        )
    # Not setdefault: nothing that serves completions leaves this machine, whatever the shell says.
    os.environ.update(_ENVIRONMENT)
    try:
        runtime = importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise _broken(error) from error
        raise RuntimeMissingError(
            "no onnxruntime is installed; run pip install 'tabwright[cpu]' (or [gpu])"
        ) from None
    except ImportError as error:
        raise _broken(error) from error
    # For a runtime that something else imported first; and Windows' older, separate kind of tracing.
    getattr(runtime, "disable_telemetry_events", _nothing)()
    return runtime


def usable_cores() -> int:
    """Cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable is not None else (os.cpu_count() or 1)


def default_threads() -> int:
    """One core fewer than this process may use: the editor that asks runs on the same machine."""
    return max(1, usable_cores() - 1)


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _broken(error: ImportError) -> RuntimeMissingError:
    return RuntimeMissingError(
        f"onnxruntime is installed but cannot be imported ({error}); uninstall it, "
        "then pip install 'tabwright[cpu]' (or [gpu])"
    )


def _nothing() -> None:
    pass
