"""What was suggested is known again: at the same place, and to whoever types or takes it in parts."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from lsp_server.cache import Cache, Kept
from lsp_server.suggestion import Rest
from model.fim import Hole

LINE = ("line", 12)
CODE = st.text("ab(\n \t)=é", min_size=1, max_size=12)


def hole(prefix: str, suffix: str = "", path: str = "a.py") -> Hole:
    return Hole(path=path, language="python", prefix=prefix, suffix=suffix)


def kept(*texts: str) -> list[Kept]:
    return [Kept(text=text) for text in texts]


def again(cache: Cache, place: Hole, shape: tuple[object, ...] = LINE) -> list[str]:
    return [one.text for one in cache.again(place, shape)]


def rest(cache: Cache, place: Hole) -> list[str]:
    return [one.text for one in cache.rest(place)]


def holding(prefix: str, *texts: str, suffix: str = "") -> Cache:
    cache = Cache()
    cache.keep(hole(prefix, suffix), LINE, kept(*texts))
    return cache


def test_the_same_place_again() -> None:
    cache = Cache()
    assert again(cache, hole("x = ")) == []
    cache.keep(hole("x = "), LINE, kept("foo()", "bar()"))
    assert again(cache, hole("x = ")) == ["foo()", "bar()"]
    assert again(cache, hole("x = "), ("line", 3)) == []
    assert again(cache, hole("x = ", "y")) == []
    assert again(cache, hole("x = ", path="b.py")) == []


def test_typing_through() -> None:
    cache = holding("x = ", "foo(bar)")
    assert rest(cache, hole("x = fo")) == ["o(bar)"]
    assert rest(cache, hole("x = foo(bar")) == [")"]
    for other in ("x = ", "x = foo(bar)", "x = foo(bar) ", "x = fa", "y = fo", "x"):
        assert rest(cache, hole(other)) == []
    assert rest(cache, hole("x = fo", "z")) == []
    assert rest(cache, hole("x = fo", path="b.py")) == []


def test_each_candidate_is_typed_through_and_equal_rests_are_one() -> None:
    cache = holding("x = ", "foo(1)", "bar", "foo(2)", "foo(1)")
    assert rest(cache, hole("x = foo(")) == ["1)", "2)"]
    assert rest(cache, hole("x = b")) == ["ar"]


def test_what_is_known_of_a_suggestion_holds_for_its_rest() -> None:
    cache = Cache()
    cache.keep(hole("x = "), LINE, [Kept(text="foo", confidence=0.5)])
    assert cache.rest(hole("x = f")) == (Kept(text="oo", confidence=0.5),)


def test_a_rest_says_which_part_of_what_suggestion_it_is() -> None:
    (left,) = holding("x = ", "foo(bar)").rest(hole("x = fo"))
    assert left.rest_of == Rest(before="x = ", whole="foo(bar)", start=2, end=8)
    (closed,) = holding("x = ", "foo(bar) + 1").rest(hole("x = foo(b", ")"))
    assert closed.rest_of == Rest(before="x = ", whole="foo(bar) + 1", start=5, end=7)
    (again,) = holding("x = ", "foo(bar)").again(hole("x = "), LINE)
    assert again.rest_of is None


def test_what_was_not_shown_is_known_again_but_not_typed_through() -> None:
    cache = Cache()
    cache.keep(hole("x = "), LINE, kept("foo"), shown=False)
    assert again(cache, hole("x = ")) == ["foo"]
    assert rest(cache, hole("x = f")) == []


def test_a_suggestion_computed_ahead_leaves_the_one_on_the_screen_to_be_typed_through() -> None:
    cache = holding("x = ", "foo(1)")
    cache.keep(hole("x = foo(1)"), LINE, kept(" + bar"))
    assert rest(cache, hole("x = fo")) == ["o(1)"]
    assert again(cache, hole("x = foo(1)")) == [" + bar"]
    assert rest(cache, hole("x = foo(1) +")) == [" bar"]


def test_the_latest_suggestion_that_fits_is_the_one_being_typed() -> None:
    cache = holding("x = ", "foo(1)")
    cache.keep(hole("x = f"), LINE, kept("oo(2)"))
    assert rest(cache, hole("x = foo")) == ["(2)"]
    assert rest(cache, hole("x = foo(1")) == [")"]


def test_an_indentation_is_not_typed_through_in_part() -> None:
    """The editor may indent otherwise, and a Tab on leading blanks would indent instead of accepting."""
    cache = holding("if x:", "\n    return 1")
    assert rest(cache, hole("if x:\n")) == []
    assert rest(cache, hole("if x:\n  ")) == []
    assert rest(cache, hole("if x:\n    ")) == ["return 1"]


def test_a_blank_within_a_line_is_no_indentation() -> None:
    assert rest(holding("x", "  = 1"), hole("x ")) == [" = 1"]


def test_brackets_and_quotes_that_the_editor_closes_are_typed_through_up_to_their_ends() -> None:
    cache = holding("x = ", "foo(a[0], (b)) + 1", suffix="\ny")
    assert rest(cache, hole("x = foo(", ")\ny")) == ["a[0], (b)"]
    assert rest(cache, hole("x = foo(a[", "])\ny")) == ["0"]
    assert rest(cache, hole("x = foo(a[0], ", ")\ny")) == ["(b)"]
    assert rest(cache, hole("x = foo(", "]\ny")) == []
    assert rest(cache, hole("x = foo(", ")z\ny")) == []
    quoted = holding("x = ", "f('a (b', c)")
    assert rest(quoted, hole("x = f('", "')")) == ["a (b"]
    assert rest(quoted, hole("x = f('", "'")) == []
    assert rest(quoted, hole("x = f('", '")')) == []


def test_the_oldest_goes_first_and_clear_forgets_all() -> None:
    cache = Cache(places=2)
    for name in "ab":
        cache.keep(hole(name), LINE, kept(name))
    cache.again(hole("a"), LINE)
    cache.keep(hole("c"), LINE, kept("c"))
    assert [again(cache, hole(name)) for name in "abc"] == [["a"], [], ["c"]]
    cache.clear()
    assert [again(cache, hole(name)) for name in "abc"] == [[]] * 3
    assert rest(cache, hole("cc")) == []


def test_few_places_are_typed_through() -> None:
    """They hold whole texts, so there must not be many."""
    cache = Cache()
    for number in range(100):
        cache.keep(hole(f"{number} = "), LINE, kept("foo"))
    assert [rest(cache, hole(f"{number} = f")) for number in (0, 99)] == [[], ["oo"]]


@given(prefix=st.text("ab \n", max_size=6), texts=st.lists(CODE, min_size=1, max_size=3), data=st.data())
def test_typing_any_part_of_a_suggestion_leaves_exactly_its_rest(
    prefix: str, texts: list[str], data: st.DataObject
) -> None:
    chosen = data.draw(st.sampled_from(texts))
    typed = chosen[: data.draw(st.integers(1, len(chosen)))]
    left = chosen[len(typed) :]
    line = (prefix + typed).rpartition("\n")[2]
    assume(left.strip() and (line.strip() or left[0] not in " \t"))
    found = rest(holding(prefix, *texts), hole(prefix + typed))
    assert left in found
    assert all(typed + one in texts for one in found)
    assert len(set(found)) == len(found)


@given(text=CODE, data=st.data())
def test_a_suggestion_may_be_taken_in_any_number_of_parts(text: str, data: st.DataObject) -> None:
    """Word by word: after each part the rest is there, also where it is kept as an answer of its own."""
    cache, prefix, left = holding("x = ", "=" + text), "x = =", text
    while left.strip():
        found = cache.rest(hole(prefix))
        if not found:
            line = prefix.rpartition("\n")[2]
            assert left[0] in " \t"
            assert not line.strip()
            break
        assert found[0].text == left
        cache.keep(hole(prefix), LINE, found)
        length = data.draw(st.integers(1, len(left)))
        prefix, left = prefix + left[:length], left[length:]
