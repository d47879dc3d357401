"""Which variant ships: the fastest of those that lose little; and none that is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.errors import ConfigError, ModelError
from model.export.checkpoint import read_architecture
from model.export.latency import Latency, measure
from model.export.parity import Parity
from model.export.variants import Measured, as_rows, choose, refuse_stray, wanted
from model.serving.session import Session

PARITY = Parity(
    rows=1, positions=9, max_difference=0.1, relative_error=0.01, top1_agreement=1.0, perplexity=10.0,
    reference_perplexity=10.0, perplexity_loss=0.0, steps=3, step_max_difference=0.1, step_top1_agreement=1.0,
)  # fmt: skip


def measured(loss: float, milliseconds: float, speed: float = 1000.0) -> Measured:
    latency = Latency(prefill_tokens_per_second=speed, decode_ms=1.0, typed_on_ms=milliseconds)
    return Measured(bytes=10, parity=replace(PARITY, perplexity_loss=loss), latency=latency)


def test_fastest_that_loses_little_is_chosen():
    found = {"a": measured(0.0, 20), "b": measured(0.009, 10), "c": measured(0.011, 5)}
    assert choose(found) == "b"


def test_reading_counts_as_much_as_typing():
    found = {"types": measured(0.0, 10, 1000), "reads": measured(0.0, 12, 2000)}
    assert choose(found) == "reads"


def test_of_two_as_fast_the_truer_one_is_chosen():
    assert choose({"a": measured(0.005, 10.0), "b": measured(0.001, 10.3)}) == "b"


def test_what_was_not_timed_is_not_chosen():
    """The float16 graph is measured beside the others, and is for GPUs."""
    assert choose({"fp16": Measured(bytes=1, parity=PARITY), "fp32": measured(0.0, 10)}) == "fp32"


@pytest.mark.parametrize("loss", [0.02, np.nan])
def test_losses_are_told_when_all_are_too_large(loss):
    with pytest.raises(ModelError, match=r"every variant loses 1% .*--variant"):
        choose({"int4": measured(loss, 10)})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("fp32", {"max_difference": 0.1}),
        ("fp32", {"max_difference": 0.0, "step_max_difference": np.nan}),
        ("fp32", {"max_difference": 0.0, "step_max_difference": 0.0, "step_top1_agreement": 0.9}),
        ("int8", {"relative_error": 0.9}),
        ("int8", {"relative_error": np.nan}),
        ("int8", {"step_max_difference": np.nan}),
    ],
)
def test_graph_that_strays_is_refused(name, changes):
    with pytest.raises(ModelError, match=f"the {name} graph exported from c strays"):
        refuse_stray(name, replace(PARITY, **changes), Path("c"))


def test_quantised_graph_may_differ():
    refuse_stray("int8", PARITY, Path("c"))


def test_float32_is_always_built_to_prove_the_graph(checkpoint):
    architecture = read_architecture(checkpoint)
    assert wanted("int8", architecture, {}) == ["fp32", "int8"]
    assert wanted("fp32", architecture, {}) == ["fp32"]
    assert "fp16" not in wanted("best", architecture, {})
    with pytest.raises(ConfigError, match="no variant 'int3'; use best, fp32, int8"):
        wanted("int3", architecture, {})


def test_graph_that_no_onnx_file_can_hold_is_not_built(checkpoint):
    architecture = read_architecture(checkpoint)
    large = {"w": np.broadcast_to(np.float32(0), (2**20, 2**9))}  # 2 GiB that take no memory
    assert wanted("int8", architecture, large) == ["int8"]
    with pytest.raises(ModelError, match=r"2\.1 GB.*--variant int8"):
        wanted("fp32", architecture, large)


def test_latencies_are_measured_in_any_window(release_folder):
    """Also where the whole request nearly fills it, and rows are short."""
    for window in (24, 320):
        session = Session(release_folder / "model.onnx", window=window)
        found = measure({"a": session}, [1, 2, 3])["a"]
        assert 0 < found.decode_ms * 12 < found.typed_on_ms * 2
        assert 0 < found.prefill_tokens_per_second < np.inf
        assert found.score > 0


def test_table_has_a_cell_for_each_title():
    """A variant that was not timed must not shift the columns."""
    variants = {"a": measured(0.0, 10).as_json(), "fp16": Measured(bytes=1, parity=PARITY).as_json()}
    assert {len(row) for row in as_rows(variants)} == {9}
    assert {len(row) for row in as_rows({"fp16": variants["fp16"]})} == {6}
