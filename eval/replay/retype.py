"""A person types a piece of a file into an editor with a real server, key by key, and takes suggestions.

After each key the editor asks for ghost text by itself. With the next key it cancels what is still under way,
as VS Code does, or lets it be overtaken, as Neovim does; an answer that comes later than that key is dropped.
A suggestion stays visible while the person types what it says; whatever the server answers meanwhile takes
its place, also nothing. It can be taken when it has been visible for the person's reaction time as the next
key is due, by the rule of acceptance.py; then it is one key. All of it is told to the server by the command
that came with it; a part is a plain edit, as in an editor that takes line by line.

Not here: what the answers are worth (judging.py), which process is asked (run.py).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from lsprotocol import types

from eval.editor import Editor, Pending
from eval.replay.acceptance import right, taken
from eval.replay.keys import Key, agreed, pressed
from eval.replay.sample import Piece
from eval.replay.typist import Typist
from lsp_server.documents import Encoding, offset_at, position_of

Kind = Literal["cold", "typed-on", "after acceptance"]
KINDS: tuple[Kind, ...] = ("cold", "typed-on", "after acceptance")
Outcome = Literal["suggestion", "nothing", "late", "error"]
_ENCODING: Encoding = "utf-16"  # the editor's
_LAST_WORDS = 10.0  # seconds that answers have after the last key


@dataclass(slots=True, kw_only=True, eq=False)
class Asked:
    """One request. With `agreed` characters of the piece written, and `blanks` of the editor's behind them.

    typed-on: the person typed what a visible suggestion says, and some of it is left. late: the next key came
    first. `begun` is when it was asked (`time.perf_counter()`), `milliseconds` are from then to the answer,
    None where it was late; `computed` are those that the server worked on it, where it told. `fresh`: the
    text was not visible before. `changed`: what was visible and being typed through was replaced by something
    else or by nothing; more text behind it changes nothing. `fits`: the item only adds text at the cursor;
    one that changes more counts as wrong.
    """

    kind: Kind
    agreed: int
    blanks: str
    outcome: Outcome = "late"
    begun: float = 0.0
    milliseconds: float | None = None
    computed: float | None = None
    text: str = ""
    fresh: bool = False
    changed: bool = False
    fits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A suggestion that was taken, all of it or some lines. At `agreed` characters of the piece."""

    agreed: int
    characters: int
    whole: bool


@dataclass(slots=True, kw_only=True, eq=False)
class Typed:
    """A piece that was typed: in real seconds, by so many keys; requests that never got an answer."""

    asked: list[Asked] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    keys: int = 0
    seconds: float = 0.0
    unanswered: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class _Ghost:
    """What is visible, since when, and the item it came with. `moved`: some of it was typed since then."""

    text: str = ""
    since: float = 0.0
    item: types.InlineCompletionItem | None = None
    fits: bool = True
    moved: bool = False


