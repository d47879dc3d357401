import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server import trigger
from lsp_server.place import squeezed
from lsp_server.postprocess import RULES, clean, moved, settle, stopper, without_loops
from lsp_server.trigger import Kind
from model.fim import Hole

CODE = (Path(__file__).parents[1] / "data" / "real_code.txt").read_text("utf-8")


def hole(text: str) -> Hole:
    prefix, _, suffix = text.partition("|")
    return Hole(path="a.py", language="python", prefix=prefix, suffix=suffix)


@pytest.mark.parametrize(
    ("place", "kind", "written", "shown"),
    [
        # the end of a line
        ("x = |", "line", "1\ny = 2\n", "1"),
        ("x = f(|", "line", "\n    a,\n    b,\n)\ny", "\n    a,\n    b,\n)"),
        ("x = f(|)", "line", "a,\n    b)", "a,"),
        ("x = |", "line", "'''a\nb'''\ny", "'''a\nb'''"),
        ("x = |", "line", "f(a)  ", "f(a)"),
        ("x = |b", "line", "a + ", "a + "),
        ("x = | b", "line", "a + ", "a +"),
        ('def f():\n    """Say.\n    |', "line", 'more."""\n    return 1\n', 'more."""'),
        # the end of a block
        ("def f():|", "block", "\n    return 1\n\ndef g():\n    pass\n", "\n    return 1"),
        ("def f():\n    |\n", "block", "a\n    b\nc\n", "a\n    b"),
        ("def f():\n    |\n", "block", "a\n    b\n\n\n", "a\n    b"),
        (
            "class A:\n    |\n",
            "block",
            "def f(self):\n        a\n    def g(self):",
            "def f(self):\n        a",
        ),
        ("x = |", "line", "ab\ufffdc", "ab"),
        # nothing
        ("x = |", "line", "", None),
        ("x = |", "line", "   ", None),
        ("x = |", "line", "\n\ny = 2", None),
        ("    |", "block", " \n ", None),
        # what follows on the line
        ("f(|)", "line", "a)", "a"),
        ("f(g(|))", "line", "a))", "a"),
        ("f(g(|)", "line", "a))", "a)"),
        ("f(g(|)", "line", "a)", "a)"),
        ("f(|)", "line", "g(a))", "g(a)"),
        ("f(|)", "line", "g(a)", "g(a)"),
        ("f(|)", "line", ")", None),
        ("print('|')", "line", "hello')", "hello"),
        ("print('|'", "line", "hello'", "hello"),
        ("x = | + total", "line", "a + total", "a"),
        ("d = {'a': 1, 'b|': 2}", "line", "c': 2}", "c"),
        ("x = [|]", "line", "a for a in b]", "a for a in b"),
        ("f(\n    a, |)", "line", "b)", "b"),
        ("f('''|''')", "line", "a''')", "a"),
        ('print(f"{a|}")', "line", 'b}")', "b"),
        ("x[1:|:2]", "line", "n:", "n:"),
        ("if x|:", "line", " == 1:", " == 1"),
        ('f(|"abc")', "line", 'a, "', "a, "),
        # a string that the rest of the line closes is not open
        ('f(|")', "line", 'a, "b', 'a, "b'),
        # brackets that close nothing
        ("x = f(a|", "line", "))", ")"),
        ("x = a|", "line", ".b)", ".b"),
        ("f(\n    g(a|\n)", "line", "), b", "), b"),
        # lines that stand there already
        ("x = 1\n|\ny = 2\n", "block", "z = 3\ny = 2\n", "z = 3"),
        ("def f():\n    |\n    return 1\n", "block", "return 1\n", None),
        ("x = |\nx = 1\n", "line", "1", None),
        ("|\ny = 2\nz = 3\n", "block", "x = 1\ny=2\nz = 3\n", "x = 1"),
        ("if a:\n    |\nreturn None\n", "block", "return None", "return None"),
        # over and over
        ("|", "block", "a = 1\na = 1\na = 1\na = 1\n", "a = 1"),
    ],
)
def test_what_is_shown(place: str, kind: Kind, written: str, shown: str | None) -> None:
    assert clean(written, hole(place), kind, 12) == shown


def test_at_most_so_many_lines() -> None:
    text = "".join(f"\n    x{n} = {n}" for n in range(9))
    shown = clean(text, hole("def f():|"), "block", 3)
    assert shown == "\n    x0 = 0\n    x1 = 1\n    x2 = 2"
    assert clean("a\n    b\n    c", hole("def f():\n    |"), "block", 1) == "a"


