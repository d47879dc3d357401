"""What its authors asked to leave out is left out, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from data_pipeline import opt_out
from data_pipeline.document import Document
from model.errors import DataError


@pytest.mark.parametrize(
    ("entry", "repo", "path", "left_out"),
    [
        ("numpy", "numpy", "numpy/core/a.py", True),
        ("numpy", "numpydoc", "a.py", False),
        ("numpy", "scipy", "numpy/a.py", False),
        ("Zope_Interface", "zope.interface", "zope/a.py", True),
        ("zope.interface", "zope_interface", "zope/a.py", True),
        ("someone/project", "Someone/Project", "a.py", True),
        ("someone", "someone/project", "a.py", True),
        ("someone/other", "someone/project", "a.py", False),
        ("numpy/numpy/core", "numpy", "numpy/core/deep/a.py", True),
        ("numpy/*.py", "numpy", "setup.py", True),
        ("numpy/*.py", "numpy", "numpy/core/a.py", False),
        ("numpy/**/test_*.py", "numpy", "numpy/core/tests/test_a.py", True),
        ("numpy/**/test_*.py", "scipy", "scipy/tests/test_a.py", False),
        ("*/private/**", "any", "private/a.py", True),
        ("*/private/**", "any", "public/a.py", False),
        ("# numpy", "numpy", "a.py", False),
    ],
)
def test_an_entry_leaves_out_what_it_names(
    make_document: Callable[..., Document], tmp_path: Path, entry: str, repo: str, path: str, left_out: bool
) -> None:
    listed = tmp_path / "more.txt"
    listed.write_text(f"# a comment\n\n{entry}\n", encoding="utf-8")
    found = opt_out.read([listed]).reason(make_document("x", repo=repo, path=path))
    assert found == ("opted out" if left_out else None)


def test_the_list_that_ships_can_be_read_and_is_always_used(make_document: Callable[..., Document]) -> None:
    assert opt_out.DEFAULT_LIST.exists()
    assert opt_out.read().reason(make_document("x")) is None


@pytest.mark.parametrize("entry", ["/", "numpy/ /", "*", "!numpy", "**"])
def test_an_entry_that_names_nothing_is_refused_with_its_line(tmp_path: Path, entry: str) -> None:
    listed = tmp_path / "more.txt"
    listed.write_text(f"numpy\n{entry}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"more\.txt, line 2"):
        opt_out.read([listed])


def test_a_list_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt"):
        opt_out.read([tmp_path / "none.txt"])
