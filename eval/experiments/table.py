"""The results of a plan as Markdown, a table for each comparison; what is not done yet is left out.

Not here: the figures themselves (differences.py).
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.experiments.differences import Difference, Noise, Result, bits_per_byte, difference, noise
from eval.experiments.plan import Comparison, Plan, Variant

_COLUMNS = (
    "variant", "seeds", "weights", "tokens", "text", "tok/s, CPU", "middles", "difference (95 %)", "verdict",
    "end token", "no neighbours", "bodies", "difference (95 %)", "beginnings",
)  # fmt: skip
_BySeed = dict[int, Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Findings:
    """Results by settings and seed; each text's file, and the noise, by kind of text."""

    results: dict[str, _BySeed]
    files: Mapping[str, Sequence[int]]
    noise: Mapping[str, Noise | None]

    def of(self, variant: Variant) -> _BySeed:
        return self.results.get(_identity(variant.settings.sections), {})


def markdown(plan: Plan, record: Mapping[str, Any]) -> str:
    """The tables of all comparisons that have results; `record` is what run.py writes as JSON."""
    found: dict[str, _BySeed] = {}
    for result in record["trials"]:
        found.setdefault(_identity(result["settings"]), {})[result["seed"]] = result
    if not found:
        return "No trial is done yet.\n"
    groups = [list(one.values()) for one in found.values()]
    files = {what: one["files"] for what, one in record["places"]["texts"].items()}
    findings = _Findings(results=found, files=files, noise={what: noise(groups, what) for what in files})
    lines = [f"## Experiments: {plan.name}", "", *_introduction(findings)]
    for comparison in plan.comparisons:
        lines += _table(comparison, findings)
    return "\n".join(lines) + "\n"


def _introduction(findings: _Findings) -> Iterator[str]:
    middles, bodies = findings.files["middles"], findings.files["bodies"]
    yield (
        f"Bits per byte, less is better: of {len(middles)} middles in {len(set(middles))} held-out files, "
        f"end token included, also without neighbours; of {len(bodies)} bodies of documented functions; of "
        "the files' beginnings as ordinary text. Differences are paired by seed and place, with 95 % "
        f"intervals of a bootstrap over files. {_seeds(findings)} A difference is clear when its interval "
        "leaves out zero and it is more than twice the noise of a difference. Text is what the tokens stand "
        "for."
    )


def _seeds(findings: _Findings) -> str:
    middles, bodies = findings.noise["middles"], findings.noise["bodies"]
    if middles is None or bodies is None:
        return "No variant has two seeds yet, so no difference counts as clear."
    return (
        "Trials that differ in their seed alone (weights, documents and holes drawn anew) have a standard "
        f"deviation of {middles.deviation:.4f} (bodies {bodies.deviation:.4f}), pooled over {middles.trials} "
        "trials."
    )


def _table(comparison: Comparison, findings: _Findings) -> list[str]:
    reference = findings.of(comparison.reference)
    rows = [
        _row(variant.name, own, reference, findings)
        for variant in comparison.variants
        if reference and (own := findings.of(variant))
    ]
    if not rows:
        return []
    return [
        "", f"### {comparison.name}", "", comparison.question, "",
        f"| {' | '.join(_COLUMNS)} |",
        "|-" * len(_COLUMNS) + "|",
        _row(comparison.reference.name, reference, {}, findings),
        *rows,
    ]  # fmt: skip


def _row(name: str, results: _BySeed, reference: _BySeed, findings: _Findings) -> str:
    own = list(results.values())
    end_bits = [bits for one in own for bits in one["measured"]["middles"]["end_bits"]]
    text = statistics.fmean(one["tokens"] * one["characters_per_token"] for one in own)
    against = {
        what: difference(results, reference, what, findings.files[what], findings.noise[what])
        for what in ("middles", "bodies")
    }
    cells = [
        name,
        ", ".join(str(seed) for seed in sorted(results)),
        f"{own[0]['parameters'] / 1e6:.2f}M",
        f"{statistics.fmean(one['tokens'] for one in own) / 1e6:.2f}M",
        f"{text / 1e6:.1f} MB",
        _rate(own),
        _mean(own, "middles"),
        _shown(against["middles"]),
        _verdict(against["middles"]),
        f"{statistics.fmean(end_bits):.2f} bits",
        _mean(own, "alone"),
        _mean(own, "bodies"),
        _shown(against["bodies"]),
        _mean(own, "beginnings"),
    ]
    return f"| {' | '.join(cells)} |"


def _rate(results: Sequence[Result]) -> str:
    """Tokens a second of one core's time; empty where every trial was done in parts."""
    known = [one["tokens_per_cpu_second"] for one in results if one.get("tokens_per_cpu_second")]
    return f"{statistics.median(known):,.0f}" if known else ""


def _mean(results: Sequence[Result], what: str) -> str:
    return f"{statistics.fmean(bits_per_byte(one, what) for one in results):.4f}"


def _shown(found: Difference | None) -> str:
    return "" if found is None else f"{found.value:+.4f} ({found.low:+.4f} to {found.high:+.4f})"


def _verdict(found: Difference | None) -> str:
    if found is None:
        return ""
    if not found.clear:
        return "not clear"
    return "worse" if found.value > 0 else "**better**"


def _identity(sections: Mapping[str, Any]) -> str:
    return json.dumps(dict(sections), sort_keys=True)
