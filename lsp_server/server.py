"""The language server: LSP in, LSP out. The only file that knows pygls and lsprotocol.

stdout belongs to the protocol: logging goes to stderr and, for our own loggers, to the editor's log.

    textDocument/inlineCompletion   ghost text
    textDocument/completion         the same as one menu entry, for editors without ghost text only
    tabwright/status                notification and request: {state, message}
    tabwright.accepted              command of every item, run by the editor when it was accepted

Not here: what is suggested and when (service.py). Positions pass through as the editor counts them; they
become character offsets in `Service`, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import re
from typing import Any

from cattrs import Converter
from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method
from pygls.uris import to_fs_path

from lsp_server import settings
from lsp_server.documents import Document, Encoding, line_end, units
from lsp_server.service import Chosen, Edit, Flags, Load, Service, Spot, State, load_engine

STATUS = "tabwright/status"
ACCEPTED = "tabwright.accepted"
# In menus of editors without ghost text: the word before the cursor, which an entry has to match.
_WORD_BEFORE = re.compile(r"\w*\Z")
_LABEL_LENGTH = 60
_ENCODINGS: dict[str, Encoding] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}
_LEVELS = {
    logging.ERROR: types.MessageType.Error,
    logging.WARNING: types.MessageType.Warning,
    logging.INFO: types.MessageType.Info,
    logging.DEBUG: types.MessageType.Debug,
}

log = logging.getLogger("lsp_server")


class Protocol(LanguageServerProtocol):
    """pygls' protocol with our own documents: pygls' break lines at form feeds, which corrupts edits."""

    _server: Server

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Keep the text."""
        opened = params.text_document
        path = to_fs_path(opened.uri)
        path = os.path.realpath(path) if path else opened.uri.rsplit("/", 1)[-1]
        document = Document(path=path, language_id=opened.language_id, text=opened.text)
        self._server.service.open(opened.uri, document)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Edit the text."""
        self._server.service.change(params.text_document.uri, [_edit(one) for one in params.content_changes])

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Forget the text."""
        self._server.service.close_document(params.text_document.uri)


