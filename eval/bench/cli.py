"""`tabwright eval bench …`: how fast we are, against others and against the machine.

Heavy imports wait inside the functions, so that help is instant.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="How fast the engine and the pipeline are, against others in the same run.",
)

Limited = tuple[str, float, str, float | None]  # name, value, unit, limit
_JSON = Annotated[Path | None, typer.Option("--json", help="Write all figures there. E.g. --json bench.json")]
_MARKDOWN = Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")]
_PEERS = Annotated[
    Path, typer.Option(help="Where other engines are installed, once. E.g. --peers runs/peers")
]


@app.callback()
def main() -> None:
    """How fast the engine and the pipeline are, against others in the same run."""


@app.command()
def engine(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option(help="Instead of a model, random weights: width x layers. E.g. --shape 384x6"),
    ] = None,
    vocabulary: Annotated[int, typer.Option(help="Tokens of --shape. E.g. --vocabulary 16384")] = 4096,
    variant: Annotated[str, typer.Option(help="Variant of --shape. E.g. --variant int8")] = "fp32",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts. E.g. --rounds 5")] = 3,
    threads: Annotated[str, typer.Option(help="Thread counts. E.g. --threads 1,2")] = "1,2",
    others: Annotated[bool, typer.Option(help="Also transformers and onnxruntime-genai.")] = True,
    peers: _PEERS = Path("runs/peers"),
    out: _JSON = None,
    markdown: _MARKDOWN = False,
) -> None:
    """Our engine against llama.cpp, onnxruntime-genai and transformers on the same weights, in turns.

    The first run builds llama.cpp for this machine, in an environment of its own: about ten minutes. The
    file of --json is written after each thread count, and keeps those of earlier runs on the same model.

    Example: tabwright eval bench engine --json bench.json
    """
    _needs_extra()
    import tempfile

    from eval.bench import engine as bench
    from eval.bench import parts
    from eval.bench import subject as subjects
    from eval.bench.tables import engine_sheets
    from model.serving.release import default_folder

    console = _console(markdown)
    counts = _numbers("--threads", threads)
    known = _read(out)
    with tempfile.TemporaryDirectory() as work:
        if shape is None:
            subject = subjects.of_release(model or default_folder())
        else:
            wanted = subjects.shape(shape, vocabulary=vocabulary)
            tokenizer = subjects.learn_tokenizer(vocabulary)
            subject = subjects.made_up(wanted, tokenizer, Path(work), variant=variant)
        result = bench.run(
            subject, folder=peers.absolute(), rounds=rounds, threads=counts, console=console, others=others,
            save=lambda result: _write(parts.join(known, result), out),
        )  # fmt: skip
    result = parts.join(known, result)
    _give(result, engine_sheets(result), out, markdown)


@app.command()
def shape(
    *,
    sizes: Annotated[
        str, typer.Option(help="Which sizes, in millions of weights. E.g. --sizes 2,8")
    ] = "2,8,25,42",
    variant: Annotated[str, typer.Option(help="How weights are stored. E.g. --variant int8")] = "fp32",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts. E.g. --rounds 5")] = 3,
    threads: Annotated[str, typer.Option(help="Thread counts. E.g. --threads 1,2")] = "1,2",
    out: _JSON = None,
    markdown: _MARKDOWN = False,
) -> None:
    """Latency against depth, width, heads and vocabulary at about equal numbers of weights.

    Example: tabwright eval bench shape --sizes 8,25
    """
    _needs_extra()
    from eval.bench.shape import run, sheets

    counts = _numbers("--threads", threads)
    result = run(
        sizes=_numbers("--sizes", sizes), variant=variant, rounds=rounds, threads=counts,
        console=_console(markdown),
    )  # fmt: skip
    _give(result, sheets(result), out, markdown)


@app.command()
def memory(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts. E.g. --rounds 9")] = 9,
    out: _JSON = None,
) -> None:
    """What the memory costs: adding a file, looking up, bytes a token, each against its limit.

    Example: tabwright eval bench memory
    """
    from eval.bench import memory as bench
    from model.serving.engine import Engine

    figures = bench.run(Engine.load(model, threads=1), rounds=rounds)
    _write({"memory": bench.as_json(figures)}, out)
    _print_limits("the memory", figures)


@app.command()
def index(
    *,
    folder: Annotated[
        Path | None,
        typer.Option(help="A folder of source files; default: 100,000 lines of the standard library."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts. E.g. --rounds 5")] = 3,
    out: _JSON = None,
) -> None:
    """What indexing a repository takes in the background, at first and at the next start.

    Example: tabwright eval bench index --folder ../shop
    """
    from eval.bench import index as bench
    from model.errors import ConfigError
    from model.serving.release import default_folder

    if folder is not None and not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}; --folder names one with source files")
    figures = bench.run(model or default_folder(), folder, rounds=rounds)
    _write({"index": bench.as_json(figures)}, out)
    _print_limits("the index", figures)


@app.command()
def server(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, max=64, help="Threads of the model. E.g. --threads 2")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts. E.g. --rounds 7")] = 5,
    out: _JSON = None,
) -> None:
    """What somebody waits for: the first answer after a start, each key in a small and in a large file.

    Example: tabwright eval bench server --rounds 3
    """
    from eval.bench import server as bench

    figures = bench.run(model, rounds=rounds, threads=threads)
    _write({"server": bench.as_json(figures)}, out)
    _print_limits("the server", figures)


@app.command()
def dedup(
    *,
    corpus: Annotated[
        Path, typer.Option(help="Folder of a built corpus, or of Parquet files. E.g. --corpus runs/corpus")
    ] = Path("runs/corpus"),
    megabytes: Annotated[
        float, typer.Option(min=0, help="Of text, for all tools; 0: all there is. E.g. --megabytes 500")
    ] = 128,
    sample: Annotated[
        int, typer.Option(min=2, help="Documents compared in all pairs for recall. E.g. --sample 5000")
    ] = 10_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts. E.g. --rounds 5")] = 3,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes of each tool; 0: as many as cores. E.g. --workers 2")
    ] = 0,
    peers: _PEERS = Path("runs/peers"),
    out: _JSON = None,
    markdown: _MARKDOWN = False,
) -> None:
    """Near-deduplication of source code: ours against text-dedup and datatrove, and against all pairs.

    The first run makes environments for both: a few minutes, a gigabyte. With the defaults a run takes about
    a quarter of an hour on two cores, nearly all of it the others'.

    Example: tabwright eval bench dedup --corpus runs/corpus --json dedup.json
    """
    import os

    from eval.bench import dedup as bench
    from eval.bench import dedup_stages
    from eval.bench.dedup_documents import read

    console = _console(markdown)
    result = bench.measure(
        bench.tools(peers.absolute(), console), read(corpus), megabytes=megabytes or None, sample=sample,
        rounds=rounds, workers=workers or os.cpu_count() or 1, console=console,
    )  # fmt: skip
    result["build_stages"] = dedup_stages.measure(corpus)
    shown = [dedup_stages.sheet(result["build_stages"])] if result["build_stages"] else []
    _give(result, [*bench.sheets(result), *shown], out, markdown)


def _give(result: dict[str, Any], tables: Any, out: Path | None, markdown: bool) -> None:
    from rich.console import Console

    from eval.bench.tables import markdown as as_markdown
    from eval.bench.tables import show

    _write(result, out)
    if markdown:
        typer.echo(as_markdown(tables))
    else:
        show(tables, Console())


def _write(result: dict[str, Any], out: Path | None) -> None:
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(out.name + ".partial")
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        temporary.replace(out)


def _read(out: Path | None) -> dict[str, Any]:
    """What an earlier run wrote there; nothing where there is none."""
    try:
        found = json.loads(out.read_text(encoding="utf-8")) if out is not None else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _console(markdown: bool) -> Any:
    """Where progress goes: not between the tables that somebody pipes away."""
    from rich.console import Console

    return Console(stderr=markdown)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    from model.errors import ConfigError

    try:
        found = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise ConfigError(f"{option} {text!r} is not a list of numbers such as 1,2")
    return found


def _print_limits(title: str, figures: Sequence[Limited]) -> None:
    """Print figures with name, value, unit and, where there is one, limit."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading in ("", "measured", "limit", "measured / limit"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, value, unit, limit in figures:
        limits = ("", "") if limit is None else (f"{limit:g}", f"{value / limit:.2f}")
        number = f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"
        table.add_row(name, f"{number} {unit}", *limits)
    Console().print(table)


def _needs_extra() -> None:
    import importlib.util

    from model.errors import ConfigError

    wanted = ("torch", "transformers", "onnx", "gguf", "safetensors")
    if missing := [name for name in wanted if importlib.util.find_spec(name) is None]:
        raise ConfigError(f"{', '.join(missing)} not installed; run: pip install 'tabwright[train]'")
