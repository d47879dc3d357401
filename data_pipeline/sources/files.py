"""What every reader asks of a file: is its place a safe one, is it somebody's own source, is it text?

Also the names of documents, unique within a partition.

Not here: whether the code is worth learning from (filters.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from data_pipeline.document import Document, Drop

LARGEST_FILE = 1_000_000  # bytes; larger source files are data or generated
UNSAFE_PATH = "unsafe path"
_VENDORED = frozenset(
    {
        "_vendor", "vendor", "vendored", "_vendored", "vendored_packages", "third_party", "extern",
        "externals", "node_modules", "bower_components", "site-packages",
    }
)  # fmt: skip
_LONGEST_PATH = 1000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the documents of one partition have in common, and which of their names are taken.

    `name` begins every document's id. `languages` are those wanted.
    """

    name: str
    languages: Collection[str]
    _taken: dict[str, int] = field(default_factory=dict)

    def identity(self, *parts: str) -> str:
        """A document's id from the parts of its place; the second of the same place gets `#2`."""
        place = shown("/".join((self.name, *parts)))
        number = self._taken.get(place, 0) + 1
        found = place if number == 1 else f"{place}#{number}"
        while number > 1 and found in self._taken:
            number += 1
            found = f"{place}#{number}"
        self._taken[place] = number
        if found != place:
            self._taken[found] = 1
        return found


def unfit(path: str, size: int) -> str | None:
    """Why a file is not even read, by its path (with `/`) and its size in bytes; None for one that is."""
    if not is_safe(path):
        return UNSAFE_PATH
    if not _VENDORED.isdisjoint(path.split("/")[:-1]):
        return "vendored"
    return "larger than 1 MB" if size > LARGEST_FILE else None


def document(
    identity: str,
    raw: bytes,
    *,
    path: str,
    language: str,
    repo: str,
    license: str,  # noqa: A002
) -> Document | Drop:
    """The document of a file's content, or a Drop for what is no text."""
    text = decode(raw)
    if text is None:
        return Drop(document_id=identity, reason="not UTF-8", characters=len(raw))
    return Document(id=identity, text=text, path=path, language=language, repo=repo, license=license)


def is_safe(path: str) -> bool:
    """Whether a path leads nowhere but down, on any system, and can be shown and stored as it is.

    A path that is none of these would end up in prompts, in reports and, unpacked, on a disk.
    """
    if not path or len(path) > _LONGEST_PATH or "\\" in path or ":" in path.split("/")[0]:
        return False
    if any(part in ("", ".", "..") for part in path.split("/")):
        return False
    return path.isprintable()


def shown(text: str) -> str:
    """The text with `?` for what is not printable or not UTF-8."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def decode(raw: bytes) -> str | None:
    """UTF-8 text without a byte-order mark and with LF line ends; None for anything else."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
