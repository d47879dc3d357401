"""What is typed when the feel of an editor is measured."""

from __future__ import annotations

import json
import sys

import pytest

from eval.feel.plan import KEYS_OF_A_PIECE, PINNED, Piece, _keys, plan
from eval.replay.typist import Typist
from model.errors import DataError

MOST = KEYS_OF_A_PIECE * len(PINNED)


def written(piece: Piece) -> str:
    """The piece's text as its keys leave it in an editor that keeps indentation."""
    lines = piece.text.split("\n")
    row, line = piece.line - 1, piece.indentation
    behind = lines[row][len(line) :]
    done = []
    for key in piece.keys:
        if key.key == "Enter":
            done.append(line)
            line = line[: len(line) - len(line.lstrip(" "))]
        elif key.key == "Backspace":
            assert not line.strip()
            line = line[: (len(line) - 1) // 4 * 4]
        else:
            line += key.key
        assert line == key.typed
    return "\n".join([*lines[:row], *done, line + behind, *lines[row + 1 :]])


@pytest.mark.parametrize("count", [1, KEYS_OF_A_PIECE, 200, MOST])
def test_as_many_keys_are_measured_as_were_asked_for(count: int) -> None:
    made = plan(count)
    assert made.measured == count
    assert len(made.pieces) == -(-count // KEYS_OF_A_PIECE)


def test_more_keys_than_the_pinned_code_has_are_refused_with_their_number() -> None:
    with pytest.raises(DataError, match=f"only {MOST} keys"):
        plan(MOST + 1)


def test_the_keys_write_the_function_that_was_taken_out() -> None:
    for piece in plan(MOST).pieces:
        head, tail = piece.text.split("\n")[: piece.line - 1], piece.text.split("\n")[piece.line :]
        whole = written(piece)
        lines = whole.split("\n")
        assert lines[: len(head)] == head
        assert lines[len(lines) - len(tail) :] == tail
        assert lines[len(head)].startswith(f"{piece.indentation}def ")


def test_indentation_is_mended_by_quick_keys_and_only_the_last_of_them_is_measured() -> None:
    keys = list(_keys("if a:\n    b\nc", "", "x.py", Typist()))
    ends = [place for place, key in enumerate(keys) if key.key == "Enter"]
    deeper = keys[ends[0] : ends[0] + 5]
    assert [key.key for key in deeper] == ["Enter", *"    "]
    assert [key.typed for key in deeper] == ["", " ", "  ", "   ", "    "]
    assert [key.measured for key in deeper] == [False, False, False, False, True]
    back = keys[ends[1] : ends[1] + 2]
    assert [(key.key, key.typed, key.measured) for key in back] == [
        ("Enter", "    ", False),
        ("Backspace", "", True),
    ]


def test_the_same_python_gives_the_same_plan_and_another_number_another() -> None:
    assert plan(100).checksum == plan(100).checksum != plan(101).checksum
    assert json.loads(json.dumps(plan(3).as_json()))[0]["name"] == "filecmp.py"


def test_every_pinned_function_is_in_this_python() -> None:
    assert len(plan(MOST).pieces) == len(PINNED), sys.version
