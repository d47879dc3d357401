"""What a memory finds around a hole: in which layers, how far, and from which line of which file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.fim import Hole, Snippet, render
from model.serving import memory as memory_module
from model.serving.encoder import LineEncoder
from model.serving.memory import LAYERS, Memory, Origin
from model.serving.project import Project
from model.serving.suffix_array import CONTEXT
from model.tokenizer import MINIMUM_VOCABULARY, Tokenizer

HERE = "pkg/here.py"
TEXT = st.text(st.sampled_from("ab\n"), max_size=30)


@pytest.fixture(scope="module")
def encoder() -> LineEncoder:
    """One token a byte."""
    return LineEncoder(Tokenizer.train(lambda: iter([""]), vocabulary=MINIMUM_VOCABULARY))


def hole(prefix: str, suffix: str = "", path: str = HERE) -> Hole:
    return Hole(path=path, language="python", prefix=prefix, suffix=suffix)


def projected(encoder: LineEncoder, files: dict[str, str]) -> Project:
    project = Project(encoder)
    project.add(files.items())
    return project


def longest(memory: Memory) -> tuple[int, int]:
    """Layer and place of the longest context found."""
    found = memory.find(memory.context)
    index = int(found.lengths.argmax())
    return int(found.layers[index]), int(found.places[index])


def alike(before: list[int], context: list[int]) -> int:
    most = min(len(before), len(context), CONTEXT)
    return next((n for n in range(most) if before[-1 - n] != context[-1 - n]), most)


NEEDLE = "top\nmiddle\nneedle = 42\nend\n"


@pytest.mark.parametrize(
    ("layer", "given_", "origin"),
    [
        ("file", {"above": NEEDLE}, Origin(layer="file", path=HERE, line=3)),
        # The cursor's line is the second, and the suffix begins on it.
        ("file", {"below": "\n" + NEEDLE}, Origin(layer="file", path=HERE, line=5)),
        ("open", {"open": NEEDLE}, Origin(layer="open", path="open.py", line=3)),
        ("project", {"project": NEEDLE}, Origin(layer="project", path="lib/far.py", line=3)),
    ],
)
def test_what_followed_is_found_in_every_layer(encoder, layer, given_, origin):
    """Also between other texts; and not where its layer is switched off."""
    prefix = given_.get("above", "first line\n") + "needle = "
    place = hole(prefix, given_.get("below", "\n"))
    files = [Snippet(path="x.py", text="x\n"), Snippet(path="open.py", text=given_.get("open", ""))]
    project = projected(encoder, {"lib/y.py": "y\ny\n", "lib/far.py": given_.get("project", "")})
    memory = Memory(encoder, place, files=files, project=project)
    found = longest(memory)
    assert encoder._tokenizer.decode(memory.after(*found, 3)) == "42\n"
    assert memory.origin(*found) == origin

    only = Memory(encoder, place, files=files, project=project, layers=[layer])
    assert only.origin(*longest(only)) == origin
    without = [name for name in LAYERS if name != layer]
    lengths = (
        Memory(encoder, place, files=files, project=project, layers=without).find(memory.context).lengths
    )
    assert max(lengths.tolist(), default=0) < len("needle = ")


@given(
    above=TEXT,
    below=TEXT,
    opened=st.lists(TEXT, max_size=2),
    others=st.lists(TEXT, max_size=2),
    layers=st.sets(st.sampled_from(LAYERS)),
)
@settings(max_examples=200)
def test_found_is_what_comparing_every_place_finds(encoder, above, below, opened, others, layers):
    files = [Snippet(path=f"open{n}.py", text=text) for n, text in enumerate(opened)]
    project = projected(encoder, {f"lib{n}.py": text for n, text in enumerate(others)})
    memory = Memory(encoder, hole(above, below), files=files, project=project, layers=sorted(layers))
    texts = [(0, above), (0, below), *((1, text) for text in opened), *((2, text) for text in others)]
    context = encoder.encode(above).tolist()
    expected = sorted(
        (layer, length, tokens[place])
        for layer, text in texts
        if LAYERS[layer] in layers
        for tokens in [encoder.encode(text).tolist()]
        for place in range(len(tokens))
        if (length := alike(tokens[:place], context)) >= 2
    )
    found = memory.find(memory.context)
    # Of a repository some places are enough, so of these only the longest are compared.
    seen = sorted(zip(found.layers.tolist(), found.lengths.tolist(), found.following.tolist(), strict=True))
    assert [one for one in seen if one[0] < 2] == [one for one in expected if one[0] < 2]
    assert (
        max((one for one in seen if one[0] == 2), default=(2, 0))[:2]
        == (max((one for one in expected if one[0] == 2), default=(2, 0))[:2])
    )
    for layer, place, token in zip(
        found.layers.tolist(), found.places.tolist(), found.following.tolist(), strict=True
    ):
        rest = memory.after(layer, place, 1000)
        assert rest[0] == token
        assert memory.after(layer, place, 2) == rest[:2]
        # To the end of its text and no further.
        assert any(text.endswith(encoder._tokenizer.decode(rest)) for where, text in texts if where == layer)
        assert encoder.separator not in rest


def test_the_documents_own_older_self_is_not_searched(encoder):
    """The file on disk says what the document said before it was edited."""
    old = "needle = 42\n"
    project = projected(encoder, {HERE: old, "open.py": old, "x.py": "x\n"})
    files = [Snippet(path=HERE, text=old), Snippet(path="open.py", text="needle in a new version\n")]
    memory = Memory(encoder, hole("needle = "), files=files, project=project)
    assert not len(memory.find(memory.context).places)
    alone = projected(encoder, {HERE: old})
    assert not len(Memory(encoder, hole("needle = "), project=alone).find(memory.context).places)


def test_lines_far_down_a_long_file_are_counted_from_its_first(encoder):
    """What is beyond the searched part still counts as lines."""
    filler = "".join(f"number_{n} = {n}\n" for n in range(7000))
    above = filler + "needle = 42\n" + "pass\n" * 10
    assert len(above) > 120_000
    memory = Memory(encoder, hole(above + "needle = "))
    assert memory.origin(*longest(memory)) == Origin(layer="file", path=HERE, line=7001)
    assert memory.tokens < 61_000
    below = Memory(encoder, hole(above + "other = ", "\nx\nother = 7\n"))
    assert below.origin(*longest(below)).line == 7014


@pytest.mark.parametrize("prefix", ["", "a", "\n"])
def test_a_context_of_less_than_two_tokens_is_found_nowhere(encoder, prefix):
    project = projected(encoder, {"a.py": "aaaa\n\n\n"})
    memory = Memory(encoder, hole(prefix, "aaaa\n\n\n"), project=project)
    assert not len(memory.find(memory.context).places)
    assert memory.find(encoder.encode("aa")).lengths.max() == 2


@pytest.mark.parametrize("layers", [(), ("file",), ("open",), ("project",), LAYERS])
def test_nothing_at_all_to_search_is_no_error(encoder, layers):
    memory = Memory(encoder, hole(""), project=Project(encoder), layers=layers)
    assert not len(memory.find(memory.context).places)
    assert not len(memory.find(encoder.encode("abc")).places)


def test_the_place_itself_is_not_found(encoder):
    """The context stands before the cursor, and nothing follows it there."""
    memory = Memory(encoder, hole("unique text", "\n"))
    assert not len(memory.find(memory.context).places)


def test_pending_text_is_no_part_of_the_context(tokenizer):
    """It is spelled again, so it would stand there twice."""
    encoder = LineEncoder(tokenizer)
    place = hole("other = compute(first)\nother = comp", "\n")
    prompt = render(place, tokenizer, 100)
    assert prompt.pending
    memory = Memory(encoder, place, pending=prompt.pending)
    assert tokenizer.decode(memory.context.tolist()) == place.prefix.removesuffix(prompt.pending)
    layer, at = longest(memory)
    assert tokenizer.decode(memory.after(layer, at, 8)).startswith(" compute(")


def test_lines_below_are_counted_with_the_pending_line_end(tokenizer):
    """Behind `f():` the line end belongs to the last token, so it is pending."""
    encoder = LineEncoder(tokenizer)
    place = hole("import x\n\ndef f():\n", "    alpha, beta = gamma(delta)\n")
    prompt = render(place, tokenizer, 100)
    assert "\n" in prompt.pending
    memory = Memory(encoder, place, pending=prompt.pending)
    found = memory.find(encoder.encode("    alpha, beta"))
    assert memory.origin(0, int(found.places[found.lengths.argmax()])).line == 4


@given(
    above=st.text(st.sampled_from("ab"), min_size=2, max_size=80),
    opened=st.text(st.sampled_from("ab"), max_size=80),
)
def test_a_crowd_of_places_is_thinned_to_the_longest_then_the_nearest(encoder, above, opened):
    files = [Snippet(path="open.py", text=opened)]
    whole = Memory(encoder, hole(above), files=files)
    everything = whole.find(whole.context)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory_module, "MOST_PLACES", 4)
        thinned = whole.find(whole.context)
    for layer in (0, 1):
        few, all_ = thinned.layers == layer, everything.layers == layer
        assert few.sum() <= 4
        assert max(thinned.lengths[few], default=0) == max(everything.lengths[all_], default=0)
        if layer == 0 and few.any():
            # The nearest of the longest is kept.
            best = max(everything.lengths[all_])
            longest_all = everything.distances[all_ & (everything.lengths == best)].min()
            assert longest_all == thinned.distances[few & (thinned.lengths == best)].min()


def test_of_equally_long_ones_the_nearest_are_kept(encoder, monkeypatch):
    monkeypatch.setattr(memory_module, "MOST_PLACES", 4)
    memory = Memory(encoder, hole("".join(f" ab{n}" for n in range(6)) + "#ab", " ab6 ab7 ab8"))
    kept = memory.find(memory.context).following.tolist()
    assert sorted(encoder._tokenizer.decode([token]) for token in kept) == ["4", "5", "6", "7"]


def test_distances_are_tokens_to_the_cursor(encoder):
    memory = Memory(encoder, hole("ab1 ab2 ab", " ab3"), files=[Snippet(path="o.py", text="ab4")])
    found = memory.find(memory.context)
    by_token = {
        chr(encoder._tokenizer.token_bytes[token][0]): (layer, distance)
        for token, layer, distance in zip(
            found.following.tolist(), found.layers.tolist(), found.distances.tolist(), strict=True
        )
    }
    # Below, the separator behind the text above counts as one.
    assert by_token == {"1": (0, 8), "2": (0, 4), "3": (0, 4), "4": (1, 0)}


def test_open_documents_share_one_budget(encoder, monkeypatch):
    """The one worked on last comes first."""
    monkeypatch.setattr(memory_module, "_MOST_OPEN", 30)
    files = [Snippet(path=f"{n}.py", text=f"needle{n} = 1\n") for n in range(4)]
    memory = Memory(encoder, hole("needle"), files=files)
    found = memory.find(memory.context)
    assert {memory.origin(1, int(place)).path for place in found.places} == {"0.py", "1.py"}


def test_a_place_before_what_stands_behind_the_hole_is_told_so(encoder):
    """Of two like places, the one that goes on as the text behind the hole does."""
    other = "value = one\nother()\n" + "#" * 60 + "\nvalue = two\n    finish_here(now)\n"
    for files, project in (
        ([Snippet(path="o.py", text=other)], None),
        ([], projected(encoder, {"o.py": other})),
    ):
        place = hole("value = ", "\n    finish_here(now)\n")
        memory = Memory(encoder, place, files=files, project=project)
        found = memory.find(memory.context)
        behind = {
            encoder._tokenizer.decode([token]) + memory.origin(int(layer), int(at)).path: reached
            for token, layer, at, reached in zip(
                found.following.tolist(),
                found.layers.tolist(),
                found.places.tolist(),
                found.behind.tolist(),
                strict=True,
            )
        }
        assert behind["oo.py"] == 0
        assert behind["to.py"] >= 3


@pytest.mark.parametrize(
    "suffix",
    [
        "\n    finish_here(now)\n",
        "\n\n\n\n\n    finish_here(now)\n",
        ") + finish_here(now)\n",
        "\n\n    \n\n    finish_here(now)\n",
    ],
)
def test_the_hole_itself_is_not_where_its_surroundings_stand_elsewhere(tokenizer, suffix):
    """Else every place shortly above the cursor seems to go on as the text behind it does."""
    encoder = LineEncoder(tokenizer)
    memory = Memory(encoder, hole("size = first\nsize = first\nsize =", suffix))
    found = memory.find(memory.context)
    assert found.behind.tolist() == [0] * len(found.places) != []


@pytest.mark.parametrize("rest", ["\n", "  \n", "\r\n"])
def test_nothing_visible_behind_the_hole_in_its_line_is_passed_over(encoder, rest):
    other = Snippet(path="o.py", text=f"value = two{rest}finish_here(now)\n")
    memory = Memory(encoder, hole("value = ", f"{rest}finish_here(now)\n"), files=[other])
    assert memory.find(memory.context).behind.tolist() == [16]


def test_the_hole_takes_no_room_from_other_documents(encoder, monkeypatch):
    """An editor names all open documents, the one being typed in first."""
    monkeypatch.setattr(memory_module, "_MOST_OPEN", 30)
    files = [Snippet(path=HERE, text="x" * 30), Snippet(path="o.py", text="needle = 1\n")]
    memory = Memory(encoder, hole("needle"), files=files)
    assert len(memory.find(memory.context).places) == 1


def test_a_line_longer_than_all_that_is_searched_is_searched_at_its_end(tokenizer):
    """And no further: the cost of a request must not grow with the file."""
    encoder = LineEncoder(tokenizer)
    prefix = "first\nx = [" + "1, " * 40_000 + "alpha, beta, alpha, "
    memory = Memory(encoder, Hole(path="a.py", language="python", prefix=prefix, suffix=""))
    assert memory.tokens < len(tokenizer.encode(prefix))
    found = memory.find(memory.context)
    assert len(found.places)
    assert memory.origin(int(found.layers[0]), int(found.places[0])).line == 2
