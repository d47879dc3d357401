"""What the completer is asked, and what it answers: a suggestion, or silence and why.

Not here: how the one becomes the other (completer.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lsp_server import trigger

if TYPE_CHECKING:
    from model.serving.confidence import Features
    from model.serving.recall import Copied


def never() -> bool:
    """The `cancelled` of a request that nobody calls off."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the person allows: lines, and until when (`time.monotonic()` seconds; None: no limit).

    `in_comments`, `in_strings`, `show_above` and `show_lines_above` (percent: of the first line, and of all
    up to the end of each further one) are of automatic requests: `invoked` says that somebody asked, who gets
    the best there is rather than nothing. `asked` is when (None: now).
    """

    max_lines: int = 12
    deadline: float | None = None
    cancelled: Callable[[], bool] = never
    disabled: Collection[str] = ()  # languages switched off
    invoked: bool = False
    in_comments: bool = True
    in_strings: bool = True
    show_above: int = 0
    show_lines_above: int = 0
    asked: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What is left of a suggestion that was made before: `whole[start:end]` of what was suggested there.

    `before` is the text that the whole one was to follow.
    """

    before: str
    whole: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Text to insert at the hole, LF line ends. `tokens` were decoded for it: 0 when it was known already.

    `copied` are its runs that came from the memory. What follows explains it: `kind` and `trigger` say how
    much was asked for and why, `confidence` how likely the first line is right, by these `features` (None:
    the release does not tell), `chances` how likely all up to the end of each line is, `mended` whether it is
    less or more than the model wrote, which would not have parsed; `wanted` that somebody asked for it, or
    for what it is the rest of; `rest_of` what that is, where it was not made for this very place.
    """

    text: str
    tokens: int
    stop_reason: str
    copied: tuple[Copied, ...] = ()
    kind: trigger.Kind = field(default="none", compare=False)
    trigger: str = field(default="", compare=False)
    confidence: float | None = field(default=None, compare=False)
    features: Features | None = field(default=None, compare=False)
    chances: tuple[float, ...] = field(default=(), compare=False)
    mended: bool = field(default=False, compare=False)
    wanted: bool = field(default=False, compare=False)
    rest_of: Rest | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No suggestion, and why. `text` is what was not shown, where there was any; else as in Suggestion."""

    reason: str
    text: str = field(default="", compare=False)
    kind: trigger.Kind = field(default="none", compare=False)
    trigger: str = field(default="", compare=False)
    confidence: float | None = field(default=None, compare=False)


def explained(suggestion: Suggestion) -> list[str]:
    """A sentence for each run that was copied: what, and from where."""
    sentences = []
    for run in suggestion.copied:
        text = suggestion.text[run.start : run.end]
        if text.strip():
            origin = run.origin
            sentences.append(f"copied {text!r} from {origin.path}, line {origin.line} ({origin.layer})")
    return sentences
