"""Suggestions that stand in the training corpus are marked or blocked; a bad index is one line of the log."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from data_pipeline import attribution as writing
from data_pipeline.document import Document as Learnt
from lsp_server import server
from lsp_server.attribution import FOLDER, Attribution, carried_over, foreign
from lsp_server.cache import Kept
from lsp_server.completer import Completer, Silence, Suggestion
from lsp_server.documents import Document, Edit
from lsp_server.service import Answer, Flags, Service
from lsp_server.settings import AttributionMode, Settings
from lsp_server.suggestion import Rest
from model import attribution, winnowing
from model.fim import Hole
from model.serving.release import default_folder

ROOT = Path(__file__).parents[2]
COPY = "".join((ROOT / "lsp_server" / "trigger.py").read_text("utf-8").splitlines(keepends=True)[20:60])
ABOVE, COPIED = COPY[: len(COPY) // 2], COPY[len(COPY) // 2 :]
OWN = "harvest = [tree.shake(strength=0.3) for tree in orchard if not tree.barren]\n" * 5
HOLE = Hole(path="a.py", language="python", prefix=ABOVE, suffix="")


def suggestion(text: str, stop_reason: str = "end_of_text") -> Suggestion:
    return Suggestion(text=text, tokens=3, stop_reason=stop_reason)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release's folder with an index of one file of this project."""
    folder = tmp_path_factory.mktemp("release")
    text = (ROOT / "lsp_server" / "trigger.py").read_text("utf-8")
    learnt = Learnt(
        id="1", text=text, path="orchard/shake.py", language="python", repo="orchard", license="MIT"
    )
    writing.write(folder / FOLDER, [writing.fingerprints([learnt])])
    return folder


def attribution_of(folder: Path, **corpus: Any) -> Attribution:
    return Attribution(SimpleNamespace(folder=folder, corpus=corpus))


def test_a_suggestion_that_goes_on_with_a_copy_is_marked(written: Path) -> None:
    (found,) = attribution_of(written).of(COPIED, ABOVE)
    assert (found.project, found.path, found.license) == ("orchard", "orchard/shake.py", "MIT")
    assert attribution_of(written).of(OWN, ABOVE) == ()


@pytest.mark.parametrize(
    ("mode", "texts"),
    [("mark", [COPIED, OWN]), ("block", [OWN]), ("off", [COPIED, OWN])],
)
def test_what_the_setting_shows(written: Path, mode: AttributionMode, texts: list[str]) -> None:
    sifted = attribution_of(written).sift([suggestion(COPIED), suggestion(OWN)], HOLE, mode)
    assert not isinstance(sifted, Silence)
    shown, matches = sifted
    assert [one.text for one in shown] == texts
    assert [bool(one) for one in matches] == [mode == "mark" and text == COPIED for text in texts]


def test_where_all_is_blocked_it_is_said_whose_it_is(written: Path) -> None:
    found = attribution_of(written).sift([suggestion(COPIED)], HOLE, "block")
    assert isinstance(found, Silence)
    assert "blocks what stands in orchard, orchard/shake.py (MIT)" in found.reason


def test_each_match_is_one_line_of_the_log_and_not_with_every_key(
    written: Path, caplog: pytest.LogCaptureFixture
) -> None:
    looked_up = attribution_of(written)
    with caplog.at_level(logging.INFO, logger="lsp_server"):
        looked_up.sift([suggestion(COPIED)], HOLE, "mark")
        looked_up.sift([suggestion(COPIED, stop_reason="cache")], HOLE, "mark")
    (line,) = (one for one in caplog.messages if "orchard" in one)
    assert line.startswith("a suggestion stands in orchard, orchard/shake.py (MIT): ")
    assert line.endswith(" tokens or more")


