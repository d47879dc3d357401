"""Helix on a terminal, driven by its keys and read off its screen, with the languages.toml of docs/helix.md.

Helix has no ghost text, so this is the way of menu entries. What is suggested is the model's affair. Skipped
where Helix is not to be had.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

ASK, ESCAPE = "\x18", "\x1b"
ENTRY = "self.name = name…"


class Helix:
    """A running Helix with shop.py open and the server ready."""

    def __init__(self, desk: Any, program: Any) -> None:
        self.terminal = desk.open(program, "shop.py")
        self.file = desk.workspace / "shop.py"
        self.terminal.wait("the model", desk.is_ready)
        assert desk.settings_sent() == {"maxLines": 12}

    def begin(self) -> None:
        """A new line at the end, indented, until the menu has a suggestion of several lines."""
        self.terminal.press("g", "e", "o", pause=0.1)
        self.terminal.type(" " * 4, pause=0.05)
        for _ in range(20):
            end = time.monotonic() + 3
            while time.monotonic() < end:
                if ENTRY in self.terminal.text():
                    return
                time.sleep(0.02)
            self.terminal.press(ASK)  # on a machine that was too busy for an answer in time
        pytest.fail(f"no menu entry; the screen:\n{self.terminal.text()}")


@pytest.fixture
def helix(desk: Any, editor: Any, page: Callable[[str, str], list[str]]) -> Helix:
    program = editor("helix")
    (languages,) = page("helix", "toml")
    desk.put(".config/helix/languages.toml", languages)
    return Helix(desk, program)


def test_an_entry_of_several_lines_is_shown_previewed_and_taken(helix: Helix, picture: Any) -> None:
    helix.begin()
    picture("helix", helix.terminal, "Helix with a suggestion in its completion menu", slice(3, None))
    helix.terminal.press("\t")
    whole = ["self.name = name", "self.price = price", "self.count = count"]
    lines = "\n".join(f"        {line}" for line in whole)
    helix.terminal.wait("the preview", lambda: helix.terminal.text().count("self.count = count") >= 2)
    helix.terminal.wait("its origin", lambda: "Tabwright" in helix.terminal.text())
    helix.terminal.press("\r")
    helix.terminal.press(ESCAPE, pause=0.3)
    helix.terminal.type(":w\r")
    helix.terminal.wait("the saved file", lambda: helix.file.read_text("utf-8").endswith(f"{lines}\n"), 20)


def test_an_entry_that_is_refused_leaves_nothing_behind(helix: Helix) -> None:
    helix.begin()
    helix.terminal.press("\t", pause=0.3)
    helix.terminal.press("\x03", pause=0.3)  # closes the menu and takes the preview back
    helix.terminal.press(ESCAPE, pause=0.3)
    before = helix.file.read_text("utf-8")
    helix.terminal.type(":w\r")
    helix.terminal.wait("the saved file", lambda: "written" in helix.terminal.text())
    assert helix.file.read_text("utf-8").rstrip() == before.rstrip()


def test_where_the_page_says_to_look_there_is_something_to_see(
    helix: Helix, desk: Any, editor: Any, page_text: Any
) -> None:
    assert "`hx --health python`" in page_text("helix")
    program = editor("helix")
    done = subprocess.run(
        [*program.command, "--health", "python"], env={**desk.environment, **program.environment},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    (line,) = (line for line in done.stdout.splitlines() if "tabwright" in line)
    assert "✓" in line
    assert "`:log-open`" in page_text("helix")
    helix.terminal.type(":log-open\r")
    helix.terminal.wait("the log", lambda: "tabwright err <-" in helix.terminal.text())
