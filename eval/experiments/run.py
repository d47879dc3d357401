"""All trials of a plan, one after the other, each in a process of its own; stopped, it goes on where it was.

    out/sample/, tokenizers/, data/, places.json     what the trials are made of (data.py, places.py)
    out/trials/<name>/                               config, curve, checkpoint, log and result of each
    out/results.json                                 all results
    out/results.md                                   the comparisons, for LOG.md

Not here: what a trial does (trial.py), what the results say (differences.py, table.py).
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from data_pipeline import steps
from eval.experiments import places, table, trial
from eval.experiments.data import take_sample
from eval.experiments.differences import bits_per_byte
from eval.experiments.plan import Plan
from eval.experiments.trial import Job
from model.errors import DataError

RESULTS = "results.json"
TABLE = "results.md"
_POLL = 2.0  # seconds


def run(
    plan: Plan,
    corpus: Path,
    out: Path,
    *,
    threads: int = 1,
    only: Sequence[str] = (),
    limit: int | None = None,
    console: Console | None = None,
) -> Path:
    """Do the trials that are left, at most `limit` of them; returns the table's file.

    Raises DataError for a corpus that does not serve, and, when all others are done, for trials that failed.
    """
    console, out = console or Console(), out.resolve()
    chosen = [one.name for one in plan.trials(only)]
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / ".lock").acquire(blocking=False):
            jobs = _jobs(plan, corpus.resolve(), out, threads, console)
            wanted = [job for job in jobs if job.trial.name in chosen]
            failed = _work(plan, wanted, jobs, limit, console)
            path = _publish(plan, jobs)
    except Timeout:
        raise DataError(f"other trials are at work in {out}; wait for them, or give another --out") from None
    if failed:
        raise DataError(
            f"{len(failed)} of {len(wanted)} trials failed; {failed[0].folder / trial.LOG} says why of the "
            "first, and the same command tries them again"
        )
    return path


def _jobs(plan: Plan, corpus: Path, out: Path, threads: int, console: Console) -> list[Job]:
    """The jobs of all trials, in their order; the documents and places are made where they are not there."""
    with console.status("documents of the experiment"):
        sample = take_sample(corpus, out, plan.sample)
        window = plan.base.settings.build_config(0).length
        found = places.draw(corpus, out, plan.places, window)
    fingerprint = places.read(found).fingerprint
    return [
        Job(
            trial=one,
            sample=sample,
            places=found,
            places_fingerprint=fingerprint,
            out=out,
            threads=threads,
        )
        for one in plan.trials()
    ]


def _work(
    plan: Plan, wanted: Sequence[Job], every: Sequence[Job], limit: int | None, console: Console
) -> list[Job]:
    """Do what is left of the wanted trials; returns those that failed."""
    left = [job for job in wanted if trial.result_of(job) is None]
    console.print(f"{len(wanted)} trials, {len(wanted) - len(left)} done before")
    left, failed = left[:limit], []
    flops = seconds = 0.0
    for number, job in enumerate(left):
        started = time.monotonic()
        with console.status(job.trial.name) as status:
            _in_a_process(job, status.update)
        took = time.monotonic() - started
        result = trial.result_of(job)
        if result is None:
            console.print(f"{job.trial.name}: failed, see {job.folder / trial.LOG}")
            failed.append(job)
            continue
        # Trials differ in size, so the time left is told by the work that it is, not by their number.
        flops, seconds = flops + job.trial.settings.flops(), seconds + took
        rest = sum(one.trial.settings.flops() for one in left[number + 1 :])
        console.print(
            f"{job.trial.name}: {bits_per_byte(result, 'middles'):.4f} bits/byte, "
            f"{result['tokens_per_second']:,} tok/s, {took / 60:.1f} min; {len(left) - number - 1} trials, "
            f"{rest * seconds / flops / 60:.0f} min left",
            soft_wrap=True,
        )
        _publish(plan, every)
    return failed


def _in_a_process(job: Job, say: Callable[[str], None]) -> None:
    process = multiprocessing.get_context("spawn").Process(target=trial.run, args=(job,))
    process.start()
    try:
        while process.is_alive():
            process.join(_POLL)
            say(f"{job.trial.name}{_progress(job)}")
    finally:
        if process.is_alive():
            process.terminate()
        process.join()


def _progress(job: Job) -> str:
    try:
        done = (job.folder / trial.METRICS).read_bytes().count(b"\n")
    except OSError:
        return ""
    return f", step {done} of {job.trial.settings.sections['training']['steps']}"


def _publish(plan: Plan, jobs: Sequence[Job]) -> Path:
    """Write all results, and the table of them."""
    out = jobs[0].out
    results = [result for job in jobs if (result := trial.result_of(job)) is not None]
    found = places.read(jobs[0].places)
    texts = {
        what: {"files": [one.file for one in some], "modes": [one.mode for one in some]}
        for what, some in found.texts.items()
    }
    record: Mapping[str, Any] = {
        "plan": plan.name,
        "settings": plan.settings,
        "sample": jobs[0].sample.fingerprint,
        "places": {"fingerprint": found.fingerprint, "texts": texts},
        "trials": results,
    }
    steps.write_json(out / RESULTS, record)
    steps.write_text(out / TABLE, table.markdown(plan, record))
    return out / TABLE
