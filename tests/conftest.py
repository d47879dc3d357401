"""Fixtures that several folders of tests share; end-to-end tests are collected last."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from model.tokenizer import Tokenizer

# A busy machine is no fault of the code under test.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    """What is measured and remembered goes to a folder of this run's own, in the processes it starts, too."""
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="tabwright-tests-")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/e2e and put it last."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


@pytest.fixture(scope="session")
def source_texts() -> list[str]:
    """This project's own Python files: real code without a download."""
    files = sorted(
        p for d in ("model", "data_pipeline", "eval", "lsp_server") for p in (ROOT / d).rglob("*.py")
    )
    return [p.read_text(encoding="utf-8") for p in files]


@pytest.fixture(scope="session")
def tokenizer(source_texts: list[str]) -> Tokenizer:
    """A small tokenizer trained on the project's own code."""
    return Tokenizer.train(lambda: iter(source_texts), vocabulary=700)
