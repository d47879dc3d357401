"""Duplicates: the best of a family stays, only true neighbours go, however the documents come."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline import dedupe, sketches
from data_pipeline.dedupe import resolve
from data_pipeline.sketches import Sketches, sketch

CODE = Path(sketches.__file__).read_text(encoding="utf-8")
OTHER = Path(dedupe.__file__).read_text(encoding="utf-8")


def _resolve(*texts: str) -> dedupe.Resolution:
    return resolve([sketch(texts)], np.arange(len(texts)))


def _words(start: int, end: int, name: str = "w") -> str:
    return " ".join(f"{name}{i}" for i in range(start, end))


def _jaccard(a: str, b: str) -> float:
    found = sketch([a, b])
    return dedupe.jaccard(found.of(0), found.of(1))


def _pairs(found: Sketches) -> set[tuple[int, int]]:
    banded, low = dedupe.bands(found.signatures), found.signatures.astype(np.uint8)
    return {
        pair
        for left, right in dedupe.candidates(banded, low)
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    }


def test_exact_copies_go_whatever_their_line_ends() -> None:
    found = _resolve("a = 1\nb = 2", "a = 1  \nb = 2\n", "a")
    assert found.survivor.tolist() == [0, 0, 2]
    assert found.exact.tolist() == [False, True, False]
    assert len(found.links) == 0


def test_near_copies_go_and_are_linked_with_their_similarity() -> None:
    edited = CODE.replace("texts", "strings", 3)
    found = _resolve(OTHER, CODE, edited)
    assert found.survivor.tolist() == [0, 1, 1]
    assert found.kept.tolist() == [True, True, False]
    assert not found.exact.any()
    assert found.links.tolist() == [[1, 2]]
    assert found.jaccard[0] == pytest.approx(_jaccard(CODE, edited))


def test_the_lowest_rank_stays_whatever_its_number() -> None:
    edited = CODE.replace("texts", "strings", 3)
    found = resolve([sketch([CODE, OTHER]), sketch([edited, CODE])], np.array([7, 1, 3, 9]))
    assert found.survivor.tolist() == [2, 1, 2, 2]
    assert found.exact.tolist() == [False, False, False, True]
    assert found.links.tolist() == [[2, 0]]


def test_a_chain_of_near_copies_is_one_family() -> None:
    chain = [_words(at, at + 800) for at in (0, 100, 200)]
    assert _jaccard(chain[0], chain[2]) < dedupe.THRESHOLD < _jaccard(chain[0], chain[1])
    assert _resolve(*chain).survivor.tolist() == [0, 0, 0]


def test_candidates_below_the_threshold_are_verified_away() -> None:
    """Of pairs at 0.67 LSH proposes three in four, so of eight pairs some."""
    texts = [_words(*span, f"p{pair}_") for pair in range(8) for span in ((0, 835), (165, 1000))]
    assert 0.65 < _jaccard(*texts[:2]) < dedupe.THRESHOLD
    assert _pairs(sketch(texts))
    assert _resolve(*texts).kept.all()


def test_an_existing_corpus_keeps_its_documents() -> None:
    """Its ranks are the lowest, whichever sketches come first."""
    theirs, ours = sketch([CODE, OTHER]), sketch([CODE + "\nx = 1\n", "def f():\n    return 'new'\n"])
    found = resolve([ours, theirs], np.array([100, 101, 0, 1]))
    assert found.survivor.tolist() == [2, 1, 2, 3]


def test_nothing_and_empty_sketches_are_resolved_too() -> None:
    assert len(resolve([], np.arange(0)).survivor) == 0
    assert len(resolve([sketch([])], np.arange(0)).survivor) == 0
    assert resolve([sketch([]), sketch(["a"]), sketch([])], np.arange(1)).survivor.tolist() == [0]


@st.composite
def _families(draw: st.DrawFn) -> list[str]:
    """Texts of three families, whose members are more or less alike; copies among them."""
    rng = random.Random(draw(st.integers(0, 10**6)))
    bases = [[f"{name}{rng.randrange(60)}" for _ in range(120)] for name in "abc"]
    texts = []
    for _ in range(draw(st.integers(2, 24))):
        base = list(rng.choice(bases))
        for _ in range(rng.choice((0, 0, 1, 2, 4, 8))):
            base[rng.randrange(len(base))] = f"z{rng.randrange(9)}"
        texts.append(" ".join(base))
    return texts


@settings(max_examples=30, deadline=None)
@given(texts=_families(), data=st.data())
def test_the_answer_does_not_depend_on_order_or_partitions(texts: list[str], data: st.DataObject) -> None:
    whole = resolve([sketch(texts)], np.arange(len(texts)))
    order = data.draw(st.permutations(range(len(texts))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=4)))
    bounds = zip([0, *cuts], [*cuts, len(texts)], strict=True)
    parts = [sketch([texts[i] for i in order[start:end]]) for start, end in bounds]
    found = resolve(parts, np.array(order))
    number = {place: i for i, place in enumerate(order)}
    assert [order[found.survivor[number[i]]] for i in range(len(texts))] == whole.survivor.tolist()
    assert [found.exact[number[i]] for i in range(len(texts))] == whole.exact.tolist()
    links = [tuple(order[i] for i in link) for link in found.links.tolist()]
    assert links == [tuple(link) for link in whole.links.tolist()]
    assert found.jaccard.tolist() == whole.jaccard.tolist()


@settings(max_examples=20, deadline=None)
@given(texts=_families())
def test_families_are_those_of_comparing_every_pair(texts: list[str]) -> None:
    """Wherever pairs are so alike or so unlike that LSH cannot miss or matter."""
    found = sketch(texts)
    alike = [[dedupe.jaccard(found.of(i), found.of(j)) for j in range(len(texts))] for i in range(len(texts))]
    family = resolve([found], np.arange(len(texts))).survivor
    for i in range(len(texts)):
        for j in range(i):
            if alike[i][j] >= 0.9:  # LSH misses fewer than one pair in a million
                assert family[i] == family[j]
        if family[i] != i:
            assert max(alike[i][j] for j in range(len(texts)) if j != i) >= dedupe.THRESHOLD


def test_candidates_are_those_of_datasketch() -> None:
    rng = np.random.default_rng(1)
    pool = rng.choice(2**32, 300, replace=False).astype(np.uint32)
    found = _of([np.sort(pool[rng.random(300) < 0.75]) for _ in range(60)])
    shared = dedupe.bands(found.signatures)
    alone = [[(row == other).nonzero()[0] for other in shared[:i]] for i, row in enumerate(shared)]
    only = {int(where[0]) for row in alone for where in row if len(where) == 1}
    assert only == set(range(dedupe.BANDS))  # without any one band some pair would be lost
    index = MinHashLSH(num_perm=256, params=(dedupe.BANDS, dedupe.ROWS_PER_BAND))
    theirs = set()
    for i in range(60):
        own = MinHash(hashvalues=found.signatures[i], scheme="affine32")
        theirs.update((j, i) for j in index.query(own))
        index.insert(i, own)
    assert _pairs(found) == theirs
    assert 500 < len(theirs) < 60 * 59 / 2


def test_thousands_of_like_files_cost_a_bounded_number_of_comparisons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two thousand files of one template: one family, found with about one comparison for each."""
    looked = defaultdict(int)
    true = dedupe.jaccard

    def counted(a: dedupe.Shingles, b: dedupe.Shingles) -> float:
        looked["at"] += 1
        return true(a, b)

    monkeypatch.setattr(dedupe, "jaccard", counted)
    count = 2_000
    found = _many(count, common=40, own=3)
    result = resolve([found], np.arange(count))
    assert (result.survivor == 0).all()
    assert len(result.links) == count - 1
    assert looked["at"] < 2 * count


