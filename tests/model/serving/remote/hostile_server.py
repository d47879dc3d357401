"""A completions endpoint that does what it is told to: answers, stalls, cuts, floods, lies.

    with HostileServer(answers("x", "=", "1")) as server: ...

Raw sockets, for a library would keep it from half of that. Not here: what is expected of us (the tests).
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
MOST_SENT = 1 << 30  # bytes of a flood, if nobody stops it


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: Any


Behaviour = Callable[["HostileServer", socket.socket, Asked], None]


class HostileServer:
    """Listens on this machine while the `with` lasts. `behave` may be changed meanwhile."""

    def __init__(self, *behaviours: Behaviour) -> None:
        """The first requests are treated by the behaviours in turn, all others by the last one."""
        self.behaviours = list(behaviours)
        self.requests: list[Asked] = []
        self.sent = 0  # bytes that floods got rid of
        self.hung_up = threading.Event()  # somebody closed a connection on us
        self.over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []

    @property
    def url(self) -> str:
        """The address to ask."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def __enter__(self) -> HostileServer:
        """Listen."""
        self._begin(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything."""
        self.over.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for connection in self._connections:
            connection.close()

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            asked = read_request(connection)
            if asked is not None:
                self.requests.append(asked)
                turn = min(len(self.requests), len(self.behaviours)) - 1
                self.behaviours[turn](self, connection, asked)
        # Half of it: the other side may still read what is on its way.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)

    def send(self, connection: socket.socket, data: bytes) -> bool:
        """Send; whether the other side still takes it."""
        try:
            connection.sendall(data)
        except OSError:
            self.hung_up.set()
            return False
        self.sent += len(data)
        return True

    def wait_for_hang_up(self, connection: socket.socket) -> None:
        """Say nothing until the other side closes, or the test is over."""
        with contextlib.suppress(OSError):
            connection.settimeout(60)
            if connection.recv(1) == b"":
                self.hung_up.set()


def read_request(connection: socket.socket) -> Asked | None:
    """All of a request: who closes a socket with something unread in it takes his answer back."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(1 << 16)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(1 << 16)
    return Asked(line=line, headers=headers, body=json.loads(body) if body else None)


def event(text: str, finish: str | None = None, **more: object) -> bytes:
    """One event of a stream."""
    choice = {"text": text, "index": 0, "finish_reason": finish, **more}
    return b"data: " + json.dumps({"object": "text_completion", "choices": [choice]}).encode() + b"\n\n"


def answers(*texts: str, finish: str = "stop") -> Behaviour:
    """As it should be."""
    return says(b"".join([*(event(text) for text in texts), event("", finish), b"data: [DONE]\n\n"]))


def says(data: bytes) -> Behaviour:
    """A stream of these bytes."""
    return raw(STREAM + data)


def raw(data: bytes) -> Behaviour:
    """These bytes, header and all."""
    return lambda server, connection, asked: void(server.send(connection, data))


def void(_: object) -> None:
    """Nothing, of anything."""


def responds(status: str, body: str, kind: str = "application/json", *headers: str) -> Behaviour:
    """A response that is no stream."""
    data = body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *headers, "", ""]
    return raw("\r\n".join(lines).encode() + data)


def stalls(*texts: str, headers: bool = True) -> Behaviour:
    """A stream that says no more after some texts; without headers not even that it is one."""

    def behave(server: HostileServer, connection: socket.socket, asked: Asked) -> None:
        if headers:
            server.send(connection, STREAM + b"".join(map(event, texts)))
        server.wait_for_hang_up(connection)

    return behave


def floods(pieces: Callable[[], Iterable[bytes]]) -> Behaviour:
    """A stream that goes on for as long as somebody reads it."""

    def behave(server: HostileServer, connection: socket.socket, asked: Asked) -> None:
        server.send(connection, STREAM)
        for piece in pieces():
            if server.over.is_set() or server.sent > MOST_SENT or not server.send(connection, piece):
                return

    return behave


def slows(texts: Iterable[str], seconds: float) -> Behaviour:
    """A stream with pauses."""

    def behave(server: HostileServer, connection: socket.socket, asked: Asked) -> None:
        server.send(connection, STREAM)
        for text in texts:
            if server.over.wait(seconds) or not server.send(connection, event(text)):
                return

    return behave


def cuts(*texts: str) -> Behaviour:
    """A stream in chunks whose last one never comes whole."""
    head = STREAM.replace(b"Connection: close", b"Transfer-Encoding: chunked")
    data = b"".join(map(event, texts))
    return raw(head + b"%x\r\n" % len(data) + data + b"\r\nffff\r\ndata: {")
