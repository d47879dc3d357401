"""How many times faster, and how far from the machine's limits: figures made of measured rows.

Pure. Not here: measuring (timing.py), what the limits are (floors.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eval.bench.subject import Subject
from eval.bench.timing import LLAMA, OURS, Series

# The rows whose ratios the project's goals are about; of several contexts the one with the worst ratio.
RATIOS = {
    "prefill": ("prefill_2048", "prefill_1024", "prefill_512"),
    "decode": ("decode_1024", "decode_256"),
    "typed_on": ("typed_on",),
    "cold": ("cold",),
    "typed_on_speculating": ("typed_on_speculating",),
    "block": ("block",),
    "block_speculating": ("block_speculating",),
}
GOALS = {"prefill": 2.5, "decode": 1.3, "typed_on": 2.0, "cold": 2.0}
# Times the machine's own limit; seconds to the first completion; bytes of peak memory by those of the file.
MOST_TIMES_FLOOR = {"prefill": 1.8, "step": 2.0}
MOST_SECONDS = 0.6


def most_bytes(file_bytes: int) -> int:
    """The goal for peak memory."""
    return int(2.2 * file_bytes) + 120_000_000


def ratios(
    series: Sequence[Series], *, threads: Sequence[int], variants: Sequence[str] | None = None
) -> dict[str, Any]:
    """The best llama.cpp's time over ours, for each thread count, and the worst of them as the headline."""
    by_threads: dict[str, dict[str, Any]] = {str(count): {} for count in threads}
    for count in threads:
        here = [s for s in series if s.threads == count]
        for key, names in RATIOS.items():
            found = [entry for name in names if (entry := _ratio(here, name, variants)) is not None]
            if found:
                by_threads[str(count)][key] = min(found, key=lambda entry: entry["ratio"])
    return headline(by_threads)


def headline(by_threads: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The ratios of each thread count, and above them the worst of each kind."""
    keys = [key for key in RATIOS if any(key in entry for entry in by_threads.values())]
    worst = {key: min(e[key]["ratio"] for e in by_threads.values() if key in e) for key in keys}
    return {**worst, "headline": "the worst over contexts and thread counts", "by_threads": by_threads}


def _ratio(series: Sequence[Series], name: str, variants: Sequence[str] | None) -> dict[str, Any] | None:
    """One row's ratio, or None where it was not measured on both sides."""
    ours = next((s for s in series if s.row.name == name and s.contender.engine == OURS), None)
    # A peer need not speculate where that is slower for it.
    same = {name, name.removesuffix("_speculating")}
    peer = [
        s for s in series
        if s.row.name in same and s.contender.engine == LLAMA
        and (variants is None or s.contender.variant in variants)
    ]  # fmt: skip
    if ours is None or not peer:
        return None
    best = min(peer, key=lambda s: s.seconds)
    return {
        "ratio": best.seconds / ours.seconds, "row": name, "against": best.contender.variant,
        "ours": ours.seconds, "theirs": best.seconds,
    }  # fmt: skip


def distances(subject: Subject, series: Sequence[Series], floors: dict[str, Any]) -> list[dict[str, Any]]:
    """Our prefill and decode rows over the least time the machine could need for them."""
    a, found = subject.architecture, []
    matrices = sum(
        w.size for n, w in subject.weights.items() if w.ndim == 2 and "embed" not in n and "head" not in n
    )
    head = a.vocabulary * a.hidden
    weights = subject.bytes_of_a_step()
    for s in series:
        if s.contender.engine != OURS or s.row.of not in ("prefill", "step"):
            continue
        floor, n = floors[str(s.threads)], s.row.context
        if s.row.of == "prefill":
            # Two operations a weight and token; scores and their sums over half of all pairs of positions.
            attention = 2 * a.layers * a.heads * a.head_dim * n * n
            least = (2 * matrices * n + 2 * head + attention) / max(floor["products"].values())
            by = max(floor["products"], key=floor["products"].get)
        else:
            memory = 2 * a.layers * a.kv_heads * a.head_dim * n * 4
            least, by = (weights + memory) / floor["read"], "reading weights, keys and values"
        found.append(
            {
                "row": s.row.name, "label": s.row.label, "threads": s.threads,
                "times_floor": s.seconds / least, "floor": by, "goal": MOST_TIMES_FLOOR[s.row.of],
            }
        )  # fmt: skip
    return found
