"""`tabwright eval heldout`, and drawing the places that it asks at; eval/cli.py mounts them.

Heavy imports wait inside the functions, so that help is instant. Errors are raised; tabwright.py prints them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from eval.bits import BitsPerByte
    from eval.heldout.baselines_ngram import NGrams
    from eval.heldout.positions import HeldoutProject
    from eval.results import Figure
    from model.serving.engine import Engine

_Cache = Annotated[Path, typer.Option(help="Where wheels are kept.")]
_CACHE = Path("runs/corpus/wheels")
RESULTS = Path("runs/results")


def heldout(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    split: Annotated[str, typer.Option(help="test or validation. E.g. --split validation")] = "test",
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Corpus whose training documents the n-gram model counts. E.g. --corpus runs/corpus"
        ),
    ] = None,
    ngram_megabytes: Annotated[
        int, typer.Option(min=1, help="Most of the corpus to count, in million characters.")
    ] = 1000,
    shards: Annotated[
        Path | None,
        typer.Option(help="Shards with the model's tokenizer, for bits per byte on their rows as well."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows of the shards to score. E.g. --rows 512")] = 256,
    cache: _Cache = _CACHE,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only about so many places, for a quick look. E.g. --limit 80")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of results; with --limit none is written.")] = None,
    work: Annotated[Path, typer.Option(help="Where answers are kept, for a run that is stopped.")] = Path(
        "runs/heldout"
    ),
    again: Annotated[bool, typer.Option("--again", help="Ask anew what an earlier run has asked.")] = False,
    threads: Annotated[int, typer.Option(min=0, max=64, help="Threads of the model. E.g. --threads 2")] = 1,
) -> None:
    """Completion in projects the model never saw, as served, beside copying and an n-gram model.

    Stopped, it goes on behind the last project that was finished. `tabwright eval report` draws the result.

    Example: tabwright eval heldout --corpus runs/corpus --limit 80
    """
    import importlib.util

    from rich.console import Console

    from data_pipeline.manifest import DEFAULT_MANIFEST, read_manifest
    from data_pipeline.sources.reading import fetch
    from eval import results
    from eval.heldout import figures as heldout_figures
    from eval.heldout import positions as heldout_positions
    from eval.heldout import tables as heldout_tables
    from model.errors import ConfigError
    from model.serving.engine import Engine

    if importlib.util.find_spec("rapidfuzz") is None:
        raise ConfigError("rapidfuzz not installed; run: pip install 'tabwright[eval]'")
    if split not in ("test", "validation"):
        raise ConfigError(f"there is no held-out split {split!r}; use test or validation")
    console = Console()
    engine = Engine.load(model, threads=threads)
    described = results.model_of(engine)
    manifest = read_manifest(DEFAULT_MANIFEST)
    fetch(manifest.only(split), cache)
    projects = heldout_positions.read(heldout_positions.PINNED, manifest, cache, split)
    if limit is not None:
        projects = heldout_positions.limited(projects, limit)
    ngrams = None if corpus is None else _ngrams(corpus, work, ngram_megabytes, console)
    settings: dict[str, Any] = {
        "model": described.checksum,
        "positions_sha256": heldout_positions.checksum(heldout_positions.PINNED),
        "split": split,
        "ngrams": None if ngrams is None else ngrams.settings,
    }
    console.print(f"{described.name}, checksum {described.checksum[:12]}, {split} split")
    answers = _ask(projects, engine, ngrams, work=work, settings=settings, again=again, console=console)
    found = heldout_figures.figures(answers)
    heldout_tables.show(console, found)
    for name, bits in _bits(projects, engine, shards, split, rows, console).items():
        found.append(_bits_figure(name, bits))
        console.print(
            f"{name}: {bits.value:.3f} (95 % {bits.low:.3f} to {bits.high:.3f}), n = {bits.rows}, "
            f"{bits.bytes:,} bytes"
        )
    if limit is not None and out is None:
        console.print(
            "nothing was written: this was a part of the places; name a folder with --out to keep it"
        )
        return
    result = results.Result(
        kind="heldout" if split == "test" else f"heldout-{split}",
        model=described,
        split=split,
        settings={**settings, "limit": limit, "shards": None if shards is None else rows},
        figures=found,
        samples=heldout_figures.examples(answers, projects),
    )
    console.print(f"written to {results.write(result, out or RESULTS)}", soft_wrap=True)


def _ngrams(corpus: Path, folder: Path, megabytes: int, console: Console) -> NGrams:
    from rich.progress import Progress

    from eval.heldout.baselines_ngram import open_or_build

    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("counting words", total=None)
        return open_or_build(
            corpus,
            folder,
            megabytes=megabytes,
            on_characters=lambda done, total: progress.update(bar, completed=done, total=total),
        )


def _ask(
    projects: list[HeldoutProject],
    engine: Engine,
    ngrams: NGrams | None,
    *,
    work: Path,
    settings: dict[str, Any],
    again: bool,
    console: Console,
) -> list[Any]:
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    from eval.heldout.run import measure

    total = sum(len(places) for one in projects for _, places in one.files)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, "left", TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("asking", total=total)
        return measure(
            projects,
            engine,
            ngrams,
            work=work,
            settings=settings,
            again=again,
            on_place=lambda count: progress.advance(bar, count),
        )


def _bits(
    projects: list[HeldoutProject],
    engine: Engine,
    shards: Path | None,
    split: str,
    rows: int,
    console: Console,
) -> dict[str, BitsPerByte]:
    """Bits per byte on the pinned files, and on rows where there are shards."""
    from rich.progress import track

    from eval import bits

    texts = [(file.path, file.text) for one in projects for file, _ in one.files]
    bar = iter(track(range(len(texts)), "scoring files", console=console, transient=True))
    found = {"bits per byte": bits.measure_texts(engine, texts, on_text=lambda: next(bar, None))}
    if shards is not None:
        bar = iter(track(range(rows), "scoring rows", console=console, transient=True))
        found["bits per byte of rows"] = bits.measure(
            engine, shards, split=split, rows=rows, on_row=lambda: next(bar, None)
        )
    return found


def _bits_figure(name: str, found: BitsPerByte) -> Figure:
    from eval.results import Figure

    return Figure(name=name, value=found.value, low=found.low, high=found.high, n=found.rows)


def heldout_positions(
    *,
    out: Annotated[Path | None, typer.Option(help="File to write; the pinned one when not given.")] = None,
    cache: _Cache = _CACHE,
) -> None:
    """Draw the places that `tabwright eval heldout` asks at, in all held-out projects, and pin them.

    Example: tabwright eval heldout-positions --out runs/places.json
    """
    import json

    from data_pipeline.manifest import DEFAULT_MANIFEST, read_manifest
    from data_pipeline.sources.reading import fetch
    from eval.heldout.positions import COUNTS, PINNED, draw
    from model.writing import replacing

    manifest = read_manifest(DEFAULT_MANIFEST)
    for split in COUNTS:
        fetch(manifest.only(split), cache)
    path = out or PINNED
    with replacing(path) as file:
        file.write((json.dumps(draw(manifest, cache)) + "\n").encode())
    typer.echo(f"wrote {path}")


def report(
    results: Annotated[list[Path], typer.Argument(help="Result files, or folders of them.")],
    *,
    out: Annotated[Path, typer.Option(help="The page to write. E.g. --out report.html")] = Path(
        "runs/report.html"
    ),
) -> None:
    """Draw results of any number of models as one HTML page that needs nothing else.

    Example: tabwright eval report runs/results --out runs/report.html
    """
    from eval.report.page import read_all, write_html

    write_html(read_all(results), out)
    typer.echo(f"wrote {out}")
