"""End-to-end tests run on the model that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.serving.release import default_folder


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The folder of the model that ships."""
    return default_folder()
