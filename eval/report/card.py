"""`tabwright eval card`: the model card of a release, from its meta.json, the corpus report and results.

A model card as in Mitchell et al. 2019, Model Cards for Model Reporting. Its figures are read from what the
commands wrote, so none is typed by hand, and results of another model are refused. Examples are of our own
source (card_examples.py); neither other people's code nor text of a benchmark is shown.

Not here: the words (templates/model_card.md.j2), how results come about (results.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.report import figures
from eval.results import Figure, Result
from eval.threshold.measure import checksum_before
from model.errors import ConfigError, DataError

if TYPE_CHECKING:
    from eval.report.card_examples import Example, Examples

_TEMPLATES = Path(__file__).parent / "templates"
_ORDER = ("model", "memory", "both", "both without neighbours", "copy", "n-gram")
_LINES_BEFORE = 8
_WEAK = 0.05  # a share of exact answers below which a mode is called a weakness


def write(
    meta: Mapping[str, Any],
    checksum: str,
    corpus: Mapping[str, Any],
    results: Sequence[Result],
    *,
    watts: float,
    examples: Examples | None = None,
) -> str:
    """The card as Markdown.

    `meta` is the release's meta.json and `checksum` its SHA-256; `corpus` is a build's report.json. Of the
    results those of other models are left out; those of this one before its show threshold was fitted, which
    changes nothing of what it generates, are its own where there are no later ones. `watts` is what the
    machine is assumed to have drawn. Raises ConfigError where nothing was measured of this model, DataError
    where the corpus is not the model's.
    """
    import jinja2

    before = checksum_before(meta)
    measured_as = next(
        (name for name in (checksum, before) if any(one.model.checksum == name for one in results)), checksum
    )
    own = [one for one in results if one.model.checksum == measured_as]
    if not own:
        raise ConfigError(
            f"no result is of the model {checksum[:12]}; measure it first (`tabwright eval heldout`), or "
            "name the folder of its results with --results"
        )
    if corpus["tokenizer"]["sha256"] != meta["tokenizer_sha256"]:
        raise DataError(
            "the corpus report names another tokenizer than the model; name the report.json of the build "
            "that the model was trained on with --corpus"
        )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML
    )
    heldout = next((one for one in own if one.kind == "heldout"), None)
    seconds = meta.get("seconds")
    utilization = (meta.get("model_flop_utilization") or {}).get("median_of_steps")
    return environment.get_template("model_card.md.j2").render(
        meta=meta,
        checksum=checksum,
        before=measured_as if measured_as != checksum else None,
        fit=meta.get("confidence_fit"),
        dial=_dial(meta),
        languages=" and ".join(one.capitalize() for one in meta["languages"]),
        network=_network(meta["architecture"], meta["window"]),
        weights=meta.get("weights"),
        bytes=sum(one["bytes"] for one in meta["files"].values()),
        corpus=corpus,
        projects={
            split: sum(one["split"] == split for one in corpus["projects"].values())
            for split in ("train", "validation", "test")
        },
        licences=sorted(corpus["licenses"].items(), key=lambda item: -item[1]["characters"]),
        dropped=sorted(corpus["dropped"].items(), key=lambda item: -item[1]["documents"]),
        redactions=sum(corpus["redactions"].values()),
        earlier=_earlier(meta),
        began_with=_began_with(meta),
        hours=seconds / 3600 if seconds else None,
        kilowatt_hours=seconds / 3600 * watts / 1000 if seconds else None,
        watts=f"{watts:g}",
        utilization=utilization,
        recipe=_recipe(meta["recipe"]),
        heldout=heldout,
        test_projects=", ".join(sorted(n for n, one in corpus["projects"].items() if one["split"] == "test")),
        variants=_variants(heldout) if heldout else [],
        has_ngram=heldout is not None and "n-gram" in _variants(heldout),
        rows=_rows(heldout) if heldout else [],
        others=_others(own),
        parity=meta["parity"],
        limits=_limits(heldout, own),
        examples=examples,
        shown=[_shown(one) for one in examples.shown] if examples else [],
    )


def _dial(meta: Mapping[str, Any]) -> list[dict[str, str]]:
    """The rows of the dial that a release's show threshold gave on test projects."""

    def cell(share: Mapping[str, Any] | None) -> str:
        if share is None:
            return ""
        low, high = share["low"], share["high"]
        interval = "" if low is None else f" ({100 * low:.1f} to {100 * high:.1f})"
        return f"{100 * share['value']:.1f}{interval}"

    return [
        {
            "above": f"{notch['show_above']} %",
            "shown": cell(notch["shown"]),
            "right": cell(notch["right"]),
            "found": cell(notch["found"]),
        }
        for notch in (meta.get("confidence_fit") or {}).get("dial", ())
    ]


