"""A server that stalls, cuts, floods and lies gets no more of anybody than one sentence and some time.

No test looks at a clock: what hangs is ended by the tests' own limit of time.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hostile_server import (
    STREAM,
    Asked,
    HostileServer,
    answers,
    cuts,
    event,
    floods,
    raw,
    read_request,
    responds,
    says,
    slows,
    stalls,
)

from model import fim
from model.errors import ConfigError
from model.fim import Hole, Prompt
from model.serving.remote import client
from model.serving.remote.breaker import FAILURES, REST
from model.serving.remote.client import _seconds
from model.serving.remote.engine import Endpoint, RemoteEngine
from model.serving.remote.failures import RemoteError

KEY = "sk-planted-0123456789"
HOLE = Hole(path="a.py", language="python", prefix="def total(self):\n    return ", suffix="\n")
SOON = 0.3  # seconds
LONG = 30.0  # seconds: no test waits for it
SOME = 64 << 20  # bytes: above what the buffers of both sockets ever take up unread, far below a whole flood

Serve = Callable[..., HostileServer]
Connect = Callable[..., RemoteEngine]


def prompt(engine: RemoteEngine, hole: Hole = HOLE) -> Prompt:
    return fim.render(hole, engine.tokenizer, 1024)


def ask(engine: RemoteEngine, seconds: float = LONG, **how: Any) -> Any:
    how = {"max_tokens": 64, **how}
    return engine.generate(prompt(engine), deadline=time.monotonic() + seconds, **how)


def failure(engine: RemoteEngine, seconds: float = LONG, **how: Any) -> str:
    with pytest.raises(RemoteError) as caught:
        ask(engine, seconds, **how)
    return str(caught.value)


# --- as it should be ----------------------------------------------------------------------------------------


def test_an_answer_comes_in_pieces_and_is_asked_for_as_the_api_says(serve: Serve, connect: Connect) -> None:
    server = serve(answers("self.", "price"))
    done = ask(connect(server))
    assert (done.text, done.stop_reason, done.tokens) == ("self.price", "end_of_text", 2)
    (asked,) = server.requests
    assert asked.line == "POST /v1/completions HTTP/1.1"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["accept-encoding"] == "identity"
    assert asked.body.pop("stop")[0] == "<|endoftext|>"
    assert asked.body == {
        "model": "qwen2.5-coder",
        "prompt": "<|fim_prefix|>def total(self):\n    return <|fim_suffix|>\n<|fim_middle|>",
        "max_tokens": 64,
        "temperature": 0.0,
        "stream": True,
        "repeat_penalty": 1.0,
    }


def test_without_a_key_none_is_sent(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABWRIGHT_API_KEY")
    server = serve(answers("x"))
    ask(connect(server))
    assert "authorization" not in server.requests[0].headers


def test_a_suffix_goes_along_where_the_server_has_a_template_of_its_own(
    serve: Serve, connect: Connect
) -> None:
    server = serve(answers("x"))
    ask(connect(server, model="gpt", family="suffix"))
    assert server.requests[0].body["suffix"] == "\n"
    assert server.requests[0].body["prompt"] == "# Path: a.py\ndef total(self):\n    return "


def test_a_server_that_does_not_stream_is_understood(serve: Serve, connect: Connect) -> None:
    body = json.dumps({"choices": [{"text": "x = 1", "finish_reason": "length"}]})
    done = ask(connect(serve(responds("200 OK", body))))
    assert (done.text, done.stop_reason) == ("x = 1", "length")


def test_the_stop_rule_ends_the_request_early(serve: Serve, connect: Connect) -> None:
    """A block is over long before a model knows: the server must not go on computing for nobody."""
    server = serve(stalls("x = 1\n", "y"))
    done = ask(connect(server), stop=lambda text: text.find("\n") if "\n" in text else None)
    assert (done.text, done.stop_reason) == ("x = 1", "stop")
    assert server.hung_up.wait(LONG)


def test_what_is_called_off_is_closed_at_once(serve: Serve, connect: Connect) -> None:
    server = serve(stalls("x"))
    engine = connect(server)
    asked = itertools.count()
    done = ask(engine, cancelled=lambda: next(asked) > 3)
    assert done.stop_reason == "cancelled"
    assert server.hung_up.wait(LONG)
    assert engine.trouble is None


def test_a_connection_is_used_again(serve: Serve, connect: Connect) -> None:
    """A new one costs a server far away two or three times the way there and back."""
    connections = set()
    body = json.dumps({"choices": [{"text": "x", "finish_reason": "stop"}]}).encode()

    def behave(server: HostileServer, connection: socket.socket, asked: Asked) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        connections.add(connection.getpeername())
        server.send(connection, head + body)
        while connection.recv(1 << 16):
            server.send(connection, head + body)

    engine = connect(serve(behave))
    for _ in range(3):
        assert ask(engine).text == "x"
    assert len(connections) == 1


def test_a_field_that_a_server_refuses_is_left_out_from_then_on(serve: Serve, connect: Connect) -> None:
    refusal = json.dumps({"error": {"message": "Unrecognized request argument supplied: repeat_penalty"}})
    server = serve(responds("400 Bad Request", refusal), answers("x"), answers("y"))
    engine = connect(server)
    assert [ask(engine).text, ask(engine).text] == ["x", "y"]
    assert ["repeat_penalty" in asked.body for asked in server.requests] == [True, False, False]


# --- a server that stalls, slows, cuts ----------------------------------------------------------------------


def test_one_that_never_answers_gives_nothing_at_the_deadline(serve: Serve, connect: Connect) -> None:
    server = serve(stalls(headers=False))
    done = ask(connect(server), SOON)
    assert (done.text, done.stop_reason) == ("", "deadline")
    assert server.hung_up.wait(LONG)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Once it is set, every deadline has passed."""
    passed = threading.Event()
    now = SimpleNamespace(
        monotonic=lambda: time.monotonic() + (1000 if passed.is_set() else 0), time=time.time
    )
    monkeypatch.setattr(client, "time", now)
    return passed


