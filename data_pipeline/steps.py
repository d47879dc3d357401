"""What makes a step resumable: a record of its inputs and of the files it left.

A record is withdrawn before the first file changes and comes back after the last, so a killed step never
looks done. It names a fingerprint of all that decides the bytes, and the checksums of the files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from model.writing import replacing

# Raised when a change of the code changes what the same inputs give.
VERSION = 4
_LIBRARIES = (
    "datasketch", "detect-secrets", "numpy", "pyarrow", "tokenizers", "tree-sitter", "tree-sitter-c",
    "tree-sitter-cpp", "tree-sitter-go", "tree-sitter-java", "tree-sitter-javascript", "tree-sitter-python",
    "tree-sitter-rust", "tree-sitter-typescript", "xxhash",
)  # fmt: skip


@cache
def libraries() -> dict[str, str]:
    """Versions of the libraries that have a say in the bytes."""
    return {name: metadata.version(name) for name in _LIBRARIES}


def fingerprint(*parts: object) -> str:
    """One name for inputs: equal parts under equal code and libraries, equal name."""
    text = json.dumps([VERSION, libraries(), *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def read_record(path: Path, key: str) -> dict[str, Any] | None:
    """The record of a step, if it is of these inputs and the files that it names are as they were written."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["fingerprint"] != key:
            return None
        files: dict[str, str] = found["files"]
        return found if files == checksums(path.parent, files) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def withdraw(path: Path) -> None:
    """Take a step's record away before its files change; make the folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


def write_record(path: Path, key: str, files: Iterable[str], record: dict[str, Any]) -> dict[str, Any]:
    """Say that the step is done; `files` are relative to the record's folder. Returns what was written."""
    whole = {"fingerprint": key, "files": checksums(path.parent, files), **record}
    write_json(path, whole)
    return whole


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """sha256 (hex) of each file."""
    found = {}
    for name in names:
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def digest(paths: Sequence[Path]) -> list[str]:
    """sha256 (hex) of each file, whatever its name."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def write_json(path: Path, record: object) -> None:
    """JSON under a temporary name, then renamed."""
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Text under a temporary name, then renamed."""
    with replacing(path) as file:
        file.write(text.encode())
