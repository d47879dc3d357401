"""An engine on another machine: the same questions and answers as model/serving/engine.py, over HTTP.

What is asked is what the local engine would be: `fim.render` chooses it, measured in our own tokens, and it
is written down as the remote model's family was taught. There is no memory: nothing is copied from the
project, and its files are not encoded; neighbours are shown in the prompt as ever.

Not here: which settings name it (lsp_server/remote.py), the pieces of a request (client.py, answer.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from model.fim import Hole, Prompt, Snippet
from model.languages.registry import languages
from model.serving.confidence import Confidence
from model.serving.encoder import LineEncoder
from model.serving.engine import Completion
from model.serving.memory import LAYERS, Layer, Memory
from model.serving.project import Project
from model.serving.release import TOKENIZER, default_folder
from model.serving.remote import address, families, keys, parts
from model.serving.remote.answer import Answer, Piece
from model.serving.remote.breaker import Breaker
from model.serving.remote.client import Client
from model.serving.remote.failures import RemoteError
from model.serving.writer import StopReason, never
from model.tokenizer import Tokenizer

_LIST_MODELS = 5.0  # seconds

log = logging.getLogger("model.serving.remote")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Which engine the user wants. `context` is in our tokens, prompt and answer together."""

    url: str
    model: str = ""
    family: str = "auto"
    context: int = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRelease:
    """What the server half of Tabwright asks of a release. `folder` is the address: there is no folder."""

    folder: str
    name: str
    window: int
    languages: tuple[str, ...] = field(default_factory=languages)
    neighbours: bool = True
    confidence: Confidence | None = None  # fitted to a model; without, all is shown


class _Unread(Project):
    """A project without a memory: its files are read for neighbours alone."""

    def add(self, files: Iterable[tuple[str, str]]) -> bool:
        """Take no notice of files."""
        for _ in files:
            pass
        return True


