"""The corpus manifest: which sources, at which versions, under which licences, in which split.

A manifest is a JSON file in the repository. `packages` are wheels, each fixed to the byte by its sha256;
`sources` are git repositories, folders, tables (parquet, jsonl) and data sets of the Hugging Face Hub. So the
corpus and its split by project are under version control before anything is trained.

Not here: reading what a source holds (sources/), which licences are permissive (licenses.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from data_pipeline.licenses import is_permissive
from model.errors import DataError
from model.syntax import languages

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
# A source of many projects: each goes to a split by its name.
BY_PROJECT: Literal["by-project"] = "by-project"
SourceSplit = Literal["train", "validation", "test", "by-project"]
# Code of one's own that is under no public licence (SPDX 2.3, section 10.1).
PRIVATE = "LicenseRef-Private"
DEFAULT_MANIFEST = Path(__file__).parent / "manifests" / "python.json"
# What a table's columns may stand for.
COLUMNS = ("text", "path", "repo", "license", "language")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# No `ext::`, which would run a program, and nothing that git would take for an option.
_URL = re.compile(r"(https?|ssh|git|file)://\S+|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^-\s]\S*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel: its name on PyPI, exact version, file name, SPDX licence, sha256 (hex) and split."""

    kind: ClassVar = "wheel"
    name: str
    version: str
    wheel: str
    license: str
    sha256: str
    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepository:
    """A repository on this machine, bare or checked out, or at a URL; `commit` is whatever git resolves.

    `license` None: read from its licence file. `license_accepted`: whoever wrote the manifest may use it
    whatever its licence, because the code is theirs.
    """

    kind: ClassVar = "git"
    name: str
    path: Path | None
    url: str | None
    commit: str
    license: str | None
    license_accepted: bool
    split: SourceSplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of source files, read as git would see it. Its licence is as a repository's."""

    kind: ClassVar = "folder"
    name: str
    path: Path
    license: str | None
    license_accepted: bool
    split: SourceSplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Files with a row for each document: one file, or all of a folder's files of that kind.

    `columns` are pairs (what it stands for, name), for tables that do not call them as The Stack does.
    `license` is that of all rows, where no column says so row by row.
    """

    kind: Literal["parquet", "jsonl"]
    name: str
    path: Path
    columns: tuple[tuple[str, str], ...]
    license: str | None
    license_accepted: bool
    split: SourceSplit


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDataset:
    """A data set of the Hugging Face Hub at a commit, or a folder in its layout (`dataset` absolute)."""

    kind: ClassVar = "huggingface"
    name: str
    dataset: str
    config: str | None
    split_name: str
    revision: str | None
    columns: tuple[tuple[str, str], ...]
    license: str | None
    license_accepted: bool
    split: SourceSplit


Source = Wheel | GitRepository | Folder | Table | HubDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A named list of sources in some languages; wheels are resolved for one fixed platform."""

    name: str
    languages: tuple[str, ...]
    python_version: str
    platforms: tuple[str, ...]
    sources: tuple[Source, ...]
    sha256: str

    @property
    def wheels(self) -> tuple[Wheel, ...]:
        """The sources that are wheels."""
        return tuple(source for source in self.sources if isinstance(source, Wheel))

    def only(self, split: str) -> Manifest:
        """The same with the sources that may have documents in a split."""
        return replace(self, sources=tuple(s for s in self.sources if s.split in (split, BY_PROJECT)))

    def splits(self) -> Callable[[Source, str], Split]:
        """`split_of`, but a project that is a source of its own keeps that source's split everywhere."""
        own = {
            project_of(named.name): split_of(named, named.name)
            for named in self.sources
            if not isinstance(named, (Table, HubDataset))
        }
        return lambda source, repo: own.get(project_of(repo)) or split_of(source, repo)


def project_of(repo: str) -> str:
    """The project a repository holds: the end of its name, spelled as PyPI compares names. Forks are one."""
    return re.sub(r"[-_.]+", "-", repo.rstrip("/").rpartition("/")[2]).lower()


