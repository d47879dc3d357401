"""The other engines: environments of their own, made once, and their forms of the same weights.

llama-cpp-python is built from its source for this machine's processor, as its users are told to; that takes
about ten minutes on two cores. onnxruntime-genai comes as a wheel; its model builder runs in our Python.

Not here: asking them (worker.py), which of their settings is best (engine.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from rich.console import Console

from eval.bench.worker import OFFLINE, Worker
from model.errors import ConfigError
from model.export.checkpoint import Architecture, Weights
from model.export.gguf import write_gguf
from model.tokenizer import FimFormat

LLAMA = "llama-cpp-python==0.3.36"
GENAI = ("onnxruntime-genai==0.18.0", "onnx-ir==1.1.0")
_BUILD = ("--no-binary", "llama-cpp-python")
_WIDTH_OF_K_QUANTS = 256


def environment(folder: Path, packages: tuple[str, ...], *, console: Console, minutes: str) -> Path:
    """The Python of an environment with these packages, made when it is not there yet.

    Raises ConfigError when pip cannot install them; what it said is in `folder`.log.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed.txt"
    if done.is_file() and done.read_text(encoding="utf-8").split() == list(packages):
        return python
    if python.is_file() and _has(python, packages):
        done.write_text("\n".join(packages), encoding="utf-8")
        return python
    console.print(f"making {folder} with {', '.join(packages)}, {minutes}; pip writes to {folder}.log")
    venv.create(folder, with_pip=True)
    log = folder.with_name(folder.name + ".log")
    build = _BUILD if any(p.startswith("llama-cpp-python") for p in packages) else ()
    with log.open("w", encoding="utf-8") as file, console.status(f"installing {packages[0]}"):
        command = [str(python), "-m", "pip", "install", *build, *packages]
        failed = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if failed:
        raise ConfigError(f"{packages[0]} cannot be installed; read {log}, then run the same command again")
    done.write_text("\n".join(packages), encoding="utf-8")
    return python


def _has(python: Path, packages: tuple[str, ...]) -> bool:
    code = "\n".join(
        (
            "import sys, importlib.metadata as installed",
            "for wanted in sys.argv[1:]:",
            "    name, version = wanted.split('==')",
            "    assert installed.version(name) == version",
        )
    )
    command = [str(python), "-I", "-c", code, *packages]
    return not subprocess.run(command, check=False, capture_output=True).returncode


def llama_files(
    python: Path,
    architecture: Architecture,
    weights: Weights,
    tokenizer: Path,
    folder: Path,
    fim: FimFormat | None = None,
) -> tuple[dict[str, Path], dict[str, Any]]:
    """GGUF files of the same weights by variant, quantised by llama.cpp itself; and what its build says."""
    source = folder / "model-F32.gguf"
    write_gguf(architecture, weights, tokenizer, source, name="bench", type="f32", fim=fim)
    kinds = ["F16", "Q8_0", "Q4_0"]
    if not (architecture.hidden % _WIDTH_OF_K_QUANTS or architecture.mlp % _WIDTH_OF_K_QUANTS):
        kinds.append("Q4_K_M")
    files, facts = {"F32": source}, {}
    with Worker("llama.py", python=python) as worker:
        for kind in kinds:
            files[kind] = folder / f"model-{kind}.gguf"
            facts = worker.ask("make", options={"source": str(source), "out": str(files[kind]), "kind": kind})
    return files, facts


def genai_folder(python: Path, hf: Path, folder: Path, *, precision: str) -> Path:
    """The graph of onnxruntime-genai's model builder for the CPU. Raises ConfigError when that fails."""
    site = next(
        (python.parents[1] / "lib").glob("python*/site-packages"), python.parents[1] / "Lib/site-packages"
    )
    builder = site / "onnxruntime_genai" / "models"
    # Our packages first: the builder needs torch, transformers and onnx, and theirs only adds onnx-ir.
    code = (
        "import sys, runpy; site, builder = sys.argv.pop(1), sys.argv.pop(1); sys.path.append(site); "
        "sys.path.insert(0, builder); runpy.run_path(builder + '/builder.py', run_name='__main__')"
    )
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["-i", str(hf), "-o", str(folder), "-p", precision, "-e", "cpu", "-c", str(folder / "cache")]
    done = subprocess.run(
        [sys.executable, "-c", code, str(site), str(builder), *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **OFFLINE},
    )  # fmt: skip
    if done.returncode or not (folder / "genai_config.json").is_file():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ConfigError(f"its model builder failed: {' '.join(last)}")
    return folder


def genai_threads(folder: Path, out: Path, threads: int) -> Path:
    """The same folder with a thread count: genai reads it from its configuration only."""
    out.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if file.is_file() and file.name != "genai_config.json" and not (out / file.name).exists():
            os.link(file, out / file.name)
    config = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))
    options = config["model"]["decoder"].setdefault("session_options", {})
    options["intra_op_num_threads"] = threads
    (out / "genai_config.json").write_text(json.dumps(config), encoding="utf-8")
    return out
