"""Drafts change the number of steps and nothing else; memories change the time and nothing else."""

from __future__ import annotations

import random

import pytest

from model.fim import Hole, Prompt, render
from model.serving.engine import Engine
from model.serving.speculate import PromptLookup

WORDS = ("module", "function", "lambda", "tuple", "call", "name", "string", "number")


@pytest.fixture
def engine(release_folder) -> Engine:
    return Engine.load(release_folder)


class Oracle(PromptLookup):
    """Drafts what the network will say, wrong from place `right` on: every length of agreement is met."""

    def __init__(self, tokens, room, *, said, right):
        super().__init__(tokens, room)
        self.said, self.right, self.done = said, right, 0

    def add(self, token):
        self.done += 1

    def propose(self, most):
        draft = list(self.said[self.done : self.done + min(most, 6)])
        return [*draft[: self.right], *((token + 1) % 500 + 20 for token in draft[self.right :])]


@pytest.mark.parametrize("right", range(7))
def test_drafts_of_any_quality_leave_the_text_alone(engine, rows, reference, monkeypatch, right):
    for start in (0, 40, 90):
        prompt = tuple(rows[0][start : start + 50])
        said = list(reference.greedy(prompt, most=24))
        plain = engine.generate(Prompt(tokens=prompt), max_tokens=24, speculate=False)
        monkeypatch.setattr(
            "model.serving.engine.PromptLookup", lambda t, n, s=said: Oracle(t, n, said=s, right=right)
        )
        drafted = engine.generate(Prompt(tokens=prompt), max_tokens=24)
        monkeypatch.undo()
        assert (drafted.text, drafted.tokens, drafted.stop_reason) == (
            plain.text, plain.tokens, plain.stop_reason,
        )  # fmt: skip
        assert drafted.logprobs == pytest.approx(plain.logprobs, abs=1e-3)
        assert plain.steps >= len(said) - 1
        if right == 6 and len(said) == 24:
            assert drafted.steps == 4  # one token, then 1 + 6 a step: 1, 8, 15, 22, 24
        # What was drafted in vain is forgotten: the next request starts from the text itself.
        again = engine.generate(Prompt(tokens=(*prompt, *said)), max_tokens=1)
        assert again.reused >= len(prompt) + len(said) - 1


def test_prompt_lookup_saves_steps_on_code_that_repeats():
    """The model that ships, in a table of assertions: most of a line stands in the lines above it.

    Its 8 bits round a draft of several tokens by one scale, so its text may differ; in float32, above, it
    does not.
    """
    lines = [f'    assert parse("{word}") == Node(kind="{word}", children=[])\n' for word in WORDS]
    prefix = "def test_parse():\n" + "".join(lines)
    engine = Engine.load(threads=1)
    hole = Hole(path="tests/test_parse.py", language="python", prefix=prefix, suffix="")
    prompt = render(hole, engine.tokenizer, engine.release.window * 3 // 4)
    drafted = engine.generate(prompt, max_tokens=60)
    plain = engine.generate(prompt, max_tokens=60, speculate=False)
    assert drafted.stop_reason == plain.stop_reason
    assert plain.steps == plain.tokens - 1
    assert drafted.steps <= plain.steps * 0.7


def test_sampling_draws_the_same_with_and_without_drafts(engine, rows):
    """One random number a token, in order, whoever proposed it."""
    for seed in range(12):
        prompt = Prompt(tokens=tuple(rows[0][seed * 9 : seed * 9 + 60]))
        ask = {"max_tokens": 40, "temperature": 0.3, "top_p": 0.9, "seed": seed}
        assert engine.generate(prompt, **ask).text == engine.generate(prompt, **ask, speculate=False).text


def test_nothing_is_drafted_beyond_the_window_or_the_limit(engine, rows, monkeypatch):
    longest = []
    step = engine._session.step

    def watched(new, *, rows=1):
        assert len(engine._session.tokens) + len(new) <= 320
        longest.append(rows)
        return step(new, rows=rows)

    monkeypatch.setattr(engine._session, "step", watched)
    text = rows[1][:12] * 26
    for length in range(300, 312):
        completion = engine.generate(Prompt(tokens=tuple(text[:length])), max_tokens=100)
        assert completion.tokens <= 320 - length
    longest.clear()
    engine.generate(Prompt(tokens=tuple(text[:200])), max_tokens=3)
    assert max(longest) <= 3


def test_sentinels_are_never_drafted(engine, tokenizer, monkeypatch):
    monkeypatch.setattr(
        PromptLookup, "propose", lambda self, most: [40, tokenizer.fim_middle, 41][: max(0, most)]
    )
    seen = []
    step = engine._session.step
    monkeypatch.setattr(
        engine._session, "step", lambda new, *, rows=1: (seen.append(list(new)), step(new, rows=rows))[1]
    )
    engine.generate(Prompt(tokens=tuple(range(30, 60))), max_tokens=12)
    assert any(40 in new for new in seen[1:])
    assert not any(tokenizer.fim_middle in new for new in seen)


def test_a_stop_within_a_draft_ends_there(engine, rows, reference, tokenizer, monkeypatch):
    prompt = tuple(rows[0][:50])
    said = list(reference.greedy(prompt, most=12))
    monkeypatch.setattr("model.serving.engine.PromptLookup", lambda t, n: Oracle(t, n, said=said, right=6))
    calls = []

    def stop(text: str) -> int | None:
        calls.append(text)
        return len(text) if len(calls) == 4 else None

    completion = engine.generate(Prompt(tokens=prompt), max_tokens=12, stop=stop)
    assert completion.stop_reason == "stop"
    assert len(calls) == 4
    assert len(engine._session.tokens) <= len(prompt) + completion.tokens


def test_any_sequence_of_edits_gives_what_a_fresh_engine_gives(release_folder, engine, tokenizer, source):
    """Typing, deleting, pasting, edits above and below, in two documents at once: the words of a cold run."""
    draw = random.Random(7)
    documents = {"a.py": (source[:400], source[420:600]), "pkg/b.py": (source[900:1200], "")}
    fresh = Engine.load(release_folder)
    reused = 0
    for _ in range(40):
        path = draw.choice(sorted(documents))
        before, behind = documents[path]
        kind = draw.choice(["type", "type", "type", "delete", "paste", "above", "below", "move"])
        at = draw.randrange(len(before) + 1)
        if kind == "type":
            before += draw.choice(["x", " ", "\n    ", "self.", "é", "return"])
        elif kind == "delete":
            before = before[: -draw.randint(1, 9)]
        elif kind == "paste":
            before += source[1500 + at : 1560 + at]
        elif kind == "above":
            before = before[:at] + "pass\n" + before[at:]
        elif kind == "below":
            behind = "\n" + behind
        else:
            before, behind = before[:at], before[at:] + behind
        documents[path] = (before, behind)
        hole = Hole(path=path, language="python", prefix=before, suffix=behind)
        prompt = render(hole, tokenizer, 240)
        warm = engine.generate(prompt, max_tokens=10)
        fresh._session._cache.current.tokens.clear()
        cold = fresh.generate(prompt, max_tokens=10, speculate=False)
        assert cold.reused == 0
        assert (warm.text, warm.tokens, warm.stop_reason) == (cold.text, cold.tokens, cold.stop_reason)
        reused += warm.reused
    assert reused > 2000
    assert engine._session.memories > 1
