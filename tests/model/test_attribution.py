"""Copies are found and named right, own code is not, and a damaged index says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data_pipeline import attribution as writing
from data_pipeline.document import Document
from model import attribution, winnowing
from model.attribution import AttributionIndex, Match
from model.errors import ConfigError, ModelError
from model.winnowing import GRAM, LEAST, WINDOW

ROOT = Path(__file__).parents[2]
LICENSES = {"model": "MIT", "lsp_server": "Apache-2.0", "eval": "BSD-3-Clause OR MIT"}
FILES = {
    (project, path.name): path.read_text("utf-8")
    for project in LICENSES
    for path in sorted((ROOT / project).glob("*.py"))
}
OWN = """
def harvest(orchard: list[Tree], *, ripe: Callable[[Apple], bool]) -> Basket:
    # Apples first, leaves never: änderbar.
    basket = Basket(capacity=len(orchard) * 12, lined=True)
    for tree in orchard:
        while tree.has_fruit and not basket.is_full:
            apple = tree.shake(strength=0.3)
            if ripe(apple):
                basket.add(apple, softly=True)
            else:
                tree.forgive(apple.bruises or None)
    return basket.covered_with(orchard[0].leaves)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    documents = [
        Document(id=f"{p}/{f}", text=t, path=f, language="python", repo=p, license=LICENSES[p])
        for (p, f), t in FILES.items()
    ]
    out = tmp_path_factory.mktemp("attribution") / "index"
    writing.write(out, [writing.fingerprints(documents)])
    return out


@pytest.fixture(scope="module")
def index(folder: Path) -> AttributionIndex:
    return AttributionIndex.load(folder)


def _cut(text: str, first: int, count: int) -> str:
    """So many tokens of a text."""
    read = text.encode()
    tokens = winnowing.lexed(read)
    return read[tokens.starts[first] : tokens.ends[first + count - 1]].decode()


def _count(text: str) -> int:
    return len(winnowing.lexed(text.encode()).hashes)


def test_a_copy_is_found_with_project_file_and_licence(index: AttributionIndex) -> None:
    copy = _cut(FILES["lsp_server", "trigger.py"], 100, 120)
    found = index.find(OWN + "\n" + copy + "\n" + OWN)
    assert [(m.project, m.path, m.license) for m in found] == [("lsp_server", "trigger.py", "Apache-2.0")]


def test_a_copy_is_found_when_laid_out_and_commented_anew(index: AttributionIndex) -> None:
    copy = _cut(FILES["model", "shards.py"], 150, 90).replace('"', "'")
    lines = [f"\t\t{line.strip()}\n\n    # remark {i}" for i, line in enumerate(copy.splitlines())]
    found = index.find(OWN + "\n".join(lines) + OWN)
    assert [(m.project, m.path) for m in found] == [("model", "shards.py")]


def test_the_characters_of_a_match_hold_what_was_copied(index: AttributionIndex) -> None:
    copy = _cut(FILES["model", "fim.py"], 300, 200)
    text = "größe = 'ß→'\n" + copy + "\nrest_größe = 1\n"
    (match,) = index.find(text, before="längst = 1\n" * 600)  # more than is read of it
    shared = text[match.start : match.end]
    assert shared in copy
    assert _count(shared) == match.tokens == match.suggested >= 200 - 2 * (WINDOW - 1)


def test_a_copy_that_began_above_is_found(index: AttributionIndex) -> None:
    source = FILES["eval", "demo.py"]
    before, text = _cut(source, 40, 60), _cut(source, 100, GRAM - 1)
    assert index.find(text) == []
    (match,) = index.find("\n" + text, before=OWN + before)
    assert (match.project, match.path) == ("eval", "demo.py")
    assert match.tokens > match.suggested > 0
    assert match.start == 1  # the line break is no token
    assert text.startswith(("\n" + text)[match.start : match.end])


def test_a_copy_that_ended_above_is_not_the_suggestions(index: AttributionIndex) -> None:
    assert index.find(OWN, before=_cut(FILES["eval", "demo.py"], 40, 120) + "\n") == []


