"""The completer with a fake engine, a fake tokenizer's place being taken by the real rendering's stand-in."""

import time
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
            languages=("python",), window=512, neighbours=False, folder=Path("m"), name="m", confidence=None
        )
    )
    tokenizer: Any = None

    def generate(self, prompt: Any, **how: Any) -> Any:
        self.calls.append(how)
        return SimpleNamespace(
            text=self.text, logprob=0.0, chances=(), stop_reason=self.stop_reason, tokens=7, copied=()
        )

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


@pytest.mark.parametrize(
    ("prefix", "written", "shown"),
    [
        ("x = ", "foo(ba", "foo("),
        ("x = ", "foo", None),
        ("x = ", "foo(1, 'ab", None),
        ("x = ", "fo\ufffd", None),
        ("def f():\n    ", "a = 1\n    b = g(", "a = 1"),
        ("def f():\n    ", "a = [\n        1,\n        2", "a = [\n        1,"),
        ("def f():\n    ", "a = 1\n    b = 'half", "a = 1"),
    ],
    ids=[
        "half an argument",
        "half a word",
        "half a string",
        "half a character",
        "a line",
        "a list",
        "a block",
    ],
)
@pytest.mark.parametrize("reason", ["deadline", "length"])
def test_of_what_a_limit_cut_only_whole_lines_or_words_are_shown(
    prefix: str, written: str, shown: str | None, reason: str
) -> None:
    engine = FakeEngine(written, reason)
    found = Completer(engine).complete(hole(prefix), Request())  # type: ignore[arg-type]
    assert (found.text if isinstance(found, Suggestion) else None) == shown


def test_a_block_may_take_more_tokens_than_a_line_and_never_the_whole_window() -> None:
    engine = FakeEngine("a")
    completer = Completer(engine)  # type: ignore[arg-type]
    completer.complete(hole("x = "), Request())
    completer.complete(hole("def f():"), Request(max_lines=3))
    completer.complete(hole("def g():"), Request(max_lines=50))
    assert [call["max_tokens"] for call in engine.calls] == [64, 60, 128]


def test_a_block_below_its_opener_comes_with_its_indentation() -> None:
    engine = FakeEngine("x = 1\n    return x\ny = 3")
    found = Completer(engine).complete(hole("def f():"), Request())  # type: ignore[arg-type]
    assert found == Suggestion(text="\n    x = 1\n    return x", tokens=7, stop_reason="end_of_text")


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
        ("= 1", "= 2", None, 2),
        ("= 1", "", None, 2),
    ],
    ids=["sound", "the model's own is sounder", "neither is sound", "there is no other"],
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
    engine = TwoMinds("= (")
    engine.stop_reason = "deadline"
    assert isinstance(Completer(engine).complete(hole(), Request()), Silence)  # type: ignore[arg-type]
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


def shown(completer: Completer, place: Hole) -> str | None:
    found = completer.complete(place, Request())
    return found.text if isinstance(found, Suggestion) else None


def test_without_the_check_of_syntax_what_the_model_wrote_is_shown() -> None:
    engine, before = FakeEngine("y = = 2"), hole("x = 1\n")
    assert shown(Completer(engine), before) is None  # type: ignore[arg-type]
    assert shown(Completer(engine, without=["soundness"]), before) == "y = = 2"  # type: ignore[arg-type]


def test_without_a_second_opinion_the_model_is_asked_once() -> None:
    engine = TwoMinds("= 1")
    engine.own = "bar"
    assert shown(Completer(engine, without=["second opinion"]), hole()) is None  # type: ignore[arg-type]
    assert len(engine.calls) == 1


def test_without_heed_of_rejections_the_same_is_shown_again() -> None:
    now = 100.0
    engine = FakeEngine("foo(1)")
    completer = Completer(engine, without=["rejections"], clock=lambda: now)  # type: ignore[arg-type]
    assert shown(completer, hole()) == "foo(1)"
    now = 101.0
    engine.text = "bar"
    completer.complete(hole("x = ("), Request())
    assert shown(completer, hole()) == "foo(1)"


def test_without_the_rest_of_what_is_typed_through_it_is_computed_at_each_key() -> None:
    engine = FakeEngine("foo(1)")
    completer = Completer(engine, without=["typed through"])  # type: ignore[arg-type]
    completer.complete(hole(), Request())
    engine.text = "(1)"
    assert shown(completer, hole("x = foo")) == "(1)"
    assert len(engine.calls) == 2
    # Nobody else finds it either, such as who asks whether there is anything to wait for.
    assert completer.cache.rest(hole("x = f")) == ()
    completer.complete(hole(), Request())
    assert len(engine.calls) == 2


