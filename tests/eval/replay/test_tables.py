"""The tables say what the figures say, and nothing where there is none."""

import io

from rich.console import Console

from eval.replay.tables import show
from eval.results import Figure


def figure(name, value, *, variant="tabwright", low=None, high=None, n=10, **where):
    return Figure(
        name=name, value=value, low=low, high=high, n=n, where={"variant": variant, "mode": "all", **where}
    )


def shown(*figures):
    output = io.StringIO()
    show(Console(file=output, width=200), figures)
    return output.getvalue()


def test_shares_are_percent_with_their_interval_beside_the_answered_share():
    said = shown(
        figure("answered", 0.5, low=0.4, high=0.6, n=123),
        figure("exact", 0.25, low=0.1, high=0.4),
        figure("wrong shown", 1.5, low=1.0, high=None),
        figure("answered", 0.0, low=0.0, high=0.0, n=200, variant="null server"),
    )
    assert "50.0 %" in said
    assert "(40.0 to 60.0)" in said
    assert "25.0 %" in said
    assert "1.50" in said  # of characters by characters: no share
    assert "123" in said
    assert "null server" in said


def test_times_stand_with_their_number_and_costs_with_their_unit():
    said = shown(
        figure("answered", 0.5, n=30),
        figure("p50", 80.4, kind="cold", n=21),
        figure("p95", 120.6, kind="cold", n=21),
        figure("CPU seconds", 4.25),
        figure("megabytes", 161.2),
    )
    assert "80 / 121" in said
    assert "(21)" in said
    assert "4.2" in said
    assert "161" in said


def test_requests_that_were_never_answered_are_told():
    assert "never answered" not in shown(figure("answered", 0.5), figure("unanswered", 0.0))
    assert "tabwright never answered 3 of 10 requests" in shown(
        figure("answered", 0.5), figure("unanswered", 3.0)
    )
