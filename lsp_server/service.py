"""One editor's service, in words of our own: open documents, settings, the model, its state, suggestions.

Everything here runs on the event loop; what the worker thread does is handed to it (turns.py).

Not here: LSP (server.py), what is open (open_texts.py), which engine is loaded (loading.py), how a place is
answered (answering.py), what is read of the workspace (project_index.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from lsp_server import context, loading, remote, settings
from lsp_server.answering import TOO_LATE, Answering, Found, allowed
from lsp_server.attribution import Attribution, Matches
from lsp_server.completer import Completer, Silence, Suggestion, explained
from lsp_server.documents import Document, Edit, Spot
from lsp_server.loading import Flags, Load, load_engine
from lsp_server.notebooks import Notebook
from lsp_server.open_texts import Chosen, OpenTexts, Place, Splice
from lsp_server.pace import Pace
from lsp_server.project_index import ProjectIndex
from lsp_server.secrecy import Secrecy
from lsp_server.shown import LastShown
from lsp_server.turns import Turns
from lsp_server.workspace import State as Indexed
from model.errors import TabwrightError

if TYPE_CHECKING:
    from lsp_server.signals.keeper import Keeper
    from model.fim import Hole
    from model.serving.remote.engine import RemoteEngine

__all__ = ["Answer", "Face", "Flags", "Load", "Service", "State", "load_engine"]

State = Literal["starting", "ready", "silent", "problem"]
_MOST_PREPARED = 6
_MOST_WARNED = 100  # sentences; whoever sends that many reads none

log = logging.getLogger("lsp_server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Suggestions, the best first and at least one, with the document and hole that they were made for.

    `matches` goes along with them: what of each stands in the training corpus.
    """

    document: Document
    hole: Hole
    suggestions: tuple[Suggestion, ...]
    matches: tuple[Matches, ...]


class Face(Protocol):
    """What the service has to tell; the server puts it into LSP."""

    def tell_status(self, state: State, message: str) -> None:
        """The state changed."""

    def tell_user(self, message: str, *, problem: bool) -> None:
        """A sentence that the person should read: a problem, or a warning."""

    def tell_indexing(self) -> None:
        """The workspace is being looked through; `Service.indexed` says how far that is."""


