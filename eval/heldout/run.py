"""Completion in projects that the model was not trained on: the served path, asked at pinned places.

No server is started: a place goes through what a request goes through behind the server (neighbours of the
open files, trigger, render, engine with or without memory, postprocess), so what is measured is what a person
would be shown, without debounce and deadline. Every variant is asked at every place:

    model                   the model alone
    both                    with the memory of the file, the open files and the project, as served
    memory                  the memory alone
    …, no neighbours        the same without other files in the prompt, of a model that was trained with them
    copy, n-gram            the baselines (baselines.py, baselines_ngram.py)

In the modes of one line an answer counts by its first line, in block and body by all of it.

Not here: the figures (figures.py), where the places are (positions.py), the same through real
server processes (eval/memory/gates.py).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.heldout.baselines import copied, is_block
from eval.heldout.positions import HeldoutProject, Place
from eval.memory.gates import judge
from lsp_server import context
from lsp_server.completer import Completer, Request, Suggestion, Use
from lsp_server.documents import Document
from lsp_server.workspace import read_source_files
from model.neighbourhood import Neighbourhood
from model.neighbours import characters_for
from model.writing import replacing

if TYPE_CHECKING:
    from eval.heldout.baselines_ngram import NGrams
    from eval.positions import PinnedFile
    from model.fim import Hole, Snippet
    from model.serving.engine import Engine
    from model.serving.project import Project

COPY, NGRAM = "copy", "n-gram"
SERVED, ALONE = "both", "model"
_ROOT = "/workspace"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to ask the model. `neighbours` says whether other files may stand in the prompt."""

    name: str
    use: Use
    neighbours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one variant or baseline suggested at one place.

    `text` is the suggestion, `start` the place's character offset; `saved` of `length` characters were right
    before the first wrong one; `errors` are syntax errors more than with what stood there.
    """

    variant: str
    project: str
    path: str
    mode: str
    start: int
    text: str
    answered: bool
    exact: bool
    similar: float
    saved: int
    length: int
    errors: int
    milliseconds: float

    @property
    def file(self) -> str:
        """What files are told apart by: the clusters of all intervals."""
        return f"{self.project}/{self.path}"


def variants(neighbours: bool) -> tuple[Variant, ...]:
    """All ways to ask a model that was trained with neighbours, or without.

    Those with the same prompt follow each other: it is read once.
    """
    shown = (
        Variant(name=ALONE, use="model"),
        Variant(name=SERVED, use="both"),
        Variant(name="memory", use="memory"),
    )
    hidden = (
        Variant(name=f"{ALONE}, no neighbours", use="model", neighbours=False),
        Variant(name=f"{SERVED}, no neighbours", use="both", neighbours=False),
    )
    return (*shown, *hidden) if neighbours else shown


def measure(
    projects: Sequence[HeldoutProject],
    engine: Engine,
    ngrams: NGrams | None,
    *,
    work: Path,
    settings: Mapping[str, Any],
    again: bool = False,
    on_place: Callable[[int], None] = lambda count: None,
) -> list[Answer]:
    """All answers, project by project; those of a project are kept in `work` and not asked again.

    `settings` are what the answers depend on besides the places themselves: kept answers of other settings
    are not used, nor any `again`. `on_place` hears how many places were done.
    """
    answers: list[Answer] = []
    for heldout in projects:
        fingerprint = _fingerprint(heldout, settings)
        path = work / f"{heldout.project.name}-{fingerprint}.json"
        kept = None if again else _kept(path)
        if kept is None:
            kept = list(_ask_project(heldout, engine, ngrams, on_place))
            with replacing(path) as file:
                file.write(json.dumps([asdict(one) for one in kept]).encode())
        else:
            on_place(sum(len(places) for _, places in heldout.files))
        answers += kept
    return answers


def _fingerprint(heldout: HeldoutProject, settings: Mapping[str, Any]) -> str:
    places = [
        (file.path, place.mode, place.cursor.start, place.cursor.end)
        for file, some in heldout.files
        for place in some
    ]
    texts = hashlib.sha256()
    for path, text in sorted(heldout.project.texts.items()):
        texts.update(f"{path}\0{text}\0".encode())
    whole = json.dumps([_FORMAT, dict(settings), places, texts.hexdigest()], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def _kept(path: Path) -> list[Answer] | None:
    """The answers that an earlier run left; None where there are none, or no whole ones."""
    try:
        return [Answer(**one) for one in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return None


def _ask_project(
    heldout: HeldoutProject, engine: Engine, ngrams: NGrams | None, on_place: Callable[[int], None]
) -> Iterator[Answer]:
    asker = Asker(engine, heldout.project.texts)
    for file, places in heldout.files:
        for place in places:
            yield from asker.ask(heldout.project.name, file, place, ngrams)
            on_place(1)


class Asker:
    """A service for one project, without an editor: what is kept from request to request is kept here too."""

    def __init__(self, engine: Engine, texts: Mapping[str, str]) -> None:
        self._engine = engine
        self._texts = texts
        self._variants = variants(engine.release.neighbours)
        self._completers = {one.name: Completer(engine, use=one.use) for one in self._variants}
        self._neighbourhood = Neighbourhood()
        self._index = engine.new_project()
        with tempfile.TemporaryDirectory(prefix="tabwright-") as folder:
            for path, text in texts.items():
                (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / path).write_text(text, encoding="utf-8", newline="\n")
            # The rules of a workspace say which files these are, and in which order they get their room.
            self._index.add(read_source_files(folder, engine.release.languages))

    def ask(self, project: str, file: PinnedFile, place: Place, ngrams: NGrams | None) -> Iterator[Answer]:
        """The answers of all variants and baselines at a place."""
        cursor = place.cursor
        hole = cursor.hole(file.text, path=file.path, language="python")
        for name, suggest in self._contenders(hole, file, is_block(cursor), ngrams):
            begun = time.perf_counter()
            text = suggest()
            milliseconds = (time.perf_counter() - begun) * 1000
            facts = judge(text, cursor, file.text)
            length = len(file.text[cursor.start : cursor.end].rstrip())
            yield Answer(
                variant=name,
                project=project,
                path=file.path,
                mode=place.mode,
                start=cursor.start,
                text=text,
                length=length,
                milliseconds=round(milliseconds, 2),
                **{**facts, "saved": round(facts["saved"] * length)},
            )

    def _contenders(
        self, hole: Hole, file: PinnedFile, block: bool, ngrams: NGrams | None
    ) -> Iterator[tuple[str, Callable[[], str]]]:
        for variant in self._variants:
            yield variant.name, lambda variant=variant: self._suggest(variant, hole, file)  # type: ignore[misc]
        yield COPY, lambda: copied(hole, block=block)
        if ngrams is not None:
            yield NGRAM, lambda: ngrams.complete(hole, block=block)

    def _suggest(self, variant: Variant, hole: Hole, file: PinnedFile) -> str:
        """As lsp_server/service.py asks, for a file and those open beside it."""
        document = _document(file.path, hole.prefix + hole.suffix)
        others = [_document(path, self._texts[path]) for path in file.beside]
        files: list[Snippet] = context.files_beside(document, others, [_ROOT])
        completer = self._completers[variant.name]
        shown = files if variant.neighbours and self._engine.release.neighbours else []
        asked = context.hole_between(
            document,
            hole.prefix,
            hole.suffix,
            folders=[_ROOT],
            files=shown,
            neighbourhood=self._neighbourhood,
            characters=characters_for(completer.budget),
        )
        completer.forget()  # each place is asked as if nobody had been near
        index: Project = self._index
        found = completer.complete(asked, Request(), files=files, project=index)
        return found.text if isinstance(found, Suggestion) else ""


def _document(path: str, text: str) -> Document:
    return Document(path=f"{_ROOT}/{path}", language_id="python", text=text)
