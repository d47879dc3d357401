"""A real server copies what only the files at hand know, says from where, and reads only what it may."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from eval.editor import Editor

pytestmark = pytest.mark.e2e

KNOWN = '''def frobnicate(widget, *, threshold=17):
    """Turn a widget over."""
    widget.zorp_level = threshold
    return widget.polish(seconds=threshold, brand="Glimmer")
'''
ASKED = '''def again(widget, threshold):
    """Turn a widget over once more."""
    widget.zorp_level = threshold
    return widget.polish('''


async def suggested(folder: Path, text: str, *, settings: dict[str, object] | None = None) -> tuple[str, str]:
    """What is suggested at the end of a new file, and the log."""
    patient = {"invokedDeadlineMs": 10_000, "logLevel": "debug"}  # on a busy machine, too
    async with Editor(folder, settings={**patient, **(settings or {})}) as editor:
        state, message = await editor.wait_for_state("ready", "problem")
        assert state == "ready", message
        if settings is None:
            for _ in range(300):
                if any("of the workspace" in line for line in editor.logs):
                    break
                await asyncio.sleep(0.1)
            else:
                raise AssertionError("the workspace was not indexed")
        editor.open("new.py", text)
        item = await editor.suggest("new.py", len(text), invoked=True)
        await asyncio.sleep(0.1)
        return (str(item.insert_text) if item else ""), "\n".join(editor.logs)


async def test_a_closed_file_of_the_workspace_is_copied_from_and_named(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "widgets.py").write_text(KNOWN, "utf-8")
    text, logs = await suggested(tmp_path, ASKED)
    assert text.startswith('seconds=threshold, brand="Glimmer")')
    assert "from src/widgets.py, line 4 (project)" in logs


async def test_what_git_ignores_and_what_the_user_switched_off_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "widgets.py").write_text(KNOWN, "utf-8")
    text, _ = await suggested(tmp_path, ASKED, settings={"indexProject": False})
    assert "Glimmer" not in text
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("widgets.py\n", "utf-8")
    text, _ = await suggested(tmp_path, ASKED)
    assert "Glimmer" not in text


async def test_the_version_on_disk_of_the_open_file_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text(KNOWN, "utf-8")
    text, _ = await suggested(tmp_path, ASKED)
    assert "Glimmer" not in text
