"""How Tabwright feels in real editors: from the key to ghost text on the screen, and where that time goes.

    python tests/editors/feel.py [neovim] [vscode] [--keys 400] [--json runs/feel/feel.json] [--raw FOLDER]

types the same real code with a person's pauses into each editor, once with the server of this checkout and
once with a null server that answers everything at once, and prints one line for each editor. The server's
settings are the ones that ship; its debug log is on, because it tells what it waited. The editors are in the
cache folder (editor_packages.py; VS Code's part fetches its own); VS Code wants `npm run package` beforehand.

A benchmark, not a test: its times are of the machine and of what else runs on it. Not here: the keys, the
figures (eval/feel/), how each editor is driven (feel_neovim.py, vscode-extension/test/vscode/feel.mjs).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

import editor_packages  # noqa: E402
import feel_neovim  # noqa: E402
from rich.console import Console  # noqa: E402

from eval.bench.tables import Sheet, show  # noqa: E402
from eval.feel import null_server, tap, times  # noqa: E402
from eval.feel.plan import Plan, plan  # noqa: E402

EXTENSION = ROOT / "vscode-extension"
SERVERS = {
    "null": [sys.executable, "-I", null_server.__file__],
    "tabwright": [sys.executable, "-I", "-m", "lsp_server"],
}
EDITORS = ("neovim", "vscode")
COLUMNS = (
    "editor", "version", "keys", "shown", "p50", "p95", "new", "new p50", "new p95", "null p50", "null p95",
    "client", "debounce", "server", "paint", "agreed", "flicker",
)  # fmt: skip

Typed = list[tuple[Sequence[float], Sequence[times.Frame]]]  # by piece: when keys were pressed, and frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One editor: its version, and the figures by server."""

    editor: str
    version: str
    feels: dict[str, times.Feel]


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where an editor could not be had."""
    parser = argparse.ArgumentParser(description="From the key to ghost text, in the real editors.")
    parser.add_argument("editors", nargs="*", help=f"which; default: {' and '.join(EDITORS)}")
    parser.add_argument("--keys", type=int, default=400, help="how many somebody waits behind")
    parser.add_argument("--json", type=Path, default=ROOT / "runs" / "feel" / "feel.json")
    parser.add_argument("--raw", type=Path, help="folder for all frames and messages, to see what flickers")
    options = parser.parse_args(words)
    if unknown := set(options.editors) - set(EDITORS):
        parser.error(f"there is no {unknown.pop()} here; there are {' and '.join(EDITORS)}")
    what = plan(options.keys)
    found, missing = [], 0
    for editor in options.editors or EDITORS:
        print(f"{editor}: {what.measured} keys by {len(SERVERS)} servers", flush=True)
        try:
            found.append(measure(editor, what, options.raw))
        except editor_packages.NotToBeHad as reason:
            print(f"skipped: {reason}")
            missing = 1
    if found:
        console = Console(width=max(Console().width, 200))
        show([Sheet(title="milliseconds, medians of the parts", columns=COLUMNS, lines=rows(found))], console)
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result(what, found), indent=1) + "\n", encoding="utf-8")
        print(f"written to {options.json}")
    return missing


def measure(editor: str, what: Plan, raw: Path | None = None) -> Measured:
    """One editor with both servers. Raises editor_packages.NotToBeHad."""
    with tempfile.TemporaryDirectory() as folder:
        traces = {name: Path(folder) / f"{name}.jsonl" for name in SERVERS}
        for trace in traces.values():
            trace.touch()
        commands = {
            name: [sys.executable, "-I", tap.__file__, str(traces[name]), *server]
            for name, server in SERVERS.items()
        }
        if editor == "neovim":
            version = feel_neovim.version()
            typed = {name: feel_neovim.measure(what, commands[name], traces[name]) for name in SERVERS}
        else:
            version, typed = _vscode(what, commands, Path(folder))
        if raw is not None:
            _keep(raw / editor, typed, traces)
        feels = {name: times.feel(seen(what, typed[name], traces[name])) for name in SERVERS}
        return Measured(editor=editor, version=version, feels=feels)


def _vscode(what: Plan, commands: dict[str, list[str]], folder: Path) -> tuple[str, dict[str, Typed]]:
    told, result = folder / "plan.json", folder / "result.json"
    builds = {name: {"server": command} for name, command in commands.items()}
    told.write_text(json.dumps({"pieces": what.as_json(), "builds": builds}), encoding="utf-8")
    command = ["node", "test/vscode/feel.mjs", str(told), str(result)]
    done = subprocess.run(command, cwd=EXTENSION, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "Error" in line or "CannotBeHad" in line]
        raise editor_packages.NotToBeHad(f"VS Code: {' '.join(lines[-1:]) or done.stderr[-300:]}")
    found = json.loads(result.read_text("utf-8"))
    typed = {
        name: [(one["pressed"], [times.Frame(**frame) for frame in one["frames"]]) for one in pieces]
        for name, pieces in found["builds"].items()
    }
    return str(found["version"]), typed


def seen(what: Plan, typed: Typed, trace: Path) -> list[times.Seen]:
    """What was seen behind each measured key of all pieces."""
    answers = times.exchanges([json.loads(line) for line in trace.read_text("utf-8").splitlines()])
    return [
        one
        for piece, (pressed, frames) in zip(what.pieces, typed, strict=True)
        for one in times.watch(piece.keys, pressed, frames, answers)
    ]


def _keep(folder: Path, typed: dict[str, Typed], traces: dict[str, Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, pieces in typed.items():
        plain = [
            {"pressed": pressed, "frames": [asdict(one) for one in frames]} for pressed, frames in pieces
        ]
        (folder / f"{name}.json").write_text(json.dumps(plain), encoding="utf-8")
        shutil.copy(traces[name], folder / f"{name}.trace.jsonl")


def rows(found: Sequence[Measured]) -> tuple[tuple[str, ...], ...]:
    """The lines of the table."""
    lines = []
    for one in found:
        feel, null = one.feels["tabwright"], one.feels["null"]
        figures = (
            feel.p50, feel.p95, None, feel.fresh_p50, feel.fresh_p95, null.fresh_p50, null.fresh_p95,
            feel.client, feel.debounce, feel.server, feel.paint,
        )  # fmt: skip
        cells = [f"{feel.fresh}" if value is None else _milliseconds(value) for value in figures]
        shown = f"{100 * feel.answered / max(1, feel.keys):.0f} %"
        told = (one.editor, one.version, str(feel.keys), shown, *cells)
        lines.append((*told, str(feel.typed_through), str(feel.flickers)))
    return tuple(lines)


def result(what: Plan, found: Sequence[Measured]) -> dict[str, object]:
    """Everything as JSON; what there was nothing of is null."""

    def figures(feel: times.Feel) -> dict[str, float | None]:
        return {name: None if math.isnan(value) else round(value, 2) for name, value in asdict(feel).items()}

    return {
        "kind": "feel",
        "pieces": [piece.name for piece in what.pieces],
        "plan": what.checksum,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "editors": [
            {"editor": one.editor, "version": one.version}
            | {name: figures(feel) for name, feel in one.feels.items()}
            for one in found
        ],
    }


def _milliseconds(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0f}"


if __name__ == "__main__":
    sys.exit(main())
