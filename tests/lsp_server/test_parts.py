"""A part of the server is left out by its name alone, and a name that none has is refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lsp_server.documents import Document, Edit
from lsp_server.parts import PARTS, left_out
from lsp_server.postprocess import RULES
from lsp_server.service import Flags, Service
from model.errors import ConfigError


def test_every_rule_is_a_part_and_no_name_is_there_twice() -> None:
    assert {rule.__name__ for rule in RULES} < set(PARTS)
    assert len(set(PARTS)) == len(PARTS)


def test_a_name_that_no_part_has_is_refused_with_those_there_are() -> None:
    assert left_out(["memory", "without_overlap", "memory"]) == {"memory", "without_overlap"}
    assert left_out([]) == frozenset()
    with pytest.raises(ConfigError, match=r"no part 'memori' to leave out; it has: soundness, .*memory"):
        left_out(["memory", "memori"])


def test_the_server_does_not_start_without_a_part_that_there_is_not() -> None:
    """It would be measured as one that makes no difference."""
    command = [sys.executable, "-I", "-m", "lsp_server", "--without", "memory", "--without", "speed"]
    found = subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 1
    assert found.stderr.startswith("tabwright: the server has no part 'speed' to leave out; it has: ")
    assert found.stderr.count("\n") == 1
    assert found.stdout == ""


class Face:
    """Somebody who is told everything and does nothing."""

    def tell_status(self, state: str, message: str) -> None: ...
    def tell_user(self, message: str, *, problem: bool) -> None: ...
    def tell_indexing(self) -> None: ...


def test_what_the_command_line_leaves_out_is_left_out_of_the_completer() -> None:
    release = SimpleNamespace(name="m", languages=("python",), window=512, neighbours=True, folder=Path("m"))
    engine = cast(Any, SimpleNamespace(release=release))

    async def loaded() -> Service:
        service = Service(Face(), Flags(without=frozenset({"soundness"})), lambda folder, threads: engine)
        await service.start_loading()
        service.close()
        return service

    completer = asyncio.run(loaded()).completer
    assert completer is not None
    assert completer._without == {"soundness"}


@pytest.mark.parametrize(("without", "computed"), [((), 1), (("ahead",), 0)])
def test_the_next_suggestion_is_not_computed_ahead_where_that_is_left_out(
    without: tuple[str, ...], computed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(Face(), Flags(without=frozenset(without)), lambda folder, threads: cast(Any, None))
    begun: list[str] = []
    monkeypatch.setattr(service._turns, "ahead", lambda key, work: begun.append(key))
    service.open("a", Document(path="/w/a.py", language_id="python", text="x = "))
    place = service.texts.place("a", (0, 4), None)
    assert place is not None
    service._shown.remember("a", place, ["foo(1)"])
    service.change("a", [Edit(start=(0, 4), end=(0, 4), text="foo(1)")])
    service.close()
    assert len(begun) == computed
    # Nor is there a place that would be answered without a wait.
    assert (service._ahead is not None) == bool(computed)
