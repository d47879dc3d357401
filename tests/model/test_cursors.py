"""Cursors in real code: where a person may have stood, with an answer that says something."""

from __future__ import annotations

import io
import random
import re
import tokenize
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.cursors import MODES, Cursor, draw, others
from model.fim import Snippet

CODE = '''"""A docstring of the module, of many words.

More words stand here.
"""

import os, sys


class Thing:
    """Words of a docstring."""

    def method(self, first, second):
        """Say something here.

        And some more words.
        """
        # A comment of several words.
        total = first + second  # words of praise
        if total > first:
            return total - second

        return os.path.join(first, second)

    name = """
    words in a string
    """


def last(one, two):
    text = "some words # not a comment"
    return one or two
'''


def comments(text: str) -> list[tuple[int, int]]:
    """Spans of comments, by Python's own tokenizer."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return [
        (starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1])
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def line_of(text: str, offset: int) -> tuple[int, int]:
    end = text.find("\n", offset)
    return text.rfind("\n", 0, offset) + 1, len(text) if end < 0 else end


@pytest.fixture(scope="module")
def texts(source_texts) -> list[str]:
    return [CODE, *[text for text in source_texts if text][:13]]


def check(text: str, cursor: Cursor) -> None:
    """What the docstring of Cursor says of each mode."""
    assert 0 <= cursor.start < cursor.end <= len(text)
    start, end = line_of(text, cursor.start)
    truth, line = text[cursor.start : cursor.end], text[start:end]
    assert re.search(r"[^\W\d]", truth)
    assert not line.lstrip().startswith("#")
    assert len(re.findall(r"[^\W\d]\w*", line)) >= 2
    at_indentation = start + indentation(line)
    if cursor.mode == "mid-line":
        assert cursor.start > at_indentation
        assert cursor.end == end
        # From a token's start: no word is cut.
        assert not re.match(r"\w\w", text[cursor.start - 1 : cursor.start + 1])
        return
    assert cursor.start == at_indentation
    if cursor.mode != "block":
        assert cursor.end == end
        return
    lines = text[start : cursor.end].split("\n")
    assert 2 <= len(lines) <= 8
    depth = indentation(line)
    assert all(indentation(one) >= depth for one in lines if one.strip())
    assert lines[-1].strip()
    behind = next((one for one in text[cursor.end + 1 :].split("\n") if one.strip()), "")
    assert indentation(behind) < depth or not behind


@given(number=st.integers(0, 13), seed=st.integers(0, 10_000))
@settings(max_examples=120)
def test_every_cursor_is_what_its_mode_says(texts, number, seed):
    text = texts[number % len(texts)]
    found = draw(text, "python", random.Random(seed), MODES)
    assert len({cursor.mode for cursor in found}) == len(found)
    for cursor in found:
        check(text, cursor)
    lines = sorted(line_of(text, cursor.start) for cursor in found)
    assert all(one != other for one, other in pairwise(lines))


PROSE = [
    "More words stand here.",
    "And some more words.",
    "# A comment of several words.",
    "    words in a string",
]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=120)
def test_no_cursor_stands_in_prose(seed):
    """Lines that begin within a docstring or string, and comments."""
    spans = [(CODE.index(line), CODE.index(line) + len(line)) for line in PROSE]
    for cursor in draw(CODE, "python", random.Random(seed), MODES):
        assert not any(start <= cursor.start <= end for start, end in spans)


def test_no_cursor_stands_in_a_comment_behind_code():
    text = "def f(one, two):\n    total = one  # some words of praise\n    return total\n"
    ((start, end),) = comments(text)
    for seed in range(60):
        for cursor in draw(text, "python", random.Random(seed), ["mid-line"]):
            assert not start < cursor.start < end


def test_no_docstring_is_the_answer():
    text = 'def f(one, two):\n    """Add one and two words."""\n    return one + two\n'
    starts = {
        cursor.start for seed in range(60) for cursor in draw(text, "python", random.Random(seed), ["line"])
    }
    assert text.index('"""') not in starts


def test_a_seed_gives_its_cursors_again(texts):
    for text in texts:
        first = draw(text, "python", random.Random(3), MODES)
        assert draw(text, "python", random.Random(3), MODES) == first
    drawn = {tuple(draw(CODE, "python", random.Random(seed), MODES)) for seed in range(8)}
    assert len(drawn) > 3


def test_modes_come_in_the_order_asked_for():
    found = draw(CODE, "python", random.Random(1), ["block", "line"])
    assert [cursor.mode for cursor in found] == ["block", "line"]


@pytest.mark.parametrize("text", ["", "\n", "x\n", "pass", ")\n]\n", "# one two\n"])
def test_a_file_of_trivial_lines_has_none(text):
    assert draw(text, "python", random.Random(0), MODES) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_hole_is_cut_out_of_its_file(mode):
    (cursor,) = draw(CODE, "python", random.Random(5), [mode])
    hole = cursor.hole(CODE, path="a.py", language="python")
    assert (hole.path, hole.language) == ("a.py", "python")
    truth = CODE[cursor.start : cursor.end]
    if mode == "file-end":
        assert hole.suffix == ""
        assert CODE.startswith(hole.prefix + truth)
    else:
        assert hole.prefix + truth + hole.suffix == CODE


def test_files_of_the_same_folder_come_first():
    files = [Snippet(path=path, text="") for path in ("a/x.py", "b/1.py", "a/y.py", "top.py", "a/z.py")]
    seen = set()
    for seed in range(20):
        chosen = [file.path for file in others("a/x.py", files, random.Random(seed), 3)]
        assert set(chosen[:2]) == {"a/y.py", "a/z.py"}
        assert chosen[2] in ("b/1.py", "top.py")
        assert "a/x.py" not in [f.path for f in others("a/x.py", files, random.Random(seed), 99)]
        seen.add(tuple(chosen))
    assert len(seen) > 2
    assert others("a/x.py", files, random.Random(0), 0) == []
