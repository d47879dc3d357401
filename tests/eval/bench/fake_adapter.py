"""An engine that takes a known time for each token, and cuts text into characters."""

import time


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
        time.sleep(self.options.pop("slow_first", 0))
        decoded = min(count, self.options.get("ends", count))
        time.sleep((new + 10 * decoded) * self.options.get("pace", 1e-5))
        self.known = list(tokens)
        return {"decoded": decoded, "reused": shared, "ids": [7] * decoded, "text": "x" * decoded}


def make(options):
    return {"threads": options["threads"]}
