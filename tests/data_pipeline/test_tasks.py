"""Function tasks: documented functions only, each part where it belongs, and the seed decides the rest."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from data_pipeline.document import Document
from data_pipeline.tasks import TaskConfig, function_examples, kinds_and_function_examples
from model.errors import ConfigError
from model.fim import FimExample

ALL = TaskConfig(dependent=1.0, docstrings=1.0, comments=1.0)
CODE = '''from __future__ import annotations

import math
import os
from collections import Counter, OrderedDict as Ordered

RATE = 0.2


def most_common(words: list[str], count: int) -> list[str]:
    """The words that come up most often, the most frequent one first.

    >>> most_common(["a", "b", "a"], 1)
    ['a']
    """
    found = Counter(words)
    return [word for word, _ in found.most_common(count)]


def with_tax(price: float) -> float:
    """A price with the tax that is in force added to it."""
    total = price * (1 + RATE)
    return math.ceil(total)


class Cart:
    """Things that somebody is about to buy."""

    def total(self) -> float:
        """What is to be paid for all things together."""
        prices = Ordered(self.prices)

        # Things that cost nothing are left out of the sum
        paid = [price for price in prices if price]
        total = sum(paid)

        # total = total or fallback
        return total

    def clear(self) -> None:
        """Take everything out of the cart, as if new."""
        raise NotImplementedError("to be written by those who inherit from this class")
'''


def drawn(document: Document, seed: int = 0, config: TaskConfig = ALL) -> dict[str, list[FimExample]]:
    found: dict[str, list[FimExample]] = {"body": [], "comment": [], "docstring": []}
    for kind, example in kinds_and_function_examples(document, random.Random(seed), config):
        found[kind].append(example)
    return found


def test_a_function_that_stands_alone_comes_with_its_imports_and_twice_with_a_doctest(
    make_document: Callable[..., Document],
) -> None:
    first, second = (e for e in drawn(make_document(CODE))["body"] if "def most_common" in e.hole.prefix)
    for example in (first, second):
        assert example.hole.prefix.startswith("from collections import Counter\n\n\ndef most_common(")
        assert example.hole.prefix.rstrip().endswith('"""')
        assert example.middle.strip().startswith("found = Counter(words)")
        assert example.middle.endswith("most_common(count)]")
        assert example.hole.suffix == ""
        assert example.ends


def test_the_cursor_stands_at_the_lines_start_or_behind_its_indentation(
    make_document: Callable[..., Document],
) -> None:
    ends = {
        example.hole.prefix.rpartition("\n")[2]
        for seed in range(20)
        for example in drawn(make_document(CODE), seed)["body"]
        if "def with_tax" in example.hole.prefix
    }
    assert ends == {"", "    "}


def test_a_method_comes_with_the_header_of_its_class(make_document: Callable[..., Document]) -> None:
    (example,) = (e for e in drawn(make_document(CODE))["body"] if "def total" in e.hole.prefix)
    assert "from collections import OrderedDict as Ordered\n\n\nclass Cart:\n    def total(self)" in (
        example.hole.prefix
    )


def test_functions_that_need_the_rest_of_their_file_are_drawn_less(
    make_document: Callable[..., Document],
) -> None:
    found = drawn(make_document(CODE), config=replace(ALL, dependent=0.0))["body"]
    assert all("def most_common" in e.hole.prefix for e in found)
    assert found


def test_stubs_and_bare_functions_are_left_out(make_document: Callable[..., Document]) -> None:
    found = drawn(make_document(CODE))
    assert not any("def clear" in e.hole.prefix for e in [*found["body"], *found["docstring"]])
    for body in ("    pass", "    ...", "    raise NotImplementedError\n    # later", "    return None"):
        text = f'def do(it):\n    """Does what it says, and nothing more than that."""\n{body}\n'
        assert not list(function_examples(make_document(text), random.Random(0), ALL)), body
    for docstring in (
        "Short.",
        "See base class for what all of this is about.",
        "TODO say what this one does",
    ):
        text = f'def do(it):\n    """{docstring}"""\n    it = it + 1\n    return it\n'
        assert not list(function_examples(make_document(text), random.Random(0), ALL)), docstring


