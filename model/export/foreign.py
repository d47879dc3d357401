"""A checkpoint of others: what stands in for training.json, and rows of code to prove the export with.

Nothing is known of how such a network was trained but what its config.json says, so nothing is claimed:
corpus, curve, cost and validation stay empty, and the license is "unknown" unless it is given.

Not here: which networks can be exported (checkpoint.py), which tokenizers (foreign_tokenizer.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from model.errors import ConfigError, DataError
from model.export.checkpoint import CONFIG, read_architecture, read_json
from model.export.foreign_tokenizer import adopt_tokenizer
from model.syntax import language, language_of, languages
from model.tokenizer import FimOrder, Tokenizer

# Longer windows are possible, and slow on a processor: the first prompt of a file is read as a whole.
_USUAL_WINDOW = 2048
_SMALLEST_WINDOW = 64
_LARGEST_FILE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What `write.export` needs of a foreign checkpoint besides its network."""

    training: dict[str, Any]
    tokenizer: Tokenizer


def adopt(
    checkpoint: Path,
    *,
    window: int | None = None,
    order: str | None = None,
    tokens: Mapping[str, str] | None = None,
    served: Sequence[str] = (),
    license: str | None = None,  # noqa: A002
) -> Adopted:
    """Make the record of a stock checkpoint folder.

    `window` is in tokens, prompt and completion together: 2048, or all positions where there are fewer.
    `order` and `tokens` (names by role) are detected where not given. `served` are the languages to suggest
    in, all that Tabwright knows when empty. Raises ModelError for a checkpoint that cannot be exported,
    ConfigError for an option out of range, DataError for an unknown language.
    """
    architecture = read_architecture(checkpoint)
    if window is None:
        window = min(architecture.positions, _USUAL_WINDOW)
    if not _SMALLEST_WINDOW <= window <= architecture.positions:
        raise ConfigError(
            f"a window of {window} tokens is out of range; {checkpoint / CONFIG} allows "
            f"{_SMALLEST_WINDOW} to {architecture.positions}"
        )
    if order is not None and order not in get_args(FimOrder):
        raise ConfigError(f"there is no order {order!r}; use {', '.join(get_args(FimOrder))}")
    tokenizer = adopt_tokenizer(checkpoint, order=order, tokens=tokens)
    config = read_json(checkpoint / CONFIG)
    training = {
        "languages": [language(name).name for name in served] or list(languages()),
        "window": window,
        "neighbours": tokenizer.fim.order != "left_to_right" and tokenizer.fim.file_sep is not None,
        "tokenizer_sha256": tokenizer.sha256,
        "corpus": {"licenses": [license or "unknown"]},
        "recipe": {
            "origin": "not trained by Tabwright",
            "model_type": architecture.model_type,
            "stored_as": config.get("dtype") or config.get("torch_dtype") or "unknown",
        },
        "curve": [],
        "tokens_seen": None,
        "flops": None,
        "hardware": None,
        "split": None,
        "validation": {},
    }
    return Adopted(training=training, tokenizer=tokenizer)


def rows_of_text(paths: Sequence[Path], tokenizer: Tokenizer, *, length: int, count: int) -> list[list[int]]:
    """At most `count` rows of at most `length` ids: of named files, and of the source files in named folders.

    The files take turns, in the order of their names. Raises DataError for a path that is missing, a named
    file that is no text, and when there is no row.
    """
    files = [(path, True) for path in paths if not path.is_dir()]
    for folder in (path for path in paths if path.is_dir()):
        found = sorted(path for path in folder.rglob("*") if language_of(path.name) and path.is_file())
        files += [(path, False) for path in found]
    cut: list[list[list[int]]] = []
    for path, named in files:
        if len(cut) == count:
            break
        try:
            if not named and path.stat().st_size > _LARGEST_FILE:
                continue
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            if named:
                raise DataError(f"{path} cannot be read as text ({error}); name another file") from error
            continue
        ids, each = tokenizer.encode(text), length - len(tokenizer.begin)
        rows = [[*tokenizer.begin, *ids[at : at + each]] for at in range(0, len(ids), each)]
        cut.append([row for row in rows if len(row) > 1])
    turns = itertools.zip_longest(*cut)
    rows = [row for turn in turns for row in turn if row is not None][:count]
    if not rows:
        raise DataError(
            f"there is no code in {', '.join(map(str, paths))}; name a file or folder that has some"
        )
    return rows
