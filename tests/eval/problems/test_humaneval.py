import io
import json

import pytest
from rich.console import Console

from eval.problems import answers, humaneval, judging
from eval.problems import humaneval_problems as problems
from eval.problems.generate import Sampling
from eval.problems.sandbox import Limits, Verdict
from eval.results import model_checksum
from model.errors import ConfigError, DataError

PROBLEMS = problems.load()


def reference(prompt):
    return next(p.canonical_solution for p in PROBLEMS if prompt.endswith(p.prompt))


def evaluate(engine, out, *, sampling=None, ks=(1,), limit=3, workers=2, console=None):
    return humaneval.run(
        engine=engine,
        sampling=sampling or Sampling(max_tokens=900),
        ks=ks,
        limits=Limits(),
        out=out,
        workers=workers,
        limit=limit,
        console=console or Console(file=io.StringIO(), width=100),
    )


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_from_prompts_to_result(fake_engine, tmp_path):
    text = io.StringIO()
    wrong = PROBLEMS[1].prompt
    engine = fake_engine(lambda prompt: "    pass\n" if prompt.endswith(wrong) else reference(prompt))
    result = evaluate(engine, tmp_path / "out", console=Console(file=text, width=100))
    assert (result["problems"], result["samples"], result["passed"]) == (3, 3, 2)
    assert result["pass_at_k"][0]["value"] == pytest.approx(2 / 3)
    assert result["pass_at_k"][0]["method"] == "wilson"
    assert result["model"] == model_checksum(engine)
    assert sum(result["outcomes"].values()) == 3
    assert result["settings"]["sampling"]["max_tokens"] == 900
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
    assert [line["passed"] for line in lines(tmp_path / "out" / "verdicts.jsonl")] == [True, False, True]
    assert not list((tmp_path / "out").glob("*.tmp"))
    assert "2/3" in text.getvalue()
    assert "pass@1" in text.getvalue()


def test_what_follows_the_function_is_not_executed(fake_engine, tmp_path):
    engine = fake_engine(lambda prompt: reference(prompt) + "\nimport sys\nsys.exit(1)\n")
    result = evaluate(engine, tmp_path / "out")
    assert result["passed"] == 3
    assert result["truncated"] == 3


def test_several_samples(fake_engine, tmp_path):
    asked = []

    def every_other(prompt):
        asked.append(prompt)
        return reference(prompt) if len(asked) % 2 else "    pass\n"

    engine = fake_engine(every_other)
    sampling = Sampling(samples=4, temperature=0.8, max_tokens=900)
    result = evaluate(engine, tmp_path / "out", sampling=sampling, ks=(1, 4), limit=2)
    assert [found["value"] for found in result["pass_at_k"]] == [0.5, 1.0]
    assert [found["method"] for found in result["pass_at_k"]] == ["bootstrap", "wilson"]
    assert len(set(engine.seeds)) == 8
    assert engine.forgotten == 8  # no answer depends on the one before


def test_a_killed_run_goes_on(fake_engine, tmp_path):
    class Killed(BaseException):
        pass

    def killed_at_the_third(prompt):
        if len(engine.prompts) == 3:
            raise Killed
        return reference(prompt)

    engine = fake_engine(killed_at_the_third)
    with pytest.raises(Killed):
        evaluate(engine, tmp_path / "out", limit=5)
    path = tmp_path / "out" / "samples.jsonl"
    assert len(lines(path)) == 1 + 2
    path.write_bytes(path.read_bytes() + b'{"task_id": "HumanEval/2", "sam')
    engine.answer, engine.prompts[:] = reference, []
    result = evaluate(engine, tmp_path / "out", limit=5)
    assert len(engine.prompts) == 3
    assert result["passed"] == 5
    assert [line["task_id"] for line in lines(path)[1:]] == [f"HumanEval/{i}" for i in range(5)]
    assert evaluate(engine, tmp_path / "out", limit=5)["passed"] == 5
    assert len(engine.prompts) == 3


@pytest.mark.parametrize("left", [b"", b'{"format": 1, "pro'])
def test_a_run_killed_at_its_first_line_starts_over(fake_engine, tmp_path, left):
    path = tmp_path / "out" / "samples.jsonl"
    path.parent.mkdir()
    path.write_bytes(left)
    assert evaluate(fake_engine(reference), tmp_path / "out", limit=1)["passed"] == 1
    assert lines(path)[0]["format"] == answers.FORMAT


