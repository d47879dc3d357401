"""The second baseline of held-out completion: a back-off n-gram model over a corpus's training documents.

At each word it asks for the longest context, of at most eight words, that the corpus had often enough, and
takes the word that followed it most often ("stupid back-off", Brants et al. 2007, of which greedy decoding
needs no probabilities). Words, single signs and line ends are what it counts. Blanks within a line are no
words, only remembered with the word behind them, so contexts are not wasted on them; of a line end it is
known whether the next line stands as deep, deeper or further out, as Python's own tokenizer has it.

    tables     for each length of context: sorted uint64, 42 bits a hash of the context, 22 bits what followed
    codes      the number of a word (most frequent first) * 2, + 1 where a blank stands before it

Words that the corpus has less than three times are one word, which is context but never an answer.

Not here: the other baseline, and what ends a line or block (baselines.py).
"""

from __future__ import annotations

import json
import random
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from data_pipeline.clean import documents_file
from data_pipeline.store import read_columns, read_documents, read_lengths
from eval.heldout.baselines import MAX_LINES, cut
from lsp_server import postprocess
from model.errors import DataError
from model.fim import Hole
from model.writing import replacing

FORMAT = 1
LONGEST = 8  # words of context
_WORD = re.compile(r"\n\s*| ?\w+| ?[^\w\s]")
_CODE_BITS = 22
_MOST_WORDS = 1 << (_CODE_BITS - 1)
# Numbers of words: a rare one, and line ends by how much deeper the next line stands, 1, 2 or 3 steps out.
_RARE, _SAME, _DEEPER, _OUT = 0, 1, 2, 3
_FIRST_WORD = 6
_STEPS = {_SAME: 0, _DEEPER: 1, _OUT: -1, _OUT + 1: -2, _OUT + 2: -3}
_STEP = 4  # blanks
_DEEPEST = 400
_START = ""  # before each text
_LEAST_OF_A_WORD = 3
_PASS_BITS = 3  # a table is sorted in eight parts: speed for memory
_BLOCK = 1 << 22  # contexts hashed at a time
_READ_BACK = 600  # characters: more than eight words of code, and a comment
_WORDS_A_LINE = 64
# The first numbers of splitmix64 (Steele, Lea and Flood 2014), made odd.
_FACTORS = (
    0xE220A8397B1DCDAF,
    0x6E789E6AA1B965F5,
    0x06C45D188009454F,
    0xF88BB8A8724C81ED,
    0x1B39896A51A8749B,
    0x53CB9F0C747EA2EB,
    0x2C829ABE1F4532E1,
    0xC584133AC916AB3D,
)
_CODE_MASK = np.uint64((1 << _CODE_BITS) - 1)

Codes = npt.NDArray[np.uint32]
Table = npt.NDArray[np.uint64]


class NGrams:
    """The model. `settings` say of what it was made."""

    def __init__(self, words: list[str], tables: list[Table], settings: dict[str, Any]) -> None:
        self._words = words
        self._numbers = {word: number for number, word in enumerate(words)}
        self._tables = tables
        self.settings = settings

    def complete(self, hole: Hole, *, block: bool) -> str:
        """What most often follows, to the end of the line or block; empty where nothing is known."""
        before = hole.prefix[-_READ_BACK:]
        context = self._numbers_of(before, is_whole=len(before) == len(hole.prefix))[-LONGEST:]
        spaced = bool(before) and before[-1].isspace()
        depth = outermost = _depth(before[before.rfind("\n") + 1 :])
        stop = postprocess.stopper(hole, "block", MAX_LINES) if block else None
        text = ""
        for _ in range(_WORDS_A_LINE * (MAX_LINES if block else 1)):
            code = self.best(context)
            if code is None:
                break
            number, blank = code >> 1, code & 1
            if number in _STEPS:
                depth += _STEPS[number] * _STEP
                if not block or depth < outermost:
                    break
                text += "\n" + " " * depth
                spaced = True
            else:
                text += (" " if blank and not spaced else "") + self._words[number]
                spaced = False
            context = [*context[-LONGEST + 1 :], number]
            if stop is not None and stop(text) is not None:
                break
        return cut(text.rstrip(), hole, block=block)

    def best(self, context: list[int]) -> int | None:
        """The code that most often followed the longest known context; `context` is of word numbers."""
        for length in range(min(LONGEST, len(context)), 0, -1):
            table = self._tables[length - 1]
            wanted = _hash(np.array([context[-length:]], np.uint64))[0]
            at = int(np.searchsorted(table, wanted))
            if at < len(table) and table[at] & ~_CODE_MASK == wanted:
                return int(table[at] & _CODE_MASK)
        return None

    def _numbers_of(self, text: str, *, is_whole: bool) -> list[int]:
        numbers = [_SAME] * is_whole  # a text begins as behind a line end
        depth = 0
        for word in _WORD.findall(text):
            if word[0] == "\n":
                before, depth = depth, _depth(word)
                numbers.append(_line_end(depth - before))
            else:
                numbers.append(self._numbers.get(word.removeprefix(" "), _RARE))
        return numbers


