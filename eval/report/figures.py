"""What the evaluation report shows: results grouped by model, the headline table's cells, the plots.

Not here: drawing (plots.py), the page (page.py and its template).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.report.plots import NARROW, WIDE, Curve, Group, Mark, both_widths, curves
from eval.results import Figure, Model, Result

SERVED = "both"
MODE_NAMES = {
    "line": "the next line, at a line's start",
    "mid-line": "the rest of a line",
    "file-end": "the next line, at the file's end",
    "block": "a block of 2 to 8 lines",
    "body": "a function's body of 2 to 10 lines",
}
_BASELINES = {"copy": "other", "n-gram": "hue-6"}
_HUES = ("hue-1", "hue-2", "hue-3", "hue-4", "hue-5", "hue-6")
_HELDOUT = "heldout"
_CURVES = {
    "bits_per_byte": "bits per byte, validation",
    "train_loss": "training loss, nats a token",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure of every model: how it is found in a result of `kind`, and whether it is a share."""

    label: str
    kind: str
    name: str
    where: Mapping[str, str]
    is_share: bool = True

    def of(self, results: Sequence[Result]) -> tuple[Figure, Result] | None:
        """The figure in the results of one model; the last wins where several have it."""
        for result in reversed(results):
            if result.kind == self.kind:
                for one in result.figures:
                    if one.name == self.name and self.where.items() <= one.where.items():
                        return one, result
        return None