def test_code_of_ones_own_belongs_to_nobody(index: AttributionIndex) -> None:
    assert _count(OWN) > 2 * LEAST
    assert index.find(OWN * 3) == []
    assert index.find("") == []


def test_two_origins_are_both_named_the_longer_first(index: AttributionIndex) -> None:
    short = _cut(FILES["eval", "demo.py"], 40, 80)
    long = _cut(FILES["model", "cursors.py"], 200, 160)
    found = index.find(f"{short}\n{OWN}\n{long}")
    assert [(m.project, m.path) for m in found] == [("model", "cursors.py"), ("eval", "demo.py")]
    assert found[0].tokens > found[1].tokens


def test_least_asks_for_longer_copies(index: AttributionIndex) -> None:
    text = OWN + _cut(FILES["model", "shards.py"], 150, 90) + OWN
    assert index.find(text, least=90)
    assert index.find(text, least=90 + 2 * WINDOW) == []
    with pytest.raises(ConfigError, match=f"no fewer than {LEAST}"):
        index.find(text, least=LEAST - 1)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(FILES)),
    st.integers(0, 1 << 32),
    st.integers(LEAST, 2 * LEAST),
    st.integers(1, 4),
)
def test_a_copy_that_is_suggested_line_by_line_is_found_in_one_of_them(
    index: AttributionIndex, origin: tuple[str, str], seed: int, count: int, together: int
) -> None:
    """Whoever takes one suggestion after the other is told once at least."""
    random = Random(seed)
    source = FILES[origin]
    lines = source.splitlines(keepends=True)
    copy = "".join(lines[random.randrange(len(lines) + 1) :])
    assume(_count(copy) >= count)
    copy = _cut(copy, 0, count)
    assume(winnowing.tells(winnowing.lexed(copy.encode()).names).all())
    lines = copy.splitlines(keepends=True)
    pieces = ["".join(lines[at : at + together]) for at in range(0, len(lines), together)]
    asked = [index.find(piece, before=OWN + "".join(pieces[:at])) for at, piece in enumerate(pieces)]
    assert any(asked)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 1 << 32), st.integers(LEAST, 3 * LEAST))
def test_every_copy_of_the_stated_length_is_found(
    index: AttributionIndex, origin: tuple[str, str], seed: int, count: int
) -> None:
    random = Random(seed)
    source = FILES[origin]
    assume(_count(source) > count)
    first = random.randrange(_count(source) - count)
    # From the start of a line: elsewhere a `*` would be first in its line only in the copy.
    copy = source[: source.index(_cut(source, first, count))].rpartition("\n")[2] + _cut(source, first, count)
    assume(winnowing.tells(winnowing.lexed(copy.encode()).names).all())
    # All of it in the text, or begun above with a window's worth of it in the text.
    lines = copy.splitlines(keepends=True)
    split = next(i for i in range(len(lines), -1, -1) if i == 0 or _count("".join(lines[i:])) >= WINDOW)
    split = random.randrange(split + 1)
    found = index.find("".join(lines[split:]) + "\n" + OWN, before=OWN + "".join(lines[:split]))
    assert any(match.tokens >= GRAM and _holds(match, origin) for match in found)


def _holds(match: Match, origin: tuple[str, str]) -> bool:
    """The document itself, or an earlier one that has the same run."""
    return (match.project, match.path) == origin or list(FILES).index((match.project, match.path)) < list(
        FILES
    ).index(origin)


def test_hashes_of_nobody_are_hardly_ever_somebodys(index: AttributionIndex) -> None:
    strange = np.random.default_rng(0).integers(0, 1 << 64, 100_000, dtype=np.uint64)
    held = (index._owners_of(strange) >= 0).sum()
    assert held <= 12  # 3.8 on average, were the buckets as full as they may be


