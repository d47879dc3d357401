"""What of a suggestion stands in the corpus that the model was trained on: the index beside the model tells.

The index is opened with the first look-up, on the worker's thread, in some ten milliseconds: no start waits
for it. What takes longer, the names of its documents, is read when the first of them is to be named.
Every suggestion is looked up together with the text before the cursor, whether the model wrote it or the
memory copied it from the user's own files: whose text it is does not depend on the way it came, and a file
that was taken from somebody else has their licence still.

What is left of a suggestion while it is typed is not looked up again: it is the text of whom the whole was,
also where the rest alone would be too short to be found.

Not here: the index (model/attribution.py), what a suggestion's item says of it (server.py).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server.suggestion import Silence
from model.errors import ModelError
from model.serving.release import default_folder, ships

if TYPE_CHECKING:
    from lsp_server.settings import AttributionMode
    from lsp_server.suggestion import Rest, Suggestion
    from model.attribution import AttributionIndex, Match
    from model.fim import Hole

FOLDER = "attribution"  # beside model.onnx
_MOST_KNOWN = 64  # look-ups: a place is often asked for again
_READ_BEFORE = 4096  # characters, as many as the index looks at

Matches = tuple["Match", ...]

log = logging.getLogger("lsp_server")


class Attribution:
    """The index of one release, if it has one. Use from one thread at a time."""

    def __init__(self, release: object) -> None:
        """`release`: a model's. Of one that is elsewhere the index that ships knows a part of the corpus."""
        folder = getattr(release, "folder", None)
        self.folder = (folder if isinstance(folder, Path) else default_folder()) / FOLDER
        self._corpus: Mapping[str, Any] = getattr(release, "corpus", {})
        self.prepared = False
        self._index: AttributionIndex | None = None
        self._opened = False
        self._known: OrderedDict[tuple[str, str], Matches] = OrderedDict()

    def prepare(self) -> None:
        """Open the index where that has not been done, and see whether it is the model's; log problems."""
        self.prepared = True
        index = self._open()
        if index is not None:
            try:
                difference = foreign(index.projects, self._corpus)
            except ModelError as error:
                self._give_up(error)
                return
            if difference:
                log.warning("%s %s; put that of its own corpus there", self.folder, difference)

    def of(self, text: str, before: str) -> Matches:
        """What of a suggestion's text stands in the corpus, the longest first; nothing without an index.

        `before` is the text above, from which a copy may go on into the suggestion.
        """
        key = (before[-_READ_BEFORE:], text)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        index = self._open()
        if index is None:
            return ()
        try:
            matches = tuple(index.find(text, before=before))
        except ModelError as error:
            self._give_up(error)
            return ()
        self._known[key] = matches
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return matches

    def sift(
        self, suggestions: Sequence[Suggestion], hole: Hole, mode: AttributionMode
    ) -> tuple[list[Suggestion], list[Matches]] | Silence:
        """The suggestions that may be shown, each with its matches; with `block`, why none of them may."""
        if mode == "off":
            return list(suggestions), [()] * len(suggestions)
        looked_up = [(one, self._whose(one, hole)) for one in suggestions]
        for one, matches in looked_up:
            if matches and one.stop_reason != "cache":
                log.info("a suggestion %s", described(matches[0]))
        fit = [pair for pair in looked_up if mode == "mark" or not pair[1]]
        if fit:
            return [one for one, _ in fit], [matches for _, matches in fit]
        first, matches = looked_up[0]
        return Silence(
            reason=f"the setting attribution blocks what {described(matches[0])}",
            text=first.text,
            kind=first.kind,
            trigger=first.trigger,
            confidence=first.confidence,
        )

    def _whose(self, suggestion: Suggestion, hole: Hole) -> Matches:
        rest = suggestion.rest_of
        if rest is None:
            return self.of(suggestion.text, hole.prefix)
        return carried_over(self.of(rest.whole, rest.before), rest)

    def _open(self) -> AttributionIndex | None:
        if not self._opened:
            self._opened = True
            # Imported late, as are the tables that it computes: nobody waits for them at the start.
            from model.attribution import INDEX, AttributionIndex

            if not (self.folder / INDEX).is_file():
                log.info("there is no attribution index in %s: no suggestion is looked up", self.folder)
                return None
            if not ships(self.folder.parent) and _holds_links(self.folder):
                log.warning(
                    "%s holds links, which could lead anywhere: no suggestion is looked up", self.folder
                )
                return None
            try:
                self._index = AttributionIndex.load(self.folder)
            except ModelError as error:
                self._give_up(error)
        return self._index

    def _give_up(self, error: ModelError) -> None:
        self._index = None
        log.warning("no suggestion is looked up in the training corpus: %s", error)


def carried_over(matches: Matches, rest: Rest) -> Matches:
    """What a whole suggestion's matches say of its rest: those whose copy may reach into it.

    A copy may go on for some tokens around what is surely shared (model/attribution.py); behind them it has
    ended. `start` and `end` count in the rest, and are equal where no more than that of it may be there. The
    numbers of tokens stay the whole's, for they are what it was shown with.
    """
    length = rest.end - rest.start
    return tuple(
        replace(
            match,
            start=min(max(0, match.start - rest.start), length),
            end=min(max(0, match.end - rest.start), length),
        )
        for match in matches
        if _may_reach(rest.whole[match.end : rest.start]) and _may_reach(rest.whole[rest.end : match.start])
    )


def _may_reach(between: str) -> bool:
    """Whether a copy may go on over this text beside what is surely shared."""
    if not between:
        return True
    from model.winnowing import WINDOW, lexed

    return len(lexed(between.encode("utf-8", "replace")).hashes) < WINDOW - 1


def _holds_links(folder: Path) -> bool:
    return folder.is_symlink() or any(path.is_symlink() for path in folder.iterdir())


def foreign(projects: frozenset[str], corpus: Mapping[str, Any]) -> str:
    """How an index's projects differ from those that a model's corpus names; empty where they do not."""
    named = corpus.get("projects")
    if not isinstance(named, Mapping) or not isinstance(named.get("train"), Sequence):
        return ""  # somebody else's model does not say what it was trained on
    trained = set(named["train"])
    missing, strange = sorted(trained - projects), sorted(projects - trained)
    if missing:
        return f"does not know {_some(missing)}, of which the model has read"
    return (
        f"is not the model's: it knows {_some(strange)}, of which the model has not read" if strange else ""
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def described(match: Match) -> str:
    """Whose a match is, as what a sentence says of a suggestion."""
    return f"stands in {match.project}, {match.path} ({match.license}): {match.tokens} tokens or more"


def record(match: Match) -> dict[str, object]:
    """A match as items of the protocol and `tabwright complete --json` carry it."""
    return {
        "project": match.project,
        "file": match.path,
        "license": match.license,
        "tokens": match.tokens,
    }


def records(matches: Matches) -> list[dict[str, object]]:
    """Several of them."""
    return [record(match) for match in matches]
