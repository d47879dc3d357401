"""The report says what the results say, runs nothing of what it shows, and asks nothing of any network."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eval import results
from eval.heldout.positions import MODES
from eval.report import figures as report_figures
from eval.report import page as report
from eval.report.plots import Curve, Group, Mark, bars, curves, power_name, round_ticks
from eval.results import Figure, Model, Result
from model.errors import ConfigError

HOSTILE = """<script>window.hit=1</script><img src=x onerror="window.hit=1">'"`$x$ ]]></svg>{{7*7}}"""
CURVE = (
    {"step": 1, "tokens": 8000, "train_loss": 8.3},
    {"step": 200, "tokens": 1_500_000, "train_loss": 4.1, "valid_loss": 4.4, "bits_per_byte": 1.87},
    {"step": 400, "tokens": 3_100_000, "train_loss": 3.6, "valid_loss": 3.9, "bits_per_byte": 1.67},
)
EXAMPLE = {
    "project": "harbour", "license": "MIT", "path": "harbour/quay.py", "line": 12, "mode": "line",
    "exact": False, "before": "def moor(ship):\n    ", "stood_there": "return ship.line & 3",
    "suggested": "return ship < quay", "behind": "\n\n\ndef sail():",
}  # fmt: skip


def model(letter: str, parameters: int) -> Model:
    return Model(name=f"small-{letter}", checksum=letter * 64, parameters=parameters, curve=CURVE)


def heldout(of: Model, share: float) -> Result:
    figures = []
    for mode in MODES:
        for variant, times in (("model", 0.5), ("both", 1.0), ("copy", 0.4), ("n-gram", 0.2)):
            where = {"mode": mode, "variant": variant}
            value = share * times
            figures.append(
                Figure(name="exact", value=value, low=value * 0.9, high=value * 1.1, n=504, where=where)
            )
        served = {"mode": mode, "variant": "both"}
        figures += [
            Figure(name="exact / copy", value=2.5, low=2.0, high=None, n=504, where=served),
            Figure(name="exact - copy", value=share * 0.6, low=0.1, high=0.2, n=504, where=served),
        ]
    figures.append(Figure(name="bits per byte", value=0.9123, low=0.9, high=0.93, n=600))
    return Result(
        kind="heldout", model=of, split="test", settings={"limit": None, "ngrams": {"words": 3}},
        figures=figures, samples=(EXAMPLE,),
    )  # fmt: skip


@pytest.fixture
def some() -> list[Result]:
    small, large = model("a", 2_361_024), model("b", 4_500_000)
    infilling = Result(
        kind="infilling-single-line",
        model=large,
        split="problems.jsonl.gz",
        settings={"limit": 20},
        figures=(
            Figure(
                name="pass@1", value=0.2345, low=0.2, high=0.27, n=1033,
                where={"answer": "truncated", "variant": "model"},
            ),
        ),
        samples=({"task_id": "SECRET/1", "raw": "the benchmark's own text"},),
    )  # fmt: skip
    return [heldout(large, 0.4), heldout(small, 0.3), infilling]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def test_the_headline_names_each_model_its_figures_intervals_and_n(some: list[Result]) -> None:
    text = " ".join(" ".join(parsed(report.html(some)).words).split())
    headline = text[text.index("Headline") : text.index("Held-out projects", text.index("Headline"))]
    assert headline.index("small-a") < headline.index("small-b")  # small ones first
    for words in ("aaaaaaaaaaaa", "2.36 M", "4.50 M", "23.4 %", "20.0 to 27.0", "n = 1033", "a part"):
        assert words in headline
    assert "0.912" in headline
    assert "–" in headline  # noqa: RUF001 - the small one was not asked to infill
    assert "2.50 ×" in text  # noqa: RUF001
    assert "2.00 to ∞" in text


def test_examples_are_shown_of_held_out_projects_only_and_as_they_are(some: list[Result]) -> None:
    html = report.html(some)
    text = "".join(parsed(html).words)
    assert "def moor(ship):\n    return ship < quay\n\n\ndef sail():" in text
    assert "return ship.line & 3" in text
    assert "harbour (MIT, test split), harbour/quay.py, line 12" in text
    assert "the benchmark's own text" not in text
    assert "SECRET/1" not in html


