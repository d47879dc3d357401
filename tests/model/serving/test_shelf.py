"""An index on disk gives back what was put there, or nothing; never something else."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from model.serving import shelf as module
from model.serving.encoder import LineEncoder
from model.serving.project import Project
from model.serving.shelf import Shelf, Shelved
from model.tokenizer import MINIMUM_VOCABULARY, Tokenizer

FILES = {f"pkg/m{n}.py": f"def f{n}(a):\n    return a + {n}\n" * (n + 1) for n in range(6)}
FOLDERS = ["/home/me/shop", "/home/me/bill"]


@pytest.fixture(scope="module")
def encoder() -> LineEncoder:
    """One token a byte."""
    return LineEncoder(Tokenizer.train(lambda: iter([""]), vocabulary=MINIMUM_VOCABULARY))


@pytest.fixture
def shelf(tmp_path: Path, encoder: LineEncoder) -> Shelf:
    return Shelf(tmp_path / "index", tokenizer_sha256="a" * 64, dtype=encoder.dtype)


@pytest.fixture
def shelved(encoder: LineEncoder) -> Shelved:
    project = Project(encoder)
    project.add(list(FILES.items())[:4])
    project.add(list(FILES.items())[4:])
    project.remove(["pkg/m1.py"])
    known = {name: (f"/home/me/shop/{name}", (3, 2**61, len(text))) for name, text in FILES.items()}
    return Shelved(segments=project.view.segments, known=known)


def found_in(encoder: LineEncoder, segments: object) -> tuple[list[str], list[list[int]]]:
    project = Project(encoder)
    project.restore(segments)  # type: ignore[arg-type]
    view = project.view
    context = encoder.encode("def f3(a):\n    return a")
    places, lengths = view.find(context, 64, view.present_without([]))
    return view.paths, [places.tolist(), lengths.tolist()]


def test_what_was_shelved_comes_back_and_finds_the_same(
    shelf: Shelf, shelved: Shelved, encoder: LineEncoder
) -> None:
    assert shelf.load(FOLDERS) is None
    shelf.save(FOLDERS, shelved)
    back = shelf.load(FOLDERS)
    assert back is not None
    assert back.known == shelved.known
    assert found_in(encoder, back.segments) == found_in(encoder, shelved.segments)
    assert "pkg/m1.py" not in found_in(encoder, back.segments)[0]


def test_other_folders_and_other_tokens_have_an_index_of_their_own(
    shelf: Shelf, shelved: Shelved, tmp_path: Path, encoder: LineEncoder
) -> None:
    shelf.save(FOLDERS, shelved)
    assert shelf.load(FOLDERS[:1]) is None
    assert shelf.load([*FOLDERS, "/x\udcff"]) is None
    other = Shelf(tmp_path / "index", tokenizer_sha256="b" * 64, dtype=encoder.dtype)
    assert other.load(FOLDERS) is None
    wide = Shelf(tmp_path / "index", tokenizer_sha256="a" * 64, dtype=np.uint32)
    assert wide.load(FOLDERS) is None, "tokens of another width would be read as others"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_only_its_owner_may_read_it(shelf: Shelf, shelved: Shelved) -> None:
    shelf.save(FOLDERS, shelved)
    path = shelf.path(FOLDERS)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_damaged_index_is_as_good_as_none(shelf: Shelf, shelved: Shelved) -> None:
    shelf.save(FOLDERS, shelved)
    path = shelf.path(FOLDERS)
    whole = path.read_bytes()
    for cut in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert shelf.load(FOLDERS) is None
    for at in range(0, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        back = shelf.load(FOLDERS)  # some bytes of a ZIP archive's headers mean nothing
        assert back is None or back.known == shelved.known


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("order0", lambda a: a + 5000),
        ("order0", lambda a: a[:-1]),
        ("order0", lambda a: a * 0),
        ("starts0", lambda a: a + 10**6),
        ("starts0", lambda a: a[::-1].copy()),
        ("tokens0", lambda a: a[:5]),
        ("present0", lambda a: a[:1]),
        ("tokens0", lambda a: a.astype(np.float64)),
        ("facts", lambda a: np.frombuffer(b'{"format": 1}', np.uint8)),
        ("facts", lambda a: np.frombuffer(b"[]", np.uint8)),
        ("facts", lambda a: np.frombuffer(json.dumps({"format": 99}).encode(), np.uint8)),
        ("facts", lambda a: np.array([{}], object)),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(
    shelf: Shelf, shelved: Shelved, name: str, change: object
) -> None:
    shelf.save(FOLDERS, shelved)
    path = shelf.path(FOLDERS)
    with np.load(path) as found:
        arrays = dict(found)
    arrays[name] = change(arrays[name])  # type: ignore[operator]
    with path.open("wb") as file:
        np.savez(file, **arrays)
    assert shelf.load(FOLDERS) is None


def test_servers_that_write_at_once_leave_one_whole_index(shelf: Shelf, shelved: Shelved) -> None:
    threads = [threading.Thread(target=shelf.save, args=(FOLDERS, shelved)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    back = shelf.load(FOLDERS)
    assert back is not None
    assert back.known == shelved.known
    assert [path.name for path in shelf.path(FOLDERS).parent.iterdir()] == [shelf.path(FOLDERS).name]


def test_the_oldest_go_when_all_are_too_large_and_so_does_what_a_kill_left(
    shelf: Shelf, shelved: Shelved, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate("abc"):
        shelf.save([name], shelved)
        os.utime(shelf.path([name]), (number, number))
    left = shelf.path(["a"]).with_name("x.partial")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    size = shelf.path(["a"]).stat().st_size
    monkeypatch.setattr(module, "_MOST_BYTES", 3 * size + 10)
    shelf.save(["d"], shelved)
    assert [shelf.load([name]) is not None for name in "abcd"] == [False, True, True, True]
    assert not left.exists()


def test_a_disk_without_room_is_told_and_leaves_nothing(
    shelf: Shelf, shelved: Shelved, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.save(FOLDERS, shelved)

    def full(file: object, **arrays: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(module.np, "savez", full)
    with pytest.raises(OSError, match="no space left"):
        shelf.save(FOLDERS, shelved)
    assert len(list(shelf.path(FOLDERS).parent.iterdir())) == 1
    assert shelf.load(FOLDERS) is not None
