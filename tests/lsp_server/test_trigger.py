import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.trigger import decide, prose_at_cursor, state_at_cursor
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
        # a comment behind what opens a block
        ("if x:  # note|", "\n    "),
        ("class A:\n  def f(self):  # note: |", "\n    "),
        ("def f(\n    a,  # note\n):  # it's|", "\n    "),
        ("if x:  # note|\n    y = 1", ""),
        ("if x: y = 1  # note|", ""),
        ("class P:\n    name:  # note|", ""),
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


def test_a_comment_behind_a_brace_does_not_hide_what_it_opens() -> None:
    assert decide(hole("if (x) { // note|", "javascript"), ["javascript"]).lead == "\n  "
    assert decide(hole("if (x) { /* note|", "javascript"), ["javascript"]).kind == "line"


@pytest.mark.parametrize(
    ("language", "step"),
    [
        ("python", "    "),
        ("go", "\t"),
        ("javascript", "  "),
        ("typescript", "  "),
        ("tsx", "  "),
        ("rust", "    "),
        ("java", "    "),
        ("c", "    "),
        ("cpp", "    "),
    ],
)
def test_a_file_without_an_indented_line_is_indented_as_its_formatter_would(language: str, step: str) -> None:
    opener = "if x:|" if language == "python" else "if (x) {|"
    assert decide(hole(opener, language), [language]).lead == "\n" + step


@pytest.mark.parametrize(("indentation", "lead"), [("\t", "\n\t\t"), ("    ", "\n        ")])
def test_the_line_itself_says_more_than_the_formatter(indentation: str, lead: str) -> None:
    assert decide(hole(f"{indentation}if x {{|", "go"), ["go"]).lead == lead


@pytest.mark.parametrize("above", [0, 3000])
def test_the_step_of_a_long_file_is_that_of_its_first_block_or_of_one_nearby(above: int) -> None:
    rows = "    'a long table of nothing in particular',\n" * above
    assert decide(hole(f"if a:\n  b\nx = [\n{rows}]\nif x:|"), ["python"]).lead == "\n  "
    assert decide(hole(f"x = [\n{rows}]\nif a:\n  b\nif x:|"), ["python"]).lead == "\n  "


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ('x = f"{na|}"', None),
        ('x = f"na|"', "string"),
        ('x = "{na|}"', "string"),
        ("x = rb'{na|}'", "string"),
        ('x = f"{{na|}}"', "string"),
        ("x = f'\\N{DASH|}'", "string"),
        ("x = Rf'{na|}'", None),
        ('x = f"{a} and |"', "string"),
        ('x = f"{a} it\'s {b|}"', None),
        # a format is no comment
        ('x = f"{a:#x} and {b|}"', None),
        ('x = f"{a:#x} and |"', "string"),
        ("x = f'{a!r:>{width|}}'", None),
        # code in a string may hold strings
        ("x = f'{d[\"a|\"]}'", "string"),
        ("x = f'{d[\"a\"]|}'", None),
        ("x = f'{f\"{a|}\"}'", None),
        ("x = f'{f\"{a} |\"}'", "string"),
        ('x = f"""a\n{b\n + |}"""', None),
        ('x = f"""a\n{b}\n|"""', "string"),
        ("# f'{a|}'", "comment"),
        ("x = 1|", None),
        ("|", None),
    ],
)
def test_what_stands_in_the_braces_of_an_f_string_is_code(text: str, inside: str | None) -> None:
    assert prose_at_cursor(hole(text)) == inside


@pytest.mark.parametrize("language", ["javascript", "typescript", "tsx"])
@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("x = `${na|}`", None),
        ("x = `na|`", "string"),
        ("x = '${na|}'", "string"),
        ("x = `\\${na|}`", "string"),
        ("x = `${a} and |`", "string"),
        ("x = `${a} and ${b|}`", None),
        ("x = `<ul>${a.map(b => `<li>|</li>`)}</ul>`", "string"),
        ("x = `<ul>${a.map(b => `<li>${b|}</li>`)}</ul>`", None),
        ("x = `<ul>${a.map(b => `<li>${b}</li>`).join('|')}</ul>`", "string"),
        ("x = `<ul>${a.map(b => { return |b })}</ul>`", None),
        ("x = `<ul>${a.map(b => { return b })}|</ul>`", "string"),
        ("x = `${a} // |`", "string"),
    ],
)
def test_what_stands_in_the_braces_of_a_template_is_code(
    text: str, inside: str | None, language: str
) -> None:
    assert prose_at_cursor(hole(text, language)) == inside


@given(
    st.lists(st.sampled_from(["a", " ", "f'", '"', "'", '"""', "`", "${", "{", "}", "#", ":", "\n", "\\"])),
    st.sampled_from(["python", "javascript", "go"]),
)
def test_only_what_is_in_a_string_can_be_code_within_one(pieces: list[str], language: str) -> None:
    place = hole("".join(pieces), language)
    state = state_at_cursor(place).inside
    assert prose_at_cursor(place) == state or state == "string"
