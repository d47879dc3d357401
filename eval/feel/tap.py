"""Stands between an editor and its server and notes when messages pass.

A script of its own process, with nothing but the standard library: `python -I tap.py TRACE COMMAND...`.
What comes is passed on at once and looked at afterwards. TRACE gets a line of JSON for each request for
ghost text, its answer, and what the server logs: `at`, milliseconds since 1970; `by`, editor or server; and
`message`.

Not here: what is made of it (times.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TextIO

_METHOD = b'"textDocument/inlineCompletion"'
_LOG = b'"window/logMessage"'
_LINE_END = b"\r\n\r\n"


class Tap:
    """One direction."""

    def __init__(self, by: str, source: int, sink: int, trace: TextIO) -> None:
        self._by = by
        self._source = source
        self._sink = sink
        self._trace = trace
        self._held = b""

    def run(self) -> None:
        """Until the source ends; then the sink is closed."""
        while piece := os.read(self._source, 1 << 16):
            at = time.time()
            left = memoryview(piece)
            while left:
                left = left[os.write(self._sink, left) :]
            self._note(piece, at)
        os.close(self._sink)

    def _note(self, piece: bytes, at: float) -> None:
        self._held += piece
        while (end := self._held.find(_LINE_END)) >= 0:
            length = int(self._held[:end].lower().partition(b"content-length:")[2].split(b"\r")[0])
            start = end + len(_LINE_END)
            if len(self._held) < start + length:
                return
            body, self._held = self._held[start : start + length], self._held[start + length :]
            is_answer = self._by == "server" and b'"result"' in body and b'"method"' not in body[:200]
            if is_answer or _METHOD in body or _LOG in body:
                line = {"at": at * 1000, "by": self._by, "message": json.loads(body)}
                self._trace.write(json.dumps(line) + "\n")


def main(words: list[str]) -> int:
    """Serve until the server ends; its exit status."""
    file, *command = words
    with open(file, "a", encoding="utf-8", buffering=1) as trace:  # noqa: PTH123 - appends
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert server.stdin is not None
        assert server.stdout is not None
        there = Tap("editor", 0, os.dup(server.stdin.fileno()), trace)
        server.stdin.close()
        back = Tap("server", server.stdout.fileno(), 1, trace)
        threading.Thread(target=there.run, daemon=True).start()
        back.run()
        status = server.wait()
        os._exit(status)  # the other direction may still wait for the editor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
