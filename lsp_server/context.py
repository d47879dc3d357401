"""Editor state to Hole: what the model is told of a place.

Paths are told relative to the workspace, as in training; line ends are LF. Neighbours come from the other
open documents and, in a server, from the workspace's files.
Not here: which of them are shown (model/neighbours.py), how many tokens fit (model/fim.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lsp_server.documents import Document
from model import neighbours, syntax
from model.fim import Hole, Snippet
from model.neighbourhood import Neighbourhood, family

if TYPE_CHECKING:
    from lsp_server.nearby import Nearby

# A generated file of megabytes is no model of how this project is written, and slow to look through.
LARGEST_NEIGHBOUR = 200_000  # characters


def hole_at(
    document: Document, offset: int, *, folders: Sequence[str], files: Sequence[Snippet] = ()
) -> Hole:
    """The hole at a character offset. `files` are those that neighbours may come from."""
    return hole_between(
        document, document.text[:offset], document.text[offset:], folders=folders, files=files
    )


def hole_between(
    document: Document,
    prefix: str,
    suffix: str,
    *,
    folders: Sequence[str],
    files: Sequence[Snippet] = (),
    neighbourhood: Neighbourhood | None = None,
    nearby: Nearby | None = None,
    characters: int = 1200,
) -> Hole:
    """The hole between two texts that need not be all of the document's, as with a selected suggestion.

    `neighbourhood` is brought up to date with the files: one that held most of them before spares the work.
    With `nearby` neighbours come from the workspace's files as well. At most `characters` of them are shown;
    beside a document that is too large for one itself, none.
    """
    language = language_of(document)
    hole = Hole(
        path=relative_path(document.path, folders),
        language=language,
        prefix=with_lf(prefix),
        suffix=with_lf(suffix),
    )
    if len(prefix) + len(suffix) > LARGEST_NEIGHBOUR:
        return hole
    if nearby is not None:
        return replace(hole, neighbours=nearby.choose(hole, files, characters=characters))
    if not files:
        return hole
    neighbourhood = Neighbourhood() if neighbourhood is None else neighbourhood
    neighbourhood.replace_all(files)
    return replace(hole, neighbours=neighbours.choose(hole, neighbourhood, characters=characters))


def files_beside(document: Document, others: Iterable[Document], folders: Sequence[str]) -> list[Snippet]:
    """The other documents of the same family of languages, whole, each with a path of its own."""
    kin = family(language_of(document))
    beside = [
        other
        for other in others
        if other.path != document.path
        and len(other.text) <= LARGEST_NEIGHBOUR
        and family(language_of(other)) == kin
    ]
    places: dict[str, list[str]] = {}  # whole paths by what is told of them
    for path in dict.fromkeys([document.path, *(other.path for other in beside)]):
        places.setdefault(relative_path(path, folders), []).append(_slashed(path))
    return [
        Snippet(
            path=_own_path(relative_path(other.path, folders), other.path, places), text=with_lf(other.text)
        )
        for other in beside
    ]


def _own_path(told: str, path: str, places: Mapping[str, Sequence[str]]) -> str:
    """What is told of a path, with as many of its folders before it as no other path of that name ends with.

    Two folders of a workspace may hold files of one relative path.
    """
    parts = _slashed(path).strip("/").split("/")
    rivals = [rival for rival in places[told] if rival != _slashed(path)]
    for count in range(told.count("/") + 2, len(parts) + 1) if rivals else ():
        tail = "/".join(parts[-count:])
        if tail not in places and not any(rival.endswith("/" + tail) for rival in rivals):
            return tail
    return told


def language_of(document: Document) -> str:
    """The language the editor says, where we know it, else that of the file's name; may be unknown to us."""
    if document.language_id in syntax.languages():
        return document.language_id
    return syntax.language_of(document.path) or document.language_id


def relative_path(path: str, folders: Sequence[str]) -> str:
    """A path below the deepest of the folders that holds it, else its name alone. Forward slashes."""
    slashed = _slashed(path)
    for folder in sorted(map(_slashed, folders), key=len, reverse=True):
        inside = folder.rstrip("/") + "/"
        if slashed.startswith(inside):
            return slashed[len(inside) :]
    return slashed.rsplit("/", 1)[-1]


def _slashed(path: str) -> str:
    path = path.replace("\\", "/")
    # Editors write the drive letter of one folder in either case.
    return path[:1].lower() + path[1:] if path[1:2] == ":" else path


def with_lf(text: str) -> str:
    """The text with every line end as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
