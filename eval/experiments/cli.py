"""`tabwright eval experiment`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def experiment(
    *,
    plan: Annotated[
        str, typer.Option(help="A plan that comes with Tabwright, or a JSON file. E.g. --plan small")
    ] = "small",
    corpus: Annotated[
        Path, typer.Option(help="Folder of a `tabwright data build`; its clean documents are read.")
    ] = Path("runs/corpus"),
    out: Annotated[Path, typer.Option(help="Where everything goes; resumed when it is there.")] = Path(
        "runs/experiments"
    ),
    only: Annotated[
        list[str] | None, typer.Option(help="A comparison, repeatable; default: all. E.g. --only vocabulary")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of a trial. E.g. --threads 2")] = 1,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many trials now, the others later. E.g. --limit 1")
    ] = None,
) -> None:
    """Decide by experiment: train small models that differ in one choice, and compare what they predict.

    Stopped, it goes on where it was when started again with the same options.

    Example: tabwright eval experiment --plan small --corpus runs/corpus --out runs/experiments
    """
    import importlib.util

    from rich.console import Console

    from eval.experiments import plan as plans
    from model.errors import ConfigError

    needed = ("torch", "transformers", "pyarrow")
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise ConfigError(f"{', '.join(missing)} not installed; run: pip install 'tabwright[train,data]'")
    from eval.experiments.run import run

    console = Console()
    path = run(
        plans.read(plans.find(plan)),
        corpus,
        out,
        threads=threads,
        only=only or (),
        limit=limit,
        console=console,
    )
    console.print(f"table: {path}")
