"""Git repositories to Documents: the files of one commit, read from the object store by the git program.

A repository may be anybody's, so nothing it configures has a say: no hook, filter, file-system monitor or
pager runs, replacement objects are not followed, and objects that a partial clone left out are not fetched.
The working tree is never looked at. Links and submodules are skipped.

Not here: which licence the files stand under (licensing.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from data_pipeline.document import Document, Drop
from data_pipeline.manifest import GitRepository
from data_pipeline.sources.files import LARGEST_FILE, Reading, document, unfit
from data_pipeline.sources.licensing import LARGEST_LICENSE, is_license_file, license_of
from model.errors import DataError
from model.syntax import language_of

_BUFFER = 1 << 16  # bytes
_PLAIN_FILE = re.compile(rb"100[0-7]{3} blob ([0-9a-f]+)")
# Set on the command line, where a repository's own configuration cannot reach.
_OPTIONS = (
    "--no-pager", "--no-replace-objects", "--literal-pathspecs",
    "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}",
)  # fmt: skip
# How a user reaches servers: programs and certificates of their own choice.
_OF_THE_NETWORK = ("GIT_SSH", "GIT_ASKPASS", "GIT_SSL_", "GIT_PROXY_", "GIT_HTTP_", "GIT_CONFIG_GLOBAL",
                   "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")  # fmt: skip


class _Entry(NamedTuple):
    """A plain file of a commit."""

    object_name: str
    path: str


def fetch_repository(repository: GitRepository, cache: Path) -> Path:
    """Where the repository is; one at a URL is in `cache` afterwards, with at least its pinned commit.

    Raises DataError that names the source and what git said.
    """
    location = location_of(repository, cache)
    if repository.url is None or location.exists():
        return location
    location.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=location.parent, prefix="incoming-") as incoming:
        got = Path(incoming, "repository.git")
        _run(["git", "init", "--quiet", "--bare", "--template=", str(got)], _environment(network=False))
        # The commit alone, where the server gives it; else all that it has.
        for depth, wanted in ((["--depth=1"], [repository.commit]), ([], ["+refs/*:refs/*"])):
            command = [
                "git", *_OPTIONS, f"--git-dir={got}", "fetch", "--quiet", "--no-tags",
                "--no-write-fetch-head", "--no-recurse-submodules", *depth, "--", repository.url, *wanted,
            ]  # fmt: skip
            done = _start(command, _environment(network=True))
            if done.returncode == 0 and _resolve(got, repository.commit) is not None:
                got.replace(location)
                return location
    raise DataError(
        f"git could not fetch {repository.commit[:12]} of {repository.name} from {repository.url} "
        f"({_last_line(done.stderr)}); check the url and the commit in the manifest, and the network"
    )


def location_of(repository: GitRepository, cache: Path) -> Path:
    """The repository's own folder, or its place in the cache."""
    if repository.path is not None:
        return repository.path
    return cache / "git" / f"{repository.name}-{repository.commit[:12]}.git"


def commit_of(repository: GitRepository, location: Path) -> str:
    """The full name of the commit that the manifest means. Raises DataError."""
    found = _resolve(_git_folder(location, repository.name), repository.commit)
    if found is None:
        raise DataError(
            f"the repository {location} of {repository.name} has no commit {repository.commit!r}; "
            "correct `commit` in the manifest, or fetch it there with git"
        )
    return found


def license_of_repository(repository: GitRepository, location: Path, commit: str) -> str:
    """The licence of all files of a commit, see `licensing.license_of`. Raises DataError."""
    folder = _git_folder(location, repository.name)
    with _objects(folder, repository.name) as objects:
        listed = [e for e in _entries(folder, commit, recursive=False) if is_license_file(e.path)]
        return license_of(repository, [(e.path, objects.read(e, LARGEST_LICENSE)[0]) for e in listed])


def read_repository(
    repository: GitRepository, location: Path, commit: str, languages: Collection[str]
) -> Iterator[Document | Drop]:
    """The source files of a commit in git's order, a Drop with a reason for each unfit one.

    Raises DataError when there is no such repository or commit, or not all of its objects.
    """
    expression = license_of_repository(repository, location, commit)
    folder = _git_folder(location, repository.name)
    reading = Reading(name=repository.name, languages=languages)
    with _objects(folder, repository.name) as objects:
        for entry in _entries(folder, commit):
            language = language_of(entry.path)
            if language is None or language not in languages:
                continue
            raw, size = objects.read(entry, LARGEST_FILE)
            identity = reading.identity(entry.path)
            if reason := unfit(entry.path, size):
                yield Drop(document_id=identity, reason=reason, characters=size)
                continue
            yield document(
                identity, raw, path=entry.path, language=language, repo=repository.name, license=expression
            )


