"""The languages Tabwright knows.

To add one: an entry in a file beside this one, and its name in `_ENTRIES`.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from model.errors import DataError
from model.languages.c import CPP, C
from model.languages.entry import Language
from model.languages.go import GO
from model.languages.java import JAVA
from model.languages.javascript import JAVASCRIPT, TSX, TYPESCRIPT
from model.languages.python import PYTHON
from model.languages.rust import RUST

_ENTRIES = (PYTHON, JAVASCRIPT, TYPESCRIPT, TSX, GO, RUST, JAVA, C, CPP)
_LANGUAGES = {entry.name: entry for entry in _ENTRIES}
_BY_EXTENSION = {ending: entry.name for entry in _ENTRIES for ending in entry.extensions}


def languages() -> tuple[str, ...]:
    """Names of all registered languages."""
    return tuple(_LANGUAGES)


def language(name: str) -> Language:
    """The entry of a language. Raises DataError for one that is not registered."""
    try:
        return _LANGUAGES[name]
    except KeyError:
        known = ", ".join(_LANGUAGES)
        raise DataError(f"the language {name!r} is not supported; supported are: {known}") from None


def language_of(path: str) -> str | None:
    """The language of a file by the end of its name, or None. Either kind of slash will do."""
    return _BY_EXTENSION.get(PurePosixPath(path.replace("\\", "/")).suffix.lower())
