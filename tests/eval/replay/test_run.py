"""Pairs of variant and piece: their turns, what is kept of them, and a real process at the other end."""

import asyncio
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from eval.editor import Editor
from eval.replay import run
from eval.replay.figures import figures
from eval.replay.run import at_once, measure, settings, turns
from eval.replay.sample import Sample
from eval.replay.typist import Typist
from eval.replay.variants import NULL, Change, Variant, variants
from model.errors import ConfigError, ModelError

TYPIST = Typist(speed=1000.0)


@pytest.fixture
def sample(replaying):
    pieces = tuple(
        replace(replaying.piece(mode=mode, tail=tail), id=f"project/{path}", path=path)
        for path, mode, tail in (("a.py", "inside", replaying.tail), ("b/c.py", "end", ""))
    )
    texts = {piece.path: piece.head + piece.target + piece.tail for piece in pieces}
    return Sample(split="test", pieces=pieces, projects={"project": texts}, checksum="0" * 64)


@pytest.fixture
def null():
    return variants({}, settings={}, model=None, threads=1)[:1]


def test_each_variant_in_its_turn_is_the_first(sample):
    every = variants({"other": Change()}, settings={}, model=None, threads=1)
    order = [(variant.name, piece.path) for variant, piece in turns(sample.pieces * 2, every)]
    names = [name for name, _ in order]
    assert names[:3] == [NULL, "tabwright", "other"]
    assert names[3:6] == ["tabwright", "other", NULL]
    assert names[6:9] == ["other", NULL, "tabwright"]
    assert [path for _, path in order[:6]] == ["a.py"] * 3 + ["b/c.py"] * 3


def test_the_null_server_hears_every_key_and_says_nothing(sample, null, tmp_path):
    found = measure(sample, null, TYPIST, checksum="x", out=tmp_path)
    assert [one.file for one in found] == ["project/a.py", "project/b/c.py"]
    for one in found:
        assert one.keys == one.keys_alone
        assert one.unanswered == 0
        assert {answer.outcome for answer in one.answers} <= {"nothing", "late"}
    assert {one.name for one in figures(found, speed=TYPIST.speed)} >= {"answered", "saved", "unanswered"}


def test_what_is_finished_is_not_typed_again(sample, null, tmp_path, monkeypatch):
    first = measure(sample, null, TYPIST, checksum="x", out=tmp_path)

    def refuse(*args, **options):
        raise AssertionError("it was typed again")

    monkeypatch.setattr(run, "replay", refuse)
    assert measure(sample, null, TYPIST, checksum="x", out=tmp_path) == first
    for typist, again in ((replace(TYPIST, seed=1), False), (TYPIST, True)):
        with pytest.raises(AssertionError, match="typed again"):
            measure(sample, null, typist, checksum="x", out=tmp_path, again=again)


def test_what_another_model_or_server_answered_is_not_used(sample, replaying, monkeypatch):
    null, ours = variants({}, settings={}, model=None, threads=1)
    piece = sample.pieces[0]
    name = run._fingerprint
    assert name(ours, piece, TYPIST, "x", "code") != name(ours, piece, TYPIST, "y", "code")
    assert name(ours, piece, TYPIST, "x", "code") != name(ours, piece, TYPIST, "x", "other")
    assert name(ours, piece, TYPIST, "x", "code") != name(ours, sample.pieces[1], TYPIST, "x", "code")
    (less,) = variants({"less": Change(without=("memory",))}, settings={}, model=None, threads=1)[2:]
    assert name(ours, piece, TYPIST, "x", "code") != name(less, piece, TYPIST, "x", "code")
    # A server without a model does not depend on it.
    assert name(null, piece, TYPIST, "x", "code") == name(null, piece, TYPIST, "y", "other")


def test_a_file_that_was_cut_short_is_typed_again(sample, null, tmp_path):
    measure(sample, null, TYPIST, checksum="x", out=tmp_path)
    kept = sorted(tmp_path.glob("*.json"))
    kept[0].write_text(kept[0].read_text()[:100])
    found = measure(sample, null, TYPIST, checksum="x", out=tmp_path)
    assert len(found) == 2
    assert run._kept(kept[0]) is not None


async def test_the_piece_is_not_on_disk_while_it_is_typed(sample, null, monkeypatch):
    seen = []

    class Looking(Editor):
        def open(self, path, text, **options):
            seen.append((self.folder / path).read_text(encoding="utf-8"))
            super().open(path, text, **options)

    monkeypatch.setattr(run, "Editor", Looking)
    piece = sample.pieces[0]
    await run.replay(piece, sample.projects["project"], null[0], TYPIST)
    assert seen == [piece.head + piece.tail]


async def test_a_folder_goes_with_its_session_also_with_one_that_is_interrupted():
    folders = []

    async def work():
        async with run._folder({"a/b.py": "x = 1\n"}) as folder:
            folders.append(folder)
            assert (folder / "a" / "b.py").read_text() == "x = 1\n"
            await asyncio.sleep(60)

    working = asyncio.ensure_future(work())
    while not folders:
        await asyncio.sleep(0.01)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert not folders[0].exists()


async def test_a_folder_that_is_interrupted_while_it_is_filled_goes_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(run.tempfile, "tempdir", str(tmp_path))
    begun = threading.Event()

    def fill(root, texts):
        begun.set()
        time.sleep(0.05)
        (root / "late.py").write_text("x = 1\n")

    monkeypatch.setattr(run, "_fill", fill)

    async def work():
        async with run._folder({}):
            raise AssertionError("it was interrupted before")

    working = asyncio.ensure_future(work())
    await asyncio.to_thread(begun.wait)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert list(tmp_path.iterdir()) == []


