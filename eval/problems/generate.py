"""What the model is asked for a problem, and where its answer to a HumanEval problem ends.

A HumanEval problem is a hole at the end of a file: the prompt above, nothing known below. It is rendered by
the same `render` that serves a keystroke, with no deadline and no threshold. The prompt keeps its trailing
newline: without it the model must first write one, which training has shown it only inside longer tokens.

Not here: running the answer (sandbox.py), keeping it (answers.py), holes with text behind (infilling.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.problems.humaneval_problems import Problem
from model.errors import ConfigError
from model.fim import Hole, render

if TYPE_CHECKING:  # checking the harness needs no runtime
    from model.serving.engine import Engine

# A name as any repository might have it: "humaneval" in the path would itself be a hint.
PATH = "solution.py"
_ROOMY = 1 << 20
_SMALLEST_BUDGET = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How completions are drawn. `samples` a problem; temperature 0 is greedy, and then one sample is all."""

    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 384
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 1 or self.max_tokens < 1:
            raise ConfigError("samples and max tokens must be 1 or more")
        if not 0 <= self.temperature <= 5 or not 0 < self.top_p <= 1:
            raise ConfigError("temperature must be 0 to 5 and top-p above 0 and up to 1")
        if self.samples > 1 and self.temperature == 0:
            raise ConfigError(
                f"{self.samples} greedy samples would all be the same; set --temperature, for instance 0.2"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One answer. `raw` is all that the model wrote, `truncated` the part of it that the problem asked for.

    `logprob` is the engine's, natural logarithm; `prompt_cut` says that the window could not hold the whole
    prompt; `seconds` wall time.
    """

    task_id: str
    sample: int
    raw: str
    truncated: str
    stop_reason: str
    tokens: int
    logprob: float
    prompt_cut: bool
    seconds: float


class BodyEnd:
    """Where the function ends that a prompt began: a stop condition to call with the growing text.

    The body ends before the first line that starts in column 0, unless it is blank, starts with a closing
    bracket, or continues a triple-quoted string, an open bracket or a backslash. This generalises the usual
    stop sequences ("\\nclass", "\\ndef", "\\n#", "\\nif", "\\nprint"), which cut strings in two.
    Lines are read once: the text passed may only grow, or change after its last newline.
    """

    def __init__(self, prompt: str) -> None:
        self._next = 0  # start of the first line not yet read
        # Where the prompt stops mid-line, the first line is the rest of that one and ends nothing.
        self._continues = not prompt.endswith("\n") and prompt != ""
        self._quote = ""
        self._depth = 0
        self._found: int | None = None
        self.seen = ""

    def __call__(self, text: str) -> int | None:
        """The position in `text` where the body ends, or None while it goes on."""
        if len(text) > len(self.seen):
            self.seen = text
        while self._found is None:
            if not self._continues and text[self._next : self._next + 1].strip(" \t\n\r\f)]}"):
                self._found = self._next
                break
            newline = text.find("\n", self._next)
            if newline < 0:
                break
            self._read(text[self._next : newline])
            self._next = newline + 1
        return self._found

    def _read(self, line: str) -> None:
        """Carry strings, brackets and a trailing backslash over to the next line."""
        at, escaped_end = 0, False
        while at < len(line):
            character, three = line[at], line[at : at + 3]
            if self._quote:
                if (
                    character == "\\"
                ):  # in raw strings too a backslash keeps the quote after it from ending it
                    escaped_end = at + 1 == len(line)
                    at += 2
                elif line.startswith(self._quote, at):
                    at += len(self._quote)
                    self._quote = ""
                else:
                    at += 1
                continue
            if character == "#":
                break
            if three in ('"""', "'''"):
                self._quote = three
                at += 3
                continue
            if character in "\"'":
                self._quote = character
            elif character in "([{":
                self._depth += 1
            elif character in ")]}":
                self._depth = max(0, self._depth - 1)
            elif character == "\\":
                escaped_end = at + 1 == len(line)
            at += 1
        if len(self._quote) == 1 and not escaped_end:
            self._quote = ""  # an unclosed short string ends with its line, as a syntax error
        self._continues = bool(self._quote) or self._depth > 0 or escaped_end


def body_end(prompt: str, text: str) -> int:
    """Length of the part of `text` that belongs to the function which `prompt` began."""
    end = BodyEnd(prompt)(text)
    return len(text) if end is None else end


def seed_of(base: int, task_id: str, sample: int) -> int:
    """A 32-bit seed of its own for each answer, so that a resumed run draws what a whole one would have."""
    return int.from_bytes(hashlib.sha256(f"{base}/{task_id}/{sample}".encode()).digest()[:4], "big")


def complete(engine: Engine, problem: Problem, sampling: Sampling, sample: int = 0) -> Sample:
    """Ask the engine for answer number `sample` to a HumanEval problem. Raises as `answer`."""
    hole = Hole(path=PATH, language="python", prefix=problem.prompt, suffix="")
    return answer(
        engine,
        hole,
        sampling,
        task_id=problem.task_id,
        sample=sample,
        stop=BodyEnd(problem.prompt),
        truncate=lambda raw, _: raw[: body_end(problem.prompt, raw)],
    )


def answer(
    engine: Engine,
    hole: Hole,
    sampling: Sampling,
    *,
    task_id: str,
    sample: int = 0,
    stop: BodyEnd | None = None,
    truncate: Callable[[str, str], str],
    with_memory: bool = False,
) -> Sample:
    """Ask the engine for answer number `sample` to the problem `task_id`, which is a hole.

    `truncate` gets all that was written and the stop reason. `with_memory` lets the memory of the hole's own
    file take part, as the server does. Raises ConfigError when the window has no room for the prompt beside
    `max_tokens`.
    """
    tokenizer, window = engine.tokenizer, engine.release.window
    budget = window - sampling.max_tokens
    if budget < _SMALLEST_BUDGET:
        raise ConfigError(
            f"--max-tokens {sampling.max_tokens} leaves no room for a prompt in a window of {window} tokens; "
            f"use at most {window - _SMALLEST_BUDGET}"
        )
    prompt = render(hole, tokenizer, budget)
    engine.forget()  # or an answer would depend on the questions before it
    start = time.monotonic()
    completion = engine.generate(
        prompt,
        max_tokens=sampling.max_tokens,
        stop=stop,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        seed=seed_of(sampling.seed, task_id, sample),
        memory=engine.remember(hole, prompt) if with_memory else None,
    )
    seconds = time.monotonic() - start
    # The engine may have cut at the stop already; what it showed to `stop` is what the model wrote.
    raw = stop.seen if stop is not None and len(stop.seen) > len(completion.text) else completion.text
    return Sample(
        task_id=task_id,
        sample=sample,
        raw=raw,
        truncated=truncate(raw, completion.stop_reason),
        stop_reason=completion.stop_reason,
        tokens=completion.tokens,
        logprob=completion.logprob,
        prompt_cut=prompt != render(hole, tokenizer, _ROOMY),
        seconds=round(seconds, 3),
    )
