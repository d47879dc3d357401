"""Each hash goes to the right document, equal corpora give equal bytes, and no text leaves."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from data_pipeline import attribution as writing
from data_pipeline.document import Document
from model import attribution, winnowing
from model.attribution import AttributionIndex, Origin
from model.errors import DataError

MakeDocument = Callable[..., Document]


def _code(seed: int, lines: int = 30) -> str:
    """Code that nobody else wrote."""
    random = Random(seed)

    def name() -> str:
        return "".join(random.choices("abcdefghij", k=6))

    return "".join(f"def {name()}({name()}):\n    return {name()} + {name()}\n" for _ in range(lines))


@pytest.fixture
def documents(make_document: MakeDocument) -> list[Document]:
    return [
        make_document(_code(i), id=f"{repo}/{i}.py", path=f"{i}.py", repo=repo)
        for i, repo in enumerate(["one", "one", "two", "two", "three", "four", "five"])
    ]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _origins(index: AttributionIndex, text: str) -> list[tuple[str, str]]:
    return [(match.project, match.path) for match in index.find(text)]


def test_every_document_is_found_again(tmp_path: Path, documents: list[Document]) -> None:
    counts = writing.write(tmp_path / "index", [writing.fingerprints(documents)])
    index = AttributionIndex.load(tmp_path / "index", verify=True)
    for document in documents:
        assert _origins(index, document.text) == [(document.repo, document.path)]
    assert counts["documents"] == 7
    assert counts["projects"] == 5
    assert counts["shared"] == counts["common"] == 0
    assert counts["code_bytes"] == sum(len(d.text) for d in documents)
    assert counts["bytes"] == sum(len(content) for content in _bytes(tmp_path / "index").values())


def test_how_documents_are_parted_changes_no_byte(tmp_path: Path, documents: list[Document]) -> None:
    writing.write(tmp_path / "whole", [writing.fingerprints(documents)])
    parts = (pickle.loads(pickle.dumps(writing.fingerprints([d]))) for d in documents)
    writing.write(tmp_path / "parted", parts)
    assert _bytes(tmp_path / "whole") == _bytes(tmp_path / "parted")


def test_a_project_may_come_in_several_parts(tmp_path: Path, make_document: MakeDocument) -> None:
    """Counting projects must not take one that comes twice for two."""
    shared = _code(100)
    documents = [
        make_document(shared + _code(i), id=str(i), path=f"{i}.py", repo=repo)
        for i, repo in enumerate(["one", "two", "one", "two", "one"])
    ]
    counts = writing.write(tmp_path / "index", [writing.fingerprints([d]) for d in documents])
    assert counts["common"] == 0
    # At its end a later document may have a hash that the first has not: there they go on differently.
    assert _origins(AttributionIndex.load(tmp_path / "index"), shared)[0] == ("one", "0.py")


def test_the_checksum_of_the_corpus_is_that_of_all_documents(
    tmp_path: Path, documents: list[Document], make_document: MakeDocument
) -> None:
    """A model and its index are told to belong together by it."""

    def checksum(documents: list[Document]) -> str:
        writing.write(tmp_path / "index", [writing.fingerprints(documents)])
        return AttributionIndex.load(tmp_path / "index").corpus

    first = checksum(documents)
    other = make_document(documents[-1].text + "# said\n", id=documents[-1].id, path="6.py", repo="five")
    assert checksum(documents) == first
    assert checksum(documents[:-1]) != first
    # A remark has no hash; it is another corpus all the same.
    assert checksum([*documents[:-1], other]) != first


def test_buckets_that_would_overflow_are_divided() -> None:
    """Forty hashes alike in their first bits: a count has room for fifteen."""
    marks = np.arange(40, dtype=np.uint64) << np.uint64(50)
    counts, remainders = writing._buckets(marks, 60, Path("index"))
    spread = np.stack((counts & 15, counts >> 4), axis=-1).ravel()
    assert spread.max() <= 15
    assert spread.sum() == len(remainders) == 40
    with pytest.raises(DataError, match="one index cannot hold the 40 hashes"):
        writing._buckets(marks >> np.uint64(50), 60, Path("index"))


def test_only_what_is_kept_is_indexed(tmp_path: Path, documents: list[Document]) -> None:
    kept = {d.id for d in documents[::2]}
    counts = writing.write(tmp_path / "index", [writing.fingerprints(documents)], kept)
    index = AttributionIndex.load(tmp_path / "index")
    for document in documents:
        assert bool(index.find(document.text)) == (document.id in kept)
    assert counts["documents"] == len(kept)
    assert counts["code_bytes"] == sum(len(d.text) for d in documents[::2])


def test_what_few_projects_share_belongs_to_the_first_and_what_many_share_to_nobody(
    tmp_path: Path, make_document: MakeDocument
) -> None:
    few, many = _code(100), _code(101)
    documents = [
        make_document(
            f"{_code(i)}{few if i else ''}{many}{_code(i + 50)}", id=str(i), path=f"{i}.py", repo=f"p{i}"
        )
        for i in range(writing.MOST_PROJECTS + 1)
    ]
    counts = writing.write(tmp_path / "index", [writing.fingerprints(documents)])
    index = AttributionIndex.load(tmp_path / "index")
    assert _origins(index, few) == [("p1", "1.py")]
    assert _origins(index, many) == []
    assert counts["common"] > 0
    assert counts["shared"] > 0
    # A copy of a whole file is one copy of that file, whoever has parts of it too.
    assert _origins(index, documents[3].text) == [("p3", "3.py")]


def test_nothing_but_names_of_files_and_hashes_is_written(
    tmp_path: Path, make_document: MakeDocument
) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLE"
    text = f"{_code(1)}\nkey = '{secret}'\n# jane.doe@example.org\n{_code(2)}"
    writing.write(tmp_path / "index", [writing.fingerprints([make_document(text)])])
    files = _bytes(tmp_path / "index")
    table = zlib.decompress(files[attribution.DOCUMENTS])
    assert table == b'{"projects":["p"],"licenses":["MIT"],"project":[0],"license":[0],"paths":["a.py"]}'
    words = {text.encode()[i : i + 6] for i in range(len(text) - 6)}
    for content in (*files.values(), table):
        assert not any(content[i : i + 6] in words for i in range(len(content) - 6))


def test_a_write_that_fails_leaves_the_old_index(
    tmp_path: Path, documents: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    writing.write(folder, [writing.fingerprints(documents[:3])])
    before = _bytes(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="No space left"):  # the build says what to do about it
        writing.write(folder, [writing.fingerprints(documents)])
    assert _bytes(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_an_index_is_replaced_and_nothing_else_is(tmp_path: Path, documents: list[Document]) -> None:
    parts = [writing.fingerprints(documents)]
    writing.write(tmp_path / "index", parts[:1])
    (tmp_path / "index.partial").mkdir()  # as a kill leaves it
    (tmp_path / "index.partial" / "junk").write_text("x")
    writing.write(tmp_path / "index", parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index"]
    assert "junk" not in _bytes(tmp_path / "index")
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("x")
    with pytest.raises(DataError, match="will not be replaced"):
        writing.write(other, parts)


def test_a_corpus_without_a_match_to_find_is_an_error(tmp_path: Path, make_document: MakeDocument) -> None:
    with pytest.raises(DataError, match=f"the {winnowing.LEAST} tokens"):
        writing.write(tmp_path / "index", [writing.fingerprints([make_document("a = 1\n")])])


def test_more_documents_than_two_bytes_tell_apart(tmp_path: Path) -> None:
    count = (1 << 16) + 3
    hashes = np.random.default_rng(0).integers(0, 1 << 64, count, dtype=np.uint64)
    part = writing.Fingerprints(
        ids=tuple(map(str, range(count))),
        origins=tuple(Origin(project="p", path=f"{i}.py", license="MIT") for i in range(count)),
        digests=(b"",) * count,
        sizes=(1,) * count,
        hashes=hashes,
        owners=np.arange(count, dtype=np.uint32),
    )
    writing.write(tmp_path / "index", [part])
    index = AttributionIndex.load(tmp_path / "index")
    # What is kept of two hashes may be the same, once among so many.
    assert (index._owners_of(hashes) != np.arange(count)).sum() <= 6
