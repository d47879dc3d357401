"""Infilling problems, read from a file in the format of OpenAI's human-eval-infilling.

Bavarian et al. 2022, Efficient Training of Language Models to Fill in the Middle, arXiv:2207.14255: HumanEval
solutions with a piece taken out, single lines or spans between random characters. The files are the user's to
bring; none is part of this project. A record is a JSON object with task_id, prompt (what stands before the
hole), suffix (what stands behind it), canonical_solution (what was taken out), test and entry_point.

Not here: asking and scoring (infilling.py), where an answer is cut (truncation.py).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from eval.problems.generate import PATH
from model.errors import DataError
from model.fim import Hole

_MAGIC = b"\x1f\x8b"
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class InfillingProblem:
    """A program with a hole. `test` defines `check(candidate)`."""

    task_id: str
    prompt: str
    suffix: str
    canonical_solution: str
    test: str
    entry_point: str

    @property
    def hole(self) -> Hole:
        """What the model is asked."""
        return Hole(path=PATH, language="python", prefix=self.prompt, suffix=self.suffix)

    @property
    def tests(self) -> str:
        """What decides about a candidate: the checks, and the call that runs them."""
        return f"{self.test}\n\ncheck({self.entry_point})\n"

    @property
    def function(self) -> str:
        """What the piece was taken out of: "HumanEval/0" of "SingleLineInfilling/HumanEval/0/L1"."""
        return "/".join(self.task_id.split("/")[1:3]) or self.task_id

    def program(self, completion: str) -> str:
        """The candidate: the hole filled with exactly what is given, not a character more or less."""
        return f"{self.prompt}{completion}{self.suffix}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The problems of one file. `family` is what their task ids begin with, as words: "single-line".

    `sha256` is of the decompressed file: gzip headers carry times.
    """

    path: Path
    sha256: str
    family: str
    problems: tuple[InfillingProblem, ...]

    @property
    def of_lines(self) -> bool:
        """Whether each hole is one whole line, with its line end."""
        return self.family.startswith("single-line")


def load(path: Path) -> Benchmark:
    """All problems of a .jsonl or .jsonl.gz file, in their order.

    Raises DataError for a file that cannot be read, has no problem or one twice, or a line that is none.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_MAGIC):
            content = gzip.decompress(content)
        lines = content.decode("utf-8").split("\n")
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as infilling problems ({error}); use a .jsonl or .jsonl.gz file of "
            "human-eval-infilling"
        ) from error
    problems: dict[str, InfillingProblem] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            problem = _problem(line, f"{path}, line {number},")
            if problem.task_id in problems:
                raise DataError(f"{path}, line {number}, has the problem {problem.task_id} again; remove one")
            problems[problem.task_id] = problem
    if not problems:
        raise DataError(f"{path} has no problems; use a file of human-eval-infilling")
    family = _family(next(iter(problems)))
    if other := [task_id for task_id in problems if _family(task_id) != family]:
        raise DataError(
            f"{path} mixes problems of {family} and {_family(other[0])}, which are cut by different rules; "
            "use one file for each"
        )
    return Benchmark(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        family=family,
        problems=tuple(problems.values()),
    )


def _problem(line: str, where: str) -> InfillingProblem:
    try:
        record = json.loads(line)
        values = {name: record[name] for name in InfillingProblem.__dataclass_fields__}
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{where} is not an infilling problem ({error!r}); use a file of human-eval-infilling"
        ) from error
    if wrong := [name for name, value in values.items() if not isinstance(value, str)]:
        raise DataError(f"{where} has a {wrong[0]} that is not a text; use a file of human-eval-infilling")
    return InfillingProblem(**values)


def _family(task_id: str) -> str:
    """The first part of a task id in lower-case words with hyphens, without "Infilling" at its end."""
    name = task_id.split("/")[0].removesuffix("Infilling").replace("Infilling", "")
    words = re.sub(r"[^a-z0-9]+", "-", _CAPITAL.sub("-", name).lower()).strip("-")
    return words or "problems"