def split_of(source: Source, repo: str) -> Split:
    """The split of a project's documents: the source's, or by the name of the project alone.

    By project, 1 % is for tests and 1 % for validation, chosen by a hash: the same in every source.
    """
    if source.split != BY_PROJECT:
        return source.split
    hundredth = int.from_bytes(hashlib.sha256(project_of(repo).encode("utf-8", "replace")).digest()[:8]) % 100
    return {0: "test", 1: "validation"}.get(hundredth, "train")  # type: ignore[return-value]


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises DataError that names the file, the source and the field."""
    try:
        raw = path.read_bytes()
        data = json.loads(raw)
    except FileNotFoundError:
        raise DataError(f"there is no manifest {path}; give its path with --manifest") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"the manifest {path} is not JSON: {error}") from error
    where = f"the manifest {path}"
    if not isinstance(data, dict):
        raise DataError(f"{where} must be a JSON object with a list `packages`")
    if not isinstance(data.get("name"), str):
        raise DataError(f"{where} lacks the text field `name`")
    platforms = data.get("platforms", [])
    if not isinstance(platforms, list) or not all(isinstance(p, str) for p in platforms):
        raise DataError(f"{where}: `platforms` must be a list of platform tags")
    packages, others = data.get("packages", []), data.get("sources", [])
    for field, entries in (("packages", packages), ("sources", others)):
        if not isinstance(entries, list):
            raise DataError(f"{where}: `{field}` must be a list")
    known = _languages(data, where)
    version = data.get("python_version")
    if not isinstance(version, str):
        if packages or version is not None:
            raise DataError(f"{where} lacks the text field `python_version`")
        version = ""
    sources = (*(_wheel(e, where) for e in packages), *(_source(e, where, path.parent) for e in others))
    if not sources:
        raise DataError(
            f"{where} lists no packages and no sources; add at least one to `packages` or `sources`"
        )
    return Manifest(
        name=data["name"],
        languages=known,
        python_version=version,
        platforms=tuple(platforms),
        sources=_apart(sources, where),
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def add(manifest: Manifest, sources: Sequence[Source]) -> Manifest:
    """The manifest with further sources. Raises DataError where one is in it already."""
    if not sources:
        return manifest
    digest = hashlib.sha256("\n".join([manifest.sha256, *map(repr, sources)]).encode()).hexdigest()
    both = _apart((*manifest.sources, *sources), f"the manifest {manifest.name} with the sources added")
    return replace(manifest, sources=both, sha256=digest)


def of_sources(sources: Sequence[Source], *, languages: Sequence[str]) -> Manifest:
    """A manifest of these sources alone. Raises DataError for an unknown language or a source named twice."""
    known = _languages({"languages": list(languages)}, "the list of sources")
    empty = Manifest(
        name="sources", languages=known, python_version="", platforms=(), sources=(), sha256=",".join(known)
    )
    return add(empty, sources)


def parse_source(text: str, *, split: str = "train", license: str | None = None) -> Source:  # noqa: A002
    """A source as a command line names it; paths are relative to the current folder.

    `git:PATH`, `git:PATH@COMMIT`, `git:URL@COMMIT`, `folder:PATH`, `parquet:PATH`, `jsonl:PATH`, `hf:PATH` or
    `hf:DATASET@COMMIT`, each with `NAME=` in front where the end of its path is not the name it shall have. A
    licence that starts with `LicenseRef-` says that the code is the user's own.
    Raises DataError for anything else.
    """
    kind, colon, rest = text.partition(":")
    given, equals, kind = kind.rpartition("=")
    where = f"the source {text!r}"
    if not colon or not rest or kind not in ("git", "folder", "parquet", "jsonl", "hf"):
        raise DataError(
            f"{where} is none of git:PATH@COMMIT, folder:PATH, parquet:PATH, jsonl:PATH, hf:DATASET@COMMIT"
        )
    entry: dict[str, Any] = {"kind": kind, "split": split, "license": license}
    entry["license_accepted"] = license is not None and license.startswith("LicenseRef-")
    place, _, commit = rest.rpartition("@")
    if kind == "git":
        # Names of folders may hold an @ as well.
        is_pinned = _HASH.fullmatch(commit) is not None or Path(place).exists()
        pinned = bool(place) and is_pinned and not Path(rest).exists()
        place = place if pinned else rest
        entry |= {"url" if _URL.fullmatch(place) else "path": place, "commit": commit if pinned else "HEAD"}
    elif kind == "hf":
        pinned = bool(place) and _HASH.fullmatch(commit) is not None
        place = place if pinned else rest
        entry |= {"kind": "huggingface", "dataset": place, "revision": commit if pinned else None}
    else:
        place = rest
        entry["path"] = rest
    if not entry.get("url") and place.startswith((".", "~")):
        place = str(Path(place).expanduser().resolve())
    if equals:
        return _source({**entry, "name": given}, where, Path.cwd())
    name = re.split(r"[/\\:]", place.rstrip("/\\"))[-1]
    for ending in (".git", ".gz", ".zst", f".{kind}"):
        name = name.removesuffix(ending)
    entry["name"] = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("-._") or "source"
    return _source(entry, where, Path.cwd())


def _languages(data: Mapping[str, Any], where: str) -> tuple[str, ...]:
    field = "languages" if "languages" in data else "language"
    found = data.get(field)
    if field == "language" and not isinstance(found, str):
        raise DataError(f"{where} lacks the text field `language`")
    found = [found] if field == "language" else found
    if not isinstance(found, list) or not found:
        raise DataError(f"{where}: `languages` must be a list of at least one language")
    for one in found:
        if one not in languages():
            raise DataError(f"{where} names the language {one!r}; known are {', '.join(languages())}")
    return tuple(dict.fromkeys(found))


def _apart(sources: tuple[Source, ...], where: str) -> tuple[Source, ...]:
    """The sources, of which no two share a name as PyPI compares names, so that none is in two splits."""
    names = [project_of(source.name) for source in sources]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(
            f"{where} names {', '.join(twice)} twice, and a project belongs to one split; if these are two "
            "projects, give one another name, on the command line as in other-name=folder:PATH"
        )
    return sources


def _wheel(entry: Any, where: str) -> Wheel:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise DataError(f"{where} has a package without a `name`: {entry!r:.80}")
    name = entry["name"]
    if not _NAME.fullmatch(name):
        raise DataError(f"{where}: {name!r:.80} is not the name of a PyPI project")
    for field in ("version", "wheel", "license", "sha256", "split"):
        if not isinstance(entry.get(field), str):
            raise DataError(f"{where}: package {name} lacks the text field `{field}`")
    if not re.fullmatch(r"[0-9a-f]{64}", entry["sha256"]):
        raise DataError(f"{where}: the sha256 of {name} is not 64 hex digits")
    if not entry["wheel"].endswith(".whl") or "/" in entry["wheel"] or "\\" in entry["wheel"]:
        raise DataError(f"{where}: {name} must name a wheel file (*.whl), not {entry['wheel']!r}")
    if entry["split"] not in SPLITS:
        raise DataError(f"{where}: the split of {name} is {entry['split']!r}; use {', '.join(SPLITS)}")
    _check_license(entry["license"], False, f"{where}: {name}")
    return Wheel(**{f: entry[f] for f in ("name", "version", "wheel", "license", "sha256", "split")})


def _source(entry: Any, where: str, base: Path) -> Source:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise DataError(f"{where} has a source without a `name`: {entry!r:.80}")
    name = entry["name"]
    if not _NAME.fullmatch(name):
        raise DataError(f"{where}: the source {name!r:.80} needs a name of letters, digits, '.', '_' and '-'")
    if (kind := entry.get("kind")) not in _KINDS:
        raise DataError(f"{where}: the kind of {name} is {kind!r}; use {', '.join(_KINDS)}")
    make, fields = _KINDS[kind]
    if unknown := sorted(map(str, entry.keys() - {*_COMMON, *fields})):
        raise DataError(f"{where}: {name} has the unknown field `{unknown[0]}`; a {kind} source has "
                        f"{', '.join((*_COMMON, *fields))}")  # fmt: skip
    for field in (*_COMMON, *fields):
        if field not in ("license_accepted", "columns") and not isinstance(entry.get(field), str | None):
            raise DataError(f"{where}: `{field}` of {name} must be text")
    split, accepted = entry.get("split"), entry.get("license_accepted", False)
    if split not in get_args(SourceSplit):
        raise DataError(f"{where}: the split of {name} is {split!r}; use {', '.join(get_args(SourceSplit))}")
    if not isinstance(accepted, bool):
        raise DataError(f"{where}: `license_accepted` of {name} must be true or false")
    _check_license(entry.get("license"), accepted, f"{where}: {name}")
    common = {"name": name, "license": entry.get("license"), "license_accepted": accepted, "split": split}
    return make(entry, common, f"{where}: {name}", base)


def _check_license(expression: str | None, accepted: bool, where: str) -> None:
    if expression is not None and not expression.isprintable():
        raise DataError(f"{where} has the licence {expression!r:.80}, which is no text; correct `license`")
    if expression is not None and not accepted and not is_permissive(expression):
        raise DataError(
            f"{where} is under {expression!r}, which is not on the permissive list; remove it"
            + (", or set `license_accepted` if the code is your own" if PRIVATE in expression else "")
        )


def _git(entry: dict[str, Any], common: dict[str, Any], where: str, base: Path) -> GitRepository:
    path, url, commit = entry.get("path"), entry.get("url"), entry.get("commit") or "HEAD"
    if (path is None) == (url is None):
        raise DataError(f"{where} needs either `path` or `url`")
    if url is not None and not _URL.fullmatch(url):
        raise DataError(f"{where}: the url {url!r} is none that is fetched; use https://, ssh:// or file://")
    if url is not None and not _HASH.fullmatch(commit):
        raise DataError(f"{where}: a repository at a url needs `commit`, all 40 (or 64) hex digits of it")
    if commit.startswith("-") or not commit.isprintable():
        raise DataError(f"{where}: {commit!r:.80} is no commit; give its hash, a tag or a branch")
    return GitRepository(path=None if path is None else _path(path, base), url=url, commit=commit, **common)


def _folder(entry: dict[str, Any], common: dict[str, Any], where: str, base: Path) -> Folder:
    return Folder(path=_path(_required(entry, "path", where), base), **common)


def _table(entry: dict[str, Any], common: dict[str, Any], where: str, base: Path) -> Table:
    path = _path(_required(entry, "path", where), base)
    return Table(kind=entry["kind"], path=path, columns=_columns(entry, where), **common)


def _hub(entry: dict[str, Any], common: dict[str, Any], where: str, base: Path) -> HubDataset:
    dataset, revision = _required(entry, "dataset", where), entry.get("revision")
    if dataset.startswith((".", "/", "~")) or Path(dataset).is_absolute():
        dataset = str(_path(dataset, base))
    elif not re.fullmatch(r"([A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*", dataset):
        raise DataError(f"{where}: {dataset!r:.80} is no data set; use OWNER/NAME, or a path from ./ or /")
    elif revision is None or not _HASH.fullmatch(revision):
        raise DataError(f"{where}: a data set of the Hub needs `revision`, all 40 hex digits of a commit")
    return HubDataset(
        dataset=dataset,
        config=entry.get("config"),
        split_name=entry.get("split_name") or "train",
        revision=revision,
        columns=_columns(entry, where),
        **common,
    )


def _path(text: str, base: Path) -> Path:
    return (base / Path(text).expanduser()).absolute()


def _required(entry: dict[str, Any], field: str, where: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value:
        raise DataError(f"{where} lacks the text field `{field}`")
    return value


def _columns(entry: dict[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    found = entry.get("columns", {})
    if not isinstance(found, dict) or not all(k in COLUMNS and isinstance(v, str) for k, v in found.items()):
        raise DataError(f"{where}: `columns` must map some of {', '.join(COLUMNS)} to names of columns")
    return tuple(sorted(found.items()))


_COMMON = ("kind", "name", "split", "license", "license_accepted")
_Make = Callable[[dict[str, Any], dict[str, Any], str, Path], Source]
_KINDS: dict[str, tuple[_Make, tuple[str, ...]]] = {
    "git": (_git, ("path", "url", "commit")),
    "folder": (_folder, ("path",)),
    "parquet": (_table, ("path", "columns")),
    "jsonl": (_table, ("path", "columns")),
    "huggingface": (_hub, ("dataset", "config", "split_name", "revision", "columns")),
}
