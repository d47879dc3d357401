from lsp_server.cache import Cache
from model.fim import Hole

LINE = ("line", 12)


def hole(prefix: str, suffix: str = "", path: str = "a.py") -> Hole:
    return Hole(path=path, language="python", prefix=prefix, suffix=suffix)


def test_the_same_place_again() -> None:
    cache = Cache()
    assert cache.find(hole("x = "), LINE) is None
    cache.keep(hole("x = "), LINE, "foo()")
    assert cache.find(hole("x = "), LINE) == "foo()"
    assert cache.find(hole("x = "), ("line", 3)) is None
    assert cache.find(hole("x = ", "y"), LINE) is None
    assert cache.find(hole("x = ", path="b.py"), LINE) is None


def test_typing_through() -> None:
    cache = Cache()
    cache.keep(hole("x = "), LINE, "foo(bar)")
    assert cache.find(hole("x = fo"), LINE) == "o(bar)"
    assert cache.find(hole("x = foo(bar"), ("block", 1)) == ")"
    assert cache.find(hole("x = foo(bar)"), LINE) is None
    assert cache.find(hole("x = fa"), LINE) is None
    assert cache.find(hole("y = fo"), LINE) is None
    assert cache.find(hole("x = fo", "z"), LINE) is None


def test_an_indentation_is_not_typed_through_in_part() -> None:
    """The editor may indent otherwise, and a Tab on leading blanks would indent instead of accepting."""
    cache = Cache()
    cache.keep(hole("if x:"), LINE, "\n    return 1")
    assert cache.find(hole("if x:\n"), LINE) is None
    assert cache.find(hole("if x:\n  "), LINE) is None
    assert cache.find(hole("if x:\n    "), LINE) == "return 1"


def test_the_oldest_goes_first_and_clear_forgets_all() -> None:
    cache = Cache(places=2)
    for name in "ab":
        cache.keep(hole(name), LINE, name)
    cache.find(hole("a"), LINE)
    cache.keep(hole("c"), LINE, "c")
    assert [cache.find(hole(name), LINE) for name in "abc"] == ["a", None, "c"]
    cache.clear()
    assert [cache.find(hole(name), LINE) for name in "abc"] == [None] * 3
    assert cache.find(hole("cc"), LINE) is None
