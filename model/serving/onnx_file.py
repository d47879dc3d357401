"""The parts of an ONNX file as Tabwright writes one, read without the `onnx` package; nothing is left out.

Every message may have the fields below and no others, so what could lead out of the file or run in it is not
among them: data in other files, subgraphs, functions, sparse tensors, texts as attributes. Data of a tensor
is exactly as long as its sizes say.

Not here: which operators there may be, and whether they fit each other (graph_check.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from model.serving.protobuf import BYTES, FIXED32, VARINT, Reader, WireError, signed

_MOST_FIELDS = 200_000  # a network of a hundred layers has a sixth of them
_LONGEST_NAME = 200  # bytes

# By field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
_MODEL = {1: VARINT, 2: BYTES, 3: BYTES, 7: BYTES, 8: BYTES}  # IR version, producer (2), graph, operator sets
_OPERATORS = {1: BYTES, 2: VARINT}  # domain, version
_GRAPH = {1: BYTES, 2: BYTES, 5: BYTES, 11: BYTES, 12: BYTES}  # nodes, name, constants, inputs, outputs
_NODE = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES, 7: BYTES}  # …, name, operator, attributes, domain
_ATTRIBUTE = {1: BYTES, 2: FIXED32, 3: VARINT, 20: VARINT}  # name, float, whole number, kind
_TENSOR = {1: VARINT, 2: VARINT, 8: BYTES, 9: BYTES}  # sizes, kind, name, data
_VALUE = {1: BYTES, 2: BYTES}  # name, type
_TYPE = {1: BYTES}  # of a tensor
_TENSOR_TYPE = {1: VARINT, 2: BYTES}  # kind, shape
_SHAPE = {1: BYTES}  # axes
_AXIS = {1: VARINT, 2: BYTES}  # a size, or a name

# Kinds of numbers.
FLOAT, UINT8, INT8, INT32, INT64, HALF = 1, 2, 3, 6, 7, 10
BYTES_OF = {FLOAT: 4, UINT8: 1, INT8: 1, INT32: 4, INT64: 8, HALF: 2}
_IS_FLOAT, _IS_INT = 1, 2  # kinds of attributes
_REAL = {"epsilon", "scale"}  # all other attributes are whole numbers

Shape = tuple[int | str, ...]


class GraphError(ValueError):
    """A file that Tabwright has not written; the text continues a sentence that names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A constant. `data` is a view of the file, as long as `dims` say."""

    kind: int
    dims: tuple[int, ...]
    data: memoryview


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An operator; where its domain is not ONNX itself it stands before the name and a dot."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFile:
    """All of a file. `operators` are versions by domain, inputs and outputs kinds and shapes by name."""

    operators: dict[str, int]
    constants: dict[str, Tensor]
    inputs: dict[str, tuple[int, Shape]]
    outputs: dict[str, tuple[int, Shape]]
    nodes: list[Node]


def read_onnx(data: bytes) -> OnnxFile:
    """The parts of a file. Raises GraphError for one that holds anything else, or ends too early."""
    try:
        return _read(Reader(_MOST_FIELDS), memoryview(data))
    except WireError as error:
        raise GraphError(str(error)) from error


def _read(reader: Reader, data: memoryview) -> OnnxFile:
    model = reader.fields(data, _MODEL)
    sets = [reader.fields(one, _OPERATORS) for one in model[8]]
    parts = reader.fields(_one(model[7]), _GRAPH)
    read = OnnxFile(
        operators={_text(one[1]): _one(one[2], default=0) for one in sets},
        constants=dict(_tensor(reader, one) for one in parts[5]),
        inputs=dict(_value(reader, one) for one in parts[11]),
        outputs=dict(_value(reader, one) for one in parts[12]),
        nodes=[_node(reader, one) for one in parts[1]],
    )
    counts = len(read.constants), len(read.inputs), len(read.outputs)
    if counts != tuple(len(parts[number]) for number in (5, 11, 12)) or read.constants.keys() & read.inputs:
        raise GraphError("has two values of the same name")
    return read


def _one(values: list[Any], default: Any = None) -> Any:
    """The value of a field that a message has once. Readers differ on a field that it has twice."""
    if len(values) > 1 or (not values and default is None):
        raise GraphError("has a part that stands there twice, or lacks one")
    return values[0] if values else default


def _text(values: list[Any]) -> str:
    found = _one(values, default=b"")
    try:
        text = bytes(found[: _LONGEST_NAME + 1]).decode("utf-8")
    except UnicodeDecodeError:
        raise GraphError("has a name that is not UTF-8") from None
    if len(found) > _LONGEST_NAME:
        raise GraphError(f"has a name of more than {_LONGEST_NAME} bytes")
    return text


def _tensor(reader: Reader, data: memoryview) -> tuple[str, Tensor]:
    found = reader.fields(data, _TENSOR)
    kind, name = _one(found[2]), _text(found[8])
    dims = tuple(signed(size) for size in found[1])
    numbers = _one(found[9])
    if kind not in BYTES_OF or min(dims, default=1) < 1 or math.prod(dims) * BYTES_OF[kind] != len(numbers):
        raise GraphError(f"declares a size of {name!r} that is not the size of its data")
    return name, Tensor(kind=kind, dims=dims, data=numbers)


def _value(reader: Reader, data: memoryview) -> tuple[str, tuple[int, Shape]]:
    found = reader.fields(data, _VALUE)
    kind = reader.fields(_one(reader.fields(_one(found[2]), _TYPE)[1]), _TENSOR_TYPE)
    shape: list[int | str] = []
    for axis in reader.fields(_one(kind[2]), _SHAPE)[1]:
        size = reader.fields(axis, _AXIS)
        shape.append(_text(size[2]) if size[2] else signed(_one(size[1])))
    return _text(found[1]), (_one(kind[1]), tuple(shape))


def _node(reader: Reader, data: memoryview) -> Node:
    found = reader.fields(data, _NODE)
    operator, domain = _text(found[4]), _text(found[7])
    attributes = dict(_attribute(reader, one, operator) for one in found[5])
    if len(attributes) != len(found[5]):
        raise GraphError(f"gives {operator!r} an attribute twice")
    inputs, outputs = ([_text([one]) for one in found[number]] for number in (1, 2))
    name = f"{domain}.{operator}" if domain else operator
    return Node(operator=name, inputs=inputs, outputs=outputs, attributes=attributes)


def _attribute(reader: Reader, data: memoryview, operator: str) -> tuple[str, float]:
    found = reader.fields(data, _ATTRIBUTE)
    kind, name = _one(found[20]), _text(found[1])
    real = name in _REAL
    value = _one(found[2], default=0.0) if real else signed(_one(found[3], default=0))
    if kind != (_IS_FLOAT if real else _IS_INT) or not math.isfinite(value) or found[3 if real else 2]:
        raise GraphError(f"gives {operator!r} an attribute {name!r} that is no such number")
    return name, value