def test_an_unfinished_last_line_is_dropped_unless_it_is_all() -> None:
    place = hole("def f():|")
    assert clean("\n    a = 1\n    b = (", place, "block", 12, finished=False) == "\n    a = 1"
    assert clean("\n    a = ", place, "block", 12, finished=False) == "\n    a ="


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("a\na\na", "a"),
        ("a\na", "a\na"),
        ("x\na\nb\na\nb\na\nb\ny", "x\na\nb"),
        ("\n\n\n\na", "\n\n\n\na"),
        ("    a\n  a\na", "    a\n  a\na"),
    ],
)
def test_loops(text: str, cut: str) -> None:
    assert without_loops(text) == cut


PIECES = st.lists(
    st.sampled_from(
        ["a", " ", "\n", "    ", "(", ")", "[", "]", ":", "'", '"""', "#", "def ", ",", "é", "😀"]
    ),
    max_size=25,
).map("".join)


@given(PIECES, PIECES, PIECES, st.sampled_from(["line", "block"]), st.integers(1, 5))
def test_what_is_shown_begins_what_was_written_blanks_apart(
    prefix: str, suffix: str, written: str, kind: Kind, max_lines: int
) -> None:
    place = Hole(path="a.py", language="python", prefix=prefix, suffix=suffix)
    end = stopper(place, kind, max_lines)(written)
    assert end is None or 0 <= end <= len(written)
    shown = clean(written, place, kind, max_lines)
    if shown is not None:
        assert shown.strip()
        assert squeezed(written).startswith(squeezed(shown))
        assert shown.strip("\n").count("\n") < max_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a = 1\nb = [2" + ", 1" * 20, "a = 1"),
        ("a = 1\nb = [0, 0, 0, 0, 0, 0, 0, 0]", "a = 1\nb = [0, 0, 0, 0, 0, 0, 0, 0]"),
        ("a = 1\nb = 0." + "0" * 70, "a = 1"),
        ('self._get("b = self._get("b = self._get("b = self._get("b = self._get("b', None),
        ("size = 1000000000000000", "size = 1000000000000000"),
        ("ruler = '=-=-=-=-=-=-=-=-=-'", "ruler = '=-=-=-=-=-=-=-=-=-'"),
    ],
)
def test_the_same_words_over_and_over_are_not_shown(text: str, shown: str | None) -> None:
    hole = Hole(path="a.py", language="python", prefix="def f():\n    x = 1\n", suffix="")
    assert clean(text, hole, "block", 12) == shown


@pytest.mark.parametrize(
    ("written", "settled"),
    [
        ("return 1", "\n    return 1"),
        ("    for a in b:\n            c\n        d", "\n    for a in b:\n        c\n    d"),
        ("\n\n    return 1", "\n    return 1"),
        ("\nx = 1", ""),
        ("\n\ndef g():\n    pass", ""),
        ("   ", ""),
    ],
)
def test_a_block_begins_at_the_depth_that_was_given(written: str, settled: str) -> None:
    assert settle("\n    ", written) == settled


@pytest.mark.parametrize(
    ("place", "written", "shown"),
    [
        # the block is the opener's own, also where its statement began some lines above
        ("def f():|", "\n    x = 1\ny = 2\n", "\n    x = 1"),
        ("def f(a,\n      b):|", "\n    x = 1\n    return x\n\ny = 2\n", "\n    x = 1\n    return x"),
        # what is open at its end would break the file
        ("def f():|", '\n    """Return.\n    x = 1', None),
        ("def f():|", '\n    x = 1\n    y = """open', "\n    x = 1"),
        ("def f():|", "\n    x = 1\n    if x:", "\n    x = 1"),
        ("def f():|", "\n    x = 1\n    if x:\n        for a in x:\n", "\n    x = 1"),
        ("def f():\n    x = 1\n    |", "if x:", "if x:"),
        # no spaces into a file of tabs
        ("def f():\n\tx = 1\n\t|", "y = 1\n        z = 2", "y = 1\n\tz = 2"),
    ],
)
def test_a_block_leaves_the_file_whole(place: str, written: str, shown: str | None) -> None:
    assert clean(written, hole(place), "block", 12) == shown


