"""`tabwright eval attribution`; eval/cli.py mounts it.

Heavy imports wait inside the function, so that help is instant. Errors are raised; tabwright.py prints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from eval.attribution import Marked, Planted
    from eval.results import Figure

_MOST_NAMED = 12  # marks that are written out


def attribution(
    *,
    model: Annotated[
        Path | None, typer.Option(help="Model folder; default: the one that ships. E.g. --model runs/model")
    ] = None,
    corpus: Annotated[
        Path, typer.Option(help="The built corpus that the model was trained on. E.g. --corpus runs/corpus")
    ] = Path("runs/corpus"),
    answers: Annotated[
        Path | None,
        typer.Option(help="What `tabwright eval heldout` left under --work: real suggestions to look up."),
    ] = None,
    documents: Annotated[
        int, typer.Option(min=10, help="Training documents to plant copies of. E.g. --documents 100")
    ] = 400,
    places: Annotated[
        int, typer.Option(min=10, help="About so many places in held-out files. E.g. --places 500")
    ] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn. E.g. --seed 1")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of results. E.g. --out runs/results")] = None,
) -> None:
    """Copies of training code that are found, suggestions marked for nothing, and milliseconds.

    Example: tabwright eval attribution --corpus runs/corpus --answers runs/heldout
    """
    from rich.console import Console

    from eval import attribution, results
    from lsp_server.attribution import FOLDER
    from model.attribution import AttributionIndex
    from model.serving.release import META, default_folder, file_sha256, read_release

    console = Console()
    release = read_release(model or default_folder())
    folder = release.folder / FOLDER
    AttributionIndex.load(folder, verify=True)
    held_out = attribution.drawn(corpus, "test", max(10, places // 4), seed=seed)
    lines = list(attribution.places(held_out, 4, seed=seed))
    cold = attribution.seconds_cold(folder, lines[:50])
    index = AttributionIndex.load(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    console.print(f"{release.name}: index of {len(index.projects)} projects, {size / 1e6:.1f} MB")

    figures: list[Figure] = []
    training = attribution.drawn(corpus, "train", documents, seed=seed)
    planted = list(attribution.plant(index, training, held_out, seed=seed))
    figures += _show_planted(console, planted)
    figures += _show_marked(
        console,
        "lines of held-out projects",
        attribution.marked(index, corpus, lines),
        len(lines),
        named=True,
    )
    asked = {} if answers is None else attribution.answered(corpus, answers)
    for who, given in asked.items():
        found = attribution.marked(index, corpus, given)
        figures += _show_marked(console, f"answers: {who}", found, len(given), named=who == "both")
    figures += _show_seconds(console, "a look-up, of one core", attribution.seconds(index, lines))
    figures += _show_seconds(console, "opening the index from disk and a look-up, by the clock", cold)
    if out is not None:
        about = results.Model(
            name=release.name,
            checksum=file_sha256(release.folder / META),
            parameters=release.parameters,
            curve=release.curve,
        )
        settings = {"corpus": index.corpus, "documents": documents, "places": places, "seed": seed}
        result = results.Result(
            kind="attribution", model=about, split="test", settings=settings, figures=figures
        )
        console.print(f"written to {results.write(result, out)}", soft_wrap=True)


def _share(name: str, passed: int, total: int, **where: str) -> Figure:
    from eval.problems.passk import wilson
    from eval.results import Figure

    low, high = wilson(passed, total)
    return Figure(name=name, value=passed / total, low=low, high=high, n=total, where=where)


def _percent(figure: Figure) -> str:
    assert figure.low is not None
    assert figure.high is not None
    return f"{100 * figure.value:.1f} ({100 * figure.low:.1f} to {100 * figure.high:.1f})"


def _show_planted(console: Console, planted: Sequence[Planted]) -> Iterable[Figure]:
    from rich.table import Table

    from eval.attribution import DISGUISES, LENGTHS
    from model.winnowing import LEAST

    table = Table(
        title=f"planted copies found, % with 95 % intervals; of {LEAST} tokens or more all should be",
        title_justify="left",
    )
    for heading in ("tokens", "n each", *DISGUISES, "named as itself"):
        table.add_column(heading, justify="right")
    figures = []
    for tokens in LENGTHS:
        alike = [one for one in planted if one.tokens == tokens]
        if not alike:
            continue
        cells = []
        for disguise in DISGUISES:
            own = [one for one in alike if one.disguise == disguise]
            found = _share(
                "found", sum(one.found for one in own), len(own), tokens=str(tokens), disguise=disguise
            )
            figures.append(found)
            cells.append(_percent(found))
        hits = [one for one in alike if one.found]
        if hits:
            named = _share("named", sum(one.named for one in hits), len(hits), tokens=str(tokens))
            figures.append(named)
            cells.append(_percent(named))
        table.add_row(str(tokens), str(len(alike) // len(DISGUISES)), *cells)
    console.print(table)
    return figures


def _show_marked(
    console: Console, what: str, found: Sequence[Marked], total: int, *, named: bool
) -> Iterable[Figure]:
    from model.winnowing import LEAST

    if not total:
        return []
    kinds = {
        "marked": len(found),
        f"share {LEAST} tokens or more": sum(one.shared >= LEAST for one in found),
        "share fewer": sum(0 < one.shared < LEAST for one in found),
        "share nothing": sum(one.shared == 0 for one in found),
    }
    figures = [_share(name, count, total, of=what) for name, count in kinds.items()]
    console.print(f"{what}, n = {total}:")
    for figure, count in zip(figures, kinds.values(), strict=True):
        console.print(f"  {figure.name}: {count}, {_percent(figure)} %")
    for one in found[: _MOST_NAMED if named else 0]:
        console.print(
            f"    {one.place.project} {one.place.path}: {one.shared} tokens of {one.match.project} "
            f"{one.match.path} ({one.match.license}): {one.place.text.strip()[:60]!r}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    return figures


def _show_seconds(console: Console, what: str, seconds: Sequence[float]) -> Iterable[Figure]:
    import numpy as np

    from eval.results import Figure

    figures = []
    for quantile in (50, 95):
        value = 1000 * float(np.quantile(seconds, quantile / 100))
        figures.append(Figure(name=f"ms p{quantile}", value=value, n=len(seconds), where={"of": what}))
    middle, most = (f"{figure.value:.2f}" for figure in figures)
    console.print(f"{what}: {middle} ms in the middle, {most} ms at 95 % (n = {len(seconds)})")
    return figures
