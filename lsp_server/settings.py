"""The settings an editor may send, with their defaults, ranges and names.

They come as JSON, in camel case, bare or under the key "tabwright". A bad value never stops the server: it is
named in one sentence and the default is used. Later messages change what they name and nothing else: editors
send an empty object, or null, when they have nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

TriggerMode = Literal["automatic", "invoked"]
LogLevel = Literal["error", "warning", "info", "debug"]
AttributionMode = Literal["mark", "block", "off"]
Engine = Literal["local", "openai"]
FIM_FAMILIES = (
    "auto", "tabwright", "qwen", "starcoder", "starcoder2", "codellama", "deepseek", "codestral", "granite",
    "granite-code", "codegemma", "suffix",
)  # fmt: skip

SECTION = "tabwright"
# The user's and the machine's: a workspace must not choose what is loaded or kept, so these count at start.
AT_START = (
    "model", "threads", "signals", "signals_text",
    "engine", "engine_url", "engine_model", "engine_fim", "engine_context",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user decides. Times are in milliseconds, what is shown `above` is in percent."""

    enable: bool = True
    debounce_ms: int = 75
    adapt_debounce: bool = True  # to how fast this person types (pace.py)
    max_lines: int = 12
    deadline_ms: int = 300  # of what nobody asked for: later than that, the next key is there
    invoked_deadline_ms: int = 1500  # somebody asked, and waits
    trigger_mode: TriggerMode = "automatic"
    in_comments: bool = True  # this and `in_strings` are for automatic requests only
    in_strings: bool = True
    show_above: int = 5  # least probability that the first line is what would be typed; 0: all is shown
    show_lines_above: int = 10  # least probability of a text of several lines; 0: as many as there are
    candidates: int = 3  # how many, for who asks
    languages: Mapping[str, bool] = field(default_factory=dict)
    threads: int = 0  # 0: cores - 1
    attribution: AttributionMode = "mark"  # of suggestions that stand in the training corpus (attribution.py)
    index_project: bool = True  # read the workspace's files for what they repeat
    model: str = ""  # a folder; empty: the model that ships
    signals: bool = False  # keep what became of suggestions, in a file of this user's (signals/keeper.py)
    signals_text: bool = False  # and with it their text
    engine: Engine = "local"  # openai: a server with OpenAI's completions API, at the address below
    engine_url: str = ""
    engine_model: str = ""  # empty: the server's only one
    engine_fim: str = "auto"  # how it was taught to fill in (model/serving/remote/families.py)
    engine_context: int = 2048  # tokens of ours: prompt and answer together
    log_level: LogLevel = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Settings as far as they could be used, sentences about the others, and unknown keys."""

    settings: Settings
    warnings: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def read(raw: object, *, current: Settings | None = None) -> Reading:
    """Settings from what an editor sent; null stands for a key's default.

    With `current` the server runs already: what is not named stays as it is, and so does AT_START.
    """
    warnings: list[str] = []
    unknown: list[str] = []
    values: dict[str, object] = {}
    otherwise = "defaults are used" if current is None else "nothing changes"
    for key, value in _section(raw, warnings, otherwise).items():
        known = _KNOWN.get(key)
        if known is None:
            unknown.append(key)
            continue
        name, allowed, fits = known
        fixed = current is not None and name in AT_START
        default = getattr(current if fixed else Settings(), name)
        if value is not None and not fits(value):
            warnings.append(
                f"Tabwright: the setting {SECTION}.{key} must be {allowed}, not {_brief(value)}; "
                f"{_brief(default)} is used."
            )
            value = None
        elif fixed and value not in (None, default):
            warnings.append(f"Tabwright: the setting {SECTION}.{key} takes effect after a restart.")
        values[name] = default if fixed or value is None else value
    settings = replace(current or Settings(), **values)  # type: ignore[arg-type]  # each value was checked
    return Reading(settings=settings, warnings=tuple(warnings), unknown=tuple(unknown))


def _section(raw: object, warnings: list[str], otherwise: str) -> Mapping[str, object]:
    if isinstance(raw, Mapping) and SECTION in raw:
        raw = raw[SECTION]
    if isinstance(raw, Mapping):
        return raw
    # Lua cannot tell an empty object from an empty list; Neovim sends the list.
    if raw is not None and raw != []:
        warnings.append(f"Tabwright: the settings must be an object, not {_brief(raw)}; {otherwise}.")
    return {}


def _brief(value: object) -> str:
    text = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
    text = text or repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _integer(low: int, high: int) -> tuple[str, Callable[[object], bool]]:
    def fits(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return f"a whole number from {low} to {high}", fits


def _one_of(*choices: str) -> tuple[str, Callable[[object], bool]]:
    return "one of " + ", ".join(choices), lambda value: isinstance(value, str) and value in choices


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _switches(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and isinstance(switch, bool) for key, switch in value.items()
    )


_SWITCH = ("true or false", _is_switch)
_ALLOWED: dict[str, tuple[str, Callable[[object], bool]]] = {
    "enable": _SWITCH,
    "debounce_ms": _integer(0, 2000),
    "adapt_debounce": _SWITCH,
    "max_lines": _integer(1, 50),
    "deadline_ms": _integer(50, 10_000),
    "invoked_deadline_ms": _integer(50, 10_000),
    "trigger_mode": _one_of("automatic", "invoked"),
    "in_comments": _SWITCH,
    "in_strings": _SWITCH,
    "show_above": _integer(0, 90),
    "show_lines_above": _integer(0, 90),
    "candidates": _integer(1, 5),
    "languages": ("an object of language ids with true or false", _switches),
    "threads": _integer(0, 64),
    "attribution": _one_of("mark", "block", "off"),
    "index_project": _SWITCH,
    "model": ("a path, or empty for the model that ships", lambda value: isinstance(value, str)),
    "signals": _SWITCH,
    "signals_text": _SWITCH,
    "engine": _one_of("local", "openai"),
    "engine_url": ("an address, or empty", lambda value: isinstance(value, str)),
    "engine_model": ("the name of a model, or empty", lambda value: isinstance(value, str)),
    "engine_fim": _one_of(*FIM_FAMILIES),
    "engine_context": _integer(256, 32_768),
    "log_level": _one_of("error", "warning", "info", "debug"),
}


def key_of(name: str) -> str:
    """What a field is called in JSON."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_KNOWN = {key_of(entry.name): (entry.name, *_ALLOWED[entry.name]) for entry in fields(Settings)}
