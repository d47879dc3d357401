"""What became of suggestions: accepted whole or in part, typed, turned down, and what of them survived. Pure.

An offer is a suggestion from when it is shown until it is decided; what is left of it while somebody types
along, or takes it by words, is the same offer. Plain clients tell nothing but edits, and run an item's
command once it was accepted, some before they edit and some after: what an edit puts in says the rest.
Clients that send what Copilot's server takes (`textDocument/didShowCompletion`,
`textDocument/didPartiallyAcceptCompletion`) are believed: where they tell what is shown, nothing else was.
No client tells of Escape: what is typed next says whether it was turned down.

An offer that is decided becomes a `Record`; one of the same id that comes later takes its place. 30 seconds
and 5 minutes after text was accepted a `Survived` follows, with what stands there then. No timer is needed:
a text stays as it is until it changes, so it is looked at when it changes or closes.

Times are seconds of any one clock, passed in; `at` is seconds since 1970. Texts have LF line ends, but for
items, which are as the editor gets them. Not here: what a document says of one offer (offer.py),
where facts are kept (store.py, writer.py), what is not shown again (rejections.py), how much
survived (survival.py). A document that is closed is not looked at any more, nor is one of a process that was
killed.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lsp_server.context import with_lf
from lsp_server.documents import units
from lsp_server.signals.facts import SURVIVAL, Fact, Outcome, Survived
from lsp_server.signals.offer import Offer, Showing, best, goes_on
from lsp_server.signals.survival import Region, change_between

# People need about a quarter of a second to see and begin to react (Woods et al. 2015), as in rejections.py.
_SEEN = 0.25  # seconds
# Editors wait before they tell of edits (Neovim 150 ms), so a few keys may come at once; blanks do not count,
# for the editor puts in the indentation of a new line. More than that was not typed.
_TYPED_AT_ONCE = 3  # characters
_COMMAND_WITHIN = 2.0  # seconds after the edit
_MOST_OPEN = 16  # documents
_MOST_NAMED = 64  # items
_MOST_FOLLOWED = 100  # accepted texts in one document


@dataclass(slots=True, kw_only=True)
class _Followed:
    """Accepted text that is looked at again."""

    id: str
    text: str
    region: Region
    since: float
    due: tuple[int, ...] = SURVIVAL


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One item of an answer: its offer, where in the offer's texts it begins, and its own text."""

    offer: Offer
    base: int
    text: str

    @property
    def whole(self) -> str:
        """The offer's text up to the item's end."""
        return self.offer.fit[: self.base] + with_lf(self.text)


def _new_id() -> str:
    return uuid.uuid4().hex


