import pytest

from lsp_server.context import files_beside, hole_at, language_of, relative_path
from lsp_server.documents import Document
from model.fim import Snippet


def document(text: str, path: str = "/w/a.py", language_id: str = "python") -> Document:
    return Document(path=path, language_id=language_id, text=text)


@pytest.mark.parametrize(
    ("path", "folders", "expected"),
    [
        ("/w/p/a.py", ["/w"], "p/a.py"),
        ("/w/p/a.py", ["/w", "/w/p"], "a.py"),
        ("/wide/a.py", ["/w"], "a.py"),
        ("/w/a.py", ["/w/"], "a.py"),
        ("C:\\w\\p\\a.py", ["c:\\w"], "p/a.py"),
        ("untitled-1", [], "untitled-1"),
        ("/x/y/z.py", [], "z.py"),
    ],
)
def test_relative_path(path: str, folders: list[str], expected: str) -> None:
    assert relative_path(path, folders) == expected


def test_the_editors_language_counts_before_the_name() -> None:
    assert language_of(document("", "/w/SConstruct", "python")) == "python"
    assert language_of(document("", "/w/a.py", "plaintext")) == "python"
    assert language_of(document("", "/w/a.rs", "rust")) == "rust"
    assert language_of(document("", "/w/a", "")) == ""


def test_line_ends_become_lf_on_both_sides() -> None:
    hole = hole_at(document("a\r\nb\rc\r\n"), 4, folders=["/w"])
    assert (hole.prefix, hole.suffix, hole.path) == ("a\nb", "\nc\n", "a.py")


def test_neighbours_are_other_documents_of_the_same_language() -> None:
    here = document("total_price = compute_price(cart_items)\n")
    text = "def compute_price(cart_items):\r\n    total_price = 0\r\n"
    others = [
        here,
        document(text, "/w/b.py"),
        document(text, "/w/c.rs", "rust"),
        document(text * 9999, "/w/d.py"),
    ]
    files = files_beside(here, others, ["/w"])
    assert files == [Snippet(path="b.py", text=text.replace("\r\n", "\n"))]
    (snippet,) = hole_at(here, len(here.text), folders=["/w"], files=files).neighbours
    assert snippet.path == "b.py"
    assert "\r" not in snippet.text
    assert hole_at(here, 0, folders=["/w"]).neighbours == ()


def test_files_beside_keep_their_order_and_tell_paths_as_the_hole_does() -> None:
    """The memory takes the first ones where there is no room for all, and leaves the hole's path out."""
    here = document("x = 1\n", "/w/pkg/a.py")
    others = [document(f"{n}\n", path) for n, path in enumerate(["/w/z.py", "/w/pkg/b.py", "/v/c.py"])]
    assert [file.path for file in files_beside(here, others, ["/w"])] == ["z.py", "pkg/b.py", "c.py"]
    assert hole_at(here, 0, folders=["/w"]).path == "pkg/a.py"


def test_neighbours_of_a_mixed_language_are_those_of_its_family() -> None:
    here = document("", "/w/a.ts", "typescript")
    others = [
        document("x", "/w/b.js", "javascript"),
        document("x", "/w/c.py"),
        document("x", "/w/d.tsx", "tsx"),
    ]
    assert [file.path for file in files_beside(here, others, ["/w"])] == ["b.js", "d.tsx"]


def test_files_of_one_relative_path_in_two_folders_are_told_apart() -> None:
    here = document("x = 1\n", "/v/site/app/a.py")
    paths = ["/w/site/app/a.py", "/v/site/app/b.py", "/w/site/app/b.py", "/w/site/app/c.py"]
    files = files_beside(here, [document(path, path) for path in paths], ["/v/site", "/w/site"])
    assert [file.path for file in files] == [
        "w/site/app/a.py",
        "v/site/app/b.py",
        "w/site/app/b.py",
        "app/c.py",
    ]


def test_a_document_of_megabytes_is_shown_no_neighbours() -> None:
    text = "def compute_price(cart_items):\n    total_price = 0\n"
    files = [Snippet(path="b.py", text=text)]
    here = document(text * 2, "/w/a.py")
    assert hole_at(here, len(here.text), folders=["/w"], files=files).neighbours
    large = document(text * 9999, "/w/a.py")
    assert not hole_at(large, len(large.text), folders=["/w"], files=files).neighbours
