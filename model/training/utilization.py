"""How much of the hardware training uses: model FLOP utilisation, and the peak that it is a share of.

    utilisation = tokens a second x operations a token / peak operations a second

`Shape.flops_per_token` counts the operations that the network needs, forward and backward: what is computed
twice or thrown away does not count (Chowdhery et al. 2022, https://arxiv.org/abs/2204.02311, appendix B).
The peak of a known GPU is its maker's figure for dense bfloat16. Of a CPU, and of what else is not in the
table, it is the fastest of a second's large matrix products on this machine, in the type and with the number
of threads that training uses.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch

FORMULA = "tokens/s x (6 N + 6 L W heads head_dim) / peak FLOP/s"

# Dense bfloat16 operations a second, from the data sheets; the longer name stands before the shorter.
_PEAKS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H200": 989e12,
    "H100": 989e12,
    "H800": 989e12,
    "GH200": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10G": 70e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Operations a second of one process's device, and where the figure is from."""

    flops: float
    source: str
    device: str  # name, type of number, threads: a peak is remembered for these


def describe(device: torch.device, dtype: torch.dtype) -> str:
    """What a peak depends on, in words."""
    kind = str(dtype).removeprefix("torch.")
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {kind}"
    return f"{_processor()}, {kind}, threads: {torch.get_num_threads()}"


def peak(device: torch.device, dtype: torch.dtype) -> Peak:
    """The peak of a device: from the table, or measured, which takes about a second."""
    name = describe(device, dtype)
    if dtype == torch.bfloat16 and device.type == "cuda":
        for part, flops in _PEAKS.items():
            if part in name:
                return Peak(flops=flops, source="data sheet, dense bfloat16", device=name)
    return Peak(flops=measured(device, dtype), source="measured, fastest matrix product", device=name)


def measured(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> float:
    """The rate of the fastest of a second's matrix products, in operations a second."""
    size = 8192 if device.type == "cuda" else 1024
    left, right = (torch.ones(size, size, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty(size, size, device=device, dtype=dtype)
    best, end = float("inf"), time.perf_counter() + seconds
    runs = 0
    while runs < 3 or time.perf_counter() < end:
        started = time.perf_counter()
        torch.mm(left, right, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best, runs = min(best, time.perf_counter() - started), runs + 1
    return 2.0 * size**3 / best


def _processor() -> str:
    """The processor's name, where the system tells it, and the instructions that torch uses of it."""
    name, cpuinfo = "CPU", Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), name)
    return f"{name} {torch.backends.cpu.get_cpu_capability()}"
