"""The server's benchmark asks a real server, in files that differ in nothing but their size."""

import pytest

from eval.bench import server


def test_the_large_file_is_the_small_one_with_more_around_it() -> None:
    small, large = server.texts()
    assert small.typed == large.typed
    assert len(small.typed) == server.KEYS
    assert large.before.endswith(small.before)
    assert large.behind.startswith(small.behind)
    lines = (large.before + large.typed + large.behind).count("\n")
    assert server.LARGE * 0.98 < lines < server.LARGE * 1.02
    assert (small.before + small.typed + small.behind).count("\n") < server.SMALL * 1.2


def test_the_real_server_and_the_null_server_are_asked_in_the_same_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "KEYS", 24)
    monkeypatch.setattr(server, "LARGE", 2000)
    figures = {figure.name: figure for figure in server.run(None, rounds=1, threads=1)}
    assert figures["start to first answer"].value > 0
    assert figures["the null server's"].value > 0
    assert figures["typing in 400 lines, answered"].value > 0
    limits = {name: figure.limit for name, figure in figures.items() if figure.limit is not None}
    assert limits.pop("most memory at once", 400.0) == 400.0  # not every system tells
    assert limits == {
        "start to first answer": 1500.0,
        "typing in 400 lines, p50": 50.0,
        "typing in 400 lines, p95": 150.0,
        "typing in 2,000 lines, p50": 50.0,
        "typing in 2,000 lines, p95": 150.0,
        "p50, 2,000 lines to 400": 2.0,
        "p95, 2,000 lines to 400": 2.0,
    }