def test_other_settings_are_refused_in_a_sentence(fake_engine, tmp_path):
    engine = fake_engine(reference)
    evaluate(engine, tmp_path / "out", limit=1)
    kept = (tmp_path / "out" / "samples.jsonl").read_bytes()
    with pytest.raises(
        ConfigError, match=r"was made with max_tokens 900 instead of 800; choose another --out"
    ):
        evaluate(engine, tmp_path / "out", limit=1, sampling=Sampling(max_tokens=800))
    (engine.release.folder / "meta.json").write_text('{"another": 1}')
    with pytest.raises(ConfigError, match=r"was made with model [0-9a-f]{64} instead of"):
        evaluate(engine, tmp_path / "out", limit=1)
    assert (tmp_path / "out" / "samples.jsonl").read_bytes() == kept


@pytest.mark.parametrize("bad", [b"nonsense\n", b'{"task_id": "HumanEval/0"}\n', b"[1]\n"])
def test_a_broken_line_is_named(fake_engine, tmp_path, bad):
    engine = fake_engine(reference)
    evaluate(engine, tmp_path / "out", limit=1)
    path = tmp_path / "out" / "samples.jsonl"
    path.write_bytes(path.read_bytes() + bad)
    with pytest.raises(DataError, match=r"samples\.jsonl, line 3, is not a sample"):
        evaluate(engine, tmp_path / "out", limit=1)


def test_a_foreign_first_line_is_refused(fake_engine, tmp_path):
    path = tmp_path / "out" / "samples.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"[1]\n")
    with pytest.raises((ConfigError, DataError), match=r"samples\.jsonl"):
        evaluate(fake_engine(reference), tmp_path / "out", limit=1)
    assert path.read_bytes() == b"[1]\n"


@pytest.mark.parametrize("bad", [{"ks": ()}, {"ks": (0,)}, {"ks": (1, 2)}, {"workers": 0}, {"limit": 0}])
def test_settings_that_do_not_fit_are_refused_before_anything_runs(fake_engine, tmp_path, bad):
    engine = fake_engine(reference)
    with pytest.raises(ConfigError):
        evaluate(engine, tmp_path / "out", **bad)
    assert not engine.prompts
    assert not (tmp_path / "out").exists()


def test_the_default_folder_names_the_model(fake_engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = fake_engine(reference)
    evaluate(engine, None, limit=1)
    checksum = model_checksum(engine)
    assert (tmp_path / "runs" / "humaneval" / checksum[:12] / "result.json").is_file()


def test_greedy_and_drawn_answers_of_a_model_are_kept_apart(fake_engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = fake_engine(reference)
    greedy = evaluate(engine, None, limit=1)
    drawn = evaluate(
        engine, None, limit=1, sampling=Sampling(samples=2, temperature=0.4, max_tokens=900), ks=(1, 2)
    )
    folders = sorted(path.name.partition("-")[2] for path in (tmp_path / "runs" / "humaneval").iterdir())
    assert folders == ["", "n2-t0.4"]
    results = [humaneval.as_result(one, engine) for one in (greedy, drawn)]
    assert [one.kind for one in results] == ["humaneval-greedy", "humaneval-drawn"]
    (both,) = [one for one in results[1].figures if one.name == "pass@2"]
    assert (both.value, both.n, both.where) == (1.0, 1, {"samples": "2", "temperature": "0.4"})
    assert results[0].model.checksum == model_checksum(engine)


def test_equal_answers_run_once(fake_engine, tmp_path, monkeypatch):
    ran = []

    def counted(program, *, tests, limits):
        ran.append(program)
        return Verdict(passed=True, outcome="passed", detail="", seconds=0.0)

    monkeypatch.setattr(judging, "run_program", counted)
    sampling = Sampling(samples=5, temperature=0.4, max_tokens=900)
    result = evaluate(fake_engine(reference), tmp_path / "out", sampling=sampling, limit=2)
    assert len(ran) == 2
    assert (result["samples"], result["passed"]) == (10, 10)
