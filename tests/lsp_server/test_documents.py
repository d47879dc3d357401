import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server.documents import (
    Document,
    Edit,
    Encoding,
    changed,
    edited,
    line_end,
    offset_at,
    position_of,
    units,
)

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


def naive_offset(line: str, character: int, encoding: Encoding) -> int | None:
    counted = 0
    for index, one in enumerate(line):
        width = {
            "utf-8": 1 + sum(one >= first for first in "\x80\u0800\U00010000"),
            "utf-16": 1 + (one > "\uffff"),
            "utf-32": 1,
        }[encoding]
        if character < counted + width:
            return index
        counted += width
    return len(line) if character == counted else None


@given(
    st.text(alphabet="aé€\uffff😀\U0010ffff\ud83d\ude00\x0c", max_size=12),
    st.integers(0, 50),
    st.sampled_from(ENCODINGS),
)
def test_columns_are_those_of_counting_one_by_one(line: str, character: int, encoding: Encoding) -> None:
    expected = naive_offset(line, character, encoding)
    assert offset_at(line, 0, character, encoding) == expected
    assert naive_offset(line, units(line, encoding), encoding) == len(line)
    place = len(line) if expected is None else expected
    edited = changed(f"é\n{line}\n", (1, character), (1, character), "x", encoding)
    assert edited == f"é\n{line[:place]}x{line[place:]}\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_edit_in_a_line_of_millions_of_characters_is_quick(encoding: Encoding) -> None:
    line = "é😀" * 2_000_000
    place = units(line, encoding)
    start = time.process_time()
    assert changed(line, (0, place), (0, place + 1), "x", encoding) == line + "x"
    assert position_of(line, len(line), encoding) == (0, place)
    assert time.process_time() - start < 0.5


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


_SPOTS = st.tuples(st.one_of(st.integers(0, 5), st.integers(0, 300)), st.integers(0, 4))


@example(1, "a\rb", [("\n", (1, 0), (1, 0), False)], (0, 0))  # CR and LF become one line end
@example(1, "a\nb", [("x", (1, 0), (1, 0), False), ("xx\nx", (0, 0), (0, 0), True)], (1, 0))
@given(
    st.sampled_from([1, 40]),
    TEXTS,
    st.lists(st.tuples(TEXTS, _SPOTS, _SPOTS, st.booleans()), max_size=6),
    _SPOTS,
)
def test_where_a_document_was_edited_last_makes_no_difference(
    times: int,
    text: str,
    edits: list[tuple[str, tuple[int, int], tuple[int, int], bool]],
    asked: tuple[int, int],
) -> None:
    """A place is looked for from there on: it must be the same place, whatever line ends come together."""
    text *= times
    document = Document(path="a", language_id="python", text=text)
    for new, start, end, whole in edits:
        text = new * times if whole else changed(text, start, end, new, "utf-16")
        edit = Edit(text=new * times) if whole else Edit(text=new, start=start, end=end)
        document = edited(document, [edit], "utf-16")
        assert document.text == text
        for spot in (asked, start, (start[0] + 1, 0)):
            assert offset_at(text, *spot, "utf-16", document.near) == offset_at(text, *spot, "utf-16")


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
