"""A suggestion that does not parse is told from one that does, wherever the cursor stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.pieces import pieces
from lsp_server.soundness import errors_added, errors_with, mended
from model import syntax
from model.fim import Hole

FILE = """import os


class A:
    def f(self, x):
        y = x
        return y


def g(a):
    return a
"""


def hole(prefix: str, suffix: str = "") -> Hole:
    return Hole(path="a.py", language="python", prefix=prefix, suffix=suffix)


def within(after: str, missing: str = "") -> Hole:
    at = FILE.index(after) + len(after)
    return hole(FILE[:at], FILE[at + len(missing) :])


@pytest.mark.parametrize("text", ["z = y", "z = [1]", "if x:\n            y = 1"])
def test_sound_text_has_no_errors(text: str) -> None:
    assert errors_with(within("y = x\n        ", ""), text + "\n        ") == 0


@pytest.mark.parametrize("text", ["z = (", "z = ]", "if x", "z = = y", "raise E(Exception):)"])
def test_broken_text_has_errors(text: str) -> None:
    assert errors_with(within("y = x\n        ", ""), text + "\n        ") > 0


@pytest.mark.parametrize(
    "text",
    ["x = 1", "if x:", "def h(a,", "foo(a, [1,", "try:", "@cached", "with open(p) as f:", "class B(A):"],
)
def test_at_the_end_of_a_file_what_is_unfinished_is_no_error(text: str) -> None:
    assert errors_with(hole(FILE + "\n\n"), text) == 0


@pytest.mark.parametrize("text", ["x = = 1", "if x))", "def 1():", "foo(a, ]"])
def test_at_the_end_of_a_file_nonsense_is_an_error(text: str) -> None:
    assert errors_with(hole(FILE + "\n\n"), text) > 0


def test_a_long_file_is_judged_by_the_piece_around_the_cursor_alone() -> None:
    many = "".join(f"    def m{i}(self):\n        return {i}\n\n" for i in range(400))
    broken_far_above = "x = = 1\n\n\nclass A:\n" + many
    at = broken_far_above.rindex("        return")
    near = hole(broken_far_above[:at] + "        ", "\n\n" + many)
    assert errors_with(near, "return 1") == 0
    assert errors_with(near, "return (") > 0
    assert errors_with(near, "return 1", everywhere=True) > 0


def place(text: str, language: str = "python") -> Hole:
    prefix, _, suffix = text.partition("|")
    return Hole(path="a", language=language, prefix=prefix, suffix=suffix)


JAVASCRIPT = "function f(a) {\n  |\n}\n\ng();\n"
GO = "package p\n\nfunc f(a int) {\n\t|\n}\n"
JAVA = "class A {\n    void f() {\n        |\n    }\n}\n"


@pytest.mark.parametrize(
    ("language", "text", "written"),
    [
        ("python", "x = |\ny = 2\n", "f(a)"),
        ("python", "|\ny = 2\n", "if x:"),
        ("python", "|\ny = 2\n", "x = f("),
        ("python", "|\ny = 2\n", "try:\n    x = 1\nexcept E:\n    pass"),
        ("python", "x = f(\n    |\n)\n", "a, b"),
        ("javascript", JAVASCRIPT, "if (a) {"),
        ("javascript", JAVASCRIPT, "return a;"),
        ("go", GO, "for i := range a {\n\t\tg(i)\n\t}"),
        ("java", JAVA, "int x = 1;"),
    ],
)
def test_what_adds_no_error_stays_as_it_is(language: str, text: str, written: str) -> None:
    """Also an end that is merely unfinished: more will be written."""
    assert mended(place(text, language), written) == written


@pytest.mark.parametrize(
    ("language", "text", "written", "left"),
    [
        # brackets and quotes are closed where nothing follows on the line
        ("python", "x = f(|\ny = 2\n", "a, [b", "a, [b])"),
        ("python", "x = |\ny = 2\n", "'abc", "'abc'"),
        ("python", "|\n    y = 2\n", "if f(a:", "if f(a):"),
        ("javascript", JAVASCRIPT, "g(a;", "g(a);"),
        ("javascript", JAVASCRIPT, "if (g(a) {", "if (g(a)) {"),
        ("go", GO, "g(h(a)", "g(h(a))"),
        ("java", JAVA, "int x = g(1;", "int x = g(1);"),
        # closers and quotes that close nothing go
        ("python", "x = |\ny = 2\n", "f(a))", "f(a)"),
        ("python", "x = f(|)\ny = 2\n", "(a))", "(a)"),
        ("python", "x = f(\n    |\n)\n", "a)", "a"),
        ("python", "x = |\ny = 2\n", "'abc''", "'abc'"),
        ("javascript", JAVASCRIPT, "g(a));", "g(a);"),
        ("go", GO, "g(a)}", "g(a)"),
        ("c", "int f(void) {\n\t|\n}\n", "g(1]);", "g(1);"),
        # what cannot be repaired is cut, and no empty block stays behind
        ("python", "|\ny = 2\n", "a = 1\nb = = 2\nc = 3", "a = 1"),
        ("python", "|\ny = 2\n", "a = 1\nif a:\n    b = = 2", "a = 1"),
        ("javascript", JAVASCRIPT, "g(1);\n  x = = 2;", "g(1);"),
        # and the blocks that were cut into are closed
        (
            "javascript",
            JAVASCRIPT,
            "g();\n  for (;;) {\n    g(1);\n    x = = 2;\n  }",
            "g();\n  for (;;) {\n    g(1);\n  }",
        ),
        # nothing is left
        ("python", "x = |\ny = 2\n", "= 1", None),
        ("javascript", "x = |\ny = 2\n", "= 1", None),
        ("go", "package p\n\nfunc f() {\n\tx := |\n}\n", "= 1", None),
    ],
)
def test_what_adds_an_error_is_repaired_or_cut(
    language: str, text: str, written: str, left: str | None
) -> None:
    assert mended(place(text, language), written) == left


def test_in_a_broken_file_the_errors_must_not_become_more() -> None:
    broken = "x = |\n\n\ndef g(:\n    pass\n"
    assert mended(place(broken), "f(a)") == "f(a)"
    assert mended(place(broken), "= 1") is None


def test_c_that_does_not_parse_is_not_judged() -> None:
    """Macros look like errors to a parser that has not seen what they stand for."""
    text = "BEGIN_DECLS(x\nEXPORT int f(void)\nOTHER {\n\t|\n}\n"
    assert mended(place(text, "c"), "EXPORT int x y;") == "EXPORT int x y;"


@pytest.mark.parametrize("language", ["javascript", "java", "go", "rust"])
def test_pieces_of_a_long_file_parse_in_languages_of_braces(language: str) -> None:
    around, one = {
        "javascript": (
            "class A {\n%s}\n",
            "  m%d(a) {\n    if (a) {\n      return g(a, %d);\n    }\n  }\n\n",
        ),
        "java": (
            "class A {\n%s}\n",
            "    int m%d(int a) {\n        if (a > 1) {\n            return g(a, %d);\n        }\n    }\n\n",
        ),
        "go": ("package p\n\n%s", "func m%d(a int) int {\n\tif a > 1 {\n\t\treturn g(a, %d)\n\t}\n}\n\n"),
        "rust": (
            "%s",
            "fn m%d(a: i32) -> i32 {\n    if a > 1 {\n        return g(a, %d);\n    }\n    a\n}\n\n",
        ),
    }[language]
    text = around % "".join(one % (n, n) for n in range(300))
    at = text.index("g(a, 150)")
    hole = Hole(path="a", language=language, prefix=text[:at], suffix=text[at + len("g(a, 150)") :])
    assert any(
        not syntax.error_spans(syntax.parse(above + "g(a)" + below, language))
        for above, below in pieces(hole)
    )
    assert max(len(above) + len(below) for above, below in pieces(hole)) < len(text) / 2
    assert mended(hole, "g(a)") == "g(a)"
    assert mended(hole, "g(a]") != "g(a]"


LINES = ["x = 1", "f(a)", "if x:", "    y = 2", "f(a", "a)", "'b", "x = = 1", "    return", ")", "else:"]
FILES = ["|", "|\ny = 2\n", "def f():\n    |\n\n\ndef g():\n    pass\n", "x = f(|)\n", "x = [\n    |\n]\n"]


@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=5), st.sampled_from(FILES))
@settings(max_examples=60)
def test_what_is_left_is_sound_and_mending_it_again_changes_nothing(lines: list[str], text: str) -> None:
    hole, written = place(text), "\n".join(lines)
    left = mended(hole, written)
    if left is not None:
        assert left.strip()
        assert mended(hole, left) == left


def test_of_a_piece_that_is_broken_by_itself_only_new_errors_count() -> None:
    broken = Hole(path="a.py", language="python", prefix="x = (]\n" + FILE + "\n\n", suffix="\n\ny = 1\n")
    assert errors_with(broken, "z = 1") > 0
    assert errors_added(broken, "z = 1") == 0
    assert errors_added(broken, "z = f(1]") > 0


def test_a_text_is_parsed_once_however_often_a_request_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing takes longer than all else that is not the model: two of three texts had been parsed before."""
    parsed: list[str] = []
    parse = syntax.parse

    def counted(text: str, language: str) -> syntax.Tree:
        parsed.append(text)
        return parse(text, language)

    monkeypatch.setattr(syntax, "parse", counted)
    place = hole(FILE + "\n\n")
    for _ in range(2):
        assert mended(place, "zebra = [1, 2)") == "zebra = [1, 2]"
        assert errors_with(place, "zebra = [1, 2)")
    assert len(parsed) == len(set(parsed)) > 3