def read_corpus(path: Path) -> dict[str, Any]:
    """The report.json of a build. Raises DataError in one sentence."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"there is no {path}; `tabwright data build` writes it beside its shards") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a corpus report ({error}); build it again") from error
    needed = {
        "manifest",
        "splits",
        "licenses",
        "projects",
        "dropped",
        "redactions",
        "benchmarks",
        "tokenizer",
    }
    if not isinstance(found, dict) or not needed <= found.keys():
        raise DataError(f"{path} is no corpus report; name the report.json of a build")
    return found


def _network(shape: Mapping[str, Any], window: int) -> str:
    parts = (
        f"{str(shape['model_type']).capitalize()}, {shape['layers']} layers of width {shape['hidden']}",
        f"{shape['heads']} heads, {shape['kv_heads']} key-value heads",
        f"vocabulary {shape['vocabulary']:,}, window {window:,} tokens",
    )
    return ", ".join(parts)


def _recipe(recipe: Mapping[str, Any]) -> str:
    parts = [
        f"{recipe['steps']:,} steps of {recipe['batch_rows']} rows",
        f"{recipe['optimizer']} (rate {recipe['muon_lr']:g}, AdamW {recipe['adamw_lr']:g} for the rest)",
        f"weight decay {recipe['weight_decay']:g}",
        f"cool-down over the last {recipe['cooldown']:.0%}",
    ]
    for name, words in (
        ("ema", "averaged weights, decay {:g} a step"),
        ("end_weight", "the end token counted {:g} times"),
        ("dropout", "dropout {:g}"),
        ("last_phase", "function tasks mixed in over the last {:.0%}"),
        ("fake_quantize", "8-bit rounding over the last {:.0%}"),
    ):
        value = recipe.get(name, 0)
        if value and not (name == "end_weight" and value == 1):
            parts.append(words.format(value))
    return ", ".join(parts)


def _earlier(meta: Mapping[str, Any]) -> str:
    """The builds that a run read before its last one, as training.json tells of them."""
    builds = []
    for stage in meta["corpus"].get("earlier") or []:
        corpus = stage["corpus"]
        count = len(corpus.get("projects", {}).get("train", []))
        builds.append(
            f"{count} of them up to step {stage['until_step']:,} (manifest {corpus['manifest_sha256'][:12]})"
        )
    return "; ".join(builds)


def _began_with(meta: Mapping[str, Any]) -> str:
    """The model whose weights the run began with, and how much that had read."""
    base = meta.get("began_with")
    if base is None:
        return ""
    said = f"{base['name']} (checksum {base['checksum'][:12]})"
    if "tokens_seen" in base:
        said += f", which had read {base['tokens_seen'] / 1e6:,.1f} million tokens"
    return said


def _variants(heldout: Result) -> list[str]:
    found = {one.where["variant"] for one in heldout.figures if one.name == "exact"}
    return [*(name for name in _ORDER if name in found), *sorted(found - set(_ORDER))]


def _text(one: Figure | None, *, is_share: bool = True) -> str:
    if one is None:
        return "-"
    interval = figures.interval_text(one, is_share=is_share, digits=2)
    value = figures.value_text(one, is_share=is_share) if is_share else f"{one.value:.2f}"
    return f"{value} ({interval})" if interval else value


def _rows(heldout: Result) -> list[dict[str, Any]]:
    rows = []
    for mode in (*figures.MODE_NAMES, "all"):
        cells = [heldout.find("exact", mode=mode, variant=one) for one in _variants(heldout)]
        known = [one for one in cells if one is not None]
        if known:
            served = {"mode": mode, "variant": figures.SERVED}
            rows.append(
                {
                    "mode": figures.MODE_NAMES.get(mode, "all"),
                    "n": known[0].n,
                    "cells": [_text(one) for one in cells],
                    "ratio": _text(heldout.find("exact / copy", **served), is_share=False),
                    "answered": _text(heldout.find("answered", **served)),
                    "broken": _text(heldout.find("broken", **served)),
                }
            )
    return rows


def _others(results: Sequence[Result]) -> list[dict[str, Any]]:
    rows = []
    for column in figures.columns(results):
        found = column.of(results)
        if found is not None and not column.label.startswith("held out"):
            one, result = found
            text = (
                _text(one)
                if column.is_share
                else f"{one.value:.3f} ({figures.interval_text(one, is_share=False)})"
            )
            where = "" if result.kind.startswith(("infilling", "humaneval")) else f", {result.split} split"
            rows.append({"words": column.label + where, "n": one.n, "text": text})
    return rows


def _limits(heldout: Result | None, results: Sequence[Result]) -> list[str]:
    """Weaknesses that the figures show."""
    found = []
    for mode, words in figures.MODE_NAMES.items() if heldout else ():
        assert heldout is not None
        alone = heldout.find("exact", mode=mode, variant="model")
        if alone is not None and alone.value < _WEAK:
            found.append(f"Without the memory, {words}: right in {_text(alone)} of {alone.n}.")
    functions = [one for result in results if result.kind == "humaneval-greedy" for one in result.figures]
    for one in functions:
        if one.name == "pass@1" and one.value < _WEAK:
            found.append(f"Functions from their docstrings: HumanEval pass@1 {_text(one)}.")
    return found


def _shown(one: Example) -> dict[str, Any]:
    before = "\n".join(one.before.split("\n")[-_LINES_BEFORE:])
    return {"one": one, "text": f"{before}⟦{one.suggested}⟧"}
