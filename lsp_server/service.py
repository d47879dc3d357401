"""One editor's service, in words of our own: open documents, settings, the model, its state, suggestions.

Everything here runs on the event loop, except `_complete`, which runs on the worker thread. Not here: LSP
(server.py), who may decode (turns.py), what makes a good suggestion (completer.py).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from lsp_server import context, settings
from lsp_server.completer import Completer, Request, Silence, Suggestion, Use, deadline_in, explained
from lsp_server.documents import Document, Encoding, changed, offset_at
from lsp_server.turns import Turns
from lsp_server.workspace import Workspace
from model.errors import ConfigError, TabwrightError
from model.neighbourhood import Neighbourhood
from model.neighbours import characters_for

if TYPE_CHECKING:
    from model.fim import Hole
    from model.serving.engine import Engine
    from model.serving.memory import Layer
    from model.serving.project import Project

State = Literal["starting", "ready", "silent", "problem"]
Load = Callable[[Path | None, int], "Engine"]  # folder and threads
_MOST_PREPARED = 6
Spot = tuple[int, int]  # line and column as the editor counts them

log = logging.getLogger("lsp_server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says; it has the last word over the editor's settings."""

    model: Path | None = None
    threads: int | None = None
    use: Use = "both"  # this and `layers` are for measuring
    layers: tuple[Layer, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of a document: of the range, or of all of it where there is none."""

    text: str
    start: Spot | None = None
    end: Spot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The entry selected in the editor's own menu: a suggestion must go on from its text."""

    start: Spot
    end: Spot
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A suggestion, with the document and hole that it was made for."""

    document: Document
    hole: Hole
    suggestion: Suggestion


class Face(Protocol):
    """What the service has to tell; the server puts it into LSP."""

    def tell_status(self, state: State, message: str) -> None:
        """The state changed."""

    def tell_user(self, message: str, *, problem: bool) -> None:
        """A sentence that the person should read: a problem, or a warning."""


def load_engine(folder: Path | None, threads: int) -> Engine:
    """The real engine. Imported late: onnxruntime takes longer than everything else together."""
    from model.serving.engine import Engine

    try:
        folder = folder and folder.expanduser()
    except RuntimeError:
        raise ConfigError(f"the home folder in {folder} is not known; write the path without ~") from None
    return Engine.load(folder, threads=threads)


class Service:
    """Everything a connection has. `encoding` and `folders` (file system paths) come with initialize."""

    def __init__(self, face: Face, flags: Flags, load: Load) -> None:
        self.settings = settings.Settings()
        self.encoding: Encoding = "utf-16"
        self.folders: list[str] = []
        self.completer: Completer | None = None
        self.state: tuple[State, str] = ("starting", "the model is loading")
        self._documents: dict[str, Document] = {}  # in the order they were opened
        self._touched: dict[str, None] = {}  # URIs, the one worked on last at the end
        self._neighbourhood = Neighbourhood()  # of open documents; used on the worker thread only
        self._project: Project | None = None
        self._workspace: Workspace | None = None
        self._asked = ""  # URI of the document last asked for, until it is closed
        self._turns = Turns()
        self._face = face
        self._flags = flags
        self._load = load
        self._loading: asyncio.Future[None] | None = None
        self._warned: set[str] = set()

    # Documents

    def open(self, uri: str, document: Document) -> None:
        """Keep a document. Editors open some in the background: the one asked for stays the state's."""
        self._documents[uri] = document
        self._touch(uri)
        self._prepare([document])
        self._look()

    def change(self, uri: str, edits: list[Edit]) -> None:
        """Edit a document. An answer for its old text would be of no use, so it is not waited for."""
        document = self._documents.get(uri)
        if document is None:
            log.warning("a change of %s, which is not open, was ignored", uri)
            return
        self._turns.overtake(uri)
        text = document.text
        for edit in edits:
            if edit.start is None or edit.end is None:
                text = edit.text
            else:
                text = changed(text, edit.start, edit.end, edit.text, self.encoding)
        self._documents[uri] = replace(document, text=text)
        self._touch(uri)

    def saved(self, path: str) -> None:
        """A file has changed on disk: the project's index reads it again."""
        if self._workspace is not None:
            self._workspace.changed(os.path.realpath(path))

    def close_document(self, uri: str) -> None:
        """Forget a document."""
        self._turns.overtake(uri)
        document = self._documents.pop(uri, None)
        self._touched.pop(uri, None)
        if document is not None:
            self.saved(document.path)
        if uri == self._asked:
            self._asked = ""

    def _touch(self, uri: str) -> None:
        self._touched.pop(uri, None)
        self._touched[uri] = None

    def _prepare(self, documents: Sequence[Document]) -> None:
        """Have documents encoded for the memory before anybody asks."""
        if self.completer is not None:
            known = self.completer.engine.release.languages
            fit = [
                document
                for document in documents
                if context.language_of(document) in known and len(document.text) <= context.LARGEST_NEIGHBOUR
            ]
            # An editor may restore dozens at once; those not prepared are encoded when they are needed.
            for document in fit[-_MOST_PREPARED:]:
                text = context.with_lf(document.text)
                self._turns.background(partial(self.completer.engine.prepare, text))

    # The project

    def follow(self, folders: Sequence[str]) -> None:
        """The workspace's folders are these."""
        # As documents' paths are: the same file must have the same name in the index.
        self.folders = [os.path.realpath(folder) for folder in folders]
        self._index()

    def _index(self) -> None:
        """Index the folders in the background, or stop it, as the settings say."""
        if self.completer is None:
            return
        if self._workspace is None:
            if not self.settings.index_project or not self.folders:
                return
            engine = self.completer.engine
            self._project = engine.new_project()
            self._workspace = Workspace(self._project, engine.release.languages)
        self._workspace.follow(self.folders if self.settings.index_project else [])

    # Settings and state

    def configure(self, raw: object, *, at_start: bool) -> None:
        """Take settings over; warn once of each value that cannot be used."""
        reading = settings.read(raw, current=None if at_start else self.settings)
        self.settings = reading.settings
        for name in ("lsp_server", "model"):
            logging.getLogger(name).setLevel(self.settings.log_level.upper())
        for key in reading.unknown:
            log.warning("the setting %s.%s is not known and was ignored", settings.SECTION, key)
        for sentence in reading.warnings:
            if sentence not in self._warned:
                self._warned.add(sentence)
                self._face.tell_user(sentence, problem=False)
        if self.completer is not None:
            self.completer.cache.clear()
            self._look()
            self._index()

    def _set_state(self, state: State, message: str) -> None:
        if (state, message) != self.state or state == "starting":
            self.state = (state, message)
            self._face.tell_status(state, message)

    def _look(self) -> None:
        """Set the state for the document that is worked on: the one last asked for, else the last opened."""
        if self.completer is None:
            return
        release = self.completer.engine.release
        document = self._documents.get(self._asked) or next(reversed(self._documents.values()), None)
        language = context.language_of(document) if document else None
        if not self.settings.enable:
            self._set_state("silent", "suggestions are switched off")
        elif language is not None and language not in release.languages:
            self._set_state("silent", f"the model does not know {language or 'this language'}")
        elif language is not None and not self.settings.languages.get(language, True):
            self._set_state("silent", f"suggestions are switched off for {language}")
        else:
            self._set_state("ready", f"{release.name} is ready")

    # The model

    def start_loading(self) -> asyncio.Future[None]:
        """Load the model on the worker, once; requests wait for it."""
        if self._loading is None:
            self._set_state("starting", "the model is loading")
            self._loading = asyncio.ensure_future(self._load_model())
        return self._loading

    async def _load_model(self) -> None:
        folder = self._flags.model or (Path(self.settings.model) if self.settings.model else None)
        threads = self.settings.threads if self._flags.threads is None else self._flags.threads
        start = time.monotonic()
        try:
            engine = await self._turns.background(lambda: self._load(folder, threads))
        except TabwrightError as error:
            self._report_problem(str(error))
            return
        except Exception as error:
            log.exception("the model could not be loaded")
            self._report_problem(f"the model could not be loaded: {error}")
            return
        self.completer = Completer(engine, use=self._flags.use, layers=self._flags.layers)
        log.info("loaded %s in %.0f ms", engine.release.folder, (time.monotonic() - start) * 1000)
        self._prepare(list(self._documents.values()))
        self._index()
        self._look()

    def _report_problem(self, message: str) -> None:
        self._set_state("problem", message)
        self._face.tell_user(f"Tabwright: {message}", problem=True)

    # Suggestions

    async def suggest(
        self, uri: str, spot: Spot, *, invoked: bool, chosen: Chosen | None = None
    ) -> Answer | None:
        """The suggestion for a place in an open document, or None."""
        document = self._documents.get(uri)
        if document is None:
            log.warning("a request for %s, which is not open, was answered with nothing", uri)
            return None
        self._asked = uri
        self._look()
        if not self.settings.enable or (self.settings.trigger_mode == "invoked" and not invoked):
            return None
        between = self._between(document, spot, chosen)
        if between is None:
            return None
        asked = time.monotonic()
        found = await self._turns.run(
            uri,
            lambda cancelled: self._complete(document, *between, cancelled, invoked=invoked),
            delay=0 if invoked else self.settings.debounce_ms / 1000,
            after=self.start_loading(),
        )
        if found is None:
            return None
        milliseconds = (time.monotonic() - asked) * 1000
        if isinstance(found, Silence):
            log.debug("no suggestion after %.0f ms: %s", milliseconds, found.reason)
            return None
        hole, result = found
        log.debug("suggestion after %.0f ms: %d tokens, %s", milliseconds, result.tokens, result.stop_reason)
        for sentence in explained(result):
            log.debug("%s", sentence)
        return Answer(document=document, hole=hole, suggestion=result)

    def _between(self, document: Document, spot: Spot, chosen: Chosen | None) -> tuple[str, str] | None:
        """The text before and behind the place; None, and a line in the log, where there is no such place."""
        first, last = (spot, spot) if chosen is None else (chosen.start, chosen.end)
        ends = []
        for line, character in (spot, first, last):
            ends.append(offset_at(document.text, line, character, self.encoding))
            if ends[-1] is None:
                log.warning(
                    "line %d, character %d is outside %s; the request was answered with nothing",
                    line, character, document.path,
                )  # fmt: skip
                return None
        return document.text[: ends[1]] + (chosen.text if chosen else ""), document.text[ends[2] :]

    def _complete(
        self, document: Document, before: str, behind: str, cancelled: Callable[[], bool], *, invoked: bool
    ) -> tuple[Hole, Suggestion] | Silence:
        """On the worker thread. No error of one suggestion ends the server."""
        completer = self.completer
        if completer is None:
            return Silence(reason="there is no model")
        request = Request(
            max_lines=self.settings.max_lines,
            deadline=deadline_in(self.settings.deadline_ms),
            cancelled=cancelled,
            disabled=[name for name, on in self.settings.languages.items() if not on],
            invoked=invoked,
        )
        # The one worked on last first. A list first: the event loop may add one meanwhile.
        others = [
            other for uri in reversed(list(self._touched)) if (other := self._documents.get(uri)) is not None
        ]
        try:
            # Choosing neighbours takes time: none where the completer will say no.
            language = context.language_of(document)
            asked = language in completer.engine.release.languages and language not in request.disabled
            files = context.files_beside(document, others, self.folders) if asked else []
            shown = files if completer.engine.release.neighbours else []
            hole = context.hole_between(
                document,
                before,
                behind,
                folders=self.folders,
                files=shown,
                neighbourhood=self._neighbourhood,
                # As many as training shows in a prompt of this size.
                characters=characters_for(completer.budget),
            )
            result = completer.complete(hole, request, files=files, project=self._project)
        except Exception as error:
            log.exception("a suggestion failed")
            return Silence(reason=f"an error: {error}")
        return result if isinstance(result, Silence) else (hole, result)

    def close(self) -> None:
        """End everything that is under way."""
        if self._workspace is not None:
            self._workspace.close()
        self._turns.close()
