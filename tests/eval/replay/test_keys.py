"""Every text is written, and with no more keys than an editor of today asks for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.replay.keys import Key, Target, agreed, pressed

lines = st.text(st.sampled_from("ab:( \t\n'"), max_size=60)


def target(text, before="", step="    "):
    return Target(text=text, before=before, step=step, opens=":")


def typed(one):
    """All texts that stand there, key by key."""
    found = [""]
    while (key := one.next_key(found[-1])) is not None:
        found.append(pressed(found[-1], key))
    return found


@given(text=lines, before=st.sampled_from(["", "    ", "\t"]))
def test_every_text_is_written_in_the_end(text, before):
    text = text.rstrip() and text.rstrip() + "x"
    found = typed(target(text, before))
    assert found[-1] == text
    assert len(found) - 1 == target(text, before).keys_alone()


@given(text=lines)
def test_a_text_asks_for_no_more_keys_than_characters_and_one_a_line_to_move_it(text):
    text += "x"
    assert target(text).keys_alone() <= len(text) + text.count("\n")


@given(text=lines)
def test_what_stands_there_is_the_text_so_far_but_for_the_editors_blanks(text):
    text += "x"
    for done in typed(target(text)):
        count, blanks = agreed(done, text)
        assert done == text[:count] + blanks
        assert not blanks.strip(" \t")


def test_enter_brings_the_indentation_and_one_step_more_behind_what_opens_a_block():
    one = target("def f():\n    x = [\n        1\n    ]\n    return x", before="")
    done = typed(one)
    assert "def f():\n    " in done  # with one key
    assert "def f():\n    x = [\n        " in done
    enters = sum(1 for a, b in pairwise(done) if "\n" in b[len(a) :])
    # Every character of the lines, an Enter a line, and one key that moves the bracket back.
    assert len(done) - 1 == len("def f():" + "x = [" + "1" + "]" + "return x") + enters + 1


def test_the_first_line_stands_behind_what_is_there_already():
    one = target("def f(self):\n        pass", before="    ")
    assert "def f(self):\n        " in typed(one)
    assert one.keys_alone() == len("def f(self):") + 1 + len("pass")


def test_a_blank_line_takes_one_key_and_keeps_no_blanks():
    one = target("    x\n\n    y", before="")
    assert one.next_key("    x\n    ") == Key(delete=4, text="\n    ")
    assert typed(one)[-1] == "    x\n\n    y"


def test_a_line_that_belongs_further_out_is_moved_there_by_one_key():
    one = target("    return x\ny")
    assert one.next_key("    return x\n    ") == Key(delete=4, text="")


@pytest.mark.parametrize("step", ["\t", "  "])
def test_a_step_is_the_files_own(step):
    assert f"if x:\n{step}" in typed(target(f"if x:\n{step}y", step=step))
