"""Neovim as a person sees it who types in it: presses the keys of a plan, keeps each repaint.

Its configuration is that of docs/neovim.md, unchanged but for the server's debug log. A repaint is complete
when Neovim shows the cursor again, which it hides meanwhile.

Not here: which keys (eval/feel/plan.py), what they led to (eval/feel/times.py), the servers (feel.py).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import editor_packages
from editor_screen import Terminal

from eval.feel.plan import Piece, Plan
from eval.feel.times import Frame

PAGE = Path(__file__).parents[2] / "docs" / "neovim.md"
KEYS = {"Enter": "\r", "Backspace": "\x7f"}
ESCAPE = "\x1b"
# Indentation as the plan has it, and nothing that a person would have to answer.
MORE = """
vim.o.swapfile, vim.o.autoindent, vim.o.shortmess = false, true, vim.o.shortmess .. 'I'
vim.cmd('filetype indent off')
vim.api.nvim_set_hl(0, 'ComplHint', { fg = '#4f5258' })
"""
COLOUR = "4f5258"  # by which lines of ghost text are told from the file's
ROWS, COLUMNS = 40, 130
_LAST = 1.5  # seconds, for what comes behind the last key
_START = 60.0


class Watched(Terminal):
    """A terminal that keeps what each repaint left, with the time at which its last byte came."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.frames: list[Frame] = []
        super().__init__(*arguments, **options)

    def _feed(self, text: str) -> None:
        at = time.time() * 1000
        super()._feed(text)
        if self.screen.cursor.hidden or self._pending:
            return  # more is to come
        frame = self._frame(at)
        last = self.frames[-1] if self.frames else None
        if last is None or (last.typed, last.ghost) != (frame.typed, frame.ghost):
            self.frames.append(frame)

    def _frame(self, at: float) -> Frame:
        row, column = self.screen.cursor.y, self.screen.cursor.x
        line = self.screen.display[row]
        ghost = [line[column:].rstrip()]
        for below in range(row + 1, ROWS - 2):
            text = self.screen.display[below].rstrip()
            if not text or self.screen.buffer[below][len(text) - 1].fg != COLOUR:
                break
            ghost.append(text)
        return Frame(at=at, typed=line[:column], ghost="\n".join(ghost))


def version() -> str:
    """Of the Neovim in the cache. Raises editor_packages.NotToBeHad."""
    program = editor_packages.program("neovim")
    environment = {**os.environ, **program.environment}
    command = [*program.command, "--version"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found = re.search(r"NVIM v(\S+)", said)
    assert found
    return found.group(1)


def measure(plan: Plan, server: Sequence[str], trace: Path) -> list[tuple[Sequence[float], Sequence[Frame]]]:
    """Type the plan with a server that writes `trace`: per piece when keys were pressed, and all frames."""
    program = editor_packages.program("neovim")
    path = str(editor_packages.folder("terminal"))
    if path not in sys.path:
        sys.path.append(path)
    (configuration,) = re.findall(r"^```lua\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        workspace = home / "work"
        (workspace / ".git").mkdir(parents=True)
        for piece in plan.pieces:
            (workspace / piece.name).write_text(piece.text, encoding="utf-8")
        init = home / ".config" / "nvim" / "init.lua"
        init.parent.mkdir(parents=True)
        noted = configuration.replace("{ maxLines = 12 }", "{ maxLines = 12, logLevel = 'debug' }")
        init.write_text(noted + MORE, encoding="utf-8")
        script = home / "bin" / "tabwright"
        script.parent.mkdir()
        script.write_text(f"#!/bin/sh\nexec {shlex.join(server)}\n", encoding="utf-8")
        script.chmod(0o755)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        environment |= {
            **program.environment,
            "HOME": folder,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        # On its own terminal it would find out that it has all colours; the unpacked one cannot start itself.
        headless = [
            *program.command,
            "--headless",
            "--listen",
            f"{folder}/sock",
            "--cmd",
            "set termguicolors",
        ]
        neovim = subprocess.Popen(
            headless, env=environment, cwd=workspace, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait(lambda: Path(f"{folder}/sock").exists(), "Neovim")
            options: dict[str, Any] = {"environment": environment, "folder": workspace}
            command = [*program.command, "--server", f"{folder}/sock", "--remote-ui"]
            with Watched(command, **options, rows=ROWS, columns=COLUMNS) as terminal:
                return [_type(terminal, piece, trace, first=not n) for n, piece in enumerate(plan.pieces)]
        finally:
            neovim.terminate()
            neovim.wait(30)


def _type(
    terminal: Watched, piece: Piece, trace: Path, *, first: bool
) -> tuple[Sequence[float], Sequence[Frame]]:
    terminal.press(ESCAPE, pause=0.3)
    terminal.type(f":edit! {piece.name}\r")
    terminal.wait("the file", lambda: piece.name in terminal.text())
    time.sleep(1.0)
    terminal.type(f":{piece.line}\r", pause=0.01)
    if first:
        _wait(lambda: '"result"' in trace.read_text("utf-8"), "the server")
        time.sleep(1.0)
    terminal.press("A", pause=0.5)
    terminal.wait("the place", lambda: terminal.lines()[-1].startswith("-- INSERT"))
    if first:  # once it has answered, the model is loaded
        _wait(lambda: '"items"' in trace.read_text("utf-8"), "the model")
    time.sleep(1.0)
    start = len(terminal.frames)
    pressed = []
    due = time.time()
    for key in piece.keys:
        due = max(due + key.pause, time.time())
        time.sleep(max(0.0, due - time.time()))
        pressed.append(time.time() * 1000)
        terminal.press(KEYS.get(key.key, key.key))
    time.sleep(_LAST)
    return pressed, terminal.frames[max(0, start - 1) :]


def _wait(holds: Any, what: str) -> None:
    end = time.monotonic() + _START
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {_START:.0f} s for {what}")
        time.sleep(0.05)