def test_the_docstring_is_asked_for_between_signature_and_body(
    make_document: Callable[..., Document],
) -> None:
    (example,) = (e for e in drawn(make_document(CODE))["docstring"] if "def with_tax" in e.hole.prefix)
    assert example.hole.prefix.endswith('def with_tax(price: float) -> float:\n    """')
    assert example.middle == 'A price with the tax that is in force added to it."""'
    assert example.hole.suffix == "\n    total = price * (1 + RATE)\n    return math.ceil(total)"


def test_a_comment_asks_for_the_code_down_to_the_empty_line(make_document: Callable[..., Document]) -> None:
    (example,) = drawn(make_document(CODE))["comment"]  # code that was switched off asks for nothing
    assert example.hole.prefix.endswith("# Things that cost nothing are left out of the sum\n        ")
    assert example.middle == "paid = [price for price in prices if price]\n        total = sum(paid)"
    assert example.hole.suffix.startswith("\n\n        # total = total or fallback")


def test_what_looks_like_a_comment_within_a_string_asks_for_nothing(
    make_document: Callable[..., Document],
) -> None:
    text = 'def page():\n    return """\n    # a heading of four words\n    and some more text\n    """\n'
    assert not drawn(make_document(text))["comment"]


def test_the_code_below_a_comment_is_whole_statements(make_document: Callable[..., Document]) -> None:
    text = (
        "def page(name):\n    # The text that each page has first\n    title = name.title()  # as in books\n"
        '    text = """\n    A page\n\n    of words\n    """\n    if title:\n        return text\n'
        "    # There is no title for this page\n    else:\n        text = title\n    return text\n"
    )
    (example,) = drawn(make_document(text))["comment"]
    assert example.middle == "title = name.title()  # as in books"
    assert example.hole.suffix.startswith('\n    text = """')


@pytest.mark.parametrize(
    ("language", "text", "middle", "suffix"),
    [
        (
            "javascript",
            "/**\n * The price with the tax added to it.\n */\nfunction total(price) {\n  const tax = 2;\n"
            "  return price + tax;\n}\n",
            "const tax = 2;\n  return price + tax;",
            "\n}",
        ),
        (
            "go",
            "package cart\n\n// Total is the price with the tax added.\nfunc Total(price int) int {\n"
            "\ttax := 2\n\treturn price + tax\n}\n",
            "tax := 2\n\treturn price + tax",
            "\n}",
        ),
        (
            "rust",
            "/// The price with the tax added to it.\nfn total(price: u32) -> u32 {\n    let tax = 2;\n"
            "    price + tax\n}\n",
            "let tax = 2;\n    price + tax",
            "\n}",
        ),
    ],
)
def test_documentation_above_a_function_counts_as_well(
    make_document: Callable[..., Document], language: str, text: str, middle: str, suffix: str
) -> None:
    document = replace(make_document(text), language=language)
    found = drawn(document)
    (body,) = found["body"]
    assert body.middle.strip() == middle
    assert body.hole.suffix == suffix
    (docstring,) = found["docstring"]
    assert "The price" in docstring.middle or "Total is the price" in docstring.middle
    assert docstring.hole.suffix.endswith("}")


def test_the_same_seed_draws_the_same_tasks(make_document: Callable[..., Document]) -> None:
    some = TaskConfig(dependent=0.5, docstrings=0.5, comments=0.5)
    one, two = (drawn(make_document(CODE * 5), 1, some) for _ in range(2))
    assert one == two != drawn(make_document(CODE * 5), 2, some)


def test_shares_and_lengths_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"the share `comments` is -1"):
        TaskConfig(comments=-1)
    with pytest.raises(ConfigError, match=r"`body_lines` is 5 to 2"):
        TaskConfig(body_lines=(5, 2))
