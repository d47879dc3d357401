"""The server's process: where it logs, what it reads and writes, and when and how it ends.

stdout belongs to the protocol: logging goes to stderr and, for our own loggers, to the editor's log.
Not here: the messages (server.py), their frames (transport.py), an editor that dies (lifetime.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import AsyncIterator

from lsp_server import lifetime, transport
from lsp_server.jsonrpc import AnsweringProtocol
from lsp_server.server import Server, build
from lsp_server.service import Flags, Load, load_engine

_LAST_STEP = 2.0  # seconds to wait for a decode step before the process ends
_OUR_LOGGERS = ("lsp_server", "model")

log = logging.getLogger("lsp_server")


def run(
    flags: Flags,
    *,
    log_file: str | None = None,
    load: Load = load_engine,
    tcp: tuple[str, int] | None = None,
) -> int:
    """Serve one editor on stdin and stdout, or the first to connect to an address, until it is gone.

    The exit code: 0 after shutdown and where nobody ever spoke, else 1. Raises ConfigError for an address
    that cannot be listened at.
    """
    line = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handlers: list[logging.Handler] = [logging.StreamHandler()]  # stderr
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(line)
        logging.getLogger().addHandler(handler)
    # pygls logs the text of messages, people's code; what goes wrong comes to report_server_error as well.
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
    server = build(flags, load)
    # All that was made so far stays: it need not be looked through again (__main__.py switched this off).
    gc.freeze()
    gc.enable()
    for name in _OUR_LOGGERS:
        logging.getLogger(name).addHandler(EditorLog(server))
    code = 1
    try:
        code = asyncio.run(_on_stdio(server) if tcp is None else _on_tcp(server, *tcp))
    except KeyboardInterrupt:
        log.info("interrupted")
    finally:
        server.service.close()
        lifetime.end_soon(code)
        if not server.service.join(_LAST_STEP):
            lifetime.end_now(code)
    return code


async def _on_stdio(server: Server) -> int:
    server.protocol.set_writer(transport.PipeWriter(sys.stdout.buffer, server.end))
    return await converse(server, transport.from_pipe(sys.stdin.buffer))


async def _on_tcp(server: Server, host: str, port: int) -> int:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        server.protocol.set_writer(transport.StreamWriter(writer))
        return await converse(server, transport.from_stream(reader))

    def listening(where: str, number: int) -> None:
        sys.stderr.write(f"tabwright: listening at {where}:{number} for one client\n")
        sys.stderr.flush()

    return await transport.first_client(host, port, serve, listening)


async def converse(server: Server, pieces: AsyncIterator[bytes]) -> int:
    """Handle what comes in, until `exit`, the end of what comes, or `Server.end`. The exit code."""
    server.loop = asyncio.get_running_loop()
    server.over = server.loop.create_future()
    protocol = server.protocol
    reading = asyncio.ensure_future(_read(protocol, pieces))
    await asyncio.wait({reading, server.over}, return_when=asyncio.FIRST_COMPLETED)
    if protocol.exit_code is not None:
        return protocol.exit_code
    if not reading.done():
        reading.cancel()
        log.warning("the editor is gone")
    return 0 if protocol.is_shut_down or not protocol.greeted else 1


async def _read(protocol: AnsweringProtocol, pieces: AsyncIterator[bytes]) -> None:
    frames = transport.Frames()
    async for piece in pieces:
        for body in frames.feed(piece):
            protocol.receive(body)
            if protocol.exit_code is not None:
                return
            # A request must see the texts as they were when it came: it begins before the next message.
            await asyncio.sleep(0)


class EditorLog(logging.Handler):
    """Our own log lines as window/logMessage. pygls' are left out: they would log themselves."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line; from whichever thread, the event loop writes it."""
        loop = self._server.loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # closed this very moment
                loop.call_soon_threadsafe(self._server.tell_log, record.levelno, record.getMessage())