class Session:
    """One piece in one editor, whose document is open with what stands around it."""

    def __init__(self, editor: Editor, piece: Piece, typist: Typist) -> None:
        self._editor = editor
        self._piece = piece
        self._typist = typist
        self._target = piece.keys()
        self._done = ""
        self._ghost = _Ghost()
        self._waiting: tuple[Pending, Asked] | None = None
        self._answers: list[asyncio.Future[Any]] = []
        self._typed = Typed()

    async def type(self) -> Typed:
        """Type the piece."""
        begun = due = time.perf_counter()
        kind: Kind = "cold"
        thinks = True
        while (key := self._target.next_key(self._done)) is not None:
            due += self._typist.pause(self._piece.name, len(self._done), thinks=thinks)
            # A key that is due already is pressed now: the person does not catch up.
            due = max(due, time.perf_counter())
            await asyncio.sleep(due - time.perf_counter())
            self._typed.keys += 1
            took = self._to_take(time.perf_counter())
            if took:
                await self._take(took)
                kind, thinks = "after acceptance", True
            else:
                kind, thinks = self._press(key), key.text.startswith("\n")
            if self._target.next_key(self._done) is not None:
                self._ask(kind)
        self._forget()
        self._typed.seconds = time.perf_counter() - begun
        if self._answers:
            _, never = await asyncio.wait(self._answers, timeout=_LAST_WORDS)
            self._typed.unanswered = len(never)
        assert self._editor.text(self._piece.path) == self._piece.head + self._piece.target + self._piece.tail
        return self._typed

    def _rest(self) -> str | None:
        """What the person would write next; None while the editor's indentation is not theirs."""
        text = self._target.text
        return text[len(self._done) :] if text.startswith(self._done) else None

    # Keys

    def _press(self, key: Key) -> Kind:
        """Press a key; what kind of request follows."""
        self._edit(key.delete, key.text)
        ghost = self._ghost
        if not key.delete and ghost.text.startswith(key.text) and ghost.text[len(key.text) :].strip():
            ghost.text, ghost.moved = ghost.text[len(key.text) :], True
            return "typed-on"
        self._ghost = _Ghost()
        return "cold"

    def _edit(self, delete: int, text: str) -> None:
        at = len(self._piece.head) + len(self._done)
        self._editor.replace(self._piece.path, at - delete, at, text)
        self._done = pressed(self._done, Key(delete=delete, text=text))
        self._forget()

    def _forget(self) -> None:
        """What was asked before the document changed is of no use any more."""
        if self._waiting is not None and self._typist.cancels:
            self._editor.cancel(self._waiting[0])
        self._waiting = None

    # Suggestions

    def _to_take(self, now: float) -> int:
        """How many characters of the visible suggestion the person takes."""
        ghost = self._ghost
        visible = (now - ghost.since) * self._typist.speed
        if not ghost.text or not ghost.fits or visible < self._typist.reaction:
            return 0
        found = right(ghost.text, self._rest())
        return taken(ghost.text, found, how=self._typist.taking, least=self._typist.least)

    async def _take(self, characters: int) -> None:
        ghost = self._ghost
        assert ghost.item is not None
        place, whole = len(self._done), characters == len(ghost.text)
        self._typed.taken.append(Taken(agreed=place, characters=characters, whole=whole))
        if whole:
            self._done += ghost.text
            self._forget()
            await self._editor.accept(self._piece.path, self._item(ghost, place))
        else:
            self._edit(0, ghost.text[:characters])
        self._ghost = _Ghost()

    def _item(self, ghost: _Ghost, place: int) -> types.InlineCompletionItem:
        """The item of what is visible; an editor moves its range along with what was typed of it."""
        assert ghost.item is not None
        if not ghost.moved:
            return ghost.item
        at = len(self._piece.head) + place
        line, character = position_of(self._editor.text(self._piece.path), at, _ENCODING)
        where = types.Position(line=line, character=character)
        return types.InlineCompletionItem(
            insert_text=ghost.text,
            range=types.Range(start=where, end=where),
            command=ghost.item.command,
        )

    def _ask(self, kind: Kind) -> None:
        place, blanks = agreed(self._done, self._target.text)
        asked = Asked(kind=kind, agreed=place, blanks=blanks, begun=time.perf_counter())
        self._typed.asked.append(asked)
        at = len(self._piece.head) + len(self._done)
        pending = self._editor.ask(self._piece.path, at)
        self._waiting = pending, asked
        pending.answer.add_done_callback(partial(self._hear, asked))
        self._answers.append(pending.answer)

    def _hear(self, asked: Asked, answer: asyncio.Future[Any]) -> None:
        now = time.perf_counter()
        failed = answer.cancelled() or answer.exception() is not None
        if self._waiting is None or self._waiting[1] is not asked:
            return  # too late
        self._waiting = None
        asked.milliseconds = (now - asked.begun) * 1000
        if failed:
            asked.outcome = "error"
            return
        item = _first(answer.result())
        text, asked.fits = ("", True) if item is None else self._shown(item)
        asked.outcome, asked.text = ("suggestion" if text.strip() else "nothing"), text
        before = self._ghost.text
        asked.fresh = bool(text.strip()) and text != before
        asked.changed = bool(before) and not text.startswith(before)
        goes_on = bool(before) and text.startswith(before)
        self._ghost = (
            _Ghost(text=text, since=self._ghost.since if goes_on else now, item=item, fits=asked.fits)
            if text.strip()
            else _Ghost()
        )

    def _shown(self, item: types.InlineCompletionItem) -> tuple[str, bool]:
        """The text that an item adds at the cursor, and whether that is all it does."""
        document = self._editor.text(self._piece.path)
        cursor = len(self._piece.head) + len(self._done)
        text = item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value
        start = end = cursor
        if item.range is not None:
            first, last = item.range.start, item.range.end
            start = _offset(document, first, cursor)
            end = _offset(document, last, cursor)
        after = document[:start] + text + document[end:]
        head, tail = document[:cursor], document[cursor:]
        if after.startswith(head) and after.endswith(tail) and len(after) >= len(document):
            return after[len(head) : len(after) - len(tail)], True
        return text, False


def _offset(document: str, place: types.Position, otherwise: int) -> int:
    found = offset_at(document, place.line, place.character, _ENCODING)
    return otherwise if found is None else found


def _first(answer: Any) -> types.InlineCompletionItem | None:
    items = answer.items if isinstance(answer, types.InlineCompletionList) else answer
    return items[0] if items else None
