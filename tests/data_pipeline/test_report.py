"""The page tells what the record says, runs nothing of the corpus, and asks nothing of any network."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from data_pipeline import report_plots
from data_pipeline.report import table, write_html
from data_pipeline.report_figures import flow, share, short

HOSTILE = """<script>window.hit=1</script><img src=x onerror="window.hit=1">'"`$x$ ]]></svg></style>{{7*7}}"""


def counts(documents: int, characters: int) -> dict[str, int]:
    return {"documents": documents, "characters": characters}


def a_record() -> dict[str, Any]:
    """A small corpus: three projects, one a split, whose figures agree with each other."""
    project: dict[str, Any] = {
        "harbour": {**counts(70, 500_000), "split": "train", "license": "MIT"},
        "lantern": {**counts(9, 90_000), "split": "validation", "license": "Apache-2.0"},
        "quarry": {**counts(8, 30_000), "split": "test", "license": "MIT"},
    }
    reads: dict[str, Any] = {
        "harbour": counts(80, 600_000),
        "lantern": counts(12, 110_000),
        "quarry": counts(8, 31_000),
    }
    return {
        "manifest": {"name": "small-1", "sha256": "ab" * 32, "languages": ["python", "go"]},
        "sources": [
            {
                "name": name,
                "kind": "wheel",
                "version": "1.0" if name != "quarry" else None,
                "license": p["license"],
                "split": p["split"],
                "read": reads[name],
                "kept": counts(p["documents"], p["characters"]),
            }
            for name, p in project.items()
        ],
        "splits": {p["split"]: counts(p["documents"], p["characters"]) for p in reversed(project.values())},
        "stages": [
            {"name": "read", **counts(98, 700_000)},
            {"name": "permitted", **counts(98, 700_000)},
            {"name": "filters", **counts(92, 650_000)},
            {"name": "secrets", **counts(92, 650_400)},
            {"name": "benchmarks", **counts(91, 645_000)},
            {"name": "duplicates", **counts(87, 620_000)},
        ],
        "dropped": {
            "vendored": {"stage": "read", **counts(2, 41_000), "examples": ["harbour/_vendor/a.py"]},
            "does not parse": {"stage": "filters", **counts(6, 48_000), "examples": []},
            "overlaps HumanEval": {"stage": "benchmarks", **counts(1, 5_400), "examples": ["q.py"]},
            "exact duplicate": {"stage": "duplicates", **counts(1, 5_000), "examples": ["b.py"]},
            "near-duplicate": {"stage": "duplicates", **counts(3, 20_000), "examples": ["c.py"]},
        },
        "languages": {"python": counts(80, 600_000), "go": counts(7, 20_000)},
        "licenses": {
            "MIT": {**counts(78, 530_000), "projects": 2},
            "Apache-2.0": {**counts(9, 90_000), "projects": 1},
        },
        "projects": project,
        "redactions": {"e-mail address": 14, "private key": 1},
        "benchmarks": {
            "HumanEval": {"problems": 164, "problems_met": 3, "grams": 12_345, **counts(1, 5_400)}
        },
        "duplicates": {
            "exact": 1,
            "near": 3,
            "clusters": 2,
            "sizes": {"3": 1, "2": 1},
            "largest": [
                {
                    "size": 3,
                    "kept": "harbour/k.py",
                    "members": [
                        {"id": "harbour/c.py", "jaccard": 0.91},
                        {"id": "quarry/d.py", "jaccard": None},
                    ],
                    "excerpt": "def moor(ship):\n\treturn ship.line < 3",
                }
            ],
        },
        "lengths": {"edges": [0, 500, 1000, 100_000], "documents": [10, 30, 47]},
        "tokenizer": {
            "size": 4096,
            "sha256": "cd" * 32,
            "characters_per_token": 3.4,
            "tokens_per_byte": 0.29,
            "longest": [" " * 16, " NotImplementedError"],
        },
        "shards": {
            "train-000.npy": {
                "rows": 150,
                "tokens": 152_000,
                "characters": 500_000,
                "padding": 0.013,
                "holes": {"syntax node": 90, "cursor": 110},
            },
            "validation-000.npy": {
                "rows": 26,
                "tokens": 26_000,
                "characters": 90_000,
                "padding": 0.02,
                "holes": {"cursor": 31},
            },
        },
        "attribution": {"fingerprints": 31_000, "bytes": 120_000, "bytes_per_gigabyte": 190_000_000},
        "configuration": {"seed": 7, "holes": {"fim": 0.65, "kinds": ["cursor", "node"]}, "limit": None},
    }


