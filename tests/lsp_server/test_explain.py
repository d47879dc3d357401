import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.explain import Piece, account, sentences
from model.fim import Hole, Prompt, Snippet, render
from model.serving.release import TOKENIZER, default_folder
from model.tokenizer import Tokenizer

NEIGHBOURS = (
    Snippet(path="far.py", text="def area(shape):\n    return 0"),
    Snippet(path="near.py", text="class Point:\n    total = 1"),
)


def hole(prefix: str, suffix: str, neighbours: tuple[Snippet, ...] = NEIGHBOURS) -> Hole:
    return Hole(path="pkg/a.py", language="python", prefix=prefix, suffix=suffix, neighbours=neighbours)


def accounted(one: Hole, tokenizer: Tokenizer, budget: int = 400) -> tuple[Prompt, tuple[Piece, ...]]:
    prompt = render(one, tokenizer, budget)
    return prompt, account(one, prompt, tokenizer)


def test_each_piece_says_where_it_comes_from_and_why(tokenizer: Tokenizer) -> None:
    _, pieces = accounted(hole("from near import Point\n\nPoint(", ")\n"), tokenizer)
    assert [(piece.part, piece.path) for piece in pieces] == [
        ("neighbour", "far.py"),
        ("neighbour", "near.py"),
        ("path", "pkg/a.py"),
        ("behind", "pkg/a.py"),
        ("before", "pkg/a.py"),
        *([("pending", "pkg/a.py")] if pieces[-1].part == "pending" else []),
    ]
    assert "Point" in pieces[1].why
    assert pieces[1].lines == 2


@given(
    st.text("ab(\n é", max_size=60),
    st.text("ab)\n", max_size=40),
    st.lists(st.sampled_from(NEIGHBOURS), max_size=2, unique=True),
    st.integers(40, 200),
)
def test_the_pieces_are_all_of_the_prompt(
    tokenizer: Tokenizer, prefix: str, suffix: str, neighbours: list[Snippet], budget: int
) -> None:
    """An account that leaves tokens out, or counts some twice, explains nothing."""
    prompt, pieces = accounted(hole(prefix, suffix, tuple(neighbours)), tokenizer, budget)
    assert sum(piece.tokens for piece in pieces if piece.part not in ("left out", "pending")) == len(
        prompt.tokens
    )
    told = [piece.path for piece in pieces if piece.part in ("neighbour", "left out")]
    assert sorted(told) == sorted(snippet.path for snippet in neighbours)


def test_a_neighbour_that_found_no_room_is_told(tokenizer: Tokenizer) -> None:
    long = Snippet(path="long.py", text="value = compute(value)\n" * 50)
    _, pieces = accounted(hole("x = ", "", (long, NEIGHBOURS[1])), tokenizer, budget=120)
    (left_out,) = [piece for piece in pieces if piece.part == "left out"]
    assert left_out.path == "long.py"
    assert left_out.tokens > 30


@pytest.mark.parametrize(("prefix", "suffix"), [("", ""), ("x", ""), ("", "\n")])
def test_there_is_a_line_for_each_piece(tokenizer: Tokenizer, prefix: str, suffix: str) -> None:
    prompt, pieces = accounted(hole(prefix, suffix, ()), tokenizer)
    lines = list(sentences(pieces))
    assert len(lines) == len(pieces) + 1
    assert lines[0] == f"the prompt has {len(prompt.tokens)} tokens:"


@pytest.mark.parametrize(
    ("prefix", "what"),
    [
        ("x = retu", '"retu"'),
        ("x = foo(", '"("'),
        ("def f():\n    ", "the white space before the cursor (4 blanks)"),
        ("x = 1\n\n\n ", "the white space before the cursor (3 line ends and 1 blank)"),
    ],
)
def test_what_is_half_typed_is_told_as_a_person_would(prefix: str, what: str) -> None:
    tokenizer = Tokenizer.load(default_folder() / TOKENIZER)
    _, pieces = accounted(hole(prefix, "", ()), tokenizer)
    assert pieces[-1].part == "pending"
    assert pieces[-1].why == (
        f"{what} may be unfinished: it is left out, and what the model writes must begin with it"
    )
