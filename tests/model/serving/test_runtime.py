"""The base install has no runtime, and two runtimes break each other: both are said in one sentence."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.errors import RuntimeMissingError
from model.serving import runtime

ROOT = Path(__file__).parents[3]


def run_python(code: str, **environment: str) -> str:
    """Standard output of a fresh interpreter that imports from the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "PYTEST"))}
    # onnxruntime is silent by itself where it sees a CI; a user's machine is what is tested.
    for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD"):
        kept.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def installed(monkeypatch):
    """Says which distributions importlib.metadata finds."""

    def set_to(*names: str) -> None:
        def version(name: str) -> str:
            if name not in names:
                raise importlib.metadata.PackageNotFoundError(name)
            return "1.31.0"

        monkeypatch.setattr(importlib.metadata, "version", version)

    return set_to


def refuse_import(monkeypatch, error: ImportError) -> None:
    def refuse(name: str):
        raise error

    monkeypatch.setattr(importlib, "import_module", refuse)


def test_no_runtime_says_what_to_install(installed, monkeypatch):
    installed()
    refuse_import(monkeypatch, ModuleNotFoundError("No module named 'onnxruntime'", name="onnxruntime"))
    with pytest.raises(RuntimeMissingError, match=r"pip install 'tabwright\[cpu\]' \(or \[gpu\]\)"):
        runtime.load_onnxruntime()


def test_two_runtimes_are_refused_before_either_is_imported(installed, monkeypatch):
    """They overwrite each other's files: what would be imported is neither."""
    installed("onnxruntime", "onnxruntime-gpu")
    refuse_import(monkeypatch, ImportError("must not be tried"))
    with pytest.raises(RuntimeMissingError, match="pip uninstall -y onnxruntime onnxruntime-gpu"):
        runtime.load_onnxruntime()


@pytest.mark.parametrize(
    "error",
    [
        ImportError("DLL load failed"),
        ModuleNotFoundError("No module named 'flatbuffers'", name="flatbuffers"),
    ],
)
def test_broken_runtime_is_not_called_missing(installed, monkeypatch, error):
    installed("onnxruntime")
    refuse_import(monkeypatch, error)
    with pytest.raises(RuntimeMissingError, match=r"cannot be imported \((DLL|No module named 'flat)"):
        runtime.load_onnxruntime()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (8, 7)])
def test_one_core_is_left_to_the_editor(monkeypatch, cores, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert runtime.default_threads() == threads
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert runtime.default_threads() == threads


def test_importing_the_engine_imports_nothing_heavy():
    """The server starts with this import: no runtime yet, and never torch."""
    code = "import sys, json, model.serving.engine; print(json.dumps(sorted(sys.modules)))"
    modules = set(json.loads(run_python(code)))
    assert "model.serving.engine" in modules
    assert not modules & {"torch", "transformers", "onnx", "onnxruntime", "safetensors"}


LOAD = """
from pathlib import Path
import sys
from model.fim import Prompt
from model.serving.engine import Engine
engine = Engine.load(Path({folder!r}))
engine.generate(Prompt(tokens=(5, 20, 30)), max_tokens=2)
print(sorted(m for m in sys.modules if m in ("torch", "transformers", "onnx", "safetensors")))
"""


def test_serving_reaches_neither_torch_nor_transformers(release_folder):
    assert run_python(LOAD.format(folder=str(release_folder))).strip() == "[]"


def test_runtime_sends_nothing_and_keeps_no_device_id(release_folder, tmp_path):
    """onnxruntime 1.29 and later reports to its maker, and marks the machine with an id in the home folder,
    before any call could switch it off. A user who exports the opposite is protected too."""
    if not sys.platform.startswith("linux"):
        pytest.skip("where the id lies is known on Linux only")
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run_python(LOAD.format(folder=str(release_folder)), ORT_DISABLE_TELEMETRY="0", **homes)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"cache/tabwright/threads.json"}  # how many threads were fastest, and nothing else