def test_a_text_of_one_document_between_two_of_another_breaks_no_run() -> None:
    """Hashes 0 … of windows: 5's own, 2's (which comes first, so 5 may have them too), 5's, 7's, nobody's."""
    owners = np.array([5, 5, 2, 2, 9, 5, 7, 5, -1, 5])
    expected = [(2, 2, 3), (5, 0, 5), (5, 7, 7), (5, 9, 9), (7, 6, 6)]
    assert attribution._stretches(owners, 9, 0, 10) == expected
    assert attribution._stretches(owners, 9, 1, 10) == [(2, 2, 3), (5, 0, 5), (7, 6, 6)]
    # Windows that reach beyond the end are no proof of length.
    assert attribution._stretches(owners, 9, 1, 2) == [(5, 0, 5), (7, 6, 6)]
    assert attribution._stretches(owners, 9, 2, 2) == []


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "name", [attribution.COUNTS, attribution.REMAINDERS, attribution.OWNERS, attribution.DOCUMENTS]
)
@pytest.mark.parametrize("damage", [Path.unlink, _cut_short])
def test_a_missing_or_short_file_is_named(copied: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(copied / name)
    with pytest.raises(ModelError, match=name):
        AttributionIndex.load(copied)


def test_an_archive_in_the_place_of_numbers_is_one_sentence(copied: Path) -> None:
    path = copied / attribution.OWNERS
    path.write_bytes(b"PK\x03\x04".ljust(path.stat().st_size, b"\0"))
    with pytest.raises(ModelError, match="damaged attribution index"):
        AttributionIndex.load(copied)


@pytest.mark.parametrize("name", [attribution.COUNTS, attribution.REMAINDERS, attribution.OWNERS])
def test_a_changed_byte_is_found_when_asked_for(copied: Path, name: str) -> None:
    AttributionIndex.load(copied, verify=True)
    _spoil(copied / name)
    with pytest.raises(ModelError, match=name):
        AttributionIndex.load(copied, verify=True)


def _make_noise(path: Path) -> None:
    content = path.read_bytes()
    noise = np.random.default_rng(1).bytes(len(content))
    path.write_bytes(content[:256] + noise[256:-8] + content[-8:])


def test_spoilt_numbers_are_never_an_error_while_typing(copied: Path) -> None:
    """`load` does not read all; what it did not read may be wrong, but must not break a keystroke."""
    text = OWN + "".join(_cut(t, 100, 100) + "\n" for t in FILES.values() if _count(t) > 200)
    for name in (attribution.OWNERS, attribution.REMAINDERS):
        _make_noise(copied / name)
        AttributionIndex.load(copied).find(text)
    _make_noise(copied / attribution.COUNTS)
    with pytest.raises(ModelError, match="different attribution indexes"):
        AttributionIndex.load(copied)


def test_a_spoilt_table_of_documents_is_one_sentence(copied: Path) -> None:
    """It is read when the first document is named."""
    copy = _cut(FILES["lsp_server", "trigger.py"], 100, 120)
    _spoil(copied / attribution.DOCUMENTS)
    index = AttributionIndex.load(copied)
    assert index.find(OWN) == []
    with pytest.raises(ModelError, match="damaged attribution index"):
        index.find(copy)
    with pytest.raises(ModelError, match=r"documents\.json\.zz"):
        AttributionIndex.load(copied, verify=True)


def test_it_knows_whose_documents_it_holds(index: AttributionIndex) -> None:
    assert index.projects == LICENSES.keys()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0}'])
def test_a_spoilt_description_is_one_sentence(copied: Path, text: str) -> None:
    (copied / attribution.INDEX).write_text(text)
    with pytest.raises(ModelError, match=r"index\.json"):
        AttributionIndex.load(copied)


def test_an_index_of_another_sampling_is_refused(copied: Path) -> None:
    path = copied / attribution.INDEX
    path.write_text(json.dumps(json.loads(path.read_text()) | {"window": WINDOW + 1}))
    with pytest.raises(ModelError, match="another version"):
        AttributionIndex.load(copied)


def test_a_folder_without_an_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no attribution index"):
        AttributionIndex.load(tmp_path)
