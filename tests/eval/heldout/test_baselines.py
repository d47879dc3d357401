"""The baselines are honest ones: copying finds the longest match, the n-gram model counts and backs off."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline.document import Document
from data_pipeline.store import write_documents
from eval.heldout import baselines_ngram
from eval.heldout.baselines import copied
from eval.heldout.baselines_ngram import LONGEST, NGrams, build_tables, encode, open_or_build
from model.errors import DataError
from model.fim import Hole

CODE = """\
class Basket:
    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def total(self):
        result = 0
        for item in self.items:
            result += item.price
        return result

    def heaviest(self):
        best = None
        for item in self.items:
            if best is None or item.weight > best.weight:
                best = item
        return best
"""


def hole(prefix: str, suffix: str = "") -> Hole:
    return Hole(path="shop/basket.py", language="python", prefix=prefix, suffix=suffix)


@pytest.mark.parametrize(
    ("prefix", "suffix", "answer"),
    [
        (CODE + "\n    def count(self):\n        result = 0\n        for item in ", "", "self.items:"),
        (CODE + "\n    def oldest(self):\n        best = ", "", "None"),  # the longer match, not the nearer
        ("x = 1\nfor item in ", "\n\n\nfor item in basket:\n    pass\n", "basket:"),  # below the hole
        ("alpha beta\nalpha gamma\nx\nalpha ", "\nalpha delta\n", "delta"),  # of equals the nearest
        ("first = 1\n", "", ""),
        ("", "\nimport os\n", ""),
    ],
)
def test_the_longest_match_is_continued(prefix: str, suffix: str, answer: str) -> None:
    assert copied(hole(prefix, suffix), block=False) == answer


def test_a_block_is_copied_to_its_end() -> None:
    prefix = CODE + "\n    def total(self):\n        "
    body = (
        "result = 0\n        for item in self.items:\n            result += item.price\n        return result"
    )
    assert copied(hole(prefix), block=True).rstrip() == body


@given(st.text("ab \n(", max_size=30), st.text("ab \n(", max_size=30))
def test_copying_never_fails_and_never_crosses_the_hole(prefix: str, suffix: str) -> None:
    answer = copied(hole(prefix, suffix), block=False)
    assert "\n" not in answer
    assert answer in prefix or answer in suffix


def model(texts: list[str], least: int = 1) -> NGrams:
    codes, words = encode(texts)
    return NGrams(words, list(build_tables(codes, least)), {})


def test_the_most_frequent_word_behind_the_longest_known_context_follows() -> None:
    known = model([CODE] * 3)
    assert known.complete(hole("        for item in self."), block=False) == "items:"
    assert known.complete(hole("    def heaviest(self):\n        best = "), block=False) == "None"
    assert known.complete(hole("    def heaviest(self):\n        best ="), block=False) == " None"
    assert known.complete(hole("is not None or x:\n            best = "), block=False) == "item"
    # Nobody has seen this context: the last word alone says how it goes on.
    assert known.complete(hole("zebra(item"), block=False) == ".weight > best.weight:"


def test_a_block_ends_where_its_return_stands() -> None:
    answer = model([CODE] * 3).complete(hole(CODE + "\n    def total(self):\n        "), block=True)
    body = (
        "result = 0\n        for item in self.items:\n            result += item.price\n        return result"
    )
    assert answer == body


@given(st.lists(st.text("abc\n ", max_size=40), min_size=1, max_size=5))
def test_tables_hold_what_counting_finds(texts: list[str]) -> None:
    texts = [text + "\n a a a b b b c c c" for text in texts]
    codes, _ = encode(texts)
    numbers = codes >> 1
    for length, table in enumerate(build_tables(codes, 1), 1):
        counts: dict[tuple[int, ...], Counter[int]] = {}
        for at in range(length, len(codes)):
            if numbers[at]:
                context = tuple(map(int, numbers[at - length : at]))
                counts.setdefault(context, Counter())[int(codes[at])] += 1
        assert len(table) == len(counts)
        assert np.all(table[1:] > table[:-1])
        contexts = np.array(list(counts), np.uint64)
        places = np.searchsorted(table, baselines_ngram._hash(contexts))
        for context, place in zip(counts, places, strict=True):
            best = max(counts[context].items(), key=lambda one: (one[1], -one[0]))[0]
            assert int(table[place]) & ((1 << 22) - 1) == best
    assert length == LONGEST


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "clean").mkdir(parents=True)
    documents = [
        Document(
            id=f"{repo}/{n}.py", text=text * 3, path=f"{n}.py", language="python", repo=repo, license="MIT"
        )
        for repo, text in (
            ("a", CODE),
            ("b", "import os\nprint(os.sep)\n"),
            ("c", CODE.replace("item", "thing")),
        )
        for n in range(3)
    ]
    write_documents(folder / "clean" / "documents-train.parquet", documents)
    record = {"files": {"documents-train.parquet": "ab" * 32}}
    (folder / "clean" / "clean.json").write_text(json.dumps(record), "utf-8")
    return folder


def test_a_model_is_built_once_and_says_of_what(corpus: Path, tmp_path: Path) -> None:
    heard = []
    known = open_or_build(
        corpus, tmp_path / "kept", megabytes=1, on_characters=lambda *two: heard.append(two)
    )
    assert known.settings["projects"] == 3
    assert known.settings["characters"] == heard[-1][0] == heard[-1][1]
    assert known.complete(hole("        for item in self."), block=False) == "items:"
    (corpus / "clean" / "documents-train.parquet").unlink()
    assert open_or_build(corpus, tmp_path / "kept", megabytes=1).settings == known.settings


def test_projects_are_left_out_whole(corpus: Path, tmp_path: Path) -> None:
    rows, projects, characters = baselines_ngram._chosen(
        corpus / "clean" / "documents-train.parquet", 9 * len(CODE) + 1000, seed=0
    )
    assert projects == len(rows) == 2
    assert all(len(some) == 3 for some in rows)
    assert characters <= 9 * len(CODE) + 1000
    with pytest.raises(DataError, match="allow more megabytes"):
        baselines_ngram._chosen(corpus / "clean" / "documents-train.parquet", 10, seed=0)


def test_what_is_no_corpus_or_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no cleaned corpus"):
        open_or_build(tmp_path, tmp_path, megabytes=1)
    (tmp_path / "ngrams.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="is not an n-gram model"):
        baselines_ngram.load(tmp_path / "ngrams.npz")
