"""Chunks cover their document, holes cover their chunk, and draws depend on their seed alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_pipeline import holes, spans
from data_pipeline.document import Document
from data_pipeline.holes import HoleConfig, chunks, examples, kinds_and_examples
from data_pipeline.spans import Span, cursor_span, random_span, syntax_span
from model import syntax
from model.errors import ConfigError
from model.fim import FimExample, Snippet
from model.neighbourhood import Neighbourhood
from model.neighbours import choose

CODE = Path(holes.__file__).read_text(encoding="utf-8")
BRACES = {
    "javascript": "function total(price) {\n  const tax = price * 0.2;\n  return price + tax;\n}\n",
    "typescript": "function total(price: number): number {\n  const tax = price;\n  return price + tax;\n}\n",
    "go": "package cart\n\nfunc Total(price int) int {\n\ttax := price\n\treturn price + tax\n}\n",
    "rust": "fn total(price: u32) -> u32 {\n    let tax = price;\n    price + tax\n}\n",
    "java": "class Cart {\n  int total(int price) {\n    int tax = price;\n    return tax;\n  }\n}\n",
    "c": "int total(int price) {\n  int tax = price;\n  return price + tax;\n}\n",
    "cpp": "int total(int price) {\n  auto tax = price;\n  return price + tax;\n}\n",
}


@pytest.mark.parametrize("text", [CODE, "é = '😀'\n" * 300, "x" * 5000, "a\n"])
def test_chunks_joined_are_the_document(make_document: Callable[..., Document], text: str) -> None:
    found = list(chunks(make_document(text), 900, random.Random(0)))
    assert "".join(c.text for c in found) == text
    assert max(len(c.text) for c in found) <= 900
    assert all(c.text == text[c.start : c.end] for c in found)


def test_most_cuts_stand_before_a_definition(make_document: Callable[..., Document]) -> None:
    text = Path(spans.__file__).read_text(encoding="utf-8")  # most of it are short functions
    found = list(chunks(make_document(text), 1500, random.Random(0)))
    assert Counter(c.kind for c in found)["syntax"] >= len(found) // 2


@pytest.mark.parametrize("seed", range(20))
def test_the_parts_of_all_holes_joined_are_the_document(
    make_document: Callable[..., Document], seed: int
) -> None:
    config = HoleConfig(chunk_characters=900, fim=1.0, no_suffix=0.0)
    found = list(examples(make_document(CODE), config, random.Random(seed)))
    assert "".join(e.hole.prefix + e.middle + e.hole.suffix for e in found) == CODE
    assert all(e.ends for e in found)
    assert sum(bool(e.middle.strip()) for e in found) > len(found) * 0.7


@pytest.mark.parametrize("language", BRACES)
@pytest.mark.parametrize("seed", range(5))
def test_every_language_has_holes(make_document: Callable[..., Document], language: str, seed: int) -> None:
    document = replace(make_document(BRACES[language] * 30), language=language)
    config = HoleConfig(chunk_characters=400, fim=1.0, no_suffix=0.0)
    found = list(kinds_and_examples(document, config, random.Random(seed)))
    assert "".join(e.hole.prefix + e.middle + e.hole.suffix for _, e in found) == document.text
    assert {kind for kind, _ in found} - {"random"}


def test_the_same_seed_draws_the_same_holes(make_document: Callable[..., Document]) -> None:
    one, two, three = (list(examples(make_document(CODE), HoleConfig(), random.Random(s))) for s in (1, 1, 2))
    assert one == two != three


def test_ordinary_text_ends_only_where_the_file_does(make_document: Callable[..., Document]) -> None:
    found = list(examples(make_document(CODE), HoleConfig(fim=0.0), random.Random(0)))
    assert [e.ends for e in found] == [False] * (len(found) - 1) + [True]
    assert all(not e.hole.prefix and not e.hole.suffix for e in found)


# --- what is drawn -----------------------------------------------------------------------------------------


@pytest.fixture
def many(make_document: Callable[..., Document]) -> list[tuple[str, FimExample]]:
    """Holes of every kind, some hundreds, in real code."""
    config = HoleConfig(fim=1.0, neighbours=0.0)
    document = make_document(CODE * 3)
    return [one for seed in range(60) for one in kinds_and_examples(document, config, random.Random(seed))]


def test_nothing_is_to_be_written_behind_finished_lines_only(many: list[tuple[str, FimExample]]) -> None:
    empty = [(kind, e) for kind, e in many if not e.middle.strip()]
    assert {kind for kind, _ in empty} <= {"finished", "random"}
    assert 0 < sum(kind == "finished" for kind, _ in empty) < 0.03 * len(many)
    assert sum(kind == "random" for kind, _ in empty) < 0.01 * len(many)
    for kind, example in empty:
        if kind == "finished":
            assert example.hole.prefix.rpartition("\n")[2].strip()
            assert example.hole.suffix[:1] in ("", "\n")


def test_who_stands_on_an_empty_line_wants_the_next_statement(many: list[tuple[str, FimExample]]) -> None:
    blank = [e for kind, e in many if kind == "blank-line"]
    assert len(blank) > 10
    for example in blank:
        assert not example.hole.prefix.rpartition("\n")[2].strip()
        assert example.middle.strip()
        assert example.hole.suffix[:1] in ("", "\n")


def test_whole_lines_are_taken_out_with_their_ends(many: list[tuple[str, FimExample]]) -> None:
    whole = [e for kind, e in many if kind == "whole-lines"]
    assert len(whole) > 10
    for example in whole:
        assert example.hole.prefix[-1:] in ("", "\n")
        assert example.middle.strip()
        assert example.middle.endswith("\n") or not example.hole.suffix
    assert 0.5 < sum(e.middle.count("\n") == 1 for e in whole) / len(whole) < 0.9


def test_an_editor_shows_text_behind_the_cursor_and_files_that_end_there(
    many: list[tuple[str, FimExample]],
) -> None:
    within = [e for kind, e in many if kind == "within-line"]
    assert within
    assert all(e.hole.suffix.partition("\n")[0].strip() and "\n" not in e.middle for e in within)
    asked = [e for kind, e in many if kind not in ("random", "finished", "within-line")]
    assert 0.03 < sum(not e.hole.suffix for e in asked) / len(asked) < 0.3


def test_no_middle_is_longer_than_anyone_waits_for_and_short_ones_are_not_rare(
    many: list[tuple[str, FimExample]],
) -> None:
    lengths = sorted(len(e.middle) for kind, e in many if kind == "random")
    assert max(len(e.middle) for _, e in many) <= 400
    assert lengths[len(lengths) // 2] < 60
    assert lengths[-len(lengths) // 10] > 150


@pytest.mark.parametrize("text", ["if total: return price\n", "while True: step()\n"])
def test_a_block_on_its_header_line_does_not_begin_before_the_header(text: str) -> None:
    nodes = list(syntax.nodes(syntax.parse(text, "python")))
    block = next(node for node in nodes if node.kind == "block")
    found = [cursor_span(text, nodes, 400, random.Random(seed)) for seed in range(200)]
    drawn = [span for span in found if span.kind == "block"]
    assert drawn
    assert {(span.start, span.end) for span in drawn} == {(block.start, block.end)}


def test_a_block_begins_behind_its_header_or_on_its_first_line() -> None:
    text = "def total(price):\n    # With tax.\n    return price * 2\n"
    nodes = list(syntax.nodes(syntax.parse(text, "python")))
    found = [cursor_span(text, nodes, 400, random.Random(seed)) for seed in range(200)]
    starts = {text[: span.start] for span in found if span.kind == "block"}
    assert starts == {"def total(price):", "def total(price):\n    "}


@pytest.mark.parametrize("text", ["x", "\n", "   \n\n", "é😀", "(\n"])
def test_odd_texts_have_spans_too(text: str) -> None:
    nodes = list(syntax.nodes(syntax.parse(text, "python")))
    for seed in range(50):
        found: list[Span | None] = [
            random_span(text, 400, random.Random(seed)),
            syntax_span(nodes, 400, random.Random(seed)),
            cursor_span(text, nodes, 400, random.Random(seed)),
        ]
        assert all(0 <= span.start <= span.end <= len(text) for span in found if span is not None)


# --- neighbours --------------------------------------------------------------------------------------------


def test_neighbours_come_only_when_asked_for_and_move_no_hole(make_document: Callable[..., Document]) -> None:
    beside = Neighbourhood([Snippet(path="b.py", text=CODE)])
    document = make_document(CODE)
    none = list(examples(document, HoleConfig(neighbours=0.0, fim=1.0), random.Random(0), beside))
    some = list(examples(document, HoleConfig(neighbours=1.0, fim=1.0), random.Random(0), beside))
    alone = list(examples(document, HoleConfig(neighbours=1.0, fim=1.0), random.Random(0)))
    assert not any(e.hole.neighbours for e in none)
    assert any(e.hole.neighbours for e in some)
    assert none == alone == [replace(e, hole=replace(e.hole, neighbours=())) for e in some]


def test_neighbours_are_chosen_as_the_server_does_for_the_whole_file(
    make_document: Callable[..., Document],
) -> None:
    """A chunk in the middle of a file does not show the imports at the file's top."""
    document = make_document(CODE, path="data_pipeline/holes.py")
    root = Path(holes.__file__).parents[1]
    paths = ["model/fim.py", "model/syntax.py", "data_pipeline/spans.py", "data_pipeline/document.py"]
    files = [Snippet(path=path, text=(root / path).read_text(encoding="utf-8")) for path in paths]
    beside = Neighbourhood(files)
    config = HoleConfig(neighbours=1.0, fim=1.0, no_suffix=0.0, chunk_characters=800)
    at = 0
    for example in examples(document, config, random.Random(0), beside):
        at += len(example.hole.prefix)
        # Where the model sees nothing behind the hole, its neighbours know of nothing either.
        behind = CODE[at + len(example.middle) :] if example.hole.suffix else ""
        whole = replace(example.hole, prefix=CODE[:at], suffix=behind, neighbours=())
        assert example.hole.neighbours == choose(whole, beside)
        at += len(example.middle) + len(example.hole.suffix)


def test_shares_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"the share `fim` is 1\.5"):
        HoleConfig(fim=1.5)
    with pytest.raises(ConfigError, match="add up to more than 1"):
        HoleConfig(random_spans=0.7, syntax_nodes=0.7)
    with pytest.raises(ConfigError, match="use at least 20"):
        HoleConfig(longest_middle=3)
