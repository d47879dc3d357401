"""What a suggestion costs before the model is asked."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lsp_server.cache import Kept
from lsp_server.completer import Completer, Silence
from lsp_server.documents import Document
from lsp_server.service import Flags, Service
from lsp_server.settings import Settings
from model import neighbours
from model.fim import Hole
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
    release = SimpleNamespace(name="m", languages=("python",), window=512, neighbours=True, folder=Path("m"))
    service = Service(Face(), Flags(), load)
    service.settings = Settings(languages={"python": False})
    for name in ("a", "b"):
        service.open(name, Document(path=f"/w/{name}", language_id=language, text="let total = price\n"))
    service.answer_with(Completer(cast(Any, SimpleNamespace(release=release))))
    place = service.texts.place("a", (0, 0), None)
    assert place is not None
    try:
        answer = service._answer(
            place,
            service.texts.others("a"),
            lambda: False,
            invoked=False,
            asked=time.monotonic(),
            due=time.monotonic(),
        )
    finally:
        service.close()
    assert isinstance(answer, Silence)
    assert answer.reason in (
        "the model knows python, not javascript",
        "suggestions are switched off for python",
    )


async def test_who_types_along_with_a_suggestion_does_not_wait_for_its_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = SimpleNamespace(name="m", languages=("python",), window=512, neighbours=True, folder=Path("m"))
    service = Service(Face(), Flags(), load)
    service.settings = Settings(debounce_ms=100, adapt_debounce=False)
    service.open("a", Document(path="/w/a", language_id="python", text="tot\nother\n"))
    service.answer_with(Completer(cast(Any, SimpleNamespace(release=release))))
    service._loading = asyncio.get_running_loop().create_future()
    hole = Hole(path="a", language="python", prefix="t", suffix="\nother\n")
    assert service.completer is not None
    service.completer.cache.keep(hole, (), [Kept(text="otal = 1")])
    waits = []

    async def run(*_: object, delay: float, **__: object) -> None:
        waits.append(delay)

    monkeypatch.setattr(service._turns, "run", run)
    for spot in ((0, 3), (1, 5)):
        await service.suggest("a", spot, invoked=False)
    service.close()
    assert waits == [0.0, 0.1]


def test_what_comes_to_its_turn_after_its_deadline_is_not_asked_of_the_model() -> None:
    release = SimpleNamespace(name="m", languages=("python",), window=512, neighbours=True, folder=Path("m"))
    service = Service(Face(), Flags(), load)
    service.open("a", Document(path="/w/a", language_id="python", text="total\n"))
    service.answer_with(Completer(cast(Any, SimpleNamespace(release=release))))
    place = service.texts.place("a", (0, 5), None)
    assert place is not None
    long_ago = time.monotonic() - 60
    answer = service._answer(place, [], lambda: False, invoked=False, asked=long_ago, due=long_ago)
    service.close()
    assert answer == Silence(reason="the deadline passed before it had its turn")
