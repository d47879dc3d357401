"""Secrets stay where they stand: out of memories, neighbours and indexes, and out of every suggestion.

Each test stands for a way by which one could get out. All values are made up when it runs.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server import completer as completer_module
from lsp_server import loading
from lsp_server import service as service_module
from lsp_server.answering import Answering
from lsp_server.completer import Completer, Request, Silence, Suggestion
from lsp_server.documents import Document
from lsp_server.nearby import Nearby
from lsp_server.project_index import ProjectIndex
from lsp_server.secrecy import LONG, LONGEST_LINE, PIECE, Followed, Known, Secrecy, follow
from lsp_server.service import Flags, Service
from lsp_server.workspace import Workspace, read_source_files
from model import secrets
from model.fim import Hole
from model.neighbourhood import Neighbourhood
from model.serving.encoder import LineEncoder
from model.serving.project import Project
from model.serving.shelf import Shelf
from model.tokenizer import Tokenizer

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
from planted_secrets import LETTERS, TOKENS, leaked, pem, repository, word

TOKEN = TOKENS["stripe"](random.Random(1))
PASSWORD = word(random.Random(2), LETTERS, 14)
SHORT = "Gr8!xkTz9"
KEY = pem(random.Random(3), "RSA PRIVATE KEY")


def hole(prefix: str, suffix: str = "", path: str = "a.py") -> Hole:
    return Hole(path=path, language="python", prefix=prefix, suffix=suffix)


def shown(prefix: str, text: str, suffix: str = "", *, seen: str = "") -> str | None:
    """What of a suggestion may be shown in a document, where a text was seen before."""
    secrecy = Secrecy()
    secrecy.without(seen)
    return secrecy.reading(hole(prefix, suffix)).shown(text)


# Following a document

_PIECES = st.sampled_from(
    ["a = 1\n", f'password = "{PASSWORD}"\n', f"{TOKEN}", "\n", '"', "x", f"{KEY}\n", KEY[:200], KEY[200:],
     "password", ' = "', SHORT, "-----BEGIN RSA PRIVATE KEY-----", "é漢🙂", f"# {'p' * LONGEST_LINE}", "://u:"]
)  # fmt: skip
_TEXT = st.lists(_PIECES, max_size=12).map("".join)


@settings(deadline=None, max_examples=150)
@given(_TEXT, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), _TEXT), max_size=5))
def test_following_edits_finds_what_reading_all_again_does(
    text: str, edits: list[tuple[float, float, str]]
) -> None:
    followed = follow(Followed(), text)
    for first, second, new in edits:
        start, end = sorted((int(first * len(text)), int(second * len(text))))
        text = text[:start] + new + text[end:]
        followed = follow(followed, text)
        whole = [*secrets.private_keys(text), *secrets.in_lines(text, longest=LONGEST_LINE)]
        assert followed.found == secrets.without_overlaps(whole)


def read_anew(secrecy: Secrecy, place: Hole) -> None:
    """Read a place, and see that it is as for somebody who has read nothing before."""
    found, anew = secrecy.reading(place), Secrecy().reading(place)
    assert found.found == anew.found
    assert (found.values, found.has_key_mark) == (anew.values, anew.has_key_mark)


@settings(max_examples=200, deadline=None)
@given(_TEXT, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), _TEXT, st.floats(0, 1)), max_size=6))
def test_what_is_typed_before_or_behind_a_cursor_is_read_as_if_all_were_new(
    text: str, steps: list[tuple[float, int, str, float]]
) -> None:
    """Who types where the cursor was is followed by a short cut; any other change is searched for."""
    typed = Secrecy()
    for place, deleted, new, elsewhere in steps:
        at, other = int(place * len(text)), int(elsewhere * len(text))
        read_anew(typed, hole(text[:at], text[at:]))
        before = text[: max(0, at - deleted)] + new
        read_anew(typed, hole(before, text[at:]))
        text = before + text[at:]
        read_anew(typed, hole(text[:other], new + text[other:]))
        text = text[:other] + new + text[other:]


def test_what_was_changed_above_and_undone_is_no_secret_any_more() -> None:
    typed, above, below = Secrecy(), "a = 1\n" * 20, "\nb = 2\n"
    read_anew(typed, hole(above, below))
    read_anew(typed, hole(f'password = "{PASSWORD}"\n', above + below))
    read_anew(typed, hole(above + "c", below))


@given(st.lists(st.sampled_from(["ab1", "Z9+/", "=", "_-", " ", "\n", '"', "ghp_", "é"]), max_size=60))
def test_a_line_is_looked_through_as_a_long_text_is(pieces: list[str]) -> None:
    """What is short takes another way, on which no line may be missed."""
    data = "".join(pieces).encode("ascii", "replace")
    assert secrets.candidate_lines(data) == secrets.candidate_lines(data + b"\n" * 2000)


def test_a_typed_character_has_its_own_line_read_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f'key_{number} = "{PASSWORD}"\n' for number in range(20_000)]
    before = "".join(lines[:10_000]) + "x = "
    followed = follow(Followed(), before + "\n" + "".join(lines[10_000:]))
    read: list[str] = []
    in_lines = secrets.in_lines

    def spy(text: str, **how: Any) -> list[secrets.Secret]:
        read.append(text)
        return in_lines(text, **how)

    monkeypatch.setattr(secrets, "in_lines", spy)
    follow(followed, before + "1\n" + "".join(lines[10_000:]))
    assert read == ["x = 1"]


# Pieces


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(LONG, 60), st.data())
def test_a_long_enough_piece_is_known_wherever_it_is_cut(seed: int, size: int, data: st.DataObject) -> None:
    value = word(random.Random(seed), LETTERS, size)
    start = data.draw(st.integers(0, size - PIECE))
    end = data.draw(st.integers(start + PIECE, size))
    text = "call(" + value[start:end] + ", 1)"
    after = data.draw(st.integers(0, 5 + end - start - 1))
    assert Known([value]).first_in(text, after) == 5
    assert Known([value]).first_in(text, 5 + end - start) is None, "all of it was typed"


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40))
def test_what_is_shorter_than_a_piece_gives_nothing_away(seed: int, start: int) -> None:
    value = word(random.Random(seed), LETTERS, 60)
    text = f"call({value[start : start + PIECE - 1]}, 1)"
    assert Known([value]).first_in(text, 0) is None


def test_most_of_a_short_password_is_a_piece_and_less_is_not() -> None:
    known = Known([SHORT])
    assert known.first_in(f"login('{SHORT}')", 0) == 7
    assert known.first_in(f"login('{SHORT[:6]}", 0) == 7
    assert known.first_in(f"login('{SHORT[3:]}", 0) == 7
    assert known.first_in(f"login('{SHORT[:5]}", 0) is None
    assert Known([PASSWORD]).first_in(f"login('{PASSWORD[3:12]}Endpoint", 0) == 7
    assert Known([PASSWORD]).first_in(f"login('{PASSWORD[3:11]}Endpoint", 0) is None


def test_a_word_that_a_password_is_made_of_is_everybodys() -> None:
    known = Known(["django1234", "Postgres1!", "manager2024"])
    assert known.first_in("from django.db import postgres, manager", 0) is None
    assert known.first_in('login("django12', 0) is not None
    assert known.first_in('login("manager20', 0) is not None


def test_of_very_many_the_later_ones_are_known() -> None:
    values = [word(random.Random(seed), LETTERS, 20) for seed in range(4_500)]
    known = Known(values[:2_000])
    known.add(values[2_000:])
    assert known.first_in(values[-1], 0) == 0
    assert known.first_in(values[0], 0) is None


def test_of_very_long_ones_there_are_fewer() -> None:
    values = [word(random.Random(seed), LETTERS, 1_900) for seed in range(400)]
    known = Known(values)
    assert known.first_in(values[-1], 0) == 0
    assert known.first_in(values[0], 0) is None
    known.add(values[:1])
    assert known.first_in(values[0], 0) == 0
    assert known.first_in(values[-1], 0) == 0


# What is shown


@pytest.mark.parametrize(
    ("prefix", "text", "suffix"),
    [
        ('password = "', PASSWORD, '"\n'),
        ('password = "', PASSWORD + '"', ""),
        ('password = "', PASSWORD, ""),
        (f'password = "{PASSWORD[:7]}', PASSWORD[7:] + '"', ""),
        ("x = 1\n", f'API_KEY = "{TOKEN}"', "\n"),
        ("client = Client(", f'"https://acme.io", token="{TOKEN}")', "\n"),
        ("url = ", f'"postgres://bob:{SHORT}@db.acme.io/x"', ""),
        ('url = "postgres://bob:', f"{SHORT}@db.acme.io/x", '"'),
        ("KEY = ", f'"""\n{KEY}\n"""', ""),
        (f'KEY = """\n{KEY[:160]}', KEY[160:224], ""),
        (f'KEY = """\n{KEY[:161]}\n', KEY[161:240] + "\n", ""),
        ("# export ", f"AWS_SECRET_ACCESS_KEY={word(random.Random(4), LETTERS, 40)}", ""),
        ("password = ", '"<SECRET>"', ""),
        ("KEY = ", "<PRIVATE_KEY>", ""),
        ('headers = {"Authorization": ', f'"Bearer {TOKENS["hex"](random.Random(5))}"}}', ""),
    ],
    ids=str,
)
def test_a_suggestion_of_one_line_that_holds_a_secret_is_not_shown(
    prefix: str, text: str, suffix: str
) -> None:
    assert shown(prefix, text, suffix) is None


