import asyncio
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.transport import LARGEST_BODY, Frames, PipeWriter, address, first_client, from_pipe
from model.errors import ConfigError


def framed(body: bytes, *, header: bytes = b"Content-Length: %d\r\n") -> bytes:
    return header % len(body) + b"\r\n" + body


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_bodies_come_out_whole_however_the_bytes_were_cut(bodies: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(map(framed, bodies))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    frames = Frames()
    found = [
        body
        for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)
        for body in frames.feed(sent[start:end])
    ]
    assert found == bodies


@pytest.mark.parametrize(
    "header",
    [
        b"content-length:%d\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n",
        b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc\r\n",
    ],
)
def test_headers_that_editors_write_are_understood(header: bytes) -> None:
    assert Frames().feed(framed(b"{}", header=header)) == [b"{}"]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"Content-Length: -3\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"Content-Length: none\r\n\r\n{}",
        b"x" * 20_000,
    ],
)
def test_what_is_no_message_is_skipped_and_the_next_one_is_heard(rubbish: bytes) -> None:
    """A stray line on the pipe must not make the server deaf for the rest of the session."""
    frames = Frames()
    assert frames.feed(rubbish) == []
    assert frames.feed(framed(b"[1]") + framed(b"[2]"))[-1] == b"[2]"


def test_a_body_of_an_absurd_length_is_not_kept() -> None:
    frames = Frames()
    assert frames.feed(b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 3)) == []
    for _ in range(4):
        assert frames.feed(b"x" * 1000) == []
    assert len(frames._buffer) == 0


async def test_a_pipe_is_read_until_its_end() -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"abc")
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        assert [piece async for piece in from_pipe(pipe)] == [b"abc"]


def test_a_pipe_that_nobody_reads_is_told_once_and_raises_nothing() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    gone: list[bool] = []
    with os.fdopen(theirs, "wb", buffering=0) as pipe:
        writer = PipeWriter(pipe, lambda: gone.append(True))
        writer.write(b"abc")
        writer.write(b"abc")
    assert gone == [True]


async def test_one_client_is_served_and_nobody_else() -> None:
    told: list[tuple[str, int]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        with pytest.raises(OSError, match=re.compile("refused|connect", re.IGNORECASE)):
            await asyncio.open_connection(*told[0])
        writer.write(await reader.read(10))
        return 5

    server = asyncio.ensure_future(first_client("127.0.0.1", 0, serve, lambda *where: told.append(where)))
    while not told:
        await asyncio.sleep(0.01)
    assert told[0][0] == "127.0.0.1"
    reader, writer = await asyncio.open_connection(*told[0])
    writer.write(b"hello")
    assert await reader.read() == b"hello"
    assert await server == 5
    writer.close()


async def test_an_address_that_is_taken_is_named() -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with pytest.raises(ConfigError, match=f"--tcp 127.0.0.1:{port} cannot be listened at"):
        await first_client("127.0.0.1", port, None, lambda *_: None)  # type: ignore[arg-type]
    taken.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5007", ("127.0.0.1", 5007)),  # this machine alone, unless another is named
        (":5007", ("127.0.0.1", 5007)),
        ("localhost:0", ("localhost", 0)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:5007", ("::1", 5007)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert address(text) == expected


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", "localhost:http", "x:65536", "x:-1", "x:²"])
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="is no address; write HOST:PORT"):
        address(text)
