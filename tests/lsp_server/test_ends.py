"""Where a line or a block ends while it is written: strings of several lines, tabs and spaces."""

import pytest

from lsp_server.postprocess import clean, stopper
from lsp_server.trigger import Kind
from model.fim import Hole


def hole(text: str, language: str = "python") -> Hole:
    prefix, _, suffix = text.partition("|")
    return Hole(path="a", language=language, prefix=prefix, suffix=suffix)


def written_until(place: Hole, kind: Kind, text: str, max_lines: int = 12) -> str:
    """What is left when the rule is asked behind every character; the engine asks behind every token."""
    stop = stopper(place, kind, max_lines)
    for end in range(len(text) + 1):
        over = stop(text[:end])
        if over is not None:
            return text[:over]
    return text


@pytest.mark.parametrize(
    ("place", "language", "text", "line"),
    [
        ("x = f(|)", "python", '"""a\nb"""\nc', '"""a\nb"""'),
        ("x = f(|)", "javascript", "`a\nb`;\nc", "`a\nb`;"),
        ("x = f(|);", "javascript", "`a${b.map(c => `\n${c}`)}\nb`;\nc", "`a${b.map(c => `\n${c}`)}\nb`;"),
        ("x = f(|)", "python", "g(\n    a)", "g("),
        # a string of one line is over where the line is
        ("x = f(|)", "python", '"a\nb"', '"a'),
        ("x = |", "python", '"a\nb"\nc', '"a'),
        # prose stays on its line
        ('x = """a |b"""', "python", "c\nd", "c"),
        ("/* it's |b */", "javascript", "`a\nd", "`a"),
    ],
)
def test_a_line_goes_on_to_the_end_of_a_string_that_it_opens(
    place: str, language: str, text: str, line: str
) -> None:
    assert written_until(hole(place, language), "line", text) == line


def test_a_string_that_is_not_closed_within_what_is_shown_is_not_shown() -> None:
    assert clean('"""a\nb\nc\nd"""', hole("x = f(|)"), "line", 2) is None


SPACES = "def f():\n    if a:\n        if b:\n            c()\n        |"
TABS = "def f():\n\tif a:\n\t\tb()\n\t|"


@pytest.mark.parametrize(
    ("place", "text", "block"),
    [
        (SPACES, "for d in e:\n\t\t\tg()\n\th()\n", "for d in e:\n\t\t\tg()"),
        (SPACES, "for d in e:\n\t\t\tg()\n\t\th()\ni()\n", "for d in e:\n\t\t\tg()\n\t\th()"),
        (TABS, "for d in e:\n        g()\n    h()\ni()\n", "for d in e:\n        g()\n    h()"),
    ],
)
def test_a_tab_is_as_wide_as_a_level_of_the_file_where_a_block_ends(
    place: str, text: str, block: str
) -> None:
    assert written_until(hole(place), "block", text) == block