def test_one_that_stalls_in_the_middle_gives_what_it_gave(
    serve: Serve, connect: Connect, late: threading.Event
) -> None:
    engine = connect(serve(stalls("self.", "pri")))
    done = ask(engine, stop=lambda text: late.set() if text == "self.pri" else None)
    assert (done.text, done.stop_reason) == ("self.pri", "deadline")


def test_one_that_is_slow_gives_what_there_is_at_the_deadline(
    serve: Serve, connect: Connect, late: threading.Event
) -> None:
    server = serve(slows(map(str, itertools.count()), 0.05))
    done = ask(connect(server), max_tokens=10_000, stop=lambda text: late.set() if len(text) > 3 else None)
    assert done.stop_reason == "deadline"
    assert done.text.startswith("0123")
    assert server.hung_up.wait(LONG)


def test_one_that_accepts_no_connection_in_time_gives_nothing(connect: Connect) -> None:
    """A full queue of connections is how an overloaded or firewalled machine looks."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        engine = RemoteEngine.connect(Endpoint(url=f"http://127.0.0.1:{port}/v1", model="qwen-coder"))
        try:
            assert ask(engine, SOON).stop_reason == "deadline"
        finally:
            engine.close()
            for one in waiting:
                one.close()


def test_one_that_breaks_off_gives_what_it_gave(serve: Serve, connect: Connect) -> None:
    done = ask(connect(serve(cuts("self.", "pri"))))
    assert (done.text, done.stop_reason) == ("self.pri", "deadline"), "which is shown, and not kept"


def test_one_that_ends_without_an_end_is_believed(serve: Serve, connect: Connect) -> None:
    assert ask(connect(serve(says(event("x"))))).text == "x"


# --- a server that floods -----------------------------------------------------------------------------------


def test_a_flood_of_tokens_is_left_at_the_limit(serve: Serve, connect: Connect) -> None:
    server = serve(floods(lambda: itertools.repeat(event("word ") * 100)))
    done = ask(connect(server), max_tokens=8)
    assert done.stop_reason == "length"
    assert len(done.text) <= 8 * 16
    assert server.hung_up.wait(LONG)
    assert server.sent < SOME


@pytest.mark.parametrize(
    "piece",
    [b"data: " + b"x" * 65536, b"x" * 65536, b": x" * 20000, b"data: x\n" * 8192],
    ids=["a line without end", "no field", "a comment without end", "an event without end"],
)
def test_a_line_without_end_is_not_read_to_its_end(serve: Serve, connect: Connect, piece: bytes) -> None:
    server = serve(floods(lambda: itertools.repeat(piece)))
    assert "more than 64 KiB" in failure(connect(server))
    assert server.hung_up.wait(LONG)
    assert server.sent < SOME


def test_a_body_without_end_is_not_read_to_its_end(serve: Serve, connect: Connect) -> None:
    head = STREAM.replace(b"text/event-stream", b"application/json")

    def behave(server: HostileServer, connection: socket.socket, asked: Asked) -> None:
        server.send(connection, head)
        while server.send(connection, b" " * 65536):
            pass

    server = serve(behave)
    assert "more than 256 KiB" in failure(connect(server))
    assert server.sent < SOME


def test_a_flood_of_nothing_ends_at_the_deadline(serve: Serve, connect: Connect) -> None:
    server = serve(floods(lambda: itertools.repeat(b": ping\n\n")))
    assert ask(connect(server), 0.5).stop_reason == "deadline"
    assert server.hung_up.wait(LONG)


def test_a_flood_of_events_without_text_is_left_at_the_limit(serve: Serve, connect: Connect) -> None:
    """Numbers are kept as well as text."""
    many = event("", logprobs={"token_logprobs": [0] * 10_000})
    server = serve(floods(lambda: itertools.repeat(many)))
    assert "more than 256 KiB" in failure(connect(server))
    assert server.hung_up.wait(LONG)
    assert server.sent < SOME


def test_headers_without_end_are_not_read_to_their_end(serve: Serve, connect: Connect) -> None:
    def behave(server: HostileServer, connection: socket.socket, asked: Asked) -> None:
        server.send(connection, b"HTTP/1.1 200 OK\r\n")
        while server.send(connection, b"X-A: " + b"x" * 60000 + b"\r\n"):
            pass

    server = serve(behave)
    assert "broke" in failure(connect(server))
    assert server.sent < SOME


# --- a server that lies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (says(b"data: {\n\n"), "is not JSON"),
        (says(b"data: \xff\xfe\n\n"), "is not JSON"),
        (says(b"data: []\n\n"), "is no object"),
        (says(b'data: {"choices": [{"content": "x"}]}\n\n'), "a choice without text"),
        (says(b'data: {"choices": []}\n\ndata: [DONE]\n\n'), "ended its answer before it began"),
        (says(b"data: [DONE]\n\n"), "ended its answer before it began"),
        (says(b""), "ended its answer before it began"),
        (responds("200 OK", '{"error": {"message": "out of memory"}}'), "out of memory"),
        (responds("200 OK", '{"choices": []}'), "without any choice"),
        (responds("200 OK", "<html>Sign in</html>", "text/html"), "text/html instead of a completion"),
        (responds("200 OK", "x", ""), "instead of a completion"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}"), "broke"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}"), "broke"),
        (raw(b"SSH-2.0-OpenSSH_9.9\r\n"), "broke"),
        (raw(b""), "broke"),
        (raw(STREAM[:-2] + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b"), "compresses its answer"),
    ],
)  # fmt: skip
def test_a_lie_is_one_sentence(serve: Serve, connect: Connect, behaviour: Any, sentence: str) -> None:
    said = failure(connect(serve(behaviour)))
    assert sentence in said
    assert "\n" not in said
    assert len(said) < 500


def test_text_that_no_editor_should_get_is_not_passed_on(serve: Serve, connect: Connect) -> None:
    server = serve(answers("x = 1\x00\x1b[2J"), answers("x = 1\u202e"), answers("x<|endoftext|>rm -rf /"))
    engine = connect(server)
    assert [ask(engine).text for _ in range(3)] == ["x = 1", "x = 1", "x"]
    invalid = event("good") + event("bad").replace(b"bad", b"b\xff\xfed")
    assert ask(connect(serve(says(invalid)))).text == "goodb\ufffd\ufffdd", "where postprocess.py cuts"


def test_a_redirect_is_not_followed(serve: Serve, connect: Connect) -> None:
    """Neither the key nor the text go to a host that the user did not name."""
    other = serve(answers("x"))
    for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent"):
        server = serve(responds(status, "", "text/plain", f"Location: {other.url}/completions"))
        assert "redirect" in failure(connect(server))
        assert len(server.requests) == 1
    assert other.requests == []


def test_proxies_of_the_environment_are_not_for_this_machine(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(answers("proxy"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
    assert ask(connect(serve(answers("server")))).text == "server"
    assert proxy.requests == []


def test_a_proxy_of_the_environment_is_used_for_other_machines(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(answers("x"))
    monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    engine = RemoteEngine.connect(Endpoint(url="http://models.internal/v1", model="qwen2.5-coder"))
    try:
        assert ask(engine).text == "x"
    finally:
        engine.close()
    assert proxy.requests[0].line.startswith("POST http://models.internal/v1/completions ")


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://h:1"), ("HTTPS_PROXY", "what://h:1"), ("SSL_CERT_FILE", "/none")],
)
def test_an_environment_that_cannot_be_used_is_one_sentence(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    before = threading.active_count()
    with pytest.raises(ConfigError, match=name):
        RemoteEngine.connect(Endpoint(url="https://models.example.org/v1", model="qwen2.5-coder"))
    assert threading.active_count() <= before, "another's may have ended meanwhile"


def test_no_secret_is_sent_whoever_asks(serve: Serve, connect: Connect) -> None:
    server = serve(answers("x"))
    engine = connect(server)
    secret = "AKIAIOSFODNN7ABCDEFG"
    hole = Hole(path="a.py", language="python", prefix=f'key = "{secret}"\nx = ', suffix=f'\n# "{secret}"\n')
    engine.generate(prompt(engine, hole), max_tokens=8)
    assert secret not in repr(server.requests)
    assert "key = " in server.requests[0].body["prompt"]


# --- what a status means ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "setting"),
    [
        ("401 Unauthorized", "TABWRIGHT_API_KEY"),
        ("403 Forbidden", "TABWRIGHT_API_KEY"),
        ("404 Not Found", "tabwright.engineModel"),
        ("400 Bad Request", "tabwright.engineContext"),
        ("422 Unprocessable", "tabwright.engineFim"),
    ],
)
def test_what_the_user_can_mend_is_not_tried_again_and_names_the_setting(
    serve: Serve, connect: Connect, status: str, setting: str
) -> None:
    server = serve(responds(status, '{"error": {"message": "in the server\'s words"}}'))
    assert setting in failure(connect(server))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["429 Too Many", "500 Oops", "502 Bad Gateway", "503 Busy", "504 Late"])
def test_what_may_pass_is_tried_again(serve: Serve, connect: Connect, status: str) -> None:
    server = serve(responds(status, ""), raw(b""), answers("x"))
    engine = connect(server)
    assert ask(engine).text == "x"
    assert len(server.requests) == 3
    assert engine.trouble is None


def test_it_is_given_up_after_some_attempts(serve: Serve, connect: Connect) -> None:
    server = serve(responds("500 Oops", "Traceback", "text/plain"))
    assert "500" in failure(connect(server))
    assert len(server.requests) == 3


def test_it_is_not_tried_again_when_there_is_no_time_left(serve: Serve, connect: Connect) -> None:
    server = serve(responds("503 Busy", "", "text/plain", "Retry-After: 20"))
    engine = connect(server)
    assert "503" in failure(engine, 5.0)
    assert len(server.requests) == 1
    assert "503" in failure(engine, may_be_empty=False), "it wants to be left alone, by everybody"
    assert len(server.requests) == 1


def test_a_wait_that_fits_is_waited(serve: Serve, connect: Connect) -> None:
    server = serve(responds("429 Slow down", "", "text/plain", "Retry-After: 0.2"), answers("x"))
    assert ask(connect(server)).text == "x"


def test_nobody_there_is_one_sentence(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/v1"
    engine = RemoteEngine.connect(Endpoint(url=url, model="qwen2.5-coder"))
    try:
        assert "cannot be reached" in failure(engine)
    finally:
        engine.close()


def test_a_server_without_encryption_behind_https_gets_no_text() -> None:
    """What it reads is the beginning of a handshake."""
    read = []

    def answer(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            read.append(connection.recv(1 << 16))
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/v1"
        engine = RemoteEngine.connect(Endpoint(url=url, model="qwen2.5-coder"))
        try:
            assert "certificate or encryption" in failure(engine)
        finally:
            engine.close()
            thread.join()
    assert b"total" not in read[0]


@pytest.mark.parametrize("trusted", [False, True])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    tmp_path: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sits in between has one of those: neither key nor text get there."""
    certificate, key = self_signed(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard: list[Asked | None] = []

    def answer(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            heard.append(read_request(secure))
            secure.sendall(STREAM + event("x", "stop"))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        url = f"https://localhost:{listening.getsockname()[1]}/v1"
        engine = RemoteEngine.connect(Endpoint(url=url, model="qwen2.5-coder"))
        try:
            if trusted:
                assert ask(engine).text == "x"
            else:
                assert "SSL_CERT_FILE" in failure(engine)
                assert engine.trouble is not None
        finally:
            engine.close()
            thread.join()
    assert any(heard) == trusted


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key."""
    x509 = pytest.importorskip("cryptography.x509", reason="the keyring needs cryptography on Linux alone")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def test_retry_after_is_seconds_or_a_date() -> None:
    assert _seconds("3") == 3.0
    assert _seconds("-3") == 0.0
    assert _seconds("1e999") == 3600.0
    assert _seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert _seconds("Wed, 21 Oct 2099 07:28:00 GMT") == 3600.0
    assert [_seconds(text) for text in ("", "soon", "nan")] == [None, None, None]


def test_an_answer_that_comes_while_its_poll_runs_out_is_an_answer(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = connect(serve(answers("x")))
    start = client.asyncio.run_coroutine_threadsafe

    class Late:
        def __init__(self, *work: Any) -> None:
            self._future, self._polls = start(*work), 0

        def result(self, timeout: float | None = None) -> Any:
            self._polls += 1
            found = self._future.result(LONG)
            if self._polls == 1:
                raise TimeoutError
            return found

        def __getattr__(self, name: str) -> Any:
            return getattr(self._future, name)

    with monkeypatch.context() as patch:
        patch.setattr(client.asyncio, "run_coroutine_threadsafe", Late)
        assert ask(engine).text == "x"


# --- the breaker --------------------------------------------------------------------------------------------


def test_a_server_that_fails_is_left_alone_and_taken_up_again(
    serve: Serve, connect: Connect, clock: Any
) -> None:
    server = serve(responds("400 No", "{}"))
    engine = connect(server)
    for _ in range(FAILURES + 20):
        failure(engine)
    assert len(server.requests) == FAILURES
    assert engine.trouble is not None
    clock.now += REST
    server.behaviours = [answers("x")]
    assert ask(engine).text == "x"
    assert engine.trouble is None


def test_a_server_that_stalls_is_left_alone_too(serve: Serve, connect: Connect) -> None:
    server = serve(stalls(headers=False))
    engine = connect(server)
    for _ in range(FAILURES):
        assert ask(engine, 0.1).stop_reason == "deadline"
    assert "did not begin to answer before the deadline" in failure(engine, 0.1)
    assert "tabwright.deadlineMs" in str(engine.trouble)
    assert len(server.requests) <= FAILURES


def test_requests_that_were_called_off_are_no_failures(serve: Serve, connect: Connect) -> None:
    engine = connect(serve(stalls(headers=False)))
    for _ in range(3 * FAILURES):
        asked = itertools.count()
        assert ask(engine, cancelled=lambda asked=asked: next(asked) > 0).stop_reason == "cancelled"
    assert engine.trouble is None


# --- the key ------------------------------------------------------------------------------------------------


def test_a_key_that_a_server_says_again_is_in_no_sentence_no_log_and_no_text(
    serve: Serve, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Servers repeat what they were sent, whole or at the edge of what is quoted of them."""
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}})
    late = json.dumps({"error": {"message": "x" * 190 + KEY}})
    server = serve(
        responds("401 Unauthorized", echo),
        responds("400 Bad Request", echo),
        responds("400 Bad Request", late),
        responds("500 Oops", f"key {KEY}", "text/plain"),
        responds("200 OK", echo),
        responds("200 OK", late),
        says(b"data: " + echo.encode() + b"\n\n"),
        responds("302 Found", "", "text/plain", f"Location: http://x/?{KEY}"),
        responds("200 OK", "x", f"text/{KEY}"),
        raw(f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode()),
        answers(f"key = '{KEY}'"),
        answers("key = '", KEY[:9], KEY[9:], "'"),
    )
    engine = connect(server)
    told = []
    for _ in range(16):
        try:
            told.append(ask(engine, may_be_empty=False).text)
        except RemoteError as error:
            told.append(str(error))
            told.append(str(engine.trouble))
            logging.getLogger("model").exception("as an error of ours would be logged")
    assert len(server.requests) >= len(server.behaviours)
    everything = "\n".join([*told, caplog.text, repr(engine.__dict__), repr(engine._client.__dict__)])
    assert "planted" not in everything


