"""Which files of a folder are source to be read, what is left out and why, and what is in them.

`.gitignore` files count as they do for git, whether or not a file is tracked, and so does
`.git/info/exclude`; `.tabwrightignore`, of the same syntax, overrules both. Nothing is written, run or sent,
git included.

Not here: when they are read, and how they are followed (workspace.py).
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from lsp_server import context
from model import plain_files, secrets, syntax
from model.ignored import Rules, is_environment, is_skipped
from model.plain_files import Stamp

Reason = Literal[
    "skipped folder",  # hidden, or of a kind that holds nobody's own source
    "environment",  # a virtual environment
    "link",
    "secret",  # by its name
    "ignored",
    "unreadable",
    "large",
    "not text",  # its content or its name is not UTF-8
    "generated",  # has a line that nobody wrote
    "empty",
    "same name",  # as a file of another workspace folder
    "limit",  # too many files, folders or tokens
    "error",  # of our own
]

MOST_FILES = 5_000
LARGEST_FILE = context.LARGEST_NEIGHBOUR  # characters
LONGEST_LINE = 5_000  # characters
_MOST_FOLDERS = 20_000
_SECRET = re.compile(
    r"\A\.env|secret|credential|\Aid_(rsa|dsa|ecdsa|ed25519)|\.(pem|key|p12|pfx|jks|keystore)(\.|\Z)"
)
_TEST = re.compile(r"(\A|/)(tests?/|test_[^/]*\Z|conftest\.|[^/]*_test\.[^/]*\Z)")

log = logging.getLogger("lsp_server")


class Source(NamedTuple):
    """A source file, or the reason why it, or a folder, is left out."""

    path: str
    left_out: Reason | None = None


# Which files


def source_files(
    folder: str,
    languages: Collection[str],
    *,
    apart: Collection[str] = (),
    between: Callable[[], None] = lambda: None,
) -> Iterator[Source]:
    """The source files below a folder, shallow ones first, and what is left out by its name or place.

    Nothing is said of files in other languages, nor of the folders `apart`, which are looked through by
    themselves. `between` is called between two folders; what it raises ends the search.
    """
    waiting = deque([(folder, Rules.above(folder))])
    opened = 0
    while waiting:
        between()
        place, rules = waiting.popleft()
        opened += 1
        if opened > _MOST_FOLDERS:
            yield Source(place, "limit")
            return
        if place != folder and is_environment(place):
            yield Source(place, "environment")
            continue
        try:
            entries = _entries(place, languages)
        except OSError as error:
            log.debug("%s cannot be read: %s", place, error)
            yield Source(place, "unreadable")
            continue
        rules = rules.below(place)
        for path in entries:
            reason = _reason(path, rules)
            if reason is not None:
                yield Source(path, reason)
            elif syntax.language_of(path) in languages and not Path(path).is_dir():
                yield Source(path)
            elif path not in apart:
                waiting.append((path, rules))


def read_source_files(folder: str, languages: Collection[str]) -> Iterator[tuple[str, str]]:
    """The files that a workspace of this folder would hold, at once: (path below the folder, text)."""
    found = [source.path for source in source_files(folder, languages) if source.left_out is None]
    for path in sorted(found, key=lambda path: worth(context.relative_path(path, [folder])))[:MOST_FILES]:
        try:
            text, reason = text_of(path, plain_files.stamp(path))
        except (OSError, UnicodeError):
            continue
        if reason is None:
            yield context.relative_path(path, [folder]), secrets.hidden(text)


def judged(path: str, folder: str) -> Reason | None:
    """Why a path below a folder, or a folder between them, is left out by its name or place."""
    place, rules = folder, Rules.above(folder)
    for part in Path(path).relative_to(folder).parts:
        if place != folder and is_environment(place):
            return "environment"
        rules = rules.below(place)
        place = str(Path(place, part))
        reason = _reason(place, rules)
        if reason is not None:
            return reason
    return None


def _entries(place: str, languages: Collection[str]) -> list[str]:
    """The folders and source files in a folder, in order. Raises OSError."""
    with os.scandir(place) as found:
        return sorted(
            entry.path for entry in found if syntax.language_of(entry.name) in languages or _is_folder(entry)
        )


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to where we may not look
        return False


def _reason(path: str, rules: Rules) -> Reason | None:
    """Why one entry of a folder is left out, by itself."""
    name = Path(path).name
    try:
        info = Path(path).lstat()
    except OSError as error:
        log.debug("%s cannot be read: %s", path, error)
        return "unreadable"
    is_folder = stat.S_ISDIR(info.st_mode)
    # Links lead to what is found by itself, in circles, or to what must not be read.
    if plain_files.is_link(info):
        return "link"
    if is_folder and is_skipped(name):
        return "skipped folder"
    if _SECRET.search(name.lower()):
        return "secret"
    return "ignored" if rules.ignore(path, is_folder=is_folder) else None


def worth(name: str) -> tuple[bool, int, str]:
    """The most useful file first: a limit cuts tests and what lies deep."""
    return _TEST.search(name.lower()) is not None, name.count("/"), name


# What is in them


def text_of(path: str, stamp: Stamp) -> tuple[str, Reason | None]:
    """A file's text with LF, or why it is left out. Raises OSError and UnicodeError."""
    if stamp[2] > 4 * LARGEST_FILE:  # UTF-8 takes four bytes a character at most
        return "", "large"
    text = context.with_lf(plain_files.read(path, 4 * LARGEST_FILE).decode("utf-8-sig"))
    if len(text) > LARGEST_FILE:
        return "", "large"
    if max(map(len, text.split("\n"))) > LONGEST_LINE:
        return "", "generated"
    return text, None if text.strip() else "empty"
