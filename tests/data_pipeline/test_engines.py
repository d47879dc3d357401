"""Where steps run: results in order, a dead worker costs nothing but time, errors come back as they are."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from data_pipeline.engines import Local
from model.errors import ConfigError, DataError

# A module of its own: workers are spawned and import the function by its name.
_WORK = '''
import os, signal, time
from pathlib import Path
from model.errors import DataError

def square(number):
    return number * number

def slow_for_small(number):
    time.sleep(0.2 if number == 0 else 0)
    return number

def killed_once(path):
    """Kills its own worker at the first call for a path, answers at the second."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Path(path).name

def killed_always(path):
    if path.endswith("bad"):
        os.kill(os.getpid(), signal.SIGKILL)
    return path

def refuses(number):
    raise DataError(f"number {number} is not wanted; leave it out")

def pid_and_wait(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)
'''


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "work_of_engines.py").write_text(_WORK)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("work_of_engines")
    del sys.modules["work_of_engines"]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(work: ModuleType, workers: int) -> None:
    done: list[int] = []
    assert Local(workers=workers).map(work.slow_for_small, [0, 1, 2, 3], on_done=done.append) == [0, 1, 2, 3]
    assert sorted(done) == [0, 1, 2, 3]
    assert Local(workers=workers).map(work.square, []) == []


def test_items_of_a_killed_worker_are_done_again(work: ModuleType, tmp_path: Path) -> None:
    items = [str(tmp_path / f"item-{i}") for i in range(4)]
    done: list[str] = []
    assert Local(workers=2).map(work.killed_once, items, on_done=done.append) == [Path(i).name for i in items]
    assert sorted(done) == items


def test_an_item_that_kills_every_worker_is_named(work: ModuleType, tmp_path: Path) -> None:
    items = ["good", "also-good", "bad", "last"]
    with pytest.raises(DataError, match=r"killed 3 times at bad, .* leave this source out"):
        Local(workers=2).map(work.killed_always, items)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_user_comes_back_as_it_was_raised(work: ModuleType, workers: int) -> None:
    with pytest.raises(DataError, match=r"^number 1 is not wanted; leave it out$"):
        Local(workers=workers).map(work.refuses, [1, 1])


def test_workers_do_not_outlive_a_build_that_is_killed(work: ModuleType, tmp_path: Path) -> None:
    marks = [tmp_path / "a.pid", tmp_path / "b.pid"]
    script = (
        "import sys, work_of_engines\n"
        "from data_pipeline.engines import Local\n"
        "if __name__ == '__main__':\n"
        "    Local(workers=2).map(work_of_engines.pid_and_wait, sys.argv[1:])\n"
    )
    (tmp_path / "build.py").write_text(script)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    process = subprocess.Popen([sys.executable, tmp_path / "build.py", *marks], env=environment)
    try:
        _until(lambda: all(mark.exists() and mark.read_text() for mark in marks))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    pids = [int(mark.read_text()) for mark in marks]
    _until(lambda: not any(_runs(pid) for pid in pids))


def _until(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_workers_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 workers are out of range"):
        Local(workers=0)
