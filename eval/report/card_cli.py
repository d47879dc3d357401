"""`tabwright eval card`; eval/cli.py mounts it.

Heavy imports wait inside the function, so that help is instant. Errors are raised; tabwright.py prints them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CARD = "MODEL_CARD.md"
CURVE = "training-curve.png"


def card(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    corpus: Annotated[Path, typer.Option(help="The report.json of the build that it was trained on.")] = Path(
        "runs/corpus/report.json"
    ),
    results: Annotated[Path, typer.Option(help="Folder of results. E.g. --results runs/results")] = Path(
        "runs/results"
    ),
    watts: Annotated[
        float, typer.Option(min=0, help="What the machine drew in training, in watts. E.g. --watts 65")
    ] = 20.0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for card and plot; the model's when not given.")
    ] = None,
) -> None:
    """Write the model card and the plot of its training, from what was measured.

    Example: tabwright eval card --model runs/model --corpus runs/corpus/report.json
    """
    from eval.report import card_examples
    from eval.report.card import read_corpus, write
    from eval.report.page import read_all
    from model.serving.engine import Engine
    from model.serving.release import META, default_folder, file_sha256, read_meta
    from model.training.plot import draw_curve
    from model.writing import replacing

    folder = model or default_folder()
    meta = read_meta(folder)
    report, measured = read_corpus(corpus), read_all([results])
    examples = card_examples.draw(Engine.load(folder, threads=1), Path(__file__).parents[1])
    checksum = file_sha256(folder / META)
    text = write(meta, checksum, report, measured, watts=watts, examples=examples)
    target = out or folder
    target.mkdir(parents=True, exist_ok=True)
    partial = target / f".{CURVE}.partial.png"
    draw_curve(meta["curve"], partial, smoothed=1)  # its lines are means already
    partial.replace(target / CURVE)
    with replacing(target / CARD) as file:
        file.write(text.encode())
    typer.echo(f"wrote {target / CARD} and {target / CURVE}")
