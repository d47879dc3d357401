import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.documents import Encoding, changed, line_end, offset_at, position_of, units

ENCODINGS: list[Encoding] = ["utf-8", "utf-16", "utf-32"]
TEXTS = st.lists(
    st.sampled_from(["a", "é", "😀", "\n", "\r\n", "\r", "\x0c", "\u2028", "bc"]), max_size=20
).map("".join)


@pytest.mark.parametrize(
    ("text", "line", "character", "encoding", "expected"),
    [
        ("a😀b", 0, 3, "utf-16", 2),
        ("a😀b", 0, 2, "utf-16", 1),  # between the surrogates
        ("a😀b", 0, 5, "utf-8", 2),
        ("a😀b", 0, 2, "utf-32", 2),
        ("a😀b", 0, 4, "utf-16", 3),
        ("a😀b", 0, 5, "utf-16", None),
        ("é\r\nb", 1, 1, "utf-16", 4),
        ("é\r\nb", 0, 2, "utf-16", None),  # not into the line end
        ("a\n", 1, 0, "utf-16", 2),
        ("a\n", 2, 0, "utf-16", None),
        ("", 0, 0, "utf-16", 0),
        ("", 1, 0, "utf-16", None),
        ("a\x0cb\u2028c", 0, 5, "utf-16", 5),
        ("a", -1, 0, "utf-16", None),
        ("a", 0, -1, "utf-16", None),
        ("a\rb", 1, 1, "utf-16", 3),
        ("😀", 0, 1, "utf-16", 0),
        ("é", 0, 1, "utf-8", 0),
    ],
)
def test_offset_at(text: str, line: int, character: int, encoding: Encoding, expected: int | None) -> None:
    assert offset_at(text, line, character, encoding) == expected


@given(TEXTS, st.data(), st.sampled_from(ENCODINGS))
def test_every_offset_has_a_position_and_back(text: str, data: st.DataObject, encoding: Encoding) -> None:
    offset = data.draw(st.integers(0, len(text)))
    if text[offset - 1 : offset + 1] == "\r\n":
        offset += 1
    assert offset_at(text, *position_of(text, offset, encoding), encoding) == offset


@given(TEXTS, TEXTS, st.data(), st.sampled_from(ENCODINGS))
def test_a_change_is_a_slice(text: str, new: str, data: st.DataObject, encoding: Encoding) -> None:
    places = [n for n in range(len(text) + 1) if text[max(0, n - 1) : n + 1] != "\r\n"]
    start, end = sorted(data.draw(st.lists(st.sampled_from(places), min_size=2, max_size=2)))
    spots = (position_of(text, n, encoding) for n in (start, end))
    assert changed(text, *spots, new, encoding) == text[:start] + new + text[end:]


def test_a_change_outside_the_text_is_moved_to_its_nearest_place() -> None:
    assert changed("ab\ncd", (0, 9), (0, 10), "x", "utf-16") == "abx\ncd"
    assert changed("ab\ncd", (7, 0), (9, 9), "x", "utf-16") == "ab\ncdx"
    assert changed("ab", (0, 2), (0, 1), "x", "utf-16") == "abx"


@pytest.mark.parametrize(
    ("text", "end"), [("a", "\n"), ("a\r\nb\n", "\r\n"), ("a\n\r\n", "\n"), ("a\rb", "\r")]
)
def test_line_end(text: str, end: str) -> None:
    assert line_end(text) == end


def test_units() -> None:
    assert [units("aé😀", encoding) for encoding in ENCODINGS] == [7, 4, 3]
