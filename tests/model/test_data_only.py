"""Model files are data: nothing in the project reads a format that can hold code.

Read from the syntax of all our modules. Not covered: what libraries do of their own accord.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("model", "lsp_server", "data_pipeline", "eval")
# What they load may run anything.
BANNED = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}


def faults(source: str) -> Iterator[str]:
    """The places where code could come out of a file."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        if banned := BANNED & {name.split(".")[0] for name in names}:
            yield f"line {node.lineno} imports {', '.join(banned)}"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = ast.unparse(node.func)
        given = {one.arg: ast.unparse(one.value) for one in node.keywords}
        if called == "torch.load" and given.get("weights_only") != "True":
            yield f"line {node.lineno} calls torch.load without weights_only=True"
        if given.get("allow_pickle", "False") != "False":
            yield f"line {node.lineno} allows pickles"
        if called.endswith("yaml.load") or called in ("np.fromfile.load", "pandas.read_pickle"):
            yield f"line {node.lineno} calls {called}"
        if given.get("trust_remote_code", "False") != "False":
            yield f"line {node.lineno} runs the code of others"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_reads_a_format_that_can_hold_code(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): list(faults(path.read_text(encoding="utf-8"))) for path in files}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from cloudpickle import loads",
        "def f():\n    import dill.source",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "numpy.lib.format.read_array(file, allow_pickle=yes)",
        "yaml.load(text)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
    ],
)
def test_each_way_would_be_noticed(source: str) -> None:
    assert list(faults(source))


def test_what_is_harmless_is_not() -> None:
    assert not list(faults("torch.load(p, weights_only=True)\nnp.load(p, allow_pickle=False)\nnp.load(p)"))