async def test_a_setting_that_the_server_does_not_know_ends_the_run(sample, tmp_path):
    """A variant whose setting is ignored would be told as one that makes no difference."""
    null = variants({}, settings={}, model=None, threads=1)[0]
    script = tmp_path / "server.py"
    status = '_write(sink, {"method": "tabwright/status", "params": _STATUS})'
    message = '{"type": 2, "message": "tabwright.x is not known and was ignored"}'
    warning = f'_write(sink, {{"method": "window/logMessage", "params": {message}}})'
    code = Path(null.command[-1]).read_text(encoding="utf-8")
    assert status in code
    script.write_text(code.replace(status, f"{warning}; {status}"), encoding="utf-8")
    variant = Variant(name="x off", command=(sys.executable, "-I", str(script)), settings={"x": False})
    with pytest.raises(ConfigError, match=r"x off.*is not known"):
        await run.replay(sample.pieces[0], sample.projects["project"], variant, TYPIST)


def test_the_settings_of_a_result_name_no_path_of_this_machine(sample, tmp_path):
    every = variants({}, settings={}, model=tmp_path / "mine", threads=1)
    told = settings(sample, every, TYPIST, limit=None)
    assert str(tmp_path) not in str(told)
    assert told["variants"]["tabwright"]["flags"] == "--threads 1 --model mine"
    assert (told["jobs"], told["shared_machine"]) == ([1], False)
    # A run that was stopped may go on with other jobs: its times are of a shared machine all the same.
    told = settings(sample, every, TYPIST, limit=None, jobs=[1, 4, 4])
    assert (told["jobs"], told["shared_machine"]) == ([1, 4], True)


def test_what_is_left_out_is_told_with_a_result(sample):
    every = variants({"x": Change(without=("second opinion",))}, settings={}, model=None, threads=1)
    told = settings(sample, every, TYPIST, limit=None)
    assert told["variants"]["x"]["flags"] == "--threads 1 --without 'second opinion'"


async def test_works_keep_their_order_and_no_more_than_so_many_are_under_way():
    under_way = most = 0

    async def work(number):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02 / (number + 1))  # the later, the sooner it is done
        under_way -= 1
        return number

    found = await at_once([lambda number=number: work(number) for number in range(7)], 3)
    assert found == list(range(7))
    assert most == 3


async def test_an_error_is_raised_as_it_is_and_ends_what_is_under_way():
    ended = []

    async def fail():
        await asyncio.sleep(0)
        raise ModelError("there is no model")

    async def wait():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("waiting")

    async def never():
        ended.append("never begun")

    with pytest.raises(ModelError, match="there is no model"):
        await at_once([wait, fail, never], 2)
    assert ended == ["waiting"]


async def test_a_run_that_is_interrupted_ends_all_that_is_under_way():
    """Ctrl-C cancels the run: every server must be shut down, none left behind."""
    ended, begun = [], asyncio.Event()

    async def wait(number):
        try:
            begun.set()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)  # as shutting a server down takes a while
            ended.append(number)

    running = asyncio.ensure_future(at_once([lambda n=n: wait(n) for n in range(4)], 2))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sorted(ended) == [0, 1]


def test_pieces_typed_at_once_are_found_as_those_typed_one_by_one(sample, null, tmp_path):
    """Judged in a process of its own, too."""
    alone = measure(sample, null, TYPIST, checksum="x", out=tmp_path / "alone")
    both = measure(sample, null, TYPIST, checksum="x", out=tmp_path / "both", jobs=2)
    assert [(one.file, one.keys, len(one.answers)) for one in both] == [
        (one.file, one.keys, len(one.answers)) for one in alone
    ]
    assert [one.jobs for one in both] == [2, 2]
    # What was typed at once is known to a later run that types one by one, and says so.
    assert measure(sample, null, TYPIST, checksum="x", out=tmp_path / "both") == both


async def test_the_times_of_a_server_are_read_from_its_log(sample, tmp_path):
    """Null answers as well: what a server finds nothing for takes its time, too."""
    null = variants({}, settings={}, model=None, threads=1)[0]
    code = Path(null.command[-1]).read_text(encoding="utf-8")
    answer = '_write(sink, {"id": message["id"], "result": result})'
    said = '{"type": 4, "message": "no suggestion after 0 ms (0 waited): it is the null server"}'
    line = f'_write(sink, {{"method": "window/logMessage", "params": {said}}})'
    assert answer in code
    script = tmp_path / "server.py"
    script.write_text(code.replace(answer, f"{answer}; method.endswith('inlineCompletion') and {line}"))
    variant = replace(null, command=(sys.executable, "-I", str(script)))
    found = await run.replay(sample.pieces[0], sample.projects["project"], variant, Typist(speed=20.0))
    told = [answer.computed for answer in found.answers if answer.outcome == "nothing"]
    # On a busy machine a line may come after the next request was asked, and then counts as that one's.
    assert {one for one in told if one is not None} == {0.0}
    assert told.count(None) < len(told) / 2
    quiet = await run.replay(sample.pieces[0], sample.projects["project"], null, TYPIST)
    assert {answer.computed for answer in quiet.answers} == {None}


def test_code_that_changes_under_a_run_ends_it(sample, null, tmp_path, monkeypatch):
    """Some of the pieces would be of one server, and some of another."""
    versions = iter(["before", "after"])
    monkeypatch.setattr(run, "code_checksum", lambda: next(versions))
    with pytest.raises(ConfigError, match="changed while it was measured"):
        measure(replace(sample, pieces=()), null, TYPIST, checksum="x", out=tmp_path)
