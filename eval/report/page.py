"""`tabwright eval report`: all results of any number of models as one page that needs nothing else.

The page is made of result files alone (results.py): the same files give the same bytes. Examples are shown of
held-out projects only, whose licences allow it and are named; text of a benchmark never is.

Not here: the plots and cells (figures.py), the page's words and looks (templates/), what it shares
with the corpus report (data_pipeline/page.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_pipeline import page
from eval import results as files
from eval.report import figures
from eval.results import Result
from model.errors import ConfigError
from model.writing import replacing

_TEMPLATES = Path(__file__).parent / "templates"
_SHOWN = "heldout"


def read_all(paths: Sequence[Path]) -> list[Result]:
    """The results in some files, and in all files *.json of some folders, in the order of their names.

    Raises DataError for a file that is none, ConfigError where there is nothing.
    """
    found = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not found:
        raise ConfigError(
            "there is no result to report; name result files or a folder of them, such as runs/results"
        )
    return [files.read(file) for file in found]


def write_html(results: Sequence[Result], path: Path) -> None:
    """Write the page under a temporary name, then rename it."""
    text = html(results)
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def html(results: Sequence[Result]) -> str:
    """The page."""
    models = figures.by_model(results)
    columns = figures.columns(results)
    return page.render(
        _TEMPLATES,
        "evaluation.html.j2",
        filters={
            "value": lambda one, share: figures.value_text(one, is_share=share),
            "interval": lambda one, share: figures.interval_text(one, is_share=share),
            "is_share": figures.is_share,
            "millions": lambda number: f"{number / 1e6:.2f} M",
            "bounds": lambda one: figures.interval_text(one, is_share=False, digits=2),
            "signed": lambda one: f"{100 * one.value:+.1f}",
        },
        plots=figures.plots(results),
        more_style=(_TEMPLATES / "evaluation.css").read_text(encoding="utf-8"),
        models=[
            {
                "model": model,
                "results": some,
                "ratios": [row for result in some if result.kind == _SHOWN for row in figures.ratios(result)],
                "examples": [
                    {"one": example, "split": result.split}
                    for result in some
                    if result.kind == _SHOWN
                    for example in result.samples
                ],
            }
            for model, some in models
        ],
        columns=columns,
        hues=figures.hues([model for model, _ in models]),
        modes=figures.MODE_NAMES,
        settings=_settings,
    )


def _settings(result: Result) -> list[tuple[str, str]]:
    """Settings as (dotted name, value as text), in their own order."""

    def flat(value: Any, name: str) -> list[tuple[str, str]]:
        if isinstance(value, dict) and value:
            return [pair for key, inner in value.items() for pair in flat(inner, f"{name}.{key}")]
        return [(name.removeprefix("."), "none" if value is None else str(value))]

    return flat(dict(result.settings), "")
