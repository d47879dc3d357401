"""Requests to an OpenAI-compatible completions endpoint, with limits on all that a server may do to us.

All connections live on an event loop in a thread of their own, so that whoever asks gets an answer at the
deadline and not a moment later, and what is called off is closed at once, however the server behaves.

    addresses   redirects are not followed: key and text go to the host that the user named and to no other
    proxies     those of the environment are used (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE), but for this machine
    certificates  are checked, always, against those of the system
    sizes       64 KiB an event, 256 KiB a whole answer, no compression, no cookies

Not here: what an answer's text is worth (answer.py), when not to ask at all (breaker.py).
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import os
import ssl
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Mapping
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, TypeVar, cast

from model.errors import ConfigError
from model.serving.remote.address import Address
from model.serving.remote.answer import Piece, read, said
from model.serving.remote.failures import RemoteError
from model.serving.remote.keys import VARIABLE, Key

try:
    import httpx2 as http
    import tenacity
except ImportError as error:
    raise ConfigError(
        f"the engine openai needs the package {error.name}; run {sys.executable} -m pip install httpx2 "
        "keyring tenacity, or set tabwright.engine to local"
    ) from None

T = TypeVar("T")
Ending = Literal["over", "enough", "cut", "cancelled", "deadline"]

MOST_IN_AN_EVENT = 64 << 10  # bytes
MOST_IN_AN_ANSWER = 256 << 10  # bytes
_MOST_OF_AN_ERROR = 8 << 10  # bytes
_LOOK_EVERY = 0.01  # seconds, at whether the request was called off
_ATTEMPTS = 3
_FIRST_WAIT = 0.05  # seconds, doubled at each attempt, and up to as much more by chance
_CONNECT = 5.0  # seconds
_NO_DEADLINE = 60.0  # seconds, for those who set none
_KEPT_OPEN = 60.0  # seconds that a connection is kept for the next key
_MOST_SECONDS = 3600.0
_AUTHORITY = "SSL_CERT_FILE"

log = logging.getLogger("model.serving.remote")


class _Bearer(http.Auth):
    """The key in its header, put there for each request: it is in no header, and no text, of ours."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def auth_flow(self, request: http.Request) -> Generator[http.Request, http.Response]:
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


