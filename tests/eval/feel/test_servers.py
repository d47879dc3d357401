"""The two scripts that run beside an editor: the tap, and the server that suggests the same everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eval.feel import null_server, tap
from eval.feel.times import exchanges

pytestmark = pytest.mark.e2e


def packed(**message: Any) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def test_the_tap_passes_everything_on_and_notes_what_concerns_ghost_text(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "é = "}
    place = {"textDocument": {"uri": "file:///a.py"}, "position": {"line": 0, "character": 4}}
    sent = [
        packed(id=1, method="initialize", params={"capabilities": {}, "processId": None, "rootUri": None}),
        packed(method="initialized", params={}),
        packed(method="textDocument/didOpen", params={"textDocument": document}),
        packed(id=2, method="textDocument/inlineCompletion", params={**place, "context": {"triggerKind": 2}}),
        packed(id=3, method="shutdown"),
        packed(method="exit"),
    ]
    command = [sys.executable, "-I", tap.__file__, str(trace), sys.executable, "-I", null_server.__file__]
    done = subprocess.run(command, input=b"".join(sent), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b'"tabwright/status"' in done.stdout
    assert done.stdout.count(null_server.TEXT.encode()) == 1
    lines = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    (answered,) = exchanges(lines)
    assert 0 <= answered.asked <= answered.answered
    assert "didOpen" not in trace.read_text("utf-8")
