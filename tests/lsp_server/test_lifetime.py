import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lsp_server import lifetime


@contextmanager
def waiting_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-I", "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_process_is_alive_until_it_ends() -> None:
    with waiting_process() as process:
        assert lifetime.alive(process.pid)
        process.kill()
        process.wait()
        assert not lifetime.alive(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="where the state of a process is told in a file")
def test_a_process_that_has_ended_and_that_nobody_waited_for_is_not_alive() -> None:
    """Else an editor whose own parent is careless would keep its server for ever."""
    with waiting_process() as process:
        process.kill()
        for _ in range(1000):
            if not lifetime.alive(process.pid):
                break
            threading.Event().wait(0.01)
        assert not lifetime.alive(process.pid)


def test_the_end_of_a_process_is_told() -> None:
    gone = threading.Event()
    with waiting_process() as process:
        assert lifetime.watch(process.pid, gone.set, every=0.01)
        assert not gone.is_set()
        process.kill()
        process.wait()
        assert gone.wait(30)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 5, 2**70])
def test_a_process_that_is_not_there_is_not_watched(pid: int) -> None:
    """An editor in another container tells an id that means nothing here: the server must not end for it."""
    assert not lifetime.watch(pid, lambda: pytest.fail("told of a process that never was"), every=0.01)


def test_somebody_elses_process_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert lifetime.alive(os.getpid())


def test_a_process_whose_thread_still_computes_ends_with_its_code_and_its_log(tmp_path: Path) -> None:
    """Python would end under the thread, and what is written in C++ aborts then."""
    program = (
        "import logging, sys, threading, time\n"
        "from lsp_server import lifetime\n"
        "logging.basicConfig(filename=sys.argv[1])\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "logging.error('last words')\n"
        "lifetime.end_now(3)\n"
    )
    log = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", program, str(log)], timeout=30, check=False)
    assert done.returncode == 3
    assert "last words" in log.read_text()
