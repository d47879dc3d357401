"""A real server with OpenAI's completions API: llama-cpp-python's, in an environment of its own.

    python tests/e2e/llama_server.py

makes that environment in the cache folder that the tests with real editors use. Where pip finds no wheel, in
`wheels` there or elsewhere, it builds one, which takes ten minutes on two cores. Tests make nothing: without
the environment they are skipped.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "editors"))  # for editor_packages.py

from editor_packages import NotToBeHad, cache  # noqa: E402

from eval.bench.peers import LLAMA  # noqa: E402

_PATIENCE = 120.0  # seconds until a server that does not answer counts as broken


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaServer:
    """A server that runs. `url` is the base of its API."""

    url: str
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it, as a machine that goes down does."""
        self.process.kill()
        self.process.wait()


def interpreter() -> Path:
    """The Python that has it. Raises NotToBeHad."""
    place = cache() / "llama"
    if not (place / ".complete").exists():
        raise NotToBeHad(f"{place} is not there; `python tests/e2e/llama_server.py` makes it")
    return place / "bin" / "python"


def make() -> None:
    """Have the environment, if it is not there yet. Raises NotToBeHad."""
    with contextlib.suppress(NotToBeHad):
        interpreter()
        return
    place = cache() / "llama"
    shutil.rmtree(place, ignore_errors=True)
    venv.create(place, with_pip=True)
    name, _, version = LLAMA.partition("==")
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    wanted = ["--find-links", str(cache() / "wheels"), f"{name}[server]=={version}"]
    done = subprocess.run([*pip, *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotToBeHad(f"{LLAMA} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    (place / ".complete").touch()


@contextlib.contextmanager
def running(model: Path, *, name: str, key: str, window: int, port: int = 0) -> Iterator[LlamaServer]:
    """A server for a GGUF file while the `with` lasts. Raises NotToBeHad where there is none to start."""
    python = interpreter()
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
    # One thread: the others would wait for each other where something else computes as well.
    options = ["--n_ctx", str(window), "--n_threads", "1", "--n_threads_batch", "1", "--api_key", key]
    command = [str(python), "-m", "llama_cpp.server", "--model", str(model), "--model_alias", name]
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        server = LlamaServer(url=f"http://127.0.0.1:{port}/v1", process=process)
        try:
            _wait_for(server)
            yield server
        finally:
            server.stop()


def _wait_for(server: LlamaServer) -> None:
    until = time.monotonic() + _PATIENCE
    while server.process.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{server.url}/models", timeout=5).close()
        except urllib.error.HTTPError as error:
            with error:
                return  # it wants the key
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"the server at {server.url} did not begin to answer")


if __name__ == "__main__":
    try:
        make()
    except NotToBeHad as reason:
        sys.exit(f"llama: not to be had: {reason}")
    sys.stdout.write(f"llama: ready in {cache()}\n")
