"""A tokenizer whose merges may span single spaces inside a line: `for i in`, ` is not`, ` = self`.

Fewer tokens a line mean fewer steps of the model (Liu et al. 2025, SuperBPE: Space Travel for Language
Models). It differs from ours in the pre-tokenizer's regex alone: up to four words that single spaces join are
one pre-token. Line ends and runs of spaces still part pre-tokens, and digits stand alone.

An experiment only: llama.cpp knows a closed list of regexes, and this one is not on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

from data_pipeline import steps
from data_pipeline.clean import documents_file
from data_pipeline.config import BuildConfig
from data_pipeline.store import read_documents
from model.tokenizer import SPECIAL_TOKENS, Tokenizer

# A further word of a pre-token. One that line ends follow is left to the next pre-token, which takes them in;
# the last character class keeps the regex from giving back a bracket to get around that.
_WORD = r"(?: (?:\p{L}+|[^\s\p{L}\p{N}]+(?![\r\n]|[^\s\p{L}\p{N}])))"
REGEX = (
    rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+{_WORD}{{0,3}}|\p{{N}}"
    rf"| ?[^\s\p{{L}}\p{{N}}]+(?:{_WORD}{{1,3}}|[\r\n]*)|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train(config: BuildConfig, clean_folder: Path, out: Path, clean_record: dict[str, Any]) -> Path:
    """Learn the tokenizer from all training documents of a sample; returns its file."""
    path, record = out / "tokenizer.json", out / "step.json"
    key = steps.fingerprint("across spaces", clean_record["fingerprint"], config.vocabulary, REGEX)
    if steps.read_record(record, key) is None:
        steps.withdraw(record)
        texts = (document.text for document in read_documents(documents_file(clean_folder, "train")))
        steps.write_text(path, learn(texts, config.vocabulary).to_json())
        steps.write_record(record, key, [path.name], {})
    return path


def learn(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """A tokenizer of `vocabulary` tokens, with our sentinels at the ids that they always have."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=32,
        show_progress=False,
    )
    backend.train_from_iterator(iter(texts), trainer=trainer)
    return Tokenizer(backend)
