"""One editor's service, in words of our own: open documents, settings, the model, its state, suggestions.

Everything here runs on the event loop, except `_complete` and `_compute_ahead`, which run on the worker
thread. Not here: LSP (server.py), what is open (open_texts.py), who may decode (turns.py), what makes a good
suggestion (completer.py).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from lsp_server import context, power, remote, settings
from lsp_server.attribution import Attribution, Matches
from lsp_server.completer import Completer, Request, Silence, Suggestion, Use, explained
from lsp_server.documents import Document, Edit, Spot
from lsp_server.nearby import Nearby
from lsp_server.notebooks import Notebook
from lsp_server.open_texts import Chosen, OpenTexts, Place, Splice
from lsp_server.pace import Pace
from lsp_server.secrecy import Secrecy
from lsp_server.turns import Turns
from lsp_server.workspace import State as Indexed
from lsp_server.workspace import Workspace
from model.errors import ConfigError, TabwrightError
from model.neighbours import characters_for
from model.serving.runtime import default_threads

if TYPE_CHECKING:
    from lsp_server.engines import Engine
    from lsp_server.signals.keeper import Keeper
    from model.fim import Hole, Snippet
    from model.serving.memory import Layer
    from model.serving.project import Project
    from model.serving.remote.engine import RemoteEngine
    from model.serving.shelf import Shelf

State = Literal["starting", "ready", "silent", "problem"]
Load = Callable[[Path | None, int], "Engine"]  # folder and threads
_MOST_PREPARED = 6
_MOST_WARNED = 100  # sentences; whoever sends that many reads none
_TOO_LATE = "the deadline passed before it had its turn"
_MOST_SHOWN = 16  # documents whose last suggestions are remembered until they are accepted

log = logging.getLogger("lsp_server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says; it has the last word over the editor's settings."""

    model: Path | None = None
    threads: int | None = None
    engine: Mapping[str, object] = field(default_factory=dict)  # settings, by `remote.chosen`
    use: Use = "both"  # this and what follows are for measuring
    layers: tuple[Layer, ...] | None = None
    without: frozenset[str] = frozenset()  # names of parts.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Suggestions, the best first and at least one, with the document and hole that they were made for.

    `matches` goes along with them: what of each stands in the training corpus.
    """

    document: Document
    hole: Hole
    suggestions: tuple[Suggestion, ...]
    matches: tuple[Matches, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What was last suggested in a document, to know it when it stands there. LF line ends."""

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


class Face(Protocol):
    """What the service has to tell; the server puts it into LSP."""

    def tell_status(self, state: State, message: str) -> None:
        """The state changed."""

    def tell_user(self, message: str, *, problem: bool) -> None:
        """A sentence that the person should read: a problem, or a warning."""

    def tell_indexing(self) -> None:
        """The workspace is being looked through; `Service.indexed` says how far that is."""


def load_engine(folder: Path | None, threads: int) -> Engine:
    """The real engine. Imported late: onnxruntime takes longer than everything else together."""
    from model.serving.engine import Engine

    try:
        folder = folder and folder.expanduser()
    except RuntimeError:
        raise ConfigError(f"the home folder in {folder} is not known; write the path without ~") from None
    return Engine.load(folder, threads=threads)


def _shelf(engine: Engine) -> Shelf | None:
    """Where the index of a workspace is kept from one start to the next, if there is one to keep."""
    if engine.encoder is None:
        return None
    from platformdirs import user_cache_path

    from model.serving.shelf import Shelf

    folder = user_cache_path("tabwright") / "index"
    return Shelf(folder, tokenizer_sha256=engine.tokenizer.sha256, dtype=engine.encoder.dtype)


