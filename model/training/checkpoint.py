"""What a run leaves behind: states to resume from, and a stock transformers folder to export from.

Two states are kept, the last and the one before: a run whose loss rises goes back to one from well before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils.logging import disable_progress_bar

from model.errors import ModelError
from model.tokenizer import Tokenizer

STATE = "state.pt"
EARLIER = "state.earlier.pt"
RECORD = "training.json"
FOLDER = "checkpoint"


def save_state(out: Path, state: dict[str, Any], *, instead: bool = False) -> None:
    """Write the state under a temporary name and rename: a kill leaves the last whole one.

    The one before stays beside it; with `instead` the new one takes the place of the last, not of that.
    """
    temporary = out / (STATE + ".partial")
    torch.save(state, temporary)
    if (out / STATE).exists() and not instead:
        # A link, so that at no time there is no last state.
        (out / EARLIER).unlink(missing_ok=True)
        _link(out / STATE, out / EARLIER)
    temporary.replace(out / STATE)


def _link(path: Path, other: Path) -> None:
    try:
        other.hardlink_to(path)
    except OSError:  # a file system that has none
        shutil.copyfile(path, other)


def load_state(out: Path) -> dict[str, Any] | None:
    """The last state, or None. Raises ModelError when the file is damaged."""
    return _load(out / STATE)


def load_state_before(out: Path, step: int) -> dict[str, Any] | None:
    """The newest state of at most `step` steps; None where there is none."""
    for name in (STATE, EARLIER):
        state = _load(out / name)
        if state is not None and state["step"] <= step:
            return state
    return None


def _load(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        raise ModelError(f"{path} is damaged ({error}); delete it to start the run again") from error
    return state


def stock_network(
    architecture: LlamaConfig, weights: Mapping[str, torch.Tensor], device: torch.device
) -> LlamaForCausalLM:
    """A stock network with these weights, whatever was done to the one that was trained."""
    with torch.random.fork_rng(), torch.no_grad():
        network = LlamaForCausalLM(architecture)
        torch.nn.Module.to(network, device)  # transformers narrows the signature of `to`
        for name, weight in network.named_parameters():
            weight.copy_(weights[name])
    return network


def save_checkpoint(
    out: Path, network: LlamaForCausalLM, tokenizer: Tokenizer, record: dict[str, Any]
) -> Path:
    """Write config.json, model.safetensors, tokenizer.json and training.json, then rename their folder."""
    folder, temporary, old = out / FOLDER, out / (FOLDER + ".partial"), out / (FOLDER + ".old")
    for leftover in (temporary, old):
        shutil.rmtree(leftover, ignore_errors=True)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # one small file needs none
    network.save_pretrained(temporary)
    (temporary / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8", newline="\n")
    (temporary / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if folder.exists():
        folder.replace(old)
    temporary.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder
