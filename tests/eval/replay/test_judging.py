"""What an answer is worth: rightness, new syntax errors, brackets that close nothing."""

import pytest

from eval.replay.judging import judged
from eval.replay.retype import Asked


def asked(agreed, text, **more):
    return Asked(kind="cold", agreed=agreed, blanks="", outcome="suggestion", text=text, fresh=True, **more)


def judge(replaying, text, *, at, piece=None, **more):
    piece = piece or replaying.piece()
    (found,) = judged([asked(piece.target.index(at) + len(at), text, **more)], piece)
    return found


def test_the_truth_is_right_and_breaks_nothing(replaying):
    found = judge(replaying, "total = a + b\n    return total", at="b):\n    ")
    assert found.first
    assert found.spelled == len(found.text)
    assert (found.broken, found.worse, found.closers) == (False, False, False)


def test_a_wrong_suggestion_counts_up_to_its_first_wrong_character(replaying):
    found = judge(replaying, "total = a - b", at="b):\n    ")
    assert not found.first
    assert found.spelled == len("total = a ")


def test_a_suggestion_that_does_not_parse_is_broken_and_worse_than_the_truth(replaying):
    found = judge(replaying, "total = = b", at="b):\n    ")
    assert found.broken
    assert found.worse


def test_what_is_half_done_is_no_worse_than_the_same_lines_of_the_person(replaying):
    """Brackets over several lines are an error until they are closed, whoever writes them."""
    piece = replaying.piece(target="def f():\n    x = [\n        1,\n    ]\n    return x")
    found = judge(replaying, "y = [\n        2,", at="def f():\n    ", piece=piece)
    assert found.broken
    assert not found.worse


def test_a_file_that_was_broken_before_is_not_the_suggestions_fault(replaying):
    piece = replaying.piece(head="x = = 1\n\n\n")
    assert not judge(replaying, "total = a + b", at="b):\n    ", piece=piece).broken


@pytest.mark.parametrize(("text", "expected"), [("a + b)", True), ("(a + b)", False), ('")"', False)])
def test_a_bracket_that_closes_nothing_is_told(replaying, text, expected):
    assert judge(replaying, text, at="total = ").closers is expected


def test_an_item_that_changes_more_is_wrong_even_where_its_text_is_right(replaying):
    assert not judge(replaying, "total = a + b", at="b):\n    ", fits=False).first


def test_text_behind_the_editors_own_indentation_is_wrong(replaying):
    piece = replaying.piece()
    at = piece.target.index("    total")
    one = Asked(kind="cold", agreed=at, blanks="        ", outcome="suggestion", text="    total = a + b")
    assert not judged([one], piece)[0].first


def test_what_was_visible_before_is_not_parsed_again(replaying):
    piece = replaying.piece()
    one = Asked(kind="typed-on", agreed=5, blanks="", outcome="suggestion", text=") ) )", fresh=False)
    assert not judged([one], piece)[0].broken
