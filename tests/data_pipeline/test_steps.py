"""A step is done when its record says so for these inputs, and the files are as it left them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_pipeline import steps


@pytest.fixture
def done(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("one")
    steps.write_record(tmp_path / "step.json", "key", ["a.txt"], {"rows": 3})
    return tmp_path / "step.json"


def test_a_record_comes_back_for_its_own_inputs_only(done: Path) -> None:
    found = steps.read_record(done, "key")
    assert found is not None
    assert found["rows"] == 3
    assert steps.read_record(done, "other") is None


def test_a_changed_or_missing_file_undoes_the_step(done: Path) -> None:
    (done.parent / "a.txt").write_text("two")
    assert steps.read_record(done, "key") is None
    (done.parent / "a.txt").unlink()
    assert steps.read_record(done, "key") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"fingerprint": "key"}', '{"fingerprint": "key", "files": 3}']
)
def test_a_damaged_record_undoes_the_step(done: Path, text: str) -> None:
    done.write_text(text)
    assert steps.read_record(done, "key") is None


def test_withdrawing_makes_the_folder_and_takes_the_record(tmp_path: Path) -> None:
    path = tmp_path / "new" / "step.json"
    steps.withdraw(path)
    assert path.parent.is_dir()
    path.write_text("{}")
    steps.withdraw(path)
    assert not path.exists()


def test_inputs_code_and_libraries_name_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    before = steps.fingerprint("pack", {"a": 1, "b": [2]})
    assert steps.fingerprint("pack", {"b": [2], "a": 1}) == before
    assert steps.fingerprint("pack", {"a": 1, "b": [3]}) != before
    versions = dict(steps.libraries())
    monkeypatch.setattr(steps, "libraries", lambda: {**versions, "xxhash": "0"})
    assert steps.fingerprint("pack", {"a": 1, "b": [2]}) != before
    monkeypatch.setattr(steps, "libraries", lambda: versions)
    monkeypatch.setattr(steps, "VERSION", steps.VERSION + 1)
    assert steps.fingerprint("pack", {"a": 1, "b": [2]}) != before


def test_every_library_that_decides_bytes_is_installed_and_pinned() -> None:
    constraints = (Path(__file__).parents[2] / "constraints.txt").read_text().lower()
    for name, version in steps.libraries().items():
        assert f"\n{name}=={version}\n" in constraints, name


def test_json_is_written_whole(tmp_path: Path) -> None:
    steps.write_json(tmp_path / "x.json", {"é": [1]})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"é": [1]}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
