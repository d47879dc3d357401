"""Which documents are encoded together."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_pipeline import encode
from data_pipeline.document import Document
from data_pipeline.store import write_documents


def test_projects_are_whole_in_a_range_unless_thousands_of_files_go_by_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table may not say of which project its rows are: they must not all be held in one memory."""
    monkeypatch.setattr(encode, "_LARGEST_PROJECT", 1000)
    path = tmp_path / "documents.parquet"
    sizes = {"a": 10, "b": 150, "c": 30, "d": 900, "e": 2150, "f": 260, "g": 5}
    write_documents(
        path,
        [
            Document(id=f"{n}", text="", path=f"{n}.py", language="python", repo=repo, license="MIT")
            for repo, size in sizes.items()
            for n in range(size)
        ],
    )
    found = [(rows.start, rows.stop) for rows in encode.project_ranges(path)]
    assert found == [
        (0, 1090), (1090, 2090), (2090, 3090), (3090, 3500), (3500, 3505),
    ]  # fmt: skip
