"""What editors declare, and what they hear: the real server process with the model that ships, over stdio.

pytest-lsp is the editor. It brings what editors declared, as it was recorded, and fails a test in which the
server asks for what was not declared. The texts repeat themselves, so that any model knows how they go on:
whether suggestions are good is no question here. Not here: malformed messages and their order
(tests/lsp_server/test_protocol.py), a server whose editor dies (test_server_process.py).
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import pytest_asyncio
import pytest_lsp
from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import default_converter
from pytest_lsp.client import (
    DEFAULT_CLIENT_FEATURES,
    LanguageClient,
    client_capabilities,
    register_lsp_features,
)
from pytest_lsp.protocol import LanguageClientProtocol

from eval.editor import CANCELLED, SERVER

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

PATIENCE = 60.0  # seconds, on a busy machine
INVALID_REQUEST, INVALID_PARAMS = -32600, -32602
ACCEPTED = "tabwright.accepted"
# Nothing is kept back or cut short: what comes does not depend on how busy the machine is.
SETTINGS = {
    "debounceMs": 0,
    "adaptDebounce": False,
    "showAbove": 0,
    "deadlineMs": 10_000,
    "invokedDeadlineMs": 10_000,
    "logLevel": "debug",  # is told with a test that fails
}
CALL = "shipping_cost(parcel, carrier, country)"
CALLS = f"first = {CALL}\nsecond = {CALL}\nthird = {CALL}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of editor: what it declares, and what has to follow from that."""

    name: str
    capabilities: types.ClientCapabilities
    encoding: str  # agreed on: the first that it names
    registers: frozenset[str] = field(default=frozenset())  # methods that it lets a server register

    @property
    def has_ghost_text(self) -> bool:
        about = self.capabilities.text_document
        return about is not None and about.inline_completion is not None


def converter() -> Converter:
    """pygls' converter, able to read of which notebooks a server wants the cells: lsprotocol's is not."""
    made: Converter = default_converter()  # type: ignore[no-untyped-call]
    notebooks = get_type_hints(types.NotebookDocumentFilterWithCells)["notebook"]
    made.register_structure_hook(notebooks, lambda value, _: value)
    return made


