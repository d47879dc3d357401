"""Hole to suggestion, knowing nothing of LSP: trigger, cache, render, generate, postprocess.

One request at a time: the caller has one worker for it (turns.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from lsp_server import postprocess, trigger
from lsp_server.cache import Cache
from lsp_server.soundness import errors_with
from model import fim
from model.fim import Hole

if TYPE_CHECKING:
    from model.fim import Prompt, Snippet
    from model.serving.engine import Completion, Engine
    from model.serving.memory import Layer, Memory
    from model.serving.project import Project
    from model.serving.recall import Copied

Use = Literal["both", "model", "memory"]

_LINE_TOKENS = 64
_TOKENS_PER_LINE = 20
_MOST_TOKENS = 256
# Of what the best tokens give, sometimes nothing is worth showing; who asked gets a few draws more. The
# prompt is computed already, so a draw costs its own tokens only.
_TEMPERATURES_INVOKED = (0.0, 0.4, 0.6, 0.8, 0.8, 0.8)


def never() -> bool:
    """The `cancelled` of a request that nobody calls off."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the person allows: lines, and until when (`time.monotonic()` seconds; None: no limit)."""

    max_lines: int = 12
    deadline: float | None = None
    cancelled: Callable[[], bool] = never
    disabled: Collection[str] = ()  # languages switched off
    invoked: bool = False  # somebody asked: the best there is rather than nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Text to insert at the hole, LF line ends. `tokens` were decoded for it: 0 when it was known already.

    `copied` are its runs that came from the memory.
    """

    text: str
    tokens: int
    stop_reason: str
    copied: tuple[Copied, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No suggestion, and why."""

    reason: str


