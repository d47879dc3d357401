"""What stands around the cursor, read once for all that is asked of a suggestion. Pure.

Not here: whether to suggest anything there (trigger.py), what is done with what was written (postprocess.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lsp_server.trigger import hole_line, logical_line, recent_text
from model import syntax
from model.fim import Hole
from model.languages.entry import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A hole's surroundings. Line ends are LF."""

    language: Language
    head: str  # the cursor's line, before it
    rest: str  # and behind it
    below: str  # what follows that line, its line end included
    above: str  # the lines before the cursor's, as far as they were read
    logical: str  # from the beginning of the cursor's statement to the cursor
    opening: str  # the beginning of the string or comment that the cursor stands in, or nothing
    inside: syntax.Inside | None
    brackets: str  # open at the cursor
    whole: Hole

    def lexed(self, text: str) -> list[tuple[str, str, int]]:
        """What the lexicon finds in text written here: (group, what it matched, offset into the text).

        What began before the cursor has an offset below zero.
        """
        seam = len(self.opening)
        return [
            (found.lastgroup or "", found.group(), found.start() - seam)
            for found in self.language.lexicon.finditer(self.opening + text)
        ]


def place_of(hole: Hole) -> Place:
    """The surroundings of a hole. Raises DataError for a language that is not registered."""
    head, rest = hole_line(hole)
    recent = recent_text(hole)
    state = syntax.lexical(recent, hole.language)
    opening = ""
    if state.inside is not None:
        *_, last = syntax.language(hole.language).lexicon.finditer(recent)
        opening = last.group()
    above = hole.prefix[: len(hole.prefix) - len(head)][-_READ_ABOVE:]
    return Place(
        language=syntax.language(hole.language),
        head=head,
        rest=rest,
        below=hole.suffix[len(rest) :],
        above=above,
        logical=logical_line(hole),
        opening=opening,
        inside=state.inside,
        brackets=state.brackets,
        whole=hole,
    )


_READ_ABOVE = 4000  # characters


def squeezed(line: str) -> str:
    """A line without its blanks: lines that differ in these alone are the same line."""
    return re.sub(r"\s+", "", line)
