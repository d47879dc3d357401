"""A server's answer, piece by piece: what of it is text to be shown, and when it is over.

Nothing is taken on trust. An answer that is not what the protocol says is a RemoteError; text ends before the
first character that no source file should get from a stranger: controls but tab and line end, marks that
turn the direction of writing (Boucher and Anderson 2021, Trojan Source), halves of characters.

Pure. Not here: connections and their limits (client.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model.serving.remote.failures import RemoteError
from model.serving.writer import StopReason

_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")
_CHARACTERS_PER_TOKEN = 16  # no tokenizer of the families writes more a token, over a whole answer
_MOST_SAID = 200  # characters of a server's own words
_DEEPEST = 8  # objects in objects that are looked into for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one event, or a whole answer, holds. `chosen` is false for one that has no text to choose."""

    text: str = ""
    finish: str | None = None
    logprobs: tuple[float, ...] = ()
    chosen: bool = True


def read(data: str | bytes) -> Piece:
    """A completion object of the API. Raises RemoteError for anything else."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise RemoteError(
            "the server's answer is not JSON; is tabwright.engineUrl that of an OpenAI-compatible API?"
        ) from None
    if not isinstance(value, dict):
        raise _lie("is no object")
    if value.get("error") is not None or value.get("object") == "error":
        raise RemoteError(f"the server answered with an error: {said(value)}")
    choices = value.get("choices")
    if not isinstance(choices, list):
        raise _lie("has no choices")
    if not choices:
        return Piece(chosen=False)
    first = choices[0]
    text = _text(first) if isinstance(first, dict) else None
    if text is None:
        raise _lie("has a choice without text")
    finish = first.get("finish_reason")
    return Piece(
        text=text,
        finish=finish if isinstance(finish, str) else None,
        logprobs=_logprobs(first.get("logprobs")),
    )


def _text(choice: Mapping[str, object]) -> str | None:
    """The text of a choice; Mistral's /v1/fim puts it where chats have theirs."""
    text = choice.get("text")
    for name in ("delta", "message"):
        part = choice.get(name)
        if text is None and isinstance(part, dict):
            text = part.get("content") or ""
    return text if isinstance(text, str) else None


def said(value: object) -> str:
    """A server's own words about an error, short and in one line."""
    for _ in range(_DEEPEST):
        if isinstance(value, dict):
            value = next((value[name] for name in ("message", "error", "detail") if value.get(name)), value)
    try:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    except RecursionError:
        text = ""
    line = " ".join(re.sub(r"[^\x20-\x7e\u00a1-\u024f]+", " ", text[: 4 * _MOST_SAID]).split())
    return line if len(line) <= _MOST_SAID else line[: _MOST_SAID - 3] + "..."


def _lie(what: str) -> RemoteError:
    return RemoteError(
        f"the server's answer {what}; is tabwright.engineUrl that of an OpenAI-compatible API?"
    )


def _logprobs(value: object) -> tuple[float, ...]:
    """Those of the tokens, where a server gives them as the completions API does."""
    found = value.get("token_logprobs") if isinstance(value, dict) else None
    if not isinstance(found, list):
        return ()
    numbers = [one for one in found if isinstance(one, int | float) and not isinstance(one, bool)]
    return tuple(float(one) for one in numbers if -1e4 <= one <= 0.0)


class Answer:
    """The text so far. `take` says what ends it; `text` may be read from another thread meanwhile."""

    def __init__(
        self,
        *,
        held: str = "",
        ends: tuple[str, ...] = (),
        stop: Callable[[str], int | None] | None = None,
        most_tokens: int,
    ) -> None:
        """`held` are blanks that the model writes anew, `ends` texts that nothing is taken behind."""
        self.text = ""
        self.logprobs: list[float] = []
        self.tokens = 0  # events with text: a token each with most servers
        self._raw = ""
        self._held = held
        self._ends = re.compile("|".join(map(re.escape, ends))) if ends else None
        self._begun = re.compile("|".join(_beginnings(ends))) if ends else None
        self._stop = stop
        self._most = most_tokens * _CHARACTERS_PER_TOKEN

    def take(self, piece: Piece) -> StopReason | None:
        """Take a piece up; what ends the answer with it, if anything does."""
        self.logprobs += piece.logprobs
        if piece.text:
            self.tokens += 1
            self._raw += piece.text[: self._most + 1]
            reason = self._look(over=piece.finish is not None)
            if reason is not None:
                return reason
        if piece.finish is not None:
            self._look(over=True)
            return "length" if piece.finish == "length" else "end_of_text"
        return None

    def _look(self, *, over: bool) -> StopReason | None:
        """Make `text` anew from all that came."""
        raw = self._raw[: self._most]
        reason: StopReason | None = "length" if len(self._raw) > self._most else None
        ended = self._ends.search(raw) if self._ends is not None else None
        if ended is not None:
            raw, reason, over = raw[: ended.start()], "end_of_text", True
        elif self._begun is not None and (begun := self._begun.search(raw)) is not None:
            # It may be a sentinel that is yet to come whole: not shown before that is known.
            raw = raw if over and reason is None else raw[: begun.start()]
        raw = raw.replace("\r\n", "\n").removesuffix("\r")
        unfit = _UNFIT.search(raw)
        if unfit is not None:
            raw, reason, over = raw[: unfit.start()], "length", True
        text = _without(self._held, raw, over=over or reason is not None)
        end = self._stop(text) if self._stop is not None and text and text != self.text else None
        self.text = text if end is None else text[:end]
        return reason if end is None else "stop"


def _without(held: str, text: str, *, over: bool) -> str:
    """A text without the blanks that stand before the cursor already; nothing while they may be coming."""
    if not held:
        return text
    if text.startswith(held):
        return text[len(held) :]
    if held.startswith(text) and not over:
        return ""
    # It has other blanks than the person: theirs stay.
    return text.lstrip(" \t")


def _beginnings(ends: tuple[str, ...]) -> list[str]:
    """Patterns for the beginnings of sentinels, the longest first, at least two characters of them."""
    found = {end[:length] for end in ends for length in range(2, len(end))}
    return [f"(?:{re.escape(one)})\\Z" for one in sorted(found, key=len, reverse=True)]