def test_without_neighbours_the_prompt_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[Hole] = []
    monkeypatch.setattr(module.fim, "render", lambda hole, tokenizer, budget: rendered.append(hole))
    place = Hole(
        path="a.py", language="python", prefix="x = ", suffix="", neighbours=(Snippet(path="b.py", text="y"),)
    )
    Completer(FakeEngine("1")).complete(place, Request())  # type: ignore[arg-type]
    Completer(FakeEngine("1"), without=["neighbours"]).complete(place, Request())  # type: ignore[arg-type]
    assert [len(one.neighbours) for one in rendered] == [1, 0]


def test_without_a_memory_the_model_stands_alone() -> None:
    engine = TwoMinds("foo(1)")
    engine.own = "bar"
    assert shown(Completer(engine, without=["memory"]), hole()) == "bar"  # type: ignore[arg-type]


def test_without_the_mid_line_rule_it_is_as_if_nothing_followed() -> None:
    place = Hole(path="a.py", language="python", prefix="x = na", suffix="me\n")
    engine = FakeEngine("tion(1)")
    assert shown(Completer(engine), place) is None  # type: ignore[arg-type]
    without = Completer(engine, without=["mid-line rule", "soundness"])  # type: ignore[arg-type]
    assert shown(without, place) == "tion(1)"


def test_without_a_rule_what_it_takes_away_stays() -> None:
    place = Hole(path="a.py", language="python", prefix="f(", suffix=")\n")
    left_out = ["without_overlap", "without_stray_closers", "soundness"]
    assert shown(Completer(FakeEngine("a)")), place) == "a"  # type: ignore[arg-type]
    assert shown(Completer(FakeEngine("a)"), without=left_out), place) == "a)"  # type: ignore[arg-type]


def test_several_lines_have_to_be_likely_unless_somebody_asked() -> None:
    """And who asks at a place where only likely lines were shown gets all of them, not what is known."""
    engine = FakeEngine("foo(1)\n    bar(2)")
    completer = Completer(engine)  # type: ignore[arg-type]
    block = hole("def f(x):\n    ")
    for request in (Request(show_lines_above=10), Request(invoked=True, show_lines_above=10), Request()):
        completer.complete(block, request)
    completer.complete(hole("x = "), Request(show_lines_above=10))
    assert [call["likely"] for call in engine.calls] == [0.1, 0.0, 0.0]
    completer.complete(block, Request(show_lines_above=10))
    assert len(engine.calls) == 3, "what is known for the same request is not asked for again"


class Weights:
    """Says the same of every suggestion."""

    def __init__(self, chance: float) -> None:
        self.chance = chance

    def probability(self, features: Any) -> float:
        return self.chance


