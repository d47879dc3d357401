"""`python -I -m lsp_server`: the server that editors start.

`-I` keeps a workspace's own packages out; arguments that we do not know are an editor library's and are
ignored. Imports of ours wait until the packages have been found to be ours.
"""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

ENGINE_OPTIONS = {
    "engine": "local (the default), or openai: a server with OpenAI's completions API",
    "engine-url": "its address, such as https://models.example.org/v1; implies --engine openai",
    "engine-model": "the model's name there; the only one when not given",
    "engine-fim": "how it was taught to fill in, such as qwen; auto goes by the model's name",
    "engine-context": "tokens that it is shown and writes, 2048 when not given",
}


def main() -> None:
    """Read the arguments and serve."""
    # Thousands of classes are made before the first message: looking for garbage among them takes a tenth of
    # the start. process.py switches it on again.
    gc.disable()
    parser = argparse.ArgumentParser(
        prog="python -I -m lsp_server", description="Tabwright's language server."
    )
    parser.add_argument("--stdio", action="store_true", help="speak over stdin and stdout, as is usual")
    parser.add_argument(
        "--tcp", metavar="HOST:PORT", help="listen there for one editor instead; this machine when no host"
    )
    parser.add_argument("--model", type=Path, help="model folder; the model that ships when not given")
    parser.add_argument(
        "--threads", type=int, help="threads to compute with; as many as are best when not given"
    )
    parser.add_argument("--log-file", help="write the log there too")
    for name, means in ENGINE_OPTIONS.items():
        parser.add_argument(f"--{name}", type=int if name == "engine-context" else str, help=means)
    # For measuring what the memory and other parts are worth (eval/memory/gates.py, eval/replay/); nobody
    # gains by less than everything.
    parser.add_argument("--use", choices=("both", "model", "memory"), default="both", help=argparse.SUPPRESS)
    parser.add_argument("--layers", help=argparse.SUPPRESS)
    parser.add_argument("--without", action="append", default=[], metavar="PART", help=argparse.SUPPRESS)
    flags, _ = parser.parse_known_args()

    from lsp_server.startup import shadowed

    problem = shadowed()
    if problem is not None:
        sys.exit(f"tabwright: {problem}")

    from lsp_server import remote
    from lsp_server.parts import left_out
    from lsp_server.process import run
    from lsp_server.service import Flags
    from lsp_server.transport import address
    from model.errors import ConfigError

    if flags.threads is not None and not 0 <= flags.threads <= 64:
        sys.exit(f"tabwright: --threads {flags.threads} is out of range; use 0 (the best) to 64")
    layers = None if flags.layers is None else tuple(flags.layers.split(","))
    try:
        code = run(
            Flags(
                model=flags.model,
                threads=flags.threads,
                engine=remote.chosen(
                    flags.engine, flags.engine_url, flags.engine_model, flags.engine_fim, flags.engine_context
                ),
                use=flags.use,
                layers=layers,
                without=left_out(flags.without),
            ),
            log_file=flags.log_file,
            tcp=None if flags.tcp is None else address(flags.tcp),
        )
    except ConfigError as error:
        sys.exit(f"tabwright: {error}")
    sys.exit(code)


if __name__ == "__main__":
    main()