class Protocol(LanguageClientProtocol):
    """Keeps what comes, as it comes."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]
        self.heard: list[dict[str, Any]] = []

    def structure_message(self, data: dict[str, Any]) -> Any:
        if "jsonrpc" in data:
            self.heard.append(dict(data))
        return super().structure_message(data)


def keep_log_line(client: LanguageClient, params: types.LogMessageParams) -> None:
    """pytest-lsp puts lines into its report, but does not know those for debugging."""
    kind = types.MessageType.Log if params.type == types.MessageType.Debug else params.type
    client.log_messages.append(types.LogMessageParams(type=kind, message=params.message))


class Client(LanguageClient):
    """An editor with one server. Columns are counted as agreed, by code that is not the server's."""

    protocol: Protocol
    kind: Kind
    offered: types.ServerCapabilities
    folder: Path

    def __init__(self) -> None:
        super().__init__(protocol_cls=Protocol, converter_factory=converter)
        register_lsp_features(self, DEFAULT_CLIENT_FEATURES | {types.WINDOW_LOG_MESSAGE: keep_log_line})
        self.registered: list[types.Registration] = []
        self.feature(types.CLIENT_REGISTER_CAPABILITY)(
            lambda params: self.registered.extend(params.registrations)
        )
        self._names = itertools.count(1)
        self._open: set[str] = set()

    def heard(self, method: str) -> list[dict[str, Any]]:
        return [message for message in self.protocol.heard if message.get("method") == method]

    def answers(self, number: str) -> list[dict[str, Any]]:
        return [one for one in self.protocol.heard if one.get("id") == number and "method" not in one]

    async def begin(self, kind: Kind, folder: Path, **settings: object) -> None:
        self.kind, self.folder = kind, folder
        result = await asyncio.wait_for(
            self.initialize_session(
                types.InitializeParams(
                    capabilities=kind.capabilities,
                    initialization_options={**SETTINGS, **settings},
                    workspace_folders=[types.WorkspaceFolder(uri=folder.as_uri(), name=folder.name)],
                )
            ),
            PATIENCE,
        )
        self.offered = result.capabilities

    async def end(self) -> int:
        """Wait for the process to end, and end it after a while. The exit code."""
        assert self._server is not None
        try:
            return await asyncio.wait_for(self._server.wait(), PATIENCE)
        except TimeoutError:
            self._server.kill()
            raise

    async def status(self) -> tuple[str, str]:
        asked = self.protocol.send_request("tabwright/status", {})
        answer = await asyncio.wait_for(asyncio.wrap_future(asked), PATIENCE)
        return answer.state, answer.message

    def bar(self, token: types.ProgressToken) -> list[Any]:
        """What a progress bar was told."""
        return list(self.progress_reports.get(token, []))

    async def wait_until(self, fits: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not fits():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{what} did not come; heard {self.protocol.heard[-5:]}") from None

    # Documents

    def new_uri(self) -> str:
        """Of a file that need not exist."""
        return (self.folder / f"file{next(self._names)}.py").as_uri()

    def open(self, text: str, uri: str | None = None) -> tuple[str, types.Position]:
        """Open a document. Its URI and the place that `|` stood at, which is taken out."""
        uri = uri or self.new_uri()
        before, _, behind = text.partition("|")
        item = types.TextDocumentItem(uri=uri, language_id="python", version=1, text=before + behind)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        self._open.add(uri)
        return uri, self.place(before)

    def place(self, before: str) -> types.Position:
        """The place behind a text that a document begins with."""
        line = before[before.rfind("\n") + 1 :]
        return types.Position(line=before.count("\n"), character=self.columns(line))

    def columns(self, text: str) -> int:
        return {
            "utf-8": len(text.encode()),
            "utf-16": len(text.encode("utf-16-le")) // 2,
            "utf-32": len(text),
        }[self.kind.encoding]

    def edit(self, uri: str, where: types.Range, text: str) -> None:
        change = types.TextDocumentContentChangePartial(range=where, text=text)
        document = types.VersionedTextDocumentIdentifier(uri=uri, version=next(self._names))
        self.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def close(self, uri: str) -> None:
        document = types.TextDocumentIdentifier(uri)
        self.text_document_did_close(types.DidCloseTextDocumentParams(document))
        self._open.discard(uri)

    def close_all(self) -> None:
        """What one test leaves open, the next would be told of."""
        for uri in list(self._open):
            self.close(uri)

    # Suggestions

    def ask(
        self,
        uri: str,
        place: types.Position,
        *,
        invoked: bool = False,
        selected: types.SelectedCompletionInfo | None = None,
        number: str | None = None,
    ) -> asyncio.Future[types.InlineCompletionList | None]:
        """Ask for ghost text, without waiting."""
        kinds = types.InlineCompletionTriggerKind
        params = types.InlineCompletionParams(
            text_document=types.TextDocumentIdentifier(uri),
            position=place,
            context=types.InlineCompletionContext(
                trigger_kind=kinds.Invoked if invoked else kinds.Automatic, selected_completion_info=selected
            ),
        )
        asked = self.protocol.send_request(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id=number)
        return asyncio.wrap_future(asked)

    async def ghost_text(
        self, uri: str, place: types.Position, **how: Any
    ) -> list[types.InlineCompletionItem]:
        answer = await asyncio.wait_for(self.ask(uri, place, **how), PATIENCE)
        assert answer is not None, "the request was overtaken"
        return list(answer.items)

    async def menu(self, uri: str, place: types.Position) -> types.CompletionItem:
        """The one menu entry."""
        params = types.CompletionParams(
            text_document=types.TextDocumentIdentifier(uri),
            position=place,
            context=types.CompletionContext(trigger_kind=types.CompletionTriggerKind.Invoked),
        )
        found = await asyncio.wait_for(self.text_document_completion_async(params), PATIENCE)
        assert isinstance(found, types.CompletionList)
        assert found.is_incomplete
        (item,) = found.items
        return item

    async def text_at(self, uri: str, place: types.Position, word: str) -> str:
        """What stands at a place behind that word once the first suggestion is taken, in either form."""
        start = types.Position(place.line, place.character - self.columns(word))
        if self.kind.has_ghost_text:
            items = await self.ghost_text(uri, place)
            assert items[0].range == types.Range(place, place)
            return word + str(items[0].insert_text)
        edit = (await self.menu(uri, place)).text_edit
        assert isinstance(edit, types.TextEdit)
        assert edit.range == types.Range(start, place)
        return edit.new_text

    def execute(self, command: types.Command) -> asyncio.Future[Any]:
        params = types.ExecuteCommandParams(command.command, arguments=command.arguments)
        return asyncio.wrap_future(self.protocol.send_request(types.WORKSPACE_EXECUTE_COMMAND, params))


CONFIG = pytest_lsp.ClientServerConfig(server_command=list(SERVER), client_factory=Client)


async def shut_down(client: Client) -> None:
    await asyncio.wait_for(client.shutdown_async(None), PATIENCE)
    client.exit(None)
    assert await client.end() == 0


# Editors as they were recorded, and what newer ones of them declare besides.


def newer(spec: str, *, encodings: Iterable[str], dynamic: bool) -> types.ClientCapabilities:
    """A recorded editor that has learned ghost text and, here, notebooks."""
    about = client_capabilities(spec)
    assert about.text_document is not None
    about.text_document.inline_completion = types.InlineCompletionClientCapabilities(
        dynamic_registration=dynamic
    )
    about.notebook_document = types.NotebookDocumentClientCapabilities(
        synchronization=types.NotebookDocumentSyncClientCapabilities(dynamic_registration=dynamic)
    )
    about.general = types.GeneralClientCapabilities(
        position_encodings=[types.PositionEncodingKind(one) for one in encodings]
    )
    return about


def helix() -> types.ClientCapabilities:
    """The part that concerns us of what Helix 25 declares (helix-lsp/src/client.rs)."""
    resolved = types.ClientCompletionItemResolveOptions(["documentation", "detail", "additionalTextEdits"])
    kinds = types.PositionEncodingKind
    return types.ClientCapabilities(
        workspace=types.WorkspaceClientCapabilities(
            configuration=True,
            workspace_folders=True,
            did_change_configuration=types.DidChangeConfigurationClientCapabilities(
                dynamic_registration=False
            ),
            did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
        ),
        text_document=types.TextDocumentClientCapabilities(
            completion=types.CompletionClientCapabilities(
                completion_item=types.ClientCompletionItemOptions(
                    snippet_support=True, insert_replace_support=True, resolve_support=resolved
                )
            )
        ),
        window=types.WindowClientCapabilities(work_done_progress=True),
        general=types.GeneralClientCapabilities(position_encodings=[kinds.Utf8, kinds.Utf32, kinds.Utf16]),
    )


FILES, SETTINGS_OF_USER = types.WORKSPACE_DID_CHANGE_WATCHED_FILES, types.WORKSPACE_DID_CHANGE_CONFIGURATION
NEW_CODE = Kind(
    name="visual studio code with ghost text and notebooks",
    capabilities=newer("visual-studio-code@1.65.2", encodings=["utf-16"], dynamic=True),
    encoding="utf-16",
    registers=frozenset({FILES, SETTINGS_OF_USER}),
)
KINDS = [
    Kind(
        name="visual studio code",
        capabilities=client_capabilities("visual-studio-code@1.65.2"),
        encoding="utf-16",  # it names none
        registers=frozenset({FILES, SETTINGS_OF_USER}),
    ),
    Kind(name="neovim", capabilities=client_capabilities("neovim@0.11.0"), encoding="utf-8"),
    Kind(
        name="neovim with ghost text",
        capabilities=newer("neovim@0.11.0", encodings=["utf-8", "utf-16", "utf-32"], dynamic=False),
        encoding="utf-8",
    ),
    Kind(name="helix", capabilities=helix(), encoding="utf-8", registers=frozenset({FILES})),
    Kind(
        name="emacs",
        capabilities=client_capabilities("emacs@29.1"),
        encoding="utf-32",
        registers=frozenset({FILES}),
    ),
]


@pytest_lsp.fixture(  # type: ignore[untyped-decorator]
    config=CONFIG, scope="module", params=KINDS, ids=lambda kind: kind.name.replace(" ", "-")
)
async def recorded(
    client: Client, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[None]:
    """One of them, with a server of its own."""
    await client.begin(request.param, tmp_path_factory.mktemp("workspace").resolve())
    yield
    await shut_down(client)


@pytest_asyncio.fixture(loop_scope="module")
async def editor(recorded: Client) -> AsyncIterator[Client]:
    yield recorded
    recorded.close_all()


async def test_what_is_offered_is_what_the_editor_can_use(editor: Client) -> None:
    kind, offered = editor.kind, editor.offered
    assert offered.position_encoding == kind.encoding
    sync = offered.text_document_sync
    assert isinstance(sync, types.TextDocumentSyncOptions)
    assert sync.open_close
    assert sync.save
    assert sync.change == types.TextDocumentSyncKind.Incremental
    assert (offered.notebook_document_sync is None) == (kind.capabilities.notebook_document is None)
    assert offered.execute_command_provider is not None
    assert list(offered.execute_command_provider.commands) == [ACCEPTED]
    assert offered.workspace is not None
    folders = offered.workspace.workspace_folders
    assert folders is not None
    assert folders.supported
    assert folders.change_notifications
    if kind.has_ghost_text:
        assert offered.inline_completion_provider
        assert offered.completion_provider is None  # else everything would be suggested twice
    else:
        assert offered.completion_provider is not None
        assert offered.completion_provider.resolve_provider
    async with asyncio.timeout(PATIENCE):
        while (await editor.status())[0] == "starting":  # what is registered is told before that is over
            await asyncio.sleep(0.02)
    assert {one.method for one in editor.registered} == kind.registers
    assert len(editor.registered) == len(kind.registers)


async def test_loading_is_shown_from_its_beginning_to_its_end(editor: Client) -> None:
    bar = "tabwright-loading"
    await editor.wait_until(
        lambda: any(isinstance(one, types.WorkDoneProgressEnd) for one in editor.bar(bar)),
        "the end of loading",
    )
    begin, end = editor.bar(bar)
    assert isinstance(begin, types.WorkDoneProgressBegin)
    assert begin.title == "Tabwright: loading the model"
    assert isinstance(end, types.WorkDoneProgressEnd)
    assert await editor.status() == ("ready", end.message)


async def test_columns_are_counted_as_was_agreed(editor: Client) -> None:
    """Each encoding counts 😀, é and 𝒳 otherwise: where it is mistaken, other text comes, or none."""
    line = 'name = "😀é𝒳"; fourth = '
    uri, place = editor.open(f"{CALLS}{line}shipping_cost(par|\n")
    assert await editor.text_at(uri, place, "par") == "parcel, carrier, country)"
    # An edit behind those characters: what is typed goes where it was typed. In another document, because
    # what is typed over counts as turned down once it has been visible for long, as on a busy machine.
    uri, place = editor.open(f"{CALLS}{line}shipping_cost(par|\n")
    start = types.Position(place.line, editor.columns(line))
    editor.edit(uri, types.Range(start, place), "ship")
    place = types.Position(start.line, start.character + 4)
    assert await editor.text_at(uri, place, "ship") == CALL


async def test_a_menu_entry_is_told_more_of_when_it_is_looked_at(editor: Client) -> None:
    if editor.kind.has_ghost_text:
        return
    uri, place = editor.open(f"{CALLS}fourth = ship|\n")
    item = await editor.menu(uri, place)
    assert item.label == item.filter_text == CALL
    assert item.documentation is None
    assert item.command is not None
    resolved = await editor.completion_item_resolve_async(item)  # pytest-lsp looks at its format
    assert CALL in str(getattr(resolved.documentation, "value", resolved.documentation))
    assert (resolved.label, resolved.text_edit) == (item.label, item.text_edit)
    assert await editor.execute(item.command) is None


# One editor that can do everything.


@pytest_lsp.fixture(config=CONFIG, scope="module")  # type: ignore[untyped-decorator]
async def capable(client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[None]:
    await client.begin(NEW_CODE, tmp_path_factory.mktemp("workspace").resolve())
    yield
    await shut_down(client)


@pytest_asyncio.fixture(loop_scope="module")
async def session(capable: Client) -> AsyncIterator[Client]:
    yield capable
    capable.close_all()


# Ghost text


async def test_nobody_asked_one_item_and_who_asks_gets_several(session: Client) -> None:
    uri, place = session.open(
        f"{CALLS}\n\ndef area(width, height):\n    return width * height\n\n\ntotal = |\n"
    )
    automatic = await session.ghost_text(uri, place)
    invoked = await session.ghost_text(uri, place, invoked=True)
    assert len(automatic) == 1
    assert 1 < len(invoked) <= 3
    assert len({item.insert_text for item in invoked}) == len(invoked)
    numbers = set()
    for item in automatic + invoked:
        assert item.insert_text
        assert item.filter_text == item.insert_text
        assert item.range == types.Range(place, place)
        assert item.command is not None
        assert item.command.command == ACCEPTED
        numbers.add(str(item.command.arguments))
    assert len(numbers) == len(automatic) + len(invoked)


async def test_a_suggestion_goes_on_from_the_selected_menu_entry(session: Client) -> None:
    uri, place = session.open(f"{CALLS}fourth = ship|\n")
    where = types.Range(types.Position(place.line, place.character - 4), place)
    selected = types.SelectedCompletionInfo(range=where, text="shipping_cost")
    for invoked in (False, True):
        items = await session.ghost_text(uri, place, selected=selected, invoked=invoked)
        assert items[0].insert_text == CALL
        assert all(item.range == where for item in items)
        assert all(str(item.insert_text).startswith("shipping_cost") for item in items)
        assert all(item.filter_text == item.insert_text for item in items)


async def test_the_command_of_an_item_may_run_at_any_time(session: Client) -> None:
    """Before the edit, after it, twice, once the document is closed. No other command is one."""
    uri, place = session.open(f"{CALLS}fourth = |\n")
    items = await session.ghost_text(uri, place, invoked=True)
    item = items[0]
    assert item.range is not None
    commands = [one.command for one in items if one.command is not None]
    assert len(commands) == len(items)
    assert await session.execute(commands[0]) is None
    session.edit(uri, item.range, str(item.insert_text))
    assert await session.execute(commands[0]) is None
    behind = types.Position(place.line, place.character + session.columns(str(item.insert_text)))
    await session.ghost_text(uri, behind)
    session.close(uri)
    for command in commands[1:]:
        assert await session.execute(command) is None
    with pytest.raises(JsonRpcException) as refused:
        await session.execute(types.Command(title="?", command="tabwright.unheard-of"))
    assert refused.value.code == INVALID_PARAMS


async def test_there_is_nothing_where_there_is_no_place(session: Client) -> None:
    """And no box that somebody would have to click away."""
    uri, place = session.open(f"{CALLS}fourth = |\n")
    for wrong in [
        types.Position(place.line, place.character + 1),
        types.Position(place.line + 2, 0),
        types.Position(2**31 - 1, 2**31 - 1),
    ]:
        assert await session.ghost_text(uri, wrong, invoked=True) == []
    for unknown in [session.new_uri(), "untitled:Untitled-9", "nonsense", ""]:
        assert await session.ghost_text(unknown, place, invoked=True) == []
    pending = session.ask(uri, place)
    session.close(uri)
    assert await asyncio.wait_for(pending, PATIENCE) is None
    assert await session.ghost_text(uri, place, invoked=True) == []
    assert session.messages == []


async def test_every_request_of_a_burst_is_answered_once(session: Client) -> None:
    """Cancelled at once, cancelled later, cancelled twice, overtaken by a request, overtaken by typing."""
    uri, place = session.open(f"{CALLS}fourth = |\n")
    other, other_place = session.open(f"{CALLS}fifth = |\n")
    asked: dict[str, asyncio.Future[Any]] = {}
    for step in range(40):
        number = f"burst-{step}"
        if step % 5 == 4:
            session.edit(other, types.Range(other_place, other_place), "s")
            other_place = types.Position(other_place.line, other_place.character + 1)
        where = (uri, place) if step % 2 else (other, other_place)
        asked[number] = session.ask(*where, invoked=step % 7 == 0, number=number)
        if step % 4 == 1:
            session.cancel_request(types.CancelParams(id=number))
            session.cancel_request(types.CancelParams(id=number))
        await asyncio.sleep(0.01 * (step % 3))
        if step % 4 == 2:
            session.cancel_request(types.CancelParams(id=number))
    session.cancel_request(types.CancelParams(id="never-asked"))
    asked["last"] = session.ask(uri, place, number="last")
    results = await asyncio.wait_for(asyncio.gather(*asked.values(), return_exceptions=True), PATIENCE)
    session.cancel_request(types.CancelParams(id="last"))  # too late
    await session.status()  # what was sent before has been heard
    cancelled = 0
    for step, (number, result) in enumerate(zip(asked, results, strict=True)):
        (answer,) = session.answers(number)
        assert ("result" in answer) != ("error" in answer)
        if isinstance(result, BaseException):
            assert isinstance(result, JsonRpcException)
            assert result.code == CANCELLED
            assert step % 4 in (1, 2), f"{number} was not cancelled"
            cancelled += step % 4 == 1
            continue
        assert isinstance(result, types.InlineCompletionList | None)
    # Of the ten cancelled at once some may be answered before that is read: what is known takes no time.
    assert cancelled >= 3
    assert isinstance(results[-1], types.InlineCompletionList)
    assert results[-1].items


# Notebooks


async def test_a_cell_knows_the_names_of_the_other_cells(session: Client) -> None:
    """Also of one that comes, and not of one that is gone."""
    notebook = types.VersionedNotebookDocumentIdentifier(
        version=1, uri=(session.folder / "study.ipynb").as_uri()
    )
    first, second, third = (f"vscode-notebook-cell:{notebook.uri}#{number}" for number in (1, 2, 3))

    def cell(uri: str) -> types.NotebookCell:
        return types.NotebookCell(kind=types.NotebookCellKind.Code, document=uri)

    def text(uri: str, text: str) -> types.TextDocumentItem:
        return types.TextDocumentItem(uri=uri, language_id="python", version=1, text=text)

    def change(array: types.NotebookCellArrayChange, **told: Any) -> None:
        structure = types.NotebookDocumentCellChangeStructure(array=array, **told)
        cells = types.NotebookDocumentCellChanges(structure=structure)
        event = types.NotebookDocumentChangeEvent(cells=cells)
        session.notebook_document_did_change(types.DidChangeNotebookDocumentParams(notebook, event))

    async def answer() -> str:
        items = await session.ghost_text(second, types.Position(0, len("print(quarterly_")))
        return str(items[0].insert_text) if items else ""

    opened = types.NotebookDocument(
        uri=notebook.uri, notebook_type="jupyter-notebook", version=1, cells=[cell(first), cell(second)]
    )
    texts = [text(first, "quarterly_forecast = 1\n"), text(second, "print(quarterly_")]
    session.notebook_document_did_open(types.DidOpenNotebookDocumentParams(opened, texts))
    assert (await answer()).startswith("forecast")
    gone = [types.TextDocumentIdentifier(first)]
    change(types.NotebookCellArrayChange(start=0, delete_count=1), did_close=gone)
    assert "forecast" not in await answer()
    assert await session.ghost_text(first, types.Position(0, 0)) == []
    new = types.NotebookCellArrayChange(start=0, delete_count=0, cells=[cell(third)])
    change(new, did_open=[text(third, "quarterly_backlog = 2\n")])
    assert (await answer()).startswith("backlog")
    closed = types.DidCloseNotebookDocumentParams(
        notebook_document=types.NotebookDocumentIdentifier(notebook.uri),
        cell_text_documents=[types.TextDocumentIdentifier(uri) for uri in (second, third)],
    )
    session.notebook_document_did_close(closed)
    assert await session.ghost_text(second, types.Position(0, 0)) == []


# Workspace folders


def write_project(folder: Path) -> Path:
    """Files that take longer to read than goes without a progress bar, and one that knows a call."""
    folder.mkdir()
    for number in range(250):
        lines = [f"value_{number}_{line} = compute_{line % 7}({number}, {line})\n" for line in range(60)]
        (folder / f"module{number}.py").write_text("".join(lines), "utf-8")
    known = "first = launch_rocket(payload, orbit=9000, crew='Laika')\n" * 3
    (folder / "known.py").write_text(known, "utf-8")
    return folder


async def test_files_are_known_while_their_folder_is_one_of_the_workspace(
    session: Client, tmp_path: Path
) -> None:
    """Reading them is shown, from its beginning to its end."""
    folder = write_project(tmp_path.resolve() / "rockets")
    told = types.WorkspaceFolder(uri=folder.as_uri(), name="rockets")

    def change(**what: list[types.WorkspaceFolder]) -> None:
        event = types.WorkspaceFoldersChangeEvent(
            added=what.get("added", []), removed=what.get("removed", [])
        )
        session.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))

    tries = itertools.count()

    async def knows() -> bool:
        # Another text each time: an answer of before is kept for the same one.
        uri, place = session.open(f"number = {next(tries)}\nsecond = launch_rocket(|\n")
        items = await session.ghost_text(uri, place)
        session.close(uri)
        return "Laika" in str(items)

    async def comes(wanted: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            while await knows() != wanted:
                await asyncio.sleep(0.1)

    def ended() -> list[types.ProgressToken]:
        bars = [bar for bar in session.progress_reports if str(bar).startswith("tabwright-indexing")]
        return [bar for bar in bars if isinstance([None, *session.bar(bar)][-1], types.WorkDoneProgressEnd)]

    assert not await knows()
    before = ended()  # that of the empty workspace, on a busy machine
    change(added=[told])
    await comes(True)

    await session.wait_until(lambda: len(ended()) > len(before), "the end of reading")
    begin, *reports, end = session.bar(ended()[-1])
    assert isinstance(begin, types.WorkDoneProgressBegin)
    assert begin.title == "Tabwright: reading the workspace"
    assert reports
    assert all(isinstance(one, types.WorkDoneProgressReport) for one in reports)
    assert isinstance(end, types.WorkDoneProgressEnd)
    assert end.message == "251 files"
    change(removed=[told])
    await comes(False)


# Settings


async def test_settings_are_taken_from_a_message_or_asked_for(session: Client) -> None:
    uri, place = session.open(f"{CALLS}fourth = |\n")

    async def has(settings: object, *, pulled: bool, expected: bool) -> None:
        if pulled:
            session.set_configuration(settings, section="tabwright")
            settings = None
        session.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=settings))
        asked = session.heard(types.WORKSPACE_CONFIGURATION)
        async with asyncio.timeout(PATIENCE):
            while ((await session.status())[0] == "ready") != expected:
                await asyncio.sleep(0.02)
        assert bool(await session.ghost_text(uri, place)) == expected
        if pulled:
            (item,) = session.heard(types.WORKSPACE_CONFIGURATION)[len(asked)]["params"]["items"]
            assert item["section"] == "tabwright"
        assert ((await session.status())[0] == "ready") == expected

    await has({"tabwright": {"enable": False}}, pulled=False, expected=False)
    await has({"tabwright": {"enable": True}}, pulled=False, expected=True)
    await has({"enable": False}, pulled=True, expected=False)
    await has(None, pulled=True, expected=False)  # nothing to say
    await has({"enable": True}, pulled=True, expected=True)


