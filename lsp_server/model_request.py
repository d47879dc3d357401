"""The request `tabwright/model`: what the model is, with its card, while it loads, works or has failed.

Checksums are computed anew, which takes a while for a large model: in a thread of their own, one for all who
ask meanwhile. Not here: what a folder says of itself (model/serving/card.py).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any


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
    return describe(place).as_json() | {"text": read_card(place)}
