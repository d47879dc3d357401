"""The list of projects and files that are left out because their authors asked for it.

A list is a text file, one entry a line (the format stands in manifests/opt_out.txt, which is always used). An
entry is a pattern of .gitignore over `project/path`, anchored at the project, whatever the letters' case.

Not here: files left out for what they hold (filters.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from data_pipeline.document import Document
from model.errors import DataError

DEFAULT_LIST = Path(__file__).parent / "manifests" / "opt_out.txt"
REASON = "opted out"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """Who opted out: patterns over `project/path`, in lower case, in order and each once."""

    patterns: tuple[str, ...]
    _spec: GitIgnoreSpec

    def reason(self, document: Document) -> str | None:
        """Why the document is left out, or None."""
        if not self.patterns:
            return None
        path = document.path.replace("\\", "/").lower()
        names = {f"{document.repo.lower()}/{path}", f"{_normalized(document.repo)}/{path}"}
        return REASON if any(map(self._spec.match_file, sorted(names))) else None


def read(paths: Iterable[Path] = ()) -> OptOut:
    """The list that ships and those given, as one. Raises DataError that names the file, and the line."""
    patterns: set[str] = set()
    for path in (DEFAULT_LIST, *paths):
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"the opt-out list {path} cannot be read ({error}); give a text file") from error
        for number, line in enumerate(lines, start=1):
            entry = line.strip().lower()
            if entry and not entry.startswith("#"):
                patterns |= _patterns(entry, f"the opt-out list {path}, line {number}")
    listed = tuple(sorted(patterns))
    return OptOut(patterns=listed, _spec=GitIgnoreSpec.from_lines(listed))


def _patterns(entry: str, place: str) -> set[str]:
    entry = entry.strip("/")
    project, slash, rest = entry.partition("/")
    if project.startswith("!") or (not rest.strip() and (slash or not project.strip("*?"))):
        raise DataError(
            f"{place}: {entry!r:.80} is neither a project nor project/path-glob; correct the line"
        )
    # The project as it is written, and as PyPI compares names.
    return {f"/{name}{slash}{rest}" for name in (project, _normalized(project))}


def _normalized(project: str) -> str:
    """A project's name as PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", project).lower()
