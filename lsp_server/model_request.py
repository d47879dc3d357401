"""The request `tabwright/model`: what the model is, with its card, while it loads, works or has failed.

Checksums are computed anew, which takes a while for a large model: in a thread of their own, one for all who
ask meanwhile. Of a model on another machine there are none, and what is told is what is known here. Nothing
is asked of that machine. Not here: what a folder says of itself (model/serving/card.py).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.errors import ConfigError, plain

if TYPE_CHECKING:
    from lsp_server.settings import Settings
    from model.serving.remote.engine import RemoteEngine


class ModelRequest:
    """Answers of one server."""

    def __init__(self) -> None:
        self._running: dict[Path | None, asyncio.Future[dict[str, Any]]] = {}

    async def answer(self, folder: Path | None) -> dict[str, Any]:
        """What the folder says of itself, by default that of the model that ships; `text` is the card's."""
        running = self._running.get(folder)
        if running is None:
            running = self._running[folder] = asyncio.ensure_future(asyncio.to_thread(_describe, folder))
            running.add_done_callback(lambda _: self._running.pop(folder, None))
        return await asyncio.shield(running)  # another may be waiting for what one calls off


def _describe(folder: Path | None) -> dict[str, Any]:
    from model.serving.card import describe, read_card
    from model.serving.release import default_folder

    try:
        place = default_folder() if folder is None else folder.expanduser()
    except RuntimeError:  # a home folder that is not known; the sentence names the path as it was written
        assert folder is not None
        place = folder
    return describe(place).as_json() | {"text": read_card(place), "engine": "local"}


def elsewhere(final: Settings, engine: RemoteEngine | None, *, problem: str | None) -> dict[str, Any]:
    """The same of the engine that the settings name on another machine; None as long as it is not connected.

    `problem` is a sentence where it could not be. What keeps it from answering the engine says itself.
    """
    from model.serving.card import About
    from model.serving.remote import address

    try:
        host = address.read(final.engine_url).host
    except ConfigError:
        host = None  # the problem says what is wrong with it
    family, model = final.engine_fim, final.engine_model or None
    if engine is not None:
        problem = engine.trouble
        family, model = engine.family.name, engine.release.name.removesuffix(f" at {engine.host}")
    model = plain(model) if model else None  # another machine may have named it
    name = f"{model or 'a model'} at {host or 'another machine'}"
    about = About(folder="", problem=problem, name=name, sha256={}, window=final.engine_context)
    facts = {"host": host, "model": model, "family": family, "context": final.engine_context}
    text = _ELSEWHERE.format(
        **{key: "not known" if fact is None else _quoted(fact) for key, fact in facts.items()}
    )
    return about.as_json() | {"text": text, "engine": final.engine, **facts}


_ELSEWHERE = """\
This model runs on another machine, which the settings `tabwright.engine…` name. The text around the cursor
is sent there, and the model that comes with Tabwright is not used.

- Host: {host}
- Model: {model}
- Family, which says how it is asked to fill in: {family}
- Context, prompt and answer together: {context} tokens
- Checksums: not known, for its files are not here
"""


def _quoted(fact: object) -> str:
    """As Markdown that says nothing but this."""
    return f"`{str(fact).replace('`', chr(39))}`"