class Service:
    """Everything a connection has. `texts.encoding` and the folders come with initialize."""

    def __init__(self, face: Face, flags: Flags, load: Load) -> None:
        self.settings = settings.Settings()
        self.texts = OpenTexts()
        self.folders: list[str] = []  # file system paths
        self.completer: Completer | None = None
        self.state: tuple[State, str] = ("starting", "the model is loading")
        self.signals: Keeper | None = None  # where somebody wants them kept
        self._attribution: Attribution | None = None  # comes with the model
        self._secrecy = Secrecy()
        self._nearby = Nearby()  # what a prompt's neighbours are chosen from
        self._project: Project | None = None
        self._workspace: Workspace | None = None
        self._asked = ""  # URI of the document last asked for, until it is closed
        self._shown: dict[str, _Shown] = {}  # by URI
        self._ahead: Place | None = None  # computed, or being computed, before it is asked for
        self._pace = Pace()
        self._turns = Turns()
        self._face = face
        self._flags = flags
        self._load = load
        self._remote: RemoteEngine | None = None
        self._loading: asyncio.Future[None] | None = None
        self._loaded_at = 0.0  # time.monotonic()
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
        if self._workspace is not None:
            self._workspace.changed(os.path.realpath(path))

    def close_document(self, uri: str) -> None:
        """Forget a document."""
        self._turns.overtake(self.texts.key(uri))
        self._tell_closed(uri)
        document = self.texts.close(uri)
        self._shown.pop(uri, None)
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
        for uri in [uri for uri in self._shown if self.texts.get(uri) is None]:
            del self._shown[uri]

    def _prepare(self, documents: Sequence[Document]) -> None:
        """Have documents encoded for the memory before anybody asks."""
        if self.completer is not None:
            known = self.completer.engine.release.languages
            fit = [document for document in documents if context.language_of(document) in known]
            # An editor may restore dozens at once; those not prepared are encoded when they are needed.
            for document in fit[-_MOST_PREPARED:]:
                self._turns.errand(partial(self._prepare_one, self.completer.engine, document))

    def _prepare_one(self, engine: Engine, document: Document) -> None:
        """On the worker thread."""
        whole = context.hole_at(document, 0, folders=self.folders)
        # Megabytes of data may take seconds to look through: not before somebody asks there.
        if len(whole.suffix) <= context.LARGEST_NEIGHBOUR:
            self._secrecy.reading(whole)
            engine.prepare(self._secrecy.of_open(whole.suffix))

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
            self._workspace = Workspace(
                self._project,
                engine.release.languages,
                nearby=self._nearby,
                shelf=_shelf(engine),
                hide=self._secrecy.without,
            )
        self._workspace.follow(self.folders if self.settings.index_project else [])
        self._face.tell_indexing()

    @property
    def indexed(self) -> Indexed | None:
        """How far the index of the workspace is; None where there is none."""
        return None if self._workspace is None else self._workspace.state

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
                self._index()

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
        return self._flags.model or (Path(self.settings.model) if self.settings.model else None)

    def start_loading(self) -> asyncio.Future[None]:
        """Load the model on the worker, once; requests wait for it."""
        if self._loading is None:
            self._set_state("starting", "the model is loading")
            self._loading = asyncio.ensure_future(self._load_model())
        return self._loading

    async def _load_model(self) -> None:
        folder = self.model_folder
        threads = self.settings.threads if self._flags.threads is None else self._flags.threads
        if power.on_battery():
            threads = power.threads_for(threads, default_threads(), battery=True)
            log.info("on battery: %d threads", threads)
        start = time.monotonic()
        engine: Engine
        try:
            elsewhere = remote.wanted(self.settings, self._flags.engine)
            if elsewhere is None:
                engine = await self._turns.background(lambda: self._load(folder, threads))
            else:
                self._remote = await self._turns.background(lambda: remote.load(elsewhere))
                engine = self._remote
        except TabwrightError as error:
            self._report_problem(str(error))
            return
        except Exception as error:
            log.exception("the model could not be loaded")
            self._report_problem(f"the model could not be loaded: {error}")
            return
        self._loaded_at = time.monotonic()
        flags = self._flags
        self.completer = Completer(
            engine,
            use=flags.use,
            layers=flags.layers,
            without=flags.without,
            secrecy=self._secrecy,
            elsewhere=self._remote is not None,
        )
        self._attribution = Attribution(engine.release)
        log.info("loaded %s in %.0f ms", engine.release.folder, (time.monotonic() - start) * 1000)
        if self._remote is not None:
            log.info("%s", remote.ready(self._remote))
            if self._remote.warning is not None:
                self._warn_once(f"Tabwright: {self._remote.warning}")
        self._prepare(self.texts.all())
        self._index()
        self._look()

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
                lambda cancelled: self._complete(
                    place, others, cancelled, invoked=invoked, asked=asked, due=due
                ),
                delay=delay,
                after=self.start_loading(),
                patience=self._allowed(invoked=invoked),
                joins=place == self._ahead,
            )
        except TimeoutError:
            found = Silence(reason=_TOO_LATE)
        if self._remote is not None:
            self._look()  # it may have failed, or answer again
        if found is None:
            return None
        after = f"after {(time.monotonic() - asked) * 1000:.0f} ms ({delay * 1000:.0f} waited)"
        if isinstance(found, Silence):
            log.debug("no suggestion %s: %s", after, found.reason)
            return found
        hole, results, matches = found
        index = None if self.settings.attribution == "off" else self._attribution
        if index is not None and not index.prepared:
            index.prepared = True  # one errand is enough, also while it waits for its turn
            self._turns.errand(index.prepare)  # it would have kept the first answer
        for result in results:
            log.debug("suggestion %s: %d tokens, %s", after, result.tokens, result.stop_reason)
            for sentence in explained(result):
                log.debug("%s", sentence)
        self._remember_shown(uri, place, results)
        if self.signals is not None:
            self.signals.shown(uri, place, chosen, results, invoked=invoked, asked=asked, waited=delay)
        document = self.texts.get(uri)
        if document is None:
            return None
        return Answer(document=document, hole=hole, suggestions=tuple(results), matches=tuple(matches))

    def _is_known(self, place: Place) -> bool:
        """Whether the person is typing along with a suggestion: the rest of it costs nothing, and to wait
        would take it from their eyes."""
        if self.completer is None:
            return False
        hole = context.hole_between(place.document, place.before, place.behind, folders=self.folders)
        return bool(self.completer.cache.rest(hole))

    def _delay(self, now: float) -> float:
        """Seconds to wait before a request that nobody asked for is worth its while."""
        setting = self.settings.debounce_ms
        return self._pace.delay(setting, now) if self.settings.adapt_debounce else setting / 1000

    def _complete(
        self,
        place: Place,
        others: Sequence[Document],
        cancelled: Callable[[], bool],
        *,
        invoked: bool,
        asked: float,
        due: float,
    ) -> tuple[Hole, Sequence[Suggestion], Sequence[Matches]] | Silence:
        """On the worker thread. No error of one suggestion ends the server."""
        completer = self.completer
        if completer is None:
            return Silence(reason="there is no model")
        # The clock runs from when the answer was due, also while other documents had their turn; a model that
        # was still loading then could not have answered.
        request = self._request(cancelled, invoked=invoked, asked=asked, since=max(due, self._loaded_at))
        if request.deadline is not None and time.monotonic() >= request.deadline:
            return Silence(reason=_TOO_LATE)
        try:
            hole, files = self._hole(completer, place, others, request)
            if invoked:
                several = completer.complete_several(
                    hole, request, self.settings.candidates, files=files, project=self._project
                )
                return several if isinstance(several, Silence) else self._attributed(hole, several)
            result = completer.complete(hole, request, files=files, project=self._project)
            return result if isinstance(result, Silence) else self._attributed(hole, [result])
        except TabwrightError as error:
            return Silence(reason=str(error))
        except Exception as error:
            log.exception("a suggestion failed")
            return Silence(reason=f"an error: {error}")

    def _attributed(
        self, hole: Hole, results: Sequence[Suggestion]
    ) -> tuple[Hole, Sequence[Suggestion], Sequence[Matches]] | Silence:
        """What may be shown of some suggestions, and whose it is. On the worker thread."""
        if self._attribution is None:
            return hole, results, [()] * len(results)
        sifted = self._attribution.sift(results, hole, self.settings.attribution)
        return sifted if isinstance(sifted, Silence) else (hole, *sifted)

    def _request(
        self,
        cancelled: Callable[[], bool],
        *,
        invoked: bool,
        since: float,
        asked: float | None = None,
    ) -> Request:
        """`since` is when the time that the settings allow begins."""
        return Request(
            max_lines=self.settings.max_lines,
            deadline=since + self._allowed(invoked=invoked),
            cancelled=cancelled,
            disabled=[name for name, on in self.settings.languages.items() if not on],
            invoked=invoked,
            in_comments=self.settings.in_comments,
            in_strings=self.settings.in_strings,
            show_above=self.settings.show_above,
            show_lines_above=self.settings.show_lines_above,
            asked=asked,
        )

    def _allowed(self, *, invoked: bool) -> float:
        """Seconds that an answer may take from when it is due."""
        return (self.settings.invoked_deadline_ms if invoked else self.settings.deadline_ms) / 1000

    def _hole(
        self, completer: Completer, place: Place, others: Sequence[Document], request: Request
    ) -> tuple[Hole, list[Snippet]]:
        """The hole, and the other open files of its language."""
        # Choosing neighbours takes time: none where the completer will say no.
        release = completer.engine.release
        language = context.language_of(place.document)
        asked = language in release.languages and language not in request.disabled
        beside = context.files_beside(place.document, others, self.folders) if asked else []
        files = [replace(file, text=self._secrecy.of_open(file.text)) for file in beside]
        shown = asked and release.neighbours
        hole = context.hole_between(
            place.document,
            place.before,
            place.behind,
            folders=self.folders,
            files=files if shown else [],
            nearby=self._nearby if shown else None,
            # As many as training shows in a prompt of this size.
            characters=characters_for(completer.budget),
        )
        return hole, files

    # After a suggestion was accepted

    def _remember_shown(self, uri: str, place: Place, results: Sequence[Suggestion]) -> None:
        self._shown.pop(uri, None)
        self._shown[uri] = _Shown(
            before=place.own_before,
            texts=tuple(result.text for result in results),
            behind=place.own_behind,
        )
        while len(self._shown) > _MOST_SHOWN:
            del self._shown[next(iter(self._shown))]

    def accepted(self, uri: str) -> None:
        """A suggestion may have become part of a document, by its command or an edit: then go on from there.

        Some editors run the command before they edit, others after: whichever comes last finds the text.
        """
        shown, document = self._shown.get(uri), self.texts.get(uri)
        text = None if shown is None or document is None else shown.accepted_in(document.text)
        if shown is None or text is None:
            return
        del self._shown[uri]
        self._pace.accepted()
        place = self.texts.place_after(uri, shown.before + text)
        automatic = self.settings.enable and self.settings.trigger_mode == "automatic"
        if place is not None and automatic and "ahead" not in self._flags.without:
            self._ahead = place
            work = partial(self._compute_ahead, place, self.texts.others(uri))
            self._turns.ahead(self.texts.key(uri), work)

    def _compute_ahead(self, place: Place, others: Sequence[Document], stopped: Callable[[], bool]) -> None:
        """On the worker thread, when it has nothing else to do: what will be asked for next."""
        if self.completer is not None:
            request = self._request(stopped, invoked=False, since=time.monotonic())
            hole, files = self._hole(self.completer, place, others, request)
            self.completer.ahead(hole, request, files=files, project=self._project)

    def close(self) -> None:
        """End everything that is under way."""
        if self._workspace is not None:
            self._workspace.close()
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
