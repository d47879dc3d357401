"""`make dist`: the same bytes whoever builds, nothing in them that should not be, a full bill of materials.

The release is built of the tree as it stands here, committed in two folders that differ in all that people's
machines may differ in. Not here: a release installed and at work (tests/e2e/test_fresh_install.py, and
vscode-extension/test/vscode/ with the .vsix); that the same bytes come out on another operating system.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from dataclasses import dataclass
from email import message_from_string
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from model import secrets

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VERSION = PROJECT["version"]
EPOCH = 1_700_000_000
PERSON = {"NAME": "a", "EMAIL": "a@example.invalid", "DATE": f"{EPOCH} +0000"}
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") and k != "SOURCE_DATE_EPOCH"}
CLONE = (ROOT / ".git").exists() and shutil.which("git")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not CLONE, reason="a release is built of a commit, and this is no git checkout"),
    pytest.mark.skipif(not shutil.which("npm"), reason="no Node on the PATH: the extension cannot be built"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What one build left, and what it said."""

    source: Path
    out: Path
    said: str

    def file(self, pattern: str) -> Path:
        (found,) = self.out.glob(pattern)
        return found

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.out.iterdir())

    @property
    def bill(self) -> dict[str, object]:
        return json.loads(self.file("*.cdx.json").read_bytes())


