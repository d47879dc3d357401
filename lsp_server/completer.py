"""Hole to suggestion, knowing nothing of LSP: trigger, cache, render, generate, judge, show or not.

One request at a time: the caller has one worker for it (turns.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lsp_server import postprocess, soundness, trigger
from lsp_server.cache import Cache, Kept
from lsp_server.rejections import Rejections
from lsp_server.secrecy import Reading, Secrecy
from lsp_server.suggestion import Request, Silence, Suggestion, explained, never
from model import fim
from model.fim import Hole
from model.serving import confidence

if TYPE_CHECKING:
    from lsp_server.engines import Engine
    from model.fim import Prompt, Snippet
    from model.serving.engine import Completion
    from model.serving.memory import Layer, Memory
    from model.serving.project import Project
    from model.serving.recall import Copied

__all__ = ["Completer", "Request", "Silence", "Suggestion", "Use", "explained", "never"]

Use = Literal["both", "model", "memory"]

_LINE_TOKENS = 64
_TOKENS_PER_LINE = 20
_MOST_TOKENS = 256
# Of what the best tokens give, sometimes nothing is worth showing; who asked gets a few draws more. The
# prompt is computed already, so a draw costs its own tokens only.
_TEMPERATURES_INVOKED = (0.0, 0.4, 0.6, 0.8, 0.8, 0.8)
_WORD = re.compile(r"\w\Z")
# What a limit cuts may be half a word, or bytes that are half a character.
_HALF = re.compile("[\\w\ufffd]+\\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One request as the engine is asked it. `shape` is what an answer depends on besides the hole."""

    hole: Hole
    request: Request
    decision: trigger.Decision
    shape: tuple[object, ...]
    prompt: Prompt
    memory: Memory | None
    reading: Reading


