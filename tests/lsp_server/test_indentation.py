"""Suggestions are indented as their file is, and stand on levels that exist."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server.indentation import columns_of_a_tab
from lsp_server.place import squeezed
from lsp_server.postprocess import clean
from model import syntax
from model.fim import Hole


def shown(place: str, written: str, language: str = "python") -> str | None:
    prefix, _, suffix = place.partition("|")
    return clean(written, Hole(path="a", language=language, prefix=prefix, suffix=suffix), "block", 50)


TABS = "def f():\n\tx = 1\n\tif x:\n\t\ty = 2\n"
SPACES = TABS.replace("\t", "    ")
TWO = TABS.replace("\t", "  ")


@pytest.mark.parametrize(
    ("place", "written", "expected"),
    [
        (TABS + "\t|", "for a in x:\n                b\n        c", "for a in x:\n\t\tb\n\tc"),
        (SPACES + "    |", "for a in x:\n\t\tb\n\tc", "for a in x:\n        b\n    c"),
        (TWO + "  |", "for a in x:\n\t\tb\n\tc", "for a in x:\n    b\n  c"),
        # lines within brackets stand where they are
        (TABS + "\t|", "x = f(\n        a)\n\ty", "x = f(\n        a)\n\ty"),
        # a comment behind what opens a block
        (TWO.replace(":", ":  # why") + "  |", "for a in x:\n\t\tb\n\tc", "for a in x:\n    b\n  c"),
        # a file that has both says nothing
        (TABS + SPACES + "    |", "x = 1\n    y = 2", "x = 1\n    y = 2"),
    ],
)
def test_tabs_and_spaces_are_those_of_the_file(place: str, written: str, expected: str) -> None:
    assert shown(place, written) == expected


@pytest.mark.parametrize(
    ("place", "written", "expected"),
    [
        (SPACES + "    |", "x = 1\n     y = 2\n    z = 3", "x = 1\n    y = 2\n    z = 3"),
        (SPACES + "    |", "for a in b:\n        c\n     d", "for a in b:\n        c\n    d"),
        (SPACES * 2 + "    |", "for a in b:\n       c\n       d", "for a in b:\n        c\n        d"),
        (SPACES + "    z = 3\n    |", "    x = 1", "x = 1"),
        ("def f():\n|", "    x = 1", "    x = 1"),
        # a backslash carries the line on
        (SPACES + "    |", "x = 1 + \\\n        2\n    y", "x = 1 + \\\n        2\n    y"),
        # whole levels are the author's business
        (SPACES + "    |", "for a in b:\n        c\n    d", "for a in b:\n        c\n    d"),
    ],
)
def test_lines_between_levels_are_moved_onto_one(place: str, written: str, expected: str) -> None:
    assert shown(place, written) == expected


@pytest.mark.parametrize(
    ("text", "language", "columns"),
    [
        (SPACES, "python", 4),
        (TWO, "python", 2),
        (TWO.replace(":", ":  # why"), "python", 2),
        (TABS, "python", 4),
        ("x = 1\n", "python", 4),
        ("function f() {\n\treturn 1;\n}\n", "javascript", 2),
        ("func f() {\n\treturn 1\n}\n", "go", 4),
        ("int f() {\n   return 1;\n}\n", "c", 3),
    ],
)
def test_a_tab_is_as_wide_as_a_level_of_the_file(text: str, language: str, columns: int) -> None:
    assert columns_of_a_tab(Hole(path="a", language=language, prefix=text, suffix="")) == columns


def test_spaces_become_tabs_in_a_language_of_braces() -> None:
    place = "func f() {\n\tif a {\n\t\tb()\n\t}\n\t|\n}\n"
    written = "for a {\n        b()\n    }\n    c()"
    assert shown(place, written, "go") == "for a {\n\t\tb()\n\t}\n\tc()"


def test_a_comment_of_several_lines_keeps_its_blanks() -> None:
    place = "int f(void)\n{\n\tint a;\n\t|\n}\n"
    written = "/* one\n\t * two\n\t */\n\ta = 1;"
    assert shown(place, written, "c") == written


@example([(0, "if y:"), (2, "x = 1"), (3, "x = 1"), (1, "x = 1"), (3, "x = 1")])
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["x = 1", "if y:", "z()"])), max_size=8))
def test_only_blanks_are_changed_and_what_is_deeper_stands_in_a_block(lines: list[tuple[int, str]]) -> None:
    written = "\n".join("    " * depth + line for depth, line in [(0, "a = 1"), *lines])
    found = shown("|", written)
    assert found is not None
    assert squeezed(written).startswith(squeezed(found))
    for above, line in pairwise(found.split("\n")):
        assert syntax.indentation(line) <= syntax.indentation(above) or above.endswith(":")
