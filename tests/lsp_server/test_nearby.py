"""Neighbours come from the whole workspace, and of what is open from the text as it stands."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.nearby import Nearby
from model import neighbours
from model.fim import Hole, Snippet
from model.neighbourhood import Neighbourhood

ANCHOR = "def drop_anchor(chain, windlass, seabed):\n    return windlass.lower(chain, seabed)\n"
SAIL = "def hoist_sail(halyard, winch, mast):\n    return winch.raise_to(halyard, mast)\n"
HOLE = Hole(
    path="quay.py",
    language="python",
    prefix="from anchor import drop_anchor\n\nchain = windlass = seabed = None\ndrop_anchor(",
    suffix="",
)
PATHS = ("anchor.py", "sail.py", "quay.py", "mast.py")
TEXTS = (ANCHOR, SAIL, "x = 1\n", ANCHOR.replace("chain", "rope"))


def shown(nearby: Nearby, *opened: tuple[str, str]) -> str:
    files = [Snippet(path=path, text=text) for path, text in opened]
    return "\n".join(f"{s.path}:{s.text}" for s in nearby.choose(HOLE, files, characters=1200))


def test_files_that_nobody_has_opened_are_shown() -> None:
    nearby = Nearby()
    nearby.put([("anchor.py", ANCHOR), ("sail.py", SAIL), ("quay.py", "drop_anchor(chain)\n")])
    assert "windlass.lower(chain, seabed)" in shown(nearby) or "def drop_anchor" in shown(nearby)
    assert "quay.py" not in shown(nearby)
    nearby.remove(["anchor.py", "unknown.py"])
    assert "anchor.py" not in shown(nearby)


def test_an_open_document_stands_in_for_its_file_until_it_is_closed() -> None:
    nearby = Nearby()
    nearby.put([("anchor.py", ANCHOR)])
    edited = ("anchor.py", ANCHOR.replace("seabed", "seafloor"))
    assert "seafloor" in shown(nearby, edited)
    nearby.put([("anchor.py", ANCHOR.replace("seabed", "sand"))])
    assert "seafloor" in shown(nearby, edited), "a save elsewhere does not change what is open"
    assert "sand" in shown(nearby)
    nearby.remove(["anchor.py"])
    assert "seafloor" in shown(nearby, edited)
    assert shown(nearby) == ""


def test_there_is_room_for_so_many_characters_on_disk_and_always_for_what_is_open() -> None:
    nearby = Nearby(most_characters=len(ANCHOR) + 10)
    nearby.put([("anchor.py", ANCHOR), ("sail.py", SAIL)])
    assert len(nearby) == 1
    assert "sail.py" not in shown(nearby)
    nearby.put([("anchor.py", "x = 1\n"), ("sail.py", SAIL[:40])])
    assert len(nearby) == 2, "a file that shrinks makes room"
    opened = [Snippet(path="mast.py", text=ANCHOR)]
    assert nearby.choose(HOLE, opened, characters=1200)[0].path == "mast.py"


_PUT = st.tuples(st.just("put"), st.sampled_from(PATHS), st.sampled_from(TEXTS))
_REMOVE = st.tuples(st.just("remove"), st.sampled_from(PATHS), st.just(""))
_TYPE = st.tuples(st.just("type"), st.text("rope(, \n", max_size=5), st.just(""))
_ASK = st.tuples(st.just("ask"), st.just(""), st.dictionaries(st.sampled_from(PATHS), st.sampled_from(TEXTS)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(_PUT, _REMOVE, _ASK), max_size=12))
def test_what_is_chosen_depends_on_the_files_alone_and_not_on_how_they_came(steps: list[tuple]) -> None:
    nearby, disk = Nearby(), {}
    for what, path, value in [*steps, ("ask", "", {})]:
        if what == "put":
            nearby.put([(path, value)])
            disk[path] = value
        elif what == "remove":
            nearby.remove([path])
            disk.pop(path, None)
        else:
            opened = [Snippet(path=path, text=text) for path, text in value.items()]
            whole = Neighbourhood(Snippet(path=p, text=t) for p, t in ({**disk, **value}).items())
            found = nearby.choose(HOLE, opened, characters=600)
            assert found == neighbours.choose(HOLE, whole, characters=600)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(_PUT, _REMOVE, _TYPE), max_size=12))
def test_what_is_typed_within_a_line_changes_no_choice_and_what_else_happens_does(steps: list[tuple]) -> None:
    nearby, disk, place = Nearby(), {}, HOLE
    for what, path, value in steps:
        if what == "put":
            nearby.put([(path, value)])
            disk[path] = value
        elif what == "remove":
            nearby.remove([path])
            disk.pop(path, None)
        else:
            place = replace(place, prefix=place.prefix + path)
        whole = Neighbourhood(Snippet(path=p, text=t) for p, t in disk.items())
        assert nearby.choose(place, [], characters=600) == neighbours.choose(place, whole, characters=600)


def test_while_a_line_is_typed_neighbours_are_chosen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a project of five hundred files it takes a millisecond, at each key."""
    nearby, chosen = Nearby(), []
    nearby.put([("anchor.py", ANCHOR), ("sail.py", SAIL)])

    def choose(hole: Hole, files: Neighbourhood, *, characters: int) -> tuple[Snippet, ...]:
        chosen.append(hole.prefix)
        return ()

    monkeypatch.setattr(neighbours, "choose", choose)
    opened = [Snippet(path="sail.py", text=SAIL)]
    for typed in ("", "c", "ch", "ch, "):
        nearby.choose(replace(HOLE, prefix=HOLE.prefix + typed), opened, characters=600)
    assert len(chosen) == 1
    nearby.put([("anchor.py", ANCHOR + "\n")])
    for place in (HOLE, replace(HOLE, prefix=HOLE.prefix + "\n"), replace(HOLE, suffix="\nx"), HOLE):
        nearby.choose(place, opened, characters=600)
    assert len(chosen) == 5


def test_one_thread_may_fill_it_while_another_asks() -> None:
    nearby, failed = Nearby(), []

    def fill() -> None:
        try:
            for number in range(60):
                nearby.put([(f"m{number}.py", ANCHOR.replace("chain", f"chain_{number}"))])
                nearby.remove([f"m{number - 5}.py"])
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=fill)
    thread.start()
    while thread.is_alive():
        shown(nearby, ("sail.py", SAIL))
    thread.join()
    assert not failed
    assert "m59.py" in shown(nearby)
