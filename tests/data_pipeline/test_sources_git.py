"""Git repositories: a commit's files and nothing else, without anything that the repository configures."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import PRIVATE, GitRepository, Manifest
from data_pipeline.sources import git, reading
from model.errors import DataError

MIT = """MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without
limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
Software, and to permit persons to whom the Software is furnished to do so, subject to the following
conditions: the above copyright notice and this permission notice shall be included in all copies.
"""
GPL = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n"

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def run(folder: Path, *command: str) -> str:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ALLOW_PROTOCOL": "file",
    }  # fmt: skip
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@example.org"}
        environment |= {f"GIT_{role}_DATE": "2020-01-01T00:00:00Z"}
    done = subprocess.run(
        ["git", *command], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str | bytes]) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    run(folder, "add", "--all", "--force")
    run(folder, "commit", "--quiet", "--message", "more")
    return run(folder, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    run(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, {"LICENSE": MIT, "a.py": "a = 1\n", "pkg/b.py": "b = 1\n", "pkg/c.txt": "no source"})
    return folder


def source(path: Path | None, **fields: object) -> GitRepository:
    stated = {"name": "p", "path": path, "url": None, "commit": "HEAD", "license": None,
              "license_accepted": False, "split": "train", **fields}  # fmt: skip
    return GitRepository(**stated)  # type: ignore[arg-type]


def read(path: Path, **fields: object) -> list[Document | Drop]:
    repository = source(path, **fields)
    return list(git.read_repository(repository, path, git.commit_of(repository, path), ["python"]))


def texts(path: Path, **fields: object) -> dict[str, str]:
    return {one.path: one.text for one in read(path, **fields) if isinstance(one, Document)}


def test_a_commits_files_are_read_whatever_the_working_tree_holds(project: Path) -> None:
    first = run(project, "rev-parse", "HEAD")
    commit(project, {"a.py": "a = 2\n"})
    (project / "a.py").write_text("a = 3\n")
    (project / "new.py").write_text("new = 1\n")
    assert texts(project) == {"a.py": "a = 2\n", "pkg/b.py": "b = 1\n"}
    old = {"a.py": "a = 1\n", "pkg/b.py": "b = 1\n"}
    assert texts(project, commit=first) == texts(project, commit="HEAD~1") == old
    (one, _) = read(project)
    assert one == Document(
        id="p/a.py", text="a = 2\n", path="a.py", language="python", repo="p", license="MIT"
    )


def test_bare_packed_and_checked_out_repositories_hold_the_same(project: Path, tmp_path: Path) -> None:
    many = {f"m/f{number}.py": f"value = {number}\n" * 50 for number in range(300)}
    commit(project, dict(many))
    loose = read(project)
    assert len(loose) == 302
    run(tmp_path, "clone", "--quiet", "--bare", "project", "bare.git")
    run(tmp_path / "bare.git", "repack", "-a", "-d", "-f", "--quiet")
    run(tmp_path / "bare.git", "pack-refs", "--all")
    assert read(tmp_path / "bare.git") == loose
    run(project, "worktree", "add", "--quiet", "--detach", "../tree")
    assert (tmp_path / "tree" / ".git").is_file()
    assert read(tmp_path / "tree") == loose


def test_a_partition_is_known_by_its_commit_and_reads_that_commit(project: Path, tmp_path: Path) -> None:
    manifest = Manifest(
        name="m",
        languages=("python",),
        python_version="",
        platforms=(),
        sources=(source(project),),
        sha256="0",
    )
    reading.fetch(manifest, tmp_path / "cache")
    (part,) = reading.partitions(manifest, tmp_path / "cache")
    assert part.fingerprint.startswith(run(project, "rev-parse", "HEAD") + "-")
    commit(project, {"later.py": "later = 1\n"})
    assert [one.path for one in reading.read(part, ["python"]) if isinstance(one, Document)] == [
        "a.py",
        "pkg/b.py",
    ]
    (again,) = reading.partitions(manifest, tmp_path / "cache")
    assert again.fingerprint != part.fingerprint
    commit(project, {"LICENSE": GPL})  # refused before a long build begins
    with pytest.raises(DataError, match="p is under GPL"):
        reading.partitions(manifest, tmp_path / "cache")


def test_links_and_submodules_are_skipped_and_unfit_files_are_dropped(project: Path, tmp_path: Path) -> None:
    (project / "link.py").symlink_to("/etc/passwd")
    (project / "loop").symlink_to("..")
    head = run(project, "rev-parse", "HEAD")
    run(project, "update-index", "--add", "--cacheinfo", f"160000,{head},module.py")
    commit(
        project,
        {
            "latin.py": "name = 'é'".encode("latin-1"), "huge.py": b"x = 1\n" * 200_000,
            "vendor/v.py": "v = 1\n", "quo\"te 'é.py": "q = 1\n", "back\\slash.py": "s = 1\n",
        },
    )  # fmt: skip
    (project / os.fsdecode(b"bytes\xff.py")).write_text("b = 1\n")
    commit(project, {})
    found = read(project)
    assert {one.document_id: one.reason for one in found if isinstance(one, Drop)} == {
        "p/latin.py": "not UTF-8", "p/huge.py": "larger than 1 MB", "p/vendor/v.py": "vendored",
        "p/bytes?.py": "unsafe path", "p/back\\slash.py": "unsafe path",
    }  # fmt: skip
    assert sorted(texts(project)) == ["a.py", "pkg/b.py", "quo\"te 'é.py"]


def test_nothing_that_a_repository_configures_is_run(project: Path, tmp_path: Path) -> None:
    told = tmp_path / "it-ran"
    script = tmp_path / "run.sh"
    script.write_text(f"#!/bin/sh\ntouch {told}\nexit 1\n")
    script.chmod(0o755)
    commit(project, {".gitattributes": "*.py filter=evil diff=evil\n"})
    for name in (
        "core.fsmonitor", "core.pager", "pager.ls-tree", "core.sshCommand", "core.alternateRefsCommand",
        "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "diff.external", "alias.ls-tree",
        "uploadpack.packObjectsHook", "core.editor", "credential.helper", "remote.origin.uploadpack",
    ):  # fmt: skip
        run(project, "config", name, str(script))
    run(project, "config", "core.hooksPath", str(tmp_path))
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (project / ".git" / "hooks" / hook).parent.mkdir(exist_ok=True)
        shutil.copy(script, project / ".git" / "hooks" / hook)
        shutil.copy(script, tmp_path / hook)
    assert texts(project) == {"a.py": "a = 1\n", "pkg/b.py": "b = 1\n"}
    assert not told.exists()


def test_a_partial_clone_fetches_nothing_and_says_so(project: Path, tmp_path: Path) -> None:
    run(project, "config", "uploadpack.allowFilter", "true")
    run(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{project}", "partial.git")
    for _ in range(2):  # had the first look fetched, the second would find it
        with pytest.raises(DataError, match=r"p lacks the content of .*partial or damaged clones"):
            read(tmp_path / "partial.git")
    assert read(project)


def test_replaced_objects_do_not_change_what_a_commit_holds(project: Path) -> None:
    before = run(project, "rev-parse", "HEAD:a.py")
    commit(project, {"other.py": "replaced = True\n"})
    run(project, "replace", before, run(project, "rev-parse", "HEAD:other.py"))
    assert run(project, "show", "HEAD:a.py") == "replaced = True"
    assert texts(project)["a.py"] == "a = 1\n"


def test_what_is_no_repository_or_commit_is_named(project: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not one: neither bare nor with a"):
        read(project / "pkg")  # git itself would look above
    with pytest.raises(DataError, match="has no commit 'v9'; correct `commit`"):
        read(project, commit="v9")
    (tmp_path / "empty").mkdir()
    run(tmp_path / "empty", "init", "--quiet")
    with pytest.raises(DataError, match="has no commit 'HEAD'"):
        read(tmp_path / "empty")
    with pytest.raises(DataError, match=r"has no commit 'HEAD:a\.py'"):
        read(project, commit="HEAD:a.py")


def test_the_callers_environment_does_not_lead_elsewhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "nowhere"))
    assert len(texts(project)) == 2


# --- the licence


def test_the_licence_is_that_of_the_commits_own_file(project: Path) -> None:
    first = run(project, "rev-parse", "HEAD")
    commit(project, {"LICENSE": GPL})
    for stated in (None, "MIT"):
        with pytest.raises(DataError, match=r"p is under GPL-3\.0-only by its file LICENSE.*remove it"):
            read(project, license=stated)
    assert texts(project, commit=first)
    (one, _) = read(project, license_accepted=True)
    assert isinstance(one, Document)
    assert one.license == "GPL-3.0-only"
    (one, _) = read(project, license_accepted=True, license=PRIVATE)
    assert isinstance(one, Document)
    assert one.license == PRIVATE


def test_a_repository_without_a_licence_is_refused_unless_the_manifest_states_one(project: Path) -> None:
    run(project, "rm", "--quiet", "LICENSE")
    commit(project, {"pkg/LICENSE": MIT})
    with pytest.raises(DataError, match="p has no licence file; state `license`"):
        read(project)
    assert {one.license for one in read(project, license="ISC") if isinstance(one, Document)} == {"ISC"}
    accepted = read(project, license_accepted=True)
    assert {one.license for one in accepted if isinstance(one, Document)} == {PRIVATE}
    commit(project, {"COPYING.md": "Do as you like on Sundays."})
    with pytest.raises(DataError, match=r"licence of p in its file COPYING\.md is not a known one"):
        read(project)


# --- repositories at a url


def test_a_repository_at_a_url_is_fetched_at_its_commit_once(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = run(project, "rev-parse", "HEAD")
    commit(project, {"later.py": "later = 1\n"})
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "post-checkout").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template.parent))
    repository = source(None, url=f"file://{project}", commit=pinned)
    cache = tmp_path / "cache"
    location = git.fetch_repository(repository, cache)
    assert location == cache / "git" / f"p-{pinned[:12]}.git"
    assert not (location / "hooks").exists()
    shutil.rmtree(project)
    assert git.fetch_repository(repository, cache) == location
    found = git.read_repository(repository, location, git.commit_of(repository, location), ["python"])
    assert [one.path for one in found if isinstance(one, Document)] == ["a.py", "pkg/b.py"]


def test_a_server_that_gives_no_single_commit_is_asked_for_all(project: Path, tmp_path: Path) -> None:
    pinned = run(project, "rev-parse", "HEAD")
    commit(project, {"later.py": "later = 1\n"})
    # A shallow fetch of what is not advertised fails in the older protocol.
    (tmp_path / "config").write_text("[protocol]\n\tversion = 0\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(tmp_path))
        (tmp_path / "config").rename(tmp_path / ".gitconfig")
        location = git.fetch_repository(source(None, url=f"file://{project}", commit=pinned), tmp_path / "c")
    assert len(run(location, "rev-list", "--all").split()) == 2


def test_a_commit_that_the_server_lacks_is_named_and_leaves_nothing(project: Path, tmp_path: Path) -> None:
    for url in (f"file://{project}", f"file://{tmp_path}/none"):
        with pytest.raises(DataError, match=r"git could not fetch eeeeeeeeeeee of p from file:"):
            git.fetch_repository(source(None, url=url, commit="e" * 40), tmp_path / "cache")
    assert list((tmp_path / "cache" / "git").iterdir()) == []