def test_what_was_looked_up_is_known(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = attribution_of(written)
    first = looked_up.of(COPIED, ABOVE)
    monkeypatch.setattr(attribution.AttributionIndex, "find", None)
    assert looked_up.of(COPIED, ABOVE) == first


# What is left of a suggestion while it is typed


def rest_of(start: int, end: int | None = None, whole: str = COPIED, before: str = ABOVE) -> Rest:
    return Rest(before=before, whole=whole, start=start, end=len(whole) if end is None else end)


def tokens_of(text: str) -> int:
    return len(winnowing.lexed(text.encode()).hashes)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_rest_has_every_mark_that_a_look_up_of_its_own_would_find(
    written: Path, data: st.DataObject
) -> None:
    """Typing along spares the look-up and loses nothing, also of a whole that is a copy in part."""
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(COPIED))] * 2)))
    own = st.sampled_from(["", OWN])
    whole = data.draw(own) + COPIED[first:last] + data.draw(own)
    start = data.draw(st.integers(0, len(whole)))
    looked_up = attribution_of(written)
    carried = carried_over(looked_up.of(whole, ABOVE), rest_of(start, whole=whole))
    anew = looked_up.of(whole[start:], ABOVE + whole[:start])
    reaching = [match for match in carried if match.end]
    assert [(m.path, m.license, m.tokens, m.end) for m in reaching] == [
        (m.path, m.license, m.tokens, m.end) for m in anew
    ]
    for one, other in zip(reaching, anew, strict=True):
        assert 0 <= one.start <= other.start < one.end <= len(whole) - start


def test_a_rest_too_short_to_be_found_keeps_the_mark_of_the_whole(written: Path) -> None:
    """Also where the text above has moved out of what is looked at, and where a bracket ends the rest."""
    looked_up = attribution_of(written)
    (match,) = looked_up.of(COPIED, ABOVE)
    far = "remark = 1\n" * 1000
    for start, end in (
        (match.end - 20, len(COPIED)),
        (match.end - 20, match.end - 5),
        (match.end + 5, len(COPIED)),
    ):
        assert tokens_of(COPIED[start:end]) < winnowing.LEAST
        assert looked_up.of(COPIED[start:end], far) == ()
        one = replace(suggestion(COPIED[start:end], "cache"), rest_of=rest_of(start, end))
        sifted = looked_up.sift([one], replace(HOLE, prefix=far), "mark")
        assert not isinstance(sifted, Silence)
        ((found,),) = sifted[1]
        assert (found.path, found.tokens) == ("orchard/shake.py", match.tokens)
        assert (found.start, found.end) == (0, min(end, max(start, match.end)) - start)
        assert isinstance(looked_up.sift([one], HOLE, "block"), Silence)


@pytest.mark.parametrize("copy_first", [True, False])
def test_a_rest_that_the_copy_cannot_reach_into_is_nobodys(written: Path, copy_first: bool) -> None:
    """It may go on for some tokens around what is surely shared; behind them a run would have been found."""
    whole = COPIED + OWN * 3 if copy_first else OWN * 3 + COPIED
    (match,) = attribution_of(written).of(whole, "")
    marked = []
    for cut in range(len(whole) + 1):
        rest = rest_of(cut, whole=whole) if copy_first else rest_of(0, cut, whole=whole)
        between = whole[match.end : cut] if copy_first else whole[cut : match.start]
        found = carried_over((match,), rest)
        assert bool(found) == (tokens_of(between) < winnowing.WINDOW - 1)
        marked.append(bool(found))
    assert sorted(marked, reverse=copy_first) == marked
    assert {True, False} == set(marked)


