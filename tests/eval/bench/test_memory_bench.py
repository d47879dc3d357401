"""The memory's benchmark measures the real thing and names every limit."""

from eval.bench import memory
from model.serving.engine import Engine


def test_all_figures_with_their_limits() -> None:
    figures = {figure.name: figure for figure in memory.run(Engine.load(threads=1), rounds=1)}
    assert all(figure.value > 0 for figure in figures.values())
    limits = {name: figure.limit for name, figure in figures.items() if figure.limit is not None}
    assert limits == {
        "add a file of 1,000 lines": 20.0,
        "bytes a token": 20.0,
        "one look-up, layer file": 50.0,
        "one look-up, layer open": 50.0,
        "one look-up, layer project": 50.0,
    }
