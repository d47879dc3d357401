import gzip
import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from eval import results
from eval.cli import app
from eval.problems import infilling, infilling_problems
from eval.problems.sandbox import Limits
from model.errors import ConfigError, DataError

CLAMP = '''def clamp(value, low, high):
    """Keep a value within bounds."""
    if value < low:
        return low
    if value > high:
        return high
    return value
'''
RUNS = '''def runs(text):
    """How often each character stands in a row."""
    found = []
    for character in text:
        if found and found[-1][0] == character:
            found[-1][1] += 1
        else:
            found.append([character, 1])
    return [(character, count) for character, count in found]
'''
CHECKS = {
    "clamp": "def check(candidate):\n    assert [candidate(x, 2, 5) for x in (1, 3, 9)] == [2, 3, 5]\n",
    "runs": "def check(candidate):\n    assert candidate('aabc') == [('a', 2), ('b', 1), ('c', 1)]\n",
}


def record(task_id, source, start, end):
    name = source[4 : source.index("(")]
    return {
        "task_id": task_id,
        "prompt": source[:start],
        "suffix": source[end:],
        "canonical_solution": source[start:end],
        "test": CHECKS[name],
        "entry_point": name,
    }


def lines_of(source, number):
    """One problem for each line below the docstring."""
    start = source.index('"""\n') + 4
    for count, line in enumerate(source[start:].splitlines(keepends=True)):
        yield record(f"SingleLineInfilling/Own/{number}/L{count}", source, start, start + len(line))
        start += len(line)


LINES = [*lines_of(CLAMP, 0), *lines_of(RUNS, 1)]
# "found[-1][1] += 1\n        else" and "value > high"
SPANS = [
    record(
        "RandomSpanInfillingLight/Own/1/1",
        RUNS,
        RUNS.index("found[-1][1]"),
        RUNS.index(":\n            found.a"),
    ),
    record(
        "RandomSpanInfillingLight/Own/0/1",
        CLAMP,
        CLAMP.index("value > high"),
        CLAMP.index(":\n        return high"),
    ),
]


@pytest.fixture
def lines(tmp_path):
    return write(tmp_path / "Lines.jsonl.gz", LINES)


@pytest.fixture
def spans(tmp_path):
    return write(tmp_path / "Spans.jsonl", SPANS)


def write(path, records):
    content = "".join(json.dumps(one) + "\n" for one in records).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def solution(prompt, records):
    """What was taken out, found by the text before the hole as it stands at the prompt's end."""
    return next(one["canonical_solution"] for one in records if prompt.endswith(one["prompt"]))


def evaluate(file, engine, out, *, console=None, **options):
    chosen = {"max_tokens": 100, "workers": 1, "limit": None, **options}
    return infilling.run(
        file=file,
        engine=engine,
        limits=Limits(),
        out=out,
        console=console or Console(file=io.StringIO(), width=120),
        **chosen,
    )


def value(found, name, **where):
    (one,) = [f for f in found.figures if f.name == name and where.items() <= f.where.items()]
    return one.value


def test_what_was_taken_out_passes_in_both_forms_and_nothing_does_not(lines, spans, tmp_path):
    for file, count in ((lines, len(LINES)), (spans, len(SPANS))):
        gold = evaluate(file, None, tmp_path / "g", reference=lambda p: p.canonical_solution, name="gold")
        for form in infilling.FORMS:
            assert gold.facts["outcomes"][form] == {"passed": count}
            assert value(gold, "exact match", answer=form) == 1
        empty = evaluate(file, None, tmp_path / "e", reference=lambda p: "", name="empty")
        assert empty.facts["outcomes"]["raw"].get("passed", 0) == 0
        assert empty.facts["model"] == "empty"


def test_a_model_that_does_not_stop_passes_truncated_only(fake_engine, lines, tmp_path):
    text = io.StringIO()
    engine = fake_engine(lambda prompt: solution(prompt, LINES) + "    what follows\n" * 20)
    found = evaluate(lines, engine, tmp_path / "out", console=Console(file=text, width=120))
    assert value(found, "pass@1", answer="raw") == 0
    assert value(found, "pass@1", answer="truncated") == 1
    assert value(found, "exact match", answer="raw") == 0
    assert value(found, "exact match", answer="truncated") == 1
    assert value(found, "ended by itself") == 0
    assert found.facts["stop_reasons"] == {"length": len(LINES)}
    assert f"n = {len(LINES)}" in text.getvalue()
    assert "0.0 %" in text.getvalue()
    assert "100.0 %" in text.getvalue()


def test_a_span_that_runs_on_into_the_text_behind_passes_truncated_only(fake_engine, spans, tmp_path):
    def runs_on(prompt):
        one = next(one for one in SPANS if prompt.endswith(one["prompt"]))
        return one["canonical_solution"] + one["suffix"]

    found = evaluate(spans, fake_engine(runs_on), tmp_path / "out", max_tokens=400)
    assert value(found, "pass@1", answer="raw") == 0
    assert value(found, "pass@1", answer="truncated") == 1
    assert value(found, "ended by itself") == 1


def test_the_model_sees_both_sides_and_not_the_answer(fake_engine, lines, tmp_path):
    engine = fake_engine(lambda prompt: "")
    evaluate(lines, engine, tmp_path / "out", limit=1)
    (asked,) = engine.prompts
    text = engine.tokenizer.decode(asked.tokens) + asked.pending
    assert text.endswith(LINES[0]["prompt"])
    assert LINES[0]["suffix"] in text
    assert LINES[0]["canonical_solution"] not in text
    assert engine.memories == [None]


