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


def test_the_servers_work_stands_with_its_number_and_the_answered_share_of_its_requests():
    said = shown(
        figure("answered", 0.5, n=30),
        figure("server p50", 31.4, kind="all", n=27),
        figure("server p95", 120.6, kind="all", n=27),
        figure("answered", 0.75, kind="one line", n=12),
        figure("server p50", 21.4, kind="one line", n=11),
        figure("server p95", 40.6, kind="one line", n=11),
    )
    assert "31 / 121 (27)" in said
    assert "21 / 41 (11)" in said
    assert "75.0 %" in said
    assert "server's work" not in shown(figure("answered", 0.5, n=30))


def test_what_a_rule_is_worth_stands_in_points_and_says_where_it_is_clear():
    said = shown(
        figure("answered", 0.5, n=30),
        figure("difference in answered", -0.034, low=-0.05, high=-0.01, variant="less"),
        figure("difference in wrong shown", 0.25, low=-0.1, high=0.5, variant="less"),
        figure("difference in server p50", -12.0, low=-14.0, high=3.0, variant="less"),
        figure("difference in exact", 0.1, variant="less"),
    )
    assert "-3.4*" in said
    assert "(-5.0 to -1.0)" in said
    assert "+0.25" in said
    assert "+0.25*" not in said
    assert "(-14 to +3)" in said
    assert "+10.0" in said
    assert "worth" not in shown(figure("answered", 0.5, n=30))


def test_requests_that_were_never_answered_are_told():
    assert "never answered" not in shown(figure("answered", 0.5), figure("unanswered", 0.0))
    assert "tabwright never answered 3 of 10 requests" in shown(
        figure("answered", 0.5), figure("unanswered", 3.0)
    )
