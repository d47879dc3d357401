"""`tabwright demo`: the real server, shown at work on a file in places that people stop and think at.

The places are told by the text around them, so the file itself stays ordinary code. What stands there already
is taken out first, as if it had not been typed yet. Not here: how good suggestions are (replay/).
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from eval.editor import Editor

FOLDER = Path(__file__).parent / "demo_file"
FILES = ("inventory.py", "suppliers.py")
_LINES_BEFORE = 4
_LINES_BEHIND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place of the cursor: behind `after`, with `missing`, which follows in the file, not typed yet."""

    title: str
    after: str
    missing: str
    file: str = FILES[0]


PLACES = (
    Place(
        title="below a signature with a docstring",
        after='        """Units that can still be sold: on hand minus reserved."""',
        missing="\n        return self.on_hand - self.reserved",
    ),
    Place(title="in the middle of a line", after="        if item.available ", missing="< quantity"),
    Place(
        title="inside a call",
        after="            raise OutOfStockError(",
        missing="sku, quantity, item.available",
    ),
    Place(
        title="behind a comment that says what to do",
        after="        # never release more units than are reserved",
        missing="\n        quantity = min(quantity, item.reserved)\n        item.reserved -= quantity",
    ),
    Place(
        title="below a comment that says what to do",
        after="        # never release more units than are reserved\n        ",
        missing="quantity = min(quantity, item.reserved)\n        item.reserved -= quantity",
    ),
    Place(
        title="between code above and below",
        after="        for item in self:\n            ",
        missing="total += item.price * item.on_hand",
    ),
    Place(
        title="at the end of the file",
        after="    counts: dict[str, int] = defaultdict(int)\n",
        missing="    for item in items:\n        counts[item.name] += item.on_hand\n"
        "    return dict(counts)\n",
    ),
    Place(
        title="a name that only this file knows",
        after="        item = self.get(sku)\n        item.on_",
        missing="hand += quantity",
    ),
    Place(
        title="a pattern that only a file next to it knows",
        after="    suppliers = Suppliers()\n    with path.",
        missing='open(newline="", encoding="utf-8") as file:',
        file=FILES[1],
    ),
)


def demo(
    model: Annotated[
        Path | None, typer.Option(help="Model folder; the model that ships when not given.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=0, max=64, help="0: as many as are measured to be best.")
    ] = None,
) -> None:
    """Start the real server on two example files and show what it suggests in nine places.

    Example: tabwright demo
    """
    from rich.console import Console

    from eval.editor import SERVER

    command = [*SERVER]
    if model is not None:
        command += ["--model", str(model.resolve())]
    if threads is not None:
        command += ["--threads", str(threads)]
    asyncio.run(show(Console(highlight=False), command))


async def show(console: Console, command: Sequence[str]) -> None:
    """Run all places through a server started by `command`. Raises ModelError if it has no model."""
    from eval.editor import Editor
    from model.errors import ModelError

    spent: list[float] = []
    start = time.perf_counter()
    async with Editor(FOLDER, command=command, settings={"logLevel": "debug"}) as editor:
        state, message = await editor.wait_for_state("ready", "problem")
        if state == "problem":
            raise ModelError(message)
        console.print(f"server started in {time.perf_counter() - start:.1f} s: {message}")
        for name in FILES:
            editor.open(name, (FOLDER / name).read_text(encoding="utf-8"))
        for place in PLACES:
            spent.append(await _show_place(console, editor, place))
    console.print(f"\n[bold]{len(PLACES)} places, median {statistics.median(spent):.0f} ms[/bold]")


async def _show_place(console: Console, editor: Editor, place: Place) -> float:
    """Ask at a place and print what comes. The milliseconds until the answer."""
    whole = editor.text(place.file)
    cursor = whole.index(place.after + place.missing) + len(place.after)
    editor.replace(place.file, cursor, cursor + len(place.missing), "")
    told = len(editor.logs)
    start = time.perf_counter()
    item = await editor.suggest(place.file, cursor, invoked=True)
    milliseconds = (time.perf_counter() - start) * 1000
    ghost = item.insert_text if item is not None else None
    console.print()
    console.rule(f"{place.title} · {milliseconds:.0f} ms", align="left", style="dim")
    _print_place(console, editor.text(place.file), cursor, str(ghost) if ghost is not None else None)
    if ghost is None:
        why = next((line for line in reversed(editor.logs) if line.startswith("no suggestion")), "")
        console.print(f"(no suggestion){why.removeprefix('no suggestion')}", style="yellow")
    for line in editor.logs[told:]:
        if line.startswith("copied"):
            console.print(line, style="dim", markup=False)
    editor.replace(place.file, cursor, cursor, place.missing)
    return milliseconds


def _print_place(console: Console, text: str, cursor: int, ghost: str | None) -> None:
    from rich.text import Text

    before = text[:cursor].split("\n")[-_LINES_BEFORE:]
    rest, *behind = text[cursor:].split("\n")
    shown = Text()
    shown.append("\n".join(before), style="dim")
    shown.append(ghost if ghost is not None else "▏", style="bold green")
    shown.append("\n".join([rest, *behind[:_LINES_BEHIND]]), style="dim")
    console.print(shown, soft_wrap=True)
