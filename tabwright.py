"""The command line: names every command, and imports the folder that does the work only when asked.

`tabwright --help` therefore reads nothing but this file and Typer.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import typer

# name -> (module, attribute, one line of help); an attribute that is a Typer has commands of its own.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "data": ("data_pipeline.cli", "app", "Build the corpus: fetch, clean, de-duplicate, tokenize, pack."),
    "train": ("model.cli", "train", "Train a model on token shards; resumes where it stopped."),
    "export": (
        "model.cli",
        "export",
        "Write a trained checkpoint as an ONNX model folder, with proof of parity.",
    ),
    "model": (
        "model.cli",
        "app",
        "Work on an exported model: show its card, fit the memory's numbers to it.",
    ),
    "complete": ("lsp_server.cli", "complete", "Print the completion at FILE LINE COL."),
    "doctor": ("lsp_server.cli", "doctor", "Say what is installed, whether it works, and what to do."),
    "serve": ("lsp_server.cli", "serve", "Run the language server on standard input and output."),
    "stats": ("lsp_server.signals.stats_cli", "app", "Say how often suggestions are taken."),
    "demo": ("eval.demo", "demo", "See completions come back from the real server."),
    "eval": ("eval.cli", "app", "Evaluate a model: HumanEval, bits per byte."),
}
EPILOG = "Example: tabwright complete eval/problems/passk.py 20 5"

app = typer.Typer(
    help="AI code completion that belongs to you: everything runs on this machine.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # drawing the help in colour would take as long as everything else
)


def _forward(name: str) -> Callable[[typer.Context], None]:
    module, attribute, _ = COMMANDS[name]

    def run(context: typer.Context) -> None:
        found: Any = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            found.command(name)(function)
        typer.main.get_command(found)(args=context.args, prog_name=f"tabwright {name}")

    return run


for _name, (_, _, _help) in COMMANDS.items():
    app.command(
        _name,
        help=_help,
        add_help_option=False,  # --help belongs to the command behind the name
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_forward(_name))


def main() -> None:
    """Entry point: what a user did wrong ends in one sentence on standard error and exit code 1."""
    try:
        app()
    except Exception as error:
        if not _is_ours(error):
            raise
        sys.stderr.write(f"tabwright: {error}\n")
        sys.exit(1)


def _is_ours(error: Exception) -> bool:
    # Imported here, so that a shadowed `model` package is reported by the command that needs it.
    from model.errors import TabwrightError

    return isinstance(error, TabwrightError)


if __name__ == "__main__":
    main()
