"""When the person of a replay presses keys. Pure: the same seed, piece and place give the same pause.

Within a line the interval from key to key is log-normal with a median of 0.2 s and a mean of 0.24 s: the
intervals of Dhakal, Feit, Kristensson and Oulasvirta, "Observations on Typing from 136 Million Keystrokes"
(CHI 2018), whose 168,000 volunteers wrote 52 words a minute on average; that intervals are well described by
log-normal ones, with slower ones of the same form where people hesitate: Roeser, De Maeyer, Leijten and Van
Waes, "Modelling typing disfluencies as finite mixture process" (Reading and Writing, 2021).

What no study tells is how long people think before a line of code that they know already: the pause at the
start of a line, and after a suggestion was taken, has a median of 1 s here. Longer ones, of which there are
many in programming (Shrestha et al., "Pausing While Programming", ICSE-SEET 2022), ask nothing of a server.
Nobody mistypes.

Not here: which keys (keys.py).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from eval.replay.acceptance import Taking


@dataclass(frozen=True, slots=True, kw_only=True)
class Typist:
    """A person, and what of their editor matters. Times are in seconds, of the person's clock.

    `speed` is how many of those seconds pass in one real one: above 1 the server has less time than a person
    would give it. `reaction` is how long a suggestion must have been visible before it can be taken: simple
    visual reactions take a quarter of a second. `least` is the length below which nobody bothers. `cancels`
    says whether the editor sends $/cancelRequest with the next key.
    """

    interval: float = 0.2  # medians of the log-normal times, and the standard deviations of their logarithms
    interval_spread: float = 0.6
    thought: float = 1.0
    thought_spread: float = 0.5
    longest: float = 3.0
    reaction: float = 0.25
    least: int = 3
    taking: Taking = "lines"
    cancels: bool = True
    speed: float = 1.0
    seed: int = 0

    def pause(self, piece: str, place: int, *, thinks: bool) -> float:
        """Real seconds before the next key, with `place` characters written."""
        rng = random.Random(f"{self.seed} {piece} {place}")  # noqa: S311
        median, spread = (
            (self.thought, self.thought_spread) if thinks else (self.interval, self.interval_spread)
        )
        return min(rng.lognormvariate(math.log(median), spread), self.longest) / self.speed
