"""Model and memory together: the mixture, what it writes, and what of it is said to be copied."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.fim import Hole, Prompt, Snippet, render
from model.serving.encoder import LineEncoder
from model.serving.engine import Engine
from model.serving.healing import Healer
from model.serving.memory import Memory, Origin
from model.serving.mixture import Mixture
from model.serving.project import Project
from model.serving.recall import Copied, Recall
from model.serving.sampling import choose, log_probabilities
from model.serving.writer import Rules, Writer
from model.tokenizer import MINIMUM_VOCABULARY, Tokenizer

NEVER, ALWAYS = Mixture(share=-50.0), Mixture(share=20.0)
EVEN = Mixture(share=-1.0, share_same=0.7, share_certainty=0.3, place_distance=-1.0)
TEXT = st.text(st.sampled_from("abc\n"), max_size=40)


@pytest.fixture(scope="module")
def encoder() -> LineEncoder:
    """One token a byte."""
    return LineEncoder(Tokenizer.train(lambda: iter([""]), vocabulary=MINIMUM_VOCABULARY))


@pytest.fixture(scope="module")
def healer(encoder) -> Healer:
    return Healer(encoder._tokenizer.token_bytes)


def remember(
    encoder: LineEncoder, above: str, below: str = "", opened: str = "", pending: str = ""
) -> Memory:
    hole = Hole(path="a.py", language="python", prefix=above + pending, suffix=below)
    return Memory(encoder, hole, pending=pending, files=[Snippet(path="o.py", text=opened)])


def mixed(logits: np.ndarray, memory: Memory, mixture: Mixture) -> np.ndarray:
    """The chances of all tokens (V,), by the formula in mixture.py."""
    by_model = np.exp(logits.astype(np.float64) - logits.max())
    by_model /= by_model.sum()
    found = memory.find(memory.context)
    if not len(found.places):
        return by_model
    weights = np.exp(mixture.weigh(found.lengths, found.layers, found.distances, found.behind))
    weights /= weights.sum()
    by_memory = np.zeros(len(logits))
    np.add.at(by_memory, found.following, weights)
    top = int(by_memory.argmax())
    standing = np.flatnonzero(found.following == top)
    standing = standing[weights[standing].argmax()]
    share = mixture.share_of(
        length=found.lengths.max(),
        count=(found.lengths == found.lengths.max()).sum(),
        behind=found.behind[standing],
        agreement=by_memory[top],
        certainty=math.log(by_model.max()),
        same=float(by_model.argmax() == top),
        layer=found.layers[standing],
    )
    return (1 - share) * by_model + share * by_memory


@given(
    above=TEXT,
    below=TEXT,
    opened=TEXT,
    pending=st.sampled_from(["", "a", "bc"]),
    mixture=st.sampled_from([NEVER, EVEN, Mixture(), ALWAYS]),
    seed=st.integers(0, 999),
    scale=st.sampled_from([0.5, 3.0]),
)
@settings(max_examples=200)
def test_the_best_of_the_mixture_is_picked(
    encoder, healer, above, below, opened, pending, mixture, seed, scale
):
    """Over the whole vocabulary, with and without half-typed text to spell first."""
    memory = remember(encoder, above, below, opened, pending)
    logits = (np.random.default_rng(seed).normal(size=MINIMUM_VOCABULARY) * scale).astype(np.float32)
    recall = Recall(memory, mixture, 1)
    writer = Writer(healer, pending.encode(), Rules(limit=1), None, recall)
    token, logprob = writer.pick(logits, int(logits.argmax()))
    chances = mixed(logits, memory, mixture)
    if pending:
        allowed = np.isin(np.arange(len(chances)), healer.allowed(pending.encode()))
        chances = np.where(allowed, chances, 0) / chances[allowed].sum()
    assert chances[token] == pytest.approx(chances.max(), rel=1e-5)
    if recall.offer() is not None or pending:
        assert logprob == pytest.approx(math.log(chances[token]), abs=1e-4)


@given(above=TEXT, opened=TEXT, pending=st.sampled_from(["", "a"]), seed=st.integers(0, 999))
@settings(max_examples=50)
def test_a_distribution_is_the_whole_mixture(encoder, healer, above, opened, pending, seed):
    """From which several different completions begin."""
    memory = remember(encoder, above, "", opened, pending)
    logits = np.random.default_rng(seed).normal(size=MINIMUM_VOCABULARY).astype(np.float32)
    writer = Writer(healer, pending.encode(), Rules(limit=1), None, Recall(memory, EVEN, 1))
    ids, logprobs = writer.distribution(logits)
    assert ids.tolist() == (healer.allowed(b"a").tolist() if pending else list(range(MINIMUM_VOCABULARY)))
    expected = mixed(logits, memory, EVEN)[ids]
    np.testing.assert_allclose(np.exp(logprobs), expected / expected.sum(), rtol=1e-5)


@given(above=TEXT, opened=TEXT, seed=st.integers(0, 999), temperature=st.sampled_from([0.3, 1.0, 2.0]))
def test_what_is_drawn_is_drawn_of_the_mixture(encoder, healer, above, opened, seed, temperature):
    memory = remember(encoder, above, "", opened)
    logits = np.random.default_rng(seed).normal(size=MINIMUM_VOCABULARY).astype(np.float32)
    rules = Rules(limit=1, temperature=temperature, top_p=0.9)
    writer = Writer(healer, b"", rules, np.random.default_rng(seed), Recall(memory, EVEN, 1))
    token, logprob = writer.pick(logits, int(logits.argmax()))
    scores = np.log(mixed(logits, memory, EVEN))
    expected = choose(scores, temperature=temperature, top_p=0.9, random=np.random.default_rng(seed))
    assert token == expected
    assert logprob == pytest.approx(scores[token], abs=1e-4)


@given(above=TEXT, opened=TEXT, seed=st.integers(0, 99))
def test_no_sentinel_comes_before_visible_text_for_someone_who_asked(encoder, healer, above, opened, seed):
    logits = np.random.default_rng(seed).normal(size=MINIMUM_VOCABULARY).astype(np.float32)
    logits[encoder.separator] += 20
    recall = Recall(remember(encoder, above, "", opened), ALWAYS, 1)
    writer = Writer(healer, b"", Rules(limit=1, may_be_empty=False), None, recall)
    token, _ = writer.pick(logits, int(logits.argmax()))
    assert healer.piece(token) not in (b"", b"\n")


def write(writer: Writer, logits: np.ndarray, most: int) -> None:
    for _ in range(most):
        if writer.take(*writer.pick(logits, int(logits.argmax()))) is not None:
            return


def test_a_run_names_its_characters_and_their_line(encoder, healer):
    """`copied` speaks of characters, also where one is of several bytes and where text was pending."""
    memory = remember(encoder, "x\n", opened="# head\nétat = première\n", pending="éta")
    recall = Recall(memory, ALWAYS, 50)
    for token in encoder.encode("# head\n").tolist():
        recall._context = np.append(recall._context, recall._context[:1])
        recall.add(token)
    writer = Writer(healer, "éta".encode(), Rules(limit=18), None, recall)
    logits = np.zeros(MINIMUM_VOCABULARY, np.float32)
    write(writer, logits, 18)
    assert writer.text == "t = première\n"[: len(writer.text)]
    assert writer.copied() == (
        Copied(start=0, end=len(writer.text), origin=Origin(layer="open", path="o.py", line=2)),
    )


def test_a_run_ends_where_the_text_was_cut(encoder, healer):
    memory = remember(encoder, "name = value\nname = ")
    rules = Rules(limit=9, stop=lambda text: 3 if len(text) > 4 else None)
    writer = Writer(healer, b"", rules, None, Recall(memory, ALWAYS, 9))
    write(writer, np.zeros(MINIMUM_VOCABULARY, np.float32), 9)
    assert writer.text == "val"
    assert [(run.start, run.end) for run in writer.copied()] == [(0, 3)]


def test_what_the_model_would_say_itself_is_not_called_copied(encoder, healer):
    """A token counts as copied when the memory's part of its chance is the larger one."""
    memory = remember(encoder, "name = value\nname = ")
    logits = np.zeros(MINIMUM_VOCABULARY, np.float32)
    logits[int(encoder.encode("v")[0])] = 20
    for mixture, copied in ((Mixture(share=-9.0, share_agreement=0.0), 0), (ALWAYS, 1)):
        writer = Writer(healer, b"", Rules(limit=1), None, Recall(memory, mixture, 1))
        write(writer, logits, 1)
        assert writer.text == "v"
        assert len(writer.copied()) == copied


