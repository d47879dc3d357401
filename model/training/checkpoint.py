"""What a run leaves behind: a state to resume from, and a stock transformers folder to export from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM
from transformers.utils.logging import disable_progress_bar

from model.errors import ModelError
from model.tokenizer import Tokenizer

STATE = "state.pt"
RECORD = "training.json"
FOLDER = "checkpoint"


def save_state(out: Path, state: dict[str, Any]) -> None:
    """Write the state under a temporary name and rename: a kill leaves the last whole one."""
    temporary = out / (STATE + ".partial")
    torch.save(state, temporary)
    temporary.replace(out / STATE)


def load_state(out: Path) -> dict[str, Any] | None:
    """The last state, or None. Raises ModelError when the file is damaged."""
    path = out / STATE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        raise ModelError(f"{path} is damaged ({error}); delete it to start the run again") from error
    return state


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
