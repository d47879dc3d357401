"""Which files of a workspace are read, that they are kept up to date, and that nothing stops the thread."""

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from lsp_server import context, workspace
from lsp_server import source_files as source_files_module
from lsp_server.nearby import Nearby
from lsp_server.source_files import judged, source_files
from lsp_server.workspace import Workspace
from model.serving.encoder import LineEncoder
from model.serving.project import Project
from model.serving.shelf import Shelf
from model.tokenizer import Tokenizer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(ROOT / "model" / "pretrained" / "tokenizer.json")


@pytest.fixture
def project(tokenizer: Tokenizer) -> Project:
    return Project(LineEncoder(tokenizer))


Start = Callable[..., Workspace]


@pytest.fixture
def start(project: Project) -> Iterator[Start]:
    """A workspace that has looked through some folders."""
    begun: list[Workspace] = []

    def begin(*folders: Path) -> Workspace:
        begun.append(Workspace(project, ["python"]))
        begun[-1].follow([str(folder) for folder in folders])
        return finished(begun[-1])

    yield begin
    for one in begun:
        one.close()


def finished(workspace: Workspace) -> Workspace:
    wait_until(lambda: workspace.state.complete)
    return workspace


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come to this"
        time.sleep(0.005)


def write(folder: Path, **files: str) -> None:
    """Files by path, with __ for a slash and Python's ending where there is none."""
    for name, text in files.items():
        lay(folder, name.replace("__", "/") + ".py", text)


def lay(folder: Path, name: str, text: str = "x = 1\n") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def text_of(project: Project, tokenizer: Tokenizer, path: str) -> str:
    for segment in project.view.segments:
        for index, name in enumerate(segment.paths):
            if name == path and segment.present[index]:
                return tokenizer.decode(segment.file(index)[:-1].tolist())
    raise AssertionError(f"{path} is not in the project")


def read(folder: Path) -> list[str]:
    return [
        Path(path).relative_to(folder).as_posix()
        for path, left_out in source_files(str(folder), ["python"])
        if left_out is None
    ]


def left_out(folder: Path) -> dict[str, str]:
    return {
        Path(path).relative_to(folder).as_posix(): reason
        for path, reason in source_files(str(folder), ["python"])
        if reason is not None
    }


# Which files


def test_source_files_of_the_languages_shallow_ones_first(tmp_path: Path) -> None:
    for name in ("b/c/deep.py", "b/x.pyi", "a.py", "a.js", "README.md", "z.py"):
        lay(tmp_path, name)
    assert read(tmp_path) == ["a.py", "z.py", "b/x.pyi", "b/c/deep.py"]
    assert left_out(tmp_path) == {}


def test_folders_that_hold_nobodys_own_source_are_not_opened(tmp_path: Path) -> None:
    names = [".git", ".tox", "node_modules", "__pycache__", "lib/site-packages", "venv", "conda"]
    for name in names:
        lay(tmp_path, f"{name}/deeper/inside.py")
    lay(tmp_path, "venv/pyvenv.cfg")
    (tmp_path / "conda" / "conda-meta").mkdir()
    lay(tmp_path, "own.py")
    assert read(tmp_path) == ["own.py"]
    assert left_out(tmp_path) == {
        **dict.fromkeys(
            (".git", ".tox", "node_modules", "__pycache__", "lib/site-packages"), "skipped folder"
        ),
        **dict.fromkeys(("venv", "conda"), "environment"),
    }


def test_the_workspace_folder_itself_is_read_whatever_it_is(tmp_path: Path) -> None:
    """People open hidden folders, and make their environment where the project is."""
    folder = tmp_path / ".config"
    lay(folder, "pyvenv.cfg")
    lay(folder, "own.py")
    lay(tmp_path, ".gitignore", ".config/\n")
    (tmp_path / ".git").mkdir()
    assert read(folder) == ["own.py"]


