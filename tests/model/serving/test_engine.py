"""The decoding loop against a naive one in torch, and every way in which a completion ends."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from model.errors import ModelError
from model.fim import Hole, Prompt, render
from model.serving.engine import Engine
from model.serving.release import default_folder
from model.serving.session import CHUNK


@pytest.fixture
def engine(release_folder) -> Engine:
    return Engine.load(release_folder)


@pytest.fixture(scope="module")
def talkative(release_folder, rows) -> tuple[int, ...]:
    """A prompt after which the network says twenty tokens and more before it ends."""
    engine = Engine.load(release_folder)
    for start in range(0, 200, 7):
        prompt = tuple(rows[0][start : start + 40])
        if engine.generate(Prompt(tokens=prompt), max_tokens=24).stop_reason == "length":
            return prompt
    raise AssertionError("no prompt found; change the seed")


@pytest.fixture(scope="module")
def terse(release_folder, rows, reference) -> tuple[tuple[int, ...], list[int]]:
    """A prompt after which the network ends by itself after a few tokens, and what it says."""
    engine = Engine.load(release_folder)
    for start in range(380):
        prompt = tuple(rows[0][start : start + 12])
        completion = engine.generate(Prompt(tokens=prompt), max_tokens=30)
        if completion.stop_reason == "end_of_text" and completion.tokens > 1:
            return prompt, list(reference.greedy(prompt, most=30))
    raise AssertionError("no prompt found; change the seed")


UNFINISHED = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")


def after(tokenizer, tokens, pending: str = "") -> str:
    """Text of the tokens beyond pending, without an unfinished character at its end."""
    data = tokenizer.decode_bytes(tokens)
    assert data.startswith(pending.encode())
    return UNFINISHED.sub(b"", data[len(pending.encode()) :]).decode("utf-8", errors="replace")


def test_after_forgetting_an_answer_does_not_depend_on_the_questions_before() -> None:
    """The release that ships rounds a chunk of a prompt by one scale: what is kept moves the chunks."""
    engine = Engine.load(default_folder())
    text = Path(__file__).read_text(encoding="utf-8")
    questions = [
        render(Hole(path="a.py", language="python", prefix=text[:end], suffix=""), engine.tokenizer, 400)
        for end in range(700, 2200, 150)
    ]

    def answers(order: Sequence[int]) -> dict[int, tuple[str, float]]:
        found = {}
        for number in order:
            engine.forget()
            completion = engine.generate(questions[number], max_tokens=24)
            found[number] = completion.text, completion.logprob
            assert completion.reused == 0
        return found

    numbers = range(len(questions))
    assert answers(numbers) == answers(list(reversed(numbers)))


@pytest.mark.parametrize("start", [0, 30, 60, 90, 120])
def test_greedy_completion_is_the_networks_own(engine, reference, tokenizer, rows, start):
    prompt = tuple(rows[0][start : start + 50])
    expected = list(reference.greedy(prompt, most=16))
    completion = engine.generate(Prompt(tokens=prompt), max_tokens=16)
    assert completion.text == after(tokenizer, expected)
    assert completion.tokens == len(expected)
    assert completion.stop_reason == ("length" if len(expected) == 16 else "end_of_text")
    assert (completion.prompt_tokens, completion.reused) == (50, 0)


@pytest.mark.parametrize(
    "pending", ["retu", "    ", "\n        ", "self.", "é", "名x", "zq", "def __in", "="]
)
def test_pending_text_is_spelled_by_the_best_fitting_tokens(engine, reference, tokenizer, rows, pending):
    """Token healing against the same rule, applied to every token of the vocabulary one by one."""
    prompt = tuple(rows[0][:45])
    expected = list(reference.greedy(prompt, pending.encode(), most=14))
    completion = engine.generate(Prompt(tokens=prompt, pending=pending), max_tokens=14)
    assert completion.tokens == len(expected)
    assert completion.text == after(tokenizer, expected, pending)


@pytest.mark.parametrize("pending", ["zqzq", "d", " "])
def test_logprob_is_that_of_what_the_model_added(engine, reference, rows, tokenizer, pending):
    """Tokens that only spell pending say nothing about how sure the model is; one that goes beyond it is
    judged among those that could have stood there, because what has been typed is no longer in doubt."""
    prompt = tuple(rows[0][:45])
    expected = list(reference.greedy(prompt, pending.encode(), most=6))
    row, left, logprobs = list(prompt), pending.encode(), []
    for token in expected:
        scores = reference.logits(row)[-1].astype(np.float64)
        if left:
            fits = [reference._fits(piece, left) for piece in tokenizer.token_bytes]
            scores = np.where(fits, scores, -np.inf)
        chances = np.exp(scores - scores.max())
        piece = tokenizer.token_bytes[token]
        if len(piece) > len(left):
            logprobs.append(np.log(chances[token] / chances.sum()))
        left = left[len(piece) :]
        row.append(token)
    assert logprobs
    assert (len(logprobs) < len(expected)) == (pending == "zqzq")  # the others cross the cursor at once
    completion = engine.generate(Prompt(tokens=prompt, pending=pending), max_tokens=6)
    assert completion.logprob == pytest.approx(np.mean(logprobs), abs=1e-3)


def test_typing_on_reuses_and_changes_nothing(release_folder, engine, tokenizer, source):
    """Keystroke after keystroke, then deletions, then an edit above: always what a fresh engine says."""
    edited = source[:300].replace("prompt", "question", 1)
    prefixes = [source[:end] for end in (300, 301, 304, 312, 305, 280)] + [edited, source[:300]]
    reused = []
    for prefix in prefixes:
        prompt = render(
            Hole(path="a.py", language="python", prefix=prefix, suffix="\n\nreturn x\n"), tokenizer, 256
        )
        warm = engine.generate(prompt, max_tokens=8)
        cold = Engine.load(release_folder).generate(prompt, max_tokens=8)
        assert cold.reused == 0
        assert (warm.text, warm.stop_reason, warm.tokens) == (cold.text, cold.stop_reason, cold.tokens)
        assert warm.logprob == pytest.approx(cold.logprob, abs=1e-3)
        reused.append(warm.reused)
    assert reused[0] == 0
    assert all(count > 60 for count in reused[1:6])


def test_decoded_tokens_are_remembered_too(engine, talkative, reference):
    """Accepting a completion leaves only its last token to run."""
    said = list(reference.greedy(talkative, most=8))
    engine.generate(Prompt(tokens=talkative), max_tokens=8)
    assert engine.generate(Prompt(tokens=(*talkative, *said)), max_tokens=1).reused == len(talkative) + 7


def test_sentinel_ends_the_text_and_is_no_part_of_it(engine, terse, tokenizer):
    prompt, said = terse
    completion = engine.generate(Prompt(tokens=prompt), max_tokens=40)
    assert completion.stop_reason == "end_of_text"
    assert completion.tokens == len(said)
    assert completion.text == after(tokenizer, said)


def test_length_ends_after_max_tokens(engine, talkative):
    completion = engine.generate(Prompt(tokens=talkative), max_tokens=5)
    assert (completion.stop_reason, completion.tokens) == ("length", 5)


def test_window_ends_the_completion(engine, reference, rows):
    """Prompt and completion share the window: its last token can be decoded, none beyond."""
    for length in range(316, 300, -1):
        prompt = tuple(rows[0][:length])
        if len(list(reference.greedy(prompt, most=320 - length))) == 320 - length:
            break
    completion = engine.generate(Prompt(tokens=prompt), max_tokens=100)
    assert (completion.stop_reason, completion.tokens) == ("length", 320 - length)


def test_prompt_without_room_is_refused(engine, rows):
    with pytest.raises(ModelError, match="320 tokens, but tiny reads at most 319"):
        engine.generate(Prompt(tokens=tuple(rows[0][:320])), max_tokens=1)
    assert engine.generate(Prompt(tokens=tuple(rows[0][:319])), max_tokens=5).tokens <= 1


def test_stop_rule_cuts_at_its_index_and_ends_decoding(engine, talkative):
    """What is decoded after the stop would be time a user waits for nothing."""
    whole = engine.generate(Prompt(tokens=talkative), max_tokens=20).text
    assert len(whole) > 12
    seen = []

    def stop(text: str) -> int | None:
        seen.append(text)
        return 7 if len(text) >= 10 else None

    completion = engine.generate(Prompt(tokens=talkative), max_tokens=20, stop=stop)
    assert completion.stop_reason == "stop"
    assert completion.text == whole[:7]
    assert [len(text) >= 10 for text in seen] == [False] * (len(seen) - 1) + [True]
    assert all(whole.startswith(text) and text for text in seen)
    assert completion.tokens < 20


def test_stop_rule_never_sees_pending_text(engine, rows):
    seen = []
    engine.generate(Prompt(tokens=tuple(rows[0][:45]), pending="zqzq"), max_tokens=10, stop=seen.append)
    assert seen
    assert not any(text.startswith("zq") for text in seen)


def test_stop_at_zero_gives_empty_text(engine, talkative):
    completion = engine.generate(Prompt(tokens=talkative), max_tokens=20, stop=lambda text: 0)
    assert (completion.text, completion.stop_reason) == ("", "stop")


@pytest.mark.parametrize("polls", [1, 2, 5])
def test_cancelled_request_returns_the_text_so_far(engine, talkative, reference, tokenizer, polls):
    answers = iter([False] * (polls - 1) + [True])
    completion = engine.generate(Prompt(tokens=talkative), max_tokens=20, cancelled=lambda: next(answers))
    assert completion.stop_reason == "cancelled"
    assert completion.tokens == polls - 1
    assert completion.text == after(tokenizer, list(reference.greedy(talkative, most=polls - 1)))


def test_prefill_can_be_called_off_between_chunks(engine, rows):
    """A long prompt is the longest wait of all; the chunk that ran is kept for the next request."""
    row = tuple(rows[0][:300])
    answers = iter([False, True])
    completion = engine.generate(Prompt(tokens=row), max_tokens=5, cancelled=lambda: next(answers))
    assert (completion.stop_reason, completion.text, completion.logprob) == ("cancelled", "", 0.0)
    again = engine.generate(Prompt(tokens=row), max_tokens=5)
    assert again.reused == CHUNK
    engine.generate(Prompt(tokens=(row[0], 99, 98)), max_tokens=1)
    assert engine.generate(Prompt(tokens=row), max_tokens=5).text == again.text


def test_deadline_that_has_passed_ends_before_any_work(engine, talkative):
    completion = engine.generate(Prompt(tokens=talkative), max_tokens=20, deadline=time.monotonic() - 1)
    assert (completion.stop_reason, completion.tokens) == ("deadline", 0)


def test_deadline_on_the_way_keeps_what_there_is(engine, talkative, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    completion = engine.generate(Prompt(tokens=talkative), max_tokens=20, deadline=4)
    assert (completion.stop_reason, completion.tokens) == ("deadline", 4)


def test_text_only_grows_and_never_ends_in_half_a_character(engine, rows):
    """A character of several bytes takes several tokens; until its last there is nothing to show."""
    held_back = 0
    for start in range(60):
        seen: list[str] = []
        completion = engine.generate(
            Prompt(tokens=tuple(rows[0][start : start + 20])),
            max_tokens=6,
            temperature=3.0,
            seed=start,
            stop=seen.append,
        )
        assert all(longer.startswith(text) and longer != text for text, longer in pairwise(seen))
        assert completion.text == (seen[-1] if seen else "")
        held_back += len(seen) < completion.tokens
    assert held_back  # else this showed nothing


def test_bytes_of_one_character_are_joined(engine, tokenizer, monkeypatch):
    """名 as three single-byte tokens: empty, empty, then the character."""
    pieces = [tokenizer.token_bytes.index(bytes([b])) for b in "a名".encode()] + [
        tokenizer.token_bytes.index(bytes([0xE5]))
    ]
    script = iter(pieces)

    def scripted(new, *, rows=1):
        logits = np.zeros((1, 600), np.float32)
        return logits, np.array([next(script)])

    monkeypatch.setattr(engine._session, "step", scripted)
    seen = []
    completion = engine.generate(Prompt(tokens=(5,)), max_tokens=5, stop=seen.append)
    assert seen == ["a", "a名"]
    assert (completion.text, completion.tokens) == ("a名", 5)


def test_same_seed_same_text(engine, talkative):
    prompt = Prompt(tokens=talkative)
    drawn = [engine.generate(prompt, max_tokens=12, temperature=1.5, seed=seed).text for seed in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1


def test_top_p_of_nothing_is_greedy(engine, talkative):
    """The narrowest nucleus holds the best token only, also while healing."""
    for pending in ("", "zq"):
        prompt = Prompt(tokens=talkative, pending=pending)
        greedy = engine.generate(prompt, max_tokens=12)
        narrow = engine.generate(prompt, max_tokens=12, temperature=1.0, top_p=0.0, seed=1)
        assert (narrow.text, narrow.tokens) == (greedy.text, greedy.tokens)
        assert narrow.logprob == pytest.approx(greedy.logprob, abs=1e-3)


def test_scores_are_the_networks_log_probabilities(engine, reference, rows):
    """Longer than a chunk, up to the whole window; in nats."""
    row = rows[0][:320]
    engine.generate(Prompt(tokens=tuple(row[:50])), max_tokens=3)  # leaves memory behind that must not matter
    logits = reference.logits(row)[:-1].astype(np.float64)
    expected = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
    expected -= logits.max(1, keepdims=True)
    scores = engine.score(row)
    assert scores.shape == (319,)
    np.testing.assert_allclose(scores, expected[np.arange(319), row[1:]], atol=2e-3)


def test_scoring_respects_the_window(engine, rows):
    with pytest.raises(ModelError, match="321 tokens cannot be scored"):
        engine.score(rows[0][:321])
    assert engine.score([5]).shape == (0,)


def test_second_request_at_once_is_refused(engine, talkative):
    """Two requests would write into one memory; and a failed request must not lock the engine for ever."""

    def ask_again(text: str) -> int | None:
        engine.generate(Prompt(tokens=talkative), max_tokens=1)
        return None

    with pytest.raises(AssertionError, match="one request at a time"):
        engine.generate(Prompt(tokens=talkative), max_tokens=3, stop=ask_again)
    assert engine.generate(Prompt(tokens=talkative), max_tokens=3).tokens == 3


def test_someone_who_asked_gets_text_where_the_network_would_end(engine, terse):
    """The prompt and what the network says after it: the next thing that it would write is the end."""
    prompt, said = terse
    place = Prompt(tokens=(*prompt, *said))
    assert engine.generate(place, max_tokens=5).text == ""
    assert engine.generate(place, max_tokens=5, may_be_empty=False).text.strip()


def test_reading_a_project_leaves_the_lines_worked_on_known(release_folder, monkeypatch):
    """A repository has more lines than are remembered; the document's own must not be encoded again."""
    monkeypatch.setattr("model.serving.encoder._LINES_KEPT", 4)
    engine = Engine.load(release_folder)
    engine.encoder.encode("worked = on\n")
    project = engine.new_project()
    project.add([("a.py", "".join(f"value_{number} = {number}\n" for number in range(20)))])
    encoded = []
    encode = engine.tokenizer.encode
    monkeypatch.setattr(engine.tokenizer, "encode", lambda text: (encoded.append(text), encode(text))[1])
    engine.encoder.encode("worked = on\n")
    assert encoded == []
    assert len(project.view.tokens) > 20
