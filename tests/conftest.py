"""Fixtures that several folders of tests share; end-to-end tests are collected last."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
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


# Begun first, so that at the end no process works alone on one of them: half a minute and more each.
LONG = {"test_dist.py", "test_torchrun.py", "test_corpus_build.py", "test_own_model.py", "test_server.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/e2e and put it last; within both halves what takes long comes first."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: (item.get_closest_marker("e2e") is not None, item.path.name not in LONG))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: nobody has to look through it again for what could go."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _left_open() -> Iterator[None]:
    """What a file's tests leave open is told of at their end, not now and then in a test of another file."""
    yield
    gc.collect()


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