def git(folder: Path, *words: str) -> str:
    environment = ENVIRONMENT | {
        **({} if folder == ROOT else {"GIT_CONFIG_GLOBAL": os.devnull}),  # it may trust only this folder
        **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in PERSON.items()},
    }
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def commit_of(tree: Path, folder: Path, *, private: bool, modified: float) -> Path:
    """A repository with one commit: every file of the tree that git does not ignore, with modes and times."""
    listed = git(tree, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if (tree / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / name, target)
            executable = os.access(tree / name, os.X_OK)
            target.chmod((0o700 if executable else 0o600) if private else (0o775 if executable else 0o664))
            os.utime(target, (modified, modified))
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All")
    return folder


def build(source: Path, *, umask: int = 0o022, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, source / ".ci" / "release"],
        env={**ENVIRONMENT, **environment},
        umask=umask,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def npm_that(does: str, folder: Path) -> str:
    """A search path whose npm is this shell script."""
    npm = folder / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{does}\n")
    npm.chmod(0o755)
    return f"{npm.parent}{os.pathsep}{os.environ['PATH']}"


# `npm ci` is half of a build. It puts there what the lock file names by checksum, so it does so once and the
# other builds copy; what would have it leave tools out must not reach it.
NPM = str(shutil.which("npm"))
KEEPING = f"{shlex.quote(NPM)} \"$@\" || exit\nif [ $1 = ci ]; then cp -r node_modules '{{kept}}'; fi"
COPYING = f"""\
if [ $1 != ci ]; then exec {shlex.quote(NPM)} "$@"; fi
if [ -n "$NODE_ENV$NODE_OPTIONS" ]; then exit 9; fi
cp -r '{{kept}}' node_modules"""


@pytest.fixture(scope="module")
def npm_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first build leaves what `npm ci` has fetched."""
    return tmp_path_factory.mktemp("npm") / "node_modules"


@pytest.fixture(scope="module")
def release(npm_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    source = commit_of(ROOT, tmp_path_factory.mktemp("one"), private=False, modified=EPOCH)
    path = npm_that(KEEPING.format(kept=npm_packages), npm_packages.parent)
    done = build(source, TZ="UTC", LC_ALL="C.UTF-8", PATH=path)
    assert done.returncode == 0, done.stderr
    return Release(source=source, out=source / "dist", said=done.stdout)


@pytest.fixture(scope="module")
def elsewhere(release: Release, npm_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The same commit on the machine of somebody else, who is in the middle of other work."""
    folder = tmp_path_factory.mktemp("two") / "a folder" / "much further down than the other one"
    source = commit_of(release.source, folder, private=True, modified=915_148_800)
    git(source, "config", "core.autocrlf", "true")
    git(source, "config", "tar.umask", "0077")
    with (source / "README.md").open("a") as readme:
        readme.write("not committed\n")
    (source / "model" / "unfinished.py").write_text("not committed\n")
    for ignored in ("runs/corpus.bin", "model/__pycache__/fim.pyc", "dist/left-from-before.whl", "a.vsix"):
        (source / ignored).parent.mkdir(exist_ok=True)
        (source / ignored).write_bytes(b"ignored")
    done = build(
        source,
        umask=0o077,
        PATH=npm_that(COPYING.format(kept=npm_packages), tmp_path_factory.mktemp("copying")),
        TZ="Pacific/Kiritimati",
        LC_ALL="tr_TR.UTF-8",
        NODE_ENV="production",
        PYTHONPATH=".",
    )
    assert done.returncode == 0, done.stderr
    (source / "dist/left-from-before.whl").unlink()
    return Release(source=source, out=source / "dist", said=done.stdout + done.stderr)


def members(path: Path) -> dict[str, bytes]:
    """Every file of an archive by its name."""
    if path.name.endswith(".tar.gz"):
        with tarfile.open(path) as tar:
            return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def packages(release: Release) -> list[Path]:
    return [release.file("*.tar.gz"), release.file("*.whl"), release.file("*.vsix")]


def test_a_release_is_these_files(release: Release) -> None:
    assert release.names == sorted(
        [
            "SHA256SUMS",
            f"tabwright-{VERSION}-py3-none-any.whl",
            f"tabwright-{VERSION}.cdx.json",
            f"tabwright-{VERSION}.tar.gz",
            f"tabwright-{VERSION}.vsix",
            "third-party-licences.txt",
        ]
    )


def test_the_same_commit_gives_the_same_bytes_to_somebody_else(release: Release, elsewhere: Release) -> None:
    """Other folder, file modes and times, umask, time zone, language, line ends; other work lying about."""
    assert elsewhere.names == release.names
    for name in release.names:
        assert (elsewhere.out / name).read_bytes() == (release.out / name).read_bytes(), name


def test_what_is_in_no_commit_is_named_and_left_out(elsewhere: Release) -> None:
    assert "not in it: 2 changes that are in no commit, such as README.md" in elsewhere.said
    for path in packages(elsewhere):
        assert not [name for name, data in members(path).items() if b"not committed\n" in data[-20:]]


def test_the_checksums_are_those_of_the_files(release: Release) -> None:
    lines = [line.split("  ") for line in release.file("SHA256SUMS").read_text("ascii").splitlines()]
    assert sorted(name for _, name in lines) == [name for name in release.names if name != "SHA256SUMS"]
    for digits, name in lines:
        assert hashlib.sha256((release.out / name).read_bytes()).hexdigest() == digits


def test_every_file_bears_the_time_of_the_commit(release: Release) -> None:
    with tarfile.open(release.file("*.tar.gz")) as tar:
        assert {m.mtime for m in tar} == {EPOCH}
        assert {(m.uid, m.gid, m.uname, m.gname) for m in tar} == {(0, 0, "", "")}
    for path in packages(release)[1:]:
        with zipfile.ZipFile(path) as archive:
            assert {i.date_time for i in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
            assert {i.external_attr >> 16 & 0o777 for i in archive.infolist()} <= {0o644, 0o755, 0o664}


def test_the_sdist_builds_the_same_wheel(release: Release, tmp_path: Path) -> None:
    with tarfile.open(release.file("*.tar.gz")) as tar:
        tar.extractall(tmp_path, filter="data")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=tmp_path / f"tabwright-{VERSION}",
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
        check=True,
        capture_output=True,
    )
    wheel = release.file("*.whl")
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_extension_carries_the_very_wheel(release: Release) -> None:
    wheel = release.file("*.whl")
    assert members(release.file("*.vsix"))[f"extension/dist/server/{wheel.name}"] == wheel.read_bytes()


def test_the_record_of_the_wheel_names_every_file_with_its_checksum(release: Release) -> None:
    held = members(release.file("*.whl"))
    record = f"tabwright-{VERSION}.dist-info/RECORD"
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(held[record].decode()))}
    assert set(rows) == set(held)
    assert rows.pop(record) == ["", ""]
    for name, (digest, size) in rows.items():
        expected = base64.urlsafe_b64encode(hashlib.sha256(held[name]).digest()).decode().rstrip("=")
        assert (digest, size) == (f"sha256={expected}", str(len(held[name]))), name


def test_the_wheel_holds_what_is_tracked_in_its_packages_and_nothing_else(release: Release) -> None:
    tracked = {
        name
        for name in git(release.source, "ls-files").splitlines()
        if name.partition("/")[0] in {"model", "lsp_server", "data_pipeline", "eval", "tabwright.py"}
    }
    held = {name for name in members(release.file("*.whl")) if ".dist-info/" not in name}
    assert held == tracked


def test_the_sdist_holds_what_is_tracked_and_nothing_else(release: Release) -> None:
    held = {name.partition("/")[2] for name in members(release.file("*.tar.gz"))}
    assert held == {*git(release.source, "ls-files").splitlines(), "PKG-INFO"}


