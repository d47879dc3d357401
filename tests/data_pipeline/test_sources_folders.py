"""Folders: the files that git would see, whatever else lies about."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import Folder
from data_pipeline.sources.folders import fingerprint_of_folder, read_folder
from model.errors import DataError

NAMES = """
    a.py generated_a.py generated_kept.py d/generated_b.py top/a.py top/back.py top/d/a.py build/a.py
    d/build/a.py cache/x.py cache/d/x.py q/cache/d/e/x.py deep/local.py deep/d/local.py local.py
    excluded.py d/excluded.py
"""


def lay(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def source(path: Path, license: str | None = "MIT") -> Folder:  # noqa: A002
    return Folder(name="f", path=path, license=license, license_accepted=False, split="train")


def paths(root: Path) -> list[str]:
    return [one.path for one in read_folder(source(root), ["python"]) if isinstance(one, Document)]


def test_documents_say_where_they_are_from(tmp_path: Path) -> None:
    lay(tmp_path, {"pkg/a.py": "a = 1\r\n", "z.py": "z = 1\n", "pkg/readme.md": "no source"})
    first, second = read_folder(source(tmp_path), ["python"])
    assert first == Document(
        id="f/z.py", text="z = 1\n", path="z.py", language="python", repo="f", license="MIT"
    )
    assert isinstance(second, Document)
    assert (second.id, second.text) == ("f/pkg/a.py", "a = 1\n")


def test_ignore_files_hold_at_every_level_as_git_says(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git to compare with")
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, env=environment)
    ignoring = {
        ".gitignore": "generated_*.py\n!generated_kept.py\n/top/*.py\nbuild/\n**/cache/**/x.py\n",
        "top/.gitignore": "!back.py\n",
        "deep/.gitignore": "local.py\n",
        ".git/info/exclude": "excluded.py\n",
    }
    names = NAMES.split()
    lay(tmp_path, {**ignoring, **dict.fromkeys(names, "a = 1\n")})
    answer = subprocess.run(
        ["git", "check-ignore", "--stdin", "-z"],
        input="\0".join(names), capture_output=True, text=True, cwd=tmp_path, env=environment, check=False,
    )  # fmt: skip
    ignored = set(filter(None, answer.stdout.split("\0")))
    assert 5 < len(ignored) < len(names) - 3
    assert set(paths(tmp_path)) == set(names) - ignored
    # Ours overrules git's, in both directions.
    lay(tmp_path, {"deep/.tabwrightignore": "!local.py\n", ".tabwrightignore": "a.py\n"})
    kept = set(names) - ignored | {"deep/local.py", "deep/d/local.py"}
    assert set(paths(tmp_path)) == {name for name in kept if Path(name).name != "a.py"}


def test_a_folder_within_a_repository_heeds_the_ignore_files_above_it(tmp_path: Path) -> None:
    lay(tmp_path, {"repo/.git/HEAD": "", "repo/.gitignore": "generated.py\n", ".gitignore": "*\n"})
    lay(tmp_path, {"repo/part/generated.py": "a = 1\n", "repo/part/own.py": "a = 1\n"})
    assert paths(tmp_path / "repo" / "part") == ["own.py"]


def test_environments_packages_and_hidden_folders_are_nobodys_source(tmp_path: Path) -> None:
    for folder in (
        ".git",
        ".svn",
        ".venv/lib",
        "node_modules/x",
        "lib/site-packages",
        "__pycache__",
        "env/lib",
    ):
        lay(tmp_path, {f"{folder}/a.py": "a = 1\n"})
    lay(tmp_path, {"env/pyvenv.cfg": "", "own/a.py": "a = 1\n"})
    assert paths(tmp_path) == ["own/a.py"]


def test_links_pipes_and_unfit_files_are_no_documents(tmp_path: Path) -> None:
    root = lay(tmp_path / "root", {"a.py": "a = 1\n", "latin.py": b"\xe9", "huge.py": b"x = 1\n" * 200_000})
    lay(tmp_path, {"outside/secret.py": "secret = 1\n"})
    (root / "link.py").symlink_to(tmp_path / "outside" / "secret.py")
    (root / "linked").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to(root)
    (root / "dangling.py").symlink_to("nowhere")
    os.mkfifo(root / "pipe.py")
    lay(root, {"vendor/v.py": "v = 1\n", os.fsdecode(b"\xff.py"): "a = 1\n", "new\nline.py": "a = 1\n"})
    found = list(read_folder(source(root), ["python"]))
    assert [one.path for one in found if isinstance(one, Document)] == ["a.py"]
    assert {one.document_id: one.reason for one in found if isinstance(one, Drop)} == {
        "f/latin.py": "not UTF-8", "f/huge.py": "larger than 1 MB", "f/vendor/v.py": "vendored",
        "f/?.py": "unsafe path", "f/new?line.py": "unsafe path",
    }  # fmt: skip


def test_a_very_deep_folder_is_read(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 300)
    lay(tmp_path, {f"{deep}/a.py": "a = 1\n"})
    assert paths(tmp_path) == [f"{deep}/a.py"]


def test_the_fingerprint_is_that_of_the_files_that_are_read(tmp_path: Path) -> None:
    lay(tmp_path, {"a.py": "a = 1\n", "b.txt": "b", ".gitignore": "ignored.py\n"})

    def fingerprint() -> str:
        return fingerprint_of_folder(source(tmp_path), ["python"])

    before = fingerprint()
    assert len(before) == 64
    lay(tmp_path, {"b.txt": "other", "ignored.py": "x = 1\n"})
    os.utime(tmp_path / "a.py", (1, 1))
    assert fingerprint() == before
    lay(tmp_path, {"a.py": "a = 2\n"})  # of the same size
    assert (changed := fingerprint()) != before
    (tmp_path / "a.py").rename(tmp_path / "c.py")
    assert fingerprint() not in (before, changed)
    assert fingerprint_of_folder(source(tmp_path, "ISC"), ["python"]) != fingerprint()
    assert fingerprint_of_folder(source(tmp_path), []) != fingerprint()


def test_a_folder_that_is_not_there_or_has_no_licence_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the folder of f, cannot be read"):
        list(read_folder(source(tmp_path / "none"), ["python"]))
    with pytest.raises(DataError, match="f has no licence file"):
        list(read_folder(source(tmp_path, None), ["python"]))
    os.mkfifo(tmp_path / "LICENSE")
    (tmp_path / "COPYING").mkdir()
    lay(tmp_path, {"license.py": "a = 1\n"})
    with pytest.raises(DataError, match="f has no licence file"):
        list(read_folder(source(tmp_path, None), ["python"]))
    lay(
        tmp_path, {"LICENSE.txt": "This is free and unencumbered software released into the public domain.\n"}
    )
    (one,) = read_folder(source(tmp_path, None), ["python"])
    assert isinstance(one, Document)
    assert one.license == "Unlicense"