def test_nothing_is_opened_before_it_is_needed(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(folder: Path) -> None:
        raise AssertionError("it was opened")

    monkeypatch.setattr(attribution.AttributionIndex, "load", load)
    looked_up = attribution_of(written)
    looked_up.sift([suggestion(COPIED)], HOLE, "off")


def test_a_release_without_an_index_marks_nothing_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    looked_up = attribution_of(tmp_path)
    with caplog.at_level(logging.INFO, logger="lsp_server"):
        looked_up.prepare()
        assert looked_up.of(COPIED, ABOVE) == looked_up.of(OWN, ABOVE) == ()
    (line,) = caplog.messages
    assert "there is no attribution index" in line


@pytest.mark.parametrize("name", [attribution.COUNTS, attribution.DOCUMENTS, attribution.INDEX])
def test_a_damaged_index_costs_the_marks_and_no_suggestion(
    written: Path, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(written, tmp_path / "damaged")
    path = tmp_path / "damaged" / FOLDER / name
    path.write_bytes(b"x" * path.stat().st_size)
    looked_up = attribution_of(tmp_path / "damaged")
    for _ in range(2):
        sifted = looked_up.sift([suggestion(COPIED)], HOLE, "block")
        assert not isinstance(sifted, Silence)
        assert sifted[0] == [suggestion(COPIED)]
    (line,) = caplog.messages
    assert line.startswith("no suggestion is looked up in the training corpus: ")


def test_a_link_in_somebodys_index_is_not_followed(
    written: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It could lead to any file of this person's."""
    folder = tmp_path / "linked"
    shutil.copytree(written, folder)
    owners = folder / FOLDER / attribution.OWNERS
    owners.rename(tmp_path / "elsewhere.npy")
    try:
        owners.symlink_to(tmp_path / "elsewhere.npy")
    except OSError:
        pytest.skip("this system lets this user make no links")  # Windows, without the right to
    assert attribution_of(folder).of(COPIED, ABOVE) == ()
    assert "holds links" in caplog.text


def test_an_index_of_another_corpus_is_told(written: Path, caplog: pytest.LogCaptureFixture) -> None:
    attribution_of(written, projects={"train": ["orchard"]}).prepare()
    attribution_of(written).prepare()  # somebody else's model does not say what it was trained on
    assert caplog.messages == []
    attribution_of(written, projects={"train": ["orchard", "garden"]}).prepare()
    (line,) = caplog.messages
    assert line.endswith(
        "does not know garden, of which the model has read; put that of its own corpus there"
    )
    assert "knows orchard, of" in foreign(frozenset({"orchard"}), {"projects": {"train": []}})


def test_whose_the_index_is_is_seen_without_reading_all_its_names(
    written: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of fifty thousand documents that takes longer than a suggestion may, and keeps the key that waits."""
    monkeypatch.setattr(attribution.AttributionIndex, "_named", None)
    attribution_of(written, projects={"train": ["orchard", "garden"]}).prepare()
    (line,) = caplog.messages
    assert "does not know garden" in line


def test_the_index_that_ships_is_of_the_model_that_ships() -> None:
    meta = json.loads((default_folder() / "meta.json").read_text("utf-8"))
    index = attribution.AttributionIndex.load(default_folder() / FOLDER, verify=True)
    assert foreign(index.projects, meta["corpus"]) == ""


# The service and the protocol


async def answers(written: Path, monkeypatch: pytest.MonkeyPatch) -> server.Server:
    """A server whose next answer is a copy and something of one's own."""
    matches = attribution_of(written).of(COPIED, ABOVE)
    answer = Answer(
        document=Document(path="a.py", language_id="python", text=ABOVE),
        hole=HOLE,
        suggestions=(suggestion(COPIED), suggestion(OWN)),
        matches=(matches, ()),
    )

    async def suggest(*_: object, **__: object) -> Answer:
        return answer

    ls = server.build()
    monkeypatch.setattr(ls.service, "suggest", suggest)
    return ls


RECORD = {"project": "orchard", "file": "orchard/shake.py", "license": "MIT"}


async def test_an_item_of_ghost_text_says_it_in_its_command(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ls = await answers(written, monkeypatch)
    params = types.InlineCompletionParams(
        context=types.InlineCompletionContext(trigger_kind=types.InlineCompletionTriggerKind.Invoked),
        text_document=types.TextDocumentIdentifier(uri="file:///a.py"),
        position=types.Position(line=0, character=0),
    )
    found = await server.inline_completion(ls, params)
    assert found is not None
    marked, own = (one.command for one in found.items)
    assert marked is not None
    assert marked.arguments is not None
    assert own is not None
    number, about = marked.arguments
    (record,) = about["attribution"]
    assert record.pop("tokens") >= 20
    assert record == RECORD
    assert own.arguments == ["2"]
    # The editor sends back what it was given.
    server.accepted(ls, number, about)
    assert ls.offered(number) is None


async def test_a_menu_entry_says_it_where_it_is_read(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ls = await answers(written, monkeypatch)
    params = types.CompletionParams(
        text_document=types.TextDocumentIdentifier(uri="file:///a.py"),
        position=types.Position(line=0, character=0),
    )
    found = await server.completion(ls, params)
    assert found is not None
    marked, own = found.items
    assert (marked.detail, own.detail) == ("Tabwright: as in orchard, MIT", "Tabwright")
    assert isinstance(marked.data, dict)
    assert marked.data["attribution"][0]["file"] == "orchard/shake.py"
    assert isinstance(own.data, dict)
    assert own.data["attribution"] == []


class Face:
    """Somebody who is told everything and does nothing."""

    def tell_status(self, state: str, message: str) -> None:
        pass

    def tell_user(self, message: str, *, problem: bool) -> None:
        pass

    def tell_indexing(self) -> None:
        pass


@pytest.mark.parametrize(("mode", "shown"), [("mark", True), ("block", False)])
def test_what_the_model_wrote_is_sifted_before_it_is_shown(
    written: Path, monkeypatch: pytest.MonkeyPatch, mode: AttributionMode, shown: bool
) -> None:
    release = SimpleNamespace(
        name="m", languages=("python",), window=512, neighbours=False, folder=written, corpus={}
    )
    service = Service(Face(), Flags(), lambda folder, threads: cast(Any, None))
    service.settings = Settings(attribution=mode)
    service.open("a", Document(path="/w/a", language_id="python", text=ABOVE))
    completer = Completer(cast(Any, SimpleNamespace(release=release)))
    service.answer_with(completer, Attribution(release))
    monkeypatch.setattr(completer, "complete", lambda *_, **__: suggestion(COPIED))
    place = service.texts.place("a", (ABOVE.count("\n"), len(ABOVE.rpartition("\n")[2])), None)
    assert place is not None
    now = time.monotonic()
    found = service._answer(place, [], lambda: False, invoked=False, asked=now, due=now)
    service.close()
    assert isinstance(found, Silence) != shown
    if not isinstance(found, Silence):
        assert found[2][0][0].project == "orchard"


async def test_who_types_a_marked_suggestion_sees_the_mark_and_waits_for_one_look_up(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one key to the next nothing of it changes, and a look-up takes longer than all else."""
    release = SimpleNamespace(
        name="m", languages=("python",), window=512, neighbours=False, folder=written, corpus={}
    )
    silent = SimpleNamespace(release=release, tokenizer=None)  # nothing but what is known is suggested
    service = Service(Face(), Flags(), lambda folder, threads: cast(Any, None))
    service.settings = Settings(debounce_ms=0, adapt_debounce=False)
    completer = Completer(cast(Any, silent))
    monkeypatch.setattr(completer, "_task", lambda *_: None)
    monkeypatch.setattr(completer, "_generate", lambda task: Silence(reason="nothing is known"))
    service.answer_with(completer, Attribution(release))
    service._loading = asyncio.get_running_loop().create_future()
    service._loading.set_result(None)
    service.texts.open("a", Document(path="/w/a.py", language_id="python", text=ABOVE))
    whole = Hole(path="a.py", language="python", prefix=ABOVE, suffix="")
    completer.cache.keep(whole, (), [Kept(text=COPIED)])
    asked: list[str] = []
    find = attribution.AttributionIndex.find

    def counted(self: attribution.AttributionIndex, text: str, **rest: Any) -> Any:
        asked.append(text)
        return find(self, text, **rest)

    monkeypatch.setattr(attribution.AttributionIndex, "find", counted)
    answered = 0
    try:
        for typed in range(1, len(COPIED)):
            text = ABOVE + COPIED[:typed]
            spot = (text.count("\n"), len(text.rpartition("\n")[2]))
            service.change("a", [Edit(text=text)])
            answer = await service.suggest("a", spot, invoked=False)
            if isinstance(answer, Answer):  # within an indentation there is none
                assert answer.suggestions[0].text == COPIED[typed:]
                assert answer.matches[0][0].path == "orchard/shake.py"
                answered += 1
    finally:
        service.close()
        assert service.join(10)
    assert answered > len(COPIED) / 2
    assert asked == [COPIED]
