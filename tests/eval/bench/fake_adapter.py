"""An engine that takes a known time for each token, and cuts text into characters.

The time is of a clock that stands still but for that: whoever else is at work on the machine, it is the same.
"""

import time

_now = [0.0]
time.perf_counter = lambda: _now[0]


def _takes(seconds):
    _now[0] += seconds


class Adapter:
    def __init__(self, options):
        self.options, self.known = options, []
        if options.get("fail"):
            raise RuntimeError("no such model")

    def encode(self, text):
        return [ord(c) + self.options.get("shift", 0) for c in text]

    def prepare(self, tokens):
        self.known = tokens

    def request(self, tokens, count, speculate):
        shared = next(
            (i for i, (a, b) in enumerate(zip(tokens, self.known, strict=False)) if a != b), len(self.known)
        )
        print("noise that is no answer")
        new = len(tokens) - shared
        _takes(self.options.pop("slow_first", 0))
        decoded = min(count, self.options.get("ends", count))
        _takes((new + 10 * decoded) * self.options.get("pace", 1e-5))
        self.known = list(tokens)
        return {"decoded": decoded, "reused": shared, "ids": [7] * decoded, "text": "x" * decoded}


def make(options):
    return {"threads": options["threads"]}
