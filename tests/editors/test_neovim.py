"""Neovim, driven by its keys and read off its screen, with the configuration of docs/neovim.md.

The editor runs without a screen and the terminal is attached to it over its socket, because an unpacked
Neovim cannot start itself again. What is suggested is the model's affair; that it is shown, taken and taken
away is judged here. Skipped where Neovim is not to be had.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

TAB, WORD, LINE, ESCAPE, BACKSPACE = "\t", "\x1b[1;5C", "\x1b[1;5B", "\x1b", "\x7f"
INDENT = 8


class Neovim:
    """A running Neovim with shop.py open."""

    def __init__(self, desk: Any, program: Any) -> None:
        self.desk = desk
        self._client = [*program.command, "--server", str(desk.home / "sock")]
        self._environment = {**desk.environment, **program.environment}
        self.process = subprocess.Popen(
            # A Neovim that starts on a terminal finds out for itself that it has all colours.
            [*program.command, "--headless", "--listen", str(desk.home / "sock"),
             "--cmd", "set termguicolors", "shop.py"],
            env=self._environment, cwd=desk.workspace, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 60
        while not (desk.home / "sock").exists():
            assert time.monotonic() < end, "Neovim does not listen"
            time.sleep(0.02)
        self.terminal = desk.open(program, "--server", str(desk.home / "sock"), "--remote-ui")
        self.terminal.wait("the file", lambda: "Prices of a small shop" in self.terminal.text())

    def tell(self, expression: str) -> Any:
        """The value of an expression of Vim's."""
        done = subprocess.run(
            [*self._client, "--remote-expr", f"json_encode({expression})"],
            env=self._environment, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return json.loads(done.stdout)

    def buffer(self) -> list[str]:
        """The lines of the file, without ghost text."""
        lines = self.tell("getline(1, '$')")
        assert isinstance(lines, list)
        return lines

    def shown(self) -> list[str]:
        """The line of the cursor on the screen and those below it, ghost text included."""
        lines = self.terminal.lines()
        return [line for line in lines[self.terminal.cursor()[0] : -2] if line != "~"]

    def wait_until_ready(self) -> None:
        """The model is loaded."""
        self.terminal.wait("the model", self.desk.is_ready)

    def begin(self) -> None:
        """Open a line at the end and wait for ghost text; ask again on a machine that was too busy."""
        self.terminal.press("G", "o")
        self.terminal.wait("a new line", lambda: self.terminal.cursor() == (len(self.buffer()) - 1, INDENT))
        for _ in range(20):
            end = time.monotonic() + 3
            while time.monotonic() < end:
                if len(self.shown()[0]) > INDENT:
                    return
                time.sleep(0.02)
            self.terminal.press(" ", BACKSPACE, pause=0.3)
        pytest.fail(f"no ghost text; the screen:\n{self.terminal.text()}")


@pytest.fixture
def neovim(desk: Any, editor: Any, page: Callable[[str, str], list[str]]) -> Iterator[Neovim]:
    program = editor("neovim")
    (configuration,) = page("neovim", "lua")
    desk.put(".config/nvim/init.lua", configuration)
    neovim = Neovim(desk, program)
    try:
        neovim.wait_until_ready()
        yield neovim
        assert "Error" not in neovim.tell("execute('messages')")
    finally:
        neovim.process.terminate()
        neovim.process.wait(30)


def test_ghost_text_is_shown_and_tab_takes_all_of_it(neovim: Neovim, picture: Any) -> None:
    neovim.begin()
    shown = neovim.shown()
    row, column = neovim.terminal.cursor()
    cells = neovim.terminal.cells()
    assert column == INDENT, "the cursor stays where the person types"
    assert cells[row][column + 1].fg != cells[6][5].fg, "ghost text has a colour of its own"
    picture("neovim", neovim.terminal, "Neovim with three lines of ghost text", slice(3, None))
    before = len(neovim.buffer())
    neovim.terminal.press(TAB)
    neovim.terminal.wait("the text", lambda: len(neovim.buffer()) > before or neovim.buffer()[-1] == shown[0])
    assert neovim.buffer()[-len(shown) :] == shown
    assert len(shown) > 1, "a busy machine may not get to all three lines"


def test_a_word_a_line_and_then_the_rest_are_taken(neovim: Neovim) -> None:
    neovim.begin()
    whole = neovim.shown()
    neovim.terminal.press(WORD)
    neovim.terminal.wait("a word", lambda: neovim.buffer()[-1] == "        self")
    assert neovim.shown() == whole, "what was not taken is still shown"
    neovim.terminal.press(WORD)
    neovim.terminal.wait("a point", lambda: neovim.buffer()[-1] == "        self.")
    neovim.terminal.press(LINE)
    neovim.terminal.wait("the rest of the line", lambda: neovim.buffer()[-1] == whole[0])
    neovim.terminal.press(LINE)
    neovim.terminal.wait("a second line", lambda: neovim.buffer()[-2:] == whole[:2])
    neovim.terminal.press(TAB)
    neovim.terminal.wait("all lines", lambda: neovim.buffer()[-len(whole) :] == whole)


def watched(neovim: Neovim, typed: str, keys: str, pause: float) -> list[tuple[str, str]]:
    """Type behind `typed`; after each key, the line up to the cursor and the line on the screen."""
    looked = []
    for key in keys:
        neovim.terminal.press(key)
        typed += key
        neovim.terminal.wait("the key", lambda: neovim.terminal.cursor()[1] == len(typed))  # noqa: B023
        looked.append((typed, neovim.shown()[0]))
        time.sleep(pause)
    return looked


def made_up(looked: list[tuple[str, str]], answers: list[Any]) -> list[str]:
    """Lines that show more than was typed and that the server never suggested for their beginning."""
    wholes = {(one.before + text).split("\n")[0] for one in answers for text in one.texts}
    assert all(line.startswith(text.rstrip()) for text, line in looked)
    return [line for text, line in looked if len(line) > len(text) and line not in wholes]


def test_each_key_is_asked_behind_once(neovim: Neovim) -> None:
    """Neovim alone would ask 0.2 s later: again after the page's `ask`, and never where keys are fast."""
    neovim.begin()
    before = len(requests(neovim.desk))
    looked = watched(neovim, " " * INDENT, "no", 0.03) + watched(neovim, " " * INDENT + "no", "pe", 0.3)
    places = [(one["position"]["line"], one["position"]["character"]) for one in requests(neovim.desk)]
    row = len(neovim.buffer()) - 1
    assert places[before:] == [(row, len(typed)) for typed, _ in looked]


def test_ghost_text_comes_back_with_insert_mode_and_is_asked_for_again(neovim: Neovim) -> None:
    """Neovim cancels its requests as it leaves insert mode: an answer to the last may never have come."""
    neovim.begin()
    neovim.terminal.press(WORD)
    neovim.terminal.wait("a word", lambda: neovim.buffer()[-1] == "        self")
    neovim.terminal.press(ESCAPE)
    neovim.terminal.wait("no ghost text", lambda: neovim.shown() == ["        self"])
    before = len(requests(neovim.desk))
    neovim.terminal.press("A")
    neovim.terminal.wait("ghost text", lambda: neovim.shown()[0].startswith("        self."))
    neovim.terminal.wait("a request", lambda: len(requests(neovim.desk)) > before, 10)
    assert requests(neovim.desk)[-1]["position"]["character"] == len("        self")


def requests(desk: Any) -> list[Any]:
    """The parameters of all requests for ghost text so far."""
    sent = desk.sent("to-server")
    return [one["params"] for one in sent if one.get("method") == "textDocument/inlineCompletion"]


@pytest.mark.parametrize("pause", [0.03, 0.23], ids=["fast", "as_answers_come"])
def test_what_is_typed_through_stays_and_what_is_typed_away_goes_at_once(
    neovim: Neovim, asked: Any, pause: float
) -> None:
    """Each screen on the way is an answer of the server's to just this text, or to its beginning."""
    neovim.begin()
    looked = watched(neovim, " " * INDENT, "self.name = nope(12)", pause)
    assert made_up(looked, asked(neovim.desk)) == []
    assert any(len(line) > len(text) for text, line in looked), "ghost text stays while it is typed"


def test_nothing_is_shown_of_an_answer_whose_place_was_written_over(neovim: Neovim, asked: Any) -> None:
    neovim.begin()
    neovim.terminal.press(BACKSPACE)
    neovim.terminal.wait("less indentation", lambda: neovim.terminal.cursor()[1] == 4)
    assert len(neovim.shown()[0]) <= 4 or made_up([("    ", neovim.shown()[0])], asked(neovim.desk)) == []
    assert made_up(watched(neovim, "    ", "abcdef", 0.03), asked(neovim.desk)) == []


def test_the_settings_arrive(neovim: Neovim) -> None:
    """An empty Lua table would arrive as a list, which is no settings."""
    assert neovim.desk.settings_sent() == {"maxLines": 12}


def test_where_the_page_says_to_look_there_is_something_to_see(neovim: Neovim, page_text: Any) -> None:
    said = page_text("neovim")
    assert "`:checkhealth vim.lsp`" in said
    assert "`:lua print(vim.lsp.inline_completion.is_enabled())`" in said
    assert "`:lua vim.cmd.edit(vim.lsp.log.get_filename())`" in said
    assert "true" in neovim.tell("execute('lua print(vim.lsp.inline_completion.is_enabled())')")
    health = neovim.tell("execute('checkhealth vim.lsp') .. join(getline(1, '$'), ' ')")
    assert "tabwright (id:" in health.partition("Active Clients")[2]
    log = neovim.tell("execute('lua vim.cmd.edit(vim.lsp.log.get_filename())') .. join(getline(1, '$'), ' ')")
    assert re.search(r"loaded .* read \d+ files of the workspace", log)


def test_keys_do_what_they_did_where_there_is_no_ghost_text(neovim: Neovim) -> None:
    neovim.terminal.press("g", "g", "O", "x", ESCAPE, pause=0.05)
    neovim.terminal.press("A", "y", TAB, "z", ESCAPE, pause=0.01)
    neovim.terminal.wait("a tabulator", lambda: neovim.buffer()[0] == "xy\tz" or "xy  " in neovim.buffer()[0])
    assert neovim.buffer()[0].split() == ["xy", "z"]
