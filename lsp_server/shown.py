"""What was last suggested in each document, to know when it stands there: accepted by a command, or by hand.

Some editors run the command of an accepted suggestion before they edit, others after, and some have none:
the text tells. Pure. Not here: what is done then (service.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lsp_server import context
from lsp_server.open_texts import Place

_MOST = 16  # documents whose last suggestions are remembered until they are accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """Suggestions, and the text that they were made for. LF line ends."""

    before: str
    texts: tuple[str, ...]
    behind: str

    def accepted_in(self, text: str) -> str | None:
        """The suggestion that has become part of the text, line ends aside."""
        text = context.with_lf(text)
        length = len(text) - len(self.before) - len(self.behind)
        for one in self.texts:
            if len(one) == length and text.startswith(one, len(self.before)):
                return one if text.startswith(self.before) and text.endswith(self.behind) else None
        return None


class LastShown:
    """The last suggestions by the URI of their document."""

    def __init__(self) -> None:
        self._shown: dict[str, _Shown] = {}

    def __len__(self) -> int:
        return len(self._shown)

    def remember(self, uri: str, place: Place, texts: Sequence[str]) -> None:
        """These are shown at a place now, in place of what was shown in that document."""
        self._shown.pop(uri, None)
        self._shown[uri] = _Shown(before=place.own_before, texts=tuple(texts), behind=place.own_behind)
        while len(self._shown) > _MOST:
            del self._shown[next(iter(self._shown))]

    def accepted(self, uri: str, text: str) -> str | None:
        """The document's text up to the end of what was accepted, once; None where nothing was."""
        shown = self._shown.get(uri)
        taken = None if shown is None else shown.accepted_in(text)
        if shown is None or taken is None:
            return None
        del self._shown[uri]
        return shown.before + taken

    def forget(self, is_gone: Callable[[str], bool]) -> None:
        """Forget what was shown in documents that are open no more."""
        for uri in [uri for uri in self._shown if is_gone(uri)]:
            del self._shown[uri]
