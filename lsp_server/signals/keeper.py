"""Signals as the service and the server have them to tell: documents, places, news of the client.

Here the clock is read, and texts become LF. Nothing here fails or waits: whoever types must not notice.

Not here: what follows from it (outcomes.py), the thread that writes (writer.py), whether anything is
kept at all (settings.py; without the setting there is no `Keeper`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.context import language_of, with_lf
from lsp_server.documents import Document, Edit, Encoding, edited
from lsp_server.signals.offer import Showing
from lsp_server.signals.outcomes import Signals
from lsp_server.signals.writer import Writer

if TYPE_CHECKING:
    from lsp_server.open_texts import Chosen, Place
    from lsp_server.suggestion import Suggestion

_MOST_EDITS = 100  # of one message that are followed one by one


class Keeper:
    """The signals of one editor. `document_of` gives what is open, by URI."""

    def __init__(
        self,
        document_of: Callable[[str], Document | None],
        *,
        keep_text: bool = False,
        file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`file`: this user's own when not given."""
        self._document_of = document_of
        self._clock = clock
        self._writer = Writer(file)
        self._signals = Signals(self._writer.put, keep_text=keep_text)

    def _text_of(self, uri: str) -> str | None:
        document = self._document_of(uri)
        return None if document is None else with_lf(document.text)

    def shown(
        self,
        uri: str,
        place: Place,
        chosen: Chosen | None,
        suggestions: Sequence[Suggestion],
        *,
        invoked: bool,
        asked: float,
        waited: float,
    ) -> None:
        """Suggestions go to the editor; `asked` is when they were asked for (by the same clock), of which
        `waited` seconds were for the next key."""
        text = self._text_of(uri)
        begun = "" if chosen is None else with_lf(chosen.text)
        if text is None or not suggestions or not place.own_before.endswith(begun):
            return
        now = self._clock()
        showing = Showing(
            uri=uri,
            before=place.own_before[: len(place.own_before) - len(begun)],
            behind=place.own_behind,
            texts=tuple(begun + one.text for one in suggestions),
            begun=len(begun),
            language=language_of(place.document),
            kind=suggestions[0].kind,
            invoked=invoked,
            latency_ms=(now - asked) * 1000,
            waited_ms=waited * 1000,
        )
        self._signals.shown(showing, text, now=now, at=time.time())

    def named(self, name: str, uri: str, text: str) -> None:
        """An item of what was just shown: the id that its command carries, and its text as it is sent."""
        self._signals.named(name, uri, text)

    def accepted(self, name: object) -> None:
        """An item's command was run."""
        uri = self._signals.uri_of(name) if isinstance(name, str) else None
        text = None if uri is None else self._text_of(uri)
        if isinstance(name, str) and text is not None:
            self._signals.accepted(name, text, now=self._clock())

    def did_show(self, item: object) -> None:
        """`textDocument/didShowCompletion`: the client shows an item."""
        name = name_of(item)
        if name is not None:
            self._signals.told_shown(name, now=self._clock())

    def did_partly_accept(self, item: object, length: object) -> None:
        """`textDocument/didPartiallyAcceptCompletion`: so many UTF-16 units of an item stand there now."""
        name = name_of(item)
        uri = None if name is None else self._signals.uri_of(name)
        text = None if uri is None else self._text_of(uri)
        if name is not None and text is not None and isinstance(length, int):
            self._signals.told_partly(name, length, text, now=self._clock())

    def changed(self, uri: str, before: Document, edits: Sequence[Edit], encoding: Encoding) -> None:
        """A document was edited; it is open as it is now."""
        text = self._text_of(uri)
        if text is None:
            return
        texts = [with_lf(before.text)]
        if self._signals.follows(uri) and len(edits) <= _MOST_EDITS:
            for edit in edits[:-1]:
                before = edited(before, [edit], encoding)
                texts.append(with_lf(before.text))
        self._signals.changed(uri, [*texts, text], now=self._clock())

    def closed(self, uri: str, document: Document) -> None:
        """A document was closed, or opened anew; this is what it was."""
        self._signals.closed(uri, with_lf(document.text), now=self._clock())

    def close(self) -> None:
        """The editor is gone: keep what is known. May be called again."""
        self._signals.ended(self._text_of, now=self._clock())
        self._writer.close()

    def join(self, seconds: float) -> bool:
        """Wait, after `close`, for the file to be written; whether it is."""
        return self._writer.join(seconds)


def name_of(item: object) -> str | None:
    """The id of an item that a client sends back; it may send anything, as objects or as dicts."""
    arguments = _get(_get(item, "command"), "arguments")
    first = arguments[0] if isinstance(arguments, list | tuple) and arguments else None
    return first if isinstance(first, str) else None


def _get(thing: object, name: str) -> object:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)
