import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.problems import humaneval_problems as problems
from eval.problems.generate import BodyEnd, Sampling, body_end, complete, seed_of
from model.errors import ConfigError

PROMPT = 'def f(x):\n    """Doc."""\n'


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        ("    return x\n\n", "def g():\n    pass\n"),
        ("    return x\n", "# a comment\n"),
        ("    return x\n\n\n", "print(f(1))\n"),
        ("    return x\n", "if __name__ == '__main__':\n    f(1)\n"),
        ("    return x\n", "class A:\n    pass\n"),
        ("    return x\n", "@decorated\ndef g(): ...\n"),
        ("    return x\n", '"""A string of its own."""\n'),
        ("    return x\n", "x"),
        ("", "def g():\n"),
        ("\n\n    return x\n", "\\\n"),
        ('    s = """\ndef not_code():\n"""\n    return s\n', "def g():\n"),
        ("    s = '''a\\'''\nclass B\n'''\n    return s\n", "import os\n"),
        ("    return [\n1,\n2,\n]\n", "def g():\n"),
        ("    return (\nx # )\n)\n", "def g():\n"),
        ("    return x + \\\n1\n", "def g():\n"),
        ("    s = 'a\\\nb'\n    return s\n", "def g():\n"),
        ("    s = '[(' + \"{\"\n", "def g():\n"),
        ("    # it's [\n    return x\n", "def g():\n"),
        ("    s = 'unclosed [\n", "def g():\n"),
        ("    return x\n)\n    y\n", "z\n"),
        ("\treturn x\n", "def g():\n"),
        ("    return x # \\\n", "def g():\n"),
        ("    s = ''\n", "def g():\n"),
        ('    s = """"quoted" \\""""\n', "def g():\n"),
    ],
)
def test_where_the_body_ends(body, rest):
    assert body_end(PROMPT, body + rest) == len(body)
    assert body_end(PROMPT, body) == len(body)


def test_a_prompt_that_stops_in_a_line_goes_on():
    assert body_end("def f(x): ", "return x\nf(1)") == len("return x\n")


def test_every_reference_solution_is_whole_and_nothing_more():
    for problem in problems.load():
        solution = problem.canonical_solution
        assert body_end(problem.prompt, solution) == len(solution), problem.task_id
        assert body_end(problem.prompt, f"{solution}\n\ndef other():\n") == len(solution) + 2, problem.task_id


PIECES = ["    x\n", "def g():\n", '"""', "'", '"', "(", "]", "\\", "\n", "#", "a", " ", "é"]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_growing_text_ends_where_the_whole_does(pieces):
    text, stop, found = "", BodyEnd(PROMPT), None
    for piece in pieces:
        text += piece
        found = stop(text)
        if found is not None:
            break
    assert found == BodyEnd(PROMPT)(text)
    assert stop.seen == text
    assert found is None or text[found:].strip()


def test_a_sample_keeps_raw_and_truncated(fake_engine):
    engine = fake_engine(lambda prompt: "    return 1\n\ndef other():\n    pass\n")
    problem = problems.load()[0]
    sample = complete(engine, problem, Sampling(max_tokens=100))
    assert sample.truncated == "    return 1\n\n"
    assert sample.raw == "    return 1\n\nd"  # the fake decodes by character: one past the end shows it
    assert (sample.stop_reason, sample.task_id, sample.sample) == ("stop", "HumanEval/0", 0)
    assert not sample.prompt_cut


def test_the_model_sees_the_whole_prompt_with_its_newline(fake_engine):
    engine = fake_engine(lambda prompt: "")
    problem = problems.load()[0]
    complete(engine, problem, Sampling(max_tokens=100))
    (asked,) = engine.prompts
    assert (engine.tokenizer.decode(asked.tokens) + asked.pending).endswith("solution.py\n" + problem.prompt)
    assert asked.tokens[-1] != engine.tokenizer.end_of_text


def test_a_prompt_too_long_is_reported(fake_engine):
    engine = fake_engine(lambda prompt: "", window=300)
    assert complete(engine, problems.load()[0], Sampling(max_tokens=100)).prompt_cut


def test_no_room_for_a_prompt_names_the_option(fake_engine):
    engine = fake_engine(lambda prompt: "", window=300)
    with pytest.raises(ConfigError, match=r"--max-tokens 290 leaves no room .* use at most 236"):
        complete(engine, problems.load()[0], Sampling(max_tokens=290))


def test_seeds_differ_and_repeat():
    seeds = {seed_of(base, f"HumanEval/{i}", j) for base in range(3) for i in range(20) for j in range(5)}
    assert len(seeds) == 300
    assert seed_of(1, "a", 2) == seed_of(1, "a", 2)


@pytest.mark.parametrize(
    "bad",
    [{"samples": 0}, {"samples": 2}, {"max_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.1}],
)
def test_bad_sampling_is_refused(bad):
    with pytest.raises(ConfigError):
        Sampling(**bad)
