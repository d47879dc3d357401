"""The engine that settings and command line name, where it is another machine's.

Only the user and the machine choose it: the settings count at start, and VS Code keeps them from workspaces.
Everything of a network is imported here, and only once such an engine is wanted.

Not here: the engine itself (model/serving/remote/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lsp_server import settings
from lsp_server.settings import Settings
from model.errors import ConfigError

if TYPE_CHECKING:
    from model.serving.remote.engine import RemoteEngine


def chosen(
    engine: str | None = None,
    url: str | None = None,
    model: str | None = None,
    fim: str | None = None,
    context: int | None = None,
) -> Mapping[str, object]:
    """The values of settings that a command line gives, by their fields; an address alone says openai.

    Raises ConfigError for one that no setting could have.
    """
    given = {
        "engine": engine or ("openai" if url else None),
        "engineUrl": url,
        "engineModel": model,
        "engineFim": fim,
        "engineContext": context,
    }
    given = {key: value for key, value in given.items() if value is not None}
    reading = settings.read(given)
    if reading.warnings:
        raise ConfigError(reading.warnings[0].removeprefix("Tabwright: "))
    return {
        name: getattr(reading.settings, name)
        for name in ("engine", "engine_url", "engine_model", "engine_fim", "engine_context")
        if settings.key_of(name) in given
    }


def wanted(current: Settings, flags: Mapping[str, object]) -> Settings | None:
    """The settings with the command line's last word, where they name an engine elsewhere."""
    last = replace(current, **flags)  # type: ignore[arg-type]  # `chosen` has checked them
    return last if last.engine == "openai" else None


def load(final: Settings) -> RemoteEngine:
    """The engine. Raises ConfigError for settings that cannot be right and where packages are missing."""
    from model.serving.remote.engine import Endpoint, RemoteEngine

    return RemoteEngine.connect(
        Endpoint(
            url=final.engine_url,
            model=final.engine_model,
            family=final.engine_fim,
            context=final.engine_context,
        )
    )


def ready(engine: RemoteEngine) -> str:
    """What the status says while it answers: people must know where their text goes."""
    return f"{engine.release.name} is ready; text around the cursor is sent to {engine.host}"
