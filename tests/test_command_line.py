"""The command line as a whole: quick to ask, clear when it fails."""

from __future__ import annotations

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


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "tabwright.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


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


@pytest.mark.parametrize("name", [n for n in tabwright.COMMANDS if n not in ("data", "eval", "model")])
def test_every_command_shows_an_example(name: str) -> None:
    assert f"Example: tabwright {name}" in " ".join(_run(name, "--help").stdout.split())


@pytest.mark.parametrize(
    "names",
    [
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
    ],
)
def test_every_sub_command_shows_an_example(names: tuple[str, str]) -> None:
    assert f"Example: tabwright {' '.join(names)}" in " ".join(_run(*names, "--help").stdout.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
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
    ],
)
def test_bad_input_ends_in_one_sentence_and_a_failing_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(ROOT)
    done = _run(*(a.format(tmp=tmp_path) for a in arguments))
    assert done.returncode == 1, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
