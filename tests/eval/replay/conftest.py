"""A piece to type, an editor in memory whose server answers by a function, and a small corpus."""

import asyncio
from types import SimpleNamespace

import pytest
from lsprotocol import types

from data_pipeline.document import Document
from data_pipeline.store import write_documents
from eval.editor import Pending
from eval.replay.sample import Piece

HEAD = "import os\n\n\n"
TARGET = "def add(a, b):\n    total = a + b\n    return total"
TAIL = "\n\n\nlast = 1\n"


def make_piece(target=TARGET, head=HEAD, tail=TAIL, mode="inside"):
    return Piece(
        id="project/sums.py", project="project", path="sums.py", language="python", license="MIT", mode=mode,
        head=head, target=target, tail=tail, beside=(),
    )  # fmt: skip


class FakeEditor:
    """`answer(text, cursor)` gives the text to insert, None for nothing, or "never" for no answer at all.

    `news` keeps what the server would have been told, in order.
    """

    def __init__(self, piece, answer):
        self._answer = answer
        self._text = piece.head + piece.tail
        self.news = []
        self.open_requests = {}
        self.ranges = None

    def text(self, path):
        return self._text

    def replace(self, path, start, end, text):
        self._text = self._text[:start] + text + self._text[end:]
        self.news.append(("change", text))

    def cancel(self, pending):
        self.news.append(("cancel", pending.id))
        future = self.open_requests.pop(pending.id, None)
        if future is not None:
            future.set_exception(RuntimeError("cancelled"))

    def ask(self, path, at):
        number = f"ask-{len(self.news)}"
        self.news.append(("ask", number))
        future = asyncio.get_running_loop().create_future()
        found = self._answer(self._text, at)
        if found == "never":
            self.open_requests[number] = future
        else:
            future.set_result(None if found is None else [self._item(found, at)])
        return Pending(id=number, answer=future)

    def _item(self, text, at):
        line = self._text.count("\n", 0, at)
        place = types.Position(line=line, character=at - self._text.rfind("\n", 0, at) - 1)
        where = self.ranges(place) if self.ranges else types.Range(start=place, end=place)
        command = types.Command(title="", command="tabwright.accepted", arguments=["1"])
        return types.InlineCompletionItem(insert_text=text, range=where, command=command)

    async def accept(self, path, item):
        lines = self._text.split("\n")[: item.range.start.line]
        at = sum(len(line) + 1 for line in lines) + item.range.start.character
        self._text = self._text[:at] + item.insert_text + self._text[at:]
        self.news.append(("accept", item.insert_text))


@pytest.fixture
def replaying():
    return SimpleNamespace(piece=make_piece, editor=FakeEditor, head=HEAD, target=TARGET, tail=TAIL)


BODY = "".join(f"    value_{number} = compute(value, {number})\n" for number in range(6))
FUNCTION = f"def work(value):\n{BODY}    return value"


def source(number):
    top = f'"""Module {number}."""\n\nimport os\n\n\n'
    constants = "\n".join(f"x_{one} = {one}" for one in range(100))
    return f"{top}{constants}\n\n\n{FUNCTION}\n\n\nlast = 1\n"


@pytest.fixture
def corpus(tmp_path):
    def make(names=("one", "two"), files=4, change=""):
        documents = [
            Document(
                id=f"{name}/m{number}.py", text=source(number) + change, path=f"m{number}.py",
                language="python", repo=name, license="MIT",
            )
            for name in names
            for number in range(files)
        ]  # fmt: skip
        (tmp_path / "clean").mkdir(exist_ok=True)
        write_documents(tmp_path / "clean" / "documents-test.parquet", documents)
        return tmp_path

    make.function, make.module = FUNCTION, source
    return make
