"""HumanEval from problems to result.json: generate, execute, count.

    problems × samples -> samples.jsonl (appended as they come) -> verdicts.jsonl -> result.json

A killed run goes on where it stopped when started again; with another model or other settings it refuses.
Execution is short and starts over each time.

Not here: the estimator (passk.py), the stop condition (generate.py), the file of samples (answers.py), the
sandbox (judging.py, sandbox.py).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from eval.problems import humaneval_problems as problems
from eval.problems import passk
from eval.problems.answers import SampleFile, gather
from eval.problems.generate import Sampling, complete
from eval.problems.humaneval_problems import Problem
from eval.problems.judging import Trial, execute, write_lines
from eval.problems.sandbox import OUTCOMES, Limits, Verdict
from eval.results import Figure, Result, model_checksum, model_of
from model.errors import ConfigError

if TYPE_CHECKING:  # checking the harness needs no runtime
    from model.serving.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is executed for one sample of one problem."""

    problem: Problem
    sample: int
    completion: str


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

    Writes into `out` (default runs/humaneval/<checksum prefix or name>, and how many samples where there are
    several) and returns what result.json holds. `limit` takes the first problems only. Raises ConfigError for
    settings that do not fit together.
    """
    start = time.monotonic()
    if not ks or any(not 1 <= k <= sampling.samples for k in ks):
        raise ConfigError(f"each k must be 1 to {sampling.samples}, the number of samples a problem")
    if workers < 1 or (limit is not None and limit < 1):
        raise ConfigError("workers and limit must be 1 or more")
    by_id = {problem.task_id: problem for problem in problems.load()[:limit]}
    checksum, samples = None, []
    if engine is not None:
        checksum = model_checksum(engine)
        folder = out or Path("runs/humaneval") / (checksum[:12] + _of_several(sampling))
        header = {"problems": problems.SHA256, "model": checksum, **asdict(sampling)}
        keys = [(task_id, number) for task_id in by_id for number in range(sampling.samples)]
        with closing(SampleFile(folder / "samples.jsonl", header)) as file:
            samples = gather(
                keys,
                lambda task_id, number: complete(engine, by_id[task_id], sampling, number),
                file,
                console=console,
            )
        answers = [
            Answer(problem=by_id[sample.task_id], sample=sample.sample, completion=sample.truncated)
            for sample in samples
        ]
    else:
        assert reference is not None
        folder = out or Path("runs/humaneval") / name
        answers = [
            Answer(problem=problem, sample=0, completion=reference(problem)) for problem in by_id.values()
        ]
    trials = [
        Trial(program=answer.problem.program(answer.completion), tests=answer.problem.tests)
        for answer in answers
    ]
    verdicts = execute(trials, limits=limits, workers=workers, console=console)
    result = {
        "benchmark": "HumanEval",
        "model": checksum or name,
        "problems_sha256": problems.SHA256,
        **score(answers, verdicts, ks, seed=sampling.seed),
        "truncated": sum(sample.truncated != sample.raw for sample in samples),
        "ended": sum(sample.stop_reason == "end_of_text" for sample in samples),
        "prompts_cut": sum(sample.prompt_cut for sample in samples),
        "settings": {"sampling": asdict(sampling), "limits": asdict(limits), "limit": limit},
        "generation_seconds": round(sum(sample.seconds for sample in samples), 1),
        "seconds": round(time.monotonic() - start, 1),
    }
    lines = (
        json.dumps({"task_id": answer.problem.task_id, "sample": answer.sample, **asdict(verdict)})
        for answer, verdict in zip(answers, verdicts, strict=True)
    )
    write_lines(folder / "verdicts.jsonl", lines)
    write_lines(folder / "result.json", [json.dumps(result, indent=2)])
    console.print(table(result))
    console.print(f"written to {folder}", soft_wrap=True)
    return result


def as_result(result: dict[str, Any], engine: Engine) -> Result:
    """What `run` returned, for `tabwright eval report`: "humaneval-greedy" or "humaneval-drawn"."""
    sampling = result["settings"]["sampling"]
    where = {"samples": str(sampling["samples"]), "temperature": f"{sampling['temperature']:g}"}
    return Result(
        kind="humaneval-greedy" if sampling["temperature"] == 0 else "humaneval-drawn",
        model=model_of(engine),
        split="HumanEval",
        settings={
            **result["settings"],
            **{
                key: result[key]
                for key in ("problems_sha256", "samples", "passed", "outcomes", "prompts_cut")
            },
        },
        figures=[
            Figure(
                name=f"pass@{found['k']}",
                value=found["value"],
                low=found["low"],
                high=found["high"],
                n=result["problems"],
                where=where,
            )
            for found in result["pass_at_k"]
        ],
    )


def _of_several(sampling: Sampling) -> str:
    """Greedy and drawn answers of one model are kept apart, so that both protocols can run in turn."""
    return "" if sampling.samples == 1 else f"-n{sampling.samples}-t{sampling.temperature:g}"


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
    for key, words in (
        ("truncated", "went on after the function"),
        ("ended", "ended by themselves"),
        ("prompts_cut", "prompts cut"),
    ):
        if result[key]:
            sheet.add_row(words, str(result[key]))
    sheet.add_row("seconds", f"{result['seconds']:.1f}")
    return sheet
