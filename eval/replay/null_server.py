"""A language server that answers null at once: what the way there and back costs alone.

A script of its own process: `python -I null_server.py`, with nothing but the standard library. It reads what
it is sent over stdin and takes it apart, as any server must, and keeps nothing.

Not here: what is asked of it (retype.py).
"""

from __future__ import annotations

import json
import sys
from typing import Any, BinaryIO

_CAPABILITIES = {
    "positionEncoding": "utf-16",
    "textDocumentSync": {"openClose": True, "change": 2},
    "inlineCompletionProvider": {},
    "executeCommandProvider": {"commands": ["tabwright.accepted"]},
}
_STATUS = {"state": "ready", "message": "the null server is ready"}


def main() -> int:
    """Serve until `exit` or the end of stdin. The exit status, as LSP has it."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    asked_to_end = False
    while (message := _read(source)) is not None:
        method = message.get("method")
        if method == "exit":
            break
        if method == "initialized":
            _write(sink, {"method": "tabwright/status", "params": _STATUS})
        if "id" in message and method is not None:
            asked_to_end = asked_to_end or method == "shutdown"
            result = {"capabilities": _CAPABILITIES} if method == "initialize" else None
            _write(sink, {"id": message["id"], "result": result})
    return 0 if asked_to_end else 1


def _read(source: BinaryIO) -> dict[str, Any] | None:
    length = 0
    while line := source.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if not length:
        return None
    found: dict[str, Any] = json.loads(source.read(length))
    return found


def _write(sink: BinaryIO, message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sink.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    sink.flush()


if __name__ == "__main__":
    sys.exit(main())
