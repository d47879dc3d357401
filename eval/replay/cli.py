"""`tabwright eval replay`, and drawing the sample that it types; eval/cli.py mounts them.

Heavy imports wait inside the functions, so that help is instant. Errors are raised; tabwright.py prints them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from eval.results import Model, Result

_Corpus = Annotated[
    Path, typer.Option(help="Corpus whose documents the sample is of. E.g. --corpus runs/corpus")
]
_CORPUS = Path("runs/corpus")
_CLIENTS = ("vscode", "neovim")
_LOG_WIDTH = 160  # characters: in the 80 that are usual for a file the tables' columns would be cut


def replay(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    corpus: _Corpus = _CORPUS,
    sample: Annotated[
        Path | None, typer.Option(help="Pieces to type; default: the pinned ones. E.g. --sample mine.json")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first pieces, for a quick look. E.g. --limit 8")
    ] = None,
    variants: Annotated[
        Path | None,
        typer.Option(help="JSON of other settings and parts left out, such as eval/replay/variants.json."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this one and the null server. E.g. --only tabwright"),
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of all variants. E.g. --set debounceMs=0")
    ] = None,
    client: Annotated[
        str, typer.Option(help="vscode cancels with each key, neovim does not. E.g. --client neovim")
    ] = "vscode",
    take: Annotated[
        str, typer.Option(help="Take right lines, only whole suggestions, or never. E.g. --take whole")
    ] = "lines",
    least: Annotated[
        int, typer.Option(min=1, help="Shortest first line that is taken, characters. E.g. --least 5")
    ] = 3,
    speed: Annotated[
        float, typer.Option(help="How many times faster than people to type. E.g. --speed 4")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the person's pauses. E.g. --seed 1")] = 0,
    threads: Annotated[int, typer.Option(min=0, max=64, help="Threads of the model. E.g. --threads 2")] = 1,
    jobs: Annotated[
        int, typer.Option(min=1, help="Pieces typed at once; their times share the machine. E.g. --jobs 4")
    ] = 1,
    confined: Annotated[
        bool,
        typer.Option("--confined", help="The kernel kills a server that opens an internet socket. Linux."),
    ] = False,
    out: Annotated[
        Path,
        typer.Option(help="Where finished pieces are kept, for a run that is stopped."),
    ] = Path("runs/replay"),
    again: Annotated[bool, typer.Option("--again", help="Type anew what an earlier run has typed.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="Write the result there. E.g. --json runs/replay.json"),
    ] = None,
) -> None:
    """Real held-out code typed anew through the real server, key by key, beside a server that says nothing.

    It takes as long as a person would: one to three minutes a piece and variant, by --jobs. Stopped, it goes
    on behind the last piece that was finished.

    Example: tabwright eval replay --limit 8 --json runs/replay.json
    """
    import math

    from rich.console import Console

    from eval.progress import progress_bar
    from eval.replay import figures, run, tables, worth
    from eval.replay import sample as pinned
    from eval.replay import variants as servers
    from eval.replay.acceptance import TAKINGS
    from eval.replay.typist import Typist
    from eval.results import Result
    from model.errors import ConfigError

    if client not in _CLIENTS:
        raise ConfigError(f"there is no client {client!r}; use {' or '.join(_CLIENTS)}")
    taking = next((one for one in TAKINGS if one == take), None)
    if taking is None:
        raise ConfigError(f"nobody takes suggestions as {take!r}; use {', '.join(TAKINGS)}")
    if not math.isfinite(speed) or speed <= 0:
        raise ConfigError(f"--speed {speed} is out of range; use a number above 0, such as 1")
    path = sample or pinned.PINNED
    typist = Typist(least=least, taking=taking, cancels=client == "vscode", speed=speed, seed=seed)
    asked = servers.variants(
        {} if variants is None else servers.read(variants),
        settings=dict(map(servers.setting, setting or ())),
        model=model,
        threads=threads,
        confined=confined,
    )
    if only:
        asked = servers.chosen(asked, only)
    described = _model(model)
    pieces = pinned.read(path, corpus, limit=limit)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _LOG_WIDTH
    console.print(
        f"{described.name}, checksum {described.checksum[:12]}; {len(pieces.pieces)} pieces of the "
        f"{pieces.split} split, typed at {speed:g} times a person's speed",
        soft_wrap=True,
    )
    with progress_bar(console) as progress:
        progress.speed_estimate_period = 86_400  # seconds: one piece takes longer than the usual half minute
        bar = progress.add_task("typing", total=len(pieces.pieces) * len(asked))

        def advance() -> None:
            progress.advance(bar)
            if not console.is_terminal:  # a log shows no bar, and a run may take hours
                task = progress.tasks[bar]
                left = "" if task.time_remaining is None else f", {task.time_remaining / 60:.0f} min left"
                console.print(f"{task.completed:.0f} of {task.total:.0f}{left}")

        found = run.measure(
            pieces,
            asked,
            typist,
            checksum=described.checksum,
            out=out,
            again=again,
            jobs=jobs,
            on_piece=advance,
        )
    every = [*figures.figures(found, speed=speed), *worth.differences(found)]
    tables.show(console, every)
    at_once = [one.jobs for one in found]
    if max(at_once, default=1) > 1:
        console.print(f"times are of a machine that up to {max(at_once)} pieces shared")
    result = Result(
        kind="replay",
        model=described,
        split=pieces.split,
        settings=run.settings(pieces, asked, typist, limit=limit, jobs=at_once),
        figures=every,
        samples=figures.examples(found, variant=servers.OURS),
    )
    if json_file is not None:
        _write(result, json_file)
        console.print(f"written to {json_file}", soft_wrap=True)


def replay_sample(
    *,
    corpus: _Corpus = _CORPUS,
    split: Annotated[str, typer.Option(help="test or validation. E.g. --split validation")] = "test",
    count: Annotated[int, typer.Option(min=2, help="Pieces. E.g. --count 16")] = 48,
    seed: Annotated[int, typer.Option(help="Seed of the draw. E.g. --seed 1")] = 20261122,
    out: Annotated[Path | None, typer.Option(help="File to write; default: the pinned one.")] = None,
) -> None:
    """Draw the pieces that `tabwright eval replay` types, in the held-out projects, and pin them.

    Example: tabwright eval replay-sample --out runs/pieces.json
    """
    import json

    from eval.replay.sample import PINNED, draw
    from model.writing import replacing

    path = out or PINNED
    drawn = draw(corpus, split=split, count=count, seed=seed)
    with replacing(path) as file:
        file.write((json.dumps(drawn, indent=1) + "\n").encode())
    typer.echo(f"wrote {path}")


def _model(folder: Path | None) -> Model:
    """What is measured, without loading it: the servers do that."""
    from eval.results import Model
    from model.serving.release import META, default_folder, file_sha256, read_release

    release = read_release(folder or default_folder())
    return Model(
        name=release.name,
        checksum=file_sha256(release.folder / META),
        parameters=release.parameters,
        curve=release.curve,
    )


def _write(result: Result, path: Path) -> None:
    """Write a result as results.py does, under a name of the user's."""
    import json
    from dataclasses import asdict

    from eval.results import FORMAT
    from model.writing import replacing

    text = json.dumps({"format": FORMAT, **asdict(result)}, indent=1, allow_nan=False, ensure_ascii=False)
    with replacing(path) as file:
        file.write((text + "\n").encode())