def poisoned(value: Any) -> Any:
    """The record with hostile text in every string and in every name that a corpus can choose."""
    # What a corpus can name; the names of splits and stages are the pipeline's own.
    free = {"dropped", "languages", "licenses", "projects", "redactions", "benchmarks", "shards", "holes"}
    if isinstance(value, dict):
        out = {}
        for key, inner in value.items():
            bad = poisoned(inner)
            if key in free and isinstance(bad, dict):
                bad = {name + HOSTILE: v for name, v in bad.items()}
            out[key] = bad
        return out
    if isinstance(value, list):
        return [poisoned(v) for v in value]
    return value + HOSTILE if isinstance(value, str) else value


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and its text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._raw = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._raw else data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag]


def written(record: dict[str, Any], folder: Path) -> str:
    path = folder / "report.html"
    write_html(record, path)
    assert [p.name for p in folder.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(a_record(), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    written(poisoned(a_record()), folder)
    return folder / "report.html"


# --- what the page says ------------------------------------------------------------------------------------


def test_every_name_and_count_of_the_record_is_on_the_page(page: str) -> None:
    text = Page(page).text
    record = a_record()
    for group in ("dropped", "languages", "licenses", "projects", "redactions", "benchmarks", "shards"):
        for name in record[group]:
            assert name in text
    for example in (
        "harbour/_vendor/a.py",
        "harbour/k.py",
        "quarry/d.py",
        "0.910",
        "12,345",
        "152,000",
        "0.65",
    ):
        assert example in text
    assert "·NotImplementedError" in text
    assert "····… (16 in all)" in text
    assert "return ship.line < 3" in text
    assert "cursor, node" in text


def test_what_came_in_is_what_sources_read_not_what_the_first_stage_left() -> None:
    first, second, *_ = flow(a_record())
    assert (first["documents"], first["characters"]) == (100, 741_000)
    assert (second["lost_documents"], second["lost_characters"]) == (2, 41_000)


def test_every_plot_says_what_it_shows_and_has_a_table_in_its_section(page: str) -> None:
    pictures = Page(page).named("svg")
    assert len(pictures) == 16  # eight plots, each wide and narrow
    assert all(p["role"] == "img" and len(p["aria-label"] or "") > 20 for p in pictures)
    for section in page.split("<section")[1:]:
        assert "<svg" not in section or "<table" in section


def test_plots_leave_the_rest_of_the_page_alone_and_keep_letters_as_text(page: str) -> None:
    """matplotlib's own SVG brings ids that repeat and a style sheet that would reach the whole page."""
    assert len(Page(page).named("style")) == 1
    ids = [a["id"] for _, a in Page(page).elements if "id" in a]
    assert len(ids) == len(set(ids))
    for picture in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        assert "<text" in picture
        assert "<use" not in picture


def test_plots_take_their_colours_from_the_page(page: str) -> None:
    names = {
        match
        for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)
        for match in re.findall(r"fill: ([^;\"]+)", svg)
    }
    assert names
    assert all(re.fullmatch(r"var\(--[a-z0-9-]+\)", n) for n in names)
    style = page[page.index("<style>") : page.index("</style>")]
    light, dark = style.split("prefers-color-scheme: dark", 1)
    for name in report_plots.COLOURS:
        assert f"--{name}:" in light
        assert f"--{name}:" in dark


def test_a_build_that_stopped_after_cleaning_has_a_page(tmp_path: Path) -> None:
    record = {**a_record(), "tokenizer": None, "shards": None, "attribution": None}
    text = Page(written(record, tmp_path)).text
    assert "stopped before the tokenizer" in text
    assert "Tokens to train on" not in text


def test_an_empty_corpus_has_a_page(tmp_path: Path) -> None:
    record = a_record()
    for name in ("dropped", "languages", "licenses", "projects", "redactions", "benchmarks", "configuration"):
        record[name] = {}
    record.update(sources=[], stages=[], splits={}, tokenizer=None, shards=None, attribution=None)
    record["duplicates"] = {"exact": 0, "near": 0, "clusters": 0, "sizes": {}, "largest": []}
    record["lengths"] = {"edges": [0, 1], "documents": [0]}
    assert "Nothing was dropped" in Page(written(record, tmp_path)).text


def test_long_lists_are_cut_and_the_page_says_so(tmp_path: Path) -> None:
    record = a_record()
    one = record["projects"]["harbour"]
    record["projects"] = {f"project-{i:04}": {**one, "characters": 10_000 - i} for i in range(700)}
    page = written(record, tmp_path)
    assert "The 500 largest of 700" in page
    assert "460 smaller projects" in page
    assert ">project-0499<" in page
    assert ">project-0500<" not in page


# --- what the page does not do -----------------------------------------------------------------------------


def test_the_same_record_gives_the_same_bytes_in_another_process(page: str, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps(a_record()), encoding="utf-8")
    program = (
        "import json, sys, pathlib; from data_pipeline.report import write_html;"
        "write_html(json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2]))"
    )
    again = tmp_path / "again.html"
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "record.json"), str(again)],
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo"},
    )
    assert again.read_text(encoding="utf-8") == page