def test_a_run_holds_characters(encoder, healer):
    """Spelling what is pending copies nothing that a person would see."""
    memory = remember(encoder, "xxabc", opened="xxabcd", pending="d")
    writer = Writer(healer, b"d", Rules(limit=2), None, Recall(memory, ALWAYS, 2))
    logits = np.zeros(MINIMUM_VOCABULARY, np.float32)
    logits[int(encoder.encode("e")[0])] = 5
    write(writer, logits, 2)  # the second is the model's own: nothing follows in o.py
    assert writer.text == "e"
    assert all(run.start < run.end for run in writer.copied())


def test_a_writer_without_memory_has_copied_nothing(healer):
    assert Writer(healer, b"", Rules(limit=1)).copied() == ()


# From here on with a network.


@pytest.fixture
def engine(release_folder) -> Engine:
    return Engine.load(release_folder)


@pytest.fixture(scope="module")
def places(source) -> list[Hole]:
    """Holes in real code, at line beginnings, within words and behind line ends."""
    return [
        Hole(
            path="pkg/a.py",
            language="python",
            prefix=source[at - 500 : at],
            suffix=source[at + 60 : at + 300],
        )
        for at in range(700, 3600, 487)
    ]


def asked(engine: Engine, hole: Hole, source: str) -> tuple[Prompt, Memory]:
    prompt = render(hole, engine.tokenizer, 200)
    project = Project(engine.encoder)
    project.add([("pkg/b.py", source[3000:6000]), ("pkg/a.py", source)])
    files = [Snippet(path="pkg/c.py", text=source[400:2500])]
    return prompt, Memory(engine.encoder, hole, pending=prompt.pending, files=files, project=project)


