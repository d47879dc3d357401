"""What of a run's history goes into its record."""

from __future__ import annotations

from model.training import metrics


def test_the_record_keeps_validations_and_means_of_the_losses_between() -> None:
    lines = [
        {"step": step, "tokens": step * 10, "train_loss": 5.0 - step % 2, "mfu": 0.5} for step in range(400)
    ]
    lines[155]["valid_loss"] = 3.0
    kept = metrics.thinned(lines)
    assert len(kept) == 42
    assert all(set(line) <= {"step", "tokens", "train_loss", "valid_loss"} for line in kept)
    assert [line["step"] for line in kept if "valid_loss" in line] == [155]
    assert kept[0]["train_loss"] == 5.0
    assert kept[1]["train_loss"] == 4.5, "the mean of ten steps, though the step's own is 5.0"
    assert kept[-1]["step"] == 399


def test_an_empty_history_has_an_empty_record() -> None:
    assert metrics.thinned([]) == []
