"""What must hold before and while the server is imported; each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server import startup


def test_our_packages_share_one_root() -> None:
    assert startup.shadowed() is None


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with packages of its own that have our names, and fail when imported."""
    for name in ("model", "eval"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('hijacked')")
    return tmp_path


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_workspace_cannot_hijack_the_isolated_server(workspace: Path) -> None:
    done = run("-I", "-m", "lsp_server", "--stdio", folder=workspace)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "hijacked" not in done.stderr


def test_a_hijack_is_named_when_the_server_is_started_without_isolation(workspace: Path) -> None:
    done = run("-m", "lsp_server", "--stdio", folder=workspace)
    assert done.returncode == 1
    assert done.stderr.startswith("tabwright: the package 'model' at ")
    assert "python -I -m lsp_server" in done.stderr


def test_serving_imports_nothing_of_training() -> None:
    code = (
        "import sys, lsp_server.server; "
        "print([m for m in ('torch', 'transformers', 'onnxruntime', 'onnx') if m in sys.modules])"
    )
    done = run("-I", "-c", code, folder=Path.cwd())
    assert done.stdout.strip() == "[]", done.stderr


def test_threads_out_of_range(tmp_path: Path) -> None:
    done = run("-I", "-m", "lsp_server", "--threads", "99", folder=tmp_path)
    assert done.returncode == 1
    assert "--threads 99 is out of range" in done.stderr
