"""`tabwright train` and `tabwright export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    data: Annotated[Path, typer.Option(help="Folder of shards.")] = Path("runs/corpus/shards"),
    out: Annotated[Path, typer.Option(help="Folder of the run; resumed when it holds a state.")] = Path(
        "runs/train"
    ),
    preset: Annotated[str, typer.Option(help="toy, cpu or gpu.")] = "cpu",
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; the preset's when not given.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="muon or adamw; the preset's when not given.")] = None,
    rate: Annotated[float, typer.Option(help="Factor on the preset's learning rates.")] = 1.0,
    compile: Annotated[bool | None, typer.Option(help="Compile with torch.compile.")] = None,  # noqa: A002
) -> None:
    """Train a model on token shards. Stop it at any time: the same command goes on where it was.

    Example: tabwright train --data runs/corpus/shards --out runs/train --preset cpu --steps 3000
    """
    _needs_extra()
    from dataclasses import replace

    from rich.console import Console

    from model.errors import ConfigError
    from model.training.config import preset as named
    from model.training.loop import train as run

    config = named(preset, steps)
    if optimizer is not None:
        if optimizer not in ("muon", "adamw"):
            raise ConfigError(f"there is no optimizer {optimizer!r}; use muon or adamw")
        config = replace(config, optimizer=optimizer)  # type: ignore[arg-type]
    if not 0 < rate <= 100:
        raise ConfigError(f"--rate {rate} is out of range; use a factor above 0, such as 0.5")
    config = replace(config, muon_lr=config.muon_lr * rate, adamw_lr=config.adamw_lr * rate)
    if compile is not None:
        config = replace(config, compile=compile)
    console = Console()
    folder = run(config, data, out, console=console)
    console.print(f"checkpoint: {folder}")


def _needs_extra() -> None:
    import importlib.util

    from model.errors import ConfigError

    if missing := [n for n in ("torch", "transformers", "onnx") if importlib.util.find_spec(n) is None]:
        raise ConfigError(f"{', '.join(missing)} not installed; run: pip install 'tabwright[train]'")


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder, as `tabwright train` writes it.")],
    out: Annotated[Path, typer.Option(help="Model folder to write; an older export there is replaced.")],
    data: Annotated[Path, typer.Option(help="Shards: parity is proven on rows of their test split.")] = Path(
        "runs/corpus/shards"
    ),
    name: Annotated[str, typer.Option(help="Name of the model.")] = "tabwright",
    rows: Annotated[int, typer.Option(help="Rows of real code for the proof of parity.")] = 16,
) -> None:
    """Write model.onnx, tokenizer.json and meta.json, proven equal to the torch model on real code.

    Example: tabwright export runs/train/checkpoint --out runs/model
    """
    _needs_extra()
    from rich.console import Console
    from rich.table import Table

    from model.export.checkpoint import read_architecture
    from model.export.write import export as write
    from model.shards import read_shard, shard_name
    from model.tokenizer import Tokenizer

    console = Console()
    read_architecture(checkpoint)  # says what a checkpoint is, when this is none
    pad = Tokenizer.load(checkpoint / "tokenizer.json").fim_pad
    real = [[int(t) for t in row if t != pad] for row in read_shard(data / shard_name("test", 0))[:rows]]
    release = write(checkpoint, out, name=name, rows=real)
    table = Table(title="ONNX against torch, on test rows")
    table.add_column("measure")
    table.add_column("value", justify="right")
    for key, value in release.parity.items():
        table.add_row(key, f"{value:.3g}" if isinstance(value, float) else str(value))
    console.print(table)
    console.print(f"model folder: {out}")
