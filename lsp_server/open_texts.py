"""What is open in the editor: documents, notebooks of cells, and which was worked on last.

The cells of one notebook are one document for everything that comes after: one path, one turn, one neighbour.
Only positions are the cell's own. Nothing here computes or waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lsp_server import notebooks
from lsp_server.context import language_of, with_lf
from lsp_server.documents import Document, Edit, Encoding, Spot, edited, offset_at
from lsp_server.notebooks import Cell, Notebook

log = logging.getLogger("lsp_server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The entry selected in the editor's own menu: a suggestion must go on from its text."""

    start: Spot
    end: Spot
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Splice:
    """Cells of a notebook put in place of others."""

    start: int
    deleted: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in what is open, with LF line ends. `before` and `behind` are all that the model may be told:
    of a notebook, its other cells too. `own_before` and `own_behind` are the editor's document's alone.
    """

    document: Document
    before: str
    behind: str
    own_before: str
    own_behind: str


class OpenTexts:
    """All that one editor has open, by URI. `encoding` is what its columns are counted in."""

    def __init__(self) -> None:
        self.encoding: Encoding = "utf-16"
        self._documents: dict[str, Document] = {}  # in the order they were opened
        self._notebooks: dict[str, Notebook] = {}
        self._notebook_of: dict[str, str] = {}  # by URI of the cell
        self._touched: dict[str, None] = {}  # keys, the one worked on last at the end

    def get(self, uri: str) -> Document | None:
        """The document, or the cell, as the editor has it."""
        return self._documents.get(uri)

    @property
    def last_opened(self) -> Document | None:
        """The document opened last."""
        return next(reversed(self._documents.values()), None)

    def key(self, uri: str) -> str:
        """What names the document for turns: a cell's is its notebook's."""
        return self._notebook_of.get(uri, uri)

    # Documents

    def open(self, uri: str, document: Document) -> None:
        """Keep a document; one that is open already is replaced."""
        self._documents.pop(uri, None)
        self._documents[uri] = document
        self._touch(uri)

    def change(self, uri: str, edits: Sequence[Edit]) -> Document | None:
        """The document after edits; None, and a line in the log, for one that is not open."""
        document = self._documents.get(uri)
        if document is None:
            log.warning("a change of %s, which is not open, was ignored", uri)
            return None
        self._documents[uri] = document = edited(document, edits, self.encoding)
        self._touch(uri)
        return document

    def close(self, uri: str) -> Document | None:
        """Forget a document."""
        if uri not in self._notebook_of:
            self._touched.pop(uri, None)
        return self._documents.pop(uri, None)

    def _touch(self, uri: str) -> None:
        key = self.key(uri)
        self._touched.pop(key, None)
        self._touched[key] = None

    # Notebooks

    def open_notebook(self, uri: str, notebook: Notebook, texts: Mapping[str, Document]) -> None:
        """Keep a notebook and the texts of its cells."""
        self._forget_cells(uri, notebook.cells)
        self._notebooks[uri] = notebook
        self._notebook_of.update((cell.uri, uri) for cell in notebook.cells)
        for cell, document in texts.items():
            self.open(cell, document)

    def change_notebook(self, uri: str, splice: Splice, texts: Mapping[str, Document]) -> bool:
        """Put cells in and take cells out; False, and a line in the log, for a notebook that is not open."""
        notebook = self._notebooks.get(uri)
        if notebook is None:
            log.warning("a change of the notebook %s, which is not open, was ignored", uri)
            return False
        self.open_notebook(uri, notebook.spliced(splice.start, splice.deleted, splice.cells), texts)
        return True

    def close_notebook(self, uri: str) -> list[str]:
        """Forget a notebook and all its cells; their URIs."""
        self._touched.pop(uri, None)
        notebook = self._notebooks.pop(uri, None)
        cells = [cell.uri for cell in notebook.cells] if notebook is not None else []
        for cell in cells:
            self._forget_cell(cell, uri)
        return cells

    def _forget_cells(self, uri: str, staying: Iterable[Cell]) -> None:
        """Forget those cells of a notebook that do not stay."""
        known = self._notebooks.get(uri)
        stay = {cell.uri for cell in staying}
        for cell in known.cells if known is not None else ():
            if cell.uri not in stay:
                self._forget_cell(cell.uri, uri)

    def _forget_cell(self, cell: str, notebook: str) -> None:
        if self._notebook_of.get(cell) == notebook:  # else another notebook has it now
            del self._notebook_of[cell]
            self._documents.pop(cell, None)

    # What the model is told

    def place(self, uri: str, spot: Spot, chosen: Chosen | None) -> Place | None:
        """A place of an open document; None, and a line in the log, where there is none."""
        document = self._documents.get(uri)
        if document is None:
            log.warning("a request for %s, which is not open, was answered with nothing", uri)
            return None
        first, last = (spot, spot) if chosen is None else (chosen.start, chosen.end)
        found: dict[Spot, int] = {}  # mostly all are one place, which takes a while to find in a long file
        for line, character in dict.fromkeys((spot, first, last)):
            offset = offset_at(document.text, line, character, self.encoding, document.near)
            if offset is None:
                log.warning(
                    "line %d, character %d is outside %s; the request was answered with nothing",
                    line, character, document.path,
                )  # fmt: skip
                return None
            found[line, character] = offset
        before = document.text[: found[first]] + (chosen.text if chosen else "")
        return self._place(uri, document, before, document.text[found[last] :])

    def place_after(self, uri: str, beginning: str) -> Place | None:
        """The place behind the beginning of a document, LF line ends; None where it does not begin so."""
        document = self._documents.get(uri)
        text = "" if document is None else with_lf(document.text)
        if document is None or not text.startswith(beginning):
            return None
        return self._place(uri, document, beginning, text[len(beginning) :])

    def _place(self, uri: str, document: Document, before: str, behind: str) -> Place:
        before, behind = with_lf(before), with_lf(behind)
        notebook = self._notebooks.get(self.key(uri))
        above, below = "", ""
        if notebook is not None:
            above, below = notebooks.around(notebook, uri, self._texts_in(language_of(document)))
            document = replace(document, path=notebook.told_path)
        return Place(
            document=document,
            before=above + before,
            behind=behind + below,
            own_before=before,
            own_behind=behind,
        )

    def others(self, uri: str) -> list[Document]:
        """All other documents, the one worked on last first; a notebook is one."""
        key = self.key(uri)
        return [
            document
            for other in reversed(self._touched)
            if other != key and (document := self._as_one(other)) is not None
        ]

    def all(self) -> list[Document]:
        """All documents, in the order they were worked on; a notebook is one."""
        return [document for key in self._touched if (document := self._as_one(key)) is not None]

    def _as_one(self, key: str) -> Document | None:
        notebook = self._notebooks.get(key)
        if notebook is None:
            return self._documents.get(key)
        cells = (self._documents.get(cell.uri) for cell in notebook.cells if cell.is_code)
        first = next((cell for cell in cells if cell is not None), None)
        if first is None:
            return None
        language = language_of(first)
        text = notebooks.whole(notebook, self._texts_in(language))
        return Document(path=notebook.told_path, language_id=language, text=text)

    def _texts_in(self, language: str) -> _Texts:
        return _Texts(documents=self._documents, language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """Texts of cells of one language, by URI."""

    documents: Mapping[str, Document]
    language: str

    def __call__(self, uri: str) -> str | None:
        document = self.documents.get(uri)
        return document.text if document is not None and language_of(document) == self.language else None
