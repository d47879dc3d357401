"""Schedules and sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.errors import ConfigError
from model.training.config import Shape, continued, cpu, gpu, preset, toy


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
