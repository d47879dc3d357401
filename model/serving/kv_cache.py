"""Keys and values of what has been read: one memory for each document lately worked on, under a budget.

A memory is a set of buffers as long as the window, and the tokens whose keys and values stand in them.
Going back in one is forgetting tokens at its end; what then lies behind them is overwritten or ignored.

Pure book-keeping: the buffers are made by session.py and only carried here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

# More places than a person moves between; each costs buffers of the window's length.
MOST_MEMORIES = 8


@dataclass(slots=True, kw_only=True)
class Memory:
    """Buffers by name (`k0`, `v0` …), the tokens they hold, and bindings made over them (session.py).

    On the CPU the buffers are views of `arrays`.
    """

    values: dict[str, Any]
    arrays: dict[str, Any] = field(default_factory=dict)
    tokens: list[int] = field(default_factory=list)
    bindings: dict[tuple[int, int], Any] = field(default_factory=dict)


class KVCache:
    """Memories in the order they were used, the latest last; at least one, at most `limit`."""

    def __init__(self, make: Callable[[], Memory], limit: int) -> None:
        assert limit >= 1
        self._make = make
        self._limit = limit
        self._memories = [make()]

    @property
    def current(self) -> Memory:
        """The memory in use."""
        return self._memories[-1]

    def __len__(self) -> int:
        return len(self._memories)

    def clear(self) -> None:
        """Forget what all memories hold."""
        for memory in self._memories:
            memory.tokens.clear()

    def turn_to(self, prompt: Sequence[int]) -> int:
        """Make the best memory for the prompt the current one; returns how much of the prompt it holds.

        That is the one with the longest common start, unless taking it would throw away more than it saves:
        then a new one, or the one that has not been used for longest.
        """
        shared = [common_start(memory.tokens, prompt) for memory in self._memories]
        # The later of equals: what was used last is most likely in the processor's own caches.
        best = max(range(len(shared)), key=lambda i: (shared[i], i))
        lost = len(self._memories[best].tokens) - shared[best]
        if lost > shared[best] and shared[best] * 4 < len(prompt):
            if len(self._memories) < self._limit:
                self._memories.append(self._make())
                return 0
            best = 0
        self._memories.append(self._memories.pop(best))
        return shared[best]


def common_start(known: Sequence[int], wanted: Sequence[int]) -> int:
    """How many tokens two sequences have in common at their start, by bisection over whole comparisons."""
    low, high = 0, min(len(known), len(wanted))
    known, wanted = list(known[:high]), list(wanted[:high])
    if known == wanted:
        return high
    while low + 1 < high:  # known[:low] is equal, known[:high] is not
        middle = (low + high) // 2
        if known[low:middle] == wanted[low:middle]:
            low = middle
        else:
            high = middle
    return low