def fitted(engine: Engine, mixture: Mixture | None) -> Engine:
    engine.release = replace(engine.release, memory=mixture)
    return engine


def test_a_memory_without_numbers_only_drafts(engine, places, monkeypatch):
    """The text is the model's own, whether a draft is right to its end, half of it or not at all."""
    assert engine.release.memory is None
    drafted = []
    propose = Recall.propose
    monkeypatch.setattr(
        Recall, "propose", lambda self, most: (drafted.append(found := propose(self, most)), found)[1]
    )
    steps = saved = 0
    for hole in places:
        prompt = render(hole, engine.tokenizer, 200)
        alone = engine.generate(prompt, max_tokens=20, speculate=False)
        half = len(alone.text) // 2
        for said in (alone.text, alone.text[:half] + " something else\n"):
            # A document in which the model's own words stand already.
            files = [Snippet(path="said.py", text=hole.prefix[-80:] + said)]
            memory = Memory(engine.encoder, hole, pending=prompt.pending, files=files)
            both = engine.generate(prompt, max_tokens=20, memory=memory)
            assert (both.text, both.tokens, both.stop_reason) == (
                alone.text, alone.tokens, alone.stop_reason,
            )  # fmt: skip
            assert both.copied == ()
            steps, saved = steps + alone.steps, saved + alone.steps - both.steps
    assert sum(map(bool, drafted)) > 10  # else this showed nothing
    assert saved > steps * 0.1


@pytest.mark.parametrize("mixture", [EVEN, Mixture(share=1.0), ALWAYS])
def test_drafts_change_neither_the_mixtures_text_nor_its_sources(engine, places, source, mixture):
    fitted(engine, mixture)
    copied = 0
    for hole in places:
        prompt, memory = asked(engine, hole, source)
        plain = engine.generate(prompt, max_tokens=20, memory=memory, speculate=False)
        drafted = engine.generate(prompt, max_tokens=20, memory=memory)
        assert (drafted.text, drafted.tokens, drafted.stop_reason, drafted.copied) == (
            plain.text, plain.tokens, plain.stop_reason, plain.copied,
        )  # fmt: skip
        assert drafted.logprobs == pytest.approx(plain.logprobs, abs=1e-3)
        copied += len(plain.copied)
    assert copied


def test_sampling_draws_the_same_with_and_without_drafts(engine, places, source):
    fitted(engine, EVEN)
    for seed, hole in enumerate(places):
        prompt, memory = asked(engine, hole, source)
        ask = {"max_tokens": 20, "temperature": 0.5, "top_p": 0.9, "seed": seed, "memory": memory}
        assert engine.generate(prompt, **ask).text == engine.generate(prompt, **ask, speculate=False).text


def test_a_memory_without_a_share_changes_nothing(engine, places, source):
    fitted(engine, NEVER)
    for hole in places:
        prompt, memory = asked(engine, hole, source)
        alone = engine.generate(prompt, max_tokens=20)
        both = engine.generate(prompt, max_tokens=20, memory=memory)
        assert (both.text, both.stop_reason, both.copied) == (alone.text, alone.stop_reason, ())
        assert both.logprobs == pytest.approx(alone.logprobs, abs=1e-3)


