"""The definitions that a hole's file imports, those that are most likely wanted next first.

One name that was imported and is used nowhere comes first, for it is there to be used; then those used
nearest to the cursor. Those used only far from it are left out: one in two hundred was wanted. Of a module
the names are given that are taken of it by a dot; in a language whose files see all of their folder, or of
what they include, those that are named near the cursor.

The hole's file is looked at with each key, so it is never parsed as a whole: its import statements alone are.
Not here: where a module lies (modules.py), how a definition is shown (neighbours.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from model import modules, outline, syntax
from model.fim import Hole
from model.modules import Found
from model.neighbourhood import File, Neighbourhood, folder
from model.outline import Import

_NEAR_BEFORE = 1000  # characters in which a use of an imported name counts as near
_NEAR_AFTER = 500
_UNUSED = _NEAR_BEFORE + 1  # a distance behind all that are near
_LONGEST_IMPORT = 60  # lines
_LONGEST_LINE = 1000  # characters; a longer one was written by a tool
# A name and, without reading on, what is taken of it: in a.b.c there is a.b and b.c.
_WORD = re.compile(r"([^\W\d]\w*)(?=(?:(?:\.|::|->)([^\W\d]\w*))?)")
_SCRIPT = (
    ("import", "require", "export"),
    re.compile(r"\s*+(?:import\b|export\b.{0,300}\bfrom\b|export\s*\{|.{0,300}\brequire\s*\()"),
)
_INCLUDE = (("include",), re.compile(r"\s*#\s*include\b"))
# Words that an import holds in each language, and how its first line begins.
_IMPORTS: dict[str, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "python": (("import",), re.compile(r"[ \t]*(?:from\b.{0,300}\bimport\b|import\b)")),
    "javascript": _SCRIPT, "typescript": _SCRIPT, "tsx": _SCRIPT,
    "go": (("import",), re.compile(r"import\b")),
    "rust": (("use", "mod"), re.compile(r"\s*(?:pub(?:\([^)]*\))?\s+)?(?:use|mod)\b")),
    "java": (("import",), re.compile(r"import\b")),
    "c": _INCLUDE, "cpp": _INCLUDE,
}  # fmt: skip

_FOLDER_IS_MODULE = ("go", "java")
_INCLUDING = ("c", "cpp")


class _Use(NamedTuple):
    """An imported name: how far from the cursor it is used, and what is taken of it by a dot there."""

    distance: int
    attributes: tuple[str, ...]
    one: Import
    taken: str | None  # its name in the module; None: the module itself


class _Near(NamedTuple):
    """The words near the cursor, nearest first, but those of import statements."""

    distances: dict[str, int]  # characters
    attributes: dict[str, dict[str, None]]  # what is taken of a word by a dot


def definitions(hole: Hole, before: str, after: str, files: Neighbourhood) -> Iterator[Found]:
    """The definitions in other files; some may come twice. `before` and `after` are what is looked at."""
    if hole.language not in _IMPORTS:
        return
    above, below = _import_spans(before, hole.language), _import_spans(after, hole.language)
    statements = [before[slice(*span)] for span in above] + [after[slice(*span)] for span in below]
    near = _words_near(before, after, above, below)
    # What import statements hold is no use of it.
    rest = "\n".join(
        [before[start:end] for start, end in _between(above, 0, len(before))]
        + [after[start:end] for start, end in _between(below, 0, len(after))]
    )
    uses = _by_use(statements, near, rest, hole.language)
    # One at most: a file with many unused names, such as an `__init__`, hands them on and uses none.
    for use in uses:
        first = next(_of_use(use, hole, files), None) if use.distance == _UNUSED else None
        if first is not None:
            yield first
            break
    for use in uses:
        yield from _of_use(use, hole, files)
    if hole.language in _FOLDER_IS_MODULE:
        beside = [files.file(path) for path in files.in_folder(folder(hole.path))]
        for name in near.distances:
            for file in beside:
                if file is not None and file.path != hole.path and name in file.top_level:
                    yield Found(file, file.top_level[name])


def _of_use(use: _Use, hole: Hole, files: Neighbourhood) -> Iterator[Found]:
    for source in modules.files_of(use.one, path=hole.path, language=hole.language, files=files):
        if use.taken is None:  # the module itself
            yield from _of_module(source, use.attributes, hole, files)
            continue
        found = modules.definition_of(use.taken, source, files=files)
        if found is not None and found.file.path != hole.path:
            yield found
        elif (module := modules.submodule(use.taken, source, files=files)) is not None:
            yield from _of_module(module, use.attributes, hole, files)


def _of_module(module: File, attributes: Sequence[str], hole: Hole, files: Neighbourhood) -> Iterator[Found]:
    for attribute in attributes:
        found = modules.definition_of(attribute, module, files=files)
        if found is not None and found.file.path != hole.path:
            yield found


def _by_use(statements: Sequence[str], near: _Near, rest: str, language: str) -> list[_Use]:
    """The imported names: those used nearest to the cursor first, then the unused.

    `rest` is all of the text but import statements.
    """
    if not statements:
        return []
    uses = []
    for one in _parsed_imports("".join(f"{one.strip()}\n" for one in statements), language):
        pairs: list[tuple[str, str | None]] = [(taken.local, taken.name) for taken in one.names]
        if not pairs:
            everything = language in _INCLUDING
            pairs = [("*" if everything else one.alias or re.split(r"[./:]+", one.module)[-1], None)]
        for local, wanted in pairs:
            if local == "*":  # all that is named near the cursor may come from there
                uses.append(_Use(_NEAR_BEFORE, tuple(near.distances), one, None))
                continue
            distance = near.distances.get(local)
            if distance is None:
                if _holds(rest, local):
                    continue
                distance = _UNUSED
            uses.append(_Use(distance, tuple(near.attributes.get(local, ())), one, wanted))
    return sorted(uses, key=lambda use: use.distance)  # stable: in the order of the file


def _holds(text: str, name: str) -> bool:
    """Whether a name stands in a text as a word of its own."""
    at = text.find(name) if name else -1
    while at >= 0:
        end = at + len(name)
        if not _is_word(text[at - 1 : at]) and not _is_word(text[end : end + 1]):
            return True
        at = text.find(name, end)
    return False


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _words_near(
    before: str, after: str, above: Sequence[tuple[int, int]], below: Sequence[tuple[int, int]]
) -> _Near:
    words = [
        (len(before) - found.start(), found[1], found[2] or "")
        for start, end in _between(above, max(0, len(before) - _NEAR_BEFORE), len(before))
        for found in _WORD.finditer(before, start, end)
    ]
    words += [
        (found.start(), found[1], found[2] or "")
        for start, end in _between(below, 0, min(len(after), _NEAR_AFTER))
        for found in _WORD.finditer(after, start, end)
    ]
    near = _Near({}, {})
    for distance, name, attribute in sorted(words):
        near.distances.setdefault(name, distance)
        if attribute:
            near.attributes.setdefault(name, {})[attribute] = None
    return near


def _between(spans: Sequence[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    """What is left of [start, end) without the spans, which are in order."""
    for first, last in spans:
        if first >= end:
            break
        if first > start:
            yield start, first
        start = max(start, last)
    if start < end:
        yield start, end


def _import_spans(text: str, language: str) -> list[tuple[int, int]]:
    """Where import statements may stand: whole lines, to the end of a bracket that they open.

    The hole's file is looked at with each key, so it is not parsed as a whole.
    """
    words, line = _IMPORTS[language]
    starts: dict[int, None] = {}
    for word in words:
        at = text.find(word)
        while at >= 0:
            # Each line is tried once, however often it holds the word: a minified file is one long line.
            start, newline = text.rfind("\n", 0, at) + 1, text.find("\n", at)
            ends = len(text) if newline < 0 else newline
            if ends - start <= _LONGEST_LINE and line.match(text, start, ends):
                starts[start] = None
            at = text.find(word, ends)
    spans: list[tuple[int, int]] = []
    for start in sorted(starts):
        if spans and start < spans[-1][1]:
            continue
        end, depth = start, 0
        for _ in range(_LONGEST_IMPORT):
            newline = text.find("\n", end)
            ends = len(text) if newline < 0 else newline
            if ends - end > _LONGEST_LINE:
                break
            piece = text[end:ends]
            depth += sum(map(piece.count, "([{")) - sum(map(piece.count, ")]}"))
            end = ends + 1
            if newline < 0 or (depth <= 0 and not piece.endswith("\\")):
                break
        spans.append((start, min(end, len(text))))
    return spans


@lru_cache(maxsize=256)  # the same statements stand in the file at each key, and around each of its holes
def _parsed_imports(text: str, language: str) -> tuple[Import, ...]:
    return tuple(outline.imports(syntax.parse(text, language)))
