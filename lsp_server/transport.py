"""Bytes in and out: stdin and stdout, or one TCP client, and the frames that LSP puts around messages.

    Content-Length: 17\r\n\r\n{"jsonrpc":"2.0"}

Nothing here knows what a message says (jsonrpc.py), and nothing connects to anywhere: the TCP server listens
where it was told to, serves one client, and is over when that one goes away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import BinaryIO

from model.errors import ConfigError

LOOPBACK = "127.0.0.1"
_READ_AT_ONCE = 1 << 16  # bytes
_MOST_AHEAD = 64  # reads that wait to be handled: beyond, the client waits
_LONGEST_HEADER = 1 << 13  # bytes
LARGEST_BODY = 1 << 28  # bytes: what is more is no message but an error in its length
# Not only at the start of a line: what stands before a header, where the count was lost, runs into it.
_LENGTH = re.compile(rb"(?im)content-length[ \t]*:[ \t]*(\d{1,18})[ \t]*\r?$")
_BLANK_LINE = b"\r\n\r\n"

log = logging.getLogger("lsp_server")


class Frames:
    """Bodies of messages, from bytes that come in pieces of any size. What is no frame is skipped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._wanted: int | None = None  # bytes of the body that comes next
        self._skipping = 0  # bytes of a body that is too large

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are whole now."""
        self._buffer += data
        bodies: list[bytes] = []
        while True:
            if self._skipping:
                gone = min(self._skipping, len(self._buffer))
                del self._buffer[:gone]
                self._skipping -= gone
            if self._wanted is None and not self._read_header():
                return bodies
            if self._wanted is None:
                continue
            if len(self._buffer) < self._wanted:
                return bodies
            bodies.append(bytes(self._buffer[: self._wanted]))
            del self._buffer[: self._wanted]
            self._wanted = None

    def _read_header(self) -> bool:
        """Take one header off; False where it is not whole yet."""
        end = self._buffer.find(_BLANK_LINE, self._searched)
        if end < 0:
            if len(self._buffer) > _LONGEST_HEADER:
                log.warning("%d bytes that are no message were skipped", len(self._buffer) - 3)
                del self._buffer[:-3]
            self._searched = max(0, len(self._buffer) - 3)
            return False
        found = _LENGTH.findall(self._buffer, 0, end)
        del self._buffer[: end + len(_BLANK_LINE)]
        self._searched = 0
        length = int(found[-1]) if found else None
        if length is None:
            log.warning("a message without Content-Length was skipped")
        elif length > LARGEST_BODY:
            log.warning("a message of %d bytes was skipped; the most is %d", length, LARGEST_BODY)
            self._skipping = length
        else:
            self._wanted = length
        return True


async def from_pipe(pipe: BinaryIO) -> AsyncIterator[bytes]:
    """What comes through a pipe, until it is closed.

    A thread that nothing waits for reads it: the process can end while the read still blocks.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(_MOST_AHEAD)
    number = pipe.fileno()

    def read() -> None:
        data = b"-"
        while data:
            room.acquire()
            try:
                data = os.read(number, _READ_AT_ONCE)
            except OSError:
                data = b""
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(pieces.put_nowait, data)

    threading.Thread(target=read, name="tabwright-stdin", daemon=True).start()
    while data := await pieces.get():
        room.release()
        yield data


async def from_stream(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What comes from a connection, until it is closed or broken."""
    with suppress(OSError):
        while data := await reader.read(_READ_AT_ONCE):
            yield data


class PipeWriter:
    """Writes to a pipe at once. `gone` is called, once, when nobody reads it any more."""

    def __init__(self, pipe: BinaryIO, gone: Callable[[], None]) -> None:
        self._pipe = pipe
        self._gone: Callable[[], None] | None = gone

    def write(self, data: bytes) -> None:
        """Write all of it, or nothing where nobody reads."""
        if self._gone is None:
            return
        try:
            self._pipe.write(data)
            self._pipe.flush()
        except (OSError, ValueError):  # ValueError: closed by ourselves
            gone, self._gone = self._gone, None
            gone()

    def close(self) -> None:
        """Nothing: the process owns its pipes."""


class StreamWriter:
    """Writes to a connection; what it cannot take waits in memory."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def write(self, data: bytes) -> None:
        """Write, unless the connection is closed."""
        if not self._writer.is_closing():
            self._writer.write(data)

    def close(self) -> None:
        """Close the connection once all is sent."""
        self._writer.close()


async def first_client(
    host: str,
    port: int,
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[int]],
    listening: Callable[[str, int], None],
) -> int:
    """Listen, serve the first client and nobody else; what `serve` returns.

    `listening` is told the address, as port 0 means any that is free. Raises ConfigError where it is not ours
    to listen at.
    """
    came: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    came = asyncio.get_running_loop().create_future()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if came.done():
            writer.close()
        else:
            came.set_result((reader, writer))

    try:
        server = await asyncio.start_server(accept, host, port)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"--tcp {host}:{port} cannot be listened at ({error}); name another port, or 0 for any"
        ) from error
    try:
        listening(*server.sockets[0].getsockname()[:2])
        reader, writer = await came
    finally:
        server.close()
    try:
        code = await serve(reader, writer)
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()
        return code
    finally:
        writer.close()


def address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, `:PORT` or `PORT`; this machine alone where no host is named.

    Raises ConfigError for anything else.
    """
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")  # an IPv6 address
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"--tcp {text} is no address; write HOST:PORT, such as {LOOPBACK}:5007")
    return host or LOOPBACK, int(port)
