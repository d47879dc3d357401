"""The index's benchmark measures a real workspace, cold and from disk, and names its limits."""

from pathlib import Path

from eval.bench import index
from model.serving.release import default_folder


def test_a_second_start_costs_less_than_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for number in range(30):
        (folder / f"m{number}.py").write_text(
            "".join(f"def f{number}_{n}(price, tax):\n    return price * tax + {n}\n\n" for n in range(200))
        )
    figures = {figure.name: figure for figure in index.run(default_folder(), folder, rounds=1)}
    assert figures["files indexed"].value == figures["files for neighbours"].value == 30
    assert figures["lines in the folder"].value == 30 * 600
    assert figures["on disk"].value > 0
    assert {name: figure.limit for name, figure in figures.items() if figure.limit is not None} == {
        "indexed, nothing on disk": 60.0,
        "indexed again": 60.0,
        "on disk": 200.0,
    }


def test_the_library_is_copied_up_to_so_many_lines(tmp_path: Path) -> None:
    index.copied(tmp_path / "library")
    lines = sum(path.read_bytes().count(b"\n") for path in (tmp_path / "library").rglob("*.py"))
    assert index.LINES <= lines < index.LINES * 1.2