def test_all_kinds_of_token_are_kept_back() -> None:
    for kind, make in TOKENS.items():
        for seed in range(4):
            assert shown("x = 1\n", f'TOKEN = "{make(random.Random(seed))}"') is None, kind


def test_the_lines_before_the_one_with_a_secret_are_shown() -> None:
    text = f'host = "db.acme.io"\nport = 5432\npassword = "{PASSWORD}"\nuser = "bob"'
    assert shown("def connect():\n", text) == 'host = "db.acme.io"\nport = 5432'
    assert shown("", f'import acme\n\nKEY = """\n{KEY}\n"""') == "import acme\n"


@pytest.mark.parametrize(
    ("prefix", "text", "seen"),
    [
        ('login("bob", "', PASSWORD + '")', f'password = "{PASSWORD}"'),
        ('login("bob", "', PASSWORD[:-1], f'password = "{PASSWORD}"'),
        (f'login("bob", "{PASSWORD[:10]}', PASSWORD[10:12], f'password = "{PASSWORD}"'),
        (f'send("{TOKEN[:16]}', TOKEN[16:20], f'token = "{TOKEN}"'),
        ('send("', TOKEN[6:26], f'token = "{TOKEN}"'),
        ("lines = [", f'"{KEY[170:190]}"', KEY),
    ],
    ids=str,
)
def test_a_piece_of_what_was_seen_in_any_text_is_not_shown(prefix: str, text: str, seen: str) -> None:
    assert shown(prefix, text, seen=seen) is None
    assert shown(f"{seen}\n{prefix}", text) is None, "in the document itself"
    assert shown(prefix, text, f"\n{seen}\n") is None, "below"