class Server(LanguageServer):
    """The face of a `Service` towards one editor."""

    def __init__(self, flags: Flags, load: Load) -> None:
        super().__init__("tabwright", _version(), protocol_cls=Protocol, converter_factory=_converter)
        self.service = Service(self, flags, load)
        self.accepted: list[str] = []
        self.client_has_folders = False  # it told of folders, if only that there are none
        self.loop: asyncio.AbstractEventLoop | None = None
        self._numbers = itertools.count(1)

    def tell_status(self, state: State, message: str) -> None:
        """Send `tabwright/status`."""
        self.protocol.notify(STATUS, {"state": state, "message": message})

    def tell_user(self, message: str, *, problem: bool) -> None:
        """Show a message box."""
        kind = types.MessageType.Error if problem else types.MessageType.Warning
        self.window_show_message(types.ShowMessageParams(type=kind, message=message))

    def accepted_command(self) -> types.Command:
        """The command that tells us of an acceptance, with a fresh id."""
        return types.Command(title="Accepted", command=ACCEPTED, arguments=[str(next(self._numbers))])

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what pygls could not handle; its default is a message box for every malformed message."""
        log.error("%s", error)


def initialize(ls: Server, params: types.InitializeParams) -> None:
    """Read the settings; offer the menu entry to editors that do not know ghost text."""
    ls.loop = asyncio.get_running_loop()
    ls.service.configure(params.initialization_options, at_start=True)
    agreed = ls.workspace.position_encoding
    ls.client_has_folders = params.workspace_folders is not None
    ls.service.encoding = _ENCODINGS.get(str(getattr(agreed, "value", agreed)), "utf-16")
    _read_folders(ls)
    about_text = params.capabilities.text_document
    if about_text is None or about_text.inline_completion is None:
        options = types.CompletionOptions(trigger_characters=[".", "(", " "])
        ls.feature(types.TEXT_DOCUMENT_COMPLETION, options)(completion)


async def initialized(ls: Server, params: types.InitializedParams) -> None:
    """Begin to load the model, now that initialize has been answered."""
    ls.service.start_loading()
    about_workspace = ls.client_capabilities.workspace
    watching = about_workspace.did_change_watched_files if about_workspace is not None else None
    if watching is not None and watching.dynamic_registration:
        everything = types.FileSystemWatcher(glob_pattern="**/*")
        registration = types.Registration(
            id="watched-files",
            method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            register_options=types.DidChangeWatchedFilesRegistrationOptions(watchers=[everything]),
        )
        await ls.client_register_capability_async(types.RegistrationParams(registrations=[registration]))


def did_change_watched_files(ls: Server, params: types.DidChangeWatchedFilesParams) -> None:
    """Have files read again that something else than the editor has changed."""
    for change in params.changes:
        path = to_fs_path(change.uri)
        if path:
            ls.service.saved(path)


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
    path = to_fs_path(params.text_document.uri)
    if path:
        ls.service.saved(path)


async def inline_completion(
    ls: Server, params: types.InlineCompletionParams
) -> list[types.InlineCompletionItem] | None:
    """Ghost text: at most one item. With a menu entry selected it extends that entry, in its range."""
    selected = params.context.selected_completion_info
    answer = await ls.service.suggest(
        params.text_document.uri,
        _spot(params.position),
        invoked=params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked,
        chosen=None
        if selected is None
        else Chosen(start=_spot(selected.range.start), end=_spot(selected.range.end), text=selected.text),
    )
    if answer is None:
        return None
    text = answer.suggestion.text.replace("\n", line_end(answer.document.text))
    where = types.Range(start=params.position, end=params.position)
    if selected is not None:
        text, where = selected.text + text, selected.range
    return [types.InlineCompletionItem(insert_text=text, range=where, command=ls.accepted_command())]


async def completion(ls: Server, params: types.CompletionParams) -> types.CompletionList | None:
    """The same suggestion as a menu entry. It replaces the word before the cursor, so that menus match it."""
    # Editors say Invoked for typed letters too, so it counts only where nothing else would trigger.
    invoked = ls.service.settings.trigger_mode == "invoked" and (
        params.context is None or params.context.trigger_kind == types.CompletionTriggerKind.Invoked
    )
    answer = await ls.service.suggest(params.text_document.uri, _spot(params.position), invoked=invoked)
    if answer is None:
        return None
    found = _WORD_BEFORE.search(answer.hole.prefix)
    word = found.group() if found else ""
    text = word + answer.suggestion.text
    first, _, more = text.strip().partition("\n")
    label = first[:_LABEL_LENGTH] + ("…" if more or len(first) > _LABEL_LENGTH else "")
    column = params.position.character - units(word, ls.service.encoding)
    start = types.Position(line=params.position.line, character=column)
    item = types.CompletionItem(
        label=label,
        kind=types.CompletionItemKind.Text,
        detail="Tabwright",
        documentation=types.MarkupContent(
            kind=types.MarkupKind.Markdown, value=f"```{answer.hole.language}\n{text}\n```"
        ),
        filter_text=word or label,
        sort_text="\t",  # before every name
        text_edit=types.TextEdit(
            range=types.Range(start=start, end=params.position),
            new_text=text.replace("\n", line_end(answer.document.text)),
        ),
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
        command=ls.accepted_command(),
    )
    return types.CompletionList(is_incomplete=True, items=[item])


def status(ls: Server, params: Any) -> dict[str, str]:
    """Answer the request `tabwright/status`."""
    state, message = ls.service.state
    return {"state": state, "message": message}


def accepted(ls: Server, number: str) -> None:
    """Note that a suggestion was accepted."""
    ls.accepted.append(number)


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
    server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)(did_change_watched_files)
    # Without the options object the capability is not advertised, and no editor asks.
    server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())(inline_completion)
    server.feature(STATUS)(status)
    server.command(ACCEPTED)(accepted)
    return server


def run(flags: Flags, *, log_file: str | None = None, load: Load = load_engine) -> None:
    """Serve one editor on stdin and stdout until it says exit or goes away."""
    line = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handlers: list[logging.Handler] = [logging.StreamHandler()]  # stderr
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(line)
        logging.getLogger().addHandler(handler)
    # pygls logs the text of every message at a lower level: people's code.
    logging.getLogger("pygls").setLevel(logging.ERROR)
    server = build(flags, load)
    for name in ("lsp_server", "model"):
        logging.getLogger(name).addHandler(EditorLog(server))
    try:
        server.start_io()
    finally:
        server.service.close()


class EditorLog(logging.Handler):
    """Our own log lines as window/logMessage. pygls' are left out: they would log themselves."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line; from whichever thread, the event loop writes it."""
        params = types.LogMessageParams(
            type=_LEVELS.get(record.levelno, types.MessageType.Log), message=record.getMessage()
        )
        loop = self._server.loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # closed this very moment
                loop.call_soon_threadsafe(self._server.window_log_message, params)


def _converter() -> Converter:
    """pygls' converter, lenient where a request would get no answer: drafts of LSP 3.18 counted from 0."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    kinds = types.InlineCompletionTriggerKind
    converter.register_structure_hook(
        kinds, lambda value, _: kinds.Automatic if value == 2 else kinds.Invoked
    )
    return converter


def _edit(change: types.TextDocumentContentChangeEvent) -> Edit:
    if isinstance(change, types.TextDocumentContentChangePartial):
        return Edit(text=change.text, start=_spot(change.range.start), end=_spot(change.range.end))
    return Edit(text=change.text)


def _spot(position: types.Position) -> Spot:
    return position.line, position.character


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
