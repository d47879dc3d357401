"""The demo, with a fake engine here and with the model that ships where there is one."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from eval import demo
from model.errors import ModelError

pytestmark = pytest.mark.e2e
FAKE = Path(__file__).parents[1] / "lsp_server" / "data" / "fake_server.py"


def test_every_place_is_in_the_file_once_and_leaves_code_that_compiles() -> None:
    texts = {name: (demo.FOLDER / name).read_text(encoding="utf-8") for name in demo.FILES}
    for name, text in texts.items():
        compile(text, name, "exec")
    assert len(demo.PLACES) >= 6
    for place in demo.PLACES:
        assert texts[place.file].count(place.after + place.missing) == 1, place.title


async def test_every_place_is_shown_with_its_time_and_silence_with_its_reason() -> None:
    console = Console(file=io.StringIO(), width=110)
    await demo.show(console, [sys.executable, "-I", str(FAKE)])
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for place in demo.PLACES:
        assert f"{place.title} · " in shown
    assert "(no suggestion) after" in shown
    assert "the model has nothing to add here" in shown
    assert f"{len(demo.PLACES)} places, median " in shown


async def test_a_missing_model_is_one_sentence(tmp_path: Path) -> None:
    from eval.editor import SERVER

    with pytest.raises(ModelError, match="there is no model folder"):
        await demo.show(Console(file=io.StringIO()), [*SERVER, "--model", str(tmp_path / "none")])


def test_with_the_model_that_ships(model_folder: Path) -> None:
    code = "import sys; from pathlib import Path; from eval.demo import demo; demo(Path(sys.argv[1]), None)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(model_folder)],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{len(demo.PLACES)} places, median " in done.stdout
