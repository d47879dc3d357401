"""Schedules and sizes."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from model.errors import ConfigError
from model.training.config import (
    Shape,
    TrainConfig,
    continued,
    cpu,
    cpu_long,
    from_json,
    gpu,
    preset,
    toy,
    with_settings,
)


def test_the_rate_warms_up_stays_and_cools_down_to_zero() -> None:
    config = replace(toy(100), warmup_steps=10, cooldown=0.5)
    rates = [config.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:50] == [1.0] * 40
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert rates[99] == pytest.approx(0.02)


def test_sizes_follow_the_compute_rule() -> None:
    assert 2e6 < cpu().shape.parameters(4096) < 3e6
    assert 40e6 < gpu().shape.parameters(16_384) < 45e6
    assert cpu().shape.flops_per_token(4096, 512) > 6 * cpu().shape.parameters(4096)


def test_the_schedule_can_be_lengthened_until_the_cool_down() -> None:
    old = replace(toy(100), cooldown=0.4)
    assert continued(old, replace(old, steps=200), step=60).steps == 200
    with pytest.raises(ConfigError, match="cool-down of 100 steps has begun"):
        continued(old, replace(old, steps=200), step=61)


def test_a_resumed_run_keeps_its_recipe() -> None:
    with pytest.raises(ConfigError, match=r"was started with clip=1\.0, not 2\.0"):
        continued(toy(), replace(toy(), clip=2.0), step=1)


def test_bad_values_are_named() -> None:
    with pytest.raises(ConfigError, match="no preset 'huge'; presets are toy, cpu, cpu-long, gpu"):
        preset("huge")
    with pytest.raises(ConfigError, match="`steps` is 0"):
        toy(0)
    with pytest.raises(ConfigError, match="3 heads cannot share 2 key-value heads"):
        Shape(width=64, layers=1, heads=3, kv_heads=2, feed_forward=64)
    with pytest.raises(ConfigError, match="`head_dim` is 20"):
        Shape(width=64, layers=1, heads=2, kv_heads=1, feed_forward=64, head_dim=20)


def test_a_run_from_before_these_settings_goes_on_as_it_was() -> None:
    """Its saved config lacks them, so their defaults must change nothing that it learns."""
    newer = {
        "ema", "end_weight", "dropout", "last_phase", "last_phase_share", "fake_quantize", "spike"
    }  # fmt: skip
    saved = {name: value for name, value in asdict(cpu_long()).items() if name not in newer}
    old = from_json(saved)
    assert continued(old, cpu_long(), step=1000) == cpu_long()
    assert (old.ema, old.end_weight, old.dropout, old.last_phase, old.fake_quantize) == (0, 1, 0, 0, 0)


def test_settings_are_given_by_name_for_the_run_and_its_shape() -> None:
    config = with_settings(
        toy(), ["ema=0.99", "layers=3", "compile=true", "batch-rows=8", "optimizer=adamw", "muon_lr=1e-2"]
    )
    assert (config.ema, config.shape.layers, config.compile, config.batch_rows) == (0.99, 3, True, 8)
    assert (config.optimizer, config.muon_lr) == ("adamw", 0.01)
    assert config.shape.width == toy().shape.width


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("ema", "--set ema has no value; write it as NAME=VALUE"),
        ("emma=1", "there is no setting 'emma'; settings are adamw_lr, .*, width"),
        ("shape=1", "there is no setting 'shape'"),
        ("ema=much", "`ema` is 'much'; it must be a number"),
        ("layers=2.5", "`layers` is '2.5'; it must be a whole number"),
        ("compile=1", "`compile` is '1'; it must be true or false"),
        ("ema=1", "`ema` is 1.0; it must be at least 0 and below 1"),
        ("dropout=-1", "`dropout` is -1.0; it must be at least 0 and below 1"),
        ("last_phase=2", "`last_phase` is 2.0; it is a share, 0 to 1"),
        ("fake_quantize=nan", "`fake_quantize` is nan; it is a share, 0 to 1"),
        ("end_weight=0", "`end_weight` is 0.0; it must be above 0"),
        ("spike=-1", "`spike` is -1.0; it must be at least 0"),
        ("optimizer=sgd", "there is no optimizer 'sgd'; use muon or adamw"),
        ("micro_rows=0", "`micro_rows` is 0; it must be at least 1"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(setting: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        with_settings(toy(), [setting])


def _changed(step: int, *, new_data: bool = False, **changes: float) -> TrainConfig:
    old = replace(toy(100), ema=0.9, last_phase=0.2, fake_quantize=0.1)
    return continued(old, replace(old, **changes), step, new_data=new_data)


def test_a_phase_may_change_until_it_begins() -> None:
    assert _changed(80, last_phase=0.1, last_phase_share=0.3).last_phase == 0.1
    assert _changed(70, last_phase=0.3).last_phase_start == 70
    assert _changed(90, fake_quantize=0.05).fake_quantize == 0.05
    for step, change in ((81, {"last_phase": 0.1}), (71, {"last_phase": 0.3}), (91, {"fake_quantize": 0.05})):
        with pytest.raises(ConfigError, match="the run was started with"):
            _changed(step, **change)
    shorter = replace(toy(100), cooldown=0.4)
    assert continued(shorter, replace(shorter, cooldown=0.2), step=60).cooldown_start == 80
    for step, share in ((61, 0.2), (60, 0.5)):
        with pytest.raises(ConfigError, match=f"started with cooldown=0.4, not {share}"):
            continued(shorter, replace(shorter, cooldown=share), step)
    long = replace(toy(100), cooldown=0.0, last_phase=0.2)
    with pytest.raises(ConfigError, match="the last phase of 100 steps has begun"):
        continued(long, replace(long, steps=200), step=81)


def test_what_was_on_cannot_be_forgotten_but_the_average_may_change() -> None:
    assert _changed(95, ema=0.99).ema == 0.99
    for name in ("ema", "last_phase", "fake_quantize"):
        with pytest.raises(ConfigError, match=f"was started with {name}="):
            _changed(10, **{name: 0.0})


def test_a_new_stage_on_new_data_may_have_a_recipe_of_its_own() -> None:
    assert _changed(10, new_data=True, end_weight=3.0, dropout=0.1).dropout == 0.1
    with pytest.raises(ConfigError, match=r"was started with end_weight=2\.0, not 3\.0"):
        _changed(10, end_weight=3.0)
