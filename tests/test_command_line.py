"""The command line as a whole: quick to ask, clear when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tabwright

ROOT = Path(__file__).parents[1]


def test_a_command_without_its_extra_says_what_to_install() -> None:
    code = f"""
import runpy, sys
for name in ("datasketch", "torch"):
    sys.modules[name] = None
sys.path.insert(0, {str(ROOT)!r})
import tabwright
sys.argv = ["tabwright", *sys.argv[1:]]
tabwright.main()
"""
    for arguments, extra in ((["data", "build"], "data"), (["train"], "train")):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert f"run: pip install 'tabwright[{extra}]'" in done.stderr


def test_help_names_every_command_and_imports_none_of_them() -> None:
    code = f"""
import runpy, sys
sys.argv = ["tabwright", "--help"]
try:
    runpy.run_path({str(ROOT / "tabwright.py")!r}, run_name="__main__")
except SystemExit:
    pass
print(sorted({{m.partition(".")[0] for m in sys.modules}}), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in tabwright.COMMANDS:
        assert name in done.stdout or name in done.stderr
    for heavy in ("numpy", "tokenizers", "pygls", "onnxruntime", "torch", "model", "lsp_server", "eval"):
        assert f"'{heavy}'" not in done.stderr


HELP = [
    *((name,) for name in tabwright.COMMANDS if name not in ("data", "eval", "model")),
    ("data", "build"),
    ("data", "unpack"),
    ("model", "fit-memory"),
    ("eval", "memory"),
    ("eval", "positions"),
    ("eval", "bench", "memory"),
    ("eval", "humaneval"),
    ("eval", "bits"),
    ("eval", "bench", "engine"),
    ("eval", "bench", "shape"),
]
WRONG = [
    (("train", "--preset", "huge"), "there is no preset 'huge'"),
    (("train", "--data", "no/shards", "--out", "{tmp}"), "no/shards holds no manifest.json"),
    (("data", "build", "--manifest", "no.json"), "there is no manifest no.json"),
    (("data", "build", "--vocabulary", "20", "--out", "{tmp}", "--length", "1"), "rows of 1 tokens"),
    (("complete", "no/file.py", "1", "1"), "no/file.py"),
    (("complete", "tabwright.py", "99999", "1"), "99999"),
    (("complete", "tabwright.py", "1", "1", "--model", "no/model"), "no/model"),
    (("train", "--rate", "0"), "--rate 0.0 is out of range"),
    (("export", "no/checkpoint", "--out", "{tmp}/m"), "no/checkpoint"),
    (("eval", "humaneval", "--model", "no/model"), "no/model"),
    (("model", "fit-memory", "no/model", "."), "no/model"),
    (("data", "unpack", "{tmp}", "--split", "all"), "there is no split 'all'"),
    (("eval", "memory", "--variants", "none"), "there is no variant 'none'"),
    (("eval", "bits", "--split", "train"), "no held-out split 'train'"),
    (("eval", "bench", "engine", "--shape", "100x6"), "--shape 100x6 is out of range"),
    (("eval", "bench", "engine", "--threads", "x"), "--threads 'x' is not a list of numbers"),
    (("eval", "bench", "engine", "--model", "no/model"), "no/model"),
    (("eval", "bench", "shape", "--sizes", "3"), "there are no shapes of 3 million weights"),
    (("export", "no/checkpoint", "--to", "gguf", "--out", "{tmp}/m"), "no/checkpoint"),
    (("export", "no/checkpoint", "--to", "pt", "--out", "{tmp}/m"), "there is no format 'pt'"),
]
# One process for all of them: most of each would be the imports. What comes past Python's own streams, from a
# library that is loaded, is seen at the end.
ALL = """
import contextlib, io, json, sys, traceback
import tabwright
answers = []
for arguments in json.load(sys.stdin):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["tabwright", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            tabwright.main()
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
    answers.append((code, out.getvalue(), err.getvalue()))
json.dump(answers, sys.stdout)
"""
Answer = tuple[int, str, str]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Answer]:
    """Exit code, standard output and standard error of each command line above."""
    asked = [(*names, "--help") for names in HELP] + [arguments for arguments, _ in WRONG]
    filled = [[a.format(tmp=tmp_path_factory.mktemp("out")) for a in arguments] for arguments in asked]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALL],
        input=json.dumps(filled), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return dict(zip(asked, map(tuple, json.loads(done.stdout)), strict=True))


@pytest.mark.parametrize("names", HELP, ids=" ".join)
def test_every_command_shows_an_example(said: dict[tuple[str, ...], Answer], names: tuple[str, ...]) -> None:
    code, out, _ = said[*names, "--help"]
    assert code == 0
    assert f"Example: tabwright {' '.join(names)}" in " ".join(out.split())


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_bad_input_ends_in_one_sentence_and_a_failing_exit_code(
    said: dict[tuple[str, ...], Answer], arguments: tuple[str, ...], sentence: str
) -> None:
    code, _, err = said[arguments]
    assert code == 1, err
    assert sentence in err
    assert len(err.strip().splitlines()) == 1, err
    assert "Traceback" not in err


def test_the_file_is_a_program_of_its_own() -> None:
    """As the tests above call it, but for the process: the exit code and the sentence leave it."""
    done = subprocess.run(
        [sys.executable, "-I", str(ROOT / "tabwright.py"), "complete", "no/file.py", "1", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("tabwright: ")
    assert "no/file.py" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