@pytest.mark.parametrize(
    ("prefix", "text", "suffix"),
    [
        (f'password = "{PASSWORD}"\nlogin(', 'user, "")', "\n"),
        (f'password = "{PASSWORD}', '"', "\n"),
        (f'client = Client("{TOKEN}"', ", timeout=30)", "\n"),
        (f'token = "{TOKEN}"\nprefix = "', 'sk_live_"', "\n"),
        (f'KEY = """\n{KEY}\n"""\n\n', "def sign(body):\n    return load_key(KEY).sign(body)", "\n"),
        ('if line.startswith("-----BEGIN RSA PRIVATE KEY-----"):\n    ', "reading = True", "\n"),
        ("password = ", 'os.environ["DATABASE_PASSWORD"]', "\n"),
        ('password = "', 'changeme"', "\n"),
        ("digest = ", '"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"', "\n"),
    ],
    ids=str,
)
def test_what_holds_no_secret_of_its_own_is_shown_whole(prefix: str, text: str, suffix: str) -> None:
    assert shown(prefix, text, suffix) == text


def test_every_line_of_our_own_code_may_be_suggested(source_texts: list[str]) -> None:
    secrecy, kept_back, lines = Secrecy(), [], 0
    for text in source_texts:
        secrecy.without(text)
    for text in source_texts[::4]:
        at = 0
        for line in text.split("\n"):
            if line.strip():
                lines += 1
                place = hole(text[:at] + line[:4], text[at + len(line) :])
                if secrecy.reading(place).shown(line[4:]) != line[4:]:
                    kept_back.append(line)
            at += len(line) + 1
    assert lines > 4_000
    assert len(kept_back) <= lines // 2_000, kept_back


# What a memory is told


