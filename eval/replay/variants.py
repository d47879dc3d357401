"""The servers that a replay compares: ours as it is, ours without something, and one that answers nothing.

A file of variants is a JSON object of names. Each is ours with other settings, as an editor sends them,
beside the ones given for all, or without parts of the server (lsp_server/parts.py), or both:

    {"no debounce": {"settings": {"debounceMs": 0}}, "no repair": {"without": ["soundness"]}}

Not here: starting them (run.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eval import confined as confining
from eval.editor import SERVER
from lsp_server.parts import left_out
from model.errors import ConfigError, DataError

OURS, NULL = "tabwright", "null server"
_NULL_SERVER = Path(__file__).parent / "null_server.py"
_KEYS = {"settings", "without"}
_FORM = '{"no debounce": {"settings": {"debounceMs": 0}}, "no repair": {"without": ["soundness"]}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What sets a variant of ours apart: settings, and the names of parts that are left out."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()


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
    others: Mapping[str, Change],
    *,
    settings: Mapping[str, Any],
    model: Path | None,
    threads: int,
    confined: bool = False,
) -> tuple[Variant, ...]:
    """The null server, ours, and ours with the changes of others.

    With `confined`, ours are killed at once should they open an internet socket. Raises ConfigError where
    this machine cannot do that.
    """
    if confined and not confining.available():
        raise ConfigError("--confined needs Linux on x86_64 or aarch64; leave it out here")
    guard = [sys.executable, "-I", confining.__file__] if confined else []
    command = [*guard, *SERVER, "--threads", str(threads)]
    if model is not None:
        command += ["--model", str(model.resolve())]
    ours = tuple(
        Variant(
            name=name,
            command=(*command, *(word for part in change.without for word in ("--without", part))),
            # Only the log says that the index is done, which settings are not known, and how long it waited.
            settings={**settings, **change.settings, "logLevel": "debug"},
        )
        for name, change in {OURS: Change(), **others}.items()
    )
    null = Variant(name=NULL, command=(sys.executable, "-I", str(_NULL_SERVER)), settings={})
    return null, *ours


def read(path: Path) -> dict[str, Change]:
    """Named changes from a file. Raises DataError for one that is something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as variants ({error}); write JSON such as {_FORM}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} must be a JSON object of named variants, such as {_FORM}")
    for name in (OURS, NULL):
        if name in found:
            raise DataError(f"{path} names a variant {name!r}, which every run has; choose another name")
    return {name: _change(path, name, one) for name, one in found.items()}


def _change(path: Path, name: str, one: Any) -> Change:
    if not isinstance(one, dict) or not one or not one.keys() <= _KEYS:
        raise DataError(
            f'the variant {name!r} in {path} must have "settings", "without" or both and nothing else, '
            f"as in {_FORM}"
        )
    settings, without = one.get("settings", {}), one.get("without", [])
    if not isinstance(settings, dict):
        raise DataError(
            f"the settings of the variant {name!r} in {path} must be an object of names and values"
        )
    if not isinstance(without, list) or not all(isinstance(part, str) for part in without):
        raise DataError(f'"without" of the variant {name!r} in {path} must be a list of the names of parts')
    try:
        left_out(without)
    except ConfigError as error:
        raise DataError(f"the variant {name!r} in {path} cannot be asked: {error}") from error
    return Change(settings=settings, without=tuple(without))


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
