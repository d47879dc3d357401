"""What tests of a spoilt model folder share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from model.serving.release import META, TOKENIZER, file_sha256


@pytest.fixture(scope="session")
def replace_file() -> Callable[[Path, str, bytes], None]:
    """Changes a file and its checksum, as whoever makes a folder would: only loading can find out."""

    def replace(folder: Path, name: str, data: bytes) -> None:
        (folder / name).write_bytes(data)
        meta = json.loads((folder / META).read_text("utf-8"))
        meta["files"][name] = {"sha256": file_sha256(folder / name)}
        if name == TOKENIZER:
            meta["tokenizer_sha256"] = meta["files"][name]["sha256"]
        (folder / META).write_text(json.dumps(meta), encoding="utf-8")

    return replace
