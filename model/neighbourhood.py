"""The files of a project, kept so that those like a place in one of them are found without reading all.

Each file stands in an inverted index from identifier to files; its windows and its outline are made when they
are first asked for. A file is put or removed on its own, so a language server keeps one neighbourhood while
people type, and the pipeline makes one of each project. What is found depends on the files alone, not on the
order in which they came.

Not here: which of the findings are shown (neighbours.py), where an imported module lies (modules.py), which
files are put in at all: secrets, generated files and files of megabytes are the caller's to leave out.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from model import outline, syntax
from model.fim import Snippet
from model.outline import Definition, Import

_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")  # names shorter than three characters are everywhere
# Words of nearly every file say nothing about a likeness.
_COMMON = frozenset(
    _IDENTIFIER.findall(
        "and assert async await break case class continue def del elif else except False finally for from "
        "global import lambda None nonlocal not pass raise return self True try while with yield cls int str "
        "bool float list dict set tuple args kwargs super isinstance len "
        "const let var function new this null undefined true false export default public private protected "
        "static final void package func struct impl pub mut use type interface extends implements throw "
        "throws catch switch include define endif ifdef ifndef char double long unsigned string error nil"
    )
)
STEP = 10  # lines from one window to the next
WINDOW = 2 * STEP  # lines
_MOST_FILES = 12  # of the likest files the windows are looked at
_MOST_WINDOWS = 4  # of a file
_MOST_NAMES = 24  # those that count most; the others stand everywhere, and finding them all takes long
_WIDESPREAD = 0.1  # a name that stands in more of the files than this does not lead to any of them
# Languages whose files speak of one another.
_FAMILIES = {"c": "cpp", "javascript": "typescript", "tsx": "typescript", "jsx": "typescript"}


def names(text: str) -> list[str]:
    """The identifiers of a text that say something, each once, in the order of their first appearance."""
    return [name for name in dict.fromkeys(_IDENTIFIER.findall(text)) if name not in _COMMON]


def family(language: str | None) -> str | None:
    """The language, or the one whose files it is mixed with."""
    return None if language is None else _FAMILIES.get(language, language)


class Window(NamedTuple):
    """Lines [first, last) of a file, and how much of what was asked for they hold."""

    similarity: float
    path: str
    first: int
    last: int


@dataclass(slots=False)
class File:
    """One file of a neighbourhood. What is not asked for is not made."""

    path: str
    text: str
    language: str | None = field(init=False)
    family: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.language = syntax.language_of(self.path)
        self.family = family(self.language)

    @cached_property
    def lines(self) -> list[str]:
        """The text's lines, without their ends."""
        return self.text.split("\n")

    @cached_property
    def steps(self) -> dict[str, tuple[int, ...]]:
        """For each identifier, in which runs of STEP lines it stands, in order."""
        found: dict[str, list[int]] = {}
        for first in range(0, len(self.lines), STEP):
            for name in names("\n".join(self.lines[first : first + STEP])):
                found.setdefault(name, []).append(first // STEP)
        return {name: tuple(steps) for name, steps in found.items()}

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """What the file defines; nothing in a language that is not known."""
        return () if self.language is None else tuple(outline.definitions(self._tree))

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What the file imports; nothing in a language that is not known."""
        return () if self.language is None else tuple(outline.imports(self._tree))

    @cached_property
    def top_level(self) -> dict[str, Definition]:
        """The definitions outside all others by name; of several with one name the last, as when executed."""
        return {one.name: one for one in self.definitions if one.parent is None}

    @cached_property
    def members(self) -> dict[str, list[Definition]]:
        """The definitions within each other one, by the outer one's dotted name."""
        found: dict[str, list[Definition]] = {}
        for one in self.definitions:
            if one.parent is not None:
                found.setdefault(one.parent, []).append(one)
        return found

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @property
    def _tree(self) -> syntax.Tree:
        # Not kept: a tree is many times larger than its text.
        assert self.language is not None
        return syntax.parse(self.text, self.language)

    def offset_of(self, line: int) -> int:
        """Where a line begins; behind the last one the text's length."""
        return self._line_starts[line] if line < len(self._line_starts) else len(self.text)

    def line_of(self, offset: int) -> int:
        """The number of the line that a character stands in, from 0."""
        return bisect_right(self._line_starts, offset) - 1


class Neighbourhood:
    """Files by path. Paths are relative to the project, with forward slashes; line ends are LF."""

    def __init__(self, files: Iterable[Snippet] = ()) -> None:
        self._files: dict[str, File] = {}
        self._holding: dict[str, dict[str, None]] = {}  # identifier -> paths of the files that hold it
        self._by_name: dict[str, dict[str, None]] = {}  # see module_name
        self._by_folder: dict[str, dict[str, None]] = {}
        for file in files:
            self.put(file.path, file.text)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def put(self, path: str, text: str) -> None:
        """Add a file, or replace the one of that path."""
        known = self._files.get(path)
        if known is not None:
            if known.text == text:
                return
            self.remove(path)
        self._files[path] = File(path=path, text=text)
        for name in names(text):
            self._holding.setdefault(name, {})[path] = None
        for index, key in ((self._by_name, module_name(path)), (self._by_folder, folder(path))):
            index.setdefault(key, {})[path] = None

    def remove(self, path: str) -> None:
        """Forget a file; nothing happens where there is none of that path."""
        file = self._files.pop(path, None)
        if file is None:
            return
        for name in names(file.text):
            _discard(self._holding, name, path)
        _discard(self._by_name, module_name(path), path)
        _discard(self._by_folder, folder(path), path)

    def replace_all(self, files: Iterable[Snippet]) -> None:
        """Hold exactly these files; those that are as they were cost nothing."""
        wanted = {file.path: file.text for file in files}
        for path in [path for path in self._files if path not in wanted]:
            self.remove(path)
        for path, text in wanted.items():
            self.put(path, text)

    def file(self, path: str) -> File | None:
        """The file of a path, or None."""
        return self._files.get(path)

    def called(self, name: str) -> list[str]:
        """Paths of files whose `module_name` this is, whatever their folder and ending, in order."""
        return sorted(self._by_name.get(name, ()))

    def in_folder(self, path: str) -> list[str]:
        """Paths of files directly in a folder, in order."""
        return sorted(self._by_folder.get(path, ()))

    def folders(self) -> Iterable[str]:
        """Every folder with files directly in it."""
        return self._by_folder.keys()

    def similar(self, wanted: Mapping[str, float], *, to: str, language: str) -> list[Window]:
        """Windows of other files than `to` that hold the wanted identifiers, the likest first.

        `wanted` says what each identifier counts. A rare one counts more than one of many files (inverse
        document frequency), and a long window has to hold more than a short one. The cost grows with the
        files that hold rare wanted names, not with the project.
        """
        weights = self._weights(wanted)
        windows: list[Window] = []
        for path in self._likely_files(weights, to=to, language=language):
            windows += _windows(self._files[path], weights)
        return sorted(windows, key=_order)

    def _weights(self, wanted: Mapping[str, float]) -> dict[str, float]:
        count = len(self._files)
        weights = [
            (-weight * math.log(1 + count / len(holding)), name)
            for name, weight in wanted.items()
            if (holding := self._holding.get(name)) is not None
        ]
        return {name: -weight for weight, name in sorted(weights)[:_MOST_NAMES]}

    def _likely_files(self, weights: Mapping[str, float], *, to: str, language: str) -> list[str]:
        spread = max(_MOST_FILES, int(len(self._files) * _WIDESPREAD))
        scores: dict[str, float] = {}
        for name, weight in weights.items():
            holding = self._holding[name]
            if len(holding) <= spread:
                for path in holding:
                    scores[path] = scores.get(path, 0.0) + weight
        scores.pop(to, None)
        likely = sorted([(-score, path) for path, score in scores.items()])
        kin = family(language)
        fit: list[str] = []
        for _, path in likely:
            if self._files[path].family == kin:
                fit.append(path)
                if len(fit) == _MOST_FILES:
                    break
        return fit


def _windows(file: File, weights: Mapping[str, float]) -> list[Window]:
    """The likest windows of a file, of those that hold more than the one name that counts most."""
    held: dict[int, float] = {}  # by the first of a window's two steps
    steps_of = file.steps
    for name, weight in weights.items():
        previous = -2
        for step in steps_of.get(name, ()):
            # A step lies in two windows; that of the step before may have been counted with it.
            if previous != step - 1 and step > 0:
                held[step - 1] = held.get(step - 1, 0.0) + weight
            held[step] = held.get(step, 0.0) + weight
            previous = step
    least = max(weights.values(), default=0.0)
    count = len(file.lines)
    found = []
    for start, weight in held.items():
        if weight <= least:
            continue
        first = start * STEP
        last = min(count, first + WINDOW)
        characters = file.offset_of(last) - file.offset_of(first)
        found.append(Window(weight / math.sqrt(characters + 100), file.path, first, last))
    return sorted(found, key=_order)[:_MOST_WINDOWS]


def _order(window: Window) -> tuple[float, str, int]:
    return -window.similarity, window.path, window.first


def _discard(index: dict[str, dict[str, None]], key: str, path: str) -> None:
    paths = index[key]
    del paths[path]
    if not paths:
        del index[key]


def folder(path: str) -> str:
    """The folder of a path; empty for a file at the top."""
    return path.rpartition("/")[0]


def stem(path: str) -> str:
    """A file's name without its ending."""
    return path.rpartition("/")[2].partition(".")[0]


def module_name(path: str) -> str:
    """The last part of the name that a file is imported by: its stem, of an `__init__` that of its folder."""
    name = stem(path)
    return name if name != "__init__" else folder(path).rpartition("/")[2]
