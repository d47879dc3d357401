"""An editor without a screen: drives a real server process over LSP, as editors do.

Places are character offsets into the editor's own copy of the text; it turns them into the positions that
were agreed on. The demo, the end-to-end tests and the replay evaluation are written with it.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from lsp_server.documents import Encoding, offset_at, position_of

T = TypeVar("T")

# -I: a workspace with its own `model/` folder must not take the place of ours.
SERVER = (sys.executable, "-I", "-m", "lsp_server", "--stdio")
CANCELLED = -32800
_PATIENCE = 60.0  # seconds until a server that does not answer counts as hung
_STDERR_LINES = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pending:
    """A request that has not been answered yet. Await `answer`; JsonRpcException when it was cancelled."""

    id: str
    answer: asyncio.Future[Any]


class _Client(LanguageClient):
    """pygls' client, whose server's stderr is read: a full pipe would stop the server."""

    def __init__(self) -> None:
        super().__init__("tabwright-editor", "1")
        self.stderr: deque[str] = deque(maxlen=_STDERR_LINES)

    async def start_io(self, cmd: str, *args: Any, **kwargs: Any) -> None:
        await super().start_io(cmd, *args, **kwargs)
        self._async_tasks.append(asyncio.create_task(self._read_stderr()))

    async def _read_stderr(self) -> None:
        assert self._server is not None
        assert self._server.stderr is not None
        while line := await self._server.stderr.readline():
            self.stderr.append(line.decode(errors="replace").rstrip())

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    async def end(self) -> int:
        """Wait for the process to end, and end it after a while. The exit status."""
        assert self._server is not None
        try:
            await asyncio.wait_for(self._server.wait(), _PATIENCE / 4)
        except TimeoutError:
            self._server.kill()
        await self.stop()  # type: ignore[no-untyped-call]
        assert self._server.returncode is not None
        return self._server.returncode


class Editor:
    """One editor with one server: `async with Editor(folder) as editor`.

    `inline` false is an editor without ghost text. What the server tells is kept in `states`, `messages` and
    `logs`, oldest first. Paths are relative to the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, object] | None = None,
        command: Sequence[str] = SERVER,
        inline: bool = True,
        encoding: Encoding = "utf-16",
    ) -> None:
        self.folder = folder.resolve()
        self.states: list[tuple[str, str]] = []
        self.messages: list[str] = []
        self.logs: list[str] = []
        self.capabilities: types.ServerCapabilities | None = None
        self.exit_status: int | None = None
        self._settings = settings
        self._command = command
        self._inline = inline
        self._encoding: Encoding = encoding
        self._texts: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self._ids = itertools.count(1)
        self._news = asyncio.Event()
        self._client = _Client()

    async def __aenter__(self) -> Editor:
        """Start the server, and initialize it."""
        client = self._client
        # Lambdas, because pygls sets attributes on what it registers and a method takes none.
        client.feature("tabwright/status")(lambda params: self._hear(self.states, _state(params)))
        client.feature(types.WINDOW_SHOW_MESSAGE)(lambda params: self._hear(self.messages, params.message))
        client.feature(types.WINDOW_LOG_MESSAGE)(lambda params: self._hear(self.logs, params.message))
        program, *arguments = self._command
        await client.start_io(program, *arguments, cwd=str(self.folder))
        about_inline = types.InlineCompletionClientCapabilities() if self._inline else None
        params = types.InitializeParams(
            process_id=None,
            root_uri=self.folder.as_uri(),
            workspace_folders=[types.WorkspaceFolder(uri=self.folder.as_uri(), name=self.folder.name)],
            initialization_options=dict(self._settings) if self._settings is not None else None,
            capabilities=types.ClientCapabilities(
                experimental={"tabwright": {"status": True}},
                text_document=types.TextDocumentClientCapabilities(inline_completion=about_inline),
                general=types.GeneralClientCapabilities(
                    position_encodings=[types.PositionEncodingKind(self._encoding)]
                ),
            ),
        )
        try:
            result = await asyncio.wait_for(client.initialize_async(params), _PATIENCE)
        except (RuntimeError, TimeoutError) as error:
            await client.end()
            raise RuntimeError("the server did not start:\n" + "\n".join(client.stderr)) from error
        self.capabilities = result.capabilities
        client.initialized(types.InitializedParams())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Shut the server down, as LSP asks, and wait for its end."""
        client = self._client
        if not client.stopped:
            try:
                await asyncio.wait_for(client.shutdown_async(None), _PATIENCE)
                client.exit(None)
            except (RuntimeError, TimeoutError, JsonRpcException):
                pass  # it ended by itself, or is ended below
        self.exit_status = await client.end()

    # What the server tells

    def _hear(self, kept: list[T], news: T) -> None:
        kept.append(news)
        self._news.set()

    async def wait_for_state(self, *wanted: str, seconds: float = _PATIENCE) -> tuple[str, str]:
        """Wait until the last state is one of those. Raises TimeoutError."""

        async def reached() -> tuple[str, str]:
            while not self.states or self.states[-1][0] not in wanted:
                self._news.clear()
                await self._news.wait()
            return self.states[-1]

        return await asyncio.wait_for(reached(), seconds)

    @property
    def stderr(self) -> list[str]:
        """The last lines that the server wrote to stderr."""
        return list(self._client.stderr)

    @property
    def pid(self) -> int:
        """Id of the server process."""
        return self._client.pid

    # Documents

    def open(self, path: str, text: str, *, language: str = "python") -> None:
        """Open a document; the file need not exist."""
        self._texts[path], self._versions[path] = text, 1
        self._client.text_document_did_open(
            types.DidOpenTextDocumentParams(
                text_document=types.TextDocumentItem(
                    uri=self.uri(path), language_id=language, version=1, text=text
                )
            )
        )

    def replace(self, path: str, start: int, end: int, text: str) -> None:
        """Replace the characters from `start` to `end`, told as one incremental change."""
        old = self._texts[path]
        change = types.TextDocumentContentChangePartial(
            range=types.Range(start=self._position(path, start), end=self._position(path, end)), text=text
        )
        self._texts[path] = old[:start] + text + old[end:]
        self._versions[path] += 1
        self._client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(
                    uri=self.uri(path), version=self._versions[path]
                ),
                content_changes=[change],
            )
        )

    def close(self, path: str) -> None:
        """Close a document."""
        del self._texts[path]
        self._client.text_document_did_close(
            types.DidCloseTextDocumentParams(text_document=types.TextDocumentIdentifier(uri=self.uri(path)))
        )

    def text(self, path: str) -> str:
        """The text as the editor has it."""
        return self._texts[path]

    def uri(self, path: str) -> str:
        """The URI of a path below the folder; a URI stays as it is."""
        return path if "://" in path or path.startswith("untitled:") else (self.folder / path).as_uri()

    def _position(self, path: str, offset: int) -> types.Position:
        line, character = position_of(self._texts[path], offset, self._encoding)
        return types.Position(line=line, character=character)

    # Suggestions

    def ask(
        self,
        path: str,
        place: int | types.Position,
        *,
        invoked: bool = False,
        selected: types.SelectedCompletionInfo | None = None,
    ) -> Pending:
        """Ask for ghost text at an offset, without waiting. A Position is sent as it is, even a wrong one."""
        kinds = types.InlineCompletionTriggerKind
        params = types.InlineCompletionParams(
            context=types.InlineCompletionContext(
                trigger_kind=kinds.Invoked if invoked else kinds.Automatic, selected_completion_info=selected
            ),
            text_document=types.TextDocumentIdentifier(uri=self.uri(path)),
            position=self._position(path, place) if isinstance(place, int) else place,
        )
        number = f"ask-{next(self._ids)}"
        protocol = self._client.protocol
        answer = protocol.send_request_async(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id=number)
        return Pending(id=number, answer=answer)

    async def suggest(
        self, path: str, place: int | types.Position, *, invoked: bool = False
    ) -> types.InlineCompletionItem | None:
        """Ask for ghost text and wait. The first item, if there is one."""
        items = await asyncio.wait_for(self.ask(path, place, invoked=invoked).answer, _PATIENCE)
        found = items.items if isinstance(items, types.InlineCompletionList) else items
        return found[0] if found else None

    def cancel(self, pending: Pending) -> None:
        """Tell the server that the answer is not wanted any more."""
        self._client.cancel_request(types.CancelParams(id=pending.id))

    async def menu(self, path: str, offset: int) -> list[types.CompletionItem]:
        """Ask for menu entries, as editors without ghost text do."""
        params = types.CompletionParams(
            text_document=types.TextDocumentIdentifier(uri=self.uri(path)),
            position=self._position(path, offset),
        )
        found = await asyncio.wait_for(self._client.text_document_completion_async(params), _PATIENCE)
        if found is None:
            return []
        return list(found.items if isinstance(found, types.CompletionList) else found)

    async def accept(self, path: str, item: types.InlineCompletionItem) -> None:
        """Put a suggestion into the text and run its command."""
        assert item.range is not None
        assert isinstance(item.insert_text, str)
        text = self._texts[path]
        ends = [
            offset_at(text, place.line, place.character, self._encoding)
            for place in (item.range.start, item.range.end)
        ]
        assert ends[0] is not None
        assert ends[1] is not None
        self.replace(path, ends[0], ends[1], item.insert_text)
        if item.command is not None:
            params = types.ExecuteCommandParams(
                command=item.command.command, arguments=item.command.arguments
            )
            await asyncio.wait_for(self._client.workspace_execute_command_async(params), _PATIENCE)

    def configure(self, settings: object) -> None:
        """Send new settings."""
        self._client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=settings))

    async def status(self) -> tuple[str, str]:
        """Ask for the state."""
        request = self._client.protocol.send_request_async("tabwright/status", {})
        answer = await asyncio.wait_for(request, _PATIENCE)
        return _state(answer)


def _state(told: Any) -> tuple[str, str]:
    """What `tabwright/status` carries: a named tuple of pygls' making, or a dict where it is an answer."""
    if isinstance(told, Mapping):
        return told["state"], told["message"]
    return told.state, told.message