def _git_folder(location: Path, name: str) -> Path:
    """The folder of objects and references. Git would look above as well, for somebody else's."""
    if (location / ".git").exists():
        return (location / ".git").absolute()
    if (location / "HEAD").is_file() and (location / "objects").is_dir():
        return location.absolute()
    raise DataError(f"{location}, the repository of {name}, is not one: neither bare nor with a .git")


def _resolve(folder: Path, commit: str) -> str | None:
    command = ["rev-parse", "--quiet", "--verify", "--end-of-options", f"{commit}^{{commit}}"]
    done = _start(_command(folder, command), _environment(network=False))
    # --end-of-options is printed by some versions.
    return done.stdout.split()[-1].decode("ascii") if done.returncode == 0 and done.stdout.split() else None


def _entries(folder: Path, commit: str, *, recursive: bool = True) -> Iterator[_Entry]:
    """The plain files of a commit. Only what is being looked at is in memory."""
    command = ["ls-tree", "-z", "--full-tree", *(["-r"] if recursive else []), commit]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            _command(folder, command), env=_environment(network=False), cwd=Path(folder.anchor),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            rest = b""
            while chunk := process.stdout.read(_BUFFER):
                *lines, rest = (rest + chunk).split(b"\0")
                for line in lines:
                    head, _, path = line.partition(b"\t")
                    if match := _PLAIN_FILE.match(head):
                        yield _Entry(match.group(1).decode("ascii"), path.decode("utf-8", "surrogateescape"))
            if process.wait() != 0:
                errors.seek(0)
                raise DataError(f"git cannot list {commit[:12]} of {folder} ({_last_line(errors.read())})")
        finally:
            _end(process)


class _Objects:
    """A `git cat-file --batch`: object names in, contents out."""

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asked: IO[bytes] = process.stdin
        self._answers: IO[bytes] = process.stdout
        self._name = name

    def read(self, entry: _Entry, most: int) -> tuple[bytes, int]:
        """Content and size of a file in bytes; of more than `most` bytes the content is left out."""
        try:
            self._asked.write(entry.object_name.encode("ascii") + b"\n")
            self._asked.flush()
            answer = self._answers.readline().split()
            if len(answer) != 3 or answer[1] != b"blob":
                raise ValueError("no such blob")
            size = int(answer[2])
            content = self._exactly(size) if size <= most else b""
            left = 0 if size <= most else size
            while left:
                left -= len(self._exactly(min(left, _BUFFER)))
            self._exactly(1)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{self._name} lacks the content of {entry.path!r}, as partial or damaged clones do; "
                "fetch it there with git, or clone it anew"
            ) from error
        return content, size

    def _exactly(self, size: int) -> bytes:
        found = self._answers.read(size)
        if len(found) != size:
            raise ValueError("git ended early")
        return found


@contextmanager
def _objects(folder: Path, name: str) -> Iterator[_Objects]:
    process = subprocess.Popen(
        _command(folder, ["cat-file", "--batch"]), env=_environment(network=False), cwd=Path(folder.anchor),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _Objects(process, name)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was still to be written has no reader
                continue
    process.wait()


def _command(folder: Path, command: Sequence[str]) -> list[str]:
    return ["git", f"--git-dir={folder}", *_OPTIONS, *command]


def _environment(*, network: bool) -> dict[str, str]:
    """The caller's, without what leads git elsewhere; without the network, also without configuration."""
    passed = _OF_THE_NETWORK if network else ()
    kept = {n: v for n, v in os.environ.items() if not n.startswith("GIT_") or n.startswith(passed)}
    kept |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    if network:
        return kept | {"GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file"}
    # Two locks on one door: older versions of git know only the second.
    kept |= {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
    return kept | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


def _start(command: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    if shutil.which("git") is None:
        raise DataError("a source is a git repository, and there is no program `git`; install it")
    return subprocess.run(
        command, env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL
    )


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    done = _start(command, environment)
    if done.returncode != 0:
        raise DataError(f"git could not make a repository in the cache ({_last_line(done.stderr)})")


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no message"