def test_with_the_memory_the_file_itself_is_remembered(fake_engine, lines, tmp_path):
    engine = fake_engine(lambda prompt: solution(prompt, LINES))
    with pytest.raises(ConfigError, match=r"no numbers for the memory.*leave --memory out"):
        evaluate(lines, engine, tmp_path / "out", with_memory=True)
    engine.release = replace(engine.release, memory="numbers")
    found = evaluate(lines, engine, tmp_path / "out", with_memory=True, limit=1)
    ((_, hole),) = engine.memories
    assert (hole.prefix, hole.suffix) == (LINES[0]["prompt"], LINES[0]["suffix"])
    assert found.as_result().kind == "infilling-single-line-with-memory"
    with pytest.raises(ConfigError, match="memory True instead of False"):
        evaluate(lines, engine, tmp_path / "out", limit=1)


def test_a_killed_run_goes_on(fake_engine, lines, tmp_path):
    class Killed(BaseException):
        pass

    def killed_at_the_fourth(prompt):
        if len(engine.prompts) == 4:
            raise Killed
        return solution(prompt, LINES)

    engine = fake_engine(killed_at_the_fourth)
    with pytest.raises(Killed):
        evaluate(lines, engine, tmp_path / "out")
    engine.answer, engine.prompts[:] = (lambda prompt: solution(prompt, LINES)), []
    found = evaluate(lines, engine, tmp_path / "out")
    assert len(engine.prompts) == len(LINES) - 3
    assert value(found, "pass@1", answer="raw") == 1
    with pytest.raises(ConfigError, match="max_tokens 100 instead of 50"):
        evaluate(lines, engine, tmp_path / "out", max_tokens=50)
    other = write(tmp_path / "Other.jsonl", LINES[1:])
    with pytest.raises(ConfigError, match="was made with file"):
        evaluate(other, engine, tmp_path / "out")


def test_the_result_names_model_file_and_n_and_keeps_all_answers(fake_engine, lines, tmp_path):
    wrong = LINES[1]["prompt"]
    engine = fake_engine(lambda p: "        return high\n" if p.endswith(wrong) else solution(p, LINES))
    found = evaluate(lines, engine, tmp_path / "out")
    path = results.write(found.as_result(), tmp_path / "results")
    read = results.read(path)
    assert path.name == f"infilling-single-line-{results.model_of(engine).checksum[:12]}.json"
    assert read.settings["file_sha256"] == infilling_problems.load(lines).sha256
    one = read.find("pass@1", answer="raw", variant="model")
    assert (one.n, one.value) == (len(LINES), pytest.approx(1 - 1 / len(LINES)))
    assert one.low < one.value < one.high
    assert [sample["raw_outcome"] for sample in read.samples].count("failed") == 1
    kept = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [answer["task_id"] for answer in kept["answers"]] == [problem["task_id"] for problem in LINES]
    assert not list((tmp_path / "out").glob("*.partial"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no problems"),
        (b"nonsense\n", "line 1, is not an infilling problem"),
        (b'\n{"task_id": "a"}\n', "line 2, is not an infilling problem"),
        (json.dumps({**LINES[0], "suffix": 3}).encode(), "has a suffix that is not a text"),
        ((json.dumps(LINES[0]) + "\n").encode() * 2, "line 2, has the problem .* again"),
        ((json.dumps(LINES[0]) + "\n" + json.dumps(SPANS[0])).encode(), "mixes problems of single-line and"),
        (gzip.compress(b"cut short", mtime=0)[:-4], "cannot be read as infilling problems"),
        (b"\xff\xfe", "cannot be read as infilling problems"),
    ],
)
def test_a_file_without_infilling_problems_is_refused_in_a_sentence(content, message, tmp_path):
    path = tmp_path / "Problems.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        infilling_problems.load(path)


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        infilling_problems.load(tmp_path / "absent.jsonl")


def test_a_file_is_known_by_its_content_packed_or_not(lines, tmp_path):
    plain = write(tmp_path / "Plain.jsonl", LINES)
    assert infilling_problems.load(lines).sha256 == infilling_problems.load(plain).sha256
    assert infilling_problems.load(plain).family == "single-line"


def invoke(*arguments):
    return CliRunner().invoke(app, ["infilling", *arguments], catch_exceptions=False, standalone_mode=False)


def test_the_command_writes_the_answers_and_the_result(fake_engine, lines, tmp_path, monkeypatch):
    import model.serving.engine as serving

    engine = fake_engine(lambda prompt: solution(prompt, LINES))
    monkeypatch.setattr(serving.Engine, "load", classmethod(lambda cls, folder, *, threads: engine))
    monkeypatch.chdir(tmp_path)
    invoke("--file", str(lines), "--limit", "2", "--json", "a.json", "--workers", "1")
    assert len(json.loads((tmp_path / "a.json").read_text())["answers"]) == 2
    assert not (tmp_path / "runs" / "results").exists()  # the first few problems are no result
    invoke("--file", str(lines), "--workers", "1")
    (path,) = (tmp_path / "runs" / "results").iterdir()
    assert results.read(path).figures[0].n == len(LINES)
    assert len(engine.prompts) == len(LINES)


def test_the_command_checks_the_harness(lines, tmp_path):
    output = invoke("--file", str(lines), "--gold", "--limit", "2", "--out", str(tmp_path / "out")).output
    assert "100.0 %" in output
    assert "2/2" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gold", "--empty"], "one at a time"),
        (["--gold", "--memory"], "leave --model and --memory out"),
        (["--empty", "--model", "x"], "leave --model and --memory out"),
        (["--gold", "--timeout", "0"], "above 0"),
    ],
)
def test_options_that_do_not_fit(arguments, message, lines):
    with pytest.raises(ConfigError, match=message):
        invoke("--file", str(lines), *arguments)