@pytest.fixture
def weighed(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """An engine whose release says that a suggestion is right one time in ten."""
    monkeypatch.setattr(Completer, "_features", lambda *rest, **more: None)
    engine = FakeEngine("foo(1)")
    engine.release.confidence = Weights(0.1)
    return engine


def test_what_is_less_likely_than_show_above_is_not_shown_and_says_so(weighed: FakeEngine) -> None:
    completer = Completer(weighed)  # type: ignore[arg-type]
    found = completer.complete(hole(), Request(show_above=11))
    assert isinstance(found, Silence)
    assert found.reason == "its first line is right with a probability of 10 %, and showAbove is 11 %"
    assert (found.text, found.confidence, found.kind) == ("foo(1)", 0.1, "line")
    assert isinstance(completer.complete(hole(), Request(show_above=10)), Suggestion)
    assert len(weighed.calls) == 1


def test_who_asks_is_shown_what_is_unlikely(weighed: FakeEngine) -> None:
    found = Completer(weighed).complete(hole(), Request(show_above=90, invoked=True))  # type: ignore[arg-type]
    assert isinstance(found, Suggestion)
    assert found.confidence == 0.1


def test_what_was_not_shown_is_not_gone_on_with_when_it_is_typed(weighed: FakeEngine) -> None:
    """It has come true so far, so it is judged anew: by what is known now."""
    completer = Completer(weighed)  # type: ignore[arg-type]
    completer.complete(hole(), Request(show_above=11))
    weighed.release.confidence = Weights(0.5)
    weighed.text = "oo(1)"
    found = completer.complete(hole("x = f"), Request(show_above=11))
    assert isinstance(found, Suggestion)
    assert (found.confidence, len(weighed.calls)) == (0.5, 2)


def test_what_was_asked_for_does_not_vanish_when_it_is_typed(weighed: FakeEngine) -> None:
    completer = Completer(weighed)  # type: ignore[arg-type]
    completer.complete(hole(), Request(show_above=90, invoked=True))
    for prefix in ("x = ", "x = fo"):
        assert isinstance(completer.complete(hole(prefix), Request(show_above=90)), Suggestion)
    assert len(weighed.calls) == 1


def test_a_completer_can_forget_who_was_there() -> None:
    engine = FakeEngine("foo(1)")
    completer = Completer(engine)  # type: ignore[arg-type]
    completer.complete(hole(), Request())
    completer.rejections.asked(hole(hole().prefix + "b"), time.monotonic() + 1)
    completer.forget()
    assert isinstance(completer.complete(hole(), Request()), Suggestion)
    assert len(engine.calls) == 2


def test_a_release_without_weights_shows_everything() -> None:
    found = Completer(FakeEngine("foo(1)")).complete(hole(), Request(show_above=90))  # type: ignore[arg-type]
    assert isinstance(found, Suggestion)
    assert found.confidence is None


def test_a_suggestion_explains_itself() -> None:
    found = Completer(FakeEngine("return 1")).complete(hole("def f():"), Request())  # type: ignore[arg-type]
    assert isinstance(found, Suggestion)
    assert (found.kind, found.trigger, found.mended) == ("block", "the line opens a block", False)
    quiet = Completer(FakeEngine("")).complete(hole(), Request())  # type: ignore[arg-type]
    assert isinstance(quiet, Silence)
    assert (quiet.kind, quiet.trigger) == ("line", "the line has begun")


@pytest.mark.parametrize(
    ("prefix", "request_", "reason"),
    [
        ("# it is ", Request(in_comments=False), "suggestions in comments are switched off"),
        ("x = 1  # it is ", Request(in_comments=False), "suggestions in comments are switched off"),
        ("x = 'it is ", Request(in_strings=False), "suggestions in strings are switched off"),
        ("x = f'it is {na", Request(in_strings=False), None),
        ("x = f'it is {name} and ", Request(in_strings=False), "suggestions in strings are switched off"),
        ("# it is ", Request(in_strings=False), None),
        ("x = 'it is ", Request(in_comments=False), None),
        ("# it is ", Request(in_comments=False, in_strings=False, invoked=True), None),
        ("x = ", Request(in_comments=False, in_strings=False), None),
    ],
)
def test_comments_and_strings_can_be_switched_off_for_who_did_not_ask(
    prefix: str, request_: Request, reason: str | None
) -> None:
    found = Completer(FakeEngine("one")).complete(hole(prefix), request_)  # type: ignore[arg-type]
    assert (found.reason if isinstance(found, Silence) else None) == reason


def test_what_was_turned_down_is_not_shown_again_at_once_unless_asked_for() -> None:
    now = 100.0
    engine = FakeEngine("foo(1)")
    completer = Completer(engine, clock=lambda: now)  # type: ignore[arg-type]
    assert isinstance(completer.complete(hole(), Request()), Suggestion)
    now = 101.0
    engine.text = "bar"
    completer.complete(hole("x = ("), Request())
    engine.text = "foo(1)"
    again = completer.complete(hole(), Request())
    assert again == Silence(reason="the same was turned down here a moment ago")
    assert isinstance(completer.complete(hole(), Request(invoked=True)), Suggestion)
    now = 200.0
    assert isinstance(completer.complete(hole(), Request()), Suggestion)


def test_an_answer_that_nobody_waits_for_was_not_shown() -> None:
    now = 100.0
    engine = FakeEngine("foo(1)")
    completer = Completer(engine, clock=lambda: now)  # type: ignore[arg-type]
    completer.complete(hole(), Request(cancelled=lambda: True))
    now = 101.0
    completer.complete(hole("x = ("), Request())
    assert isinstance(completer.complete(hole(), Request()), Suggestion)


def test_what_the_model_wrote_is_mended_or_not_shown() -> None:
    before = hole("x = 1\n")
    found = Completer(FakeEngine("y = f(1))")).complete(before, Request())  # type: ignore[arg-type]
    assert found == Suggestion(text="y = f(1)", tokens=7, stop_reason="end_of_text")
    silent = Completer(FakeEngine("y = = 2")).complete(before, Request())  # type: ignore[arg-type]
    assert silent == Silence(reason="what the model wrote does not parse here")
    asked = Completer(FakeEngine("y = = 2")).complete(before, Request(invoked=True))  # type: ignore[arg-type]
    assert isinstance(asked, Suggestion)
    assert asked.text == "y = = 2"


class Several(FakeEngine):
    """Answers with some texts at once."""

    texts: tuple[str, ...] = ("foo(1)\nx", "", "foo(1)", "bar", ")")

    def candidates(self, prompt: Any, count: int, **how: Any) -> list[Any]:
        self.calls.append(how)
        return [
            SimpleNamespace(text=text, logprob=0.0, stop_reason=self.stop_reason, tokens=3, copied=())
            for text in self.texts[:count]
        ]


INVOKED = Request(invoked=True)


def several(completer: Completer, count: int) -> list[Suggestion]:
    found = completer.complete_several(hole(), INVOKED, count)
    assert isinstance(found, list)
    return found


def test_who_asks_gets_several_cleaned_and_different_best_first() -> None:
    engine = Several("unused")
    completer = Completer(engine)  # type: ignore[arg-type]
    assert [one.text for one in several(completer, 5)] == ["foo(1)", "bar"]
    assert engine.calls[0]["may_be_empty"] is False
    assert [one.text for one in several(completer, 5)] == ["foo(1)", "bar"]
    assert len(engine.calls) == 1


def test_each_of_several_is_known_when_it_is_typed_through() -> None:
    completer = Completer(Several("unused"))  # type: ignore[arg-type]
    completer.complete_several(hole(), INVOKED, 5)
    assert completer.complete(hole("x = b"), Request()) == Suggestion(
        text="ar", tokens=0, stop_reason="cache"
    )
    assert completer.complete(hole("x = foo"), Request()) == Suggestion(
        text="(1)", tokens=0, stop_reason="cache"
    )


@pytest.mark.parametrize("texts", [(), ("", " \n", ")")], ids=["none", "nothing worth showing"])
def test_without_candidates_there_is_what_one_request_finds(texts: tuple[str, ...]) -> None:
    engine = Several("foo(1)")
    engine.texts = texts
    assert [one.text for one in several(Completer(engine), 3)] == ["foo(1)"]  # type: ignore[arg-type]


def test_one_candidate_is_one_request() -> None:
    engine = Several("foo(1)")
    assert [one.text for one in several(Completer(engine), 1)] == ["foo(1)"]  # type: ignore[arg-type]
    assert engine.calls[0]["temperature"] == 0.0


def test_there_are_no_candidates_where_nothing_is_to_be_asked() -> None:
    engine = Several("foo(1)")
    found = Completer(engine).complete_several(hole(language="rust"), INVOKED, 3)  # type: ignore[arg-type]
    assert isinstance(found, Silence)
    assert "not rust" in found.reason
    assert engine.calls == []


def test_several_that_a_deadline_cut_are_not_kept() -> None:
    engine = Several("unused", "deadline")
    engine.texts = ("foo(ba", "bar(")
    completer = Completer(engine)  # type: ignore[arg-type]
    assert [one.text for one in several(completer, 2)] == ["foo(", "bar("]
    completer.complete_several(hole(), INVOKED, 2)
    assert len(engine.calls) == 2


def test_a_block_is_taken_line_by_line_and_word_by_word_without_asking_again() -> None:
    engine = FakeEngine("x = 1\n    return x")
    completer = Completer(engine)  # type: ignore[arg-type]
    whole = "\n    x = 1\n    return x"
    for taken in ("", "\n    ", "\n    x ", "\n    x = 1", "\n    x = 1\n    return"):
        found = completer.complete(hole("def f():" + taken), Request())
        assert isinstance(found, Suggestion)
        assert found.text == whole[len(taken) :]
    assert len(engine.calls) == 1


def test_the_suggestion_after_an_acceptance_is_known_before_it_is_asked_for() -> None:
    engine = FakeEngine("foo(1)")
    completer = Completer(engine)  # type: ignore[arg-type]
    completer.complete(hole(), Request())
    engine.text = " + 1"
    completer.ahead(hole("x = foo(1)"), Request())
    # The one on the screen is still there to be typed through.
    assert completer.complete(hole("x = foo"), Request()) == Suggestion(
        text="(1)", tokens=0, stop_reason="cache"
    )
    found = completer.complete(hole("x = foo(1)"), Request())
    assert found == Suggestion(text=" + 1", tokens=0, stop_reason="cache")
    assert len(engine.calls) == 2
