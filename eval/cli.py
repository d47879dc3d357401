"""`tabwright eval …`: the commands of this folder.

Heavy imports wait inside the functions, so that help is instant. Errors are raised; tabwright.py prints them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eval import attribution_cli
from eval.bench.cli import app as bench
from eval.experiments.cli import experiment
from eval.heldout import cli as heldout_cli
from eval.replay import cli as replay_cli
from eval.report import card_cli
from eval.threshold import cli as threshold_cli

app = typer.Typer(
    no_args_is_help=True, help="Measure a model: benchmarks on this machine, figures with intervals."
)
app.add_typer(bench, name="bench")
app.command()(heldout_cli.heldout)
app.command()(heldout_cli.heldout_positions)
app.command()(heldout_cli.report)
app.command()(experiment)
app.command()(card_cli.card)
app.command()(threshold_cli.threshold)
app.command()(attribution_cli.attribution)
app.command()(replay_cli.replay)
app.command()(replay_cli.replay_sample)


@app.callback()
def main() -> None:
    """Measure a model: benchmarks on this machine, figures with intervals."""


@app.command()
def bits(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    data: Annotated[Path, typer.Option(help="Shards with the model's tokenizer.")] = Path(
        "runs/corpus/shards"
    ),
    split: Annotated[str, typer.Option(help="test or validation. E.g. --split validation")] = "test",
    rows: Annotated[int, typer.Option(min=1, help="Rows to score. E.g. --rows 1000")] = 256,
    threads: Annotated[int, typer.Option(min=0, help="Threads of the model. E.g. --threads 2")] = 0,
) -> None:
    """Bits per byte on held-out projects, with a 95 % interval.

    Example: tabwright eval bits --data runs/corpus/shards --rows 256
    """
    from rich.console import Console
    from rich.progress import track

    from eval.bits import measure
    from eval.results import model_checksum
    from model.errors import ConfigError
    from model.serving.engine import Engine

    if split not in ("test", "validation"):
        raise ConfigError(f"there is no held-out split {split!r}; use test or validation")
    engine = Engine.load(model, threads=threads)
    console = Console()
    bar = iter(track(range(rows), description="scoring", console=console, transient=True))
    found = measure(engine, data, split=split, rows=rows, on_row=lambda: next(bar, None))
    console.print(
        f"{engine.release.name}, checksum {model_checksum(engine)[:12]}, {split} split, {found.rows} rows, "
        f"{found.tokens:,} tokens, {found.bytes:,} bytes:"
    )
    console.print(
        f"{found.value:.3f} bits per byte (95 % {found.low:.3f} to {found.high:.3f}, bootstrap over rows), "
        f"perplexity {found.perplexity:.2f} a token"
    )


@app.command()
def humaneval(
    *,
    model: Annotated[
        Path | None,
        typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/small/export"),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Completions a problem. E.g. --samples 10")] = 1,
    k: Annotated[
        str | None,
        typer.Option(help="Which pass@k; default those of 1, 10, 100 up to --samples. E.g. --k 1,10"),
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0, help="0 is greedy, for one sample. E.g. --temperature 0.4")
    ] = 0.0,
    top_p: Annotated[float, typer.Option(help="Nucleus to draw from, up to 1. E.g. --top-p 0.95")] = 1.0,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="Longest completion; default 384, or 3/8 of the window. E.g. --max-tokens 300"
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first problems, for a quick look. E.g. --limit 20")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write; default runs/humaneval/<model checksum>. E.g. --out runs/quick"),
    ] = None,
    results: Annotated[
        Path, typer.Option(help="Where the result for `tabwright eval report` goes. E.g. --results runs/new")
    ] = Path("runs/results"),
    gold: Annotated[
        bool,
        typer.Option(
            "--gold", help="Check the harness: reference solutions, must reach 164/164. E.g. --gold"
        ),
    ] = False,
    empty: Annotated[
        bool,
        typer.Option("--empty", help="Check the harness: empty completions, must reach 0/164. E.g. --empty"),
    ] = False,
    workers: Annotated[
        int, typer.Option(min=0, help="Programs executed at a time; 0: one a core. E.g. --workers 2")
    ] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of the model; 0: the engine's choice. E.g. --threads 4")
    ] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds of CPU a program may use. E.g. --timeout 10")] = 5.0,
    seed: Annotated[int, typer.Option(help="Of sampling and of bootstrap intervals. E.g. --seed 1")] = 0,
) -> None:
    """HumanEval (Chen et al. 2021): 164 functions written from their docstrings, judged by hidden tests.

    Stopped, it goes on where it was when started again with the same options.

    It executes what the model writes. The sandbox is one against accidents,
    not attackers: for a model you do not trust use a container.

    Example: tabwright eval humaneval --samples 20 --temperature 0.4
    """
    import math
    import os

    from rich.console import Console

    from eval.problems import humaneval as evaluation
    from eval.problems.generate import Sampling
    from eval.problems.sandbox import Limits
    from model.errors import ConfigError

    if gold and empty:
        raise ConfigError("--gold and --empty are two checks; run one at a time")
    if not math.isfinite(timeout) or timeout <= 0:
        raise ConfigError(f"--timeout {timeout} is out of range; use a number of seconds above 0")
    if (gold or empty) and (samples != 1 or model is not None):
        raise ConfigError(
            "--gold and --empty check the harness without a model; leave --model and --samples out"
        )
    try:
        ks = sorted({int(part) for part in k.split(",")}) if k else [n for n in (1, 10, 100) if n <= samples]
    except ValueError as error:
        raise ConfigError(f"--k {k!r} is not a list of numbers such as 1,10") from error
    engine = None
    if not (gold or empty):
        from model.serving.engine import Engine

        engine = Engine.load(model, threads=threads)
    if max_tokens is None:
        # A small window is for the prompt first.
        max_tokens = 384 if engine is None else min(384, engine.release.window * 3 // 8)
    sampling = Sampling(
        samples=samples, temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed
    )
    console = Console()
    found = evaluation.run(
        engine=engine,
        reference=(lambda problem: problem.canonical_solution) if gold else (lambda _: ""),
        name="gold" if gold else "empty",
        sampling=sampling,
        ks=ks,
        limits=Limits.of_cpu(timeout),
        out=out,
        workers=workers or os.cpu_count() or 1,
        limit=limit,
        console=console,
    )
    if engine is not None and limit is None:
        from eval.results import write

        path = write(evaluation.as_result(found, engine), results)
        console.print(f"result written to {path}", soft_wrap=True)


@app.command()
def infilling(
    *,
    file: Annotated[
        Path,
        typer.Option(
            help="Problems of human-eval-infilling. E.g. --file HumanEval-SingleLineInfilling.jsonl.gz"
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/small/export"),
    ] = None,
    memory: Annotated[
        bool,
        typer.Option("--memory", help="As served: with the memory of the file itself. E.g. --memory"),
    ] = False,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Longest answer; default 192, or 3/8 of the window. E.g. --max-tokens 128"),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first problems, for a quick look. E.g. --limit 50")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write; default in runs/infilling. E.g. --out runs/quick"),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write figures and all answers there. E.g. --json a.json")
    ] = None,
    results: Annotated[
        Path, typer.Option(help="Where the result for `tabwright eval report` goes. E.g. --results runs/new")
    ] = Path("runs/results"),
    gold: Annotated[
        bool, typer.Option("--gold", help="Check the harness: what was taken out, must pass. E.g. --gold")
    ] = False,
    empty: Annotated[
        bool, typer.Option("--empty", help="Check the harness: what passes with nothing. E.g. --empty")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=0, help="Programs executed at a time; 0: one a core. E.g. --workers 2")
    ] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of the model; 0: the engine's choice. E.g. --threads 4")
    ] = 0,
    timeout: Annotated[float, typer.Option(help="Seconds of CPU a program may use. E.g. --timeout 10")] = 5.0,
) -> None:
    """Infilling (Bavarian et al. 2022): a piece of a function written from what stands around it.

    Each answer is run raw, and truncated by a rule that does not look at what was taken out.
    Stopped, it goes on where it was when started again with the same options.

    It executes what the model writes. The sandbox is one against accidents,
    not attackers: for a model you do not trust use a container.

    Example: tabwright eval infilling --file HumanEval-SingleLineInfilling.jsonl.gz
    """
    import math
    import os

    from rich.console import Console

    from eval import results as written
    from eval.problems import infilling as evaluation
    from eval.problems.sandbox import Limits
    from model.errors import ConfigError

    if gold and empty:
        raise ConfigError("--gold and --empty are two checks; run one at a time")
    if not math.isfinite(timeout) or timeout <= 0:
        raise ConfigError(f"--timeout {timeout} is out of range; use a number of seconds above 0")
    if (gold or empty) and (memory or model is not None):
        raise ConfigError(
            "--gold and --empty check the harness without a model; leave --model and --memory out"
        )
    engine = None
    if not (gold or empty):
        from model.serving.engine import Engine

        engine = Engine.load(model, threads=threads)
    if max_tokens is None:
        max_tokens = 192 if engine is None else min(192, engine.release.window * 3 // 8)
    console = Console()
    found = evaluation.run(
        file=file,
        engine=engine,
        reference=(lambda problem: problem.canonical_solution) if gold else (lambda _: ""),
        name="gold" if gold else "empty",
        with_memory=memory,
        max_tokens=max_tokens,
        limits=Limits.of_cpu(timeout),
        out=out,
        workers=workers or os.cpu_count() or 1,
        limit=limit,
        console=console,
    )
    if json_file is not None:
        evaluation.write_json(found, json_file)
    if engine is not None and limit is None:
        path = written.write(found.as_result(), results)
        console.print(f"result written to {path}", soft_wrap=True)


@app.command()
def positions(
    *,
    out: Annotated[Path | None, typer.Option(help="File to write; the pinned one when not given.")] = None,
    cache: Annotated[Path, typer.Option(help="Where wheels are kept.")] = Path("runs/corpus/wheels"),
    count: Annotated[int, typer.Option(min=4, help="Positions in each split.")] = 1008,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 20261122,
) -> None:
    """Draw the positions that `tabwright eval memory` asks at, in the held-out projects, and pin them.

    Example: tabwright eval positions --out runs/positions.json
    """
    import json

    from data_pipeline.manifest import DEFAULT_MANIFEST, read_manifest
    from data_pipeline.sources.reading import fetch
    from eval.positions import PINNED, draw

    manifest, splits = read_manifest(DEFAULT_MANIFEST), ("validation", "test")
    for split in splits:
        fetch(manifest.only(split), cache)
    path = out or PINNED
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(draw(manifest, cache, splits=splits, count=count, seed=seed)) + "\n")
    partial.replace(path)
    typer.echo(f"wrote {path}")


@app.command()
def memory(
    *,
    model: Annotated[Path | None, typer.Option(help="Model folder; default: the one that ships.")] = None,
    split: Annotated[
        str, typer.Option(help="test; or validation, on whose projects the memory is fitted.")
    ] = "test",
    cache: Annotated[Path, typer.Option(help="Where wheels are kept.")] = Path("runs/corpus/wheels"),
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many files of each project.")] = None,
    threads: Annotated[int, typer.Option(min=0, max=64, help="Threads of each server.")] = 1,
    variants: Annotated[
        str | None, typer.Option(help="Of model, memory, both …, with semicolons between.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every answer there.")] = None,
) -> None:
    """Model alone, memory alone and both, through real servers at the pinned positions.

    Example: tabwright eval memory --json runs/memory.json
    """
    import asyncio
    import importlib.util
    import json
    from dataclasses import replace

    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn, TimeRemainingColumn

    from data_pipeline.manifest import DEFAULT_MANIFEST, read_manifest
    from data_pipeline.sources.reading import fetch
    from eval import positions
    from eval.memory import gates as memory_gates
    from eval.memory import tables as memory_tables
    from model.errors import ConfigError

    if importlib.util.find_spec("rapidfuzz") is None:
        raise ConfigError("rapidfuzz not installed; run: pip install 'tabwright[eval]'")
    names = tuple(memory_gates.VARIANTS) if variants is None else tuple(variants.split(";"))
    if unknown := [name for name in names if name not in memory_gates.VARIANTS]:
        raise ConfigError(f"there is no variant {unknown[0]!r}; use {'; '.join(memory_gates.VARIANTS)}")
    manifest = read_manifest(DEFAULT_MANIFEST)
    fetch(manifest.only(split), cache)
    projects = positions.read(positions.PINNED, manifest, cache, split)
    if limit is not None:
        projects = [replace(project, files=project.files[:limit]) for project in projects]
    total = sum(len(file.cursors) for project in projects for file in project.files)
    console = Console()
    matcher = memory_tables.Matcher(model)
    with Progress(
        *Progress.get_default_columns()[:-1], TimeElapsedColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        bar = progress.add_task(f"{total} positions, {len(names)} servers", total=total)
        answers = asyncio.run(
            memory_gates.measure(
                projects,
                names,
                model=model,
                threads=threads,
                match=matcher.match,
                on_position=lambda: progress.advance(bar),
            )
        )
    if json_file is not None:
        json_file.write_text(json.dumps(memory_gates.as_json(answers)) + "\n", encoding="utf-8")
    console.print(f"model checksum {matcher.checksum}, {split} split, {total} positions, {threads} thread(s)")
    memory_tables.show(console, answers, names)
