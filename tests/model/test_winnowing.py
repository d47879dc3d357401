"""What is one text to an index of copies, and that no copy of the stated length slips through."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model import winnowing
from model.winnowing import GRAM, LEAST, WINDOW

MASK = (1 << 64) - 1


def _words(text: str) -> list[str]:
    read = text.encode()
    tokens = winnowing.lexed(read)
    return [read[a:b].decode() for a, b in zip(tokens.starts, tokens.ends, strict=True)]


def _hashes(text: str) -> list[int]:
    return list(winnowing.lexed(text.encode()).hashes.tolist())


@pytest.mark.parametrize(
    "other",
    [
        "\tif (a_1\n\t\t== 'x'):\n\t\t\treturn [b]",
        'if (a_1 == "x"): return [b]  # said otherwise',
        "# one\nif (a_1 == 'x'):\n    # two\n    #\n    return [b]",
        '// one\nif (a_1 == "x"): // two\n  /* three */ return /* four */ [b]',
        "/**\n * one\n */\nif (a_1 == 'x'):\n  return [b]",
    ],
)
def test_layout_quotes_and_comments_do_not_count(other: str) -> None:
    assert _hashes(other) == _hashes('if (a_1 == "x"): return [b]')


@pytest.mark.parametrize(
    "code", ["#include <a.h>", "#[derive(Debug)]", "x = a[b:#c]", "p(*q)", "http://host/a"]
)
def test_code_that_looks_like_a_comment_counts(code: str) -> None:
    assert "".join(_words(code)) == code.replace(" ", "")


def test_tokens_are_words_brackets_and_runs_of_equal_marks() -> None:
    assert _words("naïve_1==f((x))\n" + "=" * 80 + "\n-->") == [
        *("naïve_1", "==", "f", "(", "(", "x", ")", ")", "=" * 80, "--", ">"),
    ]


def test_hashes_are_what_plain_arithmetic_says() -> None:
    """Pins what indexes on disk were written with: change `attribution.FORMAT` with it."""

    def polynomial(values: list[int], base: int) -> int:
        return sum(value * pow(base, i, 1 << 64) for i, value in enumerate(values)) & MASK

    def mixed(h: int) -> int:
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            h = ((h ^ (h >> 33)) * factor) & MASK
        return h ^ (h >> 33)

    words = [f"word{i % 7}" for i in range(GRAM + 1)]
    tokens = [mixed(polynomial(list(word.encode()), 0x9E3779B97F4A7C15)) for word in words]
    assert _hashes(" ".join(words)) == tokens
    runs = winnowing.runs(winnowing.prefix_sums(winnowing.lexed(" ".join(words).encode()).hashes))
    assert runs.tolist() == [
        mixed(polynomial(tokens[i : i + GRAM], 0xD6E8FEB86659FD93)) for i in range(len(tokens) - GRAM + 1)
    ]


def test_a_text_reads_the_same_from_any_line(source: str) -> None:
    lines = source.splitlines(keepends=True)
    whole = _hashes(source)
    for start in range(0, len(lines), 17):
        tail = _hashes("".join(lines[start:]))
        assert tail == whole[len(whole) - len(tail) :]


NAMES = ["self", "value", "if_any", "return_", "größe", "x1", "item"]
MARKS = ["(", ")", "==", ",", ".", "1", "a", '"', "\n", "\n    "]


def _code(random: Random, count: int, names: int) -> str:
    """Few words, so that runs repeat and places compete; of every `names` + 1 words one is a mark."""
    return " ".join(random.choice(NAMES if random.randrange(names + 1) else MARKS) for _ in range(count))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 5))
def test_whatever_stands_around_it_a_copy_of_the_stated_length_shares_a_hash(seed: int, names: int) -> None:
    random = Random(seed)
    long = _code(random, 2 * LEAST, names).encode()
    tokens = winnowing.lexed(long)
    assume(len(tokens.hashes) >= LEAST)
    copy = f"\n{long[: tokens.ends[LEAST - 1]].decode()}\n"
    tokens = winnowing.lexed(copy.encode())
    assert len(tokens.hashes) == LEAST
    assume(winnowing.tells(tokens.names).all())
    first, second = (
        winnowing.fingerprints(
            _code(random, random.randrange(150), 1) + copy + _code(random, random.randrange(150), 1)
        )
        for _ in range(2)
    )
    inside = winnowing.runs(winnowing.prefix_sums(tokens.hashes))
    assert len(np.intersect1d(np.intersect1d(first, second), inside))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(LEAST, 400), st.integers(1, 9))
def test_every_window_chooses_one_of_its_own_runs(seed: int, count: int, distinct: int) -> None:
    random = Random(seed)
    values = [random.randrange(distinct) for _ in range(count)]
    hashes = np.array(values, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    chosen = winnowing.choices(winnowing.prefix_sums(hashes))
    windows = np.arange(count - LEAST + 1)
    assert len(chosen) == len(windows)
    assert ((chosen >= windows) & (chosen < windows + WINDOW)).all()


def test_fewer_hashes_than_plain_winnowing_keeps(source: str) -> None:
    """Taking the least hash of each window keeps 2 in WINDOW + 1 on average."""
    kept = len(winnowing.fingerprints(source * 3)) / len(_words(source * 3))
    assert kept < 0.85 * 2 / (WINDOW + 1)


@pytest.mark.parametrize(
    "data",
    [
        "[" + "0.0, 0.0, 1.0,\n" * 60 + "]",
        "ALPHABET = [" + ", ".join(f"'{chr(97 + i % 26)}'" for i in range(100)) + "]",
        "0x1f, 0x2e, 0x3d, " * 40,
    ],
)
def test_data_is_nobodys(data: str) -> None:
    assert len(_words(data)) > LEAST
    assert len(winnowing.fingerprints(data)) == 0


def test_short_texts_have_no_hashes() -> None:
    assert len(winnowing.fingerprints("")) == 0
    assert len(winnowing.fingerprints("name " * (LEAST - 1))) == 0
    assert len(winnowing.fingerprints("name " * LEAST)) == 1
