"""What this machine can do at best: bytes read and products multiplied a second, by the best of some kernels.

An engine cannot decode faster than the weights can be read, nor read a prompt faster than its products can
be multiplied. Reading is measured on a block as large as the weights, read again and again as decoding does:
small models then lie in the processor's caches, and so does the block.

Runs as a process of its own for each thread count (an adapter of driver.py), because math libraries fix their
threads when they are imported. Not here: dividing rows by it (engine.py).
"""

from __future__ import annotations

import functools
import importlib.util
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

_SIDES = (512, 1024)
Best = Callable[[Callable[[], Any]], float]


def make(options: dict[str, Any]) -> dict[str, Any]:
    """Bytes read a second, and operations a second by kernel, a product being two."""
    threads, best = options["threads"], functools.partial(_best, seconds=options["seconds"])
    return {
        "read": _read(max(options["bytes"], 1 << 20), threads, best),
        "memory": _read(1 << 28, threads, best),
        "products": {**_numpy(best), **_torch(threads, best), **_onnxruntime(threads, best)},
    }


def _best(work: Callable[[], Any], *, seconds: float) -> float:
    """Seconds of the fastest run, of as many as the given seconds have room for."""
    work()
    best, until = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < until:
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def _read(size: int, threads: int, best: Best) -> float:
    """Bytes a second, the better of a dot product and a maximum, each thread over a block of its own."""
    parts = [np.ones(max(1, size // threads // 4), np.float32) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:

        def both(kernel: Callable[[npt.NDArray[np.float32]], Any]) -> float:
            # Several passes a call: handing work to a thread costs as much as reading a small block.
            passes = max(1, (1 << 24) // max(1, parts[0].nbytes))

            def loop(part: npt.NDArray[np.float32]) -> None:
                for _ in range(passes):
                    kernel(part)

            return passes * sum(p.nbytes for p in parts) / best(lambda: list(pool.map(loop, parts)))

        # A vector times itself reads each byte once: the second reading comes from the first-level cache.
        return max(both(lambda part: np.dot(part, part)), both(np.max))


def _numpy(best: Best) -> dict[str, float]:
    """Float32 products by NumPy's library, whose threads were set when this process started."""
    return {f"numpy fp32 {n}": 2 * n**3 / best(_product(n)) for n in _SIDES}


def _product(n: int) -> Callable[[], Any]:
    a, b = np.ones((n, n), np.float32), np.ones((n, n), np.float32)
    out = np.empty((n, n), np.float32)
    return lambda: np.matmul(a, b, out=out)


def _torch(threads: int, best: Best) -> dict[str, float]:
    if importlib.util.find_spec("torch") is None:
        return {}
    import torch

    torch.set_num_threads(threads)
    rates = {}
    for n in _SIDES:
        a, b = torch.ones(n, n), torch.ones(n, n)
        out = torch.empty(n, n)
        rates[f"torch fp32 {n}"] = 2 * n**3 / best(lambda a=a, b=b, out=out: torch.mm(a, b, out=out))  # type: ignore[misc]
    return rates


def _onnxruntime(threads: int, best: Best) -> dict[str, float]:
    """Float32 and 8-bit products by onnxruntime, in graphs of one node."""
    from onnx import TensorProto, helper, numpy_helper

    from model.serving.runtime import load_onnxruntime

    runtime, rates = load_onnxruntime(), {}
    for n in _SIDES:
        x = np.ones((n, n), np.float32)
        for signed in (np.int8, np.uint8):
            weights = np.ones((n, n), signed)
            byte = x.astype(np.uint8)
            for name, operator, domain, data, kind, result, rest in (
                ("MatMulInteger", "MatMulInteger", "", byte, TensorProto.UINT8, TensorProto.INT32, ()),
                ("DynamicQuantizeMatMul", "DynamicQuantizeMatMul", "com.microsoft", x, TensorProto.FLOAT,
                 TensorProto.FLOAT, (numpy_helper.from_array(np.float32(1).reshape(1), "scale"),)),
            ):  # fmt: skip
                node = helper.make_node(operator, ["x", "w", *(r.name for r in rest)], ["y"], domain=domain)
                graph = helper.make_graph(
                    [node], "floor",
                    [helper.make_tensor_value_info("x", kind, [n, n])],
                    [helper.make_tensor_value_info("y", result, [n, n])],
                    [numpy_helper.from_array(weights, "w"), *rest],
                )  # fmt: skip
                rate = _run(runtime, helper, graph, data, threads, best)
                rates[f"onnxruntime {name} u8{'s8' if signed is np.int8 else 'u8'} {n}"] = 2 * n**3 / rate
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        graph = helper.make_graph(
            [node], "floor",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [n, n])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [n, n])],
            [numpy_helper.from_array(x, "w")],
        )  # fmt: skip
        rates[f"onnxruntime fp32 {n}"] = 2 * n**3 / _run(runtime, helper, graph, x, threads, best)
    return rates


def _run(runtime: Any, helper: Any, graph: Any, data: npt.NDArray[Any], threads: int, best: Best) -> float:
    """Seconds of one run of the graph on input x."""
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    value = runtime.OrtValue.ortvalue_from_numpy(data)
    binding.bind_ortvalue_input("x", value)
    binding.bind_output("y")
    return best(lambda: session.run_with_iobinding(binding))
