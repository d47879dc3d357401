"""Several completions in the same steps are those that single requests would give."""

from __future__ import annotations

import time

import numpy as np
import pytest

from model.errors import ModelError
from model.fim import Prompt
from model.serving.engine import Engine
from model.serving.healing import Healer
from model.serving.sampling import log_probabilities


@pytest.fixture
def engine(release_folder) -> Engine:
    return Engine.load(release_folder, threads=1)


def alone(engine: Engine, tokens, first: int, pending: str, most: int) -> tuple[str, float]:
    """The completion that begins with `first`, from a request of its own."""
    piece = engine.tokenizer.token_bytes[first]
    left = pending.encode()
    rest = left[len(piece) :] if left else b""
    completion = engine.generate(
        Prompt(tokens=(*tokens, first), pending=rest.decode()), max_tokens=most, speculate=False
    )
    return piece[len(left) :].decode(errors="replace") + completion.text, completion.logprob


@pytest.mark.parametrize("start", [0, 60, 120])
def test_each_candidate_is_the_greedy_end_of_one_of_the_best_starts(engine, rows, reference, start):
    prompt = tuple(rows[0][start : start + 50])
    found = engine.candidates(Prompt(tokens=prompt), 4, max_tokens=9)
    best = np.argsort(-reference.logits(list(prompt))[-1], kind="stable")[:4]
    expected = set()
    for token in best:
        if engine.tokenizer.token_bytes[token]:
            expected.add(alone(engine, prompt, int(token), "", 8)[0])
        else:
            expected.add("")
    assert {completion.text for completion in found} == expected
    assert [c.logprob for c in found] == sorted((c.logprob for c in found), reverse=True)
    greedy = engine.generate(Prompt(tokens=prompt), max_tokens=9)
    assert greedy.text in {completion.text for completion in found}
    assert max(c.logprob for c in found if c.text == greedy.text) == pytest.approx(greedy.logprob, abs=1e-3)


@pytest.mark.parametrize("pending", ["d", "    ", "self."])
def test_candidates_spell_what_is_pending(engine, rows, pending):
    prompt = tuple(rows[0][:45])
    found = engine.candidates(Prompt(tokens=prompt, pending=pending), 3, max_tokens=8)
    greedy = engine.generate(Prompt(tokens=prompt, pending=pending), max_tokens=8)
    assert greedy.text in {completion.text for completion in found}
    assert len({completion.text for completion in found}) == len(found)


def test_the_session_goes_on_as_if_nothing_had_been(engine, rows, reference):
    """Branches write into copies: the prompt's own keys and values stay what they were."""
    prompt = tuple(rows[0][:60])
    engine.candidates(Prompt(tokens=prompt), 4, max_tokens=12)
    again = engine.generate(Prompt(tokens=(*prompt, 45, 46)), max_tokens=6)
    assert again.reused == 60
    fresh = Engine(engine.release, engine.tokenizer, Engine.load(engine.release.folder)._session)
    assert again.text == fresh.generate(Prompt(tokens=(*prompt, 45, 46)), max_tokens=6).text


def test_stop_rules_hold_for_each_candidate(engine, rows):
    found = engine.candidates(
        Prompt(tokens=tuple(rows[0][:50])), 4, max_tokens=30, stop=lambda text: 3 if len(text) >= 3 else None
    )
    assert all(len(completion.text) <= 3 for completion in found)
    assert len({completion.text for completion in found}) == len(found)


def test_candidates_can_be_called_off_and_run_out_of_time(engine, rows):
    prompt = Prompt(tokens=tuple(rows[0][:50]))
    answers = iter([False, False, False, True])
    cancelled = engine.candidates(prompt, 3, max_tokens=30, cancelled=lambda: next(answers))
    assert {c.stop_reason for c in cancelled} <= {"cancelled", "end_of_text"}
    assert all(c.tokens <= 3 for c in cancelled)
    late = engine.candidates(prompt, 3, max_tokens=30, deadline=time.monotonic() - 1)
    assert [(c.text, c.stop_reason) for c in late] == [("", "deadline")]


def test_one_candidate_is_the_greedy_completion(engine, rows):
    prompt = Prompt(tokens=tuple(rows[0][:50]))
    (only,) = engine.candidates(prompt, 1, max_tokens=10)
    greedy = engine.generate(prompt, max_tokens=10)
    assert (only.text, only.stop_reason, only.tokens) == (greedy.text, greedy.stop_reason, greedy.tokens)


def test_prompt_without_room_is_refused(engine, rows):
    with pytest.raises(ModelError, match="render it with a smaller budget"):
        engine.candidates(Prompt(tokens=tuple(rows[0][:320])), 2, max_tokens=1)
    assert engine.candidates(Prompt(tokens=tuple(rows[0][:319])), 2, max_tokens=9)


def test_first_tokens_obey_the_rule_against_empty_answers(engine, rows, tokenizer):
    for completion in engine.candidates(
        Prompt(tokens=tuple(rows[0][:50])), 5, max_tokens=6, may_be_empty=False
    ):
        assert completion.text.strip() or "\n" not in completion.text
    assert Healer(tokenizer.token_bytes).allowed(b"", may_be_empty=False).size > 5
    assert log_probabilities(np.zeros(4, np.float32)).shape == (4,)


def test_a_graph_of_one_continuation_gives_one(engine, rows, monkeypatch):
    """Exports of format 1 have a fixed batch."""
    monkeypatch.setattr(engine._session, "can_branch", False)
    prompt = Prompt(tokens=tuple(rows[0][:50]))
    (only,) = engine.candidates(prompt, 4, max_tokens=9)
    assert only.text == engine.generate(prompt, max_tokens=9).text
