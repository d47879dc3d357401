"""What there is to tell of a suggestion: what it was, what became of it, and what of it survived.

Not here: how that is found out (outcomes.py), where it is kept (store.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["accepted", "partly", "typed", "rejected", "left", "unseen"]
OUTCOMES: dict[Outcome, str] = {
    "accepted": "taken to its end",
    "partly": "a part of it was taken",
    "typed": "typed by hand, to its end",
    "rejected": "something else was typed or deleted at its place",
    "left": "somebody went elsewhere, or was shown something else: it says nothing",
    "unseen": "gone before anybody could have judged it",
}
SURVIVAL = (30, 300)  # seconds after acceptance


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A suggestion and what became of it; nothing of it but sizes, unless its text was asked for.

    `characters` and `lines` are the suggestion's, `accepted` the characters of it that nobody had to type.
    """

    id: str
    at: float
    language: str
    kind: str
    invoked: bool
    outcome: Outcome
    characters: int
    lines: int
    accepted: int
    latency_ms: float
    waited_ms: float
    stood_ms: float
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """What stands, so many seconds after, in the place of accepted text."""

    id: str
    seconds: int
    accepted: str = field(repr=False)
    window: str = field(repr=False)


Fact = Record | Survived
