"""What follows the cursor on its line is not written again, also behind a string of several lines."""

import pytest

from lsp_server.overlap import without_overlap
from lsp_server.place import place_of
from model.fim import Hole


@pytest.mark.parametrize(
    ("prefix", "text", "suffix", "left"),
    [
        ("f(", 'a)', ")", "a"),
        ("f(", '"""a\nb""")', ")", '"""a\nb"""'),
        ("f(g(", '"""a\nb""")', "))", '"""a\nb"""'),
        ("f(g(", '"""a\nb""")', ")", '"""a\nb""")'),
        ("x = ", '"""a\nb"""', "", '"""a\nb"""'),
    ],
)  # fmt: skip
def test_what_stands_behind_the_cursor_is_not_written_again(
    prefix: str, text: str, suffix: str, left: str
) -> None:
    place = place_of(Hole(path="a.py", language="python", prefix=prefix, suffix=suffix))
    assert without_overlap(text, place) == left
