"""Where a release runs: on CUDA when a session truly has it, else on the CPU with the best threads.

onnxruntime-gpu lists CUDA as available on machines without a GPU, and then runs on the CPU without a word. So
the session itself is asked, and the log says in one line what was chosen and why.

Not here: the session (session.py), measuring threads (tuning.py).
"""

from __future__ import annotations

import logging

from model.errors import ModelError
from model.serving.release import Release
from model.serving.runtime import load_onnxruntime
from model.serving.session import CUDA, Session
from model.serving.tuning import Threads, tuned

log = logging.getLogger(__name__)


def open_session(release: Release, *, threads: int = 0) -> Session:
    """The session of a release; `threads` 0 means as many as a measurement says.

    Raises ModelError for a graph that cannot be loaded, RuntimeMissingError without onnxruntime.
    """
    runtime = load_onnxruntime()
    session = _on_cuda(release, runtime.get_available_providers())
    if session is not None:
        return session

    def on_cpu(setting: Threads) -> Session:
        return Session(release.graph, window=release.window, threads=setting.count, spin=setting.spin)

    return tuned(release.graph, runtime.__version__, on_cpu, wanted=threads)


def _on_cuda(release: Release, available: list[str]) -> Session | None:
    """A session on the GPU, or None and a line in the log that says why not."""
    if CUDA not in available:
        log.debug("runs on the CPU: this onnxruntime has no CUDA (tabwright[gpu] brings it)")
        return None
    graph = release.gpu_graph
    if graph is None:
        log.info("runs on the CPU: %s has no graph for a GPU; export it with --gpu", release.folder)
        return None
    try:
        session = Session(graph, window=release.window, device="cuda")
    except ModelError as error:
        log.warning("runs on the CPU: the GPU cannot be used (%s)", error)
        return None
    if session.provider != CUDA:
        log.warning("runs on the CPU: onnxruntime lists CUDA, but found no GPU or no CUDA libraries to use")
        return None
    log.info("runs on the GPU, in float16")
    return session