def test_no_package_tells_of_the_machine_that_built_it(release: Release) -> None:
    """Not its folders, nor the home folder of who built it."""
    places = {str(release.source), str(ROOT), str(Path.home()), sys.prefix, "/" + ".unfinished-"}
    places -= {"/root", "/usr", "/usr/local"}  # too common to tell anything
    for path in [*packages(release), release.file("*.cdx.json"), release.file("third-party*")]:
        held = members(path) if path in packages(release) else {path.name: path.read_bytes()}
        for name, data in held.items():
            assert not [place for place in places if place.encode() in data], name


def test_no_package_has_a_secret_or_a_pickle_or_compiled_code(release: Release) -> None:
    for path in packages(release)[1:]:
        for name, data in members(path).items():
            assert not re.search(r"\.(py[cod]|so|dll|dylib|exe|pkl|pickle|pt|pth|bin|env|pem|key)$", name), (
                name
            )
            if name.endswith((".py", ".json", ".md", ".txt", ".mjs")) and "tokenizer" not in name:
                text = data.decode()
                found = [text[secret.start : secret.end] for secret in secrets.find(text)]
                if "model/pretrained/" in name:  # full of checksums
                    found = [value for value in found if not re.fullmatch(r"[0-9a-f]{64}", value)]
                assert not found, name


@pytest.fixture
def again(release: Release, tmp_path: Path) -> Path:
    """The same commit checked out anew."""
    source = tmp_path / "source"
    shutil.copytree(release.source / ".git", source / ".git")
    git(source, "checkout", "--quiet", "--force", "HEAD")
    return source


def test_a_step_that_fails_leaves_nothing_behind(again: Path, tmp_path: Path) -> None:
    """The wheel is built by then; it must not be taken for a release."""
    done = build(again, PATH=npm_that("echo the registry is away >&2\nexit 7", tmp_path))
    assert done.returncode == 1
    assert "`npm ci --ignore-scripts --no-audit --no-fund` ended with status 7" in done.stderr
    assert "the registry is away" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((again / "dist").iterdir()) == []


def test_a_build_that_is_stopped_leaves_nothing_behind(again: Path, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    path = npm_that(f"touch '{begun}'\nexec sleep 600", tmp_path)
    command = [sys.executable, again / ".ci" / "release"]
    with subprocess.Popen(command, env={**ENVIRONMENT, "PATH": path}, stdout=subprocess.DEVNULL) as process:
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.terminate()
    assert process.returncode == 143
    assert list((again / "dist").iterdir()) == []


def components(release: Release, kind: str) -> dict[str, dict[str, object]]:
    found = [c for c in release.bill["components"] if c.get("purl", "").startswith(f"pkg:{kind}/")]
    return {canonicalize_name(c["name"]): c for c in found}


def needed_by(wheel: Path) -> set[str]:
    """Every distribution that the wheel needs with its extra `cpu`, by the metadata of what is installed."""
    about = members(wheel)[f"tabwright-{VERSION}.dist-info/METADATA"].decode()
    texts = message_from_string(about).get_all("Requires-Dist") or []
    ahead = [(Requirement(text), {"", "cpu"}) for text in texts]
    found: set[str] = set()
    while ahead:
        wanted, extras = ahead.pop()
        name = canonicalize_name(wanted.name)
        applies = wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras)
        if applies and name not in found:
            found.add(name)
            requires = metadata.distribution(name).requires or ()
            ahead += [(Requirement(text), wanted.extras or {""}) for text in requires]
    return found