def test_a_failure_leaves_the_page_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(KeyError):
        write_html({}, path)
    assert path.read_text(encoding="utf-8") == "before"


def test_text_of_the_corpus_never_becomes_markup(page: str, hostile_page: Path) -> None:
    """The hostile page has the elements and attributes of the harmless one, and no others."""
    harmless, hostile = Page(page), Page(hostile_page.read_text(encoding="utf-8"))
    known = {(tag, *sorted(a)) for tag, a in harmless.elements}
    assert {(tag, *sorted(a)) for tag, a in hostile.elements} <= known
    assert len(hostile.named("script")) == len(hostile.named("style")) == 1
    assert HOSTILE in hostile.text.replace("·", " ")
    assert "{{7*7}}" in hostile.text


def test_the_page_names_no_resource_outside_itself(page: str, hostile_page: Path) -> None:
    for text in (page, hostile_page.read_text(encoding="utf-8")):
        assert "://" not in text
        assert "url(" not in text
        for _, attributes in Page(text).elements:
            assert not {"src", "srcset", "data", "action", "xlink:href"} & set(attributes)
            assert (attributes.get("href") or "#").startswith(("#", "data:,"))


def test_odd_file_names_are_shown_and_stop_nothing(tmp_path: Path) -> None:
    odd = ["\ud800", "a\x00b\x1b[31m", "a\nb", "\u202egpj.exe", "$\\frac{$", "模型", "%s{0}"]
    record = a_record()
    record["projects"] = dict.fromkeys(odd, record["projects"]["harbour"])
    record["dropped"] = {name: {"stage": "read", **counts(1, 1), "examples": [name]} for name in odd}
    text = Page(written(record, tmp_path)).text
    for name in odd:
        assert report_plots.plain(name) in text
    assert not re.search("[\x00\x1b\u202e]", text)
    Console(file=io.StringIO()).print(table(record))


# --- the terminal ------------------------------------------------------------------------------------------


def test_the_terminal_table_tells_stages_splits_and_reasons() -> None:
    record = a_record()
    record["dropped"]["[red]not [/] markup"] = record["dropped"].pop("vendored")
    out = io.StringIO()
    Console(file=out, width=120).print(table(record))
    lines = [re.sub(r"[│\s]+", " ", line).strip() for line in out.getvalue().splitlines()]
    assert "came in 100 741.0 k 100.0 %" in lines
    assert "left after: filters 92 650.0 k 87.7 %" in lines
    assert "dropped: [red]not [/] markup 2 41.0 k 5.5 %" in lines
    kept = [line for line in lines if line.startswith("kept: ")]
    assert [line.split()[1] for line in kept] == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (12_345, "12.3 k"),
        (999_960, "1.0 M"),
        (256_684_998, "256.7 M"),
        (3e12, "3.0 T"),
    ],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert short(number) == text


def test_a_share_that_is_there_never_reads_as_nothing() -> None:
    assert share(1, 1_000_000) == "< 0.1 %"
    assert share(0, 10) == "0.0 %"
    assert share(0, 0) == "–"  # noqa: RUF001 - the dash that means: no figure


# --- plots -------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=60), st.integers(50, 2000), st.integers(50, 2000))
def test_tiles_fill_their_rectangle_in_proportion(values: list[float], width: int, height: int) -> None:
    values = sorted(values, reverse=True)
    tiles = report_plots._squarified(values, 0, 0, width, height)
    for value, (x, y, w, h) in zip(values, tiles, strict=True):
        assert math.isclose(w * h, width * height * value / sum(values), rel_tol=1e-3, abs_tol=1e-3)
        assert x >= -1e-6
        assert y >= -1e-6
        assert x + w <= width + 1e-3
        assert y + h <= height + 1e-3
    for i, (x, y, w, h) in enumerate(tiles):
        for a, b, c, d in tiles[i + 1 :]:
            overlap = max(0, min(x + w, a + c) - max(x, a)) * max(0, min(y + h, b + d) - max(y, b))
            assert overlap < 1e-2


