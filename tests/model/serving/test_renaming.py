"""What a renamed line may be made from, what is renamed in it, and how the memory offers it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.fim import Hole, render
from model.serving import renaming
from model.serving.encoder import LineEncoder
from model.serving.memory import LAYERS, Memory, Origin
from model.serving.renaming import Renamed, renamed

SOURCE = "cat = load(paths[0], Cat, strict=True)\nassert cat.name == other(cat)\n"
TARGET = "dog = load(paths[0], Dog, strict=True)\n"
RENAMED = LAYERS.index("renamed")


def rests(prefix: str, suffix: str = "", most: int = 3) -> list[str]:
    return [one.text[one.cursor :] for one in renamed(prefix, suffix, most=most)]


def test_a_line_is_offered_with_the_names_of_this_place():
    assert renamed("x\n" + SOURCE + "\n" + TARGET + "assert ", "\nrest\n") == [
        Renamed(text=TARGET + "assert dog.name == other(dog)\n", cursor=len(TARGET) + 7, line=3)
    ]


def test_below_the_cursor_too():
    """Its own line counts, whatever stands behind the cursor on it."""
    (one,) = renamed(TARGET + "assert ", ")\n\n" + SOURCE)
    assert (one.text[one.cursor :], one.line) == ("dog.name == other(dog)\n", 5)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param("cat = load(paths[0], Cat, on=True)", "cat = load(paths[0], Cat, on=True)", id="same"),
        pytest.param("cat = load(paths[0], Cat, on=True)", "dog = load(paths[1], Dog, on=True)", id="number"),
        pytest.param(
            "cat = load(paths[0], Cat, on=True)", "dog = load(paths[0], Dog, on=None)", id="keyword"
        ),
        pytest.param("cat = load(paths[0], Cat, on=True)", "dog = load(paths[0], Dog, on-True)", id="sign"),
        pytest.param("cat = load(self[0], Cat, on=True)", "dog = load(that[0], Dog, on=True)", id="self"),
        pytest.param(
            "cat = load(cat[0], Cat, on=True)", "dog = load(cow[0], Dog, on=True)", id="two for one"
        ),
        pytest.param(
            "cat = load(cow[0], Cat, on=True)", "dog = load(dog[0], Dog, on=True)", id="one for two"
        ),
        pytest.param("kin = load(paths[0], Kin, on=True)", "dog = load(paths[0], Dog, on=True)", id="unused"),
        pytest.param("cat = load(paths)", "dog = load(paths)", id="short"),
    ],
)
def test_what_is_no_renaming_is_not_offered(source, target):
    following = "\nassert cat.name == other(cat)\n"
    assert rests(source + following + target + "\nassert ") == []


def test_a_renaming_must_hold_for_the_cursors_line_as_well():
    assert rests(SOURCE + TARGET + "assert dog.") == ["name == other(dog)\n"]
    assert rests(SOURCE + TARGET + "assert cow.") == []
    assert rests(SOURCE + TARGET + "return dog.") == []


def test_the_line_above_must_be_alike():
    """Further lines only make the agreement longer."""
    assert rests(SOURCE + TARGET + "assert ") == ["dog.name == other(dog)\n"]
    assert rests(SOURCE + TARGET + "other()\nassert ") == []


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("'cat' + f'{cat}'  # the cat", "'dog' + f'{dog}'  # the dog"),
        ("test_cat_sleeps(CatTest, LoadCAT, CAT_1)", "test_dog_sleeps(DogTest, LoadDOG, DOG_1)"),
        ("cat(category, concat)", "dog(category, concat)"),
        ("self.cat(strict)", "self.dog(strict)"),
    ],
)
def test_names_are_renamed_in_strings_and_within_other_names(rest, expected):
    source = SOURCE.split("\n")[0]
    assert rests(f"{source}\nreturn {rest}\n{TARGET}return ") == [expected + "\n"]


def test_parts_on_which_renamings_differ_stay():
    source = "old_cat, new_cat = load(paths[0], strict=True)\nuse(old_cat, cat_name)\n"
    assert rests(source + "old_dog, new_cow = load(paths[0], strict=True)\n") == ["use(old_dog, cat_name)\n"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("d", "og.name == other(dog)\n"), ("dog", ".name == other(dog)\n"), ("dog.na", "me == other(dog)\n")],
)
def test_a_name_half_typed_goes_on(typed, expected):
    assert rests(SOURCE + TARGET + "assert " + typed) == [expected]


def test_a_new_name_before_the_cursor_is_a_renaming():
    source = "for cat in load(paths[0], strict=True):\n    cat.feed(paths, cat)\n"
    assert rests(source + "for dog in load(paths[0], strict=True):\n    dog") == [".feed(paths, dog)\n"]
    source = "run(load(paths[0], strict=True))\nfirst = cat(first)\n"
    assert rests(source + "run(load(paths[0], strict=True))\nlast") == [" = cat(last)\n"]


def test_the_indentation_typed_is_not_offered_again():
    source = "if load(paths[0], Cat, strict=True):\n    return Cat\n"
    for typed in ("", "  ", "    "):
        (rest,) = rests(source + "if load(paths[0], Dog, strict=True):\n" + typed)
        assert (typed + rest).lstrip() == "return Dog\n"
        assert (typed + rest).startswith("    return") or typed == "  "


def test_the_longest_agreement_comes_first_then_the_nearest():
    first, second, third = (
        f"{before}\ncat = load(paths[0], Cat, strict=True)\nassert cat.{name}\n\n"
        for before, name in (("begin(cat, 1)", "alike"), ("other", "far"), ("another", "near"))
    )
    here = "begin(dog, 1)\n" + TARGET + "assert "
    offered = ["dog.alike\n", "dog.near\n", "dog.far\n"]
    assert rests(first + second + third + here) == offered
    assert rests(second + third + here, "\n" + first) == offered
    assert rests(first + second + third + here, most=2) == offered[:2]
    assert rests(first + third + third + here) == offered[:2]  # equal ones count once
    assert renamed(third + third + here, "")[0].line == 7  # the nearest of them


def test_blank_lines_are_passed_over_and_repeated():
    (one,) = renamed(SOURCE.replace("\n", "\n\n", 1) + TARGET + "\n  \nassert ", "")
    assert one.text == TARGET + "\n  \nassert dog.name == other(dog)\n"
    assert one.line == 3


@pytest.mark.parametrize(("lines", "count"), [(398, 1), (399, 0)])
def test_lines_far_away_are_not_looked_at(lines, count):
    far = "\n" * (lines - 1)
    above = renamed("x\n" + SOURCE + far + TARGET + "assert ", "")
    below = renamed(TARGET + "assert ", "\n\n" + far + SOURCE)
    assert [len(above), len(below)] == [count, count]
    assert [one.line for one in above] == [3] * count
    assert [one.line for one in below] == [lines + 4] * count


def test_lines_that_are_not_alike_are_not_read():
    """A long file must not cost much at its first request."""
    prefix = "".join(f"call_{n}({', '.join('a' * (n % 7 + 2))})[{n}]\n" for n in range(300)) + TARGET
    renaming._read.cache_clear()
    assert renamed(prefix, "") == []
    assert renaming._read.cache_info().misses < 5


COW = "cow = load(paths[0], Cow, strict=True)"
LINES = st.lists(st.sampled_from([*SOURCE.split("\n"), *TARGET.split("\n"), "  ", COW]), max_size=12)


@given(above=LINES, head=st.sampled_from(["", "a", "assert ", "assert d", "dog = load("]), below=LINES)
@settings(max_examples=200)
def test_a_passage_repeats_what_is_before_the_cursor(above, head, below):
    prefix, suffix = "\n".join([*above, head]), "\n".join(["", *below])
    lines = (prefix + suffix).split("\n")
    found = renamed(prefix, suffix)
    assert len({one.text[one.cursor :] for one in found}) == len(found) <= 3
    for one in found:
        assert f"\n{prefix}".endswith("\n" + one.text[: one.cursor])
        assert one.text.count("\n", one.cursor) == 1
        assert one.text.endswith("\n")
        assert one.line != len(above) + 1
        assert lines[one.line - 1].strip()


@pytest.mark.parametrize("typed", ["assert ", "assert dog", "assert d", "", "assert dog.na"])
def test_the_memory_offers_the_rest_and_nothing_before_it(tokenizer, typed):
    """The lines before the cursor are there as context; what they say, the document says itself."""
    encoder = LineEncoder(tokenizer)
    hole = Hole(path="a.py", language="python", prefix=SOURCE + TARGET + typed, suffix="\n" + TARGET)
    pending = render(hole, tokenizer, 400).pending
    memory = Memory(encoder, hole, pending=pending)
    found = memory.find(memory.context)
    best = int(np.where(found.layers == RENAMED, found.lengths, 0).argmax())
    assert found.lengths[best] == found.lengths.max()
    rest = tokenizer.decode(memory.after(RENAMED, int(found.places[best]), 100))
    assert hole.prefix.removesuffix(pending) + rest == SOURCE + TARGET + "assert dog.name == other(dog)\n"
    assert memory.origin(RENAMED, int(found.places[best])) == Origin(layer="renamed", path="a.py", line=2)
    # It is made up, so that the text behind the hole stands behind it would say nothing.
    assert found.behind[best] == 0

    for end in range(2, len(memory.context)):
        places, layers, *_ = memory.find(memory.context[:end])
        for place in places[layers == RENAMED].tolist():
            assert rest.endswith(tokenizer.decode(memory.after(RENAMED, place, 100)))
    alone = Memory(encoder, hole, pending=pending, layers=["renamed"])
    assert set(alone.find(memory.context).layers.tolist()) == {RENAMED}
    others = [layer for layer in LAYERS if layer != "renamed"]
    assert RENAMED not in Memory(encoder, hole, pending=pending, layers=others).find(memory.context).layers


def test_tables_and_long_lines_cost_little(monkeypatch):
    """A document of a thousand like rows must not hold a request up."""
    read = []
    real = renaming._match
    monkeypatch.setattr(renaming, "_match", lambda *given: read.append(given) or real(*given))
    rows = "".join(f"row_{i} = [" + ", ".join(f"name_{i}_{j}" for j in range(20)) + "]\n" for i in range(400))
    renaming.renamed(rows + "row_400 = [", "\n" + rows)
    assert len(read) <= renaming._MOST_READ
    read.clear()
    assert renaming.renamed("a = 1\n" + "x = " + "[1, 2], " * 100 + "\n" + "y = ", "") == []
    assert not read
