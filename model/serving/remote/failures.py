"""What can go wrong with an engine on another machine, as one sentence and what follows from it.

Not here: who decides to ask again (client.py) and to stop asking (breaker.py).
"""

from __future__ import annotations

from model.errors import TabwrightError


class RemoteError(TabwrightError):
    """There is no answer. The sentence says why and what to do; it holds no key and little of the server's.

    `again` says that the same may well be answered a moment later, `after` how many seconds the server wants
    to be left alone for, and `settled` that no request will be answered until somebody changes something.
    """

    def __init__(
        self, sentence: str, *, again: bool = False, after: float | None = None, settled: bool = False
    ) -> None:
        super().__init__(sentence)
        self.again = again
        self.after = after
        self.settled = settled
