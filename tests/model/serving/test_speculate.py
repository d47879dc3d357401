"""Where a draft is copied from, and how long it is."""

from __future__ import annotations

from model.serving.speculate import MOST_DRAFTED, PromptLookup


def lookup(tokens: list[int]) -> PromptLookup:
    return PromptLookup(tokens, 50)


def test_the_draft_is_what_followed_the_same_tokens_before():
    assert lookup([1, 2, 3, 4, 5, 9, 1, 2]).propose(3) == [3, 4, 5]


def test_the_longest_match_wins_over_the_latest():
    assert lookup([7, 1, 2, 30, 8, 1, 2, 40, 7, 1, 2]).propose(1) == [30]


def test_of_equal_matches_the_latest_counts():
    assert lookup([8, 1, 2, 30, 8, 1, 2, 40, 8, 1, 2]).propose(1) == [40]


def test_nothing_known_nothing_proposed():
    assert lookup([1, 2, 3, 4]).propose(8) == []
    assert lookup([1]).propose(8) == []
    assert lookup([]).propose(8) == []
    assert lookup([1, 2, 1, 2]).propose(0) == []


def test_one_equal_token_is_no_match():
    assert lookup([5, 2, 3, 4, 9, 2]).propose(8) == []


def test_a_run_may_be_copied_onto_itself():
    assert lookup([4, 4, 4]).propose(8) == [4]


def test_a_longer_match_gives_a_longer_draft():
    text = list(range(10, 40))
    assert len(lookup([*text, 1, 12, 13]).propose(8)) == 3
    assert len(lookup([*text, 1, *text[:4]]).propose(8)) == 5
    assert len(lookup([*text, 1, *text[:9]]).propose(9)) == MOST_DRAFTED


def test_added_tokens_count():
    known = lookup([1, 2, 3, 4, 9])
    known.add(1)
    known.add(2)
    assert known.propose(2) == [3, 4]


def test_wrong_drafts_make_later_ones_shorter_and_right_ones_longer():
    known = lookup([*range(20), 50, *range(8)])
    assert len(known.propose(99)) == MOST_DRAFTED
    known.learn(8, 0)
    known.learn(4, 0)
    assert len(known.propose(99)) == 2
    known.learn(2, 1)
    assert len(known.propose(99)) == 2
    known.learn(2, 2)
    assert len(known.propose(99)) == 4
    for _ in range(9):
        known.learn(1, 0)
    assert len(known.propose(99)) == 1
