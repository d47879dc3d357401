from pathlib import Path

import pytest

from lsp_server.power import on_battery, threads_for


def supplies(folder: Path, **told: dict[str, str]) -> Path:
    for name, files in told.items():
        (folder / name).mkdir()
        for file, text in files.items():
            (folder / name / file).write_text(text + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, None),
        (
            {"BAT0": {"type": "Battery", "status": "Discharging"}, "AC": {"type": "Mains", "online": "0"}},
            True,
        ),
        ({"BAT0": {"type": "Battery", "status": "Charging"}, "AC": {"type": "Mains", "online": "1"}}, False),
        (
            {"BAT0": {"type": "Battery", "status": "Discharging"}, "AC": {"type": "Mains", "online": "1"}},
            False,
        ),
        ({"BAT0": {"type": "Battery", "status": "Full"}}, False),
        (
            {
                "BAT0": {"type": "Battery", "status": "Full"},
                "BAT1": {"type": "Battery", "status": "Discharging"},
            },
            True,
        ),
        ({"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, None),
        ({"AC": {"type": "Mains", "online": "0"}}, None),
        ({"BAT0": {}}, None),
    ],
)
def test_what_the_kernel_tells_of_the_supply(
    tmp_path: Path, told: dict[str, dict[str, str]], expected: bool | None
) -> None:
    assert on_battery(supplies(tmp_path, **told)) is expected


def test_where_nothing_is_told_nothing_is_known(tmp_path: Path) -> None:
    assert on_battery(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("setting", "battery", "expected"),
    [(0, None, 0), (0, False, 0), (0, True, 3), (5, True, 5), (5, False, 5)],
)
def test_a_battery_halves_the_threads_that_nobody_has_set(
    setting: int, battery: bool | None, expected: int
) -> None:
    assert threads_for(setting, 7, battery=battery) == expected


def test_there_is_always_a_thread() -> None:
    assert threads_for(0, 1, battery=True) == 1
