"""Accepted text is found again after any edits, and how much of it is left is the edit distance."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server.signals.survival import MOSTLY, Change, Region, change_between, share

LETTERS = st.text("abc\n", max_size=12)


def applied(text: str, change: Change) -> str:
    return text[: change.start] + change.text + text[change.end :]


def follow(region: Region, text: str, *changes: Change) -> tuple[Region, str]:
    for change in changes:
        region, text = region.after(change), applied(text, change)
    return region, text


def region_of(before: str, accepted: str) -> Region:
    return Region(start=len(before), end=len(before) + len(accepted), length=len(accepted))


def distance_to_a_part(pattern: str, text: str) -> int:
    """Sellers 1980, cell by cell."""
    column = list(range(len(pattern) + 1))
    best = column[-1]
    for character in text:
        above, column[0] = column[0], 0
        for row, wanted in enumerate(pattern, 1):
            above, column[row] = (
                column[row],
                min(above + (wanted != character), column[row] + 1, column[row - 1] + 1),
            )
        best = min(best, column[-1])
    return best


@given(LETTERS.filter(bool) | st.text(min_size=60, max_size=150, alphabet="ab"), LETTERS | st.text("ab"))
def test_the_share_is_that_of_the_table_of_all_distances(accepted: str, window: str) -> None:
    assert share(accepted, window) == 1 - distance_to_a_part(accepted, window) / len(accepted)


@given(LETTERS, LETTERS)
@example("aa", "aaa")
@example("aaa", "aa")
@example("ab", "abab")
def test_a_change_makes_one_text_of_the_other_and_is_the_smallest(old: str, new: str) -> None:
    change = change_between(old, new)
    if change is None:
        assert old == new
        return
    assert applied(old, change) == new
    removed = old[change.start : change.end]
    assert removed[:1] != change.text[:1] or not removed or not change.text
    assert removed[-1:] != change.text[-1:] or not removed or not change.text


class Reference:
    """The document as a list of characters with a mark before and one behind the accepted text.

    Nothing takes the marks away; what replaces any of what lies between them lies between them.
    """

    LEFT, RIGHT = "<", ">"

    def __init__(self, before: str, accepted: str, behind: str) -> None:
        self.items = [*before, self.LEFT, *accepted, self.RIGHT, *behind]
        self.length = len(accepted)

    def change(self, change: Change) -> None:
        left, right = self.items.index(self.LEFT), self.items.index(self.RIGHT)
        before, between, behind = self.items[:left], self.items[left + 1 : right], self.items[right + 1 :]
        start, end, text = change
        first, second = len(before), len(before) + len(between)
        put_back = start == end and len(between) < self.length and first <= start <= second
        if put_back or (start < second and end > first):
            between = [*between[: max(0, start - first)], *text, *between[max(0, end - first) :]]
            before = before[: min(start, first)]
            behind = behind[max(0, end - second) :]
        elif end <= first:
            before = [*before[:start], *text, *before[end:]]
        else:
            behind = [*behind[: start - second], *text, *behind[end - second :]]
        self.items = [*before, self.LEFT, *between, self.RIGHT, *behind]

    @property
    def text(self) -> str:
        return "".join(one for one in self.items if one not in (self.LEFT, self.RIGHT))

    @property
    def between(self) -> str:
        return "".join(self.items[self.items.index(self.LEFT) + 1 : self.items.index(self.RIGHT)])


@given(before=LETTERS, accepted=LETTERS.filter(bool), behind=LETTERS, data=st.data())
def test_random_edits_lead_where_marks_in_a_list_of_characters_do(
    before: str, accepted: str, behind: str, data: st.DataObject
) -> None:
    text = before + accepted + behind
    region, reference = region_of(before, accepted), Reference(before, accepted, behind)
    for _ in range(data.draw(st.integers(1, 8))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        change = Change(start, end, data.draw(LETTERS))
        region, text = follow(region, text, change)
        reference.change(change)
        assert text == reference.text
        assert region.window(text) == reference.between


@given(before=LETTERS, accepted=LETTERS.filter(bool), behind=LETTERS, data=st.data())
def test_edits_elsewhere_take_nothing_away(
    before: str, accepted: str, behind: str, data: st.DataObject
) -> None:
    text, region = before + accepted + behind, region_of(before, accepted)
    for _ in range(data.draw(st.integers(1, 6))):
        above = data.draw(st.booleans())
        low, high = (0, region.start) if above else (region.end, len(text))
        start = data.draw(st.integers(low, high))
        change = Change(start, data.draw(st.integers(start, high)), data.draw(LETTERS))
        region, text = follow(region, text, change)
    assert region.window(text) == accepted
    assert share(accepted, region.window(text)) == 1


def test_undone_is_gone_and_redone_is_back() -> None:
    undone, text = follow(region_of("x = ", "foo(1)"), "x = foo(1)\n", Change(4, 10, ""))
    assert share("foo(1)", undone.window(text)) == 0
    redone, text = follow(undone, text, Change(4, 4, "foo(1)"))
    assert share("foo(1)", redone.window(text)) == 1


def test_who_types_on_behind_it_does_not_make_it_longer() -> None:
    region, text = follow(region_of("x = ", "foo(1)"), "x = foo(1)", Change(10, 10, " + 2"))
    assert region.window(text) == "foo(1)"


def test_one_word_changed_in_a_line_leaves_most_of_it() -> None:
    accepted = "return first + second"
    region, text = follow(region_of("    ", accepted), "    " + accepted, Change(11, 16, "one"))
    assert text == "    return one + second"
    # Of five letters two went and three became others.
    assert share(accepted, region.window(text)) == pytest.approx(1 - 5 / 21)
    assert share(accepted, region.window(text)) > MOSTLY


def test_a_file_written_anew_as_a_whole_still_has_it_where_it_is_unchanged() -> None:
    """Editors that sync whole texts, and formatters, replace everything at once."""
    old, new = "a=1\nx = foo(1)\nb=2\n", "a = 1\nx = foo(1)\nb = 2\n"
    change = change_between(old, new)
    assert change is not None
    region, text = follow(region_of("a=1\n", "x = foo(1)"), old, change)
    assert share("x = foo(1)", region.window(text)) == 1


def test_what_is_looked_through_is_limited() -> None:
    region, text = follow(region_of("", "abc"), "abc", Change(0, 3, "x" * 1_000_000))
    assert len(region.window(text)) <= 8_000
