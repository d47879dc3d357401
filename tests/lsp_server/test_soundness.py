"""A suggestion that does not parse is told from one that does, wherever the cursor stands."""

import pytest

from lsp_server.soundness import errors_with
from model.fim import Hole

FILE = """import os


class A:
    def f(self, x):
        y = x
        return y


def g(a):
    return a
"""


def hole(prefix: str, suffix: str = "") -> Hole:
    return Hole(path="a.py", language="python", prefix=prefix, suffix=suffix)


def within(after: str, missing: str = "") -> Hole:
    at = FILE.index(after) + len(after)
    return hole(FILE[:at], FILE[at + len(missing) :])


@pytest.mark.parametrize("text", ["z = y", "z = [1]", "if x:\n            y = 1"])
def test_sound_text_has_no_errors(text: str) -> None:
    assert errors_with(within("y = x\n        ", ""), text + "\n        ") == 0


@pytest.mark.parametrize("text", ["z = (", "z = ]", "if x", "z = = y", "raise E(Exception):)"])
def test_broken_text_has_errors(text: str) -> None:
    assert errors_with(within("y = x\n        ", ""), text + "\n        ") > 0


@pytest.mark.parametrize(
    "text",
    ["x = 1", "if x:", "def h(a,", "foo(a, [1,", "try:", "@cached", "with open(p) as f:", "class B(A):"],
)
def test_at_the_end_of_a_file_what_is_unfinished_is_no_error(text: str) -> None:
    assert errors_with(hole(FILE + "\n\n"), text) == 0


@pytest.mark.parametrize("text", ["x = = 1", "if x))", "def 1():", "foo(a, ]"])
def test_at_the_end_of_a_file_nonsense_is_an_error(text: str) -> None:
    assert errors_with(hole(FILE + "\n\n"), text) > 0


def test_a_long_file_is_judged_by_the_piece_around_the_cursor_alone() -> None:
    many = "".join(f"    def m{i}(self):\n        return {i}\n\n" for i in range(400))
    broken_far_above = "x = = 1\n\n\nclass A:\n" + many
    at = broken_far_above.rindex("        return")
    near = hole(broken_far_above[:at] + "        ", "\n\n" + many)
    assert errors_with(near, "return 1") == 0
    assert errors_with(near, "return (") > 0
    assert errors_with(near, "return 1", everywhere=True) > 0
