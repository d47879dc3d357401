"""The language server: LSP in, LSP out. With it, words.py, menu.py and progress.py alone know lsprotocol.

    textDocument/inlineCompletion   ghost text
    textDocument/completion         the same as menu entries, for editors without ghost text only
    notebookDocument/…              the cells of a notebook are one document (notebooks.py)
    $/progress                      the model is loading, the workspace is being looked through
    tabwright/status                request, and notification to clients that declare the experimental
                                    capability {"tabwright": {"status": true}}: {state, message}
    tabwright/model                 request: the model's name, licence, checksums and card
    tabwright.accepted              command of every item, run by the editor when it was accepted: its id, and
                                    where it stands in the training corpus, {"attribution": […]}
    textDocument/didShowCompletion, textDocument/didPartiallyAcceptCompletion
                                    what a client shows, and how much of it was taken

Not here: what is suggested and when (service.py), the process around it (process.py), messages as such
(jsonrpc.py, which knows pygls). Positions pass through as the editor counts them; they become character
offsets in `OpenTexts`, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import lsp_method
from pygls.uris import to_fs_path

from lsp_server import attribution, lifetime, menu, model_request, settings, words
from lsp_server.completer import Silence
from lsp_server.documents import line_end
from lsp_server.jsonrpc import AnsweringProtocol
from lsp_server.model_request import ModelRequest
from lsp_server.open_texts import Chosen, Splice
from lsp_server.progress import Progress
from lsp_server.service import Answer, Flags, Load, Service, State, load_engine

STATUS = "tabwright/status"
MODEL = "tabwright/model"
ACCEPTED = "tabwright.accepted"
DID_SHOW = "textDocument/didShowCompletion"
DID_PARTLY_ACCEPT = "textDocument/didPartiallyAcceptCompletion"
_MOST_OFFERED = 64  # suggestions whose acceptance is still recognised
_LEVELS = {
    logging.ERROR: types.MessageType.Error,
    logging.WARNING: types.MessageType.Warning,
    logging.INFO: types.MessageType.Info,
    logging.DEBUG: types.MessageType.Debug,
}

log = logging.getLogger("lsp_server")


class Protocol(AnsweringProtocol):
    """pygls' protocol with our own documents: pygls' break lines at form feeds, which corrupts edits."""

    _server: Server

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Keep the text."""
        self._server.service.open(params.text_document.uri, words.document(params.text_document))

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Edit the text."""
        self._server.service.change(params.text_document.uri, words.edits(params.content_changes))

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Forget the text."""
        self._server.service.close_document(params.text_document.uri)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def lsp_notebook_document__did_open(self, params: types.DidOpenNotebookDocumentParams) -> None:
        """Keep the cells and their texts."""
        opened, texts = params.notebook_document, words.documents(params.cell_text_documents)
        self._server.service.open_notebook(opened.uri, words.notebook(opened), texts)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(self, params: types.DidChangeNotebookDocumentParams) -> None:
        """Put cells in, take cells out, edit their texts."""
        cells = params.change.cells
        if cells is None:
            return
        splice, opened, closed = None, {}, []
        if cells.structure is not None:
            array = cells.structure.array
            put = words.cells(array.cells or ())
            splice = Splice(start=array.start, deleted=array.delete_count, cells=put)
            opened = words.documents(cells.structure.did_open or ())
            closed = [document.uri for document in cells.structure.did_close or ()]
        edits = [(one.document.uri, words.edits(one.changes)) for one in cells.text_content or ()]
        self._server.service.change_notebook(params.notebook_document.uri, splice, opened, closed, edits)

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(self, params: types.DidCloseNotebookDocumentParams) -> None:
        """Forget the cells and their texts."""
        cells = [document.uri for document in params.cell_text_documents]
        self._server.service.close_notebook(params.notebook_document.uri, cells)


