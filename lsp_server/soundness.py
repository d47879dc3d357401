"""Does a suggestion leave code that does not parse, and what of it does not?

Judged in the piece of the file around the cursor: parsing all of a long file would take as long as the
suggestion did. Pure.

Not here: which piece of a file that is (pieces.py), what needs no parser (postprocess.py), what else may be
asked of the model (completer.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice

from lsp_server.blocks import without_empty_end
from lsp_server.pieces import SHORT, pieces
from lsp_server.trigger import hole_line
from model import syntax
from model.fim import Hole
from model.languages.entry import Language

LONG = 60_000  # characters of a file that may be parsed whole where its pieces do not parse, some 20 ms
_ABOVE = 3000
_MOST_PARSED = 200_000  # characters for one suggestion, some 40 ms
_MOST_CLOSERS = 4  # taken from one end
_TRIED_IF_TOLERABLE = 8  # ways to make a line sound in a file that is broken anyway
_UNJUDGED = 1000  # errors of what there was no time to parse
_MOST_KNOWN = 64  # texts of a request and of the next: of three that are judged, two have been before
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_BEHIND_CLOSERS = re.compile(r"\s*[;:{]\s*\Z")  # what ends a line behind the brackets it has closed
_CLOSES = re.compile(r"(?:'''|\"{3}|[)\]}\"'`;,])\s*\Z")
_UNFINISHED = re.compile(r"[(\[{,.=+*/%&|<>-]\s*\Z|\b(?:and|or|not|in|is|if|else|for|lambda|return)\s*\Z")


def mended(hole: Hole, text: str) -> str | None:
    """The text if it adds no syntax error; else what of it is left, repaired or cut; None for nothing.

    Repaired: brackets and quotes closed where nothing follows on the line, or closers taken away that close
    nothing. Cut: to the most whole lines that add no error, without a block opened last that has no body.
    In a file that was broken already the errors must not become more; C that does not parse around the cursor
    is not judged, as macros are what mostly breaks it. A last line that is merely unfinished adds no error:
    more will be written. What cannot be judged in time is not shown.
    """
    parser = _Parser(hole.language)
    around = _unsound_around(hole, text, parser)
    if around is None:
        return text
    allowed = max(around.errors_before(), around.errors_elsewhere())
    # The file may be broken because this very text is missing, so even then a sound one is looked for.
    tolerable = around.errors(text) <= allowed
    candidates = _shorter(hole, text) if "\n" in text.strip("\n") else _repaired(hole, text)
    for candidate in islice(candidates, _TRIED_IF_TOLERABLE if tolerable else None):
        if candidate.strip() and around.errors(candidate) <= (0 if tolerable else allowed):
            return candidate
    if tolerable:
        return text
    first = text[: len(text) - len(text.lstrip("\n"))] + text.lstrip("\n").partition("\n")[0]
    for candidate in chain([first], _repaired(hole, first)):
        if candidate.strip() and around.errors(candidate, unfinished=True) <= allowed:
            return candidate
    return None


def _unsound_around(hole: Hole, text: str, parser: _Parser) -> _Around | None:
    """The code in which the text is an error; None where it is sound, or nothing can be said."""
    judges = [_Around(hole, parser, piece) for piece in pieces(hole)]
    if any(not judge.errors(text) for judge in judges):
        return None
    around = min(judges, key=_Around.errors_elsewhere)
    if not around.errors_elsewhere():
        return around
    if SHORT < len(hole.prefix) + len(hole.suffix) <= LONG:
        # At its pieces alone, sound code may look broken.
        whole = _Around(hole, parser, (hole.prefix, hole.suffix))
        if not whole.errors(text):
            return None
    return None if syntax.language(hole.language).tolerated_errors else around


class _Parser:
    """Counts errors, as long as there are characters `left` to parse."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.left = _MOST_PARSED

    def errors(self, text: str) -> int:
        if self.left <= 0:
            return _UNJUDGED
        self.left -= len(text)  # also of what is known: the same texts are judged, whatever was asked before
        return _errors_known(text, self.language) if len(text) <= LONG else _errors_in(text, self.language)


def _errors_in(text: str, language: str) -> int:
    return len(syntax.error_spans(syntax.parse(text, language)))


_errors_known = lru_cache(_MOST_KNOWN)(_errors_in)


class _Around:
    """The code around a hole, in which texts are tried."""

    def __init__(self, hole: Hole, parser: _Parser, piece: tuple[str, str]) -> None:
        self._parser = parser
        self._rest = hole_line(hole)[1]
        self._above, self._below = piece[0], piece[1][len(self._rest) :]
        self._before: int | None = None
        self._elsewhere: int | None = None

    def errors(self, text: str, *, unfinished: bool = False) -> int:
        """How many errors there are with the text in the hole; it may be unfinished where nothing follows."""
        line = self._above + text + self._rest
        if not unfinished and (self._below.strip() or self._rest.strip()):
            return self._parser.errors(line + self._below)
        return self._least(line, self._endings(line))

    def errors_elsewhere(self) -> int:
        """How many there are whatever stands on the cursor's line."""
        if self._elsewhere is None:
            start = self._above.rfind("\n") + 1
            without_line = self._parser.errors(self._above[:start] + self._below)
            self._elsewhere = without_line and min(
                without_line, self._parser.errors(self._above + self._rest + self._below)
            )
        return self._elsewhere

    def errors_before(self) -> int:
        """How many there are without the suggestion, with whatever makes the line whole."""
        if self._before is None:
            line = self._above + self._rest
            endings = self._endings(line)
            quote = syntax.open_quote(line[-_ABOVE:], self._parser.language)
            more = [f"{quote or ' x'}{tail}" for tail in endings]
            self._before = self._least(line, [*endings, *more])
        return self._before

    def _endings(self, line: str) -> list[str]:
        """What may finish a text: what follows closes the blocks around its last line."""
        if self._below.strip():
            line = syntax.last_logical_line(line[-_ABOVE:], self._parser.language)
        return syntax.endings(line, self._parser.language)

    def _least(self, line: str, tails: list[str]) -> int:
        least = _UNJUDGED
        for tail in tails:
            whole = (line.rstrip() if tail else line) + tail + self._below
            least = min(least, self._parser.errors(whole))
            if not least:
                break
        return least