def test_no_cookie_is_kept(serve: Serve, connect: Connect) -> None:
    body = json.dumps({"choices": [{"text": "x", "finish_reason": "stop"}]})
    cookie = "Set-Cookie: a=b; Path=/; Max-Age=600"
    server = serve(responds("200 OK", body, "application/json", cookie, "Connection: close"))
    engine = connect(server)
    assert [ask(engine).text, ask(engine).text] == ["x", "x"]
    assert not any("cookie" in asked.headers for asked in server.requests)


def test_words_of_an_error_that_are_compressed_are_left_out(serve: Serve, connect: Connect) -> None:
    refusal = responds("500 Oops", "no gzip", "text/plain", "Content-Encoding: gzip")
    assert "busy or broken (500)" in failure(connect(serve(refusal)))
    with pytest.raises(RemoteError, match=r"busy or broken \(500\)"):
        connect(serve(refusal), model="")


def test_models_are_listed_and_the_only_one_is_taken(serve: Serve, connect: Connect) -> None:
    body = json.dumps({"data": [{"id": "Qwen2.5-Coder-7B"}]})
    server = serve(responds("200 OK", body), answers("x"))
    assert ask(connect(server, model="")).text == "x"
    assert server.requests[0].line == "GET /v1/models HTTP/1.1"
    assert server.requests[1].body["model"] == "Qwen2.5-Coder-7B"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"data": [{"id": "a"}, {"id": "b"}]}', r"has 2 models \(a, b\); set tabwright.engineModel"),
        ('{"data": []}', "has 0 models"),
        ('{"data": 1}', "does not list its models"),
        ("[", "does not list its models"),
        ("[]", "does not list its models"),
    ],
)
def test_a_model_that_is_not_the_only_one_has_to_be_named(
    serve: Serve, connect: Connect, body: str, sentence: str
) -> None:
    before = threading.active_count()
    with pytest.raises(RemoteError, match=sentence):
        connect(serve(responds("200 OK", body)), model="")
    assert threading.active_count() <= before + 2, "the connection is closed: the server's threads are left"
