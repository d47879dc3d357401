"""What the corpus report shows: its numbers as text, and its plots from the record.

Each plot comes twice, for a wide window and a narrow one. How plots are drawn is in report_plots.py; the
page around them is made by report.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from data_pipeline.report_plots import Bar, Part, Tile, bars, columns, treemap

SPLITS = ("train", "validation", "test")
_MOST_TILES = 240
_MOST_GROUPS = 12
_WIDE, _HALF, _NARROW = 1040, 510, 350
_Bars = Sequence[tuple[str, Sequence[tuple[float, str, str]], str]]


def short(number: float) -> str:
    """A number with three or four digits and a prefix: 950, 12.3 k, 256.7 M, 3.1 G."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        # 999,950 and more would round to "1,000.0 k".
        if abs(number) >= size * 0.99995:
            return f"{number / size:,.1f} {unit}"
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"


def share(part: float, whole: float) -> str:
    """A part of a whole in percent; what is there never reads as 0.0 %."""
    if whole <= 0:
        return "–"  # noqa: RUF001 - a dash that means: no figure
    percent = 100 * part / whole
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def flow(record: dict[str, Any]) -> list[dict[str, Any]]:
    """What came in, then what each stage left of it and what it took: name, documents, characters,
    lost_documents, lost_characters. A stage may also cut into files (licence headers) or lengthen them
    (placeholders): lost_characters counts that too, so it can be negative.
    """
    came = total(s["read"] for s in record["sources"])
    rows = [{"name": "came in", **came, "lost_documents": 0, "lost_characters": 0}]
    for stage in record["stages"]:
        before = rows[-1]
        rows.append(
            {
                "name": stage["name"],
                "documents": stage["documents"],
                "characters": stage["characters"],
                "lost_documents": before["documents"] - stage["documents"],
                "lost_characters": before["characters"] - stage["characters"],
            }
        )
    return rows


def total(counts: Iterable[dict[str, Any]]) -> dict[str, int]:
    """The sum of many {documents, characters}."""
    both = [(c["documents"], c["characters"]) for c in counts]
    return {"documents": sum(d for d, _ in both), "characters": sum(c for _, c in both)}


def largest_first(groups: dict[str, Any]) -> list[tuple[str, Any]]:
    """Named counts by their characters, then by name."""
    return sorted(groups.items(), key=lambda item: (-item[1]["characters"], item[0]))


def stage_colours(record: dict[str, Any]) -> dict[str, str]:
    """A hue for each stage that dropped something, in the order of the stages."""
    order = [s["name"] for s in record["stages"]]
    dropping = {d["stage"] for d in record["dropped"].values()}
    stages = sorted(dropping, key=lambda s: (order.index(s) if s in order else len(order), s))
    return {stage: f"hue-{number % 6 + 1}" for number, stage in enumerate(stages)}


def hole_colours(record: dict[str, Any]) -> dict[str, str]:
    """A hue for each kind of hole in the shards."""
    kinds = sorted({kind for shard in (record["shards"] or {}).values() for kind in shard["holes"]})
    return {kind: f"hue-{number % 6 + 1}" for number, kind in enumerate(kinds)}


