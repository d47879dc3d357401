"""One completion's way through a memory: what is offered at each token, drafted, and named as copied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.fim import Hole, Snippet
from model.serving.encoder import LineEncoder
from model.serving.memory import Memory, Origin
from model.serving.mixture import Mixture
from model.serving.project import Project
from model.serving.recall import MOST_DRAFTED, Copied, Recall, runs
from model.tokenizer import MINIMUM_VOCABULARY, Tokenizer

LONG = 5  # tokens in common from which on a run is followed
MIXTURE = Mixture(place_length=0.3, place_distance=-1.1, place_open=0.4)


@pytest.fixture(scope="module")
def encoder() -> LineEncoder:
    """One token a byte."""
    return LineEncoder(Tokenizer.train(lambda: iter([""]), vocabulary=MINIMUM_VOCABULARY))


def remember(encoder: LineEncoder, above: str, below: str = "", opened: str = "") -> Memory:
    hole = Hole(path="a.py", language="python", prefix=above, suffix=below)
    return Memory(encoder, hole, files=[Snippet(path="o.py", text=opened)])


def letters(encoder: LineEncoder, tokens: list[int]) -> str:
    return encoder._tokenizer.decode(tokens)


ABC = st.text(st.sampled_from("abc"), max_size=40)


@given(above=ABC, below=ABC, opened=ABC, more=st.text(st.sampled_from("abc"), max_size=6))
def test_an_offer_is_the_softmax_of_the_places_by_token(encoder, above, below, opened, more):
    """Also after some tokens have been added: the context is then prefix and completion together."""
    memory = remember(encoder, above, below, opened)
    recall = Recall(memory, MIXTURE, len(more))
    for token in encoder.encode(more).tolist():
        before = recall.offer()
        if before is not None and before.length >= LONG:
            return  # a run is followed: see below
        recall.add(token)
    found = memory.find(encoder.encode(above + more)[-32:])
    offer = recall.offer()
    assert (offer is None) == (not len(found.places))
    if offer is None:
        return
    weights = np.exp(MIXTURE.weigh(found.lengths, found.layers, found.distances, found.behind))
    following = found.following.tolist()
    chances = {t: weights[found.following == t].sum() / weights.sum() for t in following}
    assert offer.tokens.tolist() == sorted(chances)
    np.testing.assert_allclose(offer.chances, [chances[t] for t in sorted(chances)])
    assert offer.chances.sum() == pytest.approx(1)
    assert offer.agreement == max(offer.chances)
    assert offer.length == found.lengths.max()
    assert offer.count == (found.lengths == offer.length).sum()
    for token, layer, place in zip(
        offer.tokens.tolist(), offer.layers.tolist(), offer.places.tolist(), strict=True
    ):
        # The place that stands for a token is its heaviest.
        index = np.flatnonzero((found.layers == layer) & (found.places == place))[0]
        assert following[index] == token
        assert weights[index] == pytest.approx(weights[found.following == token].max())


@given(
    above=ABC, below=ABC, opened=ABC, other=ABC, more=st.text(st.sampled_from("abc"), min_size=1, max_size=40)
)
@settings(max_examples=200)
def test_a_run_that_is_followed_stands_where_a_search_would_find_it(
    encoder, above, below, opened, other, more
):
    """Token for token: the places are real, as long as said, followed by what is said, and in their text."""
    hole = Hole(path="a.py", language="python", prefix=above, suffix=below)
    project = Project(encoder)
    project.add([("p.py", other)])
    memory = Memory(encoder, hole, files=[Snippet(path="o.py", text=opened)], project=project)
    recall = Recall(memory, MIXTURE, len(more))
    for number, token in enumerate(encoder.encode(more).tolist(), 1):
        recall.offer()
        recall.add(token)
        offer = recall.offer()
        found = memory.find(encoder.encode(above + more[:number])[-32:])
        if offer is None:
            assert not len(found.places)
            continue
        assert offer.chances.sum() == pytest.approx(1)
        columns = zip(found.layers.tolist(), found.places.tolist(), found.following.tolist(), strict=True)
        known = {(layer, place): following for layer, place, following in columns}
        for token_, layer, place in zip(
            offer.tokens.tolist(), offer.layers.tolist(), offer.places.tolist(), strict=True
        ):
            if layer < 2 or (layer, place) in known:  # of a project, a search finds some places
                assert known[layer, place] == token_
        assert offer.length <= found.lengths.max()


def test_where_a_long_run_is_left_there_is_a_search(encoder):
    """What is left of its places then is short, and all others as long as that count as much."""
    memory = remember(encoder, "cbbaaaa", "acba", opened="aaaaca")
    recall = Recall(memory, MIXTURE, 2)
    for number, letter in enumerate("cb", 1):
        recall.offer()
        recall.add(int(encoder.encode(letter)[0]))
        found = memory.find(encoder.encode("cbbaaaa" + "cb"[:number])[-32:])
        assert recall.offer().tokens.tolist() == sorted(set(found.following.tolist()))


def test_a_place_is_searched_once(encoder, monkeypatch):
    """An offer is asked for by the draft and by the writer."""
    memory = remember(encoder, "abcabc")
    asked = []
    find = memory.find
    monkeypatch.setattr(memory, "find", lambda context: (asked.append(1), find(context))[1])
    recall = Recall(memory, None, 2)
    for _ in range(3):
        recall.offer()
        recall.propose(4)
    assert len(asked) == 1
    recall.add(int(memory.context[0]))
    recall.offer()
    assert len(asked) == 2


def test_a_long_run_is_followed_and_not_searched_anew(encoder, monkeypatch):
    """Copying a line costs few searches; where it is left, there is one again."""
    line = "a_long_line = of_text(that, stands, there)\n"
    memory = remember(encoder, line + "b = value\n" + line[:2], opened="x = value_of(that)\n")
    asked, find = [], memory.find
    monkeypatch.setattr(memory, "find", lambda context: (asked.append(1), find(context))[1])
    recall = Recall(memory, MIXTURE, 100)
    for token in encoder.encode(line[2:-1]).tolist():
        offer = recall.offer()
        assert int(offer.tokens[offer.best]) == token
        recall.add(token)
    assert len(asked) <= 8
    assert recall.offer().length == 32
    before = len(asked)
    for token in encoder.encode(" = val").tolist():  # nothing like it followed there
        recall.add(token)
    assert letters(encoder, recall.propose(2)) == "ue"
    assert len(asked) == before + 1


def test_no_more_is_drafted_than_agrees_and_a_little(encoder):
    memory = remember(encoder, "name = value_of_the_thing\nxx me")
    recall = Recall(memory, None, 1)
    assert recall.offer().length == 2
    assert letters(encoder, recall.propose(100)) == " = "
    assert letters(encoder, recall.propose(2)) == " ="
    assert recall.propose(0) == []
    memory = remember(encoder, "a long line of text = value_of_the_thing\na long line of text")
    assert letters(encoder, Recall(memory, None, 1).propose(100)) == " = value"
    assert len(Recall(memory, None, 1).propose(100)) == MOST_DRAFTED


def test_drafts_end_with_their_text(encoder):
    memory = remember(encoder, "the end of", opened="the end of it")
    assert letters(encoder, Recall(memory, None, 1).propose(8)) == " it"


@pytest.mark.parametrize("above", ["", "a", "abc"])
def test_nothing_is_offered_where_nothing_stood(encoder, above):
    recall = Recall(remember(encoder, above), MIXTURE, 3)
    assert recall.offer() is None
    assert recall.propose(8) == []


def test_what_has_been_written_is_followed(encoder):
    """The context goes on from the prefix into the completion."""
    recall = Recall(remember(encoder, "first second\n"), MIXTURE, 20)
    for token in encoder.encode("first s").tolist():
        recall.add(token)
    assert letters(encoder, recall.propose(3)) == "eco"


def test_tokens_that_follow_one_another_are_one_run(encoder):
    memory = remember(encoder, "one\ntwo\n", "three\n", opened="four\nfive\n")
    at = 32  # the first place of the document
    opened = at + len("one\ntwo\n") + 1 + len("three\n") + 1
    taken = [
        (0, 1, 0, at),
        (1, 3, 0, at + 1),  # goes on
        (3, 4, 0, at + 4),  # elsewhere in the text
        (6, 7, 0, at + 5),  # behind what the model wrote
        (7, 8, 1, opened + 6),  # another layer
        (8, 9, 1, opened + 7),
    ]
    here, there = "a.py", "o.py"
    assert runs(taken, memory) == (
        Copied(start=0, end=3, origin=Origin(layer="file", path=here, line=1)),
        Copied(start=3, end=4, origin=Origin(layer="file", path=here, line=2)),
        Copied(start=6, end=7, origin=Origin(layer="file", path=here, line=2)),
        Copied(start=7, end=9, origin=Origin(layer="open", path=there, line=2)),
    )
    assert runs([], memory) == ()