async def test_a_value_that_cannot_be_used_is_said_once(session: Client) -> None:
    """However often it is sent, and by whichever way."""
    before = len(session.messages)
    bad = {"tabwright": {"maxLines": 99}}
    for _ in range(2):
        session.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=bad))
    await session.status()
    asked = len(session.heard(types.WORKSPACE_CONFIGURATION))
    session.set_configuration({"maxLines": 99, "debounceMs": -1}, section="tabwright")
    session.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
    await session.wait_until(lambda: len(session.messages) > before + 1, "the second warning")
    assert len(session.heard(types.WORKSPACE_CONFIGURATION)) == asked + 1
    assert all(one.type == types.MessageType.Warning for one in session.messages[before:])
    named = [one.message.partition(" must be")[0] for one in session.messages[before:]]
    setting = "Tabwright: the setting tabwright."
    assert named == [setting + "maxLines", setting + "debounceMs"]
    session.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=SETTINGS))
    uri, place = session.open(f"{CALLS}fourth = |\n")
    assert await session.ghost_text(uri, place)


# An editor that declares nothing but ghost text, and how sessions end


BARE = Kind(
    name="bare",
    capabilities=types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            inline_completion=types.InlineCompletionClientCapabilities()
        )
    ),
    encoding="utf-16",
)


