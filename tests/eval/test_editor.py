"""The editor without a screen against a real process with a fake engine; the server's tests use it too."""

import sys
from pathlib import Path

import pytest
from lsprotocol import types

from eval.editor import Editor

FAKE = (sys.executable, "-I", str(Path(__file__).parents[1] / "lsp_server" / "data" / "fake_server.py"))


async def test_a_session(tmp_path: Path) -> None:
    settings = {"tabwright": {"debounceMs": 0}}
    async with Editor(tmp_path, command=FAKE, settings=settings) as editor:
        assert await editor.wait_for_state("ready") == ("ready", "fake is ready")
        editor.open("ä b/😀.py", "# fake: print('😀')\nx😀 = 1; \n")
        editor.replace("ä b/😀.py", len("# fake: print('😀')\nx"), len("# fake: print('😀')\nx😀"), "éé")
        place = len(editor.text("ä b/😀.py")) - 1
        item = await editor.suggest("ä b/😀.py", place)
        assert item is not None
        assert item.range == types.Range(types.Position(1, 9), types.Position(1, 9))
        await editor.accept("ä b/😀.py", item)
        assert editor.text("ä b/😀.py") == "# fake: print('😀')\nxéé = 1; print('😀')\n"
        editor.close("ä b/😀.py")
        assert editor.pid > 0
        assert editor.exit_status is None
    assert editor.exit_status == 0
    assert editor.messages == []


async def test_a_server_that_does_not_start_is_told_with_what_it_said(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; sys.exit('broken beyond repair')")
    with pytest.raises(RuntimeError, match="broken beyond repair"):
        async with Editor(tmp_path, command=command):
            pass


async def test_waiting_for_a_state_has_an_end(tmp_path: Path) -> None:
    async with Editor(tmp_path, command=FAKE) as editor:
        with pytest.raises(TimeoutError):
            await editor.wait_for_state("problem", seconds=0.1)
