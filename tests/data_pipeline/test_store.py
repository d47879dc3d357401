"""Documents on disk: nothing is lost or changed, a half-written file never has its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipeline import store
from data_pipeline.document import Document
from model.errors import DataError

_TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


@given(texts=st.lists(_TEXT, max_size=8))
def test_documents_come_back_as_they_were(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    documents = [
        Document(id=f"p/{i}", text=text, path=f"{i}.py", language="python", repo="p", license="MIT")
        for i, text in enumerate(texts)
    ]
    path = tmp_path_factory.mktemp("store") / "documents.parquet"
    assert store.write_documents(path, documents) == len(texts)
    assert list(store.read_documents(path)) == documents
    assert store.read_lengths(path) == [len(text) for text in texts]
    assert store.read_columns(path, ("id",)) == {"id": [d.id for d in documents]}


def test_any_rows_can_be_read_across_groups(
    make_document: Callable[..., Document], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "GROUP", 3)
    documents = [make_document(f"x = {i}\n", id=f"p/{i}.py") for i in range(10)]
    path = tmp_path / "documents.parquet"
    store.write_documents(path, iter(documents))
    assert pq.read_metadata(path).num_row_groups == 4
    for start in range(11):
        for stop in range(start, 11):
            assert list(store.read_documents(path, range(start, stop))) == documents[start:stop]


def test_equal_documents_give_equal_bytes(make_document: Callable[..., Document], tmp_path: Path) -> None:
    documents = [make_document(f"x = {i}\n" * 50, id=f"p/{i}.py") for i in range(300)]
    for name in ("a", "b"):
        store.write_documents(tmp_path / name, documents)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_was_not_finished_leaves_the_old_one(
    make_document: Callable[..., Document], tmp_path: Path
) -> None:
    path = tmp_path / "documents.parquet"
    store.write_documents(path, [make_document("x = 1\n")])
    before = path.read_bytes()

    def dies() -> Iterator[Document]:
        yield make_document("y = 2\n")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write_documents(path, dies())
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["documents.parquet"]


def test_a_damaged_file_is_named(tmp_path: Path, make_document: Callable[..., Document]) -> None:
    path = tmp_path / "documents.parquet"
    store.write_documents(path, [make_document("x = 1\n" * 500, id=f"p/{i}") for i in range(20)])
    whole = path.read_bytes()
    flipped = bytes([*whole[:90], *(byte ^ 0x55 for byte in whole[90:120]), *whole[120:]])
    for damaged in (whole[:100], whole[: len(whole) // 2], b"", flipped):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"documents\.parquet cannot be read .* build again"):
            assert list(store.read_documents(path)) == []
