"""The servers that a replay compares: ours as it is, ours with other settings, and one that answers nothing.

A file of variants is a JSON object of names with settings, as an editor sends them:
{"no debounce": {"debounceMs": 0}}. Each is ours with those settings beside the ones given for all.

Not here: starting them (run.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.editor import SERVER
from model.errors import ConfigError, DataError

OURS, NULL = "tabwright", "null server"
_NULL_SERVER = Path(__file__).parent / "null_server.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A server's command, and the settings that the editor sends it."""

    name: str
    command: tuple[str, ...]
    settings: Mapping[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether it has a model to load and files to index."""
        return self.name != NULL


def variants(
    others: Mapping[str, Mapping[str, Any]],
    *,
    settings: Mapping[str, Any],
    model: Path | None,
    threads: int,
) -> tuple[Variant, ...]:
    """The null server, ours, and ours by the settings of others."""
    command = [*SERVER, "--threads", str(threads)]
    if model is not None:
        command += ["--model", str(model.resolve())]
    ours = tuple(
        # Only the log says that the index is done, and which settings are not known.
        Variant(name=name, command=tuple(command), settings={**settings, **own, "logLevel": "info"})
        for name, own in {OURS: {}, **others}.items()
    )
    null = Variant(name=NULL, command=(sys.executable, "-I", str(_NULL_SERVER)), settings={})
    return null, *ours


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Named settings from a file. Raises DataError for one that is something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as variants ({error}); write a JSON object of names with settings"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise DataError(
            f"{path} must be a JSON object of names with settings, such as "
            '{"no debounce": {"debounceMs": 0}}'
        )
    for name in (OURS, NULL):
        if name in found:
            raise DataError(f"{path} names a variant {name!r}, which every run has; choose another name")
    return found


def setting(text: str) -> tuple[str, Any]:
    """`name=value` as a setting; a value that is no JSON is a text. Raises ConfigError."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--set {text!r} is not a setting; write name=value, such as debounceMs=0")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


def chosen(found: Sequence[Variant], names: Sequence[str]) -> tuple[Variant, ...]:
    """Those of the names, and the null server. Raises ConfigError for a name that none has."""
    known = [one.name for one in found]
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no variant {name!r}; there are: {', '.join(known)}")
    return tuple(one for one in found if one.name in (NULL, *names))
