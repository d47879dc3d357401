"""Threads are chosen by measurement, once, and politeness breaks near ties."""

from __future__ import annotations

import json

import pytest

from model.serving import tuning
from model.serving.tuning import Threads, candidates, choose, tuned

ONE, TWO = Threads(count=1, spin=False), Threads(count=2, spin=False)
SPINNING = Threads(count=2, spin=True)


class FakeSession:
    """Steps that take no time; the times come from the test."""

    def __init__(self, setting: Threads) -> None:
        self.setting = setting


@pytest.fixture
def graph(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"graph")
    return path


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Two cores, a cache folder of its own, and times by setting; counts the measurements."""
    times = {ONE: 10.0, TWO: 6.0, SPINNING: 5.9}
    measured = []

    def milliseconds(session):
        measured.append(session.setting)
        return times[session.setting]

    monkeypatch.setattr(tuning, "usable_cores", lambda: 2)
    monkeypatch.setattr(tuning, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(tuning, "_milliseconds", milliseconds)
    return times, measured, tmp_path / "cache" / "tabwright" / "threads.json"


def test_a_setting_with_more_threads_must_be_worth_it():
    assert choose({ONE: 10.0, TWO: 9.5, SPINNING: 9.2}) == ONE
    assert choose({ONE: 10.0, TWO: 6.0, SPINNING: 5.9}) == TWO
    assert choose({ONE: 10.0, TWO: 9.0, SPINNING: 4.0}) == SPINNING


def test_candidates_are_few_and_one_thread_never_spins():
    assert candidates(1) == [ONE]
    assert candidates(2) == [ONE, TWO, SPINNING]
    assert {setting.count for setting in candidates(64)} == {1, 4, 7, 8}
    assert Threads(count=1, spin=True) not in candidates(64)


def test_measured_at_the_first_start_and_remembered(graph, machine):
    times, measured, store = machine
    assert tuned(graph, "1.0", FakeSession).setting == TWO
    assert set(measured) == {ONE, TWO, SPINNING}
    times[ONE] = 0.1  # would win now, if it were measured again
    assert tuned(graph, "1.0", FakeSession).setting == TWO
    assert len(measured) == 3
    assert len(json.loads(store.read_text())) == 1


def test_sessions_that_lose_are_not_kept_in_memory(graph, machine):
    """A model of a hundred megabytes must not be held once for every setting."""
    import gc
    import weakref

    alive = []

    def open_session(setting):
        gc.collect()
        assert sum(ref() is not None for ref in alive) <= 1
        session = FakeSession(setting)
        alive.append(weakref.ref(session))
        return session

    best = tuned(graph, "1.0", open_session)
    gc.collect()
    assert [ref() for ref in alive if ref() is not None] == [best]


def test_the_winner_is_opened_again_if_it_was_let_go(graph, machine):
    """The second was as good as the first, politer one, until the third showed what is possible."""
    times, _, _ = machine
    times.update({ONE: 10.0, TWO: 9.0, SPINNING: 8.0})
    assert tuned(graph, "1.0", FakeSession).setting == TWO


def test_a_number_of_threads_that_is_given_is_kept(graph, machine):
    """Then the measurement only decides whether they spin."""
    _, measured, store = machine
    assert tuned(graph, "1.0", FakeSession, wanted=2).setting == TWO
    assert set(measured) == {TWO, SPINNING}
    assert tuned(graph, "1.0", FakeSession, wanted=1).setting == ONE
    assert len(measured) == 2
    assert tuned(graph, "1.0", FakeSession).setting == TWO
    assert len(json.loads(store.read_text())) == 2


def test_another_model_or_runtime_is_measured_anew(graph, machine):
    _, measured, _ = machine
    tuned(graph, "1.0", FakeSession)
    tuned(graph, "2.0", FakeSession)
    assert len(measured) == 6
    graph.write_bytes(b"another")
    import os

    os.utime(graph, ns=(1, 1))
    tuned(graph, "1.0", FakeSession)
    assert len(measured) == 9


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 1}', '{"a": {"count": "x"}}', '{"a": {"count": 1e400}}']
)
def test_a_broken_store_is_measured_again(graph, machine, text):
    _, _, store = machine
    store.parent.mkdir(parents=True)
    store.write_text(text)
    assert tuned(graph, "1.0", FakeSession).setting == TWO


@pytest.mark.parametrize("count", [0, -1, 10**9])
def test_an_absurd_number_is_measured_again(graph, machine, count):
    """A million threads would take the machine down."""
    _, measured, store = machine
    tuned(graph, "1.0", FakeSession)
    known = json.loads(store.read_text())
    store.write_text(json.dumps({key: {"count": count, "spin": False} for key in known}))
    assert tuned(graph, "1.0", FakeSession).setting == TWO
    assert len(measured) == 6


def test_a_home_that_cannot_be_written_is_no_error(graph, machine, tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    assert tuned(graph, "1.0", FakeSession).setting == TWO


def test_large_models_are_not_loaded_several_times(graph, machine, monkeypatch):
    monkeypatch.setattr(tuning, "_LARGEST", 3)
    _, measured, _ = machine
    assert tuned(graph, "1.0", FakeSession).setting.count >= 1
    assert not measured


def test_what_is_timed_is_a_request_behind_a_pause(monkeypatch):
    """Typed tokens on a known context, then single steps; the pause itself does not count."""
    clock, asked = [0.0], []

    class Session:
        vocabulary, window = 600, 512

        def __init__(self):
            self.tokens = []

        def rewind(self, length):
            del self.tokens[length:]

        def step(self, new):
            self.tokens += new
            asked.append(len(new))
            clock[0] += 0.002

    monkeypatch.setattr(tuning.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(tuning.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    session = Session()
    assert tuning._milliseconds(session) == pytest.approx(2 * 9)  # five tokens at once, then eight steps
    assert asked[:3] == [192, 5, 1]
    assert session.tokens == []


def test_a_real_session_is_measured(release_folder, tmp_path, monkeypatch):
    from model.serving.session import Session

    monkeypatch.setattr(tuning, "usable_cores", lambda: 2)
    monkeypatch.setattr(tuning, "user_cache_path", lambda name: tmp_path / name)

    def open_session(setting):
        return Session(release_folder / "model.onnx", window=320, threads=setting.count, spin=setting.spin)

    session = tuned(release_folder / "model.onnx", "1.0", open_session)
    assert session.tokens == []
    assert (tmp_path / "tabwright" / "threads.json").is_file()
