"""`tabwright eval threshold`; eval/cli.py mounts it.

Heavy imports wait inside the function, so that help is instant. Errors are raised; tabwright.py prints them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from eval.intervals import Interval
    from eval.threshold.further import Reach
    from eval.threshold.measure import Notch, Outcome
    from eval.threshold.places import Project
    from model.serving.engine import Engine


def threshold(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    corpus: Annotated[Path, typer.Option(help="Built corpus with the held-out projects' files.")] = Path(
        "runs/corpus"
    ),
    write: Annotated[
        bool, typer.Option("--write", help="Write the weights into the model's meta.json. E.g. --write")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=20, help="Only about so many places a split, for a quick look. E.g. --limit 80"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of how far each line was typed. E.g. --seed 1")] = 0,
    threads: Annotated[int, typer.Option(min=0, max=64, help="Threads of the model. E.g. --threads 2")] = 1,
) -> None:
    """Fit how likely a suggestion is right, on validation projects, and show what showAbove gives on test.

    Example: tabwright eval threshold --model runs/model --corpus runs/corpus --limit 150
    """
    from rich.console import Console

    from eval.threshold import measure as threshold
    from eval.threshold import places as threshold_places
    from lsp_server.settings import Settings
    from model.errors import ConfigError
    from model.serving.engine import Engine
    from model.serving.release import default_folder

    if write and limit is not None:
        raise ConfigError("weights of a part of the places are not written; leave out --limit or --write")
    console = Console()
    engine = Engine.load(model, threads=threads)
    fitted, measured = (
        _gather(threshold_places.read(corpus, split, limit=limit, seed=seed), engine, split, console)
        for split in ("validation", "test")
    )
    pull = threshold.choose_pull(fitted)
    weights = threshold.fit(fitted, pull=pull)
    notches = list(threshold.dial(measured, weights))
    reached = threshold.reach(measured, weights, show_above=Settings().show_above)
    facts = threshold.facts(fitted, weights, measured, notches, reached, pull=pull)
    for name, value in weights.as_json().items():
        console.print(f"{name:>8} {value:+.4f}")
    console.print(
        f"{engine.release.name}: fitted on {facts['suggestions']} suggestions of {facts['places']} places, "
        f"{facts['right']} right, ridge {pull:g}; {facts['nats']:.3f} nats a suggestion "
        f"({facts['nats_unfitted']:.3f} by the model's own probability), {facts['test_nats']:.3f} on test "
        "projects"
    )
    _show(console, notches)
    for split, outcomes in (("validation", fitted), ("test", measured)):
        _show_further(console, split, threshold.reach(outcomes, weights, show_above=Settings().show_above))
    if write:
        folder = model or default_folder()
        threshold.write(folder, weights, facts)
        console.print(f"written to {folder}/meta.json", soft_wrap=True)


def _gather(projects: Sequence[Project], engine: Engine, split: str, console: Console) -> list[Outcome]:
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    from eval.threshold.measure import gather

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, "left", TimeRemainingColumn(), console=console, transient=True) as progress:
        bar = progress.add_task(f"asking {split}", total=sum(len(one.asks) for one in projects))
        return gather(projects, engine, on_place=lambda: progress.advance(bar))


def _show(console: Console, notches: Sequence[Notch]) -> None:
    from rich.table import Table

    title = f"test projects, n = {notches[0].shown.n}, 95 % intervals over files"
    table = Table(title=title, title_justify="left")
    for heading in ("showAbove", "shown %", "right %", "right ones found %", "said %"):
        table.add_column(heading, justify="right")
    for one in notches:
        said = "" if one.said is None else f"{100 * one.said:.1f}"
        cells = [_percent(share) for share in (one.shown, one.right, one.found)]
        table.add_row(f"{one.show_above} %", *cells, said)
    console.print(table)


def _show_further(console: Console, split: str, reached: Sequence[Reach]) -> None:
    from rich.table import Table

    title = f"{split} projects, lines behind the first, of what is shown by default, by characters"
    table = Table(title=title, title_justify="left")
    for heading in ("showLinesAbove", "lines shown", "right ones shown %", "wrong ones shown %"):
        table.add_column(heading, justify="right")
    for one in reached:
        table.add_row(f"{one.limit} %", str(one.lines), _percent(one.right), _percent(one.wrong))
    console.print(table)


def _percent(found: Interval | None) -> str:
    if found is None or found.low is None or found.high is None:
        return "" if found is None else f"{100 * found.value:.1f}"
    return f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"