class Service:
    """Everything a connection has. `texts.encoding` and the folders come with initialize."""

    def __init__(self, face: Face, flags: Flags, load: Load) -> None:
        self.settings = settings.Settings()
        self.texts = OpenTexts()
        self.state: tuple[State, str] = ("starting", "the model is loading")
        self.signals: Keeper | None = None  # where somebody wants them kept
        self._answering: Answering | None = None  # once there is a model
        self._secrecy = Secrecy()
        self._index = ProjectIndex(hide=self._secrecy.without)
        self._asked = ""  # URI of the document last asked for, until it is closed
        self._shown = LastShown()
        self._ahead: Place | None = None  # computed, or being computed, before it is asked for
        self._pace = Pace()
        self._turns = Turns()
        self._face = face
        self._flags = flags
        self._load = load
        self._remote: RemoteEngine | None = None
        self._loading: asyncio.Future[None] | None = None
        self._warned: set[str] = set()

    # Documents

    def open(self, uri: str, document: Document) -> None:
        """Keep a document. Editors open some in the background: the one asked for stays the state's."""
        self._turns.overtake(self.texts.key(uri))
        self._tell_closed(uri)
        self.texts.open(uri, document)
        self._prepare([document])
        self._look()

    def change(self, uri: str, edits: Sequence[Edit]) -> None:
        """Edit a document. An answer for its old text would be of no use, so it is not waited for."""
        self._turns.overtake(self.texts.key(uri))
        before = self.texts.get(uri)
        if self.texts.change(uri, edits) is not None:
            if self.signals is not None and before is not None:
                self.signals.changed(uri, before, edits, self.texts.encoding)
            self._pace.typed(time.monotonic(), "".join(edit.text for edit in edits))
            self.accepted(uri)

    def saved(self, path: str) -> None:
        """A file has changed on disk: the project's index reads it again."""
        self._index.saved(path)

    def close_document(self, uri: str) -> None:
        """Forget a document."""
        self._turns.overtake(self.texts.key(uri))
        self._tell_closed(uri)
        document = self.texts.close(uri)
        self._forget_closed()
        if document is not None and Path(document.path).is_absolute():
            self.saved(document.path)
        if uri == self._asked:
            self._asked = ""

    def _tell_closed(self, uri: str) -> None:
        document = self.texts.get(uri)
        if self.signals is not None and document is not None:
            self.signals.closed(uri, document)

    def open_notebook(self, uri: str, notebook: Notebook, texts: Mapping[str, Document]) -> None:
        """Keep a notebook, whose cells are one document."""
        self._turns.overtake(uri)
        self.texts.open_notebook(uri, notebook, texts)
        self._forget_closed()
        self._look()

    def change_notebook(
        self,
        uri: str,
        splice: Splice | None,
        opened: Mapping[str, Document],
        closed: Sequence[str],
        edits: Sequence[tuple[str, Sequence[Edit]]],
    ) -> None:
        """Change the cells of a notebook, then their texts."""
        self._turns.overtake(uri)
        if splice is not None and self.texts.change_notebook(uri, splice, opened):
            for cell in closed:
                self.close_document(cell)
            self._forget_closed()  # not all editors say of a cell that is taken out that it is closed
        for cell, changes in edits:
            self.change(cell, changes)

    def close_notebook(self, uri: str, cells: Sequence[str]) -> None:
        """Forget a notebook and its cells."""
        self._turns.overtake(uri)
        for cell in {*self.texts.close_notebook(uri), *cells}:
            self.close_document(cell)

    def _forget_closed(self) -> None:
        self._shown.forget(lambda uri: self.texts.get(uri) is None)

    def _prepare(self, documents: Sequence[Document]) -> None:
        """Have documents encoded for the memory before anybody asks."""
        if self._answering is not None:
            known = self._answering.completer.engine.release.languages
            fit = [document for document in documents if context.language_of(document) in known]
            # An editor may restore dozens at once; those not prepared are encoded when they are needed.
            for document in fit[-_MOST_PREPARED:]:
                self._turns.errand(partial(self._answering.prepare, document))

    # The project

    def follow(self, folders: Sequence[str]) -> None:
        """The workspace's folders are these."""
        self._index.follow(folders)
        self._read_project()

    def _read_project(self) -> None:
        """Index the folders in the background, or stop it, as the settings say."""
        if self.completer is not None and self._index.read(
            self.completer.engine, wanted=self.settings.index_project
        ):
            self._face.tell_indexing()

    @property
    def indexed(self) -> Indexed | None:
        """How far the index of the workspace is; None where there is none."""
        return self._index.state

    # Settings and state

    def configure(self, raw: object, *, at_start: bool) -> None:
        """Take settings over; warn once of each value that cannot be used."""
        before = self.settings
        reading = settings.read(raw, current=None if at_start else before)
        self.settings = reading.settings
        if at_start and self.settings.signals:
            from lsp_server.signals.keeper import Keeper

            self.signals = Keeper(self.texts.get, keep_text=self.settings.signals_text)
        for name in ("lsp_server", "model"):
            logging.getLogger(name).setLevel(self.settings.log_level.upper())
        for key in reading.unknown:
            log.warning("the setting %s.%.80s is not known and was ignored", settings.SECTION, key)
        for sentence in reading.warnings:
            self._warn_once(sentence)
        if self.completer is not None:
            self.completer.cache.clear()
            self._look()
            if self.settings.index_project != before.index_project:
                self._read_project()

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self._warned and len(self._warned) < _MOST_WARNED:
            self._warned.add(sentence)
            self._face.tell_user(sentence, problem=False)

    def _set_state(self, state: State, message: str) -> None:
        if (state, message) != self.state or state == "starting":
            self.state = (state, message)
            self._face.tell_status(state, message)

    def _look(self) -> None:
        """Set the state for the document that is worked on: the one last asked for, else the last opened."""
        if self.completer is None:
            return
        release = self.completer.engine.release
        document = self.texts.get(self._asked) or self.texts.last_opened
        language = context.language_of(document) if document else None
        if not self.settings.enable:
            self._set_state("silent", "suggestions are switched off")
        elif language is not None and language not in release.languages:
            self._set_state("silent", f"the model does not know {language or 'this language'}")
        elif language is not None and not self.settings.languages.get(language, True):
            self._set_state("silent", f"suggestions are switched off for {language}")
        else:
            self._tell_readiness(release.name)

    def _tell_readiness(self, name: str) -> None:
        if self._remote is None:
            self._set_state("ready", f"{name} is ready")
        elif self._remote.trouble is None:
            self._set_state("ready", remote.ready(self._remote))
        else:
            self._set_state("problem", self._remote.trouble)
            self._warn_once(f"Tabwright: {self._remote.trouble}")

    # The model

    @property
    def model_folder(self) -> Path | None:
        """The folder of the model that is used or tried; None for the one that ships."""
        return loading.folder_for(self.settings, self._flags)

    @property
    def elsewhere(self) -> tuple[settings.Settings, RemoteEngine | None] | None:
        """What names an engine on another machine, and the engine once it is connected; None for our own."""
        final = remote.wanted(self.settings, self._flags.engine)
        return None if final is None else (final, self._remote)

    @property
    def completer(self) -> Completer | None:
        """What suggests, once there is a model."""
        return None if self._answering is None else self._answering.completer

    def start_loading(self) -> asyncio.Future[None]:
        """Load the model on the worker, once; requests wait for it."""
        if self._loading is None:
            self._set_state("starting", "the model is loading")
            self._loading = asyncio.ensure_future(self._load_model())
        return self._loading

    async def _load_model(self) -> None:
        start = time.monotonic()
        get = partial(loading.engine_for, self.settings, self._flags, self._load)
        try:
            engine, self._remote = await self._turns.background(get)
        except TabwrightError as error:
            self._report_problem(str(error))
            return
        except Exception as error:
            log.exception("the model could not be loaded")
            self._report_problem(f"the model could not be loaded: {error}")
            return
        flags = self._flags
        completer = Completer(
            engine,
            use=flags.use,
            layers=flags.layers,
            without=flags.without,
            secrecy=self._secrecy,
            elsewhere=self._remote is not None,
        )
        self.answer_with(completer, Attribution(engine.release), since=time.monotonic())
        log.info("loaded %s in %.0f ms", engine.release.folder, (time.monotonic() - start) * 1000)
        if self._remote is not None:
            log.info("%s", remote.ready(self._remote))
            if self._remote.warning is not None:
                self._warn_once(f"Tabwright: {self._remote.warning}")
        self._prepare(self.texts.all())
        self._read_project()
        self._look()

    def answer_with(
        self, completer: Completer, attribution: Attribution | None = None, *, since: float = 0.0
    ) -> None:
        """Take a model into service, which has been there `since` (`time.monotonic()` seconds)."""
        self._answering = Answering(completer, self._index, self._secrecy, attribution, since=since)

    def _report_problem(self, message: str) -> None:
        self._set_state("problem", message)
        self._face.tell_user(f"Tabwright: {message}", problem=True)

    # Suggestions

    async def suggest(
        self, uri: str, spot: Spot, *, invoked: bool, chosen: Chosen | None = None
    ) -> Answer | Silence | None:
        """The suggestions for a place in an open document, or why there are none. None: it was overtaken."""
        place = self.texts.place(uri, spot, chosen)
        if place is None:
            return Silence(reason="there is no such place in an open document")
        self._asked = uri
        self._look()
        if not self.settings.enable or (self.settings.trigger_mode == "invoked" and not invoked):
            return Silence(reason="it is switched off, or only answers who asks")
        asked = time.monotonic()
        others = self.texts.others(uri)
        delay = 0.0 if invoked or place == self._ahead or self._is_known(place) else self._delay(asked)
        due = asked + delay
        try:
            found = await self._turns.run(
                self.texts.key(uri),
                lambda cancelled: self._answer(
                    place, others, cancelled, invoked=invoked, asked=asked, due=due
                ),
                delay=delay,
                after=self.start_loading(),
                patience=allowed(self.settings, invoked=invoked),
                joins=place == self._ahead,
            )
        except TimeoutError:
            found = Silence(reason=TOO_LATE)
        if self._remote is not None:
            self._look()  # it may have failed, or answer again
        if found is None:
            return None
        after = f"after {(time.monotonic() - asked) * 1000:.0f} ms ({delay * 1000:.0f} waited)"
        if isinstance(found, Silence):
            log.debug("no suggestion %s: %s", after, found.reason)
            return found
        hole, results, matches = found
        self._look_at_attribution()
        for result in results:
            log.debug("suggestion %s: %d tokens, %s", after, result.tokens, result.stop_reason)
            for sentence in explained(result) if log.isEnabledFor(logging.DEBUG) else ():
                log.debug("%s", sentence)
        self._shown.remember(uri, place, [result.text for result in results])
        if self.signals is not None:
            self.signals.shown(uri, place, chosen, results, invoked=invoked, asked=asked, waited=delay)
        document = self.texts.get(uri)
        if document is None:
            return None
        return Answer(document=document, hole=hole, suggestions=tuple(results), matches=tuple(matches))

    def _look_at_attribution(self) -> None:
        """Once: see whether the index is the model's. Before the first answer it would have kept that."""
        index = None if self._answering is None else self._answering.attribution
        if index is not None and not index.prepared and self.settings.attribution != "off":
            index.prepared = True  # one errand is enough, also while it waits for its turn
            self._turns.errand(index.prepare)

    def _is_known(self, place: Place) -> bool:
        """Whether the person is typing along with a suggestion: the rest of it costs nothing, and to wait
        would take it from their eyes."""
        return self._answering is not None and self._answering.is_known(place)

    def _delay(self, now: float) -> float:
        """Seconds to wait before a request that nobody asked for is worth its while."""
        setting = self.settings.debounce_ms
        return self._pace.delay(setting, now) if self.settings.adapt_debounce else setting / 1000

    def _answer(
        self,
        place: Place,
        others: Sequence[Document],
        cancelled: Callable[[], bool],
        *,
        invoked: bool,
        asked: float,
        due: float,
    ) -> Found | Silence:
        """On the worker thread."""
        if self._answering is None:
            return Silence(reason="there is no model")
        return self._answering.answer(
            place, others, cancelled, self.settings, invoked=invoked, asked=asked, due=due
        )

    # After a suggestion was accepted

    def accepted(self, uri: str) -> None:
        """A suggestion may have become part of a document, by its command or an edit: then go on from there.

        Some editors run the command before they edit, others after: whichever comes last finds the text.
        """
        document = self.texts.get(uri)
        beginning = None if document is None else self._shown.accepted(uri, document.text)
        if beginning is None:
            return
        self._pace.accepted()
        place = self.texts.place_after(uri, beginning)
        automatic = self.settings.enable and self.settings.trigger_mode == "automatic"
        if place is not None and automatic and "ahead" not in self._flags.without:
            self._ahead = place
            work = partial(self._compute_ahead, place, self.texts.others(uri))
            self._turns.ahead(self.texts.key(uri), work)

    def _compute_ahead(self, place: Place, others: Sequence[Document], stopped: Callable[[], bool]) -> None:
        """On the worker thread, when it has nothing else to do: what will be asked for next."""
        if self._answering is not None:
            self._answering.ahead(place, others, stopped, self.settings)

    def close(self) -> None:
        """End everything that is under way."""
        self._index.close()
        self._turns.close()
        if self.signals is not None:
            self.signals.close()

    def join(self, seconds: float) -> bool:
        """Wait, after `close`, for the worker to end its step; whether it has."""
        if self.signals is not None:
            self.signals.join(seconds)
        if not self._turns.join(seconds):
            return False
        if self._remote is not None:
            self._remote.close()
        return True