def test_a_memory_is_told_the_document_without_its_secrets_and_line_for_line() -> None:
    above = f'password = "{PASSWORD}"\nKEY = """\n{KEY}\n"""\n'
    below = f'\ntoken = "{TOKEN}"\n'
    place = hole(above + "x = ", below)
    told = Secrecy().reading(place).remembered(replace(place, prefix=place.prefix + "\n    "))
    assert not any(leaked(value, told.prefix + told.suffix) for value in (PASSWORD, KEY, TOKEN))
    assert told.prefix.endswith('\n"""\nx = \n    ')
    assert told.prefix.count("\n") == place.prefix.count("\n") + 1
    assert told.suffix == '\ntoken = "<SECRET>"\n'


def test_the_line_that_is_typed_in_stays_as_it_is_for_a_memory() -> None:
    place = hole(f'login("{PASSWORD}", "{TOKEN}", ', f'"{TOKEN}")\n')
    told = Secrecy().reading(place).remembered(place)
    assert told.prefix == place.prefix
    assert told.suffix == '"<SECRET>")\n'
    clean = hole("x = 1\n")
    assert Secrecy().reading(clean).remembered(clean) is clean


# Suggestions of all kinds, with an engine that writes what it is told to


@dataclass
class FakeEngine:
    texts: list[str]
    stop_reason: str = "end_of_text"
    remembered: list[Hole] = field(default_factory=list)
    release: Any = field(
        default_factory=lambda: SimpleNamespace(
            languages=("python",), window=512, neighbours=False, folder=Path("m"), name="m", confidence=None
        )
    )
    tokenizer: Any = None

    def _completion(self, text: str) -> Any:
        return SimpleNamespace(text=text, logprob=0.0, stop_reason=self.stop_reason, tokens=7, copied=())

    def generate(self, prompt: Any, *, seed: int = 0, **how: Any) -> Any:
        return self._completion(self.texts[min(seed, len(self.texts) - 1)])

    def candidates(self, prompt: Any, count: int, **how: Any) -> list[Any]:
        return [self._completion(text) for text in self.texts]

    def remember(self, hole: Hole, prompt: Any, **what: Any) -> None:
        self.remembered.append(hole)


@pytest.fixture
def completer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Completer]:
    monkeypatch.setattr(completer_module.fim, "render", lambda hole, tokenizer, budget: hole)
    return lambda *texts, **how: Completer(FakeEngine(list(texts)), **how)


LEAK = f'"{TOKEN}"'
REASON = "it would hold a secret"


def test_an_automatic_suggestion_is_silence_that_does_not_tell_the_secret(
    completer: Callable[..., Completer],
) -> None:
    found = completer(LEAK).complete(hole("x = "), Request())
    assert isinstance(found, Silence)
    assert found.reason == REASON
    assert found.text == "", "--explain would print it"


def test_who_asks_gets_the_next_draw(completer: Callable[..., Completer]) -> None:
    found = completer(LEAK, LEAK, "os.environ[TOKEN]").complete(hole("x = "), Request(invoked=True))
    assert isinstance(found, Suggestion)
    assert found.text == "os.environ[TOKEN]"
    assert isinstance(completer(LEAK).complete(hole("x = "), Request(invoked=True)), Silence)


def test_of_several_candidates_those_without_a_secret_are_left(completer: Callable[..., Completer]) -> None:
    ours = completer(LEAK, "1", LEAK + "\ny = 2", "2")
    for _ in range(2):  # the second time from the cache
        found = ours.complete_several(hole("x = "), Request(invoked=True), 4)
        assert isinstance(found, list)
        assert [one.text for one in found] == ["1", "2"]


def test_what_is_computed_ahead_holds_none(completer: Callable[..., Completer]) -> None:
    ours = completer(LEAK)
    assert isinstance(ours.ahead(hole("x = "), Request()), Silence)
    assert isinstance(ours.complete(hole("x = "), Request()), Silence)


def test_what_is_known_to_be_a_secret_by_now_is_not_shown_from_the_cache(
    completer: Callable[..., Completer],
) -> None:
    secrecy = Secrecy()
    text = f'login("bob", "{SHORT}")'
    ours = completer(text, secrecy=secrecy)
    assert isinstance(ours.complete(hole("x = "), Request()), Suggestion)
    secrecy.without(f'password = "{SHORT}"')
    assert isinstance(ours.complete(hole("x = "), Request()), Silence)
    assert isinstance(ours.complete(hole("x = log"), Request()), Silence), "typed along with"


