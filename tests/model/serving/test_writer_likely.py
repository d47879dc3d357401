"""How far a completion goes on: behind its first line only while all of it together is likely."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.fim import Hole, render
from model.serving.engine import Engine
from model.serving.healing import Healer
from model.serving.writer import Rules, Writer
from model.tokenizer import MINIMUM_VOCABULARY, Tokenizer

BYTES = Tokenizer.train(lambda: iter([""]), vocabulary=MINIMUM_VOCABULARY)  # one token a byte
HEALER = Healer(BYTES.token_bytes)
CHARACTERS = st.lists(st.tuples(st.sampled_from("ab \n"), st.floats(-3.0, 0.0)), min_size=1, max_size=30)


def write(said: list[tuple[str, float]], likely: float) -> tuple[Writer, str | None]:
    writer = Writer(HEALER, b"", Rules(limit=1000, likely=likely))
    for character, logprob in said:
        (token,) = BYTES.encode(character)
        reason = writer.take(token, logprob)
        if reason is not None:
            return writer, reason
    return writer, None


def kept(said: list[tuple[str, float]], likely: float) -> str:
    """As `Engine.generate` says: the first line, then each whole line that is likely enough."""
    text = "".join(character for character, _ in said)
    visible = len(text) - len(text.lstrip())
    ends = [at for at, character in enumerate(text) if character == "\n" and at > visible]
    total = 0.0
    for at, (_, logprob) in enumerate(said):
        total += logprob
        if likely > 0 and total < math.log(likely) and ends and at >= ends[0]:
            return text[: max(end for end in ends if end < at or end == ends[0])]
    return text


@example([("a", -0.1), ("\n", -0.1), ("b", -3.0), ("\n", 0.0)], 0.5)
@example([("\n", -0.1), ("a", -3.0), ("\n", -0.1), ("b", 0.0)], 0.5)
@given(CHARACTERS, st.sampled_from([0.0, 0.001, 0.1, 0.5, 1.0]))
def test_it_ends_behind_the_last_line_with_which_it_is_likely(
    said: list[tuple[str, float]], likely: float
) -> None:
    writer, reason = write(said, likely)
    expected = kept(said, likely)
    assert writer.text == expected
    assert (reason == "stop") == (expected != "".join(character for character, _ in said))


@given(CHARACTERS)
def test_each_line_is_told_with_how_likely_all_up_to_its_end_is(said: list[tuple[str, float]]) -> None:
    writer, _ = write(said, 0.0)
    text = writer.text
    expected = []
    for end in [*(at for at, character in enumerate(text) if character == "\n"), len(text)]:
        if text[:end].strip():
            expected.append(math.exp(sum(logprob for _, logprob in said[: end + 1])))
    assert writer.chances() == pytest.approx(tuple(expected))


def test_the_model_writes_the_same_lines_and_fewer(source: str) -> None:
    """The model that ships: every limit gives a beginning of what no limit gives, by whole lines."""
    engine = Engine.load(threads=1)
    prefix = source[: source.index("\n    def ", 3000)] + "\n    def "
    hole = Hole(path="a.py", language="python", prefix=prefix, suffix="")
    prompt = render(hole, engine.tokenizer, engine.release.window * 3 // 4)
    whole = engine.generate(prompt, max_tokens=60)
    assert whole.text.count("\n") >= 2
    assert len(whole.chances) == len(whole.text.lstrip("\n").split("\n"))
    lengths = []
    for likely in (1e-9, 1e-3, 0.05, 0.9):
        less = engine.generate(prompt, max_tokens=60, likely=likely)
        assert whole.text.startswith(less.text)
        assert less.text == whole.text or whole.text[len(less.text)] == "\n"
        assert all(chance >= likely * 0.9 for chance in less.chances[1:])
        lengths.append(len(less.text))
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < lengths[0]