def test_secret_names_are_not_read(tmp_path: Path) -> None:
    names = [".env.py", "my_Secrets.py", "credentials.py", "id_rsa.py", "server.key.py", "secret/inside.py"]
    for name in (*names, "environment.py", "keyboard.py"):
        lay(tmp_path, name)
    assert read(tmp_path) == ["environment.py", "keyboard.py"]
    assert left_out(tmp_path) == dict.fromkeys((*names[:-1], "secret"), "secret")


def test_links_are_not_followed(tmp_path: Path) -> None:
    """In circles, out of the workspace, or to a secret under another name."""
    outside = lay(tmp_path, "outside/other.py")
    folder = tmp_path / "workspace"
    lay(folder, "own.py")
    lay(folder, ".env", "PASSWORD=x")
    (folder / "circle").symlink_to(folder)
    (folder / "other").symlink_to(outside.parent)
    (folder / "other.py").symlink_to(outside)
    (folder / "env.py").symlink_to(folder / ".env")
    assert read(folder) == ["own.py"]
    assert left_out(folder) == dict.fromkeys(("circle", "other", "other.py", "env.py"), "link")


def test_a_folder_that_is_not_there_is_said_to_be_unreadable(tmp_path: Path) -> None:
    assert left_out(tmp_path / "gone") == {".": "unreadable"}


# What git ignores. Each case: ignore files, and the files that are asked about.

IGNORE_FILES = {
    ".gitignore": "\n".join(
        [
            "# a comment",
            "*.pyi",
            "!kept.pyi",
            "/rooted.py",
            "folder_only/",
            "named",
            "!named/",
            "a/b",
            "deep/**/leaf.py",
            "**/anywhere/x.py",
            "inside/**",
            "!inside/back.py",
            "whole/",
            "!whole/never_back.py",
            "white/*",
            "!white/*/",
            "!white/*.py",
            r"\!bang.py",
            r"\#hash.py",
            "trailing.py   ",
            "[ab]?.py",
            "[!q]range.py",
            "unclosed[.py",
            "star*end.py",
            "twice//",
            "mid/**/",
            "!nested/again.py",
            "windows.py\r",
            "!",
            "/",
            "x\\",
        ]
    ),
    "nested/.gitignore": "!deep.pyi\nagain.py\n/only_here.py\nup/*.py\n!up/\n",
    "nested/more/.gitignore": "*\n!.gitignore\n!back/\n!back/*.py\n",
    ".git/info/exclude": "excluded.py\nrooted_exclude/\n*.last.py\n",
}
ASKED = """
    a.py stub.pyi kept.pyi x/kept.pyi rooted.py x/rooted.py folder_only/x.py x/folder_only/y.py
    x/folder_only.py named named.py x/named/y.py x/named a/b/c.py x/a/b/c.py a/bc.py deep/leaf.py
    deep/1/leaf.py deep/1/2/leaf.py deep/1/twig.py anywhere/x.py q/anywhere/x.py q/anywhere/y.py
    inside/back.py inside/out.py inside/d/x.py whole/x.py whole/never_back.py x/whole/y.py
    white/x.py white/x.pyi white/d/x.py white/d/y.pyi !bang.py bang.py #hash.py trailing.py ab.py
    cb.py zrange.py qrange.py unclosed[.py star_x_end.py star/x/end.py twice/x.py mid/x.py
    mid/d/x.py nested/again.py nested/deep.pyi nested/other.pyi nested/only_here.py
    nested/d/only_here.py nested/up/x.py nested/up/d/x.py nested/more/x.py nested/more/back/x.py
    nested/more/back/x.pyi nested/more/other/x.py excluded.py d/excluded.py rooted_exclude/x.py
    z.last.py windows.py
"""


def test_ignore_files_say_what_they_say_to_git(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git to compare with")
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, env=environment)
    asked = ASKED.split()
    asked = [name for name in asked if not any(other.startswith(name + "/") for other in asked)]
    for name in asked:
        lay(tmp_path, name)
    for name, text in IGNORE_FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    answer = subprocess.run(
        ["git", "check-ignore", "--stdin", "-z"],
        input="\0".join(asked).encode(), capture_output=True, cwd=tmp_path, env=environment, check=False,
    )  # fmt: skip
    ignored = set(filter(None, answer.stdout.decode().split("\0")))
    assert 20 < len(ignored) < len(asked) - 20  # both answers are tried
    kept = {name for name in asked if Path(name).suffix in (".py", ".pyi")} - ignored
    assert set(read(tmp_path)) == kept
    for name in asked:
        reason = judged(str(tmp_path / name), str(tmp_path))
        assert (reason == "ignored") == (name in ignored), name


