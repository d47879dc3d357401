"""Held-out places are those of every held-out project, drawn alike each time, with whole function bodies."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from data_pipeline.manifest import DEFAULT_MANIFEST, Manifest, Wheel, read_manifest
from eval.heldout import positions as heldout_positions
from eval.heldout.positions import MODES, PINNED, draw, function_bodies, limited, read
from model.errors import DataError

CODE = '''\
"""Ships and the berths they lie at."""


class Harbour:
    """A harbour with numbered berths."""

    def __init__(self, berths):
        self.berths = list(range(berths))
        self.ships = {}

    def moor(self, ship, *, length):
        """Give a ship the first berth that is free."""
        if length > self.longest:
            raise ValueError(f"{ship} is too long")
        berth = self.berths.pop(0)

        self.ships[ship] = berth
        return berth

    def short(self): return len(self.ships)

    def one(self):
        return self.ships


def many():
    total_1 = 1
    total_2 = 2
    total_3 = 3
    total_4 = 4
    total_5 = 5
    total_6 = 6
    total_7 = 7
    total_8 = 8
    total_9 = 9
    total_10 = 10
    return total_1 + total_10
'''


def test_bodies_are_the_code_behind_signature_and_docstring() -> None:
    bodies = [CODE[start:end] for start, end in function_bodies(CODE, "python")]
    # A body on the line of its signature, of one line or of eleven is none.
    assert [body.split("\n")[0] for body in bodies] == [
        "self.berths = list(range(berths))",
        "if length > self.longest:",
    ]
    assert bodies[1].endswith("self.ships[ship] = berth\n        return berth")


@pytest.fixture
def cached(tmp_path: Path) -> tuple[Manifest, Path]:
    wheels = []
    for name, split in (("p", "test"), ("q", "test"), ("r", "validation"), ("s", "train")):
        path = tmp_path / f"{name}-1-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(6):
                archive.writestr(f"{name}/{number}.py", CODE.replace("Harbour", f"Harbour{number}"))
        wheels.append(
            Wheel(
                name=name, version="1", wheel=path.name, license="MIT", split=split,  # type: ignore[arg-type]
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
        )  # fmt: skip
    manifest = Manifest(
        name="m",
        languages=("python",),
        python_version="3.11",
        platforms=(),
        sources=tuple(wheels),
        sha256="0",
    )
    return manifest, tmp_path


def test_every_held_out_project_has_its_share(cached: tuple[Manifest, Path], tmp_path: Path) -> None:
    manifest, cache = cached
    sizes = {"counts": {"test": 24, "validation": 8}, "bodies": {"test": 8, "validation": 100}}
    drawn = draw(manifest, cache, seed=1, **sizes)  # type: ignore[arg-type]
    assert drawn == draw(manifest, cache, seed=1, **sizes)  # type: ignore[arg-type]
    assert drawn != draw(manifest, cache, seed=2, **sizes)  # type: ignore[arg-type]
    path = tmp_path / "pinned.json"
    path.write_text(json.dumps(drawn), "utf-8")
    projects = read(path, manifest, cache, "test")
    assert [(one.project.name, one.license) for one in projects] == [("p", "MIT"), ("q", "MIT")]
    for one in projects:
        places = [(file, place) for file, some in one.files for place in some]
        assert sum(place.mode != "body" for _, place in places) == 12
        bodies = [(file, place.cursor) for file, place in places if place.mode == "body"]
        assert len(bodies) == 4
        for file, cursor in bodies:
            assert (cursor.start, cursor.end) in set(function_bodies(file.text, "python"))
            assert cursor.mode == "block"
            assert file.path not in file.beside
    # A small project has fewer bodies than are wanted, and gives all.
    (small,) = read(path, manifest, cache, "validation")
    assert sum(place.mode == "body" for _, some in small.files for place in some) == 12


def test_a_part_is_spread_over_projects_and_modes(cached: tuple[Manifest, Path], tmp_path: Path) -> None:
    manifest, cache = cached
    path = tmp_path / "pinned.json"
    sizes = {"counts": {"test": 96}, "bodies": {"test": 20}}
    path.write_text(json.dumps(draw(manifest, cache, **sizes)), "utf-8")  # type: ignore[arg-type]
    some = limited(read(path, manifest, cache, "test"), 40)
    for one in some:
        modes = [place.mode for _, places in one.files for place in places]
        assert 12 <= len(modes) <= 24
        assert set(modes) == set(MODES)


def test_a_body_outside_its_file_is_refused(cached: tuple[Manifest, Path], tmp_path: Path) -> None:
    manifest, cache = cached
    drawn = draw(manifest, cache, counts={"test": 8}, bodies={"test": 2})
    drawn["packages"][0]["files"][0]["bodies"] = [[5, 100_000]]
    path = tmp_path / "pinned.json"
    path.write_text(json.dumps(drawn), "utf-8")
    with pytest.raises(DataError, match="lies outside it"):
        read(path, manifest, cache, "test")


def test_the_pinned_file_is_of_all_held_out_projects_of_the_manifest() -> None:
    manifest, pinned = read_manifest(DEFAULT_MANIFEST), json.loads(PINNED.read_text("utf-8"))
    held_out = {(w.name, w.split, w.sha256) for w in manifest.wheels if w.split != "train"}
    assert {(p["name"], p["split"], p["sha256"]) for p in pinned["packages"]} == held_out
    for split, count in heldout_positions.COUNTS.items():
        packages = [one for one in pinned["packages"] if one["split"] == split]
        drawn = [len([at for file in one["files"] for at in file["at"]]) for one in packages]
        assert len(set(drawn)) == 1
        assert count <= sum(drawn) < count + len(packages)
