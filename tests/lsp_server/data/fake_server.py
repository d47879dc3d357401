"""A real server process with a fake engine: `python -I fake_server.py`. What it writes is in the document.

The engine repeats a comment `# fake: ...` (\\n stands for a line end), one character a step, and where
several are asked for also `# or: ...`. `# slow` above the cursor makes a step take 20 ms,
`# crash` makes it fail. Each request is told in the log: what it was given to
remember, and how many steps it took.
"""

import logging
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from lsp_server import process
from lsp_server.service import Flags
from model.errors import ModelError
from model.serving.encoder import LineEncoder
from model.serving.project import Project
from model.serving.release import default_folder
from model.tokenizer import Tokenizer

log = logging.getLogger("lsp_server.fake")


class Engine:
    release = SimpleNamespace(
        languages=("python",),
        window=512,
        neighbours=False,
        folder=Path("fake"),
        name="fake",
        meta={},
        confidence=None,
    )
    tokenizer = SimpleNamespace(sha256="f" * 64)

    def __init__(self):
        self.encoder = LineEncoder(TOKENIZER)

    def generate(
        self,
        prompt,
        *,
        max_tokens,
        stop=None,
        cancelled,
        deadline=None,
        may_be_empty=True,
        likely=0.0,
        temperature=0.0,
        seed=None,
        memory=None,
    ):
        return self.write(prompt, "# fake: ", stop, cancelled)

    def candidates(self, prompt, count, *, max_tokens, stop, cancelled, deadline, may_be_empty, memory):
        marks = ["# fake: ", "# or: "]
        found = [self.write(prompt, mark, stop, cancelled) for mark in marks[:count]]
        return [one for one in found if one.text]

    def write(self, hole, mark, stop, cancelled):
        text = (hole.prefix + hole.suffix).partition(mark)[2].partition("\n")[0].replace("\\n", "\n")
        step = 0.02 if "# slow" in hole.prefix else 0
        if "# crash" in hole.prefix:
            raise ZeroDivisionError("a bug of the engine")
        written, reason = "", "end_of_text"
        for character in text:
            time.sleep(step)
            if cancelled():
                reason = "cancelled"
                break
            written += character
            end = stop(written)
            if end is not None:
                written, reason = written[:end], "stop"
                break
        log.warning("decoded %d steps: %s", len(written), reason)
        return SimpleNamespace(text=written, logprob=0.0, stop_reason=reason, tokens=len(written), copied=())

    def prepare(self, text):
        pass

    def remember(self, hole, prompt, *, files, project):
        beside = " ".join(file.path for file in files)
        log.warning("remembers beside [%s], project %s", beside, None if project is None else texts(project))

    def new_project(self):
        return Project(LineEncoder(TOKENIZER))


TOKENIZER = Tokenizer.load(default_folder() / "tokenizer.json")


def texts(project):
    """What a project holds: text by path."""
    return {
        path: TOKENIZER.decode(segment.file(index)[:-1].tolist())
        for segment in project.view.segments
        for index, path in enumerate(segment.paths)
        if segment.present[index]
    }


def load(folder, threads):
    log.warning("loading %s with %d threads", folder, threads)
    if folder is not None and folder.name == "slow":
        time.sleep(0.5)
    if folder is not None and folder.name == "missing":
        raise ModelError(f"there is no model folder {folder}; install it again")
    return Engine()


if __name__ == "__main__":
    from model import fim

    fim.render = lambda hole, tokenizer, budget: hole
    sys.exit(process.run(Flags(), load=load))
