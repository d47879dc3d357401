"""How each family of models was taught to fill in the middle: the prompt as text, and what ends an answer.

    tabwright       model/fim.py
    qwen            Qwen2.5-Coder README, "File-Level" and "Repository-Level Code Completion", and its
                    examples/Qwen2.5-Coder-repolevel-fim.py
    starcoder       Li et al. 2023, StarCoder: may the source be with you, §3; no form for several files
    starcoder2      Lozhkov et al. 2024, StarCoder 2 and The Stack v2, §5 (repository context, FIM)
    codellama       meta-llama/codellama, llama/generation.py, `infilling_prompt_tokens` (PSM)
    deepseek        DeepSeek-Coder README, "Code Insertion" and "Repository Level Code Completion": files one
                    behind the other, each below a comment with its path
    codestral       mistral-common, `encode_fim`: the suffix first
    granite         IBM's Granite from 3.3 on, README, "Fill-in-the-Middle"
    granite-code    Granite code models of 2024 (Mishra et al. 2024, §4), which have StarCoder's sentinels
    codegemma       ai.google.dev/gemma/docs/codegemma/prompt-structure
    suffix          no template of ours: the server puts prompt and `suffix` together, as OpenAI's completions
                    API, Mistral's /v1/fim, Ollama and llama.cpp's Python server do

Where a family has no documented form for other files, they stand as comments above this file's text.

What a user's text spells of any family's sentinels is broken up by a blank behind its first character, so it
stays text: a server reads special tokens in a prompt, and cannot tell ours from the user's. The server's own
template gets no other text either. A suggestion that repeats such a place has the blank.

Not here: which parts there are (parts.py), what is done with the answer (answer.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from model import syntax
from model.errors import ConfigError
from model.fim import Snippet
from model.languages.registry import language
from model.serving.remote.parts import Parts

# The special tokens of all families, chat included: a model's tokenizer may know more than its FIM needs.
SENTINEL = re.compile(
    r"<\|[^|<>\s]{1,64}\|>"
    r"|<\uff5c[^\uff5c<>\s]{1,64}\uff5c>"
    r"|<(?:fim[_-](?:prefix|suffix|middle|pad)|file_sep|repo_name|reponame|filename|gh_stars|empty_output"
    r"|issue_(?:start|comment|closed)|jupyter_\w{1,20}|commit_(?:before|msg|after))>"
    r"|<(?:PRE|SUF|MID|EOT|FILL_ME)>"
    r"|</?s>|<(?:unk|pad|bos|eos|mask|start_of_turn|end_of_turn)>|<unused\d{1,4}>|<0x[0-9A-F]{2}>"
    r"|\[/?(?:SUFFIX|PREFIX|MIDDLE|INST|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS|SYSTEM_PROMPT|IMG\w{0,10})\]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A prompt as it is sent. `held` are blanks before the cursor that the model is to write anew."""

    prompt: str
    suffix: str | None = None
    held: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that were taught alike. `ends` are texts that no answer goes on behind."""

    name: str
    write: Callable[[Parts], Written]
    ends: tuple[str, ...] = ()


def written(parts: Parts, family: Family) -> Written:
    """The prompt of some parts for a family; only the family's template puts sentinels into it."""
    return family.write(
        Parts(
            path=apart(parts.path),
            prefix=apart(parts.prefix),
            suffix=apart(parts.suffix),
            neighbours=tuple(Snippet(path=apart(one.path), text=apart(one.text)) for one in parts.neighbours),
        )
    )


def apart(text: str) -> str:
    """The text with every sentinel that it spells broken up."""
    while SENTINEL.search(text):  # one may stand within another, which hides it until that is broken up
        text = SENTINEL.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
    return text


def named(name: str, model: str) -> Family:
    """The family that the setting `engineFim` names; `auto` goes by the model's name.

    Raises ConfigError for a name that is not known, and where the model's name tells nothing.
    """
    if name != "auto":
        return FAMILIES[name]
    for pattern, family in _BY_MODEL:
        if pattern.search(model):
            return FAMILIES[family]
    raise ConfigError(
        f"the setting tabwright.engineFim is auto, but the name of the model {model!r} does not tell how it "
        f"was taught to fill in; choose one of {', '.join(FAMILIES)}"
    )


# --- other files, where there is no form for them -----------------------------------------------------------


def _comments_above(parts: Parts) -> str:
    """Neighbours and the path as comments of this file's language, then the prefix."""
    marker = _comment(parts.path)
    lines = []
    for one in parts.neighbours:
        lines.append(f"{marker} Path: {one.path}")
        lines += [f"{marker} {line}".rstrip() for line in one.text.split("\n")]
    lines.append(f"{marker} Path: {parts.path}")
    return "\n".join([*lines, parts.prefix])


def _comment(path: str) -> str:
    name = syntax.language_of(path)
    return "#" if name is None else language(name).line_comment


def _files(parts: Parts, separator: str, end: str = "") -> str:
    return "".join(f"{separator}{one.path}\n{one.text}{end}" for one in parts.neighbours)


# --- families -----------------------------------------------------------------------------------------------


