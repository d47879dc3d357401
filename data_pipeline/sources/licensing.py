"""Under which licence a source's documents stand: what the manifest says, held against the licence files.

A source that is under none, or not under a permissive one, is refused as a whole, unless whoever wrote the
manifest says that the code is theirs.

Not here: licences of single rows of a table (tables.py), of single files by their header (filters.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from data_pipeline.licenses import is_permissive, of_license_file
from data_pipeline.manifest import PRIVATE, Folder, GitRepository
from model.errors import DataError
from model.syntax import language_of

LARGEST_LICENSE = 200_000  # bytes
_LICENSE_FILE = re.compile(r"(mit-)?(licen[cs]e|copying|unlicense)([-._].*)?", re.IGNORECASE)


def is_license_file(name: str) -> bool:
    """Whether a file at the top of a project holds its licence, by its name."""
    return _LICENSE_FILE.fullmatch(name) is not None and language_of(name) is None


def license_of(source: GitRepository | Folder, files: Iterable[tuple[str, bytes]]) -> str:
    """The SPDX expression for all documents of a source, given its licence files (name, content).

    A choice between files (LICENSE-MIT, LICENSE-APACHE) is written as AND: keeping to both is always allowed.
    Raises DataError where no permissive licence is found, or another one than the manifest states.
    """
    found = {name: of_license_file(raw.decode("utf-8", "replace")) for name, raw in sorted(files)}
    known = sorted({expression for expression in found.values() if expression is not None})
    if source.license_accepted:
        return source.license or _all_of(known) or PRIVATE
    for name, expression in found.items():
        if expression is not None and not is_permissive(expression):
            claim = f", though the manifest says {source.license}" if source.license else ""
            raise DataError(
                f"{source.name} is under {expression} by its file {name}{claim}; "
                "remove it from the manifest, or set `license_accepted` if the code is your own"
            )
    if source.license is not None:
        return source.license
    if unknown := [name for name, expression in found.items() if expression is None]:
        raise DataError(
            f"the licence of {source.name} in its file {unknown[0]} is not a known one; "
            "state `license` in the manifest after reading it"
        )
    if not known:
        raise DataError(
            f"{source.name} has no licence file; state `license` in the manifest, "
            "with `license_accepted` if the code is your own"
        )
    return _all_of(known)


def _all_of(expressions: list[str]) -> str:
    """One expression for several that all apply."""
    if len(expressions) == 1:
        return expressions[0]
    return " AND ".join(f"({one})" if " OR " in one else one for one in expressions)
