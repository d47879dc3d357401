"""A project's files after any changes: found where they are, never where they were."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.serving import project as project_module
from model.serving.encoder import LineEncoder
from model.serving.project import LEAST_MATCH, Project
from model.serving.suffix_array import CONTEXT
from model.tokenizer import MINIMUM_VOCABULARY, Tokenizer

ALL = 10_000  # places: more than any text here has
PATHS = ["a.py", "b.py", "pkg/c.py", "pkg/d.py"]
TEXT = st.text(st.sampled_from("ab\n"), max_size=50)
ADD = st.lists(st.tuples(st.sampled_from(PATHS), TEXT), max_size=3)
REMOVE = st.sets(st.sampled_from([*PATHS, "unknown.py"]), max_size=2)


@pytest.fixture(scope="module")
def encoder() -> LineEncoder:
    """One token a byte."""
    return LineEncoder(Tokenizer.train(lambda: iter([""]), vocabulary=MINIMUM_VOCABULARY))


def alike(before: list[int], context: list[int]) -> int:
    most = min(len(before), len(context), CONTEXT)
    return next((n for n in range(most) if before[-1 - n] != context[-1 - n]), most)


def check(encoder: LineEncoder, project: Project, files: dict[str, str], context: str, without: set[str]):
    """What is found stands there now, and nothing that stands there shares more."""
    view = project.view
    assert sorted(view.paths) == sorted(files)
    sought = encoder.encode(context)
    places, lengths = view.find(sought, ALL, view.present_without(without))
    for place, length in zip(places.tolist(), lengths.tolist(), strict=True):
        path, before = view.origin(place)
        assert path not in without
        text = encoder.encode(files[path]).tolist()
        assert before.tolist() == text[: len(before)]
        assert view.tokens[place] == text[len(before)]  # so it is no separator and of this very file
        assert length == alike(before.tolist(), sought.tolist()) >= LEAST_MATCH
    best = max(
        (
            alike(encoder.encode(text).tolist()[:place], sought.tolist())
            for path, text in files.items()
            if path not in without
            for place in range(1, len(text))
        ),
        default=0,
    )
    assert max(lengths.tolist(), default=0) == (best if best >= LEAST_MATCH else 0)


@pytest.mark.parametrize("largest", [10, 120, 600_000])  # never merged, sometimes, always
@given(
    steps=st.lists(ADD | REMOVE, max_size=8),
    context=st.text(st.sampled_from("ab\n"), min_size=2, max_size=40),
    without=st.sets(st.sampled_from(PATHS), max_size=2),
)
@settings(max_examples=60)
def test_after_any_changes_the_longest_match_is_found(encoder, largest, steps, context, without):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(project_module, "LARGEST_SEGMENT", largest)
        project, files = Project(encoder), dict[str, str]()
        for step in steps:
            if isinstance(step, list):
                assert project.add(step)
                files |= dict(step)
            else:
                project.remove(step)
                files = {path: text for path, text in files.items() if path not in step}
        check(encoder, project, files, context, without)


def test_merging_keeps_every_file(encoder):
    """Many files that come one by one end in few segments, whole."""
    project, files = Project(encoder), {}
    for number in range(40):
        files[f"f{number}.py"] = f"value_{number} = call({number})\n"
        project.add([(f"f{number}.py", files[f"f{number}.py"])])
    assert len(project.view.segments) <= 3
    for number in range(40):
        check(encoder, project, files, f"value_{number} = ca", set())
    for number in range(40):
        project.add([(f"f{number}.py", "changed\n")])
    # What was replaced is gone for good once its segment has been merged.
    assert len(project.view.tokens) < 40 * len("changed\n ") + 40 * 24 + 3 * CONTEXT


def test_nothing_is_copied_from_one_file_into_the_next(encoder):
    """The end of one and the beginning of the next stand side by side in memory only."""
    project = Project(encoder)
    project.add([("a.py", "one two "), ("b.py", "three four")])
    view = project.view
    present = view.present_without(())
    places, _ = view.find(encoder.encode("two "), ALL, present)
    assert places.tolist() == []
    places, lengths = view.find(encoder.encode("two three"), ALL, present)
    assert lengths.max() == len("three")  # not the seam


def test_what_does_not_fit_is_left_out(encoder, monkeypatch):
    monkeypatch.setattr(project_module, "MOST_TOKENS", 100)
    project = Project(encoder)
    assert not project.add([("a.py", "x" * 30), ("b.py", "y" * 30), ("c.py", "z" * 80), ("d.py", "w")])
    assert {"a.py", "b.py"} <= set(project.view.paths) <= {"a.py", "b.py", "d.py"}
    assert len(project.view.tokens) <= 100 + CONTEXT


def test_a_replacement_without_room_still_ends_what_it_replaces(encoder, monkeypatch):
    """A text that a file no longer has must never be offered."""
    monkeypatch.setattr(project_module, "MOST_TOKENS", 120)
    project = Project(encoder)
    assert project.add([("a.py", "secret_old_name\n" * 4)])
    project.add([("a.py", "new\n" * 25)])
    view = project.view
    places, _ = view.find(encoder.encode("secret_old"), ALL, view.present_without(()))
    assert places.tolist() == []


def test_what_is_left_out_does_not_crowd_the_others_out(encoder, monkeypatch):
    """The hole's own file, as it is on disk, is more like the hole than any other file is."""
    project = Project(encoder)
    project.add([("own.py", "total = compute(own)\n" * 100), ("other.py", "a total = compute(other)\n")])
    view, sought = project.view, encoder.encode("own)\ntotal = compute(")
    present = view.present_without({"own.py"})
    places, lengths = view.find(sought, 64, present)
    assert {view.origin(place)[0] for place in places.tolist()} == {"other.py"}
    assert lengths.max() == len("total = compute(")
    monkeypatch.setattr(project_module, "_MOST_CROWDED", 64)
    assert not len(view.find(sought, 64, present)[0])  # so it was the crowd