@given(st.floats(0, 1e12))
def test_scales_are_round_few_and_reach_the_largest_value(largest: float) -> None:
    ticks = report_plots._ticks(largest)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 6
    assert ticks[-1] >= largest
    assert str(ticks[1]).rstrip("0") in {"1", "2", "5"}


# --- a real browser ----------------------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
# The browser reads commands from descriptor 3 and writes answers to 4.
START = (
    "import fcntl, os, sys\n"
    "own = [fcntl.fcntl(int(f), fcntl.F_DUPFD, 10) for f in sys.argv[1:3]]\n"
    "os.dup2(own[0], 3), os.dup2(own[1], 4), os.execv(sys.argv[3], sys.argv[3:])"
)


class Browser:
    """Chromium without a window, over the DevTools protocol on a pipe: JSON messages that end in a zero."""

    def __init__(self, program: str, profile: str) -> None:
        command_in, self._commands = os.pipe()
        self._answers, answer_out = os.pipe()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                START,
                str(command_in),
                str(answer_out),
                program,
                *FLAGS,
                f"--user-data-dir={profile}",
            ],
            pass_fds=(command_in, answer_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(command_in)
        os.close(answer_out)
        self._buffer, self._asked, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = os.read(self._answers, 1 << 20)
            assert more, "the browser went away"
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._message()).get("id") != self._asked:
            self.events.append(answer)
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, path: Path) -> None:
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.events.append(self._message())

    def value(self, expression: str) -> Any:
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def complaints(self) -> list[dict[str, Any]]:
        self.ask("Runtime.evaluate", expression="0")  # what was said before is then among the events
        said = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [e for e in self.events if e["method"] in said]

    def requests(self) -> list[str]:
        sent = [e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [p["request"]["url"] for p in sent]

    def close(self) -> None:
        os.close(self._commands)
        self._process.terminate()
        self._process.wait(20)
        os.close(self._answers)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: the page was not opened in a real browser")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        opened = Browser(CHROMIUM, profile)
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_page_without_complaint_and_asks_for_nothing_else(
    browser: Browser, page: str, tmp_path: Path, width: int
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    browser.ask(
        "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
    )
    browser.open(path)
    assert browser.complaints() == []
    assert browser.requests() == [path.as_uri()]
    assert browser.value("document.documentElement.scrollWidth") <= width
    shown = "[...document.querySelectorAll('svg')].filter(s => s.getBoundingClientRect().width > 0).length"
    assert browser.value(shown) == 8


def test_tables_sort_and_filter(browser: Browser, page: str, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    browser.open(path)
    names = (
        "[...document.querySelectorAll('#project-table tbody tr:not([hidden]) th')].map(e => e.textContent)"
    )
    head = "document.querySelectorAll('#project-table thead button')"
    assert browser.value(names) == ["harbour", "lantern", "quarry"]
    browser.value(f"{head}[3].click(), {head}[3].click()")
    assert browser.value(names) == ["quarry", "lantern", "harbour"]
    assert browser.value(f"{head}[3].parentNode.ariaSort") == "ascending"
    browser.value(f"{head}[0].click()")
    assert browser.value(names) == ["harbour", "lantern", "quarry"]
    field = "document.querySelector('[data-filters=project-table]')"
    browser.value(f"{field}.value = 'APACHE', {field}.dispatchEvent(new Event('input'))")
    assert browser.value(names) == ["lantern"]


def test_nothing_of_a_hostile_corpus_runs(browser: Browser, hostile_page: Path) -> None:
    browser.open(hostile_page)
    assert browser.value("window.hit === undefined") is True
    assert browser.complaints() == []
    assert browser.requests() == [hostile_page.as_uri()]
    # Were something to slip through, the page's own policy would still stop it.
    browser.value("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit = 1\">')")
    browser.value("new Promise(done => setTimeout(done, 50))")
    assert browser.value("window.hit === undefined") is True
    failed = [e["params"] for e in browser.events if e["method"] == "Network.loadingFailed"]
    assert [f["blockedReason"] for f in failed] == ["csp"]
