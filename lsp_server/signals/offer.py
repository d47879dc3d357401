"""One suggestion from when it is shown until it is decided, and what a document says of it. Pure.

Not here: what follows from it (outcomes.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from lsp_server.signals.facts import Outcome, Record
from lsp_server.signals.survival import change_between

# What editors put behind the cursor by themselves, and what has to be typed for it.
_OPENERS = {")": "(", "]": "[", "}": "{", ">": "<", '"': '"', "'": "'", "`": "`"}
_MOST_CLOSERS = 4
_MOST_TEXTS = 10  # of one offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """Suggestions that are sent to the editor, the best first.

    They stand between `before` and `behind`, which are all of the document's text but what they replace: the
    first `begun` characters of each are those of a menu's entry and no work of ours. Times in milliseconds,
    from the request to the answer; `waited_ms` of them for the next key.
    """

    uri: str
    before: str
    behind: str
    texts: tuple[str, ...]
    begun: int = 0
    language: str = ""
    kind: str = ""
    invoked: bool = False
    latency_ms: float = 0.0
    waited_ms: float = 0.0


class Offer:
    """A suggestion that is shown. Offsets are into its texts."""

    __slots__ = (
        "at", "base", "fit", "followed_to", "furthest", "goal", "id", "known_shown", "outcome", "reached",
        "showing", "since", "taken", "texts", "told_to", "until",
    )  # fmt: skip

    def __init__(self, identity: str, showing: Showing, now: float, at: float) -> None:
        self.id = identity
        self.showing = showing
        self.since = now
        self.at = at
        self.texts = list(showing.texts)
        self.fit = showing.texts[0]  # the one that the document goes along with
        self.base = 0  # where the items last sent begin
        self.reached = 0  # as far as it stands in the document
        self.furthest = 0
        self.followed_to = 0
        self.taken: set[int] = set()  # characters that were put in and not typed
        self.told_to = 0  # as far as the client says it was taken
        self.goal: str | None = None  # what the command of an item says was taken
        self.known_shown = False
        self.outcome: Outcome | None = None
        self.until = now

    def middle(self, text: str) -> str | None:
        """What stands in the offer's place; None where the text around it is another."""
        before, behind = self.showing.before, self.showing.behind
        length = len(text) - len(before) - len(behind)
        if length < 0 or not text.startswith(before) or not text.endswith(behind):
            return None
        return text[len(before) : len(before) + length]

    def is_on_its_line(self, text: str) -> bool:
        """Whether a text differs from that around the offer nowhere but in its line, before the cursor."""
        before, behind = self.showing.before, self.showing.behind
        line = before.rfind("\n") + 1
        return (
            len(text) >= line + len(behind)
            and text.startswith(before[:line])
            and text.endswith(behind)
            and "\n" not in text[line : len(text) - len(behind)]
        )

    def record(self, *, keep_text: bool) -> Record:
        """What became of it, once that is decided."""
        assert self.outcome is not None
        showing, text = self.showing, self.fit[self.showing.begun :]
        return Record(
            id=self.id,
            at=self.at,
            language=showing.language,
            kind=showing.kind,
            invoked=showing.invoked,
            outcome=self.outcome,
            characters=len(text),
            lines=text.count("\n") + 1,
            accepted=sum(1 for at in self.taken if showing.begun <= at < self.furthest),
            latency_ms=showing.latency_ms,
            waited_ms=showing.waited_ms,
            stood_ms=max(0.0, self.until - self.since) * 1000,
            text=text if keep_text else None,
        )


def goes_on(offer: Offer, showing: Showing) -> bool:
    """Whether what is shown is (what is left of) what the offer shows already; then it belongs to it."""
    base = len(showing.before) - len(offer.showing.before)
    if base < 0 or not showing.before.startswith(offer.showing.before):
        return False
    begun = showing.before[len(offer.showing.before) :]
    added = showing.behind.removesuffix(offer.showing.behind)
    if not showing.behind.endswith(offer.showing.behind) or not _closes(added, begun):
        return False
    texts = [begun + one for one in showing.texts]
    if not any(known.startswith(one) for one in texts for known in offer.texts):
        return False
    offer.base = base
    new = [one for one in texts if not any(known.startswith(one) for known in offer.texts)]
    offer.texts = [*offer.texts, *new][:_MOST_TEXTS]
    return True


def best(offer: Offer, middle: str) -> tuple[bool, int, str] | None:
    """Whether a text stands there whole, how far it does, and which; None where none has begun.

    One that stands there whole counts before a longer one that has only begun.
    """
    found: tuple[bool, int, str] | None = None
    for text in dict.fromkeys((*([offer.goal] if offer.goal else ()), offer.fit, *offer.texts)):
        reached = _reached(middle, text)
        if reached is not None and (found is None or (reached == len(text), reached) > found[:2]):
            found = (reached == len(text), reached, text)
    return found


def _reached(middle: str, text: str) -> int | None:
    """How much of a text stands there; None where something else does."""
    if middle.startswith(text):
        return len(text)
    if text.startswith(middle):
        return len(middle)
    change = change_between(text[: len(middle)], middle)
    head = len(middle) if change is None else change.start
    return head if _closes(middle[head:], middle[:head]) else None


def _closes(text: str, begun: str) -> bool:
    """Whether an editor may have put in a text behind another because of what was opened in that."""
    return len(text) <= _MOST_CLOSERS and all(one in _OPENERS and _OPENERS[one] in begun for one in text)
