import pytest

from lsp_server.trigger import decide, state_at_cursor
from model.fim import Hole


def hole(text: str, language: str = "python") -> Hole:
    prefix, _, suffix = text.partition("|")
    return Hole(path="a.py", language=language, prefix=prefix, suffix=suffix)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x = |", "line"),
        ("x = |\ny", "line"),
        ("x = f(|)", "line"),
        ("x = |f(a)", "line"),
        ("f(|'a', b)", "line"),
        ("pri|nt", "none"),
        ("é|é", "none"),
        ("x.|y", "line"),
        ("x|)", "line"),
        ("def f():|", "block"),
        ("def f():   |", "block"),
        ("def f():\n    |", "block"),
        ("def f():\n    |\n    x", "block"),
        ("def f():\n|\n", "block"),
        ("|", "block"),
        ("    # sort the list|", "block"),
        ("# with a colon:|", "block"),
        ('def f():\n    """Say."""|', "block"),
        ('def f():\n    """Say.\n\n    More.\n    """|', "block"),
        ('def f():\n    r"""Say."""|', "block"),
        ('x = """Say."""|', "line"),
        ("x = {'a':|}", "line"),
        ("return|", "line"),
        ('def f():\n    """Say.\n\n    |\n', "line"),
        ('def f():\n    """Say.\n\n    for all:|\n', "line"),
        ('x = "open|', "line"),
        ('"""Doc\nfrom the start\n"""\nimport os\n|', "block"),
        ('class A:\n    """Doc."""\n    |', "block"),
        # code in a docstring is no code
        ('def f():\n    """Say.\n\n        def g(x):\n            return |\n    """\n', "line"),
        ('def f():\n    """Say.\n\n        def g(x):\n    """\n    |', "block"),
        ('x = """\nimport os\nclass A:|\n"""\n', "line"),
    ],
)
def test_how_much(text: str, kind: str) -> None:
    assert decide(hole(text), ["python"]).kind == kind


def test_unknown_languages_are_named() -> None:
    decision = decide(hole("x = |", "rust"), ["python"])
    assert (decision.kind, decision.reason) == ("none", "the model knows python, not rust")


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("def f():|", "\n    "),
        ("def f():\n  if x:|", "\n    "),
        ("class A:\n\tdef f(self):|", "\n\t\t"),
        ("class A:\n\n    def f(self):\n        x = 1\n\n    def g(self):|", "\n        "),
        ('"""Usage:\n  foo\n"""\ndef f():|', "\n    "),
        ("def f(a,\n      b):|", "\n    "),
        ("if x:|\ndef f():\n  y = 1", "\n  "),
        ('def f():\n    """Says hello."""|', "\n    "),
        ('def f():\n    """Do.\n\n    Args:\n        x: the thing."""|', "\n    "),
        # a colon that opens no block
        ('d = {\n    "a":|', ""),
        ("class P:\n    name:|", ""),
        ("def f(\n    a:|", ""),
        ("f = lambda:|", ""),
        ("x = 1  # note:|", ""),
        ('x = f(\n    """abc"""|', ""),
        # the body is there already
        ("def f():|\n    return 1", ""),
        ('def f():\n    """Says hello."""|\n    return 1', ""),
        ("x = 1\n|", ""),
        ("# a comment|", ""),
        # prose that looks like code
        ('def f():\n    """Any\n    class of thing\n    """\n    if x:|', "\n        "),
    ],
)
def test_what_surely_comes_first(text: str, lead: str) -> None:
    assert decide(hole(text), ["python"]).lead == lead


@pytest.mark.parametrize("above", [0, 50, 400], ids=["short file", "long file", "very long file"])
@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ('def f():\n    """Say.\n\n        def g(x):\n            return |\n    """\n', "string"),
        ('def f():\n    """Say.\n\n        def g(x):\n    """\n    return |', None),
        ('def f():\n    """Say.\n\n        class A:\n    """\n    x = "a" + |', None),
        ("def f():\n    return 1  # for\n    # class A:|", "comment"),
    ],
)
def test_examples_in_docstrings_are_no_place_where_code_begins_afresh(
    above: int, text: str, inside: str | None
) -> None:
    place = hole("def more(x):\n    return 'more'\n\n\n" * above + text)
    assert state_at_cursor(place).inside == inside
    assert not state_at_cursor(place).brackets


def test_a_bracket_left_open_above_does_not_reach_into_the_next_function() -> None:
    assert state_at_cursor(hole("x = [(\n\ndef f(a):\n    return |")).brackets == ""