class Server(LanguageServer):
    """The face of a `Service` towards one editor."""

    protocol: Protocol

    def __init__(self, flags: Flags, load: Load) -> None:
        python_cells = types.NotebookDocumentFilterWithCells(cells=[types.NotebookCellLanguage("python")])
        super().__init__(
            "tabwright",
            _version(),
            notebook_document_sync=types.NotebookDocumentSyncOptions([python_cells], save=True),
            protocol_cls=Protocol,
            converter_factory=words.converter,
        )
        self.service = Service(self, flags, load)
        self.about_model = ModelRequest()
        self.client_has_folders = False  # it told of folders, if only that there are none
        self.over: asyncio.Future[None] | None = None  # the editor is gone
        self.loop: asyncio.AbstractEventLoop | None = None
        self._offered: OrderedDict[str, str] = OrderedDict()  # URI by the id of a suggestion
        self._numbers = 0
        self.bars = Progress(self)

    def tell_status(self, state: State, message: str) -> None:
        """Send `tabwright/status` to a client that wants it: some warn of what they do not know."""
        if _wants_status(self):
            self.protocol.notify(STATUS, {"state": state, "message": message})

    def tell_user(self, message: str, *, problem: bool) -> None:
        """Show a message box."""
        kind = types.MessageType.Error if problem else types.MessageType.Warning
        self.window_show_message(types.ShowMessageParams(type=kind, message=message))

    def tell_log(self, level: int, message: str) -> None:
        """Send a line of the log, of a level of `logging`'s, to an editor that is there to hear it."""
        if self.protocol.greeted:
            kind = _LEVELS.get(level, types.MessageType.Log)
            self.window_log_message(types.LogMessageParams(type=kind, message=message))

    def tell_indexing(self) -> None:
        """Show a progress bar while the workspace is looked through."""
        self.bars.begin_indexing(lambda: self.service.indexed)

    def offer(self, uri: str, text: str, matches: attribution.Matches) -> types.Command:
        """The command that tells us of an acceptance of an item's text, with a fresh id.

        An item of ghost text has no other field in which to say where its text stands already.
        """
        self._numbers += 1
        number = str(self._numbers)
        self._offered[number] = uri
        if len(self._offered) > _MOST_OFFERED:
            self._offered.popitem(last=False)
        if self.service.signals is not None:
            self.service.signals.named(number, uri, text)
        about = [{"attribution": attribution.records(matches)}] if matches else []
        return types.Command(title="Accepted", command=ACCEPTED, arguments=[number, *about])

    def offered(self, number: str) -> str | None:
        """The document that a suggestion was for, once."""
        return self._offered.pop(number, None)

    def end(self) -> None:
        """It is over: the editor is gone. May be called again, and from any thread."""
        if self.loop is not None:
            with contextlib.suppress(RuntimeError):  # over already
                self.loop.call_soon_threadsafe(self._end)

    def die(self) -> None:
        """The editor's process has ended: so does this one, even if it hangs writing to nobody."""
        lifetime.end_soon(1)
        self.end()

    def _end(self) -> None:
        if self.over is not None and not self.over.done():
            self.over.set_result(None)

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what pygls could not handle; its default is a message box for every malformed message."""
        log.error("%s", error)
        log.debug("%s", getattr(error, "data", None))


# Beginning


def initialize(ls: Server, params: types.InitializeParams) -> None:
    """Read the settings; offer menu entries to editors that do not know ghost text."""
    ls.loop = asyncio.get_running_loop()
    ls.service.configure(params.initialization_options, at_start=True)
    agreed = ls.workspace.position_encoding
    ls.client_has_folders = params.workspace_folders is not None
    ls.service.texts.encoding = words.ENCODINGS.get(str(getattr(agreed, "value", agreed)), "utf-16")
    _read_folders(ls)
    about_text = params.capabilities.text_document
    if about_text is None or about_text.inline_completion is None:
        options = types.CompletionOptions(trigger_characters=[".", "(", " "], resolve_provider=True)
        ls.feature(types.TEXT_DOCUMENT_COMPLETION, options)(completion)
        ls.feature(types.COMPLETION_ITEM_RESOLVE)(resolve)
    if params.process_id is not None and not lifetime.watch(params.process_id, ls.die):
        log.info("the editor's process %d is not to be seen from here", params.process_id)


async def initialized(ls: Server, params: types.InitializedParams) -> None:
    """Begin to load the model, now that initialize has been answered."""
    loading = ls.service.start_loading()
    about = ls.client_capabilities.workspace
    registrations = []
    watching = about.did_change_watched_files if about is not None else None
    if watching is not None and watching.dynamic_registration:
        everything = types.FileSystemWatcher(glob_pattern="**/*")
        registrations.append(
            types.Registration(
                id="watched-files",
                method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                register_options=types.DidChangeWatchedFilesRegistrationOptions(watchers=[everything]),
            )
        )
    configuring = about.did_change_configuration if about is not None else None
    if configuring is not None and configuring.dynamic_registration:
        registrations.append(
            types.Registration(
                id="configuration",
                method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                register_options=types.DidChangeConfigurationRegistrationOptions(section=settings.SECTION),
            )
        )
    tasks: list[Awaitable[None]] = []
    if registrations:
        # Sent here and now: whoever asks anything next may count on it.
        asked = ls.client_register_capability(types.RegistrationParams(registrations))
        tasks.append(asyncio.wrap_future(asked))
    if ls.bars.wanted:
        tasks.append(ls.bars.narrate_loading(loading, lambda: ls.service.state[1]))
    for failed in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(failed, Exception):  # an editor may refuse what it said it could
            log.info("the editor refused: %s", failed)


def _wants_status(ls: Server) -> bool:
    about = ls.client_capabilities.experimental
    about_us = about.get("tabwright") if isinstance(about, Mapping) else None
    return isinstance(about_us, Mapping) and about_us.get("status") is True


# News of the editor's


def did_change_watched_files(ls: Server, params: types.DidChangeWatchedFilesParams) -> None:
    """Have files read again that something else than the editor has changed."""
    for change in params.changes:
        _saved(ls, change.uri)


def did_change_folders(ls: Server, params: types.DidChangeWorkspaceFoldersParams) -> None:
    """Keep the folders that paths are told relative to."""
    _read_folders(ls)


async def did_change_configuration(ls: Server, params: types.DidChangeConfigurationParams) -> None:
    """Take new settings over; an editor that sends none but can be asked is asked."""
    raw = params.settings
    about_workspace = ls.client_capabilities.workspace
    if raw is None and about_workspace is not None and about_workspace.configuration:
        wanted = types.ConfigurationParams(items=[types.ConfigurationItem(section=settings.SECTION)])
        answers = await ls.workspace_configuration_async(wanted)
        raw = answers[0] if answers else None
    ls.service.configure(raw, at_start=False)


def did_save(ls: Server, params: types.DidSaveTextDocumentParams) -> None:
    """Have the file read again for the project's index."""
    _saved(ls, params.text_document.uri)


