"""One model's answers to places in documents: what the worker thread does for the service.

A place becomes a hole without secrets around it, the hole a suggestion, and the suggestion is looked up in
what the model has learnt. Everything here runs on the worker, but for `is_known`.

Not here: who is asked when (service.py, turns.py), what makes a good suggestion (completer.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lsp_server import context
from lsp_server.attribution import Attribution, Matches
from lsp_server.completer import Completer, Request, Silence, Suggestion
from lsp_server.documents import Document
from lsp_server.open_texts import Place
from lsp_server.project_index import ProjectIndex
from lsp_server.secrecy import Secrecy
from lsp_server.settings import Settings
from model.errors import TabwrightError
from model.neighbours import characters_for

if TYPE_CHECKING:
    from model.fim import Hole, Snippet

TOO_LATE = "the deadline passed before it had its turn"

Found = tuple["Hole", Sequence[Suggestion], Sequence[Matches]]

log = logging.getLogger("lsp_server")


class Answering:
    """A completer with what it is asked with. `attribution` None looks nothing up."""

    def __init__(
        self,
        completer: Completer,
        index: ProjectIndex,
        secrecy: Secrecy,
        attribution: Attribution | None,
        *,
        since: float,
    ) -> None:
        """`since` is when the model was there, in `time.monotonic()` seconds."""
        self.completer = completer
        self.attribution = attribution
        self._index = index
        self._secrecy = secrecy
        self._since = since

    def prepare(self, document: Document) -> None:
        """Have a document encoded for the memory before anybody asks."""
        whole = context.hole_at(document, 0, folders=self._index.folders)
        # Megabytes of data may take seconds to look through: not before somebody asks there.
        if len(whole.suffix) <= context.LARGEST_NEIGHBOUR:
            self._secrecy.reading(whole)
            self.completer.engine.prepare(self._secrecy.of_open(whole.suffix))

    def is_known(self, place: Place) -> bool:
        """Whether the person is typing along with a suggestion, whose rest is known. From any thread."""
        hole = context.hole_between(place.document, place.before, place.behind, folders=self._index.folders)
        return bool(self.completer.cache.rest(hole))

    def answer(
        self,
        place: Place,
        others: Sequence[Document],
        cancelled: Callable[[], bool],
        settings: Settings,
        *,
        invoked: bool,
        asked: float,
        due: float,
    ) -> Found | Silence:
        """What may be shown at a place, and whose it is. No error of one suggestion ends the server."""
        # The clock runs from when the answer was due, also while other documents had their turn; a model that
        # was still loading then could not have answered.
        request = self.request(cancelled, settings, invoked=invoked, asked=asked, since=max(due, self._since))
        if request.deadline is not None and time.monotonic() >= request.deadline:
            return Silence(reason=TOO_LATE)
        try:
            hole, files = self.hole(place, others, request)
            project = self._index.project
            results: Sequence[Suggestion]
            if invoked:
                several = self.completer.complete_several(
                    hole, request, settings.candidates, files=files, project=project
                )
                if isinstance(several, Silence):
                    return several
                results = several
            else:
                one = self.completer.complete(hole, request, files=files, project=project)
                if isinstance(one, Silence):
                    return one
                results = [one]
            return self._attributed(hole, results, settings)
        except TabwrightError as error:
            return Silence(reason=str(error))
        except Exception as error:
            log.exception("a suggestion failed")
            return Silence(reason=f"an error: {error}")

    def ahead(
        self, place: Place, others: Sequence[Document], stopped: Callable[[], bool], settings: Settings
    ) -> None:
        """When there is nothing else to do: what will be asked for next."""
        request = self.request(stopped, settings, invoked=False, since=time.monotonic())
        hole, files = self.hole(place, others, request)
        self.completer.ahead(hole, request, files=files, project=self._index.project)

    def _attributed(self, hole: Hole, results: Sequence[Suggestion], settings: Settings) -> Found | Silence:
        """What may be shown of some suggestions, and whose it is."""
        if self.attribution is None:
            return hole, results, [()] * len(results)
        sifted = self.attribution.sift(results, hole, settings.attribution)
        return sifted if isinstance(sifted, Silence) else (hole, *sifted)

    def request(
        self,
        cancelled: Callable[[], bool],
        settings: Settings,
        *,
        invoked: bool,
        since: float,
        asked: float | None = None,
    ) -> Request:
        """`since` is when the time that the settings allow begins."""
        return Request(
            max_lines=settings.max_lines,
            deadline=since + allowed(settings, invoked=invoked),
            cancelled=cancelled,
            disabled=[name for name, on in settings.languages.items() if not on],
            invoked=invoked,
            in_comments=settings.in_comments,
            in_strings=settings.in_strings,
            show_above=settings.show_above,
            show_lines_above=settings.show_lines_above,
            asked=asked,
        )

    def hole(self, place: Place, others: Sequence[Document], request: Request) -> tuple[Hole, list[Snippet]]:
        """The hole, and the other open files of its language."""
        # Choosing neighbours takes time: none where the completer will say no.
        release = self.completer.engine.release
        language = context.language_of(place.document)
        asked = language in release.languages and language not in request.disabled
        beside = context.files_beside(place.document, others, self._index.folders) if asked else []
        files = [replace(file, text=self._secrecy.of_open(file.text)) for file in beside]
        shown = asked and release.neighbours
        hole = context.hole_between(
            place.document,
            place.before,
            place.behind,
            folders=self._index.folders,
            files=files if shown else [],
            nearby=self._index.nearby if shown else None,
            # As many as training shows in a prompt of this size.
            characters=characters_for(self.completer.budget),
        )
        return hole, files


def allowed(settings: Settings, *, invoked: bool) -> float:
    """Seconds that an answer may take from when it is due."""
    return (settings.invoked_deadline_ms if invoked else settings.deadline_ms) / 1000