@given(
    at=st.integers(0, len(CODE) - 1200),
    removed=st.sampled_from([0, 20, 100, 400]),
    elsewhere=st.none() | st.integers(0, len(CODE) - 900),
    length=st.sampled_from([30, 200, 700]),
    kind=st.sampled_from(["line", "block"]),
    max_lines=st.sampled_from([1, 3, 12, 50]),
    seed=st.integers(0, 999),
)
@settings(max_examples=200)
def test_stopping_on_the_way_is_judging_the_whole(
    at: int, removed: int, elsewhere: int | None, length: int, kind: Kind, max_lines: int, seed: int
) -> None:
    """Real code, token by token: not looking behind each of them neither loses, delays nor moves an end."""
    behind = at + removed
    if kind == "block":  # the trigger asks for one only where nothing follows on the line
        at, behind = CODE.index("\n", at), CODE.index("\n", behind)
    place = Hole(
        path="a.py", language="python", prefix=CODE[max(0, at - 600) : at], suffix=CODE[behind:][:400]
    )
    decision = trigger.decide(place, ["python"])
    lead = decision.lead if decision.kind == kind else ""
    whole = CODE[at if elsewhere is None else elsewhere :][:length]

    stop, pieces = stopper(place, kind, max_lines, lead=lead), random.Random(seed)
    written, end = "", None
    while end is None and len(written) < len(whole):
        written = whole[: len(written) + pieces.choice([1, 2, 3, 4, 5, 8, 16])]
        end = stop(written)
        assert end == stopper(place, kind, max_lines, lead=lead)(written)
    shown, expected = (clean(settle(lead, text), place, kind, max_lines) for text in (written[:end], whole))
    assert shown == expected


@pytest.mark.parametrize("size", [1, 3, 7, 11])
def test_a_stutter_ends_the_writing_wherever_it_is_looked_for(size: int) -> None:
    """Soon: a model that has lost its way would go on to its limit."""
    stop = stopper(hole("def f():\n    |"), "line", 12)
    whole = "a = [" + "0, 1, " * 60
    seen = next(n for n in range(size, len(whole), size) if stop(whole[:n]) is not None)
    assert seen < len("a = [" + "0, 1, " * 12) + 24


def test_a_stopper_may_be_asked_of_a_shorter_text_again() -> None:
    """It remembers how far it has looked."""
    stop = stopper(hole("def f():\n    |\n"), "block", 12)
    assert stop("a = 1\n    b = 2 + c") is None
    assert stop("a = 1\nb = 2") == 5
    assert stop("a = 1") is None
    assert stop("a = 1\nb ") == 5


@pytest.mark.parametrize(
    ("place", "written", "shown"),
    [
        ("def f():\n    |\n", "return 1\n    x = 2", "return 1"),
        ("def f():\n    |\n", "if a:\n        return 1\n    x = 2", "if a:\n        return 1\n    x = 2"),
        ("def f():\n    |\n", "return (\n        1\n    )\n    x = 2", "return (\n        1\n    )"),
        ("def f():\n    return 1\n    |\n", "x = 2", None),
        ("def f():\n    return 1\n|\n", "def g():\n    pass", "def g():\n    pass"),
        ("def f():\n    |\n", "raise E\n    yield", "raise E\n    yield"),
        ("def f():\n    |\n", "returned = 1\n    return returned", "returned = 1\n    return returned"),
    ],
)
def test_nothing_is_written_that_is_never_reached(place: str, written: str, shown: str | None) -> None:
    assert clean(written, hole(place), "block", 12) == shown


def test_a_last_line_that_opens_a_block_goes_also_with_a_comment_behind_it() -> None:
    assert clean("x = 1\nif x:  # never", hole("|"), "block", 12) == "x = 1"


def test_blanks_at_line_ends_go_but_for_those_in_strings() -> None:
    written = "x = 1  \nif x:\n    y = 2\t\n    z"
    assert clean(written, hole("|\n"), "block", 12) == "x = 1\nif x:\n    y = 2\n    z"
    kept = 'x = """a  \nb"""'
    assert clean(kept, hole("|"), "block", 12) == kept


def test_a_rule_can_be_left_out_to_measure_what_it_is_worth() -> None:
    names = {rule.__name__ for rule in RULES}
    assert len(names) == len(RULES)
    left_out = ["without_overlap", "without_stray_closers"]
    assert names.issuperset(left_out)
    assert clean("a)", hole("f(|)"), "line", 12, without=left_out) == "a)"


@given(PIECES, PIECES, PIECES, st.sampled_from(["python", "javascript", "go", "rust", "java", "c"]))
@settings(max_examples=60)
def test_what_is_shown_stays_as_it_is_when_judged_again(
    prefix: str, suffix: str, written: str, language: str
) -> None:
    """No rule undoes another."""
    place = Hole(path="a", language=language, prefix=prefix, suffix=suffix)
    shown = clean(written, place, "block", 50)
    if shown is not None:
        assert squeezed(written).startswith(squeezed(shown))
        again = clean(shown, place, "block", 50)
        assert squeezed(shown).startswith(squeezed(again or ""))


@given(st.text("ab \n\t", max_size=30), st.integers(0, 30))
def test_a_place_in_the_text_is_found_again_when_blanks_have_changed(text: str, offset: int) -> None:
    shown = text.replace(" ", "\t  ").rstrip()
    at = moved(text, shown, offset)
    assert squeezed(shown[:at]) == squeezed(text[:offset])