def _tabwright(parts: Parts) -> Written:
    # The tokens of its training have no seam before the middle: a blank at the end of a prompt, which belongs
    # to the word behind it, is what it has never seen there.
    prefix = parts.prefix.rstrip(" \t")
    head = _files(parts, "<|file_sep|>") + f"<|file_sep|>{parts.path}\n<|fim_prefix|>"
    return Written(
        prompt=f"{head}<|fim_suffix|>{parts.suffix}<|fim_middle|>{prefix}", held=parts.prefix[len(prefix) :]
    )


def _qwen(parts: Parts) -> Written:
    middle = f"<|fim_prefix|>{parts.prefix}<|fim_suffix|>{parts.suffix}<|fim_middle|>"
    if not parts.neighbours:
        return Written(prompt=middle)
    return Written(
        prompt=f"<|repo_name|>workspace{_files(parts, _NEWLINE_SEP)}{_NEWLINE_SEP}{parts.path}\n{middle}"
    )


_NEWLINE_SEP = "\n<|file_sep|>"


def _starcoder(parts: Parts) -> Written:
    return Written(prompt=f"<fim_prefix>{_comments_above(parts)}<fim_suffix>{parts.suffix}<fim_middle>")


def _starcoder2(parts: Parts) -> Written:
    files = _files(parts, "<file_sep>")
    return Written(
        prompt=f"<repo_name>workspace{files}<file_sep><fim_prefix>{parts.path}\n{parts.prefix}"
        f"<fim_suffix>{parts.suffix}<fim_middle>"
    )


def _codellama(parts: Parts) -> Written:
    return Written(prompt=f"<PRE> {_comments_above(parts)} <SUF>{parts.suffix} <MID>")


def _deepseek(parts: Parts) -> Written:
    files = "".join(f"#{one.path}\n{one.text}\n" for one in parts.neighbours)
    begin, hole, end = (f"<\uff5cfim\u2581{what}\uff5c>" for what in ("begin", "hole", "end"))
    return Written(prompt=f"{begin}{files}#{parts.path}\n{parts.prefix}{hole}{parts.suffix}{end}")


def _codestral(parts: Parts) -> Written:
    return Written(prompt=f"[SUFFIX]{parts.suffix}[PREFIX]{_comments_above(parts)}")


def _granite(parts: Parts) -> Written:
    return Written(prompt=f"<|fim_prefix|>{_comments_above(parts)}<|fim_suffix|>{parts.suffix}<|fim_middle|>")


def _codegemma(parts: Parts) -> Written:
    files = _files(parts, "", "<|file_separator|>")
    return Written(
        prompt=f"{files}{parts.path}\n<|fim_prefix|>{parts.prefix}<|fim_suffix|>{parts.suffix}<|fim_middle|>"
    )


def _suffix(parts: Parts) -> Written:
    return Written(prompt=_comments_above(parts), suffix=parts.suffix)


_PIPED = (
    "<|endoftext|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|file_sep|>",
)
_ANGLED = ("<|endoftext|>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>", "<file_sep>")

FAMILIES = {
    family.name: family
    for family in (
        Family(name="tabwright", write=_tabwright, ends=_PIPED),
        Family(name="qwen", write=_qwen, ends=(*_PIPED, "<|repo_name|>", "<|im_start|>", "<|im_end|>")),
        Family(name="starcoder", write=_starcoder, ends=(*_ANGLED, "<filename>")),
        Family(name="starcoder2", write=_starcoder2, ends=(*_ANGLED, "<repo_name>")),
        Family(name="codellama", write=_codellama, ends=("<EOT>", "<PRE>", "<SUF>", "<MID>", "</s>")),
        Family(
            name="deepseek",
            write=_deepseek,
            ends=(
                "<\uff5cend\u2581of\u2581sentence\uff5c>",
                *(f"<\uff5cfim\u2581{what}\uff5c>" for what in ("begin", "hole", "end")),
                "<|EOT|>",
            ),
        ),
        Family(name="codestral", write=_codestral, ends=("</s>", "[SUFFIX]", "[PREFIX]", "[MIDDLE]")),
        Family(name="granite", write=_granite, ends=(*_PIPED, "<|end_of_text|>")),
        Family(name="granite-code", write=_starcoder, ends=_ANGLED),
        Family(
            name="codegemma",
            write=_codegemma,
            ends=("<|file_separator|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<eos>"),
        ),
        Family(name="suffix", write=_suffix),
    )
}

# The first that fits. Names as on Hugging Face, in Ollama and of GGUF files.
_BY_MODEL = tuple(
    (re.compile(pattern, re.IGNORECASE), family)
    for pattern, family in (
        (r"tabwright", "tabwright"),
        (r"qwen.*coder|coder.*qwen|codeqwen", "qwen"),
        (r"starcoder-?_?2", "starcoder2"),
        (r"starcoder|santacoder", "starcoder"),
        (r"code-?_?llama", "codellama"),
        (r"deepseek-?_?coder", "deepseek"),
        (r"codestral", "codestral"),
        (r"granite.*code|granite-?\d+b-code", "granite-code"),
        (r"granite", "granite"),
        (r"code-?_?gemma", "codegemma"),
    )
)
