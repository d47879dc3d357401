"""What a suggestion costs before the model is asked."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lsp_server.completer import Completer, Silence
from lsp_server.documents import Document
from lsp_server.service import Flags, Service
from lsp_server.settings import Settings
from model import neighbours
from model.serving.engine import Engine


class Face:
    """Somebody who is told everything and does nothing."""

    def tell_status(self, state: str, message: str) -> None:
        pass

    def tell_user(self, message: str, *, problem: bool) -> None:
        pass

    def tell_indexing(self) -> None:
        pass


def load(folder: Path | None, threads: int) -> Engine:
    raise AssertionError("no model is loaded here")


@pytest.mark.parametrize("language", ["javascript", "python"])
def test_no_neighbours_are_chosen_where_nothing_will_be_suggested(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minified file of a language that the model does not know must not keep the worker from its work."""

    def choose(*_: object, **__: object) -> None:
        raise AssertionError("neighbours were chosen")

    monkeypatch.setattr(neighbours, "choose", choose)
    release = SimpleNamespace(languages=("python",), window=512, neighbours=True, folder=Path("m"))
    service = Service(Face(), Flags(), load)
    service.settings = Settings(languages={"python": False})
    for name in ("a", "b"):
        service.open(name, Document(path=f"/w/{name}", language_id=language, text="let total = price\n"))
    service.completer = Completer(cast(Any, SimpleNamespace(release=release)))
    place = service.texts.place("a", (0, 0), None)
    assert place is not None
    try:
        answer = service._complete(
            place, service.texts.others("a"), lambda: False, invoked=False, asked=time.monotonic()
        )
    finally:
        service.close()
    assert isinstance(answer, Silence)
    assert answer.reason in (
        "the model knows python, not javascript",
        "suggestions are switched off for python",
    )
