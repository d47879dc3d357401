"""A difference counts when neither files nor seeds explain it, and the table says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.experiments import differences, plan, table

FILES = [number // 3 for number in range(60)]
KINDS = ("middles", "alone", "bodies", "beginnings")


def result(seed: int, shift: float, sections: Any = None) -> dict[str, Any]:
    """Sixty texts of ten bytes, hard and easy ones, each `shift` bits a byte harder, and a seed's chance."""
    rng = np.random.default_rng(seed)
    hardness = np.random.default_rng(99).uniform(1, 3, len(FILES)) + rng.normal(0, 0.01) + shift
    measured = {"bits": list(hardness * 10), "end_bits": [2.0] * 60, "bytes": [10] * 60}
    return {
        "seed": seed,
        "settings": sections or {},
        "parameters": 1_000_000,
        "tokens": 1000,
        "characters_per_token": 3.0,
        "tokens_per_cpu_second": 100,
        "measured": dict.fromkeys(KINDS, measured),
    }


def test_a_difference_is_paired_by_text_and_so_far_surer_than_the_figures() -> None:
    base = {seed: result(seed, 0.0) for seed in range(3)}
    worse = {seed: result(seed, 0.2) for seed in range(2)}
    doubt = differences.noise([list(base.values()), list(worse.values())], "middles")
    assert doubt is not None
    assert 0.001 < doubt.deviation < 0.03
    assert doubt.trials == 5
    found = differences.difference(worse, base, "middles", FILES, doubt)
    assert found is not None
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.2, 0.2), abs=1e-6)
    assert found.clear
    assert found.seeds == 2


def test_a_difference_smaller_than_the_seeds_noise_is_not_clear() -> None:
    base = {seed: result(seed, 0.0) for seed in range(3)}
    doubt = differences.Noise(deviation=0.05, trials=3)
    found = differences.difference({0: result(0, 0.05)}, base, "middles", FILES, doubt)
    assert found is not None
    assert found.low > 0
    assert not found.clear
    assert not differences.difference({0: result(0, 0.2)}, base, "middles", FILES, None).clear  # type: ignore[union-attr]
    assert differences.difference({7: result(7, 0.2)}, base, "middles", FILES, doubt) is None


def test_the_table_has_what_is_done_and_leaves_out_what_is_not(tmp_path: Path) -> None:
    content = {
        "name": "p",
        "base": {
            "shape": {"width": 64, "layers": 1, "heads": 2, "kv_heads": 1, "feed_forward": 96},
            "training": {"steps": 5},
            "seeds": [0, 1, 2],
        },
        "comparisons": [
            {"name": "decay", "question": "How?", "variants": {"much": {"training": {"weight_decay": 0.5}}}},
            {"name": "later", "question": "What?", "variants": {"x": {"training": {"weight_decay": 0.9}}}},
        ],
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    read = plan.read(path)
    base = dict(read.base.settings.sections)
    decay = dict(read.comparisons[0].variants[0].settings.sections)
    record: dict[str, Any] = {
        "places": {"texts": {what: {"files": FILES} for what in KINDS}},
        "trials": [*(result(seed, 0.0, base) for seed in range(3)), result(0, -0.2, decay)],
    }
    text = table.markdown(read, record)
    assert "### decay" in text
    assert "### later" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| much |")]
    assert "-0.2000 (-0.2000 to -0.2000) | **better**" in row
    assert "60 middles in 20 held-out files" in text
    assert table.markdown(read, {**record, "trials": []}) == "No trial is done yet.\n"