def test_the_engine_remembers_the_document_without_its_secrets(completer: Callable[..., Completer]) -> None:
    ours = completer("1")
    ours.complete(hole(f'password = "{PASSWORD}"\nx = '), Request())
    (told,) = ours.engine.remembered  # type: ignore[attr-defined]
    assert told.prefix == 'password = "<SECRET>"\nx = '


def test_an_engine_on_another_machine_is_told_no_secrets_of_other_lines(
    completer: Callable[..., Completer], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Hole] = []

    def render(hole: Hole, tokenizer: object, budget: int) -> Hole:
        told.append(hole)
        return hole

    monkeypatch.setattr(completer_module.fim, "render", render)
    place = hole(f'password = "{PASSWORD}"\nx = ', f'\ntoken = "{TOKEN}"\n')
    completer("1", elsewhere=True).complete(place, Request())
    completer("1").complete(place, Request())
    assert [leaked(PASSWORD, one.prefix) for one in told] == [False, True]
    assert [leaked(TOKEN, one.suffix) for one in told] == [False, True]


def test_it_is_told_no_secret_where_nothing_says_that_it_is_one() -> None:
    text = f'password = "{SHORT}"\nlogin("bob", "{SHORT}")\nlogin("{SHORT}'
    place = hole(text, f'", "{SHORT}")\nlogin("bob", "{SHORT}")\n')
    told = Secrecy().reading(place).told(place)
    assert SHORT not in told.prefix + told.suffix
    assert (told.prefix.count("\n"), told.suffix.count("\n")) == (2, 2)


@pytest.mark.parametrize("line", [2, 7, 12])
def test_of_a_key_that_the_cursor_is_in_neither_side_is_told(line: int) -> None:
    text = f'KEY = """\n{KEY}\n"""\n'
    lines = text.splitlines(keepends=True)
    place = hole("".join(lines[:line]), "".join(lines[line:]))
    told = Secrecy().reading(place).told(place)
    assert [one for one in KEY.split("\n")[1:-1] if one in told.prefix + told.suffix] == []
    assert told.prefix.count("\n") + told.suffix.count("\n") == text.count("\n")


# The index and the neighbours


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(Path(__file__).parents[2] / "model" / "pretrained" / "tokenizer.json")


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, list[str]]:
    files, found = repository(random.Random(0))
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert len(found) > 100
    assert len({one.kind for one in found}) > 20
    return tmp_path, [one.value for one in found]


def test_nothing_of_a_hundred_secrets_is_in_the_index_on_the_disk_or_in_neighbours(
    planted: tuple[Path, list[str]], tmp_path: Path, tokenizer: Tokenizer
) -> None:
    folder, values = planted
    project, nearby, secrecy = Project(LineEncoder(tokenizer)), Nearby(), Secrecy()
    shelf = Shelf(tmp_path / ".index", tokenizer_sha256="a" * 64, dtype=np.uint16)
    workspace = Workspace(project, ["python"], nearby=nearby, shelf=shelf, hide=secrecy.without)
    workspace.follow([str(folder)])
    path = shelf.path([str(folder)])
    end = time.monotonic() + 60
    while not (workspace.state.complete and path.exists()) and time.monotonic() < end:
        time.sleep(0.01)
    workspace.close()
    held = tokenizer.decode(project.view.tokens.tolist())
    assert "def is_genuine(body, signature)" in held
    with np.load(path) as archive:
        on_disk = "".join(
            tokenizer.decode(archive[name].tolist()) for name in archive.files if name.startswith("tokens")
        )
    assert "def is_genuine(body, signature)" in on_disk
    near = _all_of(nearby)
    assert "def is_genuine(body, signature)" in near
    assert [value for value in values if leaked(value, held + on_disk + near)] == []
    assert [value for value in values if secrecy.reading(hole("x = ")).shown(value) == value] == []


def _all_of(nearby: Nearby) -> str:
    held: Neighbourhood = nearby._files
    return "\n".join(file.text for path in nearby._on_disk if (file := held.file(path)) is not None)


def test_the_command_line_reads_a_folder_without_its_secrets(planted: tuple[Path, list[str]]) -> None:
    folder, values = planted
    held = "\n".join(text for _, text in read_source_files(str(folder), ["python"]))
    assert "def is_genuine(body, signature)" in held
    assert [value for value in values if leaked(value, held)] == []


