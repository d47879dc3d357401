"""Emacs on a terminal, driven by its keys and read off its screen, with the two init files of docs/emacs.md.

What Emacs's package manager would have done is done beforehand (early-init.el below). What is suggested is
the model's affair. Skipped where Emacs is not to be had.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

TAB, ASK, CANCEL, SAVE, BOTTOM = "\t", "\x1b\t", "\x07", ("\x18", "\x13"), "\x1b>"
EARLY = """\
(setq native-comp-enable-subr-trampolines nil native-comp-jit-compilation nil inhibit-startup-screen t
      frame-background-mode (quote dark))
(dolist (file (file-expand-wildcards (expand-file-name "*/own-autoloads.el" (getenv "EMACS_PACKAGES"))))
  (load file nil t))
"""
GHOST = "self.count = count"  # stands once in the file; the third line of what is suggested


class Emacs:
    """A running Emacs with shop.py open and the server ready."""

    def __init__(self, desk: Any, program: Any, init: str) -> None:
        desk.put(".emacs.d/early-init.el", EARLY)
        desk.put(".emacs.d/init.el", init)
        self.desk = desk
        self.terminal = desk.open(program, "-nw", "shop.py", rows=34)
        self.file = desk.workspace / "shop.py"

    def wait_until_ready(self) -> None:
        """The model is loaded."""
        self.terminal.wait("the model", self.desk.is_ready)

    def saved(self, condition: Callable[[str], bool]) -> str:
        """The file as it is saved, once the condition holds for it."""
        self.terminal.press(*SAVE, pause=0.1)
        self.terminal.wait("the saved file", lambda: condition(self.file.read_text("utf-8")), 20)
        return self.file.read_text("utf-8")

    def shows_ghost(self) -> bool:
        """Whether the suggestion is on the screen."""
        return self.terminal.text().count(GHOST) == 2


@pytest.fixture
def with_lsp_mode(desk: Any, editor: Any, page: Callable[[str, str], list[str]]) -> Emacs:
    program = editor("emacs")
    (init,) = page("emacs", "elisp")
    emacs = Emacs(desk, program, init)
    emacs.terminal.wait("the question for the project", lambda: "Select action" in emacs.terminal.text())
    emacs.terminal.press("i")
    emacs.wait_until_ready()
    emacs.terminal.wait("the mode line", lambda: "LSP[tabwright" in emacs.terminal.text())
    assert desk.settings_sent() == {"maxLines": 12}
    return emacs


def until_ghost(emacs: Emacs) -> None:
    """Go to a new line at the end and wait; again on a machine that was too busy for an answer in time."""
    emacs.terminal.press(BOTTOM, pause=0.2)
    emacs.terminal.type(" " * 7, pause=0.02)
    for _ in range(20):
        emacs.terminal.press(" ")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if emacs.shows_ghost():
                return
            time.sleep(0.02)
        emacs.terminal.press("\x7f", pause=0.3)
    pytest.fail(f"no ghost text; the screen:\n{emacs.terminal.text()}")


def test_ghost_text_is_shown_and_tab_takes_it(with_lsp_mode: Emacs, picture: Any) -> None:
    emacs = with_lsp_mode
    until_ghost(emacs)
    picture("emacs", emacs.terminal, "Emacs with three lines of ghost text", slice(4, None))
    assert emacs.file.read_text("utf-8").count(GHOST) == 1
    emacs.terminal.press(TAB)
    text = emacs.saved(lambda text: text.count(GHOST) == 2)
    assert text.endswith("        self.name = name\n        self.price = price\n        self.count = count\n")
    assert "Warning" not in emacs.terminal.text()


def test_ghost_text_goes_at_once_when_it_is_refused(with_lsp_mode: Emacs) -> None:
    emacs = with_lsp_mode
    until_ghost(emacs)
    emacs.terminal.press(CANCEL)
    emacs.terminal.wait("the ghost text to go", lambda: not emacs.shows_ghost(), 5)
    assert emacs.file.read_text("utf-8").count(GHOST) == 1


def test_where_the_page_says_to_look_there_is_something_to_see(with_lsp_mode: Emacs, page_text: Any) -> None:
    said = page_text("emacs")
    assert all(
        words in said for words in ("`LSP[tabwright:…]`", "`*tabwright::stderr*`", "`C-h v exec-path`")
    )
    terminal = with_lsp_mode.terminal
    terminal.press("\x18", "b", pause=0.2)
    terminal.type("*tabwright::stderr*\r")
    terminal.wait("the log", lambda: "INFO lsp_server: loaded" in terminal.text(), 20)


def test_eglot_completes_at_point(desk: Any, editor: Any, page: Callable[[str, str], list[str]]) -> None:
    program = editor("emacs")
    (init,) = page("emacs", "elisp-eglot")
    emacs = Emacs(desk, program, init)
    emacs.wait_until_ready()
    emacs.terminal.wait("the mode line", lambda: "[eglot" in emacs.terminal.text())
    assert desk.settings_sent() == {"maxLines": 12}
    emacs.terminal.press(BOTTOM, pause=0.3)
    emacs.terminal.type(" " * 8, pause=0.02)
    for _ in range(20):
        emacs.terminal.press(ASK)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if emacs.shows_ghost():
                text = emacs.saved(lambda text: text.count(GHOST) == 2)
                added = text.partition('buy."""\n\n    def __init__(self, name, price, count):\n')[2]
                assert added.endswith("        self.count = count\n")
                return
            time.sleep(0.05)
    pytest.fail(f"no completion; the screen:\n{emacs.terminal.text()}")
