"""HumanEval from problems to result.json: generate, execute, count.

    problems × samples -> samples.jsonl (appended as they come) -> verdicts.jsonl -> result.json

samples.jsonl begins with a header that names model and settings. A killed run goes on where it stopped when
started again; with another model or other settings it refuses. Execution is short and starts over each time.

Not here: the estimator (passk.py), the stop condition (generate.py).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from eval import passk, problems
from eval.generate import Sample, Sampling, complete
from eval.problems import Problem
from eval.sandbox import OUTCOMES, Limits, Verdict
from eval.sandbox import run as run_program
from model.errors import ConfigError, DataError
from model.serving.release import META, file_sha256

if TYPE_CHECKING:  # checking the harness needs no runtime
    from model.serving.engine import Engine

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is executed for one sample of one problem."""

    problem: Problem
    sample: int
    completion: str


class SampleFile:
    """samples.jsonl: a header line, then one line a sample. Opening it reads what an earlier run left."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        """Raises ConfigError for a file of another model or other settings, DataError for a broken one."""
        self.path = path
        self.samples: dict[tuple[str, int], Sample] = {}
        self._whole = 0  # bytes of complete lines
        expected = {"format": FORMAT, **header}
        if path.exists():
            self._read(expected)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab")
        # What a kill left of a last line goes; its sample is generated again.
        self._file.truncate(self._whole)
        if self._whole == 0:
            self._write(expected)

    def _read(self, expected: dict[str, Any]) -> None:
        for number, line in enumerate(self.path.read_bytes().splitlines(keepends=True), 1):
            if not line.endswith(b"\n"):
                break
            try:
                record = json.loads(line)
                if number == 1:
                    self._compare(record, expected)
                else:
                    sample = Sample(**record)
                    self.samples.setdefault((sample.task_id, sample.sample), sample)
            except (ValueError, TypeError) as error:
                if isinstance(error, ConfigError):
                    raise
                raise DataError(
                    f"{self.path}, line {number}, is not a sample: {error}; delete the file"
                ) from error
            self._whole += len(line)

    def _compare(self, found: dict[str, Any], expected: dict[str, Any]) -> None:
        if found == expected:
            return
        differences = [
            f"{key} {found.get(key, 'unset')} instead of {expected.get(key, 'unset')}"
            for key in {**expected, **found}
            if found.get(key) != expected.get(key)
        ]
        raise ConfigError(
            f"{self.path} was made with {', '.join(differences)}; choose another --out or delete it"
        )

    def append(self, sample: Sample) -> None:
        """Keep a sample: once this returns, a kill of this process cannot lose it."""
        self.samples[sample.task_id, sample.sample] = sample
        self._write(asdict(sample))

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; what it holds stays readable in `samples`."""
        self._file.close()


def model_checksum(engine: Engine) -> str:
    """Hex SHA-256 of the release's meta.json, which in turn lists the checksum of every other file."""
    return file_sha256(engine.release.folder / META)


def generate(
    engine: Engine, wanted: Sequence[Problem], sampling: Sampling, file: SampleFile, *, console: Console
) -> list[Sample]:
    """The samples of all wanted problems in order, taken from the file or asked for and appended to it."""
    pairs = [(problem, sample) for problem in wanted for sample in range(sampling.samples)]
    left = [pair for pair in pairs if (pair[0].task_id, pair[1]) not in file.samples]
    with _progress(console) as progress:
        task = progress.add_task("generating", total=len(pairs), completed=len(pairs) - len(left))
        for problem, sample in left:
            file.append(complete(engine, problem, sampling, sample))
            progress.advance(task)
    return [file.samples[problem.task_id, sample] for problem, sample in pairs]


def execute(answers: Sequence[Answer], *, limits: Limits, workers: int, console: Console) -> list[Verdict]:
    """The verdict of each answer, in order; `workers` programs run at a time, each a process of its own."""
    with _progress(console) as progress, ThreadPoolExecutor(max_workers=workers) as pool:
        task = progress.add_task("executing", total=len(answers))

        def judge(answer: Answer) -> Verdict:
            program = answer.problem.program(answer.completion)
            verdict = run_program(program, tests=answer.problem.tests, limits=limits)
            progress.advance(task)
            return verdict

        return list(pool.map(judge, answers))


