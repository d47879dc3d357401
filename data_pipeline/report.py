"""What became of everything that was read: one table for the terminal, one page for people.

Both are made of one JSON record, which the pipeline writes beside the page as `report.json`. Nothing in it
depends on time or machine, and neither does the page: the same record gives the same bytes. The page is one
file that asks nothing of any network, and a content security policy inside it holds even the browser to
that. Text of the corpus (paths, names, excerpts) is somebody else's and is escaped everywhere.

Counting is not here (pipeline.py), nor the plots (report_figures.py), nor the page's words and looks
(templates/report.html.j2, report.css, report.js).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from data_pipeline.drawing import plain
from data_pipeline.page import render
from data_pipeline.report_figures import (
    SPLITS,
    flow,
    hole_colours,
    largest_first,
    plots,
    share,
    short,
    stage_colours,
    total,
)

_TEMPLATES = Path(__file__).parent / "templates"
# Longer lists make a page that no browser opens gladly; all of it is in report.json.
_MOST_ROWS = 500


def table(record: dict[str, Any]) -> Table:
    """The summary for a terminal: what each stage left, what each split kept, what was dropped and why."""
    out = Table(title=f"The corpus {_escaped(record['manifest']['name'])}", title_justify="left")
    out.add_column("")
    for name in ("files", "characters", "share"):
        out.add_column(name, justify="right", no_wrap=True)
    rows = flow(record)
    came = rows[0]["characters"]

    def row(name: str, counts: dict[str, Any], style: str = "") -> None:
        characters = counts["characters"]
        out.add_row(
            _escaped(name),
            f"{counts['documents']:,}",
            short(characters),
            share(characters, came),
            style=style,
        )

    for stage in rows:
        row("came in" if stage is rows[0] else f"left after: {stage['name']}", stage)
    out.add_section()
    for split in _ordered(record["splits"]):
        row(f"kept: {split}", record["splits"][split], "green")
    out.add_section()
    for reason, counts in largest_first(record["dropped"]):
        row(f"dropped: {reason}", counts, "dim")
    return out


def write_html(record: dict[str, Any], path: Path) -> None:
    """Write the page under a temporary name, then rename it. The same record gives the same bytes."""
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(_page(record), encoding="utf-8", newline="\n")
    temporary.replace(path)


def _page(record: dict[str, Any]) -> str:
    return render(
        _TEMPLATES,
        "report.html.j2",
        filters={"short": short, "share": share, "visible": _visible},
        plots=plots(record),
        record=record,
        flow=flow(record),
        kept=total(record["splits"].values()),
        splits=_ordered(record["splits"]),
        dropped=largest_first(record["dropped"]),
        stage_colours=stage_colours(record),
        languages=largest_first(record["languages"]),
        licenses=largest_first(record["licenses"]),
        projects=largest_first(record["projects"]),
        sources=sorted(record["sources"], key=lambda s: (-s["read"]["characters"], s["name"])),
        cluster_sizes=sorted((int(size), n) for size, n in record["duplicates"]["sizes"].items()),
        redactions=sorted(record["redactions"].items(), key=lambda item: (-item[1], item[0])),
        shards=sorted((record["shards"] or {}).items()),
        training=_training(record),
        holes=hole_colours(record),
        settings=list(_flattened(record["configuration"])),
        most_rows=_MOST_ROWS,
    )


def _ordered(splits: dict[str, Any]) -> list[str]:
    return sorted(splits, key=lambda s: (SPLITS.index(s) if s in SPLITS else len(SPLITS), s))


def _training(record: dict[str, Any]) -> dict[str, int]:
    """Shards that training reads, and their tokens: all but those of held-out projects."""
    own = [s for n, s in (record["shards"] or {}).items() if not n.startswith(("validation", "test"))]
    return {"shards": len(own), "tokens": sum(s["tokens"] for s in own)}


def _flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested configuration as (dotted name, value as text), in its own order."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flattened(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        yield name, ", ".join(str(v) for v in value) or "none"
    else:
        yield name, "none" if value is None or value == {} else str(value)


def _visible(token: str) -> str:
    """A token whose white space can be seen; long runs of it are told by their length."""
    shown = token.replace(" ", "·").replace("\n", "↵").replace("\t", "⇥")
    return f"{shown[:4]}… ({len(token)} in all)" if len(token) > 8 and token.isspace() else shown


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(plain(text))