def test_a_memory_with_the_whole_share_copies(engine):
    """What any model says, a line that stood there is written again, and its origin named."""
    fitted(engine, ALWAYS)
    prefix = "import os\n\nresult = compute(first, second)\nprint(result)\nresult = comp"
    hole = Hole(path="a.py", language="python", prefix=prefix, suffix="")
    prompt = render(hole, engine.tokenizer, 200)
    memory = Memory(engine.encoder, hole, pending=prompt.pending)
    both = engine.generate(prompt, max_tokens=40, memory=memory, stop=lambda text: _line_end(text))
    assert both.text == "ute(first, second)"
    assert both.copied == (Copied(start=0, end=18, origin=Origin(layer="file", path="a.py", line=3)),)
    copy = engine.copy(prompt, memory, max_tokens=40, stop=lambda text: _line_end(text))
    assert (copy.text, copy.copied, copy.stop_reason) == (both.text, both.copied, "stop")


def test_candidates_begin_with_the_mixtures_best_tokens(engine, places, source):
    """One of them is what `generate` writes, to its sources' last character."""
    fitted(engine, EVEN)
    for hole in places[:3]:
        prompt, memory = asked(engine, hole, source)
        one = engine.generate(prompt, max_tokens=8, memory=memory)
        several = engine.candidates(prompt, 3, max_tokens=8, memory=memory)
        assert one.text in [completion.text for completion in several]
        assert len({completion.text for completion in several}) == len(several)


def test_candidates_name_their_sources_from_the_first_token_on(engine):
    fitted(engine, ALWAYS)
    prefix = "alpha = compute(beta)\nalpha ="
    hole = Hole(path="a.py", language="python", prefix=prefix, suffix="")
    prompt, memory = Prompt(tokens=tuple(engine.tokenizer.encode(prefix))), Memory(engine.encoder, hole)
    one = engine.generate(prompt, max_tokens=8, memory=memory)
    several = engine.candidates(prompt, 2, max_tokens=8, memory=memory)
    assert one.copied
    assert one.copied in [completion.copied for completion in several]


def _line_end(text: str) -> int | None:
    return text.index("\n") if "\n" in text else None


def test_a_copy_takes_no_step(engine, places, source, monkeypatch):
    """With a mixture and without; it ends at its limit, its stop, or where nothing like it ever stood."""
    monkeypatch.setattr(engine._session, "step", None)
    monkeypatch.setattr(engine._session, "reuse", None)
    reasons = set()
    for mixture in (None, EVEN):
        fitted(engine, mixture)
        for hole in places:
            prompt, memory = asked(engine, hole, source)
            copy = engine.copy(prompt, memory, max_tokens=6)
            assert (copy.steps, copy.reused) == (0, 0)
            assert copy.tokens <= 6
            assert all(logprob <= 0 for logprob in copy.logprobs)
            # A part of one source text each: nothing is made up.
            assert all(copy.text[run.start : run.end] in source for run in copy.copied)
            assert "".join(copy.text[run.start : run.end] for run in copy.copied) == copy.text
            reasons.add(copy.stop_reason)
    assert reasons == {"length", "end_of_text"}


def test_a_copy_of_nothing_is_empty(engine):
    hole = Hole(path="a.py", language="python", prefix="unique", suffix="")
    prompt = render(hole, engine.tokenizer, 100)
    copy = engine.copy(prompt, Memory(engine.encoder, hole, pending=prompt.pending), max_tokens=5)
    assert (copy.text, copy.tokens, copy.stop_reason, copy.copied) == ("", 0, "end_of_text", ())


@pytest.mark.parametrize("first", [1, 2, 127, 128, 129, 200, 299])
def test_predictions_are_scores_of_every_token(engine, rows, first, monkeypatch):
    """Chunk borders included: a row too early or late would be the prediction of another token."""
    row = rows[0][:300]
    expected = engine.score(row)[first - 1 :]
    predicted = engine.predictions(row, first)
    assert predicted.shape == (300 - first, engine.tokenizer.size)
    np.testing.assert_allclose(predicted[np.arange(300 - first), row[first:]], expected, atol=1e-3)
    np.testing.assert_allclose(log_probabilities(predicted), predicted, atol=1e-6)
