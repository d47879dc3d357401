"""A benchmark in several runs: what an earlier one measured at other thread counts joins the new result.

Pure. Not here: measuring (engine.py), ratios of one run (ratios.py).
"""

from __future__ import annotations

from typing import Any

from eval.bench.ratios import headline

# Only results that agree in these are of one benchmark.
_SAME = ("model", "variant", "window", "file_bytes", "graph_sha256", "machine", "llama_cpp")
_LISTS = ("rows", "settings", "start", "distance")


def join(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The new result, and of the known one the thread counts that the new one lacks.

    The new result alone when the known one is of another model, machine or peer, or no result at all.
    """
    if any(key not in known or known[key] != new[key] for key in _SAME):
        return new
    if not all(isinstance(known.get(key), list) for key in _LISTS):
        return new
    measured = {row["threads"] for row in new["rows"]}
    joined = dict(new)
    for key in _LISTS:
        kept = [entry for entry in known[key] if entry["threads"] not in measured]
        joined[key] = sorted([*kept, *new[key]], key=lambda entry: int(entry["threads"]))
    joined["floors"] = {**known["floors"], **new["floors"]}
    joined["not_available"] = {**known["not_available"], **new["not_available"]}
    for key in ("ratio", "ratio_8_bit"):
        if new.get(key) and known.get(key):
            both = {**known[key]["by_threads"], **new[key]["by_threads"]}
            joined[key] = headline(dict(sorted(both.items(), key=lambda item: int(item[0]))))
    return joined
