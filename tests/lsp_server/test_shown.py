"""A suggestion that stands in the document where it was shown has been accepted, however it came there."""

from __future__ import annotations

import pytest

from lsp_server.documents import Document
from lsp_server.open_texts import Place
from lsp_server.shown import LastShown


def place(before: str, behind: str = "\n") -> Place:
    document = Document(path="/w/a.py", language_id="python", text=before + behind)
    return Place(document=document, before=before, behind=behind, own_before=before, own_behind=behind)


def shown(*texts: str) -> LastShown:
    found = LastShown()
    found.remember("a", place("x = "), texts)
    return found


@pytest.mark.parametrize("text", ["x = foo(1)\n", "x = foo(1)\r\n"])
def test_what_was_shown_and_stands_there_is_accepted_once(text: str) -> None:
    found = shown("bar", "foo(1)")
    assert found.accepted("a", text) == "x = foo(1)"
    assert found.accepted("a", text) is None


@pytest.mark.parametrize(
    "text", ["x = \n", "x = foo(\n", "x = foo(2)\n", "y = foo(1)\n", "x = foo(1)\n\n", ""]
)
def test_what_is_something_else_is_not(text: str) -> None:
    found = shown("foo(1)")
    assert found.accepted("a", text) is None
    assert found.accepted("b", "x = foo(1)\n") is None
    assert found.accepted("a", "x = foo(1)\n") is not None, "it may still come"


def test_only_the_last_of_a_few_open_documents_are_remembered() -> None:
    found = shown("foo(1)")
    found.remember("a", place("y = "), ["bar"])
    assert found.accepted("a", "x = foo(1)\n") is None
    for number in range(20):
        found.remember(str(number), place("x = "), ["foo(1)"])
    assert len(found) == 16
    assert found.accepted("0", "x = foo(1)\n") is None
    found.forget(lambda uri: uri != "19")
    assert len(found) == 1
    assert found.accepted("19", "x = foo(1)\n") is not None
