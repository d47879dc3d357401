"""What a process has used is read from the system, and left out where the system does not tell."""

import os
import sys

import pytest

from eval.replay.process import cpu_seconds, peak_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_works_uses_time_and_memory():
    before = cpu_seconds(os.getpid())
    assert before is not None
    while cpu_seconds(os.getpid()) <= before:
        sum(range(10_000))
    assert peak_bytes(os.getpid()) > 1_000_000


def test_a_name_with_brackets_and_blanks_does_not_move_the_fields(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda name: 100, raising=False)
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "stat").write_text("7 (a ) b) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 4\n")
    (folder / "status").write_text("Name:\tx\nVmPeak:\t 9000 kB\nVmHWM:\t    1234 kB\n")
    assert cpu_seconds(7, proc=tmp_path) == 2.0
    assert peak_bytes(7, proc=tmp_path) == 1234 * 1024


def test_a_process_that_is_gone_has_no_figures(tmp_path):
    assert cpu_seconds(7, proc=tmp_path) is None
    assert peak_bytes(7, proc=tmp_path) is None