def test_a_segment_is_made_anew_once_much_of_it_is_gone(encoder):
    """What is gone must not take room for ever, nor be sorted anew with every file."""
    project = Project(encoder)
    project.add([(f"{number}.py", f"value = {number}\n" * 10) for number in range(10)])
    whole = project.view
    project.remove({"0.py", "1.py"})
    assert project.view.segments[0].array is whole.segments[0].array
    project.remove({"2.py", "3.py"})
    (segment,) = project.view.segments
    assert segment.paths == tuple(f"{number}.py" for number in range(4, 10))
    assert segment.present.all()
    check(encoder, project, {path: f"value = {path[0]}\n" * 10 for path in segment.paths}, "value = ", set())


def test_what_is_gone_takes_no_room_from_what_comes(encoder, monkeypatch):
    """However often a file changes, it finds the room that it had."""
    monkeypatch.setattr(project_module, "MOST_TOKENS", 400)
    project = Project(encoder)
    assert project.add([("a.py", "a" * 150), ("b.py", "b" * 150)])
    for number in range(12):
        assert project.add([("a.py", f"{number} " + "a" * 150)])
        assert sum(len(segment.tokens) for segment in project.view.segments) < 400 / 0.75 + 3 * CONTEXT
    assert not project.add([("c.py", "c" * 120)])
    project.remove({"b.py"})
    assert project.add([("c.py", "c" * 120)])


def test_a_project_without_files_has_no_places(encoder):
    project = Project(encoder)
    for view in (project.view, (project.add([]), project.remove(["a.py"]), project.view)[-1]):
        places, lengths = view.find(encoder.encode("abc"), ALL, view.present_without({"a.py"}))
        assert (places.tolist(), lengths.tolist(), view.paths) == ([], [], [])
        assert view.occurrences(encoder.encode("abc"), ALL).tolist() == []


@given(
    texts=st.lists(TEXT, min_size=1, max_size=4), run=st.text(st.sampled_from("ab"), min_size=1, max_size=4)
)
def test_occurrences_are_all_there_are(encoder, texts, run):
    project = Project(encoder)
    for path, text in zip(PATHS, texts, strict=False):
        project.add([(path, text)])
    tokens = project.view.tokens.tolist()
    sought = encoder.encode(run).tolist()
    # The last token of all is a separator, so each run has a token behind it.
    expected = [at for at in range(len(tokens)) if tokens[at : at + len(sought)] == sought]
    assert project.view.occurrences(encoder.encode(run), ALL).tolist() == expected


def test_a_view_stays_what_it_was_while_others_add(encoder):
    """A look-up in the middle of a completion must not see the files move."""
    project = Project(encoder)
    project.add([("a.py", "alpha = beta(gamma)\n"), ("b.py", "alpha = delta\n")])
    view = project.view
    sought = encoder.encode("alpha = ")
    before = [array.tolist() for array in view.find(sought, ALL, view.present_without(()))]
    stop, wrong = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            now = project.view
            places, _ = now.find(sought, ALL, now.present_without(()))
            texts = {bytes(encoder._tokenizer.decode_bytes(now.origin(int(p))[1])) for p in places}
            if not all(text.endswith(b"alpha = ") for text in texts):
                wrong.append(texts)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        project.add([(f"{number % 7}.py", f"alpha = {number}\n" * 3), ("a.py", f"alpha = new{number}\n")])
        project.remove([f"{number % 5}.py"])
    stop.set()
    reader.join()
    assert not wrong
    assert view.paths == ["a.py", "b.py"]
    assert [array.tolist() for array in view.find(sought, ALL, view.present_without(()))] == before
    assert np.all(view.tokens[:CONTEXT] == encoder.separator)
