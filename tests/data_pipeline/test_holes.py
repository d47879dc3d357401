"""Chunks cover their document, holes cover their chunk, and draws depend on their seed alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from data_pipeline import holes
from data_pipeline.document import Document
from data_pipeline.holes import HoleConfig, chunks, examples
from model.errors import ConfigError
from model.fim import Snippet

CODE = Path(holes.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("text", [CODE, "é = '😀'\n" * 300, "x" * 5000, "a\n"])
def test_chunks_joined_are_the_document(make_document: Callable[..., Document], text: str) -> None:
    found = list(chunks(make_document(text), 900, random.Random(0)))
    assert "".join(c.text for c in found) == text
    assert max(len(c.text) for c in found) <= 900
    assert all(c.text == text[c.start : c.end] for c in found)


def test_most_cuts_stand_before_a_definition(make_document: Callable[..., Document]) -> None:
    found = list(chunks(make_document(CODE), 1500, random.Random(0)))
    assert Counter(c.kind for c in found)["syntax"] >= len(found) // 2


@pytest.mark.parametrize("seed", range(20))
def test_the_parts_of_all_holes_joined_are_the_document(
    make_document: Callable[..., Document], seed: int
) -> None:
    config = HoleConfig(chunk_characters=900, fim=1.0)
    found = list(examples(make_document(CODE), config, random.Random(seed)))
    assert "".join(e.hole.prefix + e.middle + e.hole.suffix for e in found) == CODE
    assert all(e.ends for e in found)
    assert sum(bool(e.middle.strip()) for e in found) > len(found) * 0.7


def test_the_same_seed_draws_the_same_holes(make_document: Callable[..., Document]) -> None:
    one, two, three = (list(examples(make_document(CODE), HoleConfig(), random.Random(s))) for s in (1, 1, 2))
    assert one == two != three


def test_ordinary_text_ends_only_where_the_file_does(make_document: Callable[..., Document]) -> None:
    found = list(examples(make_document(CODE), HoleConfig(fim=0.0), random.Random(0)))
    assert [e.ends for e in found] == [False] * (len(found) - 1) + [True]
    assert all(not e.hole.prefix and not e.hole.suffix for e in found)


def test_neighbours_come_only_when_asked_for(make_document: Callable[..., Document]) -> None:
    others = [Snippet(path="b.py", text=CODE)]
    none = examples(make_document(CODE), HoleConfig(neighbours=0.0), random.Random(0), others)
    some = examples(make_document(CODE), HoleConfig(neighbours=1.0, fim=1.0), random.Random(0), others)
    assert not any(e.hole.neighbours for e in none)
    assert any(e.hole.neighbours for e in some)


def test_shares_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"the share `fim` is 1\.5"):
        HoleConfig(fim=1.5)
    with pytest.raises(ConfigError, match="add up to more than 1"):
        HoleConfig(random_spans=0.7, syntax_nodes=0.7)
