"""Data sets of the Hub: the real loading code, on a folder in the Hub's layout, without a network."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import HubDataset
from data_pipeline.sources import hub
from model.errors import DataError

pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True, raising=False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two splits of the layout of the-stack-smol, the first in two files."""
    root = tmp_path / "set"
    (root / "data").mkdir(parents=True)
    files = {"train-00000-of-00002": (0, 5), "train-00001-of-00002": (5, 9), "test-00000-of-00001": (0, 2)}
    for name, numbers in files.items():
        rows = [
            {"content": f"n = {n}\n", "licenses": ["MIT" if n != 3 else "GPL-3.0"], "path": f"f{n}.py",
             "repository_name": "o/n", "lang": "Python" if n != 4 else "Go"}
            for n in range(*numbers)
        ]  # fmt: skip
        pq.write_table(pa.Table.from_pylist(rows), root / "data" / f"{name}.parquet", row_group_size=2)
    return root


def source(dataset: str, **fields: object) -> HubDataset:
    stated = {
        "config": None, "split_name": "train", "revision": None, "columns": (), "license": None,
        "license_accepted": False, "split": "train", **fields,
    }  # fmt: skip
    return HubDataset(name="h", dataset=dataset, **stated)  # type: ignore[arg-type]


def test_a_data_set_is_streamed_through_the_real_loading_code(folder: Path) -> None:
    found = list(hub.read_dataset(source(str(folder)), ["python"]))
    documents = [one for one in found if isinstance(one, Document)]
    assert [one.text for one in documents] == [f"n = {n}\n" for n in (0, 1, 2, 5, 6, 7, 8)]
    assert documents[0] == Document(
        id="h/o/n/f0.py", text="n = 0\n", path="f0.py", language="python", repo="o/n", license="MIT"
    )
    assert [one.reason for one in found if isinstance(one, Drop)] == ["licence not permitted"]
    assert len(list(hub.read_dataset(source(str(folder), split_name="test"), ["python"]))) == 2


def test_what_cannot_be_loaded_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match="of h, split dev, cannot be read"):
        list(hub.read_dataset(source(str(folder), split_name="dev"), ["python"]))
    with pytest.raises(
        DataError, match=r"data set owner/none of h, split train, cannot be read .*the network"
    ):
        list(hub.read_dataset(source("owner/none", revision="a" * 40), ["python"]))
    with pytest.raises(DataError, match="has no column 'body' for `text` of h"):
        list(hub.read_dataset(source(str(folder), columns=(("text", "body"),)), ["python"]))


@pytest.mark.parametrize("outside", ["../other.parquet", "file:///elsewhere/other.parquet"])
def test_a_folder_does_not_lead_out_of_itself(folder: Path, outside: str) -> None:
    """Its card is anybody's, and may name files of this machine or of the network."""
    (folder.parent / "other.parquet").write_bytes((folder / "data/test-00000-of-00001.parquet").read_bytes())
    outside = outside.replace("/elsewhere", str(folder.parent))
    (folder / "README.md").write_text(
        f"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: {outside}\n---\n"
    )
    with pytest.raises(DataError, match=r"which is outside of it|cannot be read"):
        list(hub.read_dataset(source(str(folder)), ["python"]))


def test_a_data_sets_fingerprint_is_its_commit_and_a_folders_its_content(folder: Path) -> None:
    assert hub.fingerprint_of_dataset(source("o/n", revision="a" * 40)) == "a" * 40
    before = hub.fingerprint_of_dataset(source(str(folder)))
    assert before == hub.fingerprint_of_dataset(source(str(folder)))
    (folder / "README.md").write_text("which files belong to which split")
    assert hub.fingerprint_of_dataset(source(str(folder))) != before
    with pytest.raises(DataError, match="is no folder; correct `dataset`"):
        hub.fingerprint_of_dataset(source(str(folder / "none")))
