"""Held-out places go through the served path, and figures are of what was shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eval.heldout import figures as heldout_figures
from eval.heldout import run as heldout
from eval.heldout import tables as heldout_tables
from eval.heldout.baselines_ngram import NGrams, build_tables, encode
from eval.heldout.positions import HeldoutProject, Place
from eval.heldout.run import Answer, Asker, measure, variants
from eval.positions import PinnedFile, PinnedProject
from lsp_server.completer import Completer, Request, Suggestion
from model.cursors import Cursor
from model.serving.engine import Engine

SHOP = '''\
"""What is in the shop, and what it costs."""

from shop.prices import Price


class Shelf:
    def __init__(self, name, items):
        self.name = name
        self.items = items

    def total(self):
        result = 0
        for item in self.items:
            result += item.price
        return result

    def cheapest(self):
        result = None
        for item in self.items:
            if result is None or item.price < result.price:
                result = item
        return result
'''
PRICES = '''\
class Price:
    """A price in cents."""

    def __init__(self, cents, currency):
        self.cents = cents
        self.currency = currency
'''
TEXTS = {"shop/shelf.py": SHOP, "shop/prices.py": PRICES}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(threads=1)


@pytest.fixture(scope="module")
def ngrams() -> NGrams:
    codes, words = encode([SHOP, PRICES] * 3)
    return NGrams(words, list(build_tables(codes, 1)), {"made": "here"})


def place(mode: str, begins: str, ends: str) -> Place:
    start = SHOP.rindex(begins)
    return Place(
        mode=mode,  # type: ignore[arg-type]
        cursor=Cursor(
            mode="block" if mode == "body" else mode,  # type: ignore[arg-type]
            start=start,
            end=SHOP.index(ends, start) + len(ends),
        ),
    )


PLACES = (
    place("line", "for item in self", "items:"),
    place("mid-line", "self.items:\n            if", "items:"),
    place("file-end", "result = item", "item"),
    place("body", "result = None", "return result"),
)
FILE = PinnedFile(path="shop/shelf.py", text=SHOP, beside=("shop/prices.py",), cursors=())


@pytest.fixture(scope="module")
def projects() -> list[HeldoutProject]:
    project = PinnedProject(name="shop", split="test", texts=TEXTS, files=(FILE,))
    return [HeldoutProject(project=project, license="MIT", files=((FILE, PLACES),))]


def test_the_same_prompts_follow_each_other_and_a_model_without_neighbours_has_fewer_variants() -> None:
    assert [one.name for one in variants(False)] == ["model", "both", "memory"]
    assert [one.neighbours for one in variants(True)] == [True] * 3 + [False] * 2


def test_what_is_asked_is_what_a_server_would_ask(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def complete(self: Completer, hole: Any, request: Request, **rest: Any) -> Suggestion:
        seen.append((self._use, hole, request, rest))
        return Suggestion(text="for item in self.items:\n    pass", tokens=1, stop_reason="stop")

    monkeypatch.setattr(Completer, "complete", complete)
    answers = list(Asker(engine, TEXTS).ask("shop", FILE, PLACES[0], None))
    assert [use for use, *_ in seen] == ["model", "both", "memory", "model", "both"]
    # The model was trained with neighbours: they are in the prompt, and the last two do without.
    assert [bool(hole.neighbours) for _, hole, *_ in seen] == [True, True, True, False, False]
    for _, hole, request, rest in seen:
        assert (hole.path, hole.prefix + "for item in self.items:" + hole.suffix) == ("shop/shelf.py", SHOP)
        assert request == Request()  # no deadline, and nobody has asked for it
        assert [(file.path, file.text) for file in rest["files"]] == [("shop/prices.py", PRICES)]
        assert sorted(rest["project"].view.paths) == sorted(TEXTS)
    assert [one.exact for one in answers[:3]] == [True, True, True]
    assert answers[-1].variant == "copy"
    assert answers[0].text == "for item in self.items:\n    pass"


def test_answers_are_kept_and_asked_again_only_when_something_changed(
    engine: Engine, ngrams: NGrams, projects: list[HeldoutProject], tmp_path: Path
) -> None:
    heard: list[int] = []
    first = measure(projects, engine, ngrams, work=tmp_path, settings={"a": 1}, on_place=heard.append)
    assert sum(heard) == len(PLACES)
    alone = {"model, no neighbours", "both, no neighbours"}
    assert {one.variant for one in first} == {"model", "both", "memory", "copy", "n-gram", *alone}
    assert len(first) == 7 * len(PLACES)
    copied = {one.mode: one.exact for one in first if one.variant == "copy"}
    assert copied["mid-line"]  # it stands in `total` already
    counted = {one.mode: one.exact for one in first if one.variant == "n-gram"}
    assert counted["mid-line"]

    class Deaf:
        release = engine.release

    kept = measure(projects, Deaf(), ngrams, work=tmp_path, settings={"a": 1})  # type: ignore[arg-type]
    assert kept == first
    with pytest.raises(AttributeError):
        measure(projects, Deaf(), ngrams, work=tmp_path, settings={"a": 2})  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        measure(projects, Deaf(), ngrams, work=tmp_path, settings={"a": 1}, again=True)  # type: ignore[arg-type]


def answer(variant: str, number: int, *, exact: bool, mode: str = "line", **rest: Any) -> Answer:
    facts: dict[str, Any] = {"answered": True, "similar": 0.5, "saved": 2, "length": 20, "errors": 0, **rest}
    return Answer(
        variant=variant, project="shop", path=f"{number}.py", mode=mode, start=number, exact=exact,
        text="x", milliseconds=3.0, **facts,
    )  # fmt: skip


def test_figures_are_shares_and_pairs_over_files() -> None:
    answers = [
        *(answer("both", n, exact=n < 6, saved=20 if n < 6 else 0, errors=n == 9) for n in range(10)),
        *(answer("copy", n, exact=n < 3) for n in range(10)),
        answer("both", 0, exact=False, mode="body", length=40, answered=False, saved=0),
        answer("copy", 0, exact=False, mode="body", length=40),
    ]
    found = {
        (one.name, one.where["mode"], one.where["variant"]): one for one in heldout_figures.figures(answers)
    }
    assert found["exact", "line", "both"].value == 0.6
    assert found["exact", "line", "both"].n == 10
    assert found["saved", "line", "both"].value == 0.6
    assert found["saved", "all", "both"].value == 120 / 240
    assert found["broken", "line", "both"].value == 0.1
    assert found["answered", "all", "both"].value == 10 / 11
    assert found["exact / copy", "line", "both"].value == 2.0
    assert found["exact - copy", "all", "both"].value == pytest.approx(3 / 11)
    assert ("exact / copy", "body", "both") not in found  # copying found nothing there
    assert ("exact / copy", "line", "copy") not in found
    assert ("exact - n-gram", "line", "both") not in found
    line = found["exact", "line", "both"]
    assert line.low < 0.6 < line.high  # type: ignore[operator]


def test_answers_of_other_places_are_never_compared() -> None:
    answers = [answer("both", 1, exact=True), answer("copy", 2, exact=True)]
    with pytest.raises(AssertionError):
        heldout_figures.figures(answers)


def test_examples_are_drawn_and_name_their_project(projects: list[HeldoutProject]) -> None:
    cursor = PLACES[2].cursor
    drawn = heldout_figures.examples(
        [
            Answer(
                variant="both", project="shop", path="shop/shelf.py", mode="file-end", start=cursor.start,
                text="result = None", answered=True, exact=False, similar=0.8, saved=9, length=16, errors=0,
                milliseconds=1.0,
            )
        ],
        projects,
    )  # fmt: skip
    (one,) = drawn
    assert (one["project"], one["license"], one["line"], one["exact"]) == ("shop", "MIT", 21, False)
    assert one["stood_there"] == "result = item"
    assert one["before"].endswith("if result is None or item.price < result.price:\n                ")
    assert one["behind"] == ""  # nothing was known to follow


def test_tables_show_every_mode_and_the_ratios() -> None:
    answers = [answer(name, n, exact=n < 4) for name in ("both", "copy", "n-gram") for n in range(8)]
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    heldout_tables.show(console, heldout_figures.figures(answers))
    console.file.close()
    text = console.export_text()
    assert "line, n = 8" in text
    assert "50.0 %" in text
    assert "1.00 x" in text
    assert heldout.SERVED in text