class RemoteEngine:
    """A server's model. One request at a time; `trouble` may be read from any thread."""

    encoder: LineEncoder | None = None  # nothing is encoded for a memory

    def __init__(
        self,
        client: Client,
        *,
        model: str,
        family: families.Family,
        context: int,
        tokenizer: Tokenizer,
        key: keys.Key | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        where = client.address
        self.tokenizer = tokenizer
        self.family = family
        self.host = where.host
        self.warning = where.warning
        self.release = RemoteRelease(folder=where.url, name=f"{model} at {where.host}", window=context)
        self._model = model
        self._client = client
        self._key = key
        self._breaker = breaker or Breaker()

    @classmethod
    def connect(cls, endpoint: Endpoint) -> RemoteEngine:
        """The engine of an endpoint. A server is asked for its models only where none is named.

        Raises ConfigError for what cannot be right, RemoteError for a server that has to be asked and does
        not answer.
        """
        where = address.read(endpoint.url)
        key = keys.find(where)
        client = Client(where, key)
        try:
            model = endpoint.model or _only_model(client)
            family = families.named(endpoint.family, model)
        except Exception:
            client.close()
            raise
        return cls(
            client,
            model=model,
            family=family,
            context=endpoint.context,
            tokenizer=Tokenizer.load(default_folder() / TOKENIZER),
            key=key,
        )

    @property
    def trouble(self) -> str | None:
        """Why nothing is sent at the moment, in a sentence; None while the server answers."""
        return self._breaker.trouble

    @property
    def has_key(self) -> bool:
        """Whether a key goes along."""
        return self._key is not None

    def listed(self) -> tuple[str, ...]:
        """The server's models. Raises RemoteError for one that does not answer; one may list nothing."""
        try:
            return tuple(self._client.models(deadline=time.monotonic() + _LIST_MODELS))
        except RemoteError as error:
            if error.again or error.settled:
                raise
            return ()

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
        cancelled: Callable[[], bool] = never,
        deadline: float | None = None,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int | None = None,
        may_be_empty: bool = True,
        likely: float = 0.0,
        memory: Memory | None = None,
    ) -> Completion:
        """As the local engine's. A connection that broke counts as a deadline: the text so far is returned.

        `may_be_empty` false says that a person waits, who is not refused because others failed. `memory` is
        ignored, and so is `likely`, for few servers tell probabilities. Raises RemoteError where there is no
        answer.
        """
        refusal = self._breaker.refuses(asked_for=not may_be_empty)
        if refusal is not None:
            raise RemoteError(refusal)
        shown = parts.without_secrets(parts.of(prompt, self.tokenizer))
        written = families.written(shown, self.family)
        answer = Answer(held=written.held, ends=self.family.ends, stop=stop, most_tokens=max_tokens)
        try:
            reason = self._ask(
                self._body(written, max_tokens, temperature, top_p, seed), answer, deadline, cancelled
            )
        except RemoteError as error:
            if not cancelled():
                self._failed(error)
            raise
        if reason == "deadline" and not answer.tokens:
            # The same words each time, however long it was: people are told a sentence once.
            self._failed(
                RemoteError(
                    f"{self._client.address.origin} did not begin to answer before the deadline; "
                    "where that is usual, raise tabwright.deadlineMs"
                )
            )
        elif reason != "cancelled":
            self._breaker.succeeded()
        return Completion(
            text=answer.text,
            logprob=sum(answer.logprobs) / max(1, len(answer.logprobs)),
            logprobs=tuple(answer.logprobs),
            stop_reason=reason,
            tokens=answer.tokens,
            reused=0,
            prompt_tokens=len(prompt.tokens),
        )

    def _body(
        self, written: families.Written, max_tokens: int, temperature: float, top_p: float, seed: int | None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "prompt": written.prompt,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
        }
        if written.suffix is not None:
            body["suffix"] = written.suffix
        if self.family.ends:
            body["stop"] = list(self.family.ends[:4])  # more are refused by some
        if temperature > 0:
            body |= {"top_p": top_p, "seed": seed}
        return body

    def _ask(
        self,
        body: dict[str, Any],
        answer: Answer,
        deadline: float | None,
        cancelled: Callable[[], bool],
    ) -> StopReason:
        ended: StopReason | None = None

        def take(piece: Piece) -> bool:
            nonlocal ended
            ended = answer.take(piece)
            if self._key is not None and self._key.is_in(answer.text):  # in several pieces, or it were hidden
                raise RemoteError(f"{self._client.address.origin} answered with the key, which is not shown")
            return ended is not None

        how = self._client.complete(body, take, deadline=deadline, cancelled=cancelled)
        if how == "cancelled" or how == "deadline":
            return how
        if how == "cut":
            return "deadline"
        return ended or "end_of_text"

    def _failed(self, error: RemoteError) -> None:
        before = self._breaker.trouble
        self._breaker.failed(str(error), after=error.after, settled=error.settled)
        if before is None and self._breaker.trouble is not None:
            log.warning("%s; nothing is sent for a while", error)
        else:
            log.debug("%s", error)

    # What the local engine can do besides

    def candidates(
        self,
        prompt: Prompt,
        count: int,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
        cancelled: Callable[[], bool] = never,
        deadline: float | None = None,
        may_be_empty: bool = True,
        memory: Memory | None = None,
    ) -> list[Completion]:
        """There is only one: further ones would be further requests."""
        return [
            self.generate(
                prompt,
                max_tokens=max_tokens,
                stop=stop,
                cancelled=cancelled,
                deadline=deadline,
                may_be_empty=may_be_empty,
            )
        ]

    def copy(
        self,
        prompt: Prompt,
        memory: Memory,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
    ) -> Completion:
        """Never asked for: there is no memory to copy from."""
        raise AssertionError("a remote engine has no memory")

    def remember(
        self,
        hole: Hole,
        prompt: Prompt,
        *,
        files: Sequence[Snippet] = (),
        project: Project | None = None,
        layers: Sequence[Layer] = LAYERS,
    ) -> Memory | None:
        """No memory."""
        return None

    def new_project(self) -> Project:
        """A project that takes no notice of its files."""
        return _Unread(LineEncoder(self.tokenizer))

    def prepare(self, text: str) -> None:
        """Nothing: no text is encoded beforehand."""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _only_model(client: Client) -> str:
    """The name of the server's model, where it has one."""
    try:
        found = client.models(deadline=time.monotonic() + _LIST_MODELS)
    except RemoteError as error:
        raise RemoteError(
            f"{error}; with tabwright.engineModel set it need not be asked at the start"
        ) from None
    if len(found) != 1:
        some = ", ".join(name[:60] for name in found[:6])
        raise RemoteError(
            f"{client.address.origin} has {len(found)} models ({some}); set "
            "tabwright.engineModel to one of them"
        )
    return found[0]
