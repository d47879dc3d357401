"""A language server that suggests the same text everywhere, at once: what everything but ours costs.

The script of a process of its own: `python -I null_server.py`. It stands on the same library as our server,
so what differs is our server's own work, waiting included.

Not here: one that suggests nothing (eval/replay/null_server.py).
"""

from __future__ import annotations

from lsprotocol import types
from pygls.lsp.server import LanguageServer

TEXT = "fixed(suggestion)"


def build() -> LanguageServer:
    """The server, not started."""
    server = LanguageServer("tabwright-null", "1")

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    def inline_completion(params: types.InlineCompletionParams) -> types.InlineCompletionList:
        where = types.Range(start=params.position, end=params.position)
        return types.InlineCompletionList(items=[types.InlineCompletionItem(insert_text=TEXT, range=where)])

    @server.feature(types.INITIALIZED)
    def initialized(params: types.InitializedParams) -> None:
        state = {"state": "ready", "message": "the null server is ready"}
        server.protocol.notify("tabwright/status", state)

    return server


if __name__ == "__main__":
    build().start_io()
