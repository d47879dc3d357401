"""`tabwright train`, `tabwright export` and `tabwright model …`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model.serving.card import About

app = typer.Typer(no_args_is_help=True, help="Work on an exported model.")


@app.callback()
def _model() -> None:
    """Work on an exported model."""


@app.command("fit-memory")
def fit_memory(
    model: Annotated[Path, typer.Argument(help="Model folder; its meta.json gets the numbers.")],
    projects: Annotated[
        list[Path],
        typer.Argument(help="Folders of source code that the model was not trained on, a project each."),
    ],
    cursors: Annotated[int, typer.Option(min=1, help="Places to look at, as many in each project.")] = 1200,
    seed: Annotated[int, typer.Option(help="Seed of the places.")] = 0,
) -> None:
    """Fit how much the memory counts against this model, on projects that it does not know.

    Example: tabwright model fit-memory runs/model ~/src/one ~/src/another
    """
    _needs_extra("scipy")

    from rich.console import Console
    from rich.progress import Progress

    from model.export.fit_memory import fit_memory as run

    console = Console()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("looking", total=cursors)
        facts = run(model, projects, count=cursors, seed=seed, on_cursor=lambda: progress.advance(bar))
    console.print(
        f"{facts['cursors']} places, {facts['tokens']:,} tokens, something found at {facts['found']:,}: "
        f"{facts['nats_per_token_model']:.3f} nats a token by the model alone, "
        f"{facts['nats_per_token_both']:.3f} with the memory, on the tokens fitted"
    )


@app.command("show")
def show(
    folder: Annotated[
        Path | None, typer.Argument(help="Model folder; the model that ships when not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    card: Annotated[bool, typer.Option("--card", help="Print the model's card instead.")] = False,
) -> None:
    """Say what a model is: its licence, its checksums as they are now, what it learnt from.

    Exit code 1 for a folder that is not whole.

    Example: tabwright model show runs/model
    """
    import json

    from model.errors import ModelError
    from model.serving.card import CARD, describe, read_card
    from model.serving.release import default_folder

    place = folder or default_folder()
    if card:
        text = read_card(place)
        if text is None:
            raise ModelError(
                f"there is no {place / CARD} to show; leave out --card to see what meta.json says"
            )
        _print(text.rstrip("\n").split("\n"))
        return
    about = describe(place)
    if as_json:
        typer.echo(json.dumps(about.as_json(), indent=1))
    elif about.name is not None:
        _print(f"{label:<13}{value}" for label, value in _rows(about))
    if about.problem is not None:
        raise ModelError(about.problem)


def _rows(about: About) -> Iterator[tuple[str, str]]:
    """Label and value of each line of `model show`."""
    megabytes = f"{(about.parameters or 0) / 1e6:,.1f} M parameters"
    yield "model", f"{about.name}, {megabytes}, {about.variant}, for {', '.join(about.languages)}"
    yield "licence", about.license or "not stated; whoever made the model says it"
    if about.corpus_licenses:
        yield "learnt from", f"code under {', '.join(map(str, about.corpus_licenses))}"
    corpus = about.corpus or {}
    if "manifest" in corpus:
        yield "corpus", f"{corpus['manifest']}, sha256 {corpus.get('manifest_sha256', 'unknown')}"
    if about.began_with:
        yield "began with", about.began_with
    yield "window", f"{about.window} tokens, prompt and completion together"
    for key in ("top1_agreement", "perplexity_loss"):
        value = (about.parity or {}).get(key)
        if isinstance(value, float):
            yield "parity", f"{key.replace('_', ' ')} {value:.2%}, against the network that it was made from"
    yield (
        "confidence",
        "fitted to this model" if about.confidence else "not fitted: every suggestion is shown",
    )
    yield "memory", "fitted to this model" if about.memory else "not fitted: the model writes alone"
    for name, checksum in about.sha256.items():
        yield "sha256", f"{checksum or 'it cannot be read':<64}  {name}"
    yield "card", about.card or "none"
    yield "folder", about.folder


def _print(lines: Iterable[str]) -> None:
    """Text out of files of others: whatever a terminal would act on is left out."""
    import io
    import sys

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a pipe on Windows is cp1252, which lacks most
    for line in lines:
        typer.echo("".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line))


def train(
    data: Annotated[Path, typer.Option(help="Folder of shards.")] = Path("runs/corpus/shards"),
    out: Annotated[Path, typer.Option(help="Folder of the run; resumed when it holds a state.")] = Path(
        "runs/train"
    ),
    preset: Annotated[str, typer.Option(help="toy, cpu, cpu-long or gpu.")] = "cpu",
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; the preset's when not given.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="muon or adamw; the preset's when not given.")] = None,
    rate: Annotated[float, typer.Option(help="Factor on the preset's learning rates.")] = 1.0,
    compile: Annotated[bool | None, typer.Option(help="Compile with torch.compile.")] = None,  # noqa: A002
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any setting of the preset, such as ema=0.999, end_weight=2, dropout=0.1, weight_decay=0.1, "
            "last_phase=0.1, fake_quantize=0.05, layers=6. May be given many times.",
        ),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(help="Model folder whose weights and shape to begin with, such as model/pretrained."),
    ] = None,
    parallel: Annotated[
        str, typer.Option(help="How torchrun's processes share the work: ddp (copies) or fsdp (shards).")
    ] = "none",
    new_data: Annotated[
        bool, typer.Option("--new-data", help="Go on with other shards of the same tokenizer.")
    ] = False,
) -> None:
    """Train a model on token shards. Stop it at any time: the same command goes on where it was.

    Example: tabwright train --data runs/corpus/shards --out runs/train --preset cpu --steps 3000

    With a recipe: tabwright train --set ema=0.998 --set last_phase=0.15 --set end_weight=2

    Your own code, on top of the model that ships: tabwright train --data runs/mine/shards --out runs/mine
    --init model/pretrained --steps 40 --rate 0.3

    On other shards: tabwright train --data runs/corpus2/shards --out runs/train --new-data

    On two GPUs, or two processes: torchrun --nproc-per-node 2 tabwright.py train --parallel ddp

    With sharded weights: torchrun --nproc-per-node 2 tabwright.py train --preset gpu --parallel fsdp
    """
    _needs_extra()
    from dataclasses import replace

    from model.errors import ConfigError
    from model.training.config import preset as named
    from model.training.config import with_settings

    config = named(preset, steps)
    if not 0 < rate <= 100:
        raise ConfigError(f"--rate {rate} is out of range; use a factor above 0, such as 0.5")
    changed = with_settings(config, settings or [])
    if init is not None and changed.shape != config.shape:
        raise ConfigError(f"the shape is that of {init}; leave out either --init or what --set says of it")
    config = changed
    if optimizer is not None:
        config = replace(config, optimizer=optimizer)  # type: ignore[arg-type]  # checked there
    config = replace(config, muon_lr=config.muon_lr * rate, adamw_lr=config.adamw_lr * rate)
    if compile is not None:
        config = replace(config, compile=compile)

    from model.training.loop import train as run

    start = None
    if init is not None:
        from model.export.master import read_start

        start = read_start(init)
    run(config, data, out, new_data=new_data, start=start, parallel=parallel)


def _needs_extra(*more: str) -> None:
    import importlib.util

    from model.errors import ConfigError

    if missing := [
        n for n in (more or ("torch", "transformers", "onnx")) if importlib.util.find_spec(n) is None
    ]:
        raise ConfigError(f"{', '.join(missing)} not installed; run: pip install 'tabwright[train]'")


def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(help="Checkpoint folder, of `tabwright train` or another's Llama, Qwen2 or Qwen3."),
    ],
    out: Annotated[Path, typer.Option(help="Model folder to write; an older export there is replaced.")],
    data: Annotated[
        Path, typer.Option(help="Shards: parity is proven on test rows, else on validation rows.")
    ] = Path("runs/corpus/shards"),
    name: Annotated[str, typer.Option(help="Name of the model.")] = "tabwright",
    rows: Annotated[int, typer.Option(min=1, help="Rows of real code for the proof of parity.")] = 16,
    variant: Annotated[
        str, typer.Option(help="best (measured here), fp32, int8, int8mixed, int8w or int4.")
    ] = "best",
    gpu: Annotated[bool, typer.Option(help="Add model.fp16.onnx, for CUDA.")] = False,
    to: Annotated[str, typer.Option(help="onnx; or, also from a model folder, hf or gguf.")] = "onnx",
    type: Annotated[str, typer.Option(help="Of a GGUF's matrices: f32, f16 or q8_0.")] = "f16",  # noqa: A002
    text: Annotated[
        list[Path] | None, typer.Option(help="Files or folders of code to prove parity on, not shards.")
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Another's: tokens of prompt and completion; at most 2048 by default.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="Another's: prefix_first, suffix_first or left_to_right; detected by default."),
    ] = None,
    fim_prefix: Annotated[str | None, typer.Option(help="Another's: token before the prefix.")] = None,
    fim_suffix: Annotated[str | None, typer.Option(help="Another's: token before the suffix.")] = None,
    fim_middle: Annotated[str | None, typer.Option(help="Another's: token before the middle.")] = None,
    end_of_text: Annotated[str | None, typer.Option(help="Another's: token at a text's end.")] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Another's: languages to suggest in; all known by default.")
    ] = None,
    license: Annotated[str | None, typer.Option(help="Another's: its license.")] = None,  # noqa: A002
) -> None:
    """Write model.onnx, tokenizer.json and meta.json, proven equal to the torch model on real code.

    Example: tabwright export runs/train/checkpoint --out runs/model

    Another's: tabwright export Qwen2.5-Coder-0.5B --out runs/qwen --text src --license Apache-2.0

    For other programs: tabwright export model/pretrained --to gguf --out model.gguf
    """
    _needs_extra()
    from rich.console import Console
    from rich.table import Table

    from model.errors import ConfigError
    from model.export.checkpoint import CONFIG, read_architecture
    from model.export.foreign import adopt, rows_of_text
    from model.export.variants import as_rows
    from model.export.write import TRAINING
    from model.export.write import export as write
    from model.serving.tokenizer_check import refuse_unservable
    from model.shards import read_shard, shard_name
    from model.tokenizer import Tokenizer

    console = Console()
    if to != "onnx":
        from model.export.convert import convert
        from model.serving.release import META, read_network, read_release

        if (checkpoint / META).is_file() and not (checkpoint / CONFIG).is_file():
            read_network(read_release(checkpoint))  # the library that reads it here would follow it anywhere
        convert(checkpoint, out, to=to, name=name, type=type)  # type: ignore[arg-type]  # checked there
        console.print(f"written: {out}", highlight=False)
        return
    read_architecture(checkpoint)  # says what a checkpoint is, when this is none
    adopted = None
    names = {"fim_prefix": fim_prefix, "fim_suffix": fim_suffix, "fim_middle": fim_middle}
    names["end_of_text"] = end_of_text
    tokens = {role: token for role, token in names.items() if token is not None}
    if (checkpoint / TRAINING).exists():
        if tokens or language or any(option is not None for option in (window, order, license)):
            raise ConfigError(
                f"{checkpoint / TRAINING} says what this model is; leave out --window, --order, --language, "
                "--license and the names of tokens"
            )
        tokenizer = Tokenizer.load(checkpoint / "tokenizer.json")
        length = read_architecture(checkpoint).positions
    else:
        if not text:
            raise ConfigError(
                f"{checkpoint} has no {TRAINING}, so it is not of `tabwright train`; to export another's "
                "model, name some code with --text, to prove the export on"
            )
        adopted = adopt(
            checkpoint, window=window, order=order, tokens=tokens, served=language or (), license=license
        )
        tokenizer, length = adopted.tokenizer, adopted.training["window"]
        vocabulary = read_architecture(checkpoint).vocabulary
        refuse_unservable(tokenizer, checkpoint / "tokenizer.json", vocabulary)
        console.print(f"another's model: prompts are {tokenizer.fim}", highlight=False, markup=False)
    if text:
        both = rows_of_text(text, tokenizer, length=length, count=2 * rows)
        real, calibration = both[::2], both[1::2]
    else:
        test, validation = (read_shard(data / shard_name(split, 0)) for split in ("test", "validation"))
        if len(test) == 0:  # of one's own code nobody keeps a second part back
            test, validation = validation[::2], validation[1::2]
        real, calibration = (
            [[int(t) for t in row if t != tokenizer.fim_pad] for row in shard[:rows]]
            for shard in (test, validation)
        )
    release = write(
        checkpoint,
        out,
        name=name,
        rows=real,
        variant=variant,
        gpu=gpu,
        calibration=calibration,
        adopted=adopted,
    )
    heading, *lines = as_rows(release.variants)
    variants = Table(*heading, box=None, pad_edge=False, title=f"variants; {release.variant} is written")
    for line in lines:
        variants.add_row(*line)
    console.print(variants)
    table = Table(title="ONNX against torch, on test rows")
    table.add_column("measure")
    table.add_column("value", justify="right")
    for key, value in release.parity.items():
        table.add_row(key, f"{value:.3g}" if isinstance(value, float) else str(value))
    console.print(table)
    console.print(f"model folder: {out}")
