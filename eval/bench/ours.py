"""Tabwright's engine as the benchmark asks it: the whole path of a request, with text and log-probabilities.

Runs in a process of its own, started by driver.py. Not here: what is asked (workload.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from model.fim import Prompt
from model.serving.engine import Engine


class Adapter:
    """Options: `model`, the release folder, `threads`, and maybe `cache` and `texts`.

    `cache` is where what the engine measures at its first start is remembered, instead of the user's own
    place (where platformdirs asks XDG_CACHE_HOME: on Linux). With `texts` a request is for that many
    completions: "4 in one batch", or "4 one by one".
    """

    def __init__(self, options: dict[str, Any]) -> None:
        if "cache" in options:
            os.environ["XDG_CACHE_HOME"] = options["cache"]
        self._engine = Engine.load(Path(options["model"]), threads=options["threads"])
        session = self._engine._session
        self.setting = f"{session.threads} thread{'s' * (session.threads > 1)}, " + (
            "spinning" if session.spin else "not spinning"
        )
        count, _, self._way = options.get("texts", "1").partition(" ")
        self._texts = int(count)

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text."""
        return self._engine.tokenizer.encode(text)

    def prepare(self, tokens: list[int]) -> None:
        """Have these tokens read; none means that the next request shares nothing with earlier ones."""
        if tokens:
            self._engine.generate(Prompt(tokens=tuple(tokens)), max_tokens=1, speculate=False)

    def request(self, tokens: list[int], count: int, speculate: bool) -> dict[str, Any]:
        """Decode greedily, as an editor's request does."""
        prompt = Prompt(tokens=tuple(tokens))
        if self._way == "in one batch":
            done = self._engine.candidates(prompt, self._texts, max_tokens=count)
        else:
            done = [
                self._engine.generate(prompt, max_tokens=count, speculate=speculate)
                for _ in range(self._texts)
            ]
        # A batch takes as many steps as its longest text.
        longest = max(done, key=lambda completion: completion.tokens)
        return {"decoded": longest.tokens, "reused": done[0].reused, "text": longest.text}