def did_save_notebook(ls: Server, params: types.DidSaveNotebookDocumentParams) -> None:
    """Have the file looked at again."""
    _saved(ls, params.notebook_document.uri)


# Suggestions


async def inline_completion(
    ls: Server, params: types.InlineCompletionParams
) -> types.InlineCompletionList | None:
    """Ghost text, the best first. With a menu entry selected it extends that entry, in its range.

    A range is within one line, as LSP asks, and what an item replaces begins its text: editors hide others.

    An empty list says that there is nothing to show, null that the answer is of no use any more: for null,
    Neovim leaves on the screen what is there. A bare array of nothing is an error to lsp-mode.
    """
    selected = params.context.selected_completion_info
    where = types.Range(start=params.position, end=params.position) if selected is None else selected.range
    if where.start.line != where.end.line or where.end.line != params.position.line:
        log.warning("a selected entry of more than one line was answered with nothing")
        return types.InlineCompletionList(items=[])
    answer = await ls.service.suggest(
        params.text_document.uri,
        words.spot(params.position),
        invoked=params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked,
        chosen=None
        if selected is None
        else Chosen(start=words.spot(where.start), end=words.spot(where.end), text=selected.text),
    )
    if answer is None:
        return None
    if isinstance(answer, Silence):
        return types.InlineCompletionList(items=[])
    begun = "" if selected is None else selected.text
    items = [
        types.InlineCompletionItem(
            insert_text=text,
            filter_text=text,
            range=where,
            command=ls.offer(params.text_document.uri, text, matches),
        )
        for text, matches in ((begun + one, matches) for one, matches in _texts(answer))
    ]
    return types.InlineCompletionList(items=items)


