from dataclasses import dataclass
from pathlib import Path

import pytest

from model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCompletion:
    text: str
    logprob: float
    stop_reason: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRelease:
    folder: Path
    window: int
    name: str = "fake"
    parameters: int = 0
    curve: tuple = ()
    memory: object = None


class FakeEngine:
    """Answers by a function of the prompt's text, a character a token."""

    def __init__(self, tokenizer, answer, release):
        self.tokenizer, self.answer, self.release = tokenizer, answer, release
        self.prompts, self.seeds, self.memories, self.forgotten = [], [], [], 0

    def forget(self):
        self.forgotten += 1

    def remember(self, hole, prompt):
        return "memory of", hole

    def generate(
        self, prompt, *, max_tokens, stop=None, temperature=0.0, top_p=1.0, seed=None, likely=0.0, memory=None
    ):
        self.prompts.append(prompt)
        self.seeds.append(seed)
        self.memories.append(memory)
        answer = self.answer(self.tokenizer.decode(prompt.tokens) + prompt.pending)
        for length in range(1, min(len(answer), max_tokens) + 1):
            cut = stop(answer[:length]) if stop else None
            if cut is not None:
                return FakeCompletion(text=answer[:cut], logprob=-1.0, stop_reason="stop", tokens=length)
        reason = "length" if len(answer) > max_tokens else "end_of_text"
        return FakeCompletion(
            text=answer[:max_tokens], logprob=-1.0, stop_reason=reason, tokens=min(len(answer), max_tokens)
        )


@pytest.fixture(scope="session")
def byte_tokenizer():
    return Tokenizer.train(lambda: iter(["x"]), vocabulary=272)


@pytest.fixture
def fake_engine(byte_tokenizer, tmp_path):
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "meta.json").write_text("{}")
    return lambda answer, window=4096: FakeEngine(
        byte_tokenizer, answer, FakeRelease(folder=folder, window=window)
    )
