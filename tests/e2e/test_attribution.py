"""A real server marks, or blocks, what stands in the corpus whose index lies beside its model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_pipeline import attribution as writing
from data_pipeline.document import Document
from eval.editor import Editor
from lsp_server.attribution import FOLDER

pytestmark = pytest.mark.e2e

LEARNT = '''def frobnicate(widget, *, threshold=17, brand="Glimmer", colours=None, again=False):
    """Turn a widget over."""
    widget.zorp_level = threshold + widget.zorp_offset(brand, again=again)
    if colours is not None and widget.accepts(colours, threshold):
        widget.paint(colours, layers=threshold // 4, glossy=not again)
    return widget.polish(seconds=threshold, brand=brand, carefully=widget.is_fragile)
'''


@pytest.fixture
def model(model_folder: Path, tmp_path: Path) -> Path:
    """The model that ships, as if it had been trained on one file."""
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder, ignore=shutil.ignore_patterns(FOLDER))
    learnt = Document(
        id="1", text=LEARNT, path="widgets.py", language="python", repo="glimmer", license="BSD-2-Clause"
    )
    writing.write(folder / FOLDER, [writing.fingerprints([learnt])])
    return folder


@pytest.mark.parametrize("mode", ["mark", "block"])
async def test_a_copy_that_is_written_line_by_line_is_marked_or_blocked(
    model: Path, tmp_path: Path, mode: str
) -> None:
    """The memory knows how it goes on from the other open file, and nothing is new to the index."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    settings = {
        "model": str(model),
        "attribution": mode,
        "debounceMs": 0,
        "invokedDeadlineMs": 10_000,  # on a busy machine, too
        "indexProject": False,
        "maxLines": 1,
        "candidates": 1,
    }
    lines = LEARNT.splitlines(keepends=True)
    begun = ["".join(lines[:count]) + lines[count][:8] for count in range(1, len(lines))]
    records, silent = [], 0
    async with Editor(workspace, settings=settings) as editor:
        state, message = await editor.wait_for_state("ready", "problem")
        assert state == "ready", message
        editor.open("old.py", LEARNT)
        for number, text in enumerate(begun):
            editor.open(f"new{number}.py", text)
            item = await editor.suggest(f"new{number}.py", len(text), invoked=True)
            silent += item is None
            if item is not None and item.command is not None and len(item.command.arguments or ()) > 1:
                assert item.command.arguments is not None
                records += item.command.arguments[1]["attribution"]
                await editor.accept(f"new{number}.py", item)
    if mode == "mark":
        assert silent == 0
        assert {(one["project"], one["file"], one["license"]) for one in records} == {
            ("glimmer", "widgets.py", "BSD-2-Clause")
        }
    else:
        assert silent > 0
        assert records == []
    logs = "\n".join(editor.logs)
    assert "a suggestion stands in glimmer, widgets.py (BSD-2-Clause)" in logs
    assert editor.exit_status == 0