def by_model(results: Sequence[Result]) -> list[tuple[Model, list[Result]]]:
    """Results by the model's checksum, small models first."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.model.checksum, []).append(result)
    models = [(some[0].model, some) for some in found.values()]
    return sorted(models, key=lambda one: (one[0].parameters, one[0].name, one[0].checksum))


def columns(results: Sequence[Result]) -> list[Column]:
    """The columns of the headline table: what at least one model has, in a fixed order."""
    infilling = sorted({result.kind for result in results if result.kind.startswith("infilling-")})
    possible = [
        *(
            Column(
                label=kind.removeprefix("infilling-").replace("-", " ") + " infilling, pass@1",
                kind=kind,
                name="pass@1",
                where={"answer": "truncated"},
            )
            for kind in infilling
        ),
        Column(label="HumanEval pass@1", kind="humaneval-greedy", name="pass@1", where={}),
        Column(label="HumanEval pass@10", kind="humaneval-drawn", name="pass@10", where={}),
        *(
            Column(
                label=f"held out: {words}",
                kind=_HELDOUT,
                name="exact",
                where={"mode": mode, "variant": SERVED},
            )
            for mode, words in MODE_NAMES.items()
        ),
        Column(label="bits per byte", kind=_HELDOUT, name="bits per byte", where={}, is_share=False),
    ]
    return [column for column in possible if column.of(results) is not None]


def value_text(one: Figure, *, is_share: bool) -> str:
    """A value as it is read: percent with one digit, or three digits."""
    return f"{100 * one.value:.1f} %" if is_share else f"{one.value:.3f}"


def interval_text(one: Figure, *, is_share: bool, digits: int = 3) -> str:
    """The interval in the unit of the value, of a share in percent; empty where there is none."""
    if one.low is None and one.high is None:
        return ""
    scale, digits = (100, 1) if is_share else (1, digits)
    low, high = ("∞" if bound is None else f"{scale * bound:.{digits}f}" for bound in (one.low, one.high))
    return f"{low} to {high}"


def is_share(one: Figure) -> bool:
    """Whether a figure is a share of 1, which is told in percent."""
    return one.name.startswith(
        ("pass@", "exact", "similar", "saved", "answered", "broken", "ended", "taken", "flicker")
    ) and (" / " not in one.name)


def plots(results: Sequence[Result]) -> dict[str, tuple[str, str]]:
    """Each plot by name as SVG, wide and narrow."""
    models = by_model(results)
    drawn: dict[str, tuple[str, str]] = {}
    across = _across(models)
    if across:
        alt = (
            "Bars of the share of exact answers of each model, as served, in each mode, with 95 % intervals."
        )
        drawn["models"] = both_widths(across, alt)
    for model, some in models:
        groups = _of_model(some)
        if groups:
            alt = f"Bars of the share of exact answers of {model.name}, mode by mode, beside the baselines."
            drawn[f"heldout-{model.checksum}"] = both_widths(groups, alt)
    for key, words in _CURVES.items():
        lines = _curves(models, key)
        if lines:
            wide, narrow = (
                curves(
                    lines, width=width, alt=f"Curves of {words} over tokens seen.",
                    x_axis="tokens seen", y_axis=words,
                )
                for width in (WIDE, NARROW)
            )  # fmt: skip
            drawn[f"curve-{key}"] = wide, narrow
    return drawn


def hues(models: Sequence[Model]) -> dict[str, str]:
    """A colour for each model by its checksum."""
    return {model.checksum: _HUES[number % len(_HUES)] for number, model in enumerate(models)}


def _heldout(results: Sequence[Result]) -> Result | None:
    return next((result for result in reversed(results) if result.kind == _HELDOUT), None)


def _across(models: Sequence[tuple[Model, list[Result]]]) -> list[Group]:
    """Each mode with a bar for each model, as served."""
    colours = hues([model for model, _ in models])
    groups = []
    for mode, words in MODE_NAMES.items():
        marks = []
        for model, some in models:
            result = _heldout(some)
            one = result and result.find("exact", mode=mode, variant=SERVED)
            if one:
                label = f"{model.name} {model.checksum[:6]}"
                marks.append(_mark(label, one, colours[model.checksum]))
        if marks:
            groups.append(Group(heading=words, marks=tuple(marks)))
    return groups


def _of_model(results: Sequence[Result]) -> list[Group]:
    """Each mode with a bar for each variant and baseline of one model."""
    result = _heldout(results)
    if result is None:
        return []
    groups = []
    for mode, words in MODE_NAMES.items():
        found = [one for one in result.figures if one.name == "exact" and one.where.get("mode") == mode]
        marks = [
            _mark(one.where["variant"], one, _BASELINES.get(one.where["variant"], _variant_hue(one)))
            for one in found
        ]
        if marks:
            groups.append(Group(heading=f"{words}, n = {found[0].n}", marks=tuple(marks)))
    return groups


def _variant_hue(one: Figure) -> str:
    return "hue-3" if one.where["variant"].startswith(SERVED) else "hue-1"


def _mark(label: str, one: Figure, colour: str) -> Mark:
    text, interval = value_text(one, is_share=True), interval_text(one, is_share=True)
    return Mark(
        label=label,
        value=one.value,
        low=one.low,
        high=one.high,
        colour=colour,
        note=text,
        title=f"{label}: {text} ({interval}), n = {one.n}",
    )


def _curves(models: Sequence[tuple[Model, list[Result]]], key: str) -> list[Curve]:
    colours = hues([model for model, _ in models])
    lines = []
    for model, _ in models:
        points = tuple(
            (float(entry["tokens"]), float(entry[key]))
            for entry in model.curve
            if key in entry and entry.get("tokens", 0) > 0
        )
        if points:
            label = f"{model.name} {model.checksum[:6]}"
            lines.append(Curve(label=label, points=points, colour=colours[model.checksum]))
    return lines


def ratios(result: Result) -> list[dict[str, Any]]:
    """How the variants of a held-out result stand to the baselines, mode by mode."""
    rows = []
    for mode, words in (*MODE_NAMES.items(), ("all", "all modes")):
        variants = [
            one.where["variant"]
            for one in result.figures
            if one.name == "exact"
            and one.where.get("mode") == mode
            and one.where["variant"] not in _BASELINES
        ]
        for variant in variants:
            cells = {
                name: result.find(name, mode=mode, variant=variant)
                for name in ("exact / copy", "exact - copy", "exact - n-gram")
            }
            if any(cells.values()):
                rows.append({"mode": words, "variant": variant, **cells})
    return rows