def test_a_folder_within_a_repository_heeds_the_files_above_it(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    lay(tmp_path, ".gitignore", "*\n")  # outside of the repository
    lay(repository, ".gitignore", "generated.py\n/part/local.py\n")
    for name in ("generated.py", "local.py", "own.py", "d/local.py"):
        lay(repository, f"part/{name}")
    assert read(repository / "part") == ["own.py", "d/local.py"]


def test_tabwrightignore_has_the_last_word(tmp_path: Path) -> None:
    lay(tmp_path, ".gitignore", "build/\n")
    lay(tmp_path, "src/.gitignore", "!*.py\n")
    lay(tmp_path, ".tabwrightignore", "!build/\nprivate.py\n")
    for name in ("build/made.py", "src/private.py", "src/own.py"):
        lay(tmp_path, name)
    assert read(tmp_path) == ["build/made.py", "src/own.py"]


def test_an_ignore_file_cannot_stall_the_server(tmp_path: Path) -> None:
    """Each star of a line multiplies the time it takes: lines with many are passed over, others count."""
    lay(tmp_path, ".gitignore", "*a" * 12 + "b.py\nother.py\n")
    name = "a" * 200 + ".py"
    lay(tmp_path, name)
    lay(tmp_path, "other.py")
    os.mkfifo(tmp_path / ".tabwrightignore")
    assert read(tmp_path) == [name]


# What is in the project


def test_the_project_holds_the_files_under_the_names_that_holes_have(
    tmp_path: Path, project: Project, tokenizer: Tokenizer, start: Start
) -> None:
    write(tmp_path, a="a = 1\r\n", package__b="b = 2\n")
    state = start(tmp_path).state
    assert sorted(project.view.paths) == ["a.py", "package/b.py"]
    assert context.relative_path(str(tmp_path / "package" / "b.py"), [str(tmp_path)]) == "package/b.py"
    assert text_of(project, tokenizer, "a.py") == "a = 1\n"
    assert (state.files, state.tokens) == (2, len(project.view.tokens))


def test_content_that_nobody_wrote_is_left_out_and_counted(
    tmp_path: Path, project: Project, tokenizer: Tokenizer, start: Start
) -> None:
    write(tmp_path, good="x = 1\n", empty=" \n", long="x = '" + "y" * 5_000 + "'\n", large="x = 1\n" * 40_000)
    (tmp_path / "large_in_bytes.py").write_bytes(b"#" * 900_000)
    (tmp_path / "latin.py").write_bytes("# \xe9".encode("latin-1"))
    (tmp_path / os.fsdecode(b"na\xffme.py")).write_text("x = 1\n")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "marked.py").write_bytes(b"\xef\xbb\xbfy = 2\n")
    state = start(tmp_path).state
    assert sorted(project.view.paths) == ["good.py", "marked.py"]
    assert text_of(project, tokenizer, "marked.py") == "y = 2\n"
    assert state.left_out == {"empty": 1, "generated": 1, "large": 2, "not text": 2, "unreadable": 1}


def test_files_of_nested_folders_are_read_once_under_the_deepest(
    tmp_path: Path, project: Project, start: Start
) -> None:
    write(tmp_path, a="a = 1\n", inner__b="b = 2\n")
    inner = str(tmp_path / "inner")
    assert [path for path, _ in source_files(str(tmp_path), ["python"], apart=[inner])] == [
        str(tmp_path / "a.py")
    ]
    start(tmp_path, tmp_path / "inner")
    assert sorted(project.view.paths) == ["a.py", "b.py"]


