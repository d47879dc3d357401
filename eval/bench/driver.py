"""One engine in a process of its own, asked over standard input: the same questions and clock for all.

    python -I driver.py ADAPTER.py        a JSON object a line in, a JSON object a line out

An adapter file defines `Adapter`, loaded with the options of the first question:

    encode(text) -> ids                    token ids of plain text
    prepare(tokens)                        not timed: the engine has read exactly these tokens
    request(tokens, count, speculate)      timed: read what is new, decode `count` tokens greedily;
                                           -> {"decoded": n, "reused": n, "ids": [...] or "text": "..."}

and may have `setting`, words on what it chose when it was loaded. The file may define `make(options)`, which
prepares files. Standard library only: it also runs in the environments
of other engines, which have nothing of Tabwright's.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any


def peak_bytes() -> int:
    """The most memory this process ever held, in bytes.

    From /proc where there is one: elsewhere, and after an exec, getrusage counts the parent in.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def main() -> None:
    """Answer questions until standard input ends. What goes wrong is an answer too."""
    module = runpy.run_path(sys.argv[1])
    # Whatever an engine prints goes to standard error; only answers go where answers are read.
    answers, sys.stdout = sys.stdout, sys.stderr
    adapter: Any = None
    for line in sys.stdin:
        question = json.loads(line)
        try:
            kind = question["do"]
            if kind == "load":
                started = time.perf_counter()
                adapter = module["Adapter"](question["options"])
                answer: dict[str, Any] = {"seconds": time.perf_counter() - started}
                answer["setting"] = getattr(adapter, "setting", "")
            elif kind == "make":
                answer = module["make"](question["options"]) or {}
            elif kind == "encode":
                answer = {"ids": adapter.encode(question["text"])}
            elif kind == "request":
                tokens, count = question["tokens"], question["count"]
                speculate = question.get("speculate", False)
                adapter.prepare(question["prepared"])
                started = time.perf_counter()
                answer = adapter.request(tokens, count, speculate)
                answer["seconds"] = time.perf_counter() - started
            else:
                answer = {"bytes": peak_bytes()}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
