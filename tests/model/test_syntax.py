import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import syntax
from model.errors import DataError

SOURCE = '''"""Übersicht 😀"""
import os

# lead one
# lead two
@decorated
class Größe:
    """doc"""

    # about size
    def size(self, a, b=1):
        # first
        return f(a, f"é{b}é") + os.getcwd()

    x = "ä"  # trailing
def after(): return {"k": 1}
if os:
    def inner(): pass
'''
PIECES = [*"ab(:)=\"'#\n \\é😀{}", "def ", "    ", "class ", '"""']
CODE = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def tree(text: str) -> syntax.Tree:
    return syntax.parse(text, "python")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.py", "python"),
        ("C:\\x\\Y.PYI", "python"),
        ("a.rs", "rust"),
        ("a/b.test.TSX", "tsx"),
        ("a.h", "c"),
        ("a.md", None),
        ("py", None),
        (".py", None),
        ("", None),
    ],
)
def test_language_of(path: str, expected: str | None) -> None:
    assert syntax.language_of(path) == expected


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(DataError, match="'cobol' is not supported; supported are: python"):
        syntax.parse("", "cobol")


def test_boundaries_are_line_starts_with_comments_and_decorators() -> None:
    found = [(SOURCE[at:].split("\n")[0], depth) for at, depth in syntax.boundaries(tree(SOURCE))]
    assert found == [
        ('"""Übersicht 😀"""', 0),
        ("import os", 0),
        ("# lead one", 0),
        ("    # about size", 1),
        ('def after(): return {"k": 1}', 0),
        ("if os:", 0),
        ("    def inner(): pass", 1),
    ]


def test_nodes_are_characters_of_the_text_and_mark_docstrings() -> None:
    found = [(node.kind, SOURCE[node.start : node.end]) for node in syntax.nodes(tree(SOURCE))]
    assert ("docstring", '"""Übersicht 😀"""') in found
    assert ("docstring", '"""doc"""') in found
    assert ("block", '# first\n        return f(a, f"é{b}é") + os.getcwd()') in found
    assert ("arguments", '(a, f"é{b}é")') in found
    assert ("expression", "os.getcwd") in found
    assert ("definition", "def inner(): pass") in found
    assert ("statement", 'x = "ä"') in found
    assert not any(kind == "expression" and text.startswith('"') for kind, text in found)


def test_broken_code_is_measured_and_no_hole_is_drawn_in_it() -> None:
    text = "x = 1\ndef f(:\n    y = = 2\nz = é + 1\n"
    broken = tree(text)
    assert syntax.error_spans(broken)
    assert 0 < syntax.share_of_errors(broken) < 1
    assert all(text[n.start : n.end].count("= =") == 0 for n in syntax.nodes(broken))
    assert syntax.share_of_errors(tree("x = 1\n")) == 0
    assert syntax.error_spans(tree("x = 1\n")) == []


def test_empty_text() -> None:
    empty = tree("")
    assert list(syntax.nodes(empty)) == syntax.boundaries(empty) == syntax.error_spans(empty) == []
    assert syntax.share_of_errors(empty) == 0
    assert syntax.in_string_or_comment(empty, 0) is None


def test_a_lone_surrogate_is_one_character() -> None:
    text = 'x = "\ud83d"\ny = 1\n'
    assert [text[at] for at, _ in syntax.boundaries(tree(text))] == ["x", "y"]


@given(CODE)
def test_any_text_has_sound_offsets(text: str) -> None:
    parsed = tree(text)
    for node in syntax.nodes(parsed):
        assert 0 <= node.start < node.end <= len(text)
    for at, depth in syntax.boundaries(parsed):
        assert depth >= 0
        assert at == 0 or text[at - 1] == "\n"
    for at in range(len(text) + 1):
        assert parsed.character(parsed.byte(at)) == at
        syntax.in_string_or_comment(parsed, at)
    assert 0 <= syntax.share_of_errors(parsed) <= 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = |1", None),
        ("x = 'a|b'", "string"),
        ("x = 'ab'|", None),
        ("x = |'ab'", None),
        ("x = f'é{a|b}c'", None),
        ("x = f'é{ab}c|'", "string"),
        ("é = 1  # no|te", "comment"),
        ("é = 1  # note|", "comment"),
        ("# note|\nx = 1", "comment"),
        ("# note\n|x = 1", None),
        ("x = 'ab|", "string"),
        ("print('ab|\ny = 2", "string"),
        ("print('ab\ny = 2|", None),
        ('"""open\n# not a comment|', "string"),
        ("def f(a, '''b\n|", "string"),
    ],
)
def test_in_string_or_comment(text: str, expected: str | None) -> None:
    at = text.index("|")
    assert syntax.in_string_or_comment(tree(text.replace("|", "")), at) == expected


@pytest.mark.parametrize(
    ("text", "inside", "brackets"),
    [
        ("f(a, [1, (2)", None, "(["),
        ("f('(')", None, ""),
        ("# (", "comment", ""),
        ('"""(', "string", ""),
        (")", None, ""),
    ],
)
def test_lexical(text: str, inside: str | None, brackets: str) -> None:
    assert syntax.lexical(text, "python") == syntax.Lexical(inside=inside, brackets=brackets)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("def f():", "\n    return 1|\n\ndef g():"),
        ("def f():", "\n    if a:\n        b\n    return 1|\nx"),
        ("    if a:", "\n        b|\n    c"),
        ("def f():", " return 1|\nx"),
        ("def f():\n    ", "return 1|\n\n\nx"),
        ("def f():\n    ", "for a in b:\n        c\n    return 1|\nx"),
        ("def f():\n", "    a\n    b|\nc"),
        ("", "def f():\n    a\n\n    b|\n\ndef g"),
        ("", "@d\ndef f(\n    a,\n):\n    b|\ndef g"),
        ("", "if a:\n    b\nelse:\n    c|\nd = 1\n"),
        ("", "import os\nimport sys|\n\nx = 1\n"),
        ("class A:\n    ", "def f(self):\n        a|\n\n    def g"),
        ("class A:\n    ", "x = 1\n    y = 2|\nz"),
        ("    # sort the list", "\n    a.sort()\n    b()|\nc"),
        ("# make f", "\ndef f():\n    b|\nc"),
        ('    """Say."""', "\n    a\n    b|\nc"),
        ("def f():", '\n    a = """\nx\n"""\n    b = (\n1\n)|\nc'),
        ("    x = f(", "\na,\n    )\n    y|\nz"),
    ],
)
def test_block_end(before: str, text: str) -> None:
    at = text.index("|")
    text = text.replace("|", "")
    assert syntax.block_end(before, text, "python") == at
    assert syntax.block_end(before, text[: at + 1], "python") is None


def test_a_word_that_may_become_else_is_waited_for() -> None:
    assert syntax.block_end("", "if a:\n    b\nel", "python") is None
    assert syntax.block_end("", "if a:\n    b\nels = 1", "python") == 11
