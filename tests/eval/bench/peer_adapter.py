"""Stands in for llama.cpp: our own engine, asked by the ids; its "GGUF file" names the release."""

from pathlib import Path

from eval.bench import ours


class Adapter(ours.Adapter):
    def __init__(self, options):
        assert {"context", "flash", "kv", "ubatch", "speculate_file"} <= options.keys()
        super().__init__({"model": Path(options["file"]).read_text(), "threads": options["threads"]})

    def request(self, tokens, count, speculate):
        answer = super().request(tokens, count, speculate)
        return answer | {"ids": self.encode(answer["text"])}
