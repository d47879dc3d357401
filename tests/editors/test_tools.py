"""What the tests of editors stand on: the screen, its picture, and what is said of what is missing."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import editor_packages
import editor_picture
import pytest
from editor_screen import Terminal
from hypothesis import given
from hypothesis import strategies as st

# Text, colours in both spellings, and what only newer terminals know.
OUTPUT = (
    "\x1b[?1049h\x1b[>4;2m\x1b[?2026$p\x1bP$qm\x1b\\\x1b]11;?\x07\x1b[?996n\x1b[H\x1b[2Jone\r\n"
    "\x1b[38:2::1:2:3mtwo\x1b[m \x1b[4:3;58:5:9mthree\x1b[0m\x1b[2;9Hé\x1b[?u\x1b[1 q"
)


def cell(data: str, **style: Any) -> SimpleNamespace:
    plain = {"fg": "default", "bg": "default", "bold": False, "italics": False, "reverse": False}
    return SimpleNamespace(data=data, **(plain | style))


@pytest.fixture(scope="module")
def screen_of(editor: Any) -> Any:
    """A function from a terminal's input, in pieces, to its first two lines and the colour of a letter."""
    editor("helix")  # puts pyte on the path, or skips
    import pyte

    def of(pieces: list[str]) -> tuple[list[str], str]:
        terminal = Terminal.__new__(Terminal)  # no process: only what is fed counts
        terminal.screen, terminal._pending = pyte.Screen(20, 3), ""
        terminal._stream = pyte.Stream(terminal.screen)
        for piece in pieces:
            terminal._feed(piece)
        return [line.rstrip() for line in terminal.screen.display[:2]], terminal.screen.buffer[1][0].fg

    return of


@pytest.mark.e2e
@given(cuts=st.lists(st.integers(0, len(OUTPUT))))
def test_the_screen_is_the_same_however_the_output_is_divided(screen_of: Any, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(OUTPUT)]
    pieces = [OUTPUT[start:end] for start, end in pairwise(places)]
    assert screen_of(pieces) == (["one", "two threé"], "010203")


def test_a_picture_is_well_formed_and_holds_each_character() -> None:
    row = [cell("<"), cell("&"), cell("a", fg="010203", bold=True), cell(" "), cell("b", reverse=True)]
    root = ElementTree.fromstring(editor_picture.svg([row, row], (1, 2), "a < b"))
    assert "".join(root.itertext()).replace("\n", "").startswith("a < b<&a")
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "a < b"


def test_what_is_not_in_the_cache_is_said_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABWRIGHT_E2E_CACHE", str(tmp_path))
    with pytest.raises(editor_packages.NotToBeHad, match=r"editor_packages\.py neovim` fetches it"):
        editor_packages.program("neovim")


def test_nothing_is_downloaded_without_debian_s_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABWRIGHT_E2E_CACHE", str(tmp_path))
    monkeypatch.setattr(editor_packages, "KEYS", tmp_path / "none")
    with pytest.raises(editor_packages.NotToBeHad):
        editor_packages.fetch("helix")
    assert not list(tmp_path.rglob("*.deb"))
    assert not list(tmp_path.rglob(".complete"))


def test_every_wheel_has_its_hash() -> None:
    lines = editor_packages.TERMINAL.splitlines()
    assert lines
    assert all("==" in line and " --hash=sha256:" in line for line in lines)
