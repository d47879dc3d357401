"""How many threads to compute with: fewer where a battery pays for them.

Only Linux is asked, whose kernel tells in files; elsewhere nothing is known, and nothing changes.
"""

from __future__ import annotations

from pathlib import Path

SUPPLIES = Path("/sys/class/power_supply")


def on_battery(supplies: Path = SUPPLIES) -> bool | None:
    """Whether this machine runs on its battery; None where that is not known, or there is none.

    `supplies` is a folder laid out as in the kernel's Documentation/ABI/testing/sysfs-class-power. A mouse's
    battery (scope Device) is not the machine's.
    """
    discharging = None
    try:
        folders = sorted(supplies.iterdir())
    except OSError:
        return None
    for folder in folders:
        kind = _read(folder / "type")
        if kind in ("Mains", "USB") and _read(folder / "online") == "1":
            return False
        if kind == "Battery" and _read(folder / "scope") != "Device":
            discharging = bool(discharging) or _read(folder / "status") == "Discharging"
    return discharging


def threads_for(setting: int, best: int, *, battery: bool | None) -> int:
    """The threads to compute with: as set. Automatic (0) stays so, but is half of the best on battery.

    Half, because the other half costs as much again and gains less: decoding waits for memory.
    """
    return setting if setting or not battery else max(1, best // 2)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
