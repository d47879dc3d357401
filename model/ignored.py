"""What git would ignore, told by reading its files: git itself is never run, a workspace could replace it.

`.tabwrightignore` has the same syntax and overrules `.gitignore` and `.git/info/exclude`. pathspec knows the
patterns; which of them applies, where several files have a say, is decided here as git decides it. Folders
that hold nobody's own source are named here too: the server and the pipeline leave out the same ones.

Not here: what else each of them leaves out (lsp_server/workspace.py, data_pipeline/sources/folders.py).
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from model import plain_files

IGNORE_FILES = (".gitignore", ".tabwrightignore")
_LARGEST_RULES = 200_000  # bytes of an ignore file
# Stars multiply what matching costs, and a workspace must not be able to stall the server.
_MOST_STARS = 4

_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "site-packages"})
_ENVIRONMENT_FILES = ("pyvenv.cfg", "conda-meta")

log = logging.getLogger(__name__)


def is_skipped(folder_name: str) -> bool:
    """Whether a folder is hidden, or of a kind that holds nobody's own source."""
    return folder_name.startswith(".") or folder_name in _SKIPPED_FOLDERS


def is_environment(folder: str) -> bool:
    """Whether a folder is a virtual environment."""
    return any(os.path.lexists(Path(folder, name)) for name in _ENVIRONMENT_FILES)


class _Rule(NamedTuple):
    """A line of an ignore file."""

    pattern: re.Pattern[str]
    ignored: bool
    folders_only: bool

    def applies(self, path: str, is_folder: bool) -> bool:
        """Whether it is about this very path, relative to the ignore file, and not a folder above it."""
        if self.folders_only and not is_folder:
            return False
        match = self.pattern.search(path)
        # pathspec's only group is the slash behind a matched folder.
        return match is not None and not any(match.groups())


class _Level(NamedTuple):
    """The lines of a folder's ignore files."""

    start: int  # where the paths below the folder begin
    rules: tuple[_Rule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All lines that apply in a folder, those of the folders above it first."""

    git: tuple[_Level, ...] = ()
    own: tuple[_Level, ...] = ()

    @classmethod
    def above(cls, folder: str) -> Rules:
        """Those of the folders above this one, if it is part of a repository that begins there."""
        rules, above = cls(), []
        for place in (Path(folder), *Path(folder).parents):
            above.append(str(place))
            if os.path.lexists(place / ".git"):
                for outer in above[:0:-1]:
                    rules = rules.below(outer)
                break
        return rules

    def below(self, folder: str) -> Rules:
        """These, and those of the folder itself."""
        start = len(folder.rstrip(os.sep)) + 1
        git = (*_rules(folder, ".git", "info", "exclude"), *_rules(folder, ".gitignore"))
        own = _rules(folder, ".tabwrightignore")
        return Rules(
            git=(*self.git, _Level(start, git)) if git else self.git,
            own=(*self.own, _Level(start, own)) if own else self.own,
        )

    def ignore(self, path: str, *, is_folder: bool) -> bool:
        """What the last line says that applies. The folders above must have been asked for before."""
        for start, rules in reversed((*self.git, *self.own)):
            inside = path[start:].replace(os.sep, "/")
            for rule in reversed(rules):
                if rule.applies(inside, is_folder):
                    return rule.ignored
        return False


def _rules(*parts: str) -> tuple[_Rule, ...]:
    """The lines of an ignore file, if there is one. Lines that make no sense are passed over, as git does."""
    path = str(Path(*parts))
    try:
        plain_files.stamp(path)
        text = plain_files.read(path, _LARGEST_RULES).decode("utf-8-sig", errors="replace")
    except OSError:
        return ()
    return tuple(rule for line in text.split("\n") if (rule := _rule(line.removesuffix("\r"))) is not None)


def _rule(line: str) -> _Rule | None:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    if not line.endswith("\\ "):
        line = line.rstrip(" ")
    segments = line.split("/")
    if sum(1 if segment == "**" else segment.count("*") for segment in segments) > _MOST_STARS:
        log.debug("a line of an ignore file with more than %d stars was passed over: %s", _MOST_STARS, line)
        return None
    try:
        # pathspec's meaning of the slash at the end is another one where a folder is asked for by itself.
        pattern = GitIgnoreSpecPattern(line.removesuffix("/"))
    except (ValueError, re.error):
        return None
    if pattern.regex is None or pattern.include is None:
        return None
    return _Rule(pattern.regex, pattern.include, folders_only=line.endswith("/"))