def score(
    answers: Sequence[Answer], verdicts: Sequence[Verdict], ks: Sequence[int], *, seed: int
) -> dict[str, Any]:
    """The figures of result.json that depend on the verdicts alone: counts, outcomes, pass@k."""
    samples: Counter[str] = Counter(answer.problem.task_id for answer in answers)
    passed: Counter[str] = Counter(
        answer.problem.task_id for answer, verdict in zip(answers, verdicts, strict=True) if verdict.passed
    )
    tallies = [passk.Tally(samples=n, passed=passed[task_id]) for task_id, n in samples.items()]
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    return {
        "problems": len(tallies),
        "samples": len(answers),
        "passed": sum(passed.values()),
        "pass_at_k": [asdict(passk.estimate(tallies, k, seed=seed)) for k in ks],
        "outcomes": {word: outcomes[word] for word in OUTCOMES if outcomes[word]},
        "isolated": all(verdict.isolated for verdict in verdicts),
    }


def run(
    *,
    engine: Engine | None,
    reference: Callable[[Problem], str] | None = None,
    name: str = "model",
    sampling: Sampling,
    ks: Sequence[int],
    limits: Limits,
    out: Path | None,
    workers: int,
    limit: int | None,
    console: Console,
) -> dict[str, Any]:
    """The whole evaluation of an engine, or of `reference` completions called `name` to check the harness.

    Writes into `out` (default runs/humaneval/<checksum prefix or name>) and returns what result.json holds.
    `limit` takes the first problems only. Raises ConfigError for settings that do not fit together.
    """
    start = time.monotonic()
    if not ks or any(not 1 <= k <= sampling.samples for k in ks):
        raise ConfigError(f"each k must be 1 to {sampling.samples}, the number of samples a problem")
    if workers < 1 or (limit is not None and limit < 1):
        raise ConfigError("workers and limit must be 1 or more")
    wanted = problems.load()[:limit]
    checksum, samples = None, []
    if engine is not None:
        checksum = model_checksum(engine)
        folder = out or Path("runs/humaneval") / checksum[:12]
        header = {"problems": problems.SHA256, "model": checksum, **asdict(sampling)}
        with closing(SampleFile(folder / "samples.jsonl", header)) as file:
            samples = generate(engine, wanted, sampling, file, console=console)
        by_id = {problem.task_id: problem for problem in wanted}
        answers = [
            Answer(problem=by_id[sample.task_id], sample=sample.sample, completion=sample.truncated)
            for sample in samples
        ]
    else:
        assert reference is not None
        folder = out or Path("runs/humaneval") / name
        answers = [Answer(problem=problem, sample=0, completion=reference(problem)) for problem in wanted]
    verdicts = execute(answers, limits=limits, workers=workers, console=console)
    result = {
        "benchmark": "HumanEval",
        "model": checksum or name,
        "problems_sha256": problems.SHA256,
        **score(answers, verdicts, ks, seed=sampling.seed),
        "truncated": sum(sample.truncated != sample.raw for sample in samples),
        "prompts_cut": sum(sample.prompt_cut for sample in samples),
        "settings": {"sampling": asdict(sampling), "limits": asdict(limits), "limit": limit},
        "generation_seconds": round(sum(sample.seconds for sample in samples), 1),
        "seconds": round(time.monotonic() - start, 1),
    }
    folder.mkdir(parents=True, exist_ok=True)
    lines = (
        json.dumps({"task_id": answer.problem.task_id, "sample": answer.sample, **asdict(verdict)}) + "\n"
        for answer, verdict in zip(answers, verdicts, strict=True)
    )
    _replace(folder / "verdicts.jsonl", lines)
    _replace(folder / "result.json", [json.dumps(result, indent=2) + "\n"])
    console.print(table(result))
    console.print(f"written to {folder}", soft_wrap=True)
    return result


def table(result: dict[str, Any]) -> Table:
    """The figures as a person reads them."""
    sheet = Table(title=f"HumanEval, {result['model'][:12]}", title_justify="left", show_header=False)
    sheet.add_row("passed", f"{result['passed']}/{result['samples']}")
    for found in result["pass_at_k"]:
        interval = f"95 % {100 * found['low']:.1f} to {100 * found['high']:.1f}, {found['method']}"
        sheet.add_row(f"pass@{found['k']}", f"{100 * found['value']:.1f} %  ({interval})")
    for word, count in result["outcomes"].items():
        if word != "passed":
            sheet.add_row(word, str(count))
    for key, words in (("truncated", "went on after the function"), ("prompts_cut", "prompts cut")):
        if result[key]:
            sheet.add_row(words, str(result[key]))
    sheet.add_row("seconds", f"{result['seconds']:.1f}")
    return sheet


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("-" if speed is None else f"{speed:.1f}/s" if speed >= 1 else f"{60 * speed:.1f}/min")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        console=console,
    )  # fmt: skip


def _replace(path: Path, lines: Iterable[str]) -> None:
    """Write under a temporary name and rename: a reader sees the old file or the new one, never a half."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)
    temporary.replace(path)