class Completer:
    """One model and the suggestions it made lately."""

    def __init__(self, engine: Engine, *, use: Use = "both", layers: Sequence[Layer] | None = None) -> None:
        """`use` and `layers` (of the memory, None: all) are for measuring: nobody gains by less."""
        self.engine = engine
        self.cache = Cache()
        self._use = use
        self._layers = layers

    def complete(
        self, hole: Hole, request: Request, *, files: Sequence[Snippet] = (), project: Project | None = None
    ) -> Suggestion | Silence:
        """A suggestion for the hole, or why there is none. Errors of the engine come through.

        `files` are the other open documents of its language, whole, the last worked on first.
        """
        engine = self.engine
        decision = trigger.decide(hole, engine.release.languages)
        if decision.kind == "none":
            return Silence(reason=decision.reason)
        if hole.language in request.disabled:
            return Silence(reason=f"suggestions are switched off for {hole.language}")
        # Other files' texts keep their hashes, so this costs nothing while they stand still.
        others = hash((project and project.version, *(file.text for file in files)))
        shape = (decision.kind, request.max_lines, others)
        known = self.cache.find(hole, shape)
        if known is not None:
            return Suggestion(text=known, tokens=0, stop_reason="cache")

        # What surely comes first need not be left to the model: asked as if it had been typed.
        asked = replace(hole, prefix=hole.prefix + decision.lead)
        prompt = fim.render(asked, engine.tokenizer, self.budget)
        layers = {} if self._layers is None else {"layers": self._layers}
        memory = (
            None
            if self._use == "model"
            else engine.remember(asked, prompt, files=files, project=project, **layers)
        )
        ask = partial(self._ask, prompt, hole, decision, request)
        if self._use == "memory" and memory is not None:
            return self._judge(self._copy(prompt, memory, hole, decision, request), hole, decision, request)
        result: Suggestion | Silence = Silence(reason="nothing was asked")
        for seed, temperature in enumerate(_TEMPERATURES_INVOKED if request.invoked else (0.0,)):
            completion = ask(memory, temperature, seed)
            result = self._judge(completion, hole, decision, request)
            if isinstance(result, Suggestion) or completion.stop_reason in ("cancelled", "deadline"):
                break
        result = self._sounder(result, hole, decision, request, ask)
        if isinstance(result, Suggestion) and result.stop_reason != "deadline":
            self.cache.keep(hole, shape, result.text)
        return result

    def _ask(
        self,
        prompt: Prompt,
        hole: Hole,
        decision: trigger.Decision,
        request: Request,
        memory: Memory | None,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Completion:
        return self.engine.generate(
            prompt,
            max_tokens=self._limit(decision.kind, request.max_lines),
            stop=postprocess.stopper(hole, decision.kind, request.max_lines, lead=decision.lead),
            cancelled=request.cancelled,
            deadline=request.deadline,
            may_be_empty=not request.invoked,
            temperature=temperature,
            seed=seed,
            memory=memory,
        )

    def _copy(
        self, prompt: Prompt, memory: Memory, hole: Hole, decision: trigger.Decision, request: Request
    ) -> Completion:
        return self.engine.copy(
            prompt,
            memory,
            max_tokens=self._limit(decision.kind, request.max_lines),
            stop=postprocess.stopper(hole, decision.kind, request.max_lines, lead=decision.lead),
        )

    def _sounder(
        self,
        result: Suggestion | Silence,
        hole: Hole,
        decision: trigger.Decision,
        request: Request,
        ask: Callable[[None], Completion],
    ) -> Suggestion | Silence:
        """The suggestion, or the model's own where the memory has led to code that does not parse."""
        if isinstance(result, Silence) or not result.copied or result.stop_reason == "deadline":
            return result
        if not errors_with(hole, result.text):
            return result
        # It is worth a look at the whole file now: at its pieces alone, sound code may look broken.
        errors = errors_with(hole, result.text, everywhere=True)
        if not errors:
            return result
        completion = ask(None)
        own = self._judge(completion, hole, decision, request)
        if completion.stop_reason in ("deadline", "cancelled"):
            # Not kept in the cache: there was no time to judge it.
            return replace(result, stop_reason="deadline")
        if isinstance(own, Suggestion):
            return own if errors_with(hole, own.text, everywhere=True) < errors else result
        # What was broken before is not the suggestion's fault, and who asked gets what there is.
        return result if request.invoked or errors <= errors_with(hole, "", everywhere=True) else own

    def _judge(
        self, completion: Completion, hole: Hole, decision: trigger.Decision, request: Request
    ) -> Suggestion | Silence:
        """What of a completion is worth showing."""
        if completion.stop_reason == "cancelled":
            return Silence(reason="the request was cancelled")
        whole = completion.stop_reason not in ("deadline", "length")
        written = postprocess.settle(decision.lead, completion.text)
        text = postprocess.clean(written, hole, decision.kind, request.max_lines, finished=whole)
        if text is None:
            return Silence(reason=_why_empty(completion.stop_reason, completion.text))
        return Suggestion(
            text=text,
            tokens=completion.tokens,
            stop_reason=completion.stop_reason,
            copied=_shown(completion, written, text),
        )

    @property
    def budget(self) -> int:
        """Tokens of a prompt: the model's window without what is kept for the answer."""
        return self.engine.release.window - self._reserve

    @property
    def _reserve(self) -> int:
        # The same for a line and a block: the prompt must not move when the kind changes, or the engine
        # computes it all again.
        return min(_MOST_TOKENS, self.engine.release.window // 4)

    def _limit(self, kind: trigger.Kind, max_lines: int) -> int:
        wanted = _LINE_TOKENS if kind == "line" else _TOKENS_PER_LINE * max_lines
        return min(wanted, self._reserve)


def _shown(completion: Completion, written: str, text: str) -> tuple[Copied, ...]:
    """The copied runs, as offsets into the text that is shown: what was settled before it moves them."""
    shift = len(written) - len(completion.text)
    runs = []
    for run in completion.copied:
        start, end = max(0, run.start + shift), min(len(text), run.end + shift)
        if start < end:
            runs.append(replace(run, start=start, end=end))
    return tuple(runs)


def explained(suggestion: Suggestion) -> list[str]:
    """A sentence for each run that was copied: what, and from where."""
    sentences = []
    for run in suggestion.copied:
        text = suggestion.text[run.start : run.end]
        if text.strip():
            origin = run.origin
            sentences.append(f"copied {text!r} from {origin.path}, line {origin.line} ({origin.layer})")
    return sentences


def _why_empty(stop_reason: str, text: str) -> str:
    if stop_reason == "deadline":
        return "the deadline passed before there was a suggestion"
    if not text.strip():
        return "the model has nothing to add here"
    return "what the model wrote stands there already"


def deadline_in(milliseconds: int) -> float:
    """The `time.monotonic()` moment that lies so far ahead."""
    return time.monotonic() + milliseconds / 1000
