from hypothesis import given
from hypothesis import strategies as st

from lsp_server.notebooks import Cell, Notebook, around, as_code, whole

TEXTS = {"a": "import os\n", "b": "x = 1", "c": "print(x)\r\n", "m": "# A title", "s": "%%bash\nls"}


def notebook(*uris: str) -> Notebook:
    return Notebook(path="/w/n.ipynb", cells=tuple(Cell(uri=uri, is_code=uri != "m") for uri in uris))


def test_the_cells_around_one_are_told_in_order() -> None:
    assert around(notebook("a", "b", "c"), "b", TEXTS.get) == ("import os\n\n", "\n\nprint(x)")
    assert around(notebook("c", "b", "a"), "b", TEXTS.get) == ("print(x)\n\n", "\n\nimport os")


def test_text_cells_and_those_of_other_languages_are_not_told() -> None:
    assert around(notebook("m", "a", "s", "b", "unknown"), "b", TEXTS.get) == ("import os\n\n", "")


def test_a_cell_of_no_notebook_stands_alone() -> None:
    assert around(notebook("a"), "elsewhere", TEXTS.get) == ("", "")


def test_what_is_no_python_becomes_a_comment_or_nothing() -> None:
    assert as_code("!pip install x\nif a:\n    %matplotlib inline\n    b()") == (
        "# !pip install x\nif a:\n    # %matplotlib inline\n    b()"
    )
    assert as_code("%%bash\nls") == as_code("%%html\n<b>") == ""
    assert as_code("%%time\nx = 1") == "x = 1"
    assert as_code("a = 7 % 2 != 1") == "a = 7 % 2 != 1"


def test_a_notebook_as_one_text() -> None:
    assert whole(notebook("a", "m", "b"), TEXTS.get) == "import os\n\nx = 1\n"
    assert whole(notebook("m"), TEXTS.get) == ""


def test_the_path_that_is_told_is_that_of_a_file_of_code() -> None:
    assert notebook().told_path == "/w/n.py"
    assert Notebook(path="Untitled-1").told_path == "Untitled-1.py"


@given(
    st.lists(st.sampled_from("abcd")),
    st.integers(-3, 9),
    st.integers(-3, 9),
    st.lists(st.sampled_from("xyz")),
)
def test_a_splice_is_that_of_a_list(old: list[str], start: int, deleted: int, new: list[str]) -> None:
    expected = list(old)
    start_within = min(max(0, start), len(old))
    expected[start_within : start_within + max(0, deleted)] = new
    cells = [Cell(uri=uri, is_code=True) for uri in new]
    found = notebook(*old).spliced(start, deleted, cells)
    assert [cell.uri for cell in found.cells] == expected
