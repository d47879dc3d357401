"""What serves starts no other program, whatever stands in a workspace, a model folder or a message.

Read from the syntax of our modules. Not covered: what libraries do of their own accord; formats that can hold
code (tests/model/test_data_only.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVING = [*(ROOT / "lsp_server").rglob("*.py"), *(ROOT / "model/serving").rglob("*.py")]
SHARED = list((ROOT / "model").glob("*.py"))
MODULES = {"subprocess", "pty", "multiprocessing", "runpy", "code"}
CALLS = (
    "os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "os.fork", "os.startfile",
    "asyncio.create_subprocess", "webbrowser.",
)  # fmt: skip


def faults(source: str) -> Iterator[str]:
    """The places where another program, or a text as a program, could be started."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                if name.startswith(CALLS):
                    yield f"line {node.lineno} imports {name}"
        if {name.partition(".")[0] for name in names} & MODULES:
            yield f"line {node.lineno} imports {names}"
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called in {"exec", "eval", "compile", "__import__"} or called.startswith(CALLS):
            yield f"line {node.lineno} calls {called}"


def test_what_serves_starts_no_other_program() -> None:
    assert len(SERVING) > 60
    found = {str(path.relative_to(ROOT)): list(faults(path.read_text("utf-8"))) for path in SERVING + SHARED}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_each_way_would_be_noticed() -> None:
    for source in (
        "import subprocess",
        "from subprocess import run",
        "os.popen(text)",
        "from os import popen",
        "exec(text)",
    ):
        assert list(faults(source)), source
