"""The serving process opens no internet socket: the kernel would kill it at the first.

A person types, takes suggestions, asks for several, changes settings and opens files, in a workspace that is
indexed meanwhile. What stays untried here is tried by `tabwright eval replay --confined`.
"""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eval import confined
from eval.editor import SERVER, Editor
from eval.replay.retype import Session
from eval.replay.sample import Piece
from eval.replay.typist import Typist

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not confined.available(), reason="only Linux on x86_64 or aarch64 can confine"),
]

CONFINED = (sys.executable, "-I", confined.__file__)
TEXT = '''\
"""Orders."""


class Order:
    def __init__(self, price, quantity):
        self.price = price
        self.quantity = quantity

    def total(self):
        """Price of all units."""
HERE

    def is_empty(self):
        return self.quantity == 0
'''
TYPED = "        total = self.price * self.quantity\n        return total"


def left_by(program: str) -> int:
    """The exit status of a confined Python."""
    return subprocess.run([*CONFINED, sys.executable, "-c", program], check=False, timeout=60).returncode


def test_the_kernel_kills_what_opens_an_internet_socket() -> None:
    """Else the test below would prove nothing."""
    for family in ("AF_INET", "AF_INET6"):
        assert left_by(f"import socket; socket.socket(socket.{family})") == -signal.SIGSYS
    child = "import socket; socket.socket()"
    program = (
        f"import subprocess, sys; sys.exit(-subprocess.run([sys.executable, '-c', {child!r}]).returncode)"
    )
    assert left_by(program) == signal.SIGSYS
    assert left_by("import socket; socket.socketpair()") == 0


def test_a_confined_server_that_is_told_to_listen_is_killed(tmp_path: Path) -> None:
    command = [*CONFINED, *SERVER[:-1], "--tcp", "127.0.0.1:0"]
    done = subprocess.run(command, cwd=tmp_path, check=False, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == -signal.SIGSYS


async def test_a_whole_session_opens_no_internet_socket(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(TEXT.replace("HERE", TYPED))
    home = tmp_path / "home"
    home.mkdir()
    # An index and a measurement of threads of its own, as at the first start on a machine.
    own = ("env", f"HOME={home}", f"XDG_CACHE_HOME={home}", f"XDG_DATA_HOME={home}")
    settings = {"debounceMs": 0, "deadlineMs": 10_000, "invokedDeadlineMs": 10_000}
    async with Editor(tmp_path, command=(*own, *CONFINED, *SERVER), settings=settings) as editor:
        await editor.wait_for_state("ready")
        head, tail = TEXT.split("HERE")
        editor.open("shop.py", TEXT.replace("HERE", TYPED))
        editor.open("order.py", head + tail)
        piece = Piece(
            id="shop/order.py", project="shop", path="order.py", language="python", license="MIT",
            mode="inside", head=head, target=TYPED, tail=tail, beside=("shop.py",),
        )  # fmt: skip
        typed = await Session(editor, piece, Typist(interval=0.05, thought=0.4)).type()
        assert any(one.text for one in typed.asked)
        at = len(head) + len("        total = ")
        answer = await editor.ask("order.py", at, invoked=True).answer
        assert answer is not None
        assert answer.items
        editor.configure({"tabwright": {"indexProject": False, "showAbove": 50}})
        await editor.suggest("order.py", at)
        await asyncio.sleep(0.2)
    assert editor.exit_status == 0
