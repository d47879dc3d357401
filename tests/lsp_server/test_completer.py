"""The completer with a fake engine, a fake tokenizer's place being taken by the real rendering's stand-in."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lsp_server import completer as module
from lsp_server.completer import Completer, Request, Silence, Suggestion, explained
from model.fim import Hole, Snippet
from model.serving.memory import Origin
from model.serving.recall import Copied


@dataclass
class FakeEngine:
    text: str
    stop_reason: str = "end_of_text"
    calls: list[dict[str, Any]] = field(default_factory=list)
    release: Any = field(
        default_factory=lambda: SimpleNamespace(
            languages=("python",), window=512, neighbours=False, folder=Path("m"), name="m"
        )
    )
    tokenizer: Any = None

    def generate(self, prompt: Any, **how: Any) -> Any:
        self.calls.append(how)
        return SimpleNamespace(text=self.text, logprob=0.0, stop_reason=self.stop_reason, tokens=7, copied=())

    def remember(self, hole: Any, prompt: Any, **what: Any) -> None:
        return None


@pytest.fixture(autouse=True)
def _no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.fim, "render", lambda hole, tokenizer, budget: hole)


def hole(prefix: str = "x = ", language: str = "python") -> Hole:
    return Hole(path="a.py", language=language, prefix=prefix, suffix="")


def test_five_calls_and_then_the_cache() -> None:
    engine = FakeEngine("foo(1)\nbar")
    completer = Completer(engine)  # type: ignore[arg-type]
    assert completer.complete(hole(), Request()) == Suggestion(
        text="foo(1)", tokens=7, stop_reason="end_of_text"
    )
    assert completer.complete(hole(), Request()) == Suggestion(text="foo(1)", tokens=0, stop_reason="cache")
    assert completer.complete(hole("x = foo"), Request()) == Suggestion(
        text="(1)", tokens=0, stop_reason="cache"
    )
    assert len(engine.calls) == 1
    assert engine.calls[0]["stop"]("foo(1)\n") == 6


@pytest.mark.parametrize(
    ("place", "request_", "engine", "reason"),
    [
        (hole(language="rust"), Request(), FakeEngine("a"), "the model knows python, not rust"),
        (hole(), Request(disabled=("python",)), FakeEngine("a"), "suggestions are switched off for python"),
        (hole(), Request(), FakeEngine("a", "cancelled"), "the request was cancelled"),
        (hole(), Request(), FakeEngine("", "deadline"), "the deadline passed before there was a suggestion"),
        (hole(), Request(), FakeEngine(" \n"), "the model has nothing to add here"),
        (hole(), Request(), FakeEngine(")"), "what the model wrote stands there already"),
    ],
)
def test_silence_says_why(place: Hole, request_: Request, engine: FakeEngine, reason: str) -> None:
    assert Completer(engine).complete(place, request_) == Silence(reason=reason)  # type: ignore[arg-type]


def test_what_a_deadline_cut_is_shown_but_not_kept() -> None:
    engine = FakeEngine("foo(", "deadline")
    completer = Completer(engine)  # type: ignore[arg-type]
    assert completer.complete(hole(), Request()) == Suggestion(text="foo(", tokens=7, stop_reason="deadline")
    completer.complete(hole(), Request())
    assert len(engine.calls) == 2


def test_a_block_may_take_more_tokens_than_a_line_and_never_the_whole_window() -> None:
    engine = FakeEngine("a")
    completer = Completer(engine)  # type: ignore[arg-type]
    completer.complete(hole("x = "), Request())
    completer.complete(hole("def f():"), Request(max_lines=3))
    completer.complete(hole("def g():"), Request(max_lines=50))
    assert [call["max_tokens"] for call in engine.calls] == [64, 60, 128]


def test_a_block_below_its_opener_comes_with_its_indentation() -> None:
    engine = FakeEngine("return 1\n    x = 2\ny = 3")
    found = Completer(engine).complete(hole("def f():"), Request())  # type: ignore[arg-type]
    assert found == Suggestion(text="\n    return 1\n    x = 2", tokens=7, stop_reason="end_of_text")


def test_a_block_that_is_over_before_it_begins_is_not_shown() -> None:
    found = Completer(FakeEngine("\nx = 1")).complete(hole("def f():"), Request())  # type: ignore[arg-type]
    assert isinstance(found, Silence)


def test_who_asks_gets_more_draws_until_one_is_worth_showing() -> None:
    engine = FakeEngine("")
    engine.generate = lambda prompt, **how: (  # type: ignore[method-assign]
        engine.calls.append(how)
        or SimpleNamespace(
            text="" if how["temperature"] < 0.6 else "b", stop_reason="stop", tokens=1, copied=()
        )
    )
    found = Completer(engine).complete(hole(), Request(invoked=True))  # type: ignore[arg-type]
    assert found == Suggestion(text="b", tokens=1, stop_reason="stop")
    assert [call["temperature"] for call in engine.calls] == [0.0, 0.4, 0.6]
    assert isinstance(Completer(engine).complete(hole(), Request()), Silence)  # type: ignore[arg-type]
    assert len(engine.calls) == 4


def test_who_asks_is_not_answered_with_an_end() -> None:
    engine = FakeEngine("a")
    Completer(engine).complete(hole(), Request())  # type: ignore[arg-type]
    Completer(engine).complete(hole(), Request(invoked=True))  # type: ignore[arg-type]
    assert [call["may_be_empty"] for call in engine.calls] == [True, False]


class TwoMinds(FakeEngine):
    """Answers `text` with a memory, and `own` without."""

    own: str = ""

    def remember(self, hole: Any, prompt: Any, **what: Any) -> Any:
        return object()

    def generate(self, prompt: Any, **how: Any) -> Any:
        self.calls.append(how)
        text = self.text if how["memory"] is not None else self.own
        origin = Origin(layer="file", path="a.py", line=3)
        copied = (Copied(start=0, end=len(text), origin=origin),) if how["memory"] is not None else ()
        reason = "stop" if self.stop_reason == "end_of_text" else self.stop_reason
        return SimpleNamespace(text=text, logprob=0.0, stop_reason=reason, tokens=1, copied=copied)


@pytest.mark.parametrize(
    ("text", "own", "shown", "asked"),
    [
        ("foo(1)", "bar", "foo(1)", 1),
        ("= 1", "bar", "bar", 2),
        ("= 1", "= 2", "= 1", 2),
        ("= 1", "", "= 1", 2),
    ],
    ids=["sound", "the model's own is sounder", "neither is sound", "nothing would be no better"],
)
def test_a_copy_that_does_not_parse_gives_way(text: str, own: str, shown: str | None, asked: int) -> None:
    engine = TwoMinds(text)
    engine.own = own
    found = Completer(engine).complete(hole(), Request())  # type: ignore[arg-type]
    assert (found.text if isinstance(found, Suggestion) else None) == shown
    assert len(engine.calls) == asked


def test_a_copy_that_breaks_what_was_sound_is_not_shown_unless_asked_for() -> None:
    engine = TwoMinds("y = = 2")
    assert isinstance(Completer(engine).complete(hole("x = 1\n"), Request()), Silence)  # type: ignore[arg-type]
    asked = Completer(engine).complete(hole("x = 1\n"), Request(invoked=True))  # type: ignore[arg-type]
    assert isinstance(asked, Suggestion)


def test_there_is_no_second_opinion_on_what_a_deadline_cut() -> None:
    engine = TwoMinds("= 1")
    engine.stop_reason = "deadline"
    found = Completer(engine).complete(hole(), Request())  # type: ignore[arg-type]
    assert isinstance(found, Suggestion)
    assert len(engine.calls) == 1


def test_other_files_that_changed_are_asked_about_anew() -> None:
    engine = TwoMinds("foo(1)")
    completer = Completer(engine)  # type: ignore[arg-type]
    completer.complete(hole(), Request(), files=[Snippet(path="b.py", text="a")])
    completer.complete(hole(), Request(), files=[Snippet(path="b.py", text="a")])
    assert len(engine.calls) == 1
    completer.complete(hole(), Request(), files=[Snippet(path="b.py", text="b")])
    assert len(engine.calls) == 2


def test_what_was_copied_is_told_with_its_place() -> None:
    found = Completer(TwoMinds("foo(1)")).complete(hole(), Request())  # type: ignore[arg-type]
    assert isinstance(found, Suggestion)
    assert explained(found) == ["copied 'foo(1)' from a.py, line 3 (file)"]


def test_variants_for_measuring_ask_for_less() -> None:
    engine = TwoMinds("foo(1)")
    engine.own = "bar"
    found = Completer(engine, use="model").complete(hole(), Request())  # type: ignore[arg-type]
    assert isinstance(found, Suggestion)
    assert found.text == "bar"