def test_the_bill_holds_to_its_schema(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    from cyclonedx.schema import SchemaVersion  # a second, which all that collect this file would wait
    from cyclonedx.validation.json import JsonStrictValidator

    # Seconds for the grammar of URLs, which the build itself has held them to.
    monkeypatch.setattr("jsonschema._format._rfc3987_is_valid_syntax", lambda kind, text: " " not in text)
    text = release.file("*.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_the_bill_names_all_that_the_wheel_needs_at_the_pinned_versions(release: Release) -> None:
    pins = dict(
        line.split("==")
        for line in (release.source / "constraints.txt").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    )
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    named = components(release, "pypi")
    assert set(named) == needed_by(release.file("*.whl"))
    assert {name: c["version"] for name, c in named.items()} == {name: pinned[name] for name in named}


def test_the_bill_names_all_that_is_inside_the_extension(release: Release) -> None:
    """Also what a build tool needs too, which npm's own `--omit dev` loses."""
    notices = members(release.file("*.vsix"))["extension/dist/third-party-notices.txt"].decode()
    inside = dict(re.findall(r"^-{80}\n\n(\S+) (\S+) \(.+\)$", notices, re.MULTILINE))
    lock = json.loads((release.source / "vscode-extension/package-lock.json").read_text("utf-8"))["packages"]
    named = components(release, "npm")
    assert "minimatch" in inside
    assert set(inside) <= set(named)
    for name, component in named.items():
        locked = lock[f"node_modules/{name}"]
        assert component["version"] == locked["version"]
        assert component["licenses"] == [{"license": {"id": locked["license"]}}]
        digest = base64.b64decode(locked["integrity"].removeprefix("sha512-")).hex()
        assert component["hashes"] == [{"alg": "SHA-512", "content": digest}]


def test_every_component_of_the_bill_has_a_version_and_a_licence_that_tools_can_read(
    release: Release,
) -> None:
    for component in release.bill["components"]:
        assert component["type"] == "data" or component["version"], component["name"]
        assert component["licenses"], component["name"]
        for choice in component["licenses"] if component["type"] == "library" else ():
            assert "expression" in choice or "id" in choice["license"], component["name"]


def test_nothing_that_comes_along_binds_the_code_of_who_uses_it(release: Release) -> None:
    for component in release.bill["components"]:
        if component["type"] == "library":
            assert "GPL" not in json.dumps(component["licenses"]), component["name"]


def test_the_bill_has_the_model_with_its_checksums_and_licence(release: Release) -> None:
    (model,) = [c for c in release.bill["components"] if c["type"] == "machine-learning-model"]
    folder = release.source / "model" / "pretrained"
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    assert model["name"] == meta["name"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": meta["files"]["model.onnx"]["sha256"]}]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    told = {c["name"]: c["hashes"][0]["content"] for c in model["components"]}
    tracked = git(release.source, "ls-files", "model/pretrained").splitlines()
    files = {name.removeprefix("model/pretrained/"): release.source / name for name in tracked}
    assert told == {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in files.items()}


def test_the_bill_has_every_project_of_the_corpus_with_its_licence_and_calls_none_a_dependency(
    release: Release,
) -> None:
    (corpus,) = [c for c in release.bill["components"] if c["type"] == "data"]
    manifest = json.loads((release.source / "data_pipeline/manifests/python.json").read_text("utf-8"))
    expected = {(p["name"], p["version"], p["license"], p["sha256"]) for p in manifest["packages"]}
    named = {
        (c["name"], c["version"], c["licenses"][0]["expression"], c["hashes"][0]["content"])
        for c in corpus["components"]
    }
    assert named == expected
    assert not [c for c in corpus["components"] if "purl" in c]


def test_the_bill_has_the_checksums_of_the_packages_and_what_they_were_built_with(release: Release) -> None:
    about = release.bill["metadata"]
    told = {c["name"]: c["hashes"][0]["content"] for c in about["component"]["components"]}
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in packages(release)}
    properties = {p["name"]: p["value"] for p in about["properties"]}
    assert properties["tabwright:commit"] == git(release.source, "rev-parse", "HEAD").strip()
    assert properties["tabwright:source-date-epoch"] == str(EPOCH)
    assert {"python", "hatchling", "node", "npm"} <= {t["name"] for t in about["tools"]["components"]}


def test_every_reference_of_the_bill_leads_somewhere(release: Release) -> None:
    bill = release.bill

    def references(component: dict[str, object]) -> list[str]:
        return [component["bom-ref"], *(r for c in component.get("components", ()) for r in references(c))]

    there = [r for c in (bill["metadata"]["component"], *bill["components"]) for r in references(c)]
    assert len(there) == len(set(there))
    for entry in bill["dependencies"]:
        assert {entry["ref"], *entry.get("dependsOn", ())} <= set(there)


def test_the_licences_are_there_of_all_that_comes_along(release: Release) -> None:
    """Inside the .vsix its own packages'; beside the packages everything's."""
    text = release.file("third-party-licences.txt").read_text("utf-8")
    for path, notices in members(release.file("*.vsix")).items():
        if path.endswith("third-party-notices.txt"):
            assert notices.decode().strip() in text
    for component in release.bill["components"]:
        if component.get("purl", "").startswith("pkg:pypi/"):
            assert f"\n{component['name']} {component['version']} (" in text
    assert "Permission is hereby granted, free of charge" in text


def test_make_dist_builds_this(release: Release) -> None:
    makefile = (release.source / "Makefile").read_text("utf-8")
    assert re.search(r"^dist: \$\(VENV\)/\.dev\n\t\$\(BIN\)/python \.ci/release$", makefile, re.MULTILINE)
    assert "/dist" not in git(release.source, "status", "--porcelain"), "git ignores what is built"
