"""Infilling from a file of problems to figures: ask, cut, execute, count.

    problems -> samples.jsonl (appended as they come) -> programs -> result.json

Every answer is run in two forms: raw, as the model ended it or the limit did, and truncated by a rule that
does not look at what was taken out (truncation.py). The share that the model ended by itself says how far the
two may lie apart. Intervals are 95 % Wilson intervals over problems; many problems are made of one function
and alike, so pass@1 has a bootstrap interval over functions beside it.

Not here: reading the file (infilling_problems.py), the sandbox (judging.py, sandbox.py).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from rich.console import Console
from rich.table import Table

from eval import intervals
from eval.problems import passk, truncation
from eval.problems.answers import SampleFile, gather
from eval.problems.generate import Sample, Sampling, answer
from eval.problems.infilling_problems import Benchmark, InfillingProblem, load
from eval.problems.judging import Trial, execute, write_lines
from eval.problems.sandbox import OUTCOMES, Limits, Verdict
from eval.results import Figure, Model, Result, figure, model_of
from model.errors import ConfigError

if TYPE_CHECKING:  # checking the harness needs no runtime
    from model.serving.engine import Engine

Form = Literal["raw", "truncated"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One problem's answer in both forms, with what became of each."""

    problem: InfillingProblem
    raw: str
    truncated: str
    stop_reason: str
    verdicts: dict[Form, Verdict]

    def exact(self, form: Form) -> bool:
        """Whether it is what was taken out, blanks at the end apart."""
        return self._text(form).rstrip() == self.problem.canonical_solution.rstrip()

    def _text(self, form: Form) -> str:
        return self.raw if form == "raw" else self.truncated

    def as_json(self) -> dict[str, Any]:
        """All of it but the problem's text, which is the benchmark's."""
        return {
            "task_id": self.problem.task_id,
            "raw": self.raw,
            "truncated": self.truncated,
            "stop_reason": self.stop_reason,
            **{f"{form}_outcome": self.verdicts[form].outcome for form in FORMS},
            **{f"{form}_exact": self.exact(form) for form in FORMS},
            "detail": self.verdicts["truncated"].detail,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run found: figures, all answers, and the plain facts of result.json."""

    benchmark: Benchmark
    model: Model | None  # None where the harness was checked
    facts: dict[str, Any]
    figures: tuple[Figure, ...]
    answers: tuple[Answer, ...]
    with_memory: bool

    def as_result(self) -> Result:
        """For `tabwright eval report`. With the memory it is a result of another kind."""
        assert self.model is not None
        return Result(
            kind=kind(self.benchmark, with_memory=self.with_memory),
            model=self.model,
            split=self.benchmark.path.name,
            settings=self.facts,
            figures=self.figures,
            samples=[one.as_json() for one in self.answers],
        )


def kind(benchmark: Benchmark, *, with_memory: bool) -> str:
    """The result's kind: "infilling-single-line", and "…-with-memory"."""
    return f"infilling-{benchmark.family}" + ("-with-memory" if with_memory else "")


def cut(benchmark: Benchmark, problem: InfillingProblem, text: str, stop_reason: str) -> str:
    """The truncated form of an answer."""
    if benchmark.of_lines:
        return truncation.first_line(text)
    return truncation.span(
        text, prefix=problem.prompt, suffix=problem.suffix, finished=stop_reason == "end_of_text"
    )


def run(
    *,
    file: Path,
    engine: Engine | None,
    reference: Callable[[InfillingProblem], str] | None = None,
    name: str = "model",
    with_memory: bool = False,
    max_tokens: int,
    limits: Limits,
    out: Path | None,
    workers: int,
    limit: int | None,
    console: Console,
) -> Outcome:
    """The whole evaluation of an engine, or of `reference` answers called `name` to check the harness.

    Writes into `out` (default runs/infilling/<checksum prefix or name>-<benchmark>). `limit` takes the first
    problems only. Raises DataError for a file without infilling problems, ConfigError for settings that do
    not fit together, among them `with_memory` of a model that has no numbers for it.
    """
    start = time.monotonic()
    if workers < 1 or max_tokens < 1 or (limit is not None and limit < 1):
        raise ConfigError("workers, max tokens and limit must be 1 or more")
    benchmark = load(file)
    by_id = {problem.task_id: problem for problem in benchmark.problems[:limit]}
    sampling = Sampling(max_tokens=max_tokens)
    model = None if engine is None else model_of(engine)
    whose = name if model is None else model.checksum[:12]
    suffix = "-with-memory" if with_memory else ""
    folder = out or Path("runs/infilling") / f"{whose}-{benchmark.family}{suffix}"
    if engine is None:
        assert reference is not None
        samples = [_given(problem, reference(problem)) for problem in by_id.values()]
    else:
        if with_memory and engine.release.memory is None:
            raise ConfigError(
                f"{engine.release.name} has no numbers for the memory, so it would change nothing; run "
                "tabwright model fit-memory, or leave --memory out"
            )
        header = {
            "file": benchmark.sha256,
            "model": model.checksum if model else None,
            "memory": with_memory,
            "max_tokens": max_tokens,
        }

        def ask(task_id: str, number: int) -> Sample:
            return answer(
                engine,
                by_id[task_id].hole,
                sampling,
                task_id=task_id,
                sample=number,
                truncate=lambda raw, reason: cut(benchmark, by_id[task_id], raw, reason),
                with_memory=with_memory,
            )

        with closing(SampleFile(folder / "samples.jsonl", header)) as kept:
            samples = gather([(task_id, 0) for task_id in by_id], ask, kept, console=console)
    answers = _judge(benchmark, by_id, samples, limits=limits, workers=workers, console=console)
    facts = {
        "benchmark": benchmark.family,
        "file": benchmark.path.name,
        "file_sha256": benchmark.sha256,
        "model": model.checksum if model else name,
        "memory": with_memory,
        "problems": len(answers),
        "problems_in_file": len(benchmark.problems),
        "truncation": truncation.VERSION,
        "max_tokens": max_tokens,
        "limits": asdict(limits),
        "outcomes": {form: _outcomes(answers, form) for form in FORMS},
        "stop_reasons": dict(Counter(one.stop_reason for one in answers)),
        "prompts_cut": sum(sample.prompt_cut for sample in samples),
        "isolated": all(one.verdicts[form].isolated for one in answers for form in FORMS),
        "generation_seconds": round(sum(sample.seconds for sample in samples), 1),
        "seconds": round(time.monotonic() - start, 1),
    }
    figures = tuple(score(answers, variant="both" if with_memory else "model"))
    found = Outcome(
        benchmark=benchmark,
        model=model,
        facts=facts,
        figures=figures,
        answers=tuple(answers),
        with_memory=with_memory,
    )
    write_json(found, folder / "result.json")
    console.print(table(found))
    console.print(f"written to {folder}", soft_wrap=True)
    return found


def write_json(found: Outcome, path: Path) -> None:
    """Facts, figures and all answers as one JSON file."""
    value = {
        **found.facts,
        "figures": [asdict(one) for one in found.figures],
        "answers": [one.as_json() for one in found.answers],
    }
    write_lines(path, [json.dumps(value, indent=1)])


def _given(problem: InfillingProblem, text: str) -> Sample:
    return Sample(
        task_id=problem.task_id, sample=0, raw=text, truncated=text, stop_reason="end_of_text", tokens=0,
        logprob=0.0, prompt_cut=False, seconds=0.0,
    )  # fmt: skip


def _judge(
    benchmark: Benchmark,
    by_id: dict[str, InfillingProblem],
    samples: Sequence[Sample],
    *,
    limits: Limits,
    workers: int,
    console: Console,
) -> list[Answer]:
    """Run both forms of every answer."""
    asked = [(by_id[sample.task_id], sample) for sample in samples]
    # Cut anew, whatever rule was in force when an earlier run wrote it.
    texts = [
        (sample.raw, cut(benchmark, problem, sample.raw, sample.stop_reason)) for problem, sample in asked
    ]
    trials = [
        Trial(program=problem.program(text), tests=problem.tests)
        for (problem, _), forms in zip(asked, texts, strict=True)
        for text in forms
    ]
    verdicts = execute(trials, limits=limits, workers=workers, console=console)
    return [
        Answer(
            problem=problem,
            raw=raw,
            truncated=truncated,
            stop_reason=sample.stop_reason,
            verdicts={"raw": of_raw, "truncated": of_truncated},
        )
        for (problem, sample), (raw, truncated), of_raw, of_truncated in zip(
            asked, texts, verdicts[::2], verdicts[1::2], strict=True
        )
    ]


def _outcomes(answers: Sequence[Answer], form: Form) -> dict[str, int]:
    counted = Counter(one.verdicts[form].outcome for one in answers)
    return {word: counted[word] for word in OUTCOMES if counted[word]}


def score(answers: Sequence[Answer], *, variant: str) -> Iterator[Figure]:
    """pass@1 and exact match of both forms, and how many answers the model ended by itself."""
    functions = [one.problem.function for one in answers]
    for form in FORMS:
        passed = [one.verdicts[form].passed for one in answers]
        yield _share("pass@1", passed, answer=form, variant=variant)
        over = intervals.mean(passed, functions)
        if over.value in (0.0, 1.0):
            # Drawing from what is all alike gives no interval: as if each function had been tried once.
            count = len(set(functions))
            low, high = passk.wilson(round(over.value * count), count)
            over = replace(over, low=low, high=high)
        yield figure("pass@1 over functions", over, answer=form, variant=variant)
        yield _share("exact match", [one.exact(form) for one in answers], answer=form, variant=variant)
    yield _share("ended by itself", [one.stop_reason == "end_of_text" for one in answers], variant=variant)


def _share(name: str, right: Sequence[bool], **where: str) -> Figure:
    low, high = passk.wilson(sum(right), len(right))
    return Figure(name=name, value=sum(right) / len(right), low=low, high=high, n=len(right), where=where)


def table(found: Outcome) -> Table:
    """The figures as a person reads them."""
    facts = found.facts
    of = str(facts["model"])[:12] + (" with its memory" if found.with_memory else "")
    whole = "" if facts["problems"] == facts["problems_in_file"] else f" of {facts['problems_in_file']}"
    sheet = Table(
        title=f"infilling, {facts['file']} (sha256 {facts['file_sha256'][:12]}), {of}, "
        f"n = {facts['problems']}{whole}",
        title_justify="left",
        show_header=False,
    )
    for one in found.figures:
        form = one.where.get("answer", "")
        assert one.low is not None
        assert one.high is not None
        interval = f"95 % {100 * one.low:.1f} to {100 * one.high:.1f}"
        right = f"{round(one.value * one.n)}/{one.n}"
        sheet.add_row(f"{one.name} {form}".rstrip(), f"{100 * one.value:.1f} %  ({interval}), {right}")
    for word, count in facts["outcomes"]["truncated"].items():
        if word != "passed":
            sheet.add_row(f"{word}, truncated", str(count))
    if facts["prompts_cut"]:
        sheet.add_row("prompts cut", str(facts["prompts_cut"]))
    sheet.add_row("seconds", f"{facts['seconds']:.1f}")
    return sheet
