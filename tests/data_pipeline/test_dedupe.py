"""Duplicates: the first of a family stays, and only true neighbours go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data_pipeline import dedupe, pipeline
from data_pipeline.document import Document, Drop

CODE = Path(pipeline.__file__).read_text(encoding="utf-8")


def _fates(found: list[Document | Drop]) -> dict[str, str]:
    return {
        (d.document_id if isinstance(d, Drop) else d.id): (d.reason if isinstance(d, Drop) else "kept")
        for d in found
    }


def test_exact_copies_go_whatever_their_line_ends(make_document: Callable[..., Document]) -> None:
    documents = [
        make_document("a = 1\nb = 2", id="1"),
        make_document("a = 1  \nb = 2\n", id="2"),
        make_document("a", id="3"),
    ]
    assert _fates(list(dedupe.exact(documents))) == {"1": "kept", "2": "exact duplicate", "3": "kept"}


def test_near_copies_go_and_the_first_stays(make_document: Callable[..., Document]) -> None:
    edited = CODE.replace("documents", "records", 3)
    other = Path(dedupe.__file__).read_text(encoding="utf-8")
    documents = [make_document(t, id=i) for i, t in (("a", CODE), ("b", edited), ("c", other))]
    assert dedupe.jaccard(dedupe.shingles(CODE), dedupe.shingles(edited)) > 0.9
    assert _fates(list(dedupe.near(documents))) == {"a": "kept", "b": "near-duplicate", "c": "kept"}


def test_a_chain_of_near_copies_is_one_family(make_document: Callable[..., Document]) -> None:
    words = [f"w{i}" for i in range(1000)]
    chain = [make_document(" ".join(words[at : at + 800]), id=str(at)) for at in (0, 100, 200)]
    first, last = dedupe.shingles(chain[0].text), dedupe.shingles(chain[2].text)
    assert (
        dedupe.jaccard(first, last) < dedupe.THRESHOLD < dedupe.jaccard(first, dedupe.shingles(chain[1].text))
    )
    assert _fates(list(dedupe.near(chain))) == {"0": "kept", "100": "near-duplicate", "200": "near-duplicate"}


def test_candidates_below_the_threshold_are_verified_away(make_document: Callable[..., Document]) -> None:
    """Of pairs at 0.67 LSH proposes three in four, so of eight pairs some."""
    documents = []
    for pair in range(8):
        words = [f"w{pair}_{i}" for i in range(1000)]
        documents += [make_document(" ".join(w), id=f"{pair}{len(w)}") for w in (words[:835], words[165:])]
        similarity = dedupe.jaccard(*(dedupe.shingles(d.text) for d in documents[-2:]))
        assert 0.65 < similarity < dedupe.THRESHOLD
    assert all(isinstance(d, Document) for d in dedupe.near(documents))
