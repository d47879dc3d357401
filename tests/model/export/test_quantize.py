"""Codes and scales stand for the matrix they were made of."""

from __future__ import annotations

import numpy as np
import pytest

from model.export.encodings import TOP
from model.export.quantize import by_block, by_row, from_blocks, from_rows


@pytest.fixture
def matrix() -> np.ndarray:
    made = np.random.default_rng(0).standard_normal((7, 80)).astype(np.float32)
    made[2] = 0  # a row of nothing has no scale
    return made


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("block", [16, 32])
def test_blocks_are_near_the_matrix(matrix, bits, block):
    """Within the widest weight's own step, and 80 inputs are no multiple of 32: the padding is cut off."""
    codes, scales = by_block(matrix, bits=bits, block=block)
    assert codes.shape == (7, -(-80 // block), block * bits // 8)
    assert scales.shape == codes.shape[:2]
    back = from_blocks(codes, scales, bits=bits, inputs=80)
    assert np.abs(back - matrix).max() <= np.abs(matrix).max() / (1 << (bits - 1))
    assert not back[2].any()


def test_more_bits_are_nearer(matrix):
    errors = []
    for bits in (4, 8):
        codes, scales = by_block(matrix, bits=bits, block=16)
        errors.append(np.abs(from_blocks(codes, scales, bits=bits, inputs=80) - matrix).mean())
    assert errors[1] < errors[0] / 10


def test_scale_of_4_bits_is_fitted(matrix):
    """Better than the scale that just reaches the widest weight: the loss of 4 bits is the largest of all."""
    codes, scales = by_block(matrix, bits=4, block=16)
    blocks = matrix.reshape(7, 5, 16)
    widest = np.take_along_axis(blocks, np.abs(blocks).argmax(-1, keepdims=True), -1) / -8
    widest[widest == 0] = 1
    plain = np.clip(np.rint(blocks / widest), -8, 7) * widest
    fitted = from_blocks(codes, scales, bits=4, inputs=80).reshape(blocks.shape)
    assert np.square(fitted - blocks).sum() < 0.95 * np.square(plain - blocks).sum()


def test_rows_are_near_the_matrix(matrix):
    codes, scales = by_row(matrix, top=TOP)
    assert (np.abs(codes).max(1) == np.where(matrix.any(1), TOP, 0)).all()
    assert np.abs(from_rows(codes, scales) - matrix).max() <= np.abs(matrix).max() / TOP / 2 * 1.001


def test_two_products_of_bytes_fit_into_16_bits():
    """vpmaddubsw adds two products of an unsigned and a signed byte; more than this would saturate."""
    assert 2 * 255 * TOP <= np.iinfo(np.int16).max < 2 * 255 * 127