class Completer:
    """One model, the suggestions it made lately, and those that were turned down."""

    def __init__(
        self,
        engine: Engine,
        *,
        use: Use = "both",
        layers: Sequence[Layer] | None = None,
        without: Collection[str] = (),
        secrecy: Secrecy | None = None,
        elsewhere: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`use`, `layers` (of the memory, None: all) and `without` (names of parts.py) are for measuring.

        `elsewhere`: the engine is on another machine, and is told no secrets.
        """
        self.engine = engine
        self.cache = Cache()
        self.rejections = Rejections()
        self._secrecy = secrecy or Secrecy()
        self._elsewhere = elsewhere
        self._use: Use = "model" if "memory" in without else use
        self._layers = layers
        self._without = without
        self._clock = clock

    def complete(
        self, hole: Hole, request: Request, *, files: Sequence[Snippet] = (), project: Project | None = None
    ) -> Suggestion | Silence:
        """A suggestion for the hole, or why there is none. Errors of the engine come through.

        `files` are the other open documents of its language, whole, the last worked on first.
        """
        now = self._clock() if request.asked is None else request.asked
        self.rejections.asked(hole, now)
        result = self._suggest(hole, request, files, project)
        if isinstance(result, Suggestion) and not request.invoked:
            result = self._worth_showing(result, hole, request, now)
        if isinstance(result, Suggestion) and not request.cancelled():
            self.rejections.shown(hole, result.text, self._clock())
        return result

    def complete_several(
        self,
        hole: Hole,
        request: Request,
        count: int,
        *,
        files: Sequence[Snippet] = (),
        project: Project | None = None,
    ) -> list[Suggestion] | Silence:
        """At most `count` different suggestions for who asked, the best first, all decoded together.

        Where none of them is worth showing it is what `complete` finds, or why there is nothing. Errors of
        the engine come through.
        """
        assert request.invoked
        found: list[Suggestion] = []
        if count > 1 and self._use != "memory":
            found = self._candidates(hole, request, count, files, project)
        if not found:
            one = self.complete(hole, request, files=files, project=project)
            return [one] if isinstance(one, Suggestion) else one
        now = self._clock() if request.asked is None else request.asked
        self.rejections.asked(hole, now)
        if not request.cancelled():
            self.rejections.shown(hole, found[0].text, self._clock())
        return found

    def ahead(
        self, hole: Hole, request: Request, *, files: Sequence[Snippet] = (), project: Project | None = None
    ) -> Suggestion | Silence:
        """Compute what an automatic request at this hole will be answered, before anybody is there.

        For the place behind a suggestion that was just taken. It is kept, and nobody was shown it.
        """
        return self._suggest(hole, replace(request, invoked=False), files, project)

    def forget(self) -> None:
        """Answer the next request as if nobody had been near: nothing is known, nothing was turned down."""
        self.cache.clear()
        self.rejections.clear()

    def _suggest(
        self, hole: Hole, request: Request, files: Sequence[Snippet], project: Project | None
    ) -> Suggestion | Silence:
        """From the cache or the engine, whether or not it will be shown."""
        decision = self._decide(hole, request)
        if isinstance(decision, Silence):
            return decision
        shape = _shape(decision, request, files, project)
        reading = self._secrecy.reading(hole)
        for known in (self.cache.again(hole, shape), self.cache.rest(hole)):
            # Secrets may have come to be known since.
            if known and reading.shown(known[0].text) == known[0].text:
                return _from_cache(known[0], decision)
        task = self._task(hole, request, decision, shape, files, project, reading)
        result = self._generate(task)
        if isinstance(result, Suggestion) and result.stop_reason != "deadline":
            self._keep(hole, shape, [result], shown=_is_likely(result, request))
        return result

    def _candidates(
        self, hole: Hole, request: Request, count: int, files: Sequence[Snippet], project: Project | None
    ) -> list[Suggestion]:
        decision = self._decide(hole, request)
        if isinstance(decision, Silence):
            return []
        shape = (*_shape(decision, request, files, project), "several", count)
        reading = self._secrecy.reading(hole)
        known = [one for one in self.cache.again(hole, shape) if reading.shown(one.text) == one.text]
        if known:
            return [_from_cache(one, decision) for one in known]
        task = self._task(hole, request, decision, shape, files, project, reading)
        completions = self.engine.candidates(task.prompt, count, may_be_empty=False, **self._limits(task))
        different: dict[str, Suggestion] = {}
        for completion in completions:
            one = self._judge(completion, task)
            if isinstance(one, Suggestion):
                different.setdefault(one.text, one)
        # Where nothing is known of them, all have the same confidence, and the engine's order stays.
        found = sorted(different.values(), key=lambda one: -(one.confidence or 0.0))
        if found and all(one.stop_reason != "deadline" for one in found):
            self._keep(hole, shape, found, shown=True)
        return found

    def _keep(
        self, hole: Hole, shape: tuple[object, ...], found: Sequence[Suggestion], *, shown: bool
    ) -> None:
        # What counts as not shown is not gone on with when it is typed.
        shown = shown and "typed through" not in self._without
        self.cache.keep(hole, shape, [_kept(one) for one in found], shown=shown)

    def _decide(self, hole: Hole, request: Request) -> trigger.Decision | Silence:
        """How much to ask for; silence where nothing is to be asked."""
        looked_at = hole
        if "mid-line rule" in self._without:
            looked_at = replace(hole, suffix=hole.suffix[len(trigger.hole_line(hole)[1]) :])
        decision = trigger.decide(looked_at, self.engine.release.languages)
        reason = ""
        if decision.kind == "none":
            reason = decision.reason
        elif hole.language in request.disabled:
            reason = f"suggestions are switched off for {hole.language}"
        elif not request.invoked and not (request.in_comments and request.in_strings):
            inside = trigger.prose_at_cursor(hole)
            if (inside == "comment" and not request.in_comments) or (
                inside == "string" and not request.in_strings
            ):
                reason = f"suggestions in {inside}s are switched off"
        if reason:
            return Silence(reason=reason, kind=decision.kind, trigger=decision.reason)
        return decision

    def _task(
        self,
        hole: Hole,
        request: Request,
        decision: trigger.Decision,
        shape: tuple[object, ...],
        files: Sequence[Snippet],
        project: Project | None,
        reading: Reading,
    ) -> _Task:
        # What surely comes first need not be left to the model: asked as if it had been typed.
        neighbours = () if "neighbours" in self._without else hole.neighbours
        asked = replace(hole, prefix=hole.prefix + decision.lead, neighbours=neighbours)
        copied = reading.remembered(asked)
        told = reading.told(asked) if self._elsewhere else asked
        prompt = fim.render(told, self.engine.tokenizer, self.budget)
        layers = {} if self._layers is None else {"layers": self._layers}
        memory = None
        if self._use != "model":
            memory = self.engine.remember(copied, prompt, files=files, project=project, **layers)
        return _Task(
            hole=hole,
            request=request,
            decision=decision,
            shape=shape,
            prompt=prompt,
            memory=memory,
            reading=reading,
        )

    def _generate(self, task: _Task) -> Suggestion | Silence:
        """What the engine has to say that is worth something."""
        if self._use == "memory" and task.memory is not None:
            limits = self._limits(task)
            memory, stop, most = limits["memory"], limits["stop"], limits["max_tokens"]
            return self._judge(self.engine.copy(task.prompt, memory, max_tokens=most, stop=stop), task)
        result: Suggestion | Silence = Silence(reason="nothing was asked")
        invoked = task.request.invoked
        for seed, temperature in enumerate(_TEMPERATURES_INVOKED if invoked else (0.0,)):
            completion = self._ask(task, temperature, seed)
            result = self._judge(completion, task)
            if isinstance(result, Suggestion) or completion.stop_reason in ("cancelled", "deadline"):
                break
        if not completion.copied or completion.stop_reason in ("cancelled", "deadline"):
            return result
        return result if "second opinion" in self._without else self._second_opinion(result, task)

    def _second_opinion(self, result: Suggestion | Silence, task: _Task) -> Suggestion | Silence:
        """The model's own suggestion, where the memory has led to code that does not parse and it has not."""
        if isinstance(result, Silence) and not result.text:
            return result
        doubts = _doubts(result, task.hole)
        if not any(doubts):
            return result
        completion = self._ask(replace(task, memory=None))
        own = self._judge(completion, task)
        if completion.stop_reason in ("cancelled", "deadline"):
            # Not kept in the cache: there was no time to judge it.
            return replace(result, stop_reason="deadline") if isinstance(result, Suggestion) else result
        if isinstance(own, Suggestion):
            return own if isinstance(result, Silence) or _doubts(own, task.hole) < doubts else result
        return result

    def _ask(self, task: _Task, temperature: float = 0.0, seed: int = 0) -> Completion:
        likely = _least_likely(task.decision, task.request)
        return self.engine.generate(
            task.prompt,
            may_be_empty=not task.request.invoked,
            temperature=temperature,
            seed=seed,
            likely=likely,
            **self._limits(task),
        )

    def _limits(self, task: _Task) -> dict[str, Any]:
        """What any way to ask the engine is told: how long, until when, and of what memory."""
        kind, request = task.decision.kind, task.request
        return {
            "max_tokens": self._limit(kind, request.max_lines),
            "stop": postprocess.stopper(task.hole, kind, request.max_lines, lead=task.decision.lead),
            "cancelled": request.cancelled,
            "deadline": request.deadline,
            "memory": task.memory,
        }

    def _judge(self, completion: Completion, task: _Task) -> Suggestion | Silence:
        """What of a completion is worth something, and how likely it is right."""
        hole, decision, request = task.hole, task.decision, task.request
        if completion.stop_reason == "cancelled":
            return Silence(reason="the request was cancelled", kind=decision.kind, trigger=decision.reason)
        whole = completion.stop_reason not in ("deadline", "length")
        written = completion.text if whole else _HALF.sub("", completion.text)
        written = postprocess.settle(decision.lead, written)
        cleaned = postprocess.clean(
            written, hole, decision.kind, request.max_lines, finished=whole, without=self._without
        )
        if cleaned is not None and (cleaned := task.reading.shown(cleaned)) is None:
            return Silence(reason="it would hold a secret", kind=decision.kind, trigger=decision.reason)
        text = cleaned
        if cleaned is not None and "soundness" not in self._without:
            text = soundness.mended(hole, cleaned)
        if text is None and request.invoked:
            text = cleaned  # who asked gets what there is
        if text is None:
            return Silence(
                reason=_why_empty(completion.stop_reason, completion.text)
                if cleaned is None
                else "what the model wrote does not parse here",
                text=cleaned or "",
                kind=decision.kind,
                trigger=decision.reason,
            )
        return Suggestion(
            text=text,
            tokens=completion.tokens,
            stop_reason=completion.stop_reason,
            copied=_shown(completion, written, text),
            kind=decision.kind,
            trigger=decision.reason,
            mended=text != cleaned,
            wanted=request.invoked,
            **self._confidence(completion, task, whole=whole),
        )

    def _confidence(self, completion: Completion, task: _Task, *, whole: bool) -> dict[str, Any]:
        """How likely it is right, and what tells so; nothing where the release does not say."""
        weights = self.engine.release.confidence
        if weights is None:
            return {}
        features = self._features(completion, task, whole=whole)
        chance = weights.probability(features)
        return {"confidence": chance, "features": features, "chances": completion.chances}

    def _features(self, completion: Completion, task: _Task, *, whole: bool) -> confidence.Features:
        head, rest = trigger.hole_line(task.hole)
        return confidence.features(
            completion.text,
            completion.logprobs,
            self.engine.tokenizer,
            pending=task.prompt.pending,
            copied=[(run.start, run.end) for run in completion.copied],
            block=task.decision.kind == "block",
            behind=bool(rest.strip()),
            word=_WORD.search(head) is not None,
            inside=trigger.state_at_cursor(task.hole).inside is not None,
            cut=not whole,
            last=not task.hole.suffix.strip(),
        )

    def _worth_showing(
        self, suggestion: Suggestion, hole: Hole, request: Request, now: float
    ) -> Suggestion | Silence:
        """The suggestion, or why somebody who did not ask is better off without it."""
        reason = ""
        if not _is_likely(suggestion, request):
            reason = (
                f"its first line is right with a probability of {100 * (suggestion.confidence or 0):.0f} %, "
                f"and showAbove is {request.show_above} %"
            )
        elif "rejections" not in self._without and self.rejections.is_rejected(hole, suggestion.text, now):
            reason = "the same was turned down here a moment ago"
        if not reason:
            return suggestion
        return Silence(
            reason=reason,
            text=suggestion.text,
            kind=suggestion.kind,
            trigger=suggestion.trigger,
            confidence=suggestion.confidence,
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


def _shape(
    decision: trigger.Decision, request: Request, files: Sequence[Snippet], project: Project | None
) -> tuple[object, ...]:
    # Other files' texts keep their hashes, so this costs nothing while they stand still.
    others = hash((project and project.version, *(file.text for file in files)))
    return decision.kind, request.max_lines, _least_likely(decision, request), others


def _least_likely(decision: trigger.Decision, request: Request) -> float:
    """How likely several lines have to be together: who asked gets them all, and a line is always alone."""
    return 0.0 if request.invoked or decision.kind != "block" else request.show_lines_above / 100


def _from_cache(kept: Kept, decision: trigger.Decision) -> Suggestion:
    return Suggestion(
        text=kept.text,
        tokens=0,
        stop_reason="cache",
        kind=decision.kind,
        trigger=decision.reason,
        confidence=kept.confidence,
        wanted=kept.wanted,
        rest_of=kept.rest_of,
    )


def _kept(suggestion: Suggestion) -> Kept:
    return Kept(text=suggestion.text, confidence=suggestion.confidence, wanted=suggestion.wanted)


def _is_likely(suggestion: Suggestion, request: Request) -> bool:
    """Whether it was asked for, or is likely enough to be shown to somebody who did not ask."""
    if suggestion.wanted or suggestion.confidence is None:
        return True
    return 100 * suggestion.confidence >= request.show_above


def _doubts(result: Suggestion | Silence, hole: Hole) -> tuple[int, bool]:
    """What speaks against a text: its syntax errors, and that something was wrong with what was written."""
    errors = soundness.errors_with(hole, result.text)
    if errors and len(hole.prefix) + len(hole.suffix) > soundness.LONG:
        errors = soundness.errors_added(hole, result.text)
    elif errors:
        # It is worth a look at the whole file now: at its pieces alone, sound code may look broken.
        errors = soundness.errors_with(hole, result.text, everywhere=True)
    return errors, isinstance(result, Silence) or result.mended


def _shown(completion: Completion, written: str, text: str) -> tuple[Copied, ...]:
    """The copied runs, as offsets into the text that is shown: what was settled or mended moves them."""
    shift = len(written) - len(completion.text)
    runs = []
    for run in completion.copied:
        start = postprocess.moved(written, text, max(0, run.start + shift))
        end = postprocess.moved(written, text, run.end + shift)
        if start < end:
            runs.append(replace(run, start=start, end=end))
    return tuple(runs)


def _why_empty(stop_reason: str, text: str) -> str:
    if stop_reason == "deadline":
        return "the deadline passed before there was a suggestion"
    if not text.strip():
        return "the model has nothing to add here"
    return "what the model wrote stands there already"