async def completion(ls: Server, params: types.CompletionParams) -> types.CompletionList | None:
    """The same suggestions as menu entries. They replace the word before the cursor, so that menus match."""
    # Editors say Invoked for typed letters too, so it counts only where nothing else would trigger.
    invoked = ls.service.settings.trigger_mode == "invoked" and (
        params.context is None or params.context.trigger_kind == types.CompletionTriggerKind.Invoked
    )
    answer = await ls.service.suggest(params.text_document.uri, words.spot(params.position), invoked=invoked)
    if answer is None or isinstance(answer, Silence):
        return None
    word = menu.word_before(answer.hole.prefix)
    where = menu.range_of(word, params.position, ls.service.texts.encoding)
    items = [
        menu.entry(
            word + text,
            where,
            index,
            ls.offer(params.text_document.uri, text, matches),
            answer.hole.language,
            matches,
        )
        for index, (text, matches) in enumerate(_texts(answer))
    ]
    # Incomplete: what fits depends on every letter, so the editor is to ask again rather than to filter.
    return types.CompletionList(is_incomplete=True, items=items)


def resolve(ls: Server, item: types.CompletionItem) -> types.CompletionItem:
    """The whole text of a menu entry."""
    return menu.resolved(item, ls.client_capabilities)


def status(ls: Server, params: Any) -> dict[str, str]:
    """Answer the request `tabwright/status`."""
    state, message = ls.service.state
    return {"state": state, "message": message}


async def model(ls: Server, params: Any) -> dict[str, Any]:
    """Answer the request `tabwright/model`: of the model that answers, wherever it is."""
    elsewhere = ls.service.elsewhere
    if elsewhere is None:
        return await ls.about_model.answer(ls.service.model_folder)
    state, message = ls.service.state
    return model_request.elsewhere(*elsewhere, problem=message if state == "problem" else None)


def accepted(ls: Server, number: str, *about: object) -> None:
    """A suggestion was accepted; what its command says about it is for the client."""
    uri = ls.offered(number)
    if uri is not None:
        if ls.service.signals is not None:
            ls.service.signals.accepted(number)
        ls.service.accepted(uri)


def did_show(ls: Server, params: Any) -> None:
    """The client shows an item."""
    if ls.service.signals is not None:
        ls.service.signals.did_show(getattr(params, "item", None))


def did_partly_accept(ls: Server, params: Any) -> None:
    """The first so many UTF-16 units of an item were taken."""
    if ls.service.signals is not None:
        length = getattr(params, "acceptedLength", None)
        ls.service.signals.did_partly_accept(getattr(params, "item", None), length)


def shutdown(ls: Server, params: Any) -> None:
    """Stop decoding, or the process would not end before it is done."""
    ls.service.close()


def build(flags: Flags | None = None, load: Load = load_engine) -> Server:
    """A server with everything registered, not started. `load` stands in for the engine in tests."""
    server = Server(flags or Flags(), load)
    server.feature(types.INITIALIZE)(initialize)
    server.feature(types.INITIALIZED)(initialized)
    server.feature(types.SHUTDOWN)(shutdown)
    server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(did_change_configuration)
    server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)(did_change_folders)
    server.feature(types.TEXT_DOCUMENT_DID_SAVE)(did_save)
    server.feature(types.NOTEBOOK_DOCUMENT_DID_SAVE)(did_save_notebook)
    server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)(did_change_watched_files)
    # Without the options object the capability is not advertised, and no editor asks.
    server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())(inline_completion)
    server.feature(STATUS)(status)
    server.feature(MODEL)(model)
    server.feature(DID_SHOW)(did_show)
    server.feature(DID_PARTLY_ACCEPT)(did_partly_accept)
    server.command(ACCEPTED)(accepted)
    return server


def _saved(ls: Server, uri: str) -> None:
    path = to_fs_path(uri)
    if path:
        with contextlib.suppress(ValueError, OSError):
            ls.service.saved(path)


def _texts(answer: Answer) -> list[tuple[str, attribution.Matches]]:
    """The suggestions with the document's line ends, and what of each stands in the training corpus."""
    end = line_end(answer.document.text)
    pairs = zip(answer.suggestions, answer.matches, strict=True)
    return [(one.text.replace("\n", end), matches) for one, matches in pairs]


def _read_folders(ls: Server) -> None:
    uris = [folder.uri for folder in ls.workspace.folders.values()]
    if not uris and not ls.client_has_folders and ls.workspace.root_uri is not None:
        uris.append(ls.workspace.root_uri)
    ls.service.follow([path for uri in uris if (path := to_fs_path(uri))])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tabwright")
    except PackageNotFoundError:
        return "0"
