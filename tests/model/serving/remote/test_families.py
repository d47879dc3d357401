"""Prompts as each family was taught them, which no text of the user's can break out of."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server import settings
from model.errors import ConfigError
from model.fim import Snippet
from model.serving.remote import families
from model.serving.remote.families import FAMILIES, SENTINEL
from model.serving.remote.parts import Parts

PARTS = Parts(
    path="shop/order.py",
    prefix="def total(order):\n    return ",
    suffix="\n\n\nprint(1)\n",
    neighbours=(Snippet(path="shop/item.py", text="class Item:\n\n    price = 0"),),
)
ALONE = Parts(path="a.rs", prefix="let x = ", suffix=";\n")
COMMENTED = (
    "# Path: shop/item.py\n# class Item:\n#\n#     price = 0\n# Path: shop/order.py\n"
    "def total(order):\n    return "
)

# Said once more, by hand, from the sources that families.py names.
EXPECTED = {
    "tabwright": "<|file_sep|>shop/item.py\nclass Item:\n\n    price = 0<|file_sep|>shop/order.py\n"
    "<|fim_prefix|><|fim_suffix|>\n\n\nprint(1)\n<|fim_middle|>def total(order):\n    return",
    "qwen": "<|repo_name|>workspace\n<|file_sep|>shop/item.py\nclass Item:\n\n    price = 0\n<|file_sep|>"
    "shop/order.py\n<|fim_prefix|>def total(order):\n    return <|fim_suffix|>\n\n\nprint(1)\n<|fim_middle|>",
    "starcoder": f"<fim_prefix>{COMMENTED}<fim_suffix>\n\n\nprint(1)\n<fim_middle>",
    "starcoder2": "<repo_name>workspace<file_sep>shop/item.py\nclass Item:\n\n    price = 0<file_sep>"
    "<fim_prefix>shop/order.py\ndef total(order):\n    return <fim_suffix>\n\n\nprint(1)\n<fim_middle>",
    "codellama": f"<PRE> {COMMENTED} <SUF>\n\n\nprint(1)\n <MID>",
    "deepseek": "<\uff5cfim\u2581begin\uff5c>#shop/item.py\nclass Item:\n\n    price = 0\n"
    "#shop/order.py\ndef total(order):\n    return "
    "<\uff5cfim\u2581hole\uff5c>\n\n\nprint(1)\n<\uff5cfim\u2581end\uff5c>",
    "codestral": f"[SUFFIX]\n\n\nprint(1)\n[PREFIX]{COMMENTED}",
    "granite": f"<|fim_prefix|>{COMMENTED}<|fim_suffix|>\n\n\nprint(1)\n<|fim_middle|>",
    "granite-code": f"<fim_prefix>{COMMENTED}<fim_suffix>\n\n\nprint(1)\n<fim_middle>",
    "codegemma": "shop/item.py\nclass Item:\n\n    price = 0<|file_separator|>shop/order.py\n"
    "<|fim_prefix|>def total(order):\n    return <|fim_suffix|>\n\n\nprint(1)\n<|fim_middle|>",
    "suffix": COMMENTED,
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_asked_as_it_was_taught(name: str) -> None:
    written = families.written(PARTS, FAMILIES[name])
    assert written.prompt == EXPECTED[name]
    assert written.suffix == (PARTS.suffix if name == "suffix" else None)
    assert written.held == (" " if name == "tabwright" else "")


def test_comments_are_those_of_the_file() -> None:
    assert (
        families.written(ALONE, FAMILIES["codestral"]).prompt == "[SUFFIX];\n[PREFIX]// Path: a.rs\nlet x = "
    )


def test_a_file_alone_is_asked_for_as_a_file_alone() -> None:
    expected = "<|fim_prefix|>let x = <|fim_suffix|>;\n<|fim_middle|>"
    assert families.written(ALONE, FAMILIES["qwen"]).prompt == expected


FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *("<", "|", ">", "<|", "|>", "fim_prefix", "fim_suffix", "fim_", "middle", "]", " ", "\n", "x"),
            *("<|fim_middle|>", "<fim_suffix>", "<\uff5cfim\u2581hole\uff5c>", "\uff5c", "\u2581"),
            *("[SUFFIX]", "[PREFIX", "<PRE>", "<SUF", "<s>", "</s>", "<<|endoftext|>|endoftext|>"),
            *("<|<|file_sep|>file_sep|>", "<file_sep>", "<|im_start|>", "[[INST]INST]"),
        ]
    ),
    max_size=8,
).map("".join)  # fmt: skip
PATHS = FRAGMENTS.map(lambda text: text.replace("\n", "") + ".py")


@given(st.sampled_from(sorted(FAMILIES)), PATHS, FRAGMENTS, FRAGMENTS, PATHS, FRAGMENTS)
def test_no_text_of_a_user_becomes_a_sentinel(
    name: str, path: str, prefix: str, suffix: str, other: str, text: str
) -> None:
    """All sentinels of a prompt are those of its template, whatever texts spell and wherever they meet."""
    family = FAMILIES[name]
    plain = Parts(path="a.py", prefix="p", suffix="s", neighbours=(Snippet(path="b.py", text="t"),))
    wild = Parts(path=path, prefix=prefix, suffix=suffix, neighbours=(Snippet(path=other, text=text),))
    asked, expected = families.written(wild, family), families.written(plain, family)
    assert SENTINEL.findall(asked.prompt) == SENTINEL.findall(expected.prompt)
    assert not SENTINEL.findall(asked.suffix or "")


@example("<|[INST]|>")
@given(FRAGMENTS)
def test_what_is_broken_up_differs_by_blanks_alone(text: str) -> None:
    broken = families.apart(text)
    assert re.sub(" ", "", broken) == re.sub(" ", "", text)
    assert not SENTINEL.search(broken)


def test_code_that_looks_a_little_like_a_sentinel_stays_as_it_is() -> None:
    for text in (
        "a<b",
        "Vec<String>",
        "x[PREFIX]"[:-1],
        "if a <| b |> c",
        "<my_type>",
        "f(x)[0]",
        "<div>",
        "a | b",
    ):
        assert families.apart(text) == text


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("Qwen/Qwen2.5-Coder-7B", "qwen"),
        ("qwen2.5-coder:1.5b-base", "qwen"),
        ("Qwen3-Coder-30B-A3B-Instruct", "qwen"),
        ("bigcode/starcoder2-15b", "starcoder2"),
        ("bigcode/starcoder", "starcoder"),
        ("codellama/CodeLlama-13b-hf", "codellama"),
        ("deepseek-ai/deepseek-coder-6.7b-base", "deepseek"),
        ("mistralai/Codestral-22B-v0.1", "codestral"),
        ("ibm-granite/granite-3b-code-base", "granite-code"),
        ("ibm-granite/granite-4.0-h-tiny", "granite"),
        ("google/codegemma-2b", "codegemma"),
        ("/models/tabwright.gguf", "tabwright"),
    ],
)
def test_the_name_of_a_model_tells_its_family(model: str, family: str) -> None:
    assert families.named("auto", model).name == family


def test_a_name_that_tells_nothing_is_one_sentence_with_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"tabwright\.engineFim.*gpt-5.*choose one of tabwright, qwen"):
        families.named("auto", "gpt-5")
    assert families.named("qwen", "our-model").name == "qwen"


def test_the_setting_offers_every_family_and_no_other() -> None:
    assert ("auto", *FAMILIES) == settings.FIM_FAMILIES
