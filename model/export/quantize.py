"""The arithmetic of quantising: float32 matrices to codes and scales, and back. Pure NumPy.

Not here: the operators that multiply by codes (encodings.py), easing what is hard to quantise (smooth.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.export.checkpoint import Array

Bytes = npt.NDArray[np.uint8]
SignedBytes = npt.NDArray[np.int8]
# 4 bits leave so few values that losing the widest weight's exact size to get the others closer often pays.
_FACTORS = {8: (1.0,), 4: tuple(np.linspace(0.8, 1.0, 9).tolist())}


def by_block(weight: Array, *, bits: int, block: int) -> tuple[Bytes, Array]:
    """Codes (outputs, blocks, bytes) and scales (outputs, blocks) of a matrix (outputs, inputs).

    A weight is (code - 2**(bits - 1)) x scale. Rows are padded with zeros to whole blocks. Two 4-bit codes
    share a byte, the first one in its lower half: the layout of onnxruntime's MatMulNBits.
    """
    outputs, inputs = weight.shape
    count = -(-inputs // block)
    blocks = np.zeros((outputs, count * block), np.float32)
    blocks[:, :inputs] = weight
    blocks = blocks.reshape(outputs, count, block)
    middle = 1 << (bits - 1)
    # The widest weight of a block becomes the lowest code, because there is one code more below zero.
    widest = np.take_along_axis(blocks, np.abs(blocks).argmax(-1, keepdims=True), -1)
    codes: Bytes = np.zeros(blocks.shape, np.uint8)
    scales = np.zeros((outputs, count, 1), np.float32)
    least = np.full((outputs, count, 1), np.inf, np.float32)
    for factor in _FACTORS[bits]:
        scale = _nowhere_zero(widest * np.float32(-factor / middle))
        steps = np.clip(np.rint(blocks / scale), -middle, middle - 1)
        error = np.square(steps * scale - blocks).sum(-1, keepdims=True)
        better = error < least
        codes = np.where(better, (steps + middle).astype(np.uint8), codes)
        scales, least = np.where(better, scale, scales), np.where(better, error, least)
    if bits == 4:
        codes = codes[..., 0::2] | np.left_shift(codes[..., 1::2], 4, dtype=np.uint8)
    return codes, scales[..., 0]


def from_blocks(codes: Bytes, scales: Array, *, bits: int, inputs: int | None) -> Array:
    """The matrix (outputs, inputs) that `by_block`'s codes and scales stand for; None keeps the padding."""
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], -1).reshape(*codes.shape[:2], -1)
    steps = codes.astype(np.float32) - np.float32(1 << (bits - 1))
    matrix: Array = (steps * scales.reshape(*codes.shape[:2], 1)).reshape(len(codes), -1)[:, :inputs]
    return matrix


def by_row(weight: Array, *, top: int) -> tuple[SignedBytes, Array]:
    """Codes (outputs, inputs) from -top to top, and scales (outputs,): a weight is code x scale."""
    scale = _nowhere_zero(np.abs(weight).max(-1, keepdims=True) / np.float32(top))
    return np.clip(np.rint(weight / scale), -top, top).astype(np.int8), scale[:, 0]


def from_rows(codes: SignedBytes, scales: Array) -> Array:
    """The matrix (outputs, inputs) that `by_row`'s codes and scales stand for."""
    matrix: Array = codes.astype(np.float32) * scales[:, None]
    return matrix


def _nowhere_zero(scale: Array) -> Array:
    """Nothing but zeros has any scale; one divides."""
    found: Array = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return found
