"""Drafts copied from what has been read: several tokens for the model to confirm in one step.

Code repeats itself. Where the last tokens have stood before, in the text above, the text below or a
neighbouring file, what followed them there is a cheap guess at what follows now; the model checks the whole
guess in one step and keeps what it would have written itself (prompt lookup: Saxena 2023, and "Inference with
Reference", Yang et al. 2023; verification as in Leviathan et al. 2023).

The memory (recall.py) reads further than the prompt, so its drafts come first where there is one.

Pure. Not here: the verification (decoding.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # not at run time: a benchmark loads this file where there is no Tabwright
    from model.serving.recall import Recall

# Tokens of one draft. A step over four rows takes a small model half as long again as one over a single row,
# one over nine about three times as long; two matching tokens are followed by one or two right ones in the
# mean, long matches by six (LOG.md). So drafts are as long as their match, and a little longer.
MOST_DRAFTED = 8
# Tokens that must agree before anything is copied, and how much further agreement is followed.
_LEAST_MATCH = 2
_MOST_MATCH = 16


class PromptLookup:
    """The tokens of one request so far, and where its end stood before."""

    def __init__(self, tokens: Sequence[int], room: int) -> None:
        """`room` is the most tokens that will ever be added."""
        self._tokens: npt.NDArray[np.int32] = np.empty(len(tokens) + room, np.int32)
        self._tokens[: len(tokens)] = tokens
        self._length = len(tokens)
        self.longest = MOST_DRAFTED

    def add(self, token: int) -> None:
        """Append a token that is certain."""
        self._tokens[self._length] = token
        self._length += 1

    def propose(self, most: int) -> list[int]:
        """At most `most` tokens that may follow, or none; copied from behind the longest earlier match.

        Of equally long matches the latest counts. The longer the match, the longer the draft.
        """
        most = min(most, self.longest)
        known = self._tokens[: self._length]
        if most < 1 or self._length <= _LEAST_MATCH:
            return []
        # Places right behind an earlier occurrence of the last two tokens.
        places = np.flatnonzero((known[:-2] == known[-2]) & (known[1:-1] == known[-1])) + 2
        if not len(places):
            return []
        place, match = int(places[-1]), _LEAST_MATCH
        while match < _MOST_MATCH:
            places = places[places > match]
            places = places[known[places - match - 1] == known[-match - 1]]
            if not len(places):
                break
            place, match = int(places[-1]), match + 1
        return [int(token) for token in known[place : place + min(most, match + 1)]]

    def learn(self, drafted: int, accepted: int) -> None:
        """Draft less where drafts were wrong, more where they were right to their end."""
        if drafted and accepted == 0:
            self.longest = max(1, self.longest // 2)
        elif drafted and accepted == drafted:
            self.longest = min(MOST_DRAFTED, self.longest * 2)


class Drafts:
    """The memory's drafts where it has some, else the prompt's."""

    def __init__(self, lookup: PromptLookup, recall: Recall | None) -> None:
        """The recall is told of new tokens by the writer."""
        self._lookup = lookup
        self._recall = recall

    def add(self, token: int) -> None:
        """Append a token that is certain."""
        self._lookup.add(token)

    def propose(self, most: int) -> list[int]:
        """At most `most` tokens that may follow, or none."""
        most = min(most, self._lookup.longest)
        if most < 1:
            return []
        found = self._recall.propose(most) if self._recall is not None else []
        return found or self._lookup.propose(most)

    def learn(self, drafted: int, accepted: int) -> None:
        """Draft less where drafts were wrong, more where they were right to their end."""
        self._lookup.learn(drafted, accepted)
