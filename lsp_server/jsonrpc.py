"""JSON-RPC as pygls speaks it, with what it leaves open closed: every request is answered, and only once.

    not JSON, no object, a bad id                  an error without an id
    a request that cannot be understood            InvalidParams; pygls would leave it without an answer
    a request before initialize, or after shutdown ServerNotInitialized, InvalidRequest
    a notification at those times                  ignored, `exit` excepted

It also forgets what pygls would keep of every notification. Not here: what is answered (server.py).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method

_PARSE_ERROR = -32700
_INVALID_REQUEST = -32600
_INVALID_PARAMS = -32602
_NOT_INITIALIZED = -32002

log = logging.getLogger("lsp_server")


class AnsweringProtocol(LanguageServerProtocol):
    """A protocol that is given the bytes of one message after the other."""

    exit_code: int | None = None  # set by `exit`: 0 after shutdown, else 1, as LSP asks
    greeted = False  # by a valid `initialize`

    @property
    def is_shut_down(self) -> bool:
        """Whether the editor has asked for the end."""
        return self._shutdown

    def receive(self, body: bytes) -> None:
        """Handle one message. Nothing that can be sent raises."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            self._refuse(None, _PARSE_ERROR, "the message is no JSON")
            return
        if not isinstance(data, dict):
            self._refuse(None, _INVALID_REQUEST, "the message is no JSON object")
        elif "method" not in data and "id" in data:
            self._receive_answer(data)
        else:
            self._receive_call(data)

    def _receive_call(self, data: dict[str, Any]) -> None:
        """A request, or a notification, which has no id and gets no answer."""
        is_request = "id" in data
        number, method = data.get("id"), data.get("method")
        if is_request and (not isinstance(number, str | int) or isinstance(number, bool)):
            self._refuse(None, _INVALID_REQUEST, "the id is neither a text nor a whole number")
            return
        problem = None
        if data.get("jsonrpc") != self.VERSION or not isinstance(method, str):
            problem = _INVALID_REQUEST, "the message is no JSON-RPC 2.0"
        elif not self.greeted and method not in ("initialize", "exit"):
            problem = _NOT_INITIALIZED, f"{method} came before initialize"
        elif (self._shutdown and method != "exit") or (self.greeted and method == "initialize"):
            problem = _INVALID_REQUEST, f"{method} came too late"
        if problem is None:
            try:
                # Editors leave `params` out where there are none; what pygls has no type for must have it.
                typed = self.get_message_type(method) is not None
                message = self.structure_message(data if typed else {"params": None, **data})
                if is_request and not hasattr(message, "id"):
                    problem = _INVALID_REQUEST, f"{method} is no request"
            except Exception as error:
                log.debug("%s", error, exc_info=True)
                problem = _INVALID_PARAMS, f"the parameters of {method} cannot be understood"
        if problem is None:
            self.greeted = self.greeted or method == "initialize"
            try:
                self.handle_message(message)
            except Exception:  # a request's own errors are answered: this is a notification
                log.exception("%s could not be handled", method)
        elif is_request:
            self._refuse(number, *problem)
        else:
            log.warning("a notification was ignored: %s", problem[1])

    def _receive_answer(self, data: dict[str, Any]) -> None:
        number = data["id"]
        try:
            self.handle_message(self.structure_message(data))
        except Exception as error:
            log.warning("an answer of the editor cannot be understood: %s", type(error).__name__)
            waiting = self._request_futures.pop(number, None) if isinstance(number, str | int) else None
            if waiting is not None and not waiting.done():
                waiting.set_exception(JsonRpcException("the answer cannot be understood", _INVALID_REQUEST))

    def _refuse(self, number: Any, code: int, sentence: str) -> None:
        """An error as the answer."""
        log.warning("refused: %s", sentence)
        error = {"code": code, "message": sentence}
        self._send_data({"jsonrpc": self.VERSION, "id": number, "error": error})

    def _execute_handler(
        self,
        msg_id: Any,
        handler: Callable[..., Any],
        callback: Callable[[Future[Any]], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        def done(future: Future[Any]) -> None:
            if self._request_futures.get(msg_id) is future:
                del self._request_futures[msg_id]
            callback(future)

        super()._execute_handler(msg_id, handler, done, args, kwargs)

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        if isinstance(msg_id, str | int):
            super()._handle_cancel_notification(msg_id)

    @lsp_method("shutdown")
    def lsp_shutdown(self, params: Any = None) -> Any:
        """Answer what is under way and nothing more."""
        self._shutdown = True
        handler = self.fm.features.get("shutdown")
        if handler is not None:
            handler(params)
        for future in list(self._request_futures.values()):
            future.cancel()

    @lsp_method("exit")
    def lsp_exit(self, *_: Any) -> Any:
        """Note that it is over; server.py ends the process."""
        self.exit_code = 0 if self._shutdown else 1