def plots(record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Each plot by name as SVG, wide and narrow: the page shows the one that its window has room for."""
    out = {
        "flow": _flow_bars(record),
        "dropped": _dropped_bars(record),
        "projects": _treemaps(record),
        "languages": _group_bars(record["languages"], "hue-1", "in each language"),
        "licenses": _group_bars(record["licenses"], "hue-3", "under each licence"),
        "lengths": _histogram(record),
        "clusters": _cluster_sizes(record),
    }
    if record["shards"]:
        out["holes"] = _hole_bars(record)
    return out


def _counted(name: str, counts: dict[str, Any]) -> str:
    return f"{name}: {_files(counts['documents'])}, {counts['characters']:,} characters"


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"


def _flow_bars(record: dict[str, Any]) -> tuple[str, str]:
    stages = flow(record)
    came, left = stages[0]["characters"], stages[-1]["characters"]
    rows = []
    for stage in stages:
        taken = {"documents": stage["lost_documents"], "characters": stage["lost_characters"]}
        parts = [
            (stage["characters"], "train", _counted(stage["name"], stage)),
            (max(0, taken["characters"]), "lost", _counted(f"taken by {stage['name']}", taken)),
        ]
        rows.append(
            (stage["name"], parts, f"{short(stage['characters'])} · {share(stage['characters'], came)}")
        )
    return _both_bars(
        rows,
        f"Bars that shrink stage by stage: of {short(came)} characters that came in, "
        f"{share(left, came)} are left at the end.",
    )


def _dropped_bars(record: dict[str, Any]) -> tuple[str, str]:
    colours = stage_colours(record)
    rows = [
        (
            reason,
            [(counts["characters"], colours[counts["stage"]], _counted(reason, counts))],
            f"{short(counts['characters'])} · {_files(counts['documents'])}",
        )
        for reason, counts in largest_first(record["dropped"])
    ]
    return _both_bars(
        rows, "Bars of the characters dropped for each reason; the table below has the same figures."
    )


def _group_bars(groups: dict[str, Any], colour: str, of_what: str) -> tuple[str, str]:
    """The largest groups, and the others as one."""
    whole = sum(c["characters"] for c in groups.values())
    ordered = largest_first(groups)
    if rest := ordered[_MOST_GROUPS:]:
        ordered = [*ordered[:_MOST_GROUPS], (f"{len(rest)} more", total(c for _, c in rest))]
    rows = [
        (
            name,
            [(counts["characters"], colour, _counted(name, counts))],
            f"{short(counts['characters'])} · {share(counts['characters'], whole)}",
        )
        for name, counts in ordered
    ]
    return _both_bars(rows, f"Bars of the characters kept {of_what}.", wide=_HALF)


def _both_bars(rows: _Bars, alt: str, *, wide: int = _WIDE) -> tuple[str, str]:
    drawn = [
        Bar(label=label, parts=tuple(Part(value=v, colour=c, title=t) for v, c, t in parts), note=note)
        for label, parts, note in rows
    ]
    return bars(drawn, width=wide, alt=alt), bars(drawn, width=_NARROW, alt=alt)


def _treemaps(record: dict[str, Any]) -> tuple[str, str]:
    ordered = largest_first(record["projects"])
    tiles = [
        Tile(
            label=name,
            # Held-out projects say so in words too: not everybody tells the colours apart.
            note=short(counts["characters"]) if counts["split"] == "train" else counts["split"],
            value=counts["characters"],
            colour=_split_colour(counts["split"]),
            title=f"{_counted(name, counts)}, {counts['split']}, {counts['license']}",
        )
        for name, counts in ordered[:_MOST_TILES]
    ]
    if rest := ordered[_MOST_TILES:]:
        characters = sum(c["characters"] for _, c in rest)
        name = f"{len(rest):,} more"
        title = f"{len(rest):,} smaller projects: {characters:,} characters"
        tiles.append(Tile(label=name, note=short(characters), value=characters, colour="other", title=title))
    largest = ", ".join(name for name, _ in ordered[:3]) or "none"
    alt = f"A treemap of {len(ordered):,} projects by kept characters, by split; the largest: {largest}."
    return (
        treemap(tiles, width=_WIDE, height=480, alt=alt),
        treemap(tiles, width=_NARROW, height=520, alt=alt),
    )


def _histogram(record: dict[str, Any]) -> tuple[str, str]:
    edges, documents = record["lengths"]["edges"], record["lengths"]["documents"]
    titles = [
        f"{low:,} to {high:,} characters: {_files(n)}"
        for low, high, n in zip(edges, edges[1:], documents, strict=False)
    ]
    wide, narrow = (
        columns(
            documents,
            width=width,
            alt="Columns of the number of kept files by length; the table below has the same figures.",
            titles=titles,
            labels=(),
            edges=[short(e).replace(".0 ", " ") for e in edges],
            axis="characters in a file",
        )
        for width in (_WIDE, _NARROW)
    )
    return wide, narrow


def _cluster_sizes(record: dict[str, Any]) -> tuple[str, str]:
    """Clusters by size: 2, 3 and 4 alone, then 5–8, 9–16 and so on."""
    sizes = {int(size): n for size, n in record["duplicates"]["sizes"].items()}
    bins = [(2, 2), (3, 3), (4, 4)]
    while bins[-1][1] < max(sizes, default=0):
        bins.append((bins[-1][1] + 1, bins[-1][1] * 2))
    counts = [sum(n for size, n in sizes.items() if low <= size <= high) for low, high in bins]
    labels = [str(low) if low == high else f"{low} to {high}" for low, high in bins]
    wide, narrow = (
        columns(
            counts,
            width=width,
            alt="Columns of the number of clusters by how many files each holds.",
            titles=[f"{n:,} clusters of {label} files" for n, label in zip(counts, labels, strict=True)],
            labels=labels,
            axis="files in a cluster",
        )
        for width in (_HALF, _NARROW)
    )
    return wide, narrow


def _hole_bars(record: dict[str, Any]) -> tuple[str, str]:
    colours = hole_colours(record)
    rows = []
    for name, shard in sorted(record["shards"].items()):
        whole = sum(shard["holes"].values())
        parts = [
            (n / (whole or 1), colours[kind], f"{name}, {kind}: {n:,} ({share(n, whole)})")
            for kind, n in sorted(shard["holes"].items())
        ]
        rows.append((name, parts, f"{whole:,} holes"))
    return _both_bars(rows, "Bars of the kinds of holes in each shard; the table below has the same figures.")


def _split_colour(split: str) -> str:
    return split if split in SPLITS else "other"
