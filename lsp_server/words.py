"""LSP's words and ours: documents, edits and paths. Positions pass through as the editor counts them.

Not here: what is done with them (server.py), what positions mean (documents.py).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from cattrs import Converter
from lsprotocol import types
from pygls.protocol import default_converter
from pygls.uris import to_fs_path

from lsp_server.documents import Document, Edit, Encoding, Spot
from lsp_server.notebooks import Cell, Notebook

ENCODINGS: dict[str, Encoding] = {"utf-8": "utf-8", "utf-16": "utf-16", "utf-32": "utf-32"}


def converter() -> Converter:
    """pygls' converter, taking trigger kinds of drafts of the protocol (0 and 1) for the final ones."""
    made: Converter = default_converter()  # type: ignore[no-untyped-call]
    kinds = types.InlineCompletionTriggerKind
    made.register_structure_hook(kinds, lambda value, _: kinds.Automatic if value == 2 else kinds.Invoked)
    return made


def document(opened: types.TextDocumentItem) -> Document:
    """An open document."""
    return Document(path=path_of(opened.uri), language_id=opened.language_id, text=opened.text)


def documents(opened: Sequence[types.TextDocumentItem]) -> dict[str, Document]:
    """Open documents by their URI."""
    return {one.uri: document(one) for one in opened}


def notebook(opened: types.NotebookDocument) -> Notebook:
    """An open notebook."""
    return Notebook(path=path_of(opened.uri), cells=cells(opened.cells))


def cells(opened: Sequence[types.NotebookCell]) -> tuple[Cell, ...]:
    """Cells of a notebook; their texts are documents."""
    return tuple(Cell(uri=cell.document, is_code=cell.kind == types.NotebookCellKind.Code) for cell in opened)


def edits(changes: Sequence[types.TextDocumentContentChangeEvent]) -> list[Edit]:
    """Changes of one document, in their order."""
    return [
        Edit(text=change.text, start=spot(change.range.start), end=spot(change.range.end))
        if isinstance(change, types.TextDocumentContentChangePartial)
        else Edit(text=change.text)
        for change in changes
    ]


def spot(position: types.Position) -> Spot:
    """A place as the editor counts."""
    return position.line, position.character


def path_of(uri: str) -> str:
    """Where a document lies, links followed; the end of its URI where that is no file."""
    path = to_fs_path(uri)
    if path:
        with contextlib.suppress(ValueError, OSError):  # a NUL; a surrogate
            return os.path.realpath(path)
    return uri.rsplit("/", 1)[-1]