def test_one_of_two_files_of_the_same_name_stays(
    tmp_path: Path, project: Project, tokenizer: Tokenizer, start: Start
) -> None:
    write(tmp_path, one__a="one = 1\n", two__a="two = 2\n")
    followed = start(tmp_path / "one", tmp_path / "two")
    assert followed.state.left_out == {"same name": 1}
    lay(tmp_path, "two/a.py", "three = 3\n")
    followed.changed(str(tmp_path / "two" / "a.py"))
    assert finished(followed).state.left_out == {"same name": 1}
    assert text_of(project, tokenizer, "a.py") == "one = 1\n"


def test_limits_cut_tests_and_what_lies_deep(
    tmp_path: Path, project: Project, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "MOST_FILES", 3)
    write(tmp_path, test_a="x = 1\n", tests__b="x = 1\n", a="x = 1\n", d__b="x = 1\n", d__e__c="x = 1\n")
    write(tmp_path, b__e__f__g="x = 1\n")
    followed = start(tmp_path)
    assert sorted(project.view.paths) == ["a.py", "d/b.py", "d/e/c.py"]
    assert followed.state.left_out == {"limit": 3}
    followed.changed(str(lay(tmp_path, "new.py")))
    assert finished(followed).state.left_out == {"limit": 4}
    assert len(project.view.paths) == 3


def test_a_search_without_end_is_given_up(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, a="a = 1\n", b="b = 1\n", c="c = 1\n", d__e="e = 1\n")
    monkeypatch.setattr(source_files_module, "_MOST_FOLDERS", 1)
    assert left_out(tmp_path) == {"d": "limit"}
    followed = start(Path("/"))
    assert (followed.state.files, followed.state.left_out) == (0, {})
    monkeypatch.setattr(workspace, "_MOST_FOUND", 2)
    assert start(tmp_path).state.files == 2


