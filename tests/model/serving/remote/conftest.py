"""The hostile server, for the tests beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for hostile_server.py

from hostile_server import Behaviour, HostileServer

from model.serving.remote import keys
from model.serving.remote.engine import Endpoint, RemoteEngine

KEY = "sk-planted-0123456789"


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring of whoever runs the tests is theirs."""
    monkeypatch.setattr(keys, "_stored", lambda address: None)
    monkeypatch.setenv(keys.VARIABLE, KEY)


@pytest.fixture
def serve() -> Iterator[Callable[..., HostileServer]]:
    """A server that behaves like this."""
    servers: list[HostileServer] = []

    def start(*behaviours: Behaviour) -> HostileServer:
        servers.append(HostileServer(*behaviours))
        return servers[-1].__enter__()

    yield start
    for server in servers:
        server.__exit__(None, None, None)


@pytest.fixture
def connect(clock: Clock) -> Iterator[Callable[..., RemoteEngine]]:
    """An engine for a server; its breaker's clock stands still."""
    engines: list[RemoteEngine] = []

    def start(server: HostileServer, **more: Any) -> RemoteEngine:
        endpoint = Endpoint(url=server.url, **{"model": "qwen2.5-coder", **more})
        engines.append(RemoteEngine.connect(endpoint))
        engines[-1]._breaker._clock = clock
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()
