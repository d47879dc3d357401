"""Shingles and sketches: hashed in batches, the same as one by one; on disk, the same as before."""

from __future__ import annotations

import hashlib
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline import shingles as hashing
from data_pipeline import sketches as kept
from data_pipeline.shingles import shingles, words
from data_pipeline.sketches import Sketches, load, sketch, write
from model.errors import DataError

CODE = [path.read_text(encoding="utf-8") for path in sorted(Path(json.__file__).parent.glob("*.py"))]
TEXTS = st.lists(
    st.text(st.sampled_from("ab_9 \n.é\t\u2028\U0001d4b3") | st.characters(), max_size=60), max_size=6
)
LONG = st.lists(st.integers(1, 300).map(lambda n: "x" * n), max_size=8).map(" ".join)


def _reference(text: str) -> tuple[set[tuple[str, ...]], list[str]]:
    found = re.findall(r"[A-Za-z_0-9]+", text)
    return {tuple(found[i : i + 5]) for i in range(max(1, len(found) - 4))}, found


def _one(text: str) -> list[int]:
    return shingles([text])[0].tolist()


@settings(max_examples=50)
@given(TEXTS)
def test_words_are_those_of_the_regular_expression_and_equal_words_hash_equally(texts: list[str]) -> None:
    found = words(texts)
    wanted = [word for text in texts for word in _reference(text)[1]]
    counts = [len(_reference(text)[1]) for text in texts]
    assert np.diff(found.offsets).tolist() == counts
    assert found.letters.tolist() == [not word[0].isdigit() for word in wanted]
    assert len(dict.fromkeys(zip(wanted, found.hashes.tolist(), strict=True))) == len(set(wanted))
    assert len(set(found.hashes.tolist())) == len(set(wanted))


@settings(max_examples=30)
@given(st.lists(LONG, max_size=4))
def test_words_of_any_length_keep_their_hash_wherever_they_stand(texts: list[str]) -> None:
    found = words(texts)
    alone = [int(words([word]).hashes[0]) for text in texts for word in text.split()]
    assert found.hashes.tolist() == alone
    assert len(set(alone)) == len({word for text in texts for word in text.split()})


@settings(max_examples=50)
@given(TEXTS)
def test_each_text_has_one_shingle_for_each_different_five_words(texts: list[str]) -> None:
    flat, offsets = shingles(texts)
    for text, start, end in zip(texts, offsets[:-1], offsets[1:], strict=True):
        own = flat[start:end].tolist()
        assert own == sorted(set(own)) == _one(text)
        assert len(own) == len(_reference(text)[0])


def test_only_words_and_their_order_count() -> None:
    assert _one("if a:\n    b(c, d)  # é") == _one("if a b c d")
    assert _one("a b c d e") != _one("b a c d e") != _one("a b c d")
    assert _one("a b") != _one("ab")
    assert _one("") == _one("()") != _one("a")
    assert _one("a \ud800 b c d e") == _one("a b c d e")


def test_shingles_of_real_code_spread_evenly_and_hardly_collide() -> None:
    grams = sorted(set().union(*(_reference(text)[0] for text in CODE)))
    flat = np.unique(shingles([" ".join(gram) for gram in grams])[0])
    assert len(flat) == len(grams) > 3000
    for shift in (0, 8, 16, 24):
        counts = np.bincount(flat >> shift & 255, minlength=256)
        expected = len(flat) / 256
        assert ((counts - expected) ** 2).sum() / expected < 255 + 6 * (2 * 255) ** 0.5


def test_grams_that_differ_in_one_word_share_no_bits() -> None:
    rng = random.Random(0)
    grams = np.array([words([f"a b c d n{i}"]).hashes for i in rng.sample(range(10**6), 400)])
    mixed = hashing.grams(grams.ravel(), 5)[::5].copy()
    bits = np.unpackbits(mixed.view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    assert bits.min() > 0.35
    assert bits.max() < 0.65


def test_signatures_are_those_of_datasketch() -> None:
    # The longest takes several blocks, the shortest has a single shingle.
    found = sketch(["x", *CODE, "\n".join(CODE)])
    for document in range(len(found)):
        theirs = MinHash(num_perm=kept.PERMUTATIONS, scheme="affine32", hashfunc=int)
        theirs.update_batch(found.of(document))
        assert found.signatures[document].tolist() == theirs.hashvalues.tolist()


@pytest.mark.parametrize("batch", [1, 3000, 10**9])
def test_sketches_do_not_depend_on_the_batch(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["", *CODE, "a b", "é"]
    whole = sketch(texts)
    monkeypatch.setattr(kept, "_BATCH", batch)
    _assert_equal(sketch(iter(texts)), whole)


def test_digests_leave_white_space_at_line_ends_out_and_nothing_else() -> None:
    assert kept.digest("a = 1\nb = 2") == kept.digest("a = 1  \nb = 2\t\n\n")
    assert kept.digest("a = 1\nb = 2") != kept.digest("a = 1\n b = 2")
    assert kept.digest("a = 1\nb = 2") != kept.digest("a = 1\n\nb = 2")
    assert kept.digest("a = 1") == hashlib.blake2b(b"a = 1", digest_size=16).digest()


@settings(max_examples=20)
@given(texts=TEXTS)
def test_what_was_written_is_read_back(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("sketches")
    found = sketch(texts)
    write(found, folder / "a")
    _assert_equal(load(folder / "a"), found)
    write(load(folder / "a"), folder / "b")
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_a_large_file_is_mapped_and_stays_readable_while_it_is_replaced(tmp_path: Path) -> None:
    found = sketch([*CODE, *(str(i) for i in range(1000))])
    write(found, tmp_path / "s")
    assert (tmp_path / "s").stat().st_size > 1 << 20
    mapped = load(tmp_path / "s")
    write(sketch(["a"]), tmp_path / "s")
    _assert_equal(mapped, found)
    assert len(load(tmp_path / "s")) == 1


@pytest.mark.parametrize("damage", ["cut", "longer", "magic", "other", "empty"])
def test_a_damaged_file_is_named(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "run.sketches"
    write(sketch(CODE), path)
    raw = path.read_bytes()
    changed = {
        "cut": raw[:-8], "longer": raw + b"\0", "magic": b"\0" + raw[1:], "other": raw[200:], "empty": b"",
    }  # fmt: skip
    path.write_bytes(changed[damage])
    with pytest.raises(DataError, match=r"run\.sketches holds no sketches .* delete it and build again"):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no sketches"):
        load(tmp_path / "none")


def _assert_equal(found: Sketches, wanted: Sketches) -> None:
    for name in ("digests", "signatures", "shingles", "offsets"):
        a, b = getattr(found, name), getattr(wanted, name)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert (a == b).all()