def test_a_full_project_takes_what_fits_and_keeps_nothing_stale(
    tmp_path: Path, project: Project, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.serving.project.MOST_TOKENS", 3_000)
    monkeypatch.setattr(workspace, "_BATCH", 1_000)
    for index in range(9):
        lay(tmp_path, f"m{index}.py", "".join(f"value_{index}_{n} = {n}\n" for n in range(100)))
    followed = start(tmp_path)
    held = sorted(project.view.paths)
    assert 0 < len(held) < 9
    assert held == [f"m{index}.py" for index in range(len(held))]
    assert followed.state.left_out == {"limit": 9 - len(held)}
    followed.changed(str(lay(tmp_path, "m0.py", "new = 1\n" * 3_000)))
    assert finished(followed).state.left_out == {"limit": 10 - len(held)}
    assert sorted(project.view.paths) == held[1:]


# Following


def test_changes_are_read_again(tmp_path: Path, project: Project, tokenizer: Tokenizer, start: Start) -> None:
    write(tmp_path, old="old = 1\n", gone="gone = 1\n", d__e="e = 1\n", d__f="f = 1\n", dd="dd = 1\n")
    lay(tmp_path, ".gitignore", "ignored.py\n")
    followed = start(tmp_path)
    (tmp_path / "gone.py").unlink()
    shutil.rmtree(tmp_path / "d")
    write(tmp_path, old="new = 2\n", made="made = 1\n", ignored="x = 1\n")
    lay(tmp_path, "README.md")
    for name in ("gone.py", "d", "old.py", "made.py", "ignored.py", "README.md", "../elsewhere.py", "."):
        followed.changed(str(tmp_path / name))
    finished(followed)
    assert sorted(project.view.paths) == ["dd.py", "made.py", "old.py"]
    assert text_of(project, tokenizer, "old.py") == "new = 2\n"
    assert followed.state.left_out == {"ignored": 1}
    assert followed.state.files == 3


def test_a_file_that_became_unreadable_is_forgotten(tmp_path: Path, project: Project, start: Start) -> None:
    write(tmp_path, a="a = 1\n", b="b = 1\n")
    followed = start(tmp_path)
    (tmp_path / "a.py").write_bytes(b"\xff")
    followed.changed(str(tmp_path / "a.py"))
    assert finished(followed).state.left_out == {"not text": 1}
    assert project.view.paths == ["b.py"]
    lay(tmp_path, "a.py", "a = 2\n")
    followed.changed(str(tmp_path / "a.py"))
    assert finished(followed).state.left_out == {}
    assert sorted(project.view.paths) == ["a.py", "b.py"]


def test_a_file_that_became_a_link_is_forgotten(tmp_path: Path, project: Project, start: Start) -> None:
    write(tmp_path, a="a = 1\n", b="b = 1\n")
    followed = start(tmp_path)
    (tmp_path / "a.py").unlink()
    (tmp_path / "a.py").symlink_to(tmp_path / "b.py")
    followed.changed(str(tmp_path / "a.py"))
    assert finished(followed).state.left_out == {"link": 1}
    assert project.view.paths == ["b.py"]


def test_changes_are_judged_from_the_deepest_folder(tmp_path: Path, project: Project, start: Start) -> None:
    write(tmp_path, a="a = 1\n", **{".inner__b": "b = 1\n"})
    followed = start(tmp_path, tmp_path / ".inner")
    followed.changed(str(lay(tmp_path, ".inner/c.py")))
    finished(followed)
    assert sorted(project.view.paths) == ["a.py", "b.py", "c.py"]


@pytest.mark.parametrize("name", [".gitignore", ".tabwrightignore"])
def test_a_changed_ignore_file_counts_for_all_files(
    tmp_path: Path, project: Project, start: Start, name: str
) -> None:
    write(tmp_path, a="a = 1\n", d__b="b = 1\n")
    followed = start(tmp_path)
    rules = lay(tmp_path, name, "b.py\n")
    followed.changed(str(rules))
    finished(followed)
    assert project.view.paths == ["a.py"]
    rules.unlink()
    followed.changed(str(rules))
    finished(followed)
    assert sorted(project.view.paths) == ["a.py", "d/b.py"]


def test_a_created_folder_is_looked_through(tmp_path: Path, project: Project, start: Start) -> None:
    followed = start(tmp_path)
    assert followed.state.files == 0
    write(tmp_path, d__e__a="a = 1\n")
    followed.changed(str(tmp_path / "d"))
    finished(followed)
    assert project.view.paths == ["d/e/a.py"]


def test_other_folders_take_the_place_of_the_first(tmp_path: Path, project: Project, start: Start) -> None:
    write(tmp_path, one__a="a = 1\n", one__empty="", two__b="b = 1\n")
    followed = start(tmp_path / "one")
    followed.follow([str(tmp_path / "two"), str(tmp_path / "gone")])
    assert finished(followed).state.left_out == {"unreadable": 1}
    assert project.view.paths == ["b.py"]
    followed.follow([])
    finished(followed)
    assert project.view.paths == []


def test_looking_through_again_reads_only_what_changed(
    tmp_path: Path, project: Project, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, a="a = 1\n", b="b = 1\n")
    followed = start(tmp_path)
    added: list[str] = []
    monkeypatch.setattr(project, "add", lambda files: added.extend(path for path, _ in files) or True)
    lay(tmp_path, "a.py", "a = 22\n")
    followed.follow([str(tmp_path)])
    finished(followed)
    assert added == ["a.py"]


class Slow(Project):
    """Adds while somebody else does something."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def add(self, files: Iterable[tuple[str, str]]) -> bool:
        self.meanwhile()
        return super().add(files)


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[str]:
    """Twenty files, each of which is a batch of its own."""
    monkeypatch.setattr(workspace, "_BATCH", 1)
    for index in range(20):
        lay(tmp_path, f"one/m{index:02}.py", f"m{index} = {index}\n")
    lay(tmp_path, "two/b.py")
    return [str(tmp_path / "one"), str(tmp_path / "two")]


def test_closing_and_following_overtake_what_is_under_way(tokenizer: Tokenizer, many: Sequence[str]) -> None:
    project = Slow(LineEncoder(tokenizer))
    followed = Workspace(project, ["python"])
    project.meanwhile = lambda: followed.follow(many[1:]) if len(project.view.paths) == 3 else None
    followed.follow(many[:1])
    finished(followed)
    assert project.view.paths == ["b.py"]
    project.meanwhile = lambda: followed.close() if len(project.view.paths) == 3 else None
    followed.follow(many)
    assert followed._thread is not None
    followed._thread.join(60)
    assert not followed._thread.is_alive()
    assert len(project.view.paths) == 4
    followed.follow(many)
    followed.changed(many[0])
    assert len(project.view.paths) == 4


def test_rests_three_times_as_long_as_it_works(
    many: Sequence[str], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 100_000, 1))
    rests: list[float] = []

    def wait_for(self: object, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        if timeout is not None and timeout > workspace._SETTLE:
            rests.append(timeout)
            timeout = 0
        return original(self, predicate, timeout)  # type: ignore[arg-type]

    original = workspace.threading.Condition.wait_for
    monkeypatch.setattr(workspace.time, "thread_time", lambda: float(next(clock)))
    monkeypatch.setattr(workspace.threading.Condition, "wait_for", wait_for)
    start(Path(many[0]))
    assert len(rests) >= 20
    assert set(rests) == {3.0}  # each look at the clock is a second later than the last


# Nothing stops the thread


def test_an_error_costs_one_file_and_is_told_once(
    tmp_path: Path,
    project: Project,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(path: str, stamp: object) -> tuple[str, None]:
        if "bad" in path:
            raise RuntimeError("a bug")
        return original(path, stamp)  # type: ignore[arg-type, return-value]

    original = workspace.text_of
    monkeypatch.setattr(workspace, "text_of", fail)
    write(tmp_path, a_bad="x = 1\n", b="x = 1\n", c_bad="x = 1\n", d="x = 1\n")
    followed = start(tmp_path)
    assert sorted(project.view.paths) == ["b.py", "d.py"]
    assert followed.state.left_out == {"error": 2}
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert told[0].exc_info is not None


def test_an_error_of_the_project_costs_one_file(
    tmp_path: Path, project: Project, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(files: Iterable[tuple[str, str]]) -> bool:
        files = list(files)
        if any("bad" in text for _, text in files):
            raise RuntimeError("a bug")
        return original(files)

    original = project.add
    monkeypatch.setattr(project, "add", fail)
    write(tmp_path, a="x = 1\n", b="bad = 1\n", c="x = 1\n")
    followed = start(tmp_path)
    assert sorted(project.view.paths) == ["a.py", "c.py"]
    assert followed.state.left_out == {"error": 1}
    followed.changed(str(lay(tmp_path, "b.py", "good = 1\n")))
    assert finished(followed).state.left_out == {}
    assert sorted(project.view.paths) == ["a.py", "b.py", "c.py"]


def test_what_may_not_be_read_is_passed_over(tmp_path: Path, project: Project, start: Start) -> None:
    write(tmp_path, a="a = 1\n", b="b = 1\n", d__c="c = 1\n")
    (tmp_path / "a.py").chmod(0)
    (tmp_path / "d").chmod(0)
    if os.access(tmp_path / "a.py", os.R_OK):
        pytest.skip("this user may read everything")
    try:
        assert start(tmp_path).state.left_out == {"unreadable": 2}
    finally:
        (tmp_path / "d").chmod(0o700)
    assert project.view.paths == ["b.py"]


def test_importing_it_loads_neither_numpy_nor_pathspec() -> None:
    """The server answers initialize before it loads what is slow."""
    code = "import lsp_server.workspace, sys; sys.exit(bool({'numpy', 'pathspec'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# What is kept on disk, and what neighbours are chosen from


@pytest.fixture
def shelf(tmp_path: Path, tokenizer: Tokenizer) -> Shelf:
    return Shelf(tmp_path / "cache", tokenizer_sha256=tokenizer.sha256, dtype=np.uint16)


def begun(project: Project, folder: Path, **more: object) -> Workspace:
    one = Workspace(project, ["python"], **more)  # type: ignore[arg-type]
    one.follow([str(folder)])
    return finished(one)


def test_the_next_start_encodes_only_what_has_changed(
    tmp_path: Path, tokenizer: Tokenizer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    write(folder, cart="total = 1\n", gone="x = 1\n", changed="old = 1\n", pkg__deep="deep = 1\n")
    begun(Project(LineEncoder(tokenizer)), folder, shelf=shelf).close()
    (folder / "gone.py").unlink()
    write(folder, changed="new_text = 22\n", fresh="fresh = 1\n")
    encoded: list[str] = []
    encode = LineEncoder.encode
    monkeypatch.setattr(LineEncoder, "encode", lambda s, text: encoded.append(text) or encode(s, text))
    again, nearby = Project(LineEncoder(tokenizer)), Nearby()
    workspace = begun(again, folder, shelf=shelf, nearby=nearby)
    assert sorted(again.view.paths) == ["cart.py", "changed.py", "fresh.py", "pkg/deep.py"]
    assert sorted(encoded) == ["fresh = 1\n", "new_text = 22\n"]
    assert len(nearby) == 4, "the neighbours' texts are read again"
    assert workspace.state.files == 4
    workspace.close()
    third = Project(LineEncoder(tokenizer))
    begun(third, folder, shelf=shelf).close()
    assert sorted(third.view.paths) == sorted(again.view.paths)
    assert len(encoded) == 2, "and what the second start found was kept as well"


def test_what_was_taken_over_counts_while_it_is_looked_at_again(
    tmp_path: Path, tokenizer: Tokenizer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine that takes long, and the progress bar would say that there are no files."""
    folder = tmp_path / "shop"
    write(folder, cart="total = 1\n", order="x = 1\n")
    begun(Project(LineEncoder(tokenizer)), folder, shelf=shelf).close()
    known: list[int] = []
    look = Workspace._look_through
    monkeypatch.setattr(Workspace, "_look_through", lambda self: known.append(self.state.files) or look(self))
    begun(Project(LineEncoder(tokenizer)), folder, shelf=shelf).close()
    assert known == [2]


def test_a_broken_index_and_a_full_disk_only_cost_time(
    tmp_path: Path, tokenizer: Tokenizer, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    write(folder, cart="total = 1\n")
    begun(Project(LineEncoder(tokenizer)), folder, shelf=shelf).close()
    shelf.path([str(folder)]).write_bytes(b"PK\x03\x04 no archive")

    def full(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(Shelf, "save", full)
    project = Project(LineEncoder(tokenizer))
    begun(project, folder, shelf=shelf).close()
    assert project.view.paths == ["cart.py"]


def test_an_index_of_a_file_that_is_ignored_since_is_not_used(
    tmp_path: Path, tokenizer: Tokenizer, shelf: Shelf
) -> None:
    folder = tmp_path / "shop"
    write(folder, cart="total = 1\n", private="pin = 4711\n")
    begun(Project(LineEncoder(tokenizer)), folder, shelf=shelf).close()
    lay(folder, ".tabwrightignore", "private.py\n")
    project, nearby = Project(LineEncoder(tokenizer)), Nearby()
    begun(project, folder, shelf=shelf, nearby=nearby).close()
    assert project.view.paths == ["cart.py"]
    assert len(nearby) == 1
    third = shelf.load([str(folder)])
    assert third is not None
    assert "private.py" not in third.known


def test_neighbours_follow_what_changes_on_disk(tmp_path: Path, project: Project) -> None:
    folder, nearby = tmp_path / "shop", Nearby()
    write(folder, cart="total = 1\n")
    workspace = begun(project, folder, nearby=nearby)
    new = lay(folder, "till.py", "coins = 1\n")
    workspace.changed(str(new))
    finished(workspace)
    wait_until(lambda: len(nearby) == 2)
    new.unlink()
    workspace.changed(str(new))
    wait_until(lambda: len(nearby) == 1)
    workspace.follow([])
    wait_until(lambda: len(nearby) == 0)
    workspace.close()