class Client:
    """One server. One request at a time is meant; nothing breaks with more."""

    def __init__(self, address: Address, key: Key | None) -> None:
        # At the level debug these write every header of an answer down, and a server may say a key again.
        for library in ("httpx2", "httpcore2"):
            logging.getLogger(library).setLevel(logging.WARNING)
        self.address = address
        self._key = key
        self._client = self._open()  # reads certificates, which takes a while: not at the first key
        self._loop = asyncio.new_event_loop()
        self._extras: dict[str, Any] = {"repeat_penalty": 1.0}
        self._thread = threading.Thread(target=self._loop.run_forever, name="tabwright-remote", daemon=True)
        self._thread.start()

    def complete(
        self,
        body: Mapping[str, Any],
        take: Callable[[Piece], bool],
        *,
        deadline: float | None,
        cancelled: Callable[[], bool],
    ) -> Ending:
        """Send a request and give each piece of its answer to `take`, which says whether it is enough.

        `deadline` is in `time.monotonic()` seconds. Of a connection that breaks in the middle the rest is
        missing ("cut"). Raises RemoteError where there is no answer, after as many attempts as make sense and
        have time. `take` runs on the loop's thread, and may do so for the piece at hand after the deadline.
        """
        until = time.monotonic() + _NO_DEADLINE if deadline is None else deadline
        return self._run(self._attempts(body, take, until), until, cancelled)

    def models(self, *, deadline: float) -> list[str]:
        """The names of the server's models. Raises RemoteError where it does not say."""

        async def fetch() -> bytes:
            try:
                async with self._asked("GET", "/models", None) as response:
                    return await _whole(response, MOST_IN_AN_ANSWER)
            except http.TransportError as error:
                raise self._failure(error) from None

        found = self._run(fetch(), deadline, lambda: False)
        if isinstance(found, str):
            raise RemoteError(f"{self._who} did not answer in time", again=True)
        try:
            return [self._said(one["id"]) for one in json.loads(found)["data"]]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise RemoteError(f"{self._who} does not list its models as OpenAI's API does") from None

    def close(self) -> None:
        """Close all connections. Nothing can be asked any more."""

        async def end() -> None:
            # What was called off may still be on its way out, with a connection that it alone knows.
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=_CONNECT / 2)
            await self._client.aclose()
            await asyncio.sleep(0)  # for transports to close their sockets

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(_CONNECT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CONNECT)
        self._loop.close()

    @property
    def _who(self) -> str:
        return self.address.origin

    def _run(
        self, work: Coroutine[Any, Any, T], until: float, cancelled: Callable[[], bool]
    ) -> T | Literal["cancelled", "deadline"]:
        """The result of some work on the loop; at the deadline or a cancellation it is left to end itself."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while True:
                left = until - time.monotonic()
                try:
                    return future.result(max(0.0, min(_LOOK_EVERY, left)))
                except TimeoutError:
                    if future.done():  # a moment ago; or the error is its own
                        return future.result()
                if cancelled():
                    return "cancelled"
                if left <= 0:
                    return "deadline"
        finally:
            future.cancel()

    # On the loop

    async def _attempts(self, body: Mapping[str, Any], take: Callable[[Piece], bool], until: float) -> Ending:
        def wait(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome is not None else None
            wanted = failure.after if isinstance(failure, RemoteError) else None
            return max(wanted or 0.0, float(backoff(state)))

        backoff = tenacity.wait_exponential(multiplier=_FIRST_WAIT, max=1.0) + tenacity.wait_random(
            0, _FIRST_WAIT
        )
        attempts = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS)
            | tenacity.stop_before_delay(max(0.0, until - time.monotonic())),
            wait=wait,
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, RemoteError) and error.again),
            reraise=True,
        )
        return await attempts(self._attempt, body, take)

    async def _attempt(self, body: Mapping[str, Any], take: Callable[[Piece], bool]) -> Ending:
        try:
            return await self._stream({**body, **self._extras}, take)
        except RemoteError as error:
            # llama.cpp's Python server penalises what repeats unless told otherwise; others refuse the field.
            refused = [name for name in self._extras if name in str(error)]
            if not refused:
                raise
            for name in refused:
                del self._extras[name]
        return await self._stream({**body, **self._extras}, take)

    async def _stream(self, body: Mapping[str, Any], take: Callable[[Piece], bool]) -> Ending:
        begun, size = False, 0
        try:
            async with self._asked("POST", "/completions", body) as response:
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind == "application/json":
                    piece = self._read(await _whole(response, MOST_IN_AN_ANSWER))
                    if not piece.chosen:
                        raise RemoteError(f"{self._who} answered without any choice")
                    take(piece)
                    return "over"
                if kind != "text/event-stream":
                    raise RemoteError(
                        f"{self._who} answered with {self._said(kind) or 'nothing known'} "
                        "instead of a completion; is tabwright.engineUrl that of an OpenAI-compatible API, "
                        "with /v1 at its end?"
                    )
                async with aclosing(_events(response)) as events:
                    async for data in events:
                        if data.strip() == "[DONE]":
                            break
                        size += len(data)
                        if size > MOST_IN_AN_ANSWER:
                            raise _too_large(MOST_IN_AN_ANSWER)
                        piece = self._read(data.encode("utf-8", "replace"))
                        begun = begun or piece.chosen
                        if take(piece):
                            return "enough"
                if not begun:
                    raise RemoteError(f"{self._who} ended its answer before it began", again=True)
                return "over"
        except (http.TransportError, http.DecodingError) as error:
            if begun:
                log.debug("the answer of %s was cut: %s", self._who, type(error).__name__)
                return "cut"
            raise self._failure(error) from None

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> AsyncIterator[http.Response]:
        """A response of status 200 whose body is yet to be read. Raises RemoteError for any other."""
        try:
            async with self._client.stream(method, self.address.url + path, json=body) as response:
                if response.status_code != 200:
                    await self._refuse(response)
                if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
                    raise RemoteError(f"{self._who} compresses its answer, which nobody asked for")
                yield response
        except http.TransportError as error:
            if isinstance(error, http.SSEError):
                raise RemoteError(
                    f"{self._who} answered with an event of more than {MOST_IN_AN_EVENT >> 10} KiB"
                ) from None
            raise
        except (http.InvalidURL, UnicodeError):
            raise RemoteError(f"{self._who} is no address that can be connected to", settled=True) from None

    def _open(self) -> http.AsyncClient:
        """Raises ConfigError for proxies and certificates of the environment that cannot be used."""
        own = self.address.is_loopback
        authority = os.environ.get(_AUTHORITY) if own else None  # else httpx reads it, with the proxies
        try:
            return http.AsyncClient(
                auth=None if self._key is None else _Bearer(self._key),
                headers={"Accept-Encoding": "identity", "User-Agent": "tabwright"},
                follow_redirects=False,
                cookies=_no_cookies(),
                trust_env=not own,
                verify=ssl.create_default_context(cafile=authority) if authority else True,
                # The whole has a deadline of its own; a peer that vanished is noticed by it.
                timeout=http.Timeout(None, connect=_CONNECT),
                limits=http.Limits(
                    max_connections=4, max_keepalive_connections=2, keepalive_expiry=_KEPT_OPEN
                ),
            )
        except (ImportError, ValueError, OSError, http.InvalidURL) as error:
            raise ConfigError(
                f"what the environment says of proxies or certificates cannot be used ({self._short(error)})"
                f"; check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and {_AUTHORITY}"
            ) from None

    async def _refuse(self, response: http.Response) -> None:
        """Raise what a status means."""
        status, who = response.status_code, self._who
        if 300 <= status < 400:
            raise RemoteError(
                f"{who} wants to redirect to another address ({status}), which is not followed; set "
                "tabwright.engineUrl to where it leads",
                settled=True,
            )
        words = await self._words(response)
        if status in (401, 403):
            how = "does not accept the key" if self._key is not None else "wants a key"
            raise RemoteError(
                f"{who} {how} ({status}); set the environment variable {VARIABLE}, or run "
                f"keyring set tabwright {who}, and restart the server",
                settled=True,
            )
        if status == 404:
            raise RemoteError(
                f"{who} knows no such address or model (404){words}; check tabwright.engineUrl, which ends "
                "with /v1 on most servers, and tabwright.engineModel",
                settled=True,
            )
        if status in (400, 413, 422):
            raise RemoteError(
                f"{who} refused the request ({status}){words}; check tabwright.engineModel, "
                "tabwright.engineFim and whether tabwright.engineContext fits the model"
            )
        after = _seconds(response.headers.get("retry-after", ""))
        raise RemoteError(
            f"{who} is busy or broken ({status}){words}",
            again=status in (408, 425, 429) or status >= 500,
            after=after if status in (429, 503) else None,
        )

    async def _words(self, response: http.Response) -> str:
        """What the server says about it, without the key: servers repeat what they were sent."""
        try:
            body = (await _whole(response, _MOST_OF_AN_ERROR)).decode("utf-8", "replace")
        except (http.TransportError, http.DecodingError, RemoteError):
            return ""
        if response.headers.get("content-type", "").startswith("text/html"):
            return ""
        body = self._hidden(body)
        try:
            line = said(json.loads(body))
        except (ValueError, RecursionError):
            line = said(body)
        return f": {line}" if line else ""

    def _read(self, data: bytes) -> Piece:
        return read(data if self._key is None else self._hidden(data.decode("utf-8", "replace")))

    def _hidden(self, text: str) -> str:
        return text if self._key is None else self._key.hidden(text)

    def _said(self, text: object) -> str:
        """What the other side says, or a library of it, without the key: before it is cut, or half stays."""
        return said(self._hidden(str(text)))

    def _short(self, error: Exception) -> str:
        return self._said(error) or type(error).__name__

    def _failure(self, error: Exception) -> RemoteError:
        """One sentence for what went wrong below HTTP."""
        text = f"{error} {error.__cause__ or ''}".lower()
        if "certificate" in text or "ssl" in text or "tls" in text:
            return RemoteError(
                f"the certificate or encryption of {self._who} is not to be trusted ({self._short(error)}); "
                f"a certificate authority of your own is named by {_AUTHORITY}",
                settled=True,
            )
        if isinstance(error, http.ProxyError):
            return RemoteError(
                f"the proxy to {self._who} does not let it through ({self._short(error)})", again=True
            )
        if isinstance(error, http.ConnectError | http.ConnectTimeout):
            return RemoteError(
                f"{self._who} cannot be reached ({self._short(error)}); is the server running, and is "
                "tabwright.engineUrl right?",
                again=True,
            )
        return RemoteError(f"the connection to {self._who} broke ({self._short(error)})", again=True)


def _no_cookies() -> CookieJar:
    """A jar that takes none: it would grow with every answer that sets some."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


def _seconds(text: str) -> float | None:
    """How long Retry-After says to wait: seconds or a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError, OSError):  # the last on Windows, for years long past
            return None
    return min(max(0.0, seconds), _MOST_SECONDS) if seconds == seconds else None


async def _whole(response: http.Response, most: int) -> bytes:
    """A whole body. Raises RemoteError for one that is larger than `most` bytes."""
    parts, size = [], 0
    async with aclosing(response.aiter_bytes()) as pieces:
        async for piece in pieces:
            size += len(piece)
            if size > most:
                raise _too_large(most)
            parts.append(piece)
    return b"".join(parts)


def _too_large(most: int) -> RemoteError:
    return RemoteError(f"the server's answer has more than {most >> 10} KiB")


async def _events(response: http.Response) -> AsyncGenerator[str]:
    """The data of server-sent events; raises SSEError for one that is too large."""
    source = aiter(http.EventSource(response, MOST_IN_AN_EVENT))
    async with aclosing(cast(AsyncGenerator[http.ServerSentEvent], source)) as events:
        async for event in events:
            if event.data:
                yield event.data