class Signals:
    """All that is open in one editor. Facts go to `tell`, at once; texts of suggestions only if asked for."""

    def __init__(
        self, tell: Callable[[Fact], None], *, keep_text: bool = False, new_id: Callable[[], str] = _new_id
    ) -> None:
        self._tell = tell
        self._keep_text = keep_text
        self._new_id = new_id
        self._open: dict[str, Offer] = {}  # by URI
        self._items: OrderedDict[str, _Item] = OrderedDict()
        self._followed: dict[str, list[_Followed]] = {}  # by URI
        self._client_tells = False  # what it shows

    # What is shown

    def shown(self, showing: Showing, text: str, *, now: float, at: float) -> None:
        """Suggestions go to the editor, whose document is `text`."""
        assert showing.texts
        offer = self._open.get(showing.uri)
        if offer is not None:
            if goes_on(offer, showing):
                return
            self._decide(offer, "left", now)
        offer = Offer(self._new_id(), showing, now, at)
        middle = offer.middle(text)
        if middle is None:
            return
        _, offer.reached, offer.fit = best(offer, middle) or (False, 0, offer.fit)
        self._open[showing.uri] = offer
        while len(self._open) > _MOST_OPEN:
            self._decide(next(iter(self._open.values())), "left", now)

    def named(self, name: str, uri: str, text: str) -> None:
        """An item of what was just shown: what its command and the client's news call it, and its text."""
        offer = self._open.get(uri)
        if offer is not None:
            self._items[name] = _Item(offer=offer, base=offer.base, text=text)
            while len(self._items) > _MOST_NAMED:
                self._items.popitem(last=False)

    def uri_of(self, name: str) -> str | None:
        """The document that an item was shown in."""
        item = self._items.get(name)
        return None if item is None else item.offer.showing.uri

    # What the client says

    def told_shown(self, name: str, *, now: float) -> None:
        """The client says that it shows an item: from now on what it does not tell of was not shown."""
        self._client_tells = True
        item = self._items.get(name)
        if item is not None and not item.offer.known_shown:
            item.offer.known_shown = True
            item.offer.since = now

    def told_partly(self, name: str, length: int, text: str, *, now: float) -> None:
        """The client says how much of an item was taken, in UTF-16 units from its beginning."""
        item = self._items.get(name)
        if item is None or item.offer.outcome is not None or length <= 0:
            return
        offer = item.offer
        offer.known_shown = True
        end = item.base + len(with_lf(_beginning(item.text, length)))
        offer.told_to = max(offer.told_to, end)
        offer.taken.update(range(item.base, end))
        self._look(offer, text, now)

    def accepted(self, name: str, text: str, *, now: float) -> None:
        """An item's command: it was taken to its end, and stands in the document or will at the next edit."""
        item = self._items.pop(name, None)
        if item is None:
            return
        offer = item.offer
        if offer.outcome is None:
            offer.known_shown = True
            offer.goal = item.whole
            offer.taken.update(range(item.base, len(item.whole)))
            middle = offer.middle(text)
            if middle is not None and middle.startswith(item.whole):
                self._look(offer, text, now)
        elif offer.outcome != "accepted" and now - offer.until <= _COMMAND_WITHIN:
            # The edit came first, and looked like typing, or like something else.
            offer.fit = item.whole
            offer.taken.update(range(item.base, len(item.whole)))
            offer.furthest = len(item.whole)
            offer.outcome = "accepted"
            if text.startswith(offer.showing.before + item.whole):
                self._follow(offer, item.whole, now)
            self._tell(offer.record(keep_text=self._keep_text))

    # What happens in documents

    def changed(self, uri: str, texts: Sequence[str], *, now: float) -> None:
        """A document was edited: its text before, after each edit, and so the last is what it is now."""
        self._judge(uri, texts[0], now)
        followed = self._followed.get(uri, ())
        for old, new in pairwise(texts) if followed else ():
            change = change_between(old, new)
            for one in followed if change is not None else ():
                assert change is not None
                one.region = one.region.after(change)
        offer = self._open.get(uri)
        if offer is not None:
            self._look(offer, texts[-1], now)

    def follows(self, uri: str) -> bool:
        """Whether accepted text is followed in a document, so that each of its edits counts."""
        return uri in self._followed

    def closed(self, uri: str, text: str | None, *, now: float) -> None:
        """A document was closed, or replaced; `text` is what it was, where that is known."""
        if text is not None:
            self._judge(uri, text, now)
        if (offer := self._open.get(uri)) is not None:
            self._decide(offer, "left", now)
        self._followed.pop(uri, None)

    def ended(self, text_of: Callable[[str], str | None], *, now: float) -> None:
        """The editor is gone; `text_of` gives the last text of a document that is still open."""
        for uri in {*self._open, *self._followed}:
            self.closed(uri, text_of(uri), now=now)

    # What follows from it

    def _look(self, offer: Offer, text: str, now: float) -> None:
        """What the document says of what is shown in it."""
        middle = offer.middle(text)
        found = None if middle is None else best(offer, middle)
        if middle is None or found is None:
            if offer.goal is not None:
                self._take_all(offer, middle, now)
            else:
                here = middle is not None or offer.is_on_its_line(text)
                self._decide(offer, "rejected" if here else "left", now)
            return
        is_whole, reached, offer.fit = found
        added = offer.fit[offer.reached : reached]
        told = reached <= max(offer.told_to, len(offer.goal or ""))
        if added and (told or len("".join(added.split())) > _TYPED_AT_ONCE):
            offer.taken.update(range(offer.reached, reached))
        if reached > offer.followed_to and reached - 1 in offer.taken:
            offer.followed_to = reached
            self._follow(offer, offer.fit[:reached], now)
        offer.reached, offer.furthest = reached, max(reached, offer.furthest)
        if is_whole:
            last = reached - 1 in offer.taken
            self._decide(offer, "accepted" if last else "partly" if offer.taken else "typed", now)

    def _take_all(self, offer: Offer, middle: str | None, now: float) -> None:
        """The command said so, and the editor has put in something a little different."""
        assert offer.goal is not None
        offer.fit, offer.furthest = offer.goal, len(offer.goal)
        if middle:
            self._follow(offer, middle, now)
        self._decide(offer, "accepted", now)

    def _decide(self, offer: Offer, outcome: Outcome, now: float) -> None:
        self._open.pop(offer.showing.uri, None)
        offer.furthest = max(offer.furthest, offer.told_to, len(offer.goal or ""))
        if outcome in ("rejected", "left"):
            if offer.goal is not None:
                outcome = "accepted"
            elif offer.taken:
                outcome = "partly"
            elif now - offer.since < _SEEN:
                outcome = "unseen"
        offer.outcome, offer.until = outcome, now
        # Each item holds the text around it; only those of the offer decided last may still be told of.
        for name in [name for name, item in self._items.items() if item.offer.outcome is not None]:
            if self._items[name].offer is not offer:
                del self._items[name]
        if offer.known_shown or not self._client_tells or outcome in ("accepted", "partly"):
            self._tell(offer.record(keep_text=self._keep_text))

    def _follow(self, offer: Offer, text: str, now: float) -> None:
        start = len(offer.showing.before)
        region = Region(start=start, end=start + len(text), length=len(text))
        followed = [one for one in self._followed.get(offer.showing.uri, ()) if one.id != offer.id]
        followed.append(_Followed(id=offer.id, text=text, region=region, since=now))
        self._followed[offer.showing.uri] = followed[-_MOST_FOLLOWED:]

    def _judge(self, uri: str, text: str, now: float) -> None:
        """Tell of accepted text whose time has come since the document last changed."""
        followed = self._followed.get(uri)
        if followed is None:
            return
        for one in followed:
            while one.due and now - one.since >= one.due[0]:
                seconds, *rest = one.due
                one.due = tuple(rest)
                offer = self._open.get(uri)
                if offer is not None and offer.id == one.id:
                    self._decide(offer, "left", now)  # nobody still thinks of what is left of it
                window = one.region.window(text)
                self._tell(Survived(id=one.id, seconds=seconds, accepted=one.text, window=window))
        left = [one for one in followed if one.due]
        if left:
            self._followed[uri] = left
        else:
            del self._followed[uri]


def _beginning(text: str, length: int) -> str:
    """As much of a text as fits into so many UTF-16 units."""
    if text.isascii():
        return text[:length]
    taken = 0
    for at, one in enumerate(text):
        taken += units(one, "utf-16")
        if taken > length:
            return text[:at]
    return text
