"""Progress bars in the editor: the model is loading, the workspace is being looked through.

Only for editors that show them, and nothing depends on them: an editor may refuse one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from lsp_server.workspace import State

_LOOK_EVERY = 0.5  # seconds, at how far the index is

log = logging.getLogger("lsp_server")


class Progress:
    """The bars of one server."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._bars = 0
        self._indexing: asyncio.Task[None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether the editor shows them."""
        about_window = self._server.client_capabilities.window
        return about_window is not None and bool(about_window.work_done_progress)

    async def narrate_loading(self, loading: asyncio.Future[Any], outcome: Callable[[], str]) -> None:
        """A bar until the model is loaded, then what came of it."""
        bar = "tabwright-loading"
        await self._server.work_done_progress.create_async(bar)
        begin = types.WorkDoneProgressBegin(title="Tabwright: loading the model", cancellable=False)
        self._server.work_done_progress.begin(bar, begin)
        await asyncio.wait([loading])
        self._server.work_done_progress.end(bar, types.WorkDoneProgressEnd(message=outcome()))

    def begin_indexing(self, indexed: Callable[[], State | None]) -> None:
        """A bar until the workspace has been looked through, if there is none yet."""
        if self.wanted and (self._indexing is None or self._indexing.done()):
            self._indexing = asyncio.ensure_future(self._narrate_indexing(indexed))

    async def _narrate_indexing(self, indexed: Callable[[], State | None]) -> None:
        await asyncio.sleep(_LOOK_EVERY)  # no bar for what is done at once
        state = indexed()
        if state is None or state.complete:
            return
        shown = self._server.work_done_progress
        self._bars += 1
        bar = f"tabwright-indexing-{self._bars}"
        try:
            await shown.create_async(bar)
        except Exception as error:  # an editor may refuse what it said it could
            log.info("the editor refused: %s", error)
            return
        begin = types.WorkDoneProgressBegin(title="Tabwright: reading the workspace", cancellable=False)
        shown.begin(bar, begin)
        told = 0  # that nothing is known yet is what the title says
        while (state := indexed()) is not None and not state.complete:
            if state.files != told:
                told = state.files
                shown.report(bar, types.WorkDoneProgressReport(message=f"{told:,} files"))
            await asyncio.sleep(_LOOK_EVERY)
        files = state.files if state is not None else 0
        shown.end(bar, types.WorkDoneProgressEnd(message=f"{files:,} files"))
        shown.tokens.pop(bar, None)