def errors_with(hole: Hole, text: str, *, everywhere: bool = False) -> int:
    """How many syntax errors there are around the cursor, or everywhere, with this text in the hole.

    Where nothing follows, an end that is merely unfinished is none: more will be written. Everywhere takes as
    long as the file is: 0.4 s for 20,000 lines.
    """
    piece = (hole.prefix, hole.suffix) if everywhere else pieces(hole)[0]
    parser = _Parser(hole.language)
    parser.left = max(parser.left, 100 * len(hole.prefix + hole.suffix))
    return _Around(hole, parser, piece).errors(text)


def errors_added(hole: Hole, text: str) -> int:
    """How many more syntax errors there are around the cursor than without its line; for files over `LONG`.

    A piece of a file may look broken by itself, above all in the middle of a docstring, whatever is written.
    """
    around = _Around(hole, _Parser(hole.language), pieces(hole)[0])
    errors = around.errors(text)
    return max(0, errors - around.errors_elsewhere()) if errors else 0


def _repaired(hole: Hole, text: str) -> Iterator[str]:
    """What a line may have been meant to be, the likeliest first."""
    yield from _opened(hole, text)
    yield from _closed(hole, text)


def _closed(hole: Hole, text: str) -> Iterator[str]:
    """The text with what it leaves open closed behind it, one bracket more each time."""
    if hole_line(hole)[1].strip():
        return
    entry = syntax.language(hole.language)
    before = hole.prefix[-_ABOVE:]
    quote = syntax.open_quote(before + text, entry.name)
    if quote is not None:
        text += quote
        yield text
    begun = _BEHIND_CLOSERS.search(text)
    if begun is not None:
        line = text[: begun.start()]
        closers = _closers(before + line, entry)
        if not _UNFINISHED.search(line):
            yield from (line + closers[:count] + begun.group() for count in range(1, len(closers) + 1))
    elif not _UNFINISHED.search(text):
        text = text.rstrip()
        closers = _closers(before + text, entry)
        for count in range(1, len(closers) + 1):
            yield text + closers[:count]
            if entry.braces:
                yield text + closers[:count] + ";"


def _closers(text: str, entry: Language) -> str:
    """What closes the brackets open in the last statement of a text, as many as may be closed at once."""
    statement = syntax.last_logical_line(text, entry.name)
    brackets = syntax.lexical(statement, entry.name).brackets
    return "".join(_CLOSERS[one] for one in reversed(brackets))[:_MOST_CLOSERS]


def _opened(hole: Hole, text: str) -> Iterator[str]:
    """The text without a bracket that closes nothing, then with fewer closers and quotes at its end."""
    entry = syntax.language(hole.language)
    statement = syntax.last_logical_line(hole.prefix[-_ABOVE:], entry.name)
    stack = list(syntax.lexical(statement, entry.name).brackets)
    for found in entry.lexicon.finditer(text):
        if found.lastgroup == "opener":
            stack.append(found.group())
        elif found.lastgroup == "closer":
            if stack and _CLOSERS[stack[-1]] == found.group():
                stack.pop()
                continue
            if stack:
                yield text[: found.start()] + _CLOSERS[stack[-1]] + text[found.end() :]
            yield text[: found.start()] + text[found.end() :]
            break
    shorter = text.rstrip()
    for _ in range(_MOST_CLOSERS):
        closer = _CLOSES.search(shorter)
        if closer is None:
            break
        shorter = shorter[: closer.start()].rstrip()
        yield shorter


def _shorter(hole: Hole, text: str) -> Iterator[str]:
    """A text of several lines, repaired, then cut: fewer lines each time, the blocks they open closed."""
    entry = syntax.language(hole.language)
    lines = text.split("\n")
    for count in range(len(lines), 0, -1):
        kept = without_empty_end("\n".join(lines[:count]), entry)
        if count < len(lines) and kept.count("\n") + 1 < count:
            continue  # it comes as a shorter one
        if not kept.strip():
            return
        yield kept
        if count in (1, len(lines)):
            yield from _opened(hole, kept)
            yield from islice(_closed(hole, kept), 4)
        if entry.braces and (closed := _with_braces(kept, entry)) != kept:
            yield closed


def _with_braces(text: str, entry: Language) -> str:
    """The text with the blocks closed that it opens: a brace as deep as the line that opens it."""
    stack: list[tuple[str, int]] = []
    for found in entry.lexicon.finditer(text):
        if found.lastgroup == "opener":
            stack.append((found.group(), found.start()))
        elif found.lastgroup == "closer" and stack:
            stack.pop()
    if any(bracket != "{" for bracket, _at in stack) or text.rstrip().endswith("{"):
        return text
    for _bracket, at in reversed(stack):
        start = text.rfind("\n", 0, at) + 1
        if start == 0:
            return text
        line = text[start:at]
        text = text.rstrip() + "\n" + line[: len(line) - len(line.lstrip())] + "}"
    return text