def open_or_build(
    corpus: Path,
    folder: Path,
    *,
    megabytes: int,
    least: int = 2,
    seed: int = 0,
    on_characters: Callable[[int, int], None] = lambda done, total: None,
) -> NGrams:
    """The n-gram model of a corpus, made once and kept in `folder`.

    At most about `megabytes` million characters of its training documents are read, whole projects in a
    seeded order. A context of three words and more must have been there `least` times. `on_characters` hears
    how much of how much has been read. Raises DataError when there is no such corpus.
    """
    record = corpus / "clean" / "clean.json"
    try:
        documents = json.loads(record.read_text("utf-8"))["files"]["documents-train.parquet"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{corpus} holds no cleaned corpus ({error}); run `tabwright data build --out {corpus}`"
        ) from error
    settings = {
        "format": FORMAT, "documents_sha256": documents, "megabytes": megabytes, "least": least, "seed": seed,
    }  # fmt: skip
    path = folder / f"ngrams{FORMAT}-{documents[:12]}-{megabytes}-{least}-{seed}.npz"
    if not path.exists():
        _build(documents_file(corpus / "clean", "train"), path, settings, on_characters)
    return load(path)


def load(path: Path) -> NGrams:
    """Read a model from its file. Raises DataError for one that is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            settings = json.loads(file["settings"].tobytes())
            words = file["words"].tobytes().decode("utf-8").split("\0")
            tables = [file[f"table{length}"] for length in range(1, LONGEST + 1)]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"{path} is not an n-gram model ({error}); delete it, it is made again") from error
    return NGrams(words, tables, settings)


def _build(
    documents: Path, path: Path, settings: dict[str, Any], on_characters: Callable[[int, int], None]
) -> None:
    rows, projects, characters = _chosen(documents, settings["megabytes"] * 1_000_000, settings["seed"])
    texts = _texts(documents, rows, lambda done: on_characters(done, characters))
    numbers, words = encode(texts)
    made = {**settings, "projects": projects, "characters": characters, "words": len(numbers)}
    tables = {
        f"table{length}": table for length, table in enumerate(build_tables(numbers, settings["least"]), 1)
    }
    arrays: dict[str, Any] = {
        "settings": np.frombuffer(json.dumps(made).encode(), np.uint8),
        "words": np.frombuffer("\0".join(words).encode(), np.uint8),
        **tables,
    }
    with replacing(path) as file:
        np.savez(file, **arrays)


def _chosen(documents: Path, most: int, seed: int) -> tuple[list[range], int, int]:
    """Rows of whole projects up to `most` characters, how many projects these are, and their characters."""
    lengths = read_lengths(documents)
    spans: dict[str, range] = {}
    for row, repo in enumerate(read_columns(documents, ["repo"])["repo"]):
        spans[repo] = range(spans[repo].start if repo in spans else row, row + 1)
    order = sorted(spans)
    random.Random(seed).shuffle(order)  # noqa: S311
    chosen, total = [], 0
    for repo in order:
        size = sum(lengths[row] for row in spans[repo])
        if total + size <= most:
            chosen.append(spans[repo])
            total += size
    if not chosen:
        raise DataError(f"no project of {documents} has fewer than {most:,} characters; allow more megabytes")
    return sorted(chosen, key=lambda rows: rows.start), len(chosen), total


def _texts(documents: Path, rows: Iterable[range], on_characters: Callable[[int], None]) -> Iterator[str]:
    done = 0
    for some in rows:
        for document in read_documents(documents, some):
            yield document.text
            done += len(document.text)
            on_characters(done)


def encode(texts: Iterable[str]) -> tuple[Codes, list[str]]:
    """All words of some texts as codes, a line end before each text, and the words by their numbers."""
    first: dict[str, int] = {_START: 0}  # words as they are found, blanks included
    found = array("I")
    for text in texts:
        found.append(0)
        found.extend(first.setdefault(word, len(first)) for word in _WORD.findall(text))
    raw = np.frombuffer(found, np.uint32)
    plain: dict[str, int] = {}
    plain_of = np.array([plain.setdefault(word.removeprefix(" "), len(plain)) for word in first])
    ends_line = np.array([not word.strip() for word in first])
    counts = np.bincount(plain_of, np.bincount(raw, minlength=len(first)) * ~ends_line, len(plain))
    order = np.argsort(-counts, kind="stable")[: _MOST_WORDS - _FIRST_WORD]
    order = order[counts[order] >= _LEAST_OF_A_WORD]
    number_of = np.full(len(plain), _RARE, np.uint32)
    number_of[order] = np.arange(_FIRST_WORD, _FIRST_WORD + len(order), dtype=np.uint32)
    blank_of = np.array([word[:1] == " " for word in first], np.uint32)
    codes: Codes = (number_of[plain_of] * 2 + blank_of).astype(np.uint32)[raw]
    at = np.flatnonzero(ends_line[raw])
    depths = np.array([_depth(word) if not word.strip() else 0 for word in first])[raw[at]]
    kinds = np.array([_line_end(change) for change in range(-_DEEPEST, _DEEPEST + 1)], np.uint32)
    changes = np.diff(depths, prepend=0).clip(-_DEEPEST, _DEEPEST)
    codes[at] = np.where(raw[at] == 0, _SAME, kinds[changes + _DEEPEST]) * 2
    # At the start of a line the blank says how deep the line is, which its end has said.
    codes[at[at + 1 < len(codes)] + 1] &= ~np.uint32(1)
    names = list(plain)
    return codes, ["", *"\n" * (_FIRST_WORD - 1), *(names[one] for one in order)]


def build_tables(codes: Codes, least: int) -> Iterator[Table]:
    """The tables of contexts of 1, 2, … words; some 16 bytes a code of memory while it lasts."""
    sums = np.zeros(
        len(codes), np.uint64
    )  # for each code the hash of the words before it, one more each time
    for length in range(1, LONGEST + 1):
        for start in range(length, len(codes), _BLOCK):
            end = min(len(codes), start + _BLOCK)
            sums[start:end] += _term(codes[start - length : end - length] >> 1, length)
        yield _table(codes, sums, length, least if length > 2 else 1)


def _table(codes: Codes, sums: Table, length: int, least: int) -> Table:
    """For each context of so many words its hash and the code that followed it most often."""
    parts = []
    for number in range(1 << _PASS_BITS):
        keys = np.concatenate([np.zeros(0, np.uint64), *_keys(codes, sums, length, number)])
        keys.sort()
        parts.append(_most_frequent(keys, least))
    return np.concatenate(parts)


def _keys(codes: Codes, sums: Table, length: int, number: int) -> Iterator[Table]:
    """Hash and follower of the contexts whose hash begins with the bits of `number`."""
    for start in range(length, len(codes), _BLOCK):
        some, following = sums[start : start + _BLOCK], codes[start : start + _BLOCK]
        chosen = (some >> np.uint64(64 - _PASS_BITS) == number) & (following >> 1 != _RARE)
        yield some[chosen] & ~_CODE_MASK | following[chosen]


def _term(numbers: npt.NDArray[Any], distance: int) -> Table:
    """What words so far before a place add to its hash."""
    found: Table = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(_FACTORS[distance - 1])
    return found


def _hash(contexts: npt.NDArray[Any]) -> Table:
    """A hash of each row of word numbers, (n, length), whose low bits are free for a code.

    The upper bits of a sum of products with odd factors (multiply-shift; Dietzfelbinger et al. 1997).
    """
    length = contexts.shape[1]
    found = np.zeros(len(contexts), np.uint64)
    for column in range(length):
        found += _term(contexts[:, column], length - column)
    return found & ~_CODE_MASK


def _most_frequent(keys: Table, least: int) -> Table:
    """Of sorted keys, the one that each context has most often: of equals the more frequent word."""
    if not len(keys):
        return keys
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    counts = np.diff(np.append(starts, len(keys))).astype(np.uint64)
    pairs = keys[starts]
    contexts = pairs & ~_CODE_MASK
    groups = np.flatnonzero(np.concatenate([[True], contexts[1:] != contexts[:-1]]))
    scores = (counts << np.uint64(_CODE_BITS)) | (_CODE_MASK - (pairs & _CODE_MASK))
    best = np.maximum.reduceat(scores, groups)
    totals = np.add.reduceat(counts, groups)
    table: Table = (contexts[groups] | (_CODE_MASK - (best & _CODE_MASK)))[totals >= least]
    return table


def _depth(blanks: str) -> int:
    """How deep a line stands, in blanks, whose indentation ends this text of blanks and line ends."""
    line = blanks[blanks.rfind("\n") + 1 :].replace("\t", " " * _STEP)
    return len(line) - len(line.lstrip(" "))


def _line_end(change: int) -> int:
    """The number of the line end behind which a line stands so many blanks deeper than the one before."""
    if change >= 0:
        return _DEEPER if change else _SAME
    return min(_OUT + (-change - 1) // _STEP, _FIRST_WORD - 1)