def test_a_large_bucket_is_not_compared_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedupe, "NEIGHBOURHOOD", 5)
    found = _many(300, common=200, own=1)
    banded, low = dedupe.bands(found.signatures), found.signatures.astype(np.uint8)
    pairs = sum(len(left) for left, _ in dedupe.candidates(banded, low))
    assert 300 < pairs <= 300 * dedupe.BANDS * 5


def test_files_of_a_template_that_are_no_duplicates_stay() -> None:
    """At Jaccard 0.55 dozens of them share each bucket."""
    assert resolve([_many(600, common=60, own=25)], np.arange(600)).kept.all()


def _many(count: int, *, common: int, own: int) -> Sketches:
    """Documents that share `common` shingles and have `own` of their own."""
    rng = np.random.default_rng(0)
    shared = rng.choice(2**31, common, replace=False).astype(np.uint32)
    each = rng.integers(2**31, 2**32, (count, own), dtype=np.uint32)
    return _of(list(np.sort(np.concatenate([np.tile(shared, (count, 1)), each], axis=1), axis=1)))


def _of(shingles: list[dedupe.Shingles]) -> Sketches:
    """Documents with these shingles, each sorted."""
    flat, offsets = np.concatenate(shingles), np.cumsum([0, *map(len, shingles)])
    return Sketches(
        digests=np.random.default_rng(1).integers(0, 256, (len(shingles), sketches.DIGEST), dtype=np.uint8),
        signatures=sketches._signatures(flat, offsets, sketches._permutations()),
        shingles=flat,
        offsets=offsets,
    )
