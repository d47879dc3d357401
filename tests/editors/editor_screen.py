"""A program on a terminal of its own: keys go in, and the screen is read, as a person would.

The terminal is pyte's, on a pseudo-terminal of this process (Unix only). What pyte takes for something else
(private modes of newer terminals, colours of underlines) is kept from it. Not here: which program
(editor_packages.py), pictures of the screen (editor_picture.py).
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# ECMA-48: control sequences, strings up to their terminator, other escapes.
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[PX^_\]].*?(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])", re.DOTALL
)
_FOREIGN = re.compile(r"\x1b(?:\[(?:[<=>]|\?[0-9;]*[^0-9;hlJK]|[0-?]*[ -/]|[0-?]*[utp]$)|[PX^_\]])")
_COLOUR = re.compile(r"([34]8):(?:5:(\d+)|2:\d*:?(\d+):(\d+):(\d+))")  # the newer spelling, with colons
_UNDERLINE = re.compile(r"(?:4|58):[\d:]*")
PATIENCE = 60.0  # seconds, on a busy machine


class Terminal:
    """Use with `with`; the program is told to end when the block is left, and killed if it does not."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        rows: int = 24,
        columns: int = 80,
    ) -> None:
        import pyte  # type: ignore[import-not-found]  # a test puts its folder on the path first

        self.screen: Any = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self._lock = threading.Lock()
        self._pending = ""
        self.transcript = ""
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:  # the child: nothing but exec may happen here
            try:
                os.chdir(folder)
                os.execvpe(command[0], list(command), dict(environment))
            finally:
                os._exit(127)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)
        self.screen.write_process_input = self._write  # answers to what the program asks its terminal
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; wait for the program to end."""
        for sent, seconds in ((signal.SIGHUP, 5.0), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sent)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                with contextlib.suppress(ChildProcessError):
                    if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                        time.sleep(0.02)
                        continue
                self._reader.join(2)
                with contextlib.suppress(OSError):
                    os.close(self._descriptor)
                return

    def press(self, *keys: str, pause: float = 0.0) -> None:
        """Press keys, one after the other, `pause` seconds apart."""
        for key in keys:
            self._write(key)
            if pause:
                time.sleep(pause)

    def type(self, text: str, *, pause: float = 0.0) -> None:
        """Press a key for each character."""
        self.press(*text, pause=pause)

    def lines(self) -> list[str]:
        """What stands on the screen, without the blanks at the ends of lines."""
        with self._lock:
            return [line.rstrip() for line in self.screen.display]

    def text(self) -> str:
        """All lines as one text."""
        return "\n".join(self.lines())

    def cells(self) -> list[list[Any]]:
        """Rows of pyte's characters, with their colours."""
        with self._lock:
            rows, columns = self.screen.lines, self.screen.columns
            return [[self.screen.buffer[row][column] for column in range(columns)] for row in range(rows)]

    def cursor(self) -> tuple[int, int]:
        """Row and column, from 0."""
        with self._lock:
            return self.screen.cursor.y, self.screen.cursor.x

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Until the condition holds. Fails with the screen as it is when it never does."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}; the screen:\n{self.text()}"
            time.sleep(0.02)

    def _write(self, text: str) -> None:
        os.write(self._descriptor, text.encode("utf-8"))

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            select.select([self._descriptor], [], [], 1.0)
            try:
                read = os.read(self._descriptor, 65536)
            except OSError:
                return
            if not read:
                return
            with self._lock:
                self._feed(decoder.decode(read))

    def _feed(self, text: str) -> None:
        text = self._pending + text
        place, kept = 0, []
        for found in _SEQUENCE.finditer(text):
            kept.append(text[place : found.start()])
            if not _FOREIGN.match(found.group()):
                kept.append(_plain(found.group()))
            place = found.end()
        begun = text.find("\x1b", place)  # an escape whose end has not come yet
        end = len(text) if begun < 0 else begun
        kept.append(text[place:end])
        self._pending = text[end:]
        self._stream.feed("".join(kept))


def _plain(sequence: str) -> str:
    """The sequence, its colours spelt with semicolons and nothing said of the kind of underlines."""
    if ":" not in sequence:
        return sequence
    parts = []
    for part in sequence[2:-1].split(";"):
        if colour := _COLOUR.fullmatch(part):
            ground, index, *rgb = colour.groups()
            parts.append(";".join([ground, "5", index] if index else [ground, "2", *rgb]))
        elif not _UNDERLINE.fullmatch(part):
            parts.append(part)
    return f"\x1b[{';'.join(parts)}{sequence[-1]}" if parts else ""