def test_the_page_is_whole_and_asks_nothing_of_any_network(some: list[Result]) -> None:
    html = report.html(some)
    assert "default-src 'none'" in html
    assert "prefers-color-scheme: dark" in html
    for tag, attributes in parsed(html).tags:
        assert tag not in ("iframe", "object", "embed", "img")
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
    ids = [attributes["id"] for _, attributes in parsed(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    used, known = set(re.findall(r"var\(--([\w-]+)\)", html)), set(re.findall(r"--([\w-]+):", html))
    assert used <= known


def test_nothing_that_is_shown_becomes_markup(some: list[Result]) -> None:
    bad = replace(
        some[0],
        split=HOSTILE,
        model=replace(some[0].model, name=HOSTILE),
        settings={HOSTILE: HOSTILE},
        figures=[*some[0].figures, Figure(name=HOSTILE, value=1, n=1, where={HOSTILE: HOSTILE})],
        samples=[{key: HOSTILE if isinstance(value, str) else value for key, value in EXAMPLE.items()}],
    )
    page = parsed(report.html([bad]))
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(tag == "img" or "onerror" in attributes for tag, attributes in page.tags)
    assert "{{7*7}}" in "".join(page.words)


def test_equal_results_give_equal_bytes_and_a_folder_is_read_whole(
    some: list[Result], tmp_path: Path
) -> None:
    for result in some:
        results.write(result, tmp_path / "results")
    report.write_html(report.read_all([tmp_path / "results"]), tmp_path / "one.html")
    report.write_html(report.read_all(sorted((tmp_path / "results").iterdir())), tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    with pytest.raises(ConfigError, match="there is no result to report"):
        report.read_all([tmp_path])


def test_one_benchmark_alone_makes_a_page_too(some: list[Result]) -> None:
    text = "".join(parsed(report.html([replace(some[2], model=replace(some[2].model, curve=()))])).words)
    assert "23.4 %" in text
    assert "No result has any." in text


def test_the_last_of_several_results_counts(some: list[Result]) -> None:
    newer = heldout(some[0].model, 0.8)
    (column,) = [one for one in report_figures.columns(some) if one.where.get("mode") == "line"]
    found = column.of([some[0], newer])
    assert found is not None
    assert found[0].value == 0.8


@pytest.mark.parametrize("width", [1040, 350])
def test_bars_stay_inside_and_say_their_figures(width: int) -> None:
    marks = tuple(
        Mark(
            label=f"variant {n} with a long name", value=n / 10, low=n / 12, high=n / 8, colour="hue-1",
            note=f"{10 * n}.0 %", title=f"exactly {n}",
        )
        for n in range(5)
    )  # fmt: skip
    svg = bars([Group(heading="mode", marks=marks)], width=width, alt="alternative")
    assert svg.count("<title>exactly") == 5
    assert 'aria-label="alternative"' in svg
    numbers = [
        float(x) for path in re.findall(r' d="([^"]*)"', svg) for x in re.findall(r"[ML] (-?[\d.]+) ", path)
    ]
    assert min(numbers) >= 0
    assert max(numbers) <= width + 0.01


def test_curves_run_from_left_to_right() -> None:
    points = tuple((10.0**n, 5.0 - n / 2) for n in range(4, 8))
    svg = curves(
        [Curve(label="one", points=points, colour="hue-2")], width=1040, alt="a", x_axis="x", y_axis="y"
    )
    assert "10 M" in svg
    assert "var(--hue-2)" in svg
    assert "<title>one: 1.5 at the end" in svg


@pytest.mark.parametrize(("least", "most"), [(0.0, 1.0), (1.2, 8.4), (0.91, 0.93), (3.0, 3.0), (0, 0)])
def test_ticks_are_few_and_go_around_all(least: float, most: float) -> None:
    ticks = round_ticks(least, most)
    assert ticks[0] <= least
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))


def test_powers_of_ten_have_names() -> None:
    assert [power_name(n) for n in (0, 2, 3, 5, 6, 9)] == ["1", "100", "1 k", "100 k", "1 M", "1 G"]
