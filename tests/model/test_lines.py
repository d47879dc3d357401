"""Comments at the ends of lines do not hide what the lines are; what closes an open string is known."""

import pytest

from model import syntax


@pytest.mark.parametrize(
    ("language", "line", "code"),
    [
        ("python", "if x:  # why", "if x:"),
        ("python", "x = '# no'", "x = '# no'"),
        ("python", "x = 1  # it's", "x = 1"),
        ("python", "# all", ""),
        ("javascript", "if (x) { // why", "if (x) {"),
        ("javascript", "if (x) { /* why */ ", "if (x) {"),
        ("c", "x = 1; /* open", "x = 1; /* open"),
        ("go", 'x := "// no"', 'x := "// no"'),
    ],
)
def test_a_line_without_its_comment(language: str, line: str, code: str) -> None:
    assert syntax.code_of(line, language) == code


@pytest.mark.parametrize(
    ("language", "text", "quote"),
    [
        ("python", "x = f('a", "'"),
        ("python", 'x = """a\n', '"""'),
        ("python", "x = 'a'", None),
        ("python", "# it's", None),
        ("javascript", "x = `a\n", "`"),
        ("rust", 'x = r#"a', None),
    ],
)
def test_what_closes_an_open_string(language: str, text: str, quote: str | None) -> None:
    assert syntax.open_quote(text, language) == quote


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    x = 1  # note|\n",
        "def f():\n    x = 1  # note|",
        "def f():\n    if x:\n        y = 1  # note|\n    z = 2\n",
        "def f():\n    x = 1\n    # note|\n\ndef g(): pass\n",
        "if x:  # note|",
    ],
)
def test_the_end_of_a_comment_is_within_it_also_where_a_block_ends(text: str) -> None:
    tree = syntax.parse(text.replace("|", ""), "python")
    assert syntax.in_string_or_comment(tree, text.index("|")) == "comment"


@pytest.mark.parametrize(
    ("language", "before", "text"),
    [
        ("python", "if x:  # why", "\n    a|\nb\n"),
        ("python", "    x = 1  # note:", "\n    a|\nb\n"),
        ("javascript", "  if (x) { // why", "\n    a();\n  }|\n  b();\n"),
    ],
)
def test_a_comment_behind_it_does_not_hide_what_a_line_opens(language: str, before: str, text: str) -> None:
    assert syntax.block_end(before, text.replace("|", ""), language) == text.index("|")


@pytest.mark.parametrize(
    ("template", "left"),
    [
        ("`a ${b} c`", ""),
        ("`<ul>${items.map(one => `\n<li>${one}</li>\n`).join('}')}</ul>`", ""),
        ("`${x ? `a${y ? `b` : 'c'}` : ''}`", ""),
        ("`${{a: {b: 1}}.a}`", ""),
        ("`${a.replace(/[`}\"]/g, '')}`", ""),
        ("`\\${a`", ""),
        ("`$`", ""),
        # as far as it is typed, a template is open
        ("`<ul>${items.map(one => `", None),
        ("`<ul>${items.map(one => `\n<li>${one}</li>\n", None),
        ("`a ${b", None),
        ("`a\n", None),
    ],
)
def test_a_template_ends_with_its_own_quote_not_with_that_of_one_within(
    template: str, left: str | None
) -> None:
    if left is None:
        assert syntax.lexical(template, "javascript").inside == "string"
    else:
        found = syntax.lexical(template + "; f(", "typescript")
        assert (found.inside, found.brackets) == (None, "(")


def test_what_closes_brackets_does_not_go_into_a_comment() -> None:
    text = "x = f(a,  # why"
    assert any(
        not syntax.error_spans(syntax.parse(text + end, "python")) for end in syntax.endings(text, "python")
    )
