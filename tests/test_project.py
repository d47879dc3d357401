"""The project's own shape: what is installed, and what it says of itself."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_all_four_packages_are_ours() -> None:
    for name in ("model", "lsp_server", "data_pipeline", "eval"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        assert Path(spec.origin).parents[1] == ROOT


def test_the_base_install_brings_no_runtime_and_no_training() -> None:
    base = " ".join(PROJECT["dependencies"])
    assert not re.search(r"torch|transformers|onnx|datasketch|matplotlib", base)
    extras = PROJECT["optional-dependencies"]
    holders = {e for e, wanted in extras.items() if any(w.startswith("onnxruntime") for w in wanted)}
    assert holders == {"cpu", "gpu"}


def test_every_dependency_is_pinned_for_ci() -> None:
    pinned = {
        re.split(r"[=<>]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(w for e, ws in extras.items() if e != "gpu" for w in ws)]
    assert {re.split(r"[=<>]", w)[0].lower() for w in wanted} <= pinned


def test_architecture_names_every_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = (
        "model",
        "model/training",
        "model/export",
        "model/serving",
        "model/serving/remote",
        "model/languages",
        "data_pipeline",
        "data_pipeline/sources",
        "lsp_server",
        "eval",
        "eval/bench",
        "eval/experiments",
        "eval/feel",
        "eval/heldout",
        "eval/memory",
        "eval/problems",
        "eval/replay",
        "eval/report",
        "eval/threshold",
    )
    modules = [p.name for d in packages for p in (ROOT / d).glob("*.py") if p.name != "__init__.py"]
    assert [m for m in modules if f"`{m}`" not in text] == []


def test_onnxruntime_is_imported_in_one_place_only() -> None:
    """That place switches its telemetry off before the import."""
    importers = [
        str(p.relative_to(ROOT))
        for d in ("model", "lsp_server", "data_pipeline", "eval")
        for p in (ROOT / d).rglob("*.py")
        if re.search(
            r"^\s*(import|from) onnxruntime|import_module\(.onnxruntime",
            p.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    ]
    assert importers == [str(Path("model/serving/runtime.py"))]


def test_no_machine_path_and_no_third_party_source_is_tracked() -> None:
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert files
    ours = [f for f in files if not f.startswith("model/pretrained/")]
    assert not [f for f in ours if f.endswith((".whl", ".vsix", ".npy", ".jsonl.gz"))]
    path = re.compile(rb"/(root|work|farm)/[a-z]")
    assert not [
        f for f in files if not f.endswith((".onnx", ".png")) and path.search((ROOT / f).read_bytes())
    ]