@pytest_lsp.fixture(config=CONFIG, loop_scope="module")  # type: ignore[untyped-decorator]
async def fresh(client: Client) -> AsyncIterator[None]:
    """A server that the test begins and ends."""
    yield
    assert client._server is not None
    if client._server.returncode is None:
        client._server.kill()


async def test_an_editor_that_declares_little_is_asked_for_nothing(fresh: Client, tmp_path: Path) -> None:
    """No progress, no registration, no settings; then it goes without shutdown, which is code 1."""
    await fresh.begin(BARE, write_project(tmp_path.resolve() / "rockets"))
    await fresh.wait_until(
        lambda: any("files of the workspace" in one.message for one in fresh.log_messages), "the index"
    )
    fresh.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))
    uri, place = fresh.open("second = launch_rocket(|\n")
    items = await fresh.ghost_text(uri, place)
    assert "Laika" in str(items[0].insert_text)
    methods = {message["method"] for message in fresh.protocol.heard if "method" in message}
    assert methods == {types.WINDOW_LOG_MESSAGE}  # nor told of what it does not know
    fresh.exit(None)
    assert await fresh.end() == 1


async def test_requests_that_wait_for_the_model_are_cancelled_overtaken_and_answered(
    fresh: Client, tmp_path: Path
) -> None:
    """Then it is shut down with a request under way: that is answered, the next is refused, the code is 0."""
    await fresh.begin(BARE, tmp_path.resolve())
    uri, place = fresh.open(f"{CALLS}fourth = |\n")
    other, other_place = fresh.open(f"{CALLS}fifth = |\n")
    asked = {
        "cancelled": fresh.ask(other, other_place, number="cancelled"),
        "overtaken": fresh.ask(uri, place, number="overtaken"),
        "answered": fresh.ask(uri, place, number="answered"),
    }
    fresh.cancel_request(types.CancelParams(id="cancelled"))
    assert (await fresh.status())[0] == "starting"
    results = await asyncio.wait_for(asyncio.gather(*asked.values(), return_exceptions=True), PATIENCE)
    assert isinstance(results[0], JsonRpcException)
    assert results[0].code == CANCELLED
    assert results[1] is None
    assert isinstance(results[2], types.InlineCompletionList)
    assert results[2].items

    waiting = {"debounceMs": 2000}
    fresh.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=waiting))
    fresh.edit(uri, types.Range(place, place), "shipping")
    place = types.Position(place.line, place.character + len("shipping"))
    asked["under way"] = fresh.ask(uri, place, number="under way")
    ended = fresh.protocol.send_request(types.SHUTDOWN, None, msg_id="shutdown")
    asked["too late"] = fresh.ask(uri, place, number="too late")
    fresh.edit(uri, types.Range(place, place), "_")  # what is no request is ignored
    results = await asyncio.wait_for(asyncio.gather(*asked.values(), return_exceptions=True), PATIENCE)
    assert await asyncio.wait_for(asyncio.wrap_future(ended), PATIENCE) is None
    assert results[-2] is None or getattr(results[-2], "code", None) == CANCELLED
    assert isinstance(results[-1], JsonRpcException)
    assert results[-1].code == INVALID_REQUEST
    fresh.exit(None)
    assert await fresh.end() == 0
    assert all(len(fresh.answers(number)) == 1 for number in [*asked, "shutdown"])


async def test_a_session_may_end_while_the_model_is_loading(fresh: Client, tmp_path: Path) -> None:
    await fresh.begin(BARE, tmp_path.resolve())
    uri, place = fresh.open(f"{CALLS}fourth = |\n")
    asked = fresh.ask(uri, place, number="asked")
    await shut_down(fresh)
    with contextlib.suppress(JsonRpcException):  # cancelled
        assert await asked is None
    assert len(fresh.answers("asked")) == 1
