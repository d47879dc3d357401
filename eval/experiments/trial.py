"""One trial in a process of its own: shards, training, measurement; its result is a file.

Killed, it goes on where it was: shards that are there are kept, training resumes from its last state, and a
trial whose result is there is done.

Not here: which trials, and in which order (plan.py, run.py).
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import re
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_pipeline import steps
from eval.experiments.data import Sample, build_shards
from eval.experiments.plan import Trial
from model.errors import TabwrightError

RESULT = "result.json"
LOG = "log.txt"
METRICS = "train/metrics.jsonl"
# Raised when the measure changes, so that figures of before are not compared with those of after.
_MEASURE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A trial, and where all that it needs is; `out` is the folder of all trials."""

    trial: Trial
    sample: Sample
    places: Path
    places_fingerprint: str
    out: Path
    threads: int

    @property
    def key(self) -> str:
        """One name for all that decides the result."""
        return steps.fingerprint(
            "trial",
            _MEASURE,
            dict(self.trial.settings.sections),
            self.trial.seed,
            self.sample.fingerprint,
            self.places_fingerprint,
        )

    @property
    def folder(self) -> Path:
        """The trial's own folder."""
        one = self.trial
        words = re.sub(r"[^a-z0-9.]+", "-", f"{one.comparison} {one.variant} {one.seed}".lower()).strip("-")
        return self.out / "trials" / f"{words}-{self.key[:8]}"


def result_of(job: Job) -> dict[str, Any] | None:
    """The result of a trial that is done, else None."""
    try:
        found: dict[str, Any] = json.loads((job.folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("key") == job.key else None


def run(job: Job) -> None:
    """Do a trial, in a process that is started for it alone. What goes wrong stands in its log."""
    _die_with_parent()
    job.folder.mkdir(parents=True, exist_ok=True)
    _set_threads(job)
    with (job.folder / LOG).open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
        try:
            steps.write_json(job.folder / RESULT, _result(job))
        except TabwrightError as error:
            log.write(f"{error}\n")
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=log)
            sys.exit(1)
    (job.folder / "train" / "state.pt").unlink(missing_ok=True)


def _set_threads(job: Job) -> None:
    """Say how many threads there are, and where compiled code is kept, before anything reads it."""
    for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = str(job.threads)
    os.environ["KMP_BLOCKTIME"] = "0"
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(job.out / "compiled")
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = str(job.threads)


def _result(job: Job) -> dict[str, Any]:
    settings, seed = job.trial.settings, job.trial.seed
    started = time.monotonic()
    shards = build_shards(settings, seed, job.sample, job.out)
    built = time.monotonic()

    import torch
    from rich.console import Console
    from transformers import LlamaForCausalLM

    from eval.experiments import completion_loss, places
    from model.tokenizer import Tokenizer
    from model.training.loop import train

    torch.set_num_threads(job.threads)
    config, build = settings.train_config(seed), settings.build_config(seed)
    resumed = (job.folder / "train" / "state.pt").exists()
    before = time.process_time()
    checkpoint = train(config, shards, job.folder / "train", console=Console(width=110))
    worked, trained = time.process_time() - before, time.monotonic()
    tokenizer = Tokenizer.load(shards / "tokenizer.json")
    losses = completion_loss.measure(
        LlamaForCausalLM.from_pretrained(checkpoint),
        tokenizer,
        places.read(job.places),
        window=build.length,
        neighbours=build.holes.neighbours > 0,
    )
    record = json.loads((checkpoint / "training.json").read_text(encoding="utf-8"))
    manifest = json.loads((shards / "manifest.json").read_text(encoding="utf-8"))
    train_shards = [one for name, one in manifest["shards"].items() if name.startswith("train-")]
    tokens, characters = (sum(one[name] for one in train_shards) for name in ("tokens", "characters"))
    return {
        "key": job.key,
        "comparison": job.trial.comparison,
        "variant": job.trial.variant,
        "seed": seed,
        "settings": dict(settings.sections),
        "parameters": record["parameters"],
        "tokens": record["tokens_seen"],
        "flops": record["flops"],
        "epochs": round(record["tokens_seen"] / tokens, 3),
        "characters_per_token": round(characters / tokens, 3),
        "seconds": {
            "shards": round(built - started, 1),
            "training": record["seconds"],
            "measuring": round(time.monotonic() - trained, 1),
            "all": round(time.monotonic() - started, 1),
        },
        "tokens_per_second": _median_rate(job.folder / METRICS),
        # What other work beside leaves alone; compiling is counted in. None where a part was done before.
        "tokens_per_cpu_second": None if resumed else round(record["tokens_seen"] / worked),
        "hardware": record["hardware"],
        "measured": {
            what: {
                "bits": [round(one.nats / math.log(2), 4) for one in found],
                "end_bits": [round(one.end_nats / math.log(2), 4) for one in found],
                "bytes": [one.size for one in found],
            }
            for what, found in losses.items()
        },
    }


def _median_rate(metrics: Path) -> int:
    rates = sorted(
        json.loads(line)["tokens_per_second"] for line in metrics.read_text(encoding="utf-8").splitlines()
    )
    return int(rates[len(rates) // 2])


def _die_with_parent() -> None:
    """End with the process that started this one, even when that is killed: two would train in one folder."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watch-parent").start()
