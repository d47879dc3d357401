"""What the completer and the service ask of an engine: the smallest shape that every engine has.

Of types alone: nothing imports it while the server runs. Not here: the engines (model/serving/engine.py,
model/serving/remote/engine.py), which of them is wanted (remote.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from lsp_server.suggestion import never
from model.fim import Hole, Prompt, Snippet
from model.serving.confidence import Confidence
from model.serving.encoder import LineEncoder
from model.serving.engine import Completion
from model.serving.memory import LAYERS, Layer, Memory
from model.serving.project import Project
from model.tokenizer import Tokenizer


class Release(Protocol):
    """What is known of a model; `model.serving.release.Release` says what each means."""

    @property
    def folder(self) -> Path | str:
        """Where it is, for the log."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that it is asked in."""

    @property
    def window(self) -> int:
        """Tokens of a prompt and its completion together."""

    @property
    def neighbours(self) -> bool:
        """Whether it is shown pieces of other files."""

    @property
    def confidence(self) -> Confidence | None:
        """What tells how likely a suggestion is right."""


class Engine(Protocol):
    """Prompt in, completion out; `model.serving.engine.Engine` says what each method does."""

    @property
    def release(self) -> Release:
        """The model."""

    @property
    def tokenizer(self) -> Tokenizer:
        """What prompts are made and measured with."""

    @property
    def encoder(self) -> LineEncoder | None:
        """What texts are encoded for the memory with; None where there is no memory."""

    def prepare(self, text: str) -> None:
        """Encode a text before it is needed."""

    def new_project(self) -> Project:
        """An empty project."""

    def remember(
        self,
        hole: Hole,
        prompt: Prompt,
        *,
        files: Sequence[Snippet] = (),
        project: Project | None = None,
        layers: Sequence[Layer] = LAYERS,
    ) -> Memory | None:
        """The memory for a hole; None where there is none."""

    def generate(
        self,
        prompt: Prompt,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
        cancelled: Callable[[], bool] = never,
        deadline: float | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
        may_be_empty: bool = True,
        likely: float = 0.0,
        memory: Memory | None = None,
    ) -> Completion:
        """One completion."""

    def candidates(
        self,
        prompt: Prompt,
        count: int,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
        cancelled: Callable[[], bool] = never,
        deadline: float | None = None,
        may_be_empty: bool = True,
        memory: Memory | None = None,
    ) -> list[Completion]:
        """Several, or one."""

    def copy(
        self,
        prompt: Prompt,
        memory: Memory,
        *,
        max_tokens: int,
        stop: Callable[[str], int | None] | None = None,
    ) -> Completion:
        """What the memory alone would write."""

    def close(self) -> None:
        """End what it holds open; nothing is asked of it any more."""
