"""Secrets stay where they stand: what is remembered of a text, and what of a suggestion may be shown.

The index, the open documents and the neighbours in a prompt are given texts with placeholders in place of
secrets, the same that training texts have. The document under the cursor is the prompt as it stands, so what
is copied from it is copied from such a text too, and every suggestion is looked through before anybody sees
it: together with the line that it goes on with, and for pieces of secrets that stand in any text at hand. It
is cut before the line that would hold one.

What a document holds is kept from one version to the next, so that a typed character costs one line.

Safe to use from several threads. Not here: what a secret is (model/secrets.py).
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from model import secrets, syntax
from model.fim import Hole
from model.secrets import Secret

# Characters of a secret in a row that give it away: what tokens of a kind have in common is shorter. Of what
# is shorter than LONG, three in five, and not letters alone as in a word.
PIECE = 12
LONG = 20
_GRAM, _STRIDE = 8, 5  # any PIECE characters in a row hold one of the grams that begin at these strides
_SHORTEST_PIECE = 6
_MOST_KNOWN = 4_000  # values; of more, the later half stays
_MOST_CHARACTERS = 500_000  # of all of them: to know them takes fifty bytes for each
# Longer lines of open documents are data that nobody typed: they are left out where they may hold a secret.
LONGEST_LINE = 2_000  # characters
_LINE_BEFORE = 500  # characters of the line before the cursor that a suggestion is looked through with
_LINE_BEHIND = 200
_FURTHEST_KEY = 20_000  # characters above the cursor where a private key may begin
_DOCUMENTS = 8  # followed from version to version
_TEXTS = 64  # of open documents
_PLACEHOLDERS = re.compile(f"{secrets.PLACEHOLDER}|{secrets.KEY_PLACEHOLDER}")


class Known:
    """The characters of secrets that were seen, to know a piece of one. Kept in memory only."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: dict[str, None] = {}
        self._grams: dict[str, list[tuple[str, int]]] = {}  # where in which long values
        self._shorts: dict[str, set[str]] = {}  # pieces of short values, by how they begin
        self._lock = threading.Lock()
        self.add(values)

    def add(self, values: Iterable[str]) -> None:
        """Know these too."""
        with self._lock:
            new = [value for value in dict.fromkeys(values) if value not in self._values]
            self._values.update(dict.fromkeys(new))
            while len(self._values) > _MOST_KNOWN or sum(map(len, self._values)) > _MOST_CHARACTERS:
                new = list(self._values)[(len(self._values) + 1) // 2 :]
                self._values, self._grams, self._shorts = dict.fromkeys(new), {}, {}
            for value in new:
                self._note(value)

    def _note(self, value: str) -> None:
        if len(value) >= LONG:
            for at in range(0, len(value) - _GRAM + 1, _STRIDE):
                self._grams.setdefault(value[at : at + _GRAM], []).append((value, at))
        else:
            length = max(_SHORTEST_PIECE, len(value) - 2 * len(value) // 5)
            for at in range(len(value) - length + 1):
                piece = value[at : at + length]
                # A word that a password is made of belongs to everybody: "django" of "django1234".
                if piece.isalpha() and (piece[1:].islower() or piece.isupper()):
                    continue
                self._shorts.setdefault(piece[:_SHORTEST_PIECE], set()).add(piece)

    def first_in(self, text: str, after: int) -> int | None:
        """Where the first piece of one begins that goes on beyond the offset `after`; None without one."""
        begins: list[int] = []
        # The last PIECE characters of a piece hold a gram and end beyond `after`; no short one is longer.
        first = max(0, after - PIECE + 1)
        with self._lock:
            if self._shorts:
                for at in range(first, len(text) - _SHORTEST_PIECE + 1):
                    for piece in self._shorts.get(text[at : at + _SHORTEST_PIECE], ()):
                        if at + len(piece) > after and text.startswith(piece, at):
                            begins.append(at)
            if self._grams:
                for at in range(first, len(text) - _GRAM + 1):
                    for value, offset in self._grams.get(text[at : at + _GRAM], ()):
                        begin, end = _spread(text, at, value, offset)
                        if end > after and end - begin >= PIECE:
                            begins.append(begin)
        return min(begins, default=None)


def _spread(text: str, at: int, value: str, offset: int) -> tuple[int, int]:
    """How far, in `text`, it agrees with the value around a gram that stands in both."""
    begin, end = at, at + _GRAM
    while begin and offset and text[begin - 1] == value[offset - 1]:
        begin, offset = begin - 1, offset - 1
    beyond = offset + end - begin
    while end < len(text) and beyond < len(value) and text[end] == value[beyond]:
        end, beyond = end + 1, beyond + 1
    return begin, end


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A document's secrets at one moment: those of single lines, which may overlap, and private keys."""

    text: str = ""
    in_lines: tuple[Secret, ...] = ()
    keys: tuple[Secret, ...] = ()
    has_key_mark: bool = False

    @property
    def found(self) -> list[Secret]:
        """All of them, in order and apart."""
        return secrets.without_overlaps([*self.in_lines, *self.keys])


def follow(before: Followed, text: str, alike: tuple[int, int] | None = None) -> Followed:
    """The same of the document's new text: only lines that have changed are read.

    `alike` are numbers of characters in which both begin and end, apart, where they are known.
    """
    old = before.text
    if text == old:
        return before
    shift = len(text) - len(old)
    start = text.rfind("\n", 0, _alike(old, text) if alike is None else alike[0]) + 1
    end = text.find("\n", len(text) - (_alike_at_end(old, text, start) if alike is None else alike[1]))
    end = len(text) if end < 0 else end
    changed = text[start:end]
    in_lines = (
        *(one for one in before.in_lines if one.end <= start),
        *(_moved(one, start) for one in secrets.in_lines(changed, longest=LONGEST_LINE)),
        *(_moved(one, shift) for one in before.in_lines if one.start >= end - shift),
    )
    # The mark stands within a line.
    has_key_mark = secrets.KEY_MARK in (text if before.has_key_mark else changed)
    keys = tuple(secrets.private_keys(text)) if has_key_mark else ()
    return Followed(text=text, in_lines=in_lines, keys=keys, has_key_mark=has_key_mark)


def _typed(old: Hole | None, new: Hole) -> tuple[int, int] | None:
    """What two versions of a document have alike if only something before the cursor was typed or taken away.

    That is found by comparing alone, where any other change has to be searched for.
    """
    if old is None or old.suffix != new.suffix:
        return None
    shorter, longer = sorted((old.prefix, new.prefix), key=len)
    return (len(shorter), len(new.suffix)) if longer.startswith(shorter) else None


def _moved(secret: Secret, shift: int) -> Secret:
    return replace(secret, start=secret.start + shift, end=secret.end + shift)


def _alike(one: str, other: str) -> int:
    """How many characters the beginnings of two texts have in common."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _alike_at_end(one: str, other: str, start: int) -> int:
    """How many characters their ends have in common, of what is behind `start`."""
    least, most = 0, min(len(one), len(other)) - start
    while least < most:
        middle = (least + most + 1) // 2
        if one[len(one) - middle : len(one) - least] == other[len(other) - middle : len(other) - least]:
            least = middle
        else:
            most = middle - 1
    return least


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    hole: Hole | None = None
    followed: Followed = field(default_factory=Followed)
    found: list[Secret] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    known: Known = field(default_factory=Known)


class Secrecy:
    """What one server knows of secrets. A `Reading` of it is made for each request."""

    def __init__(self) -> None:
        self._known = Known()
        self._open: OrderedDict[str, str] = OrderedDict()  # texts as they are, and without their secrets
        self._followed: OrderedDict[str, _Document] = OrderedDict()  # by path
        self._lock = threading.Lock()

    def without(self, text: str) -> str:
        """The text with placeholders for its secrets, which are known from now on; LF line ends."""
        hidden, values = secrets.hide(text, longest=LONGEST_LINE)
        if values:
            self._known.add(values)
        return hidden

    def of_open(self, text: str) -> str:
        """The same for a text that will be asked for again as it is."""
        with self._lock:
            hidden = self._open.get(text)
            if hidden is not None:
                self._open.move_to_end(text)
                return hidden
        hidden = self.without(text)
        with self._lock:
            self._open[text] = hidden
            while len(self._open) > _TEXTS:
                self._open.popitem(last=False)
        return hidden

    def reading(self, hole: Hole) -> Reading:
        """What this hole's document holds, and what may be shown in it."""
        with self._lock:
            document = self._followed.pop(hole.path, _Document())
        now = follow(document.followed, hole.prefix + hole.suffix, _typed(document.hole, hole))
        if now is not document.followed:
            found = now.found
            values = secrets.values(now.text, found)
            known = document.known if values == document.values else Known(values)
            document = _Document(hole=hole, followed=now, found=found, values=values, known=known)
        with self._lock:
            self._followed[hole.path] = document
            while len(self._followed) > _DOCUMENTS:
                self._followed.popitem(last=False)
        return Reading(
            hole=hole,
            found=document.found,
            values=document.values,
            known=(document.known, self._known),
            has_key_mark=now.has_key_mark,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One hole, the secrets of its document, in order and apart, and all that are known."""

    hole: Hole
    found: list[Secret]
    values: list[str]
    known: tuple[Known, ...]
    has_key_mark: bool

    def remembered(self, asked: Hole) -> Hole:
        """`asked`, which is the hole with more before the cursor perhaps, as a memory may know it.

        The line before the cursor stays as it is: it is being typed, and has to be found elsewhere.
        """
        cursor = len(self.hole.prefix)
        line = self.hole.prefix.rfind("\n") + 1
        # Of a key that the cursor is in, the parts on either side.
        before = [replace(one, end=min(one.end, line)) for one in self.found if one.start < line]
        behind = [
            _moved(replace(one, start=max(one.start, cursor)), -cursor)
            for one in self.found
            if one.end > cursor
        ]
        if not before and not behind:
            return asked
        return replace(
            asked,
            prefix=secrets.replaced(asked.prefix, before),
            suffix=secrets.replaced(asked.suffix, behind),
        )

    def told(self, asked: Hole) -> Hole:
        """The same as another machine is told it: without the document's secrets wherever they stand."""
        hole, values = self.remembered(asked), self.values
        return replace(
            hole,
            prefix=secrets.without_values(hole.prefix, values),
            suffix=secrets.without_values(hole.suffix, values),
        )

    def shown(self, text: str) -> str | None:
        """The suggestion, or its lines before the first that would hold a secret; None when none is left."""
        first = self._first_in(text)
        if first is None:
            return text
        kept = text[: max(0, text.rfind("\n", 0, first))]
        line = self.hole.prefix[self.hole.prefix.rfind("\n") + 1 :]
        # What a string began with that would have held it is of no use alone.
        while kept and syntax.lexical(line + kept, self.hole.language).inside == "string":
            kept = kept[: max(0, kept.rfind("\n"))]
        return kept if kept.strip() else None

    def _first_in(self, text: str) -> int | None:
        """Where in the suggestion a secret, or a piece of one, begins."""
        prefix, suffix = self.hole.prefix, self.hole.suffix
        line = prefix.rfind("\n", max(0, len(prefix) - _LINE_BEFORE)) + 1
        before = prefix[max(line, len(prefix) - _LINE_BEFORE) :]
        written = before + text
        begins = [found.start() + len(before) for found in _PLACEHOLDERS.finditer(text)]
        begins += [at for known in self.known if (at := known.first_in(written, len(before))) is not None]
        whole = written + suffix[:_LINE_BEHIND].partition("\n")[0]
        if secrets.candidate_lines(whole.encode("ascii", "replace")):
            for complete in (whole, *_closed(written)):
                begins += _beyond(secrets.find(complete), len(before), len(written))
        if self.has_key_mark:
            begin = prefix.rfind("-----BEGIN", max(0, len(prefix) - _FURTHEST_KEY))
            above = prefix[begin:] if begin >= 0 else ""
            if above and _beyond(secrets.private_keys(above + text), len(above), len(above) + len(text)):
                return 0
        return max(0, min(begins) - len(before)) if begins else None


def _closed(written: str) -> list[str]:
    """The text with the string closed that its last line may have open: a limit cuts before a quote."""
    last = written[written.rfind("\n") + 1 :]
    return [written + quote for quote in "'\"" if last.count(quote) % 2]


def _beyond(found: Iterable[Secret], after: int, until: int) -> list[int]:
    """Where those begin that have characters between two offsets."""
    return [one.start for one in found if one.end > after and one.start < until]