def test_an_index_that_was_written_with_secrets_is_deleted(tmp_path: Path, tokenizer: Tokenizer) -> None:
    from model.serving.shelf import Shelved

    project = Project(LineEncoder(tokenizer))
    project.add([("a.py", "x = 1\n")])
    old = tmp_path / "0123.index"
    old.write_bytes(TOKEN.encode())
    shelf = Shelf(tmp_path, tokenizer_sha256="a" * 64, dtype=np.uint16)
    shelf.save(["/w"], Shelved(segments=project.view.segments, known={}))
    assert not old.exists()
    assert shelf.load(["/w"]) is not None


def test_an_open_document_is_given_on_without_its_secrets_and_read_once() -> None:
    secrecy = Secrecy()
    text = f'password = "{PASSWORD}"\n'
    hidden = secrecy.of_open(text)
    assert hidden == 'password = "<SECRET>"\n'
    assert secrecy.of_open(text) is hidden
    clean = "x = 1\n"
    assert secrecy.of_open(clean) is clean


class Face:
    """Somebody who is told everything and does nothing."""

    def tell_status(self, state: str, message: str) -> None: ...
    def tell_user(self, message: str, *, problem: bool) -> None: ...
    def tell_indexing(self) -> None: ...


def load(folder: Path | None, threads: int) -> Any:
    raise AssertionError("no model of this machine is loaded here")


def test_what_is_open_beside_is_remembered_shown_and_prepared_without_its_secrets() -> None:
    prepared: list[str] = []
    release = SimpleNamespace(name="m", languages=("python",), window=2048, neighbours=True, folder=Path("m"))
    engine = SimpleNamespace(release=release, prepare=prepared.append)
    service = Service(Face(), Flags(), load)
    beside = (
        f'def connect(host):\n    return open_it(host, user="bob", password="{PASSWORD}")\n' + "x = 1\n" * 9
    )
    for name, text in (("a.py", "open_it(host, user, password)\nconnect(host)\n\n"), ("b.py", beside)):
        service.open(name, Document(path=f"/w/{name}", language_id="python", text=text))
    service.answer_with(Completer(cast(Any, engine), secrecy=service._secrecy))
    place = service.texts.place("a.py", (2, 0), None)
    assert place is not None
    try:
        assert service._answering is not None
        hole, files = service._answering.hole(place, service.texts.others("a.py"), Request())
        for document in service.texts.all():
            service._answering.prepare(document)
    finally:
        service.close()
    assert [file.text for file in files] == [beside.replace(PASSWORD, "<SECRET>")]
    assert files[0].text in prepared, "what is encoded before is what is asked with"
    assert "open_it(host" in str(hole.neighbours)
    assert not leaked(PASSWORD, str(hole.neighbours))


def test_megabytes_are_not_looked_through_before_somebody_asks_there() -> None:
    prepared: list[str] = []
    release = SimpleNamespace(window=2048)
    engine = cast(Any, SimpleNamespace(release=release, prepare=prepared.append))
    secrecy = Secrecy()
    index = ProjectIndex(hide=secrecy.without)
    answering = Answering(Completer(engine), index, secrecy, None, since=0.0)
    data = "".join(f'    "{word(random.Random(number), LETTERS, 60)}"\n' for number in range(4_000))
    for name, text in (("large.py", f"DATA = (\n{data})\n"), ("small.py", "x = 1\n")):
        answering.prepare(Document(path=f"/w/{name}", language_id="python", text=text))
    assert list(secrecy._followed) == ["small.py"]
    assert prepared == ["x = 1\n"]


async def test_the_service_tells_which_engine_is_on_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    release = SimpleNamespace(
        name="m", languages=("python",), window=2048, neighbours=True, folder="http://m"
    )
    engine = SimpleNamespace(release=release, encoder=None, warning=None, trouble=None)
    elsewhere = SimpleNamespace(wanted=lambda *_: engine, load=lambda _: engine, ready=lambda _: "ready")
    for module in (loading, service_module):
        monkeypatch.setattr(module, "remote", elsewhere)
    service = Service(Face(), Flags(), load)
    try:
        await service.start_loading()
        assert service.completer is not None
        assert service.completer._elsewhere
    finally:
        service.close()
